/* SPDX-License-Identifier: Apache-2.0 */
/* The member `commands` of mcp.yaml: the programs that may be started at all. */
#ifndef SALLYPORT_MCP_SETTINGS_COMMANDS_H
#define SALLYPORT_MCP_SETTINGS_COMMANDS_H

struct command_settings {
	const char *const *allowed; /* absolute paths, NULL-terminated; NULL: there are none */
	const char *user;           /* whose rights they have if the server is root's; NULL: nobody */
	unsigned at_once;           /* commands of tools under way */
};

#endif
