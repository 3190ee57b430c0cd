/* SPDX-License-Identifier: Apache-2.0 */
/* What a program is started with, but for its arguments: the members that `command` has in the files of tools and in
 * those of upstream servers. */
#ifndef SALLYPORT_MCP_COMMAND_PROGRAM_H
#define SALLYPORT_MCP_COMMAND_PROGRAM_H

#include "common/config.h"
#include "common/child.h"
#include "mcp/settings/settings.h"

/* YAML text: members of `properties`, each line behind `in`. */
#define COMMAND_PROGRAM_PROPERTIES(in)                                                                                 \
	in "path: {description: 'Absolute; among commands.allowed of the configuration', type: string, "               \
	   "pattern: '^/[^\\x00-\\x1F]+$', maxLength: 1024}\n" in                                                      \
	   "interpreter: {description: 'Yes, the program runs what it is given, or other programs', type: "            \
	   "boolean}\n" in "environment:\n" in "  description: All of it\n" in "  type: object\n" in                   \
	   "  propertyNames: {pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$'}\n" in                                         \
	   "  additionalProperties: {type: string, maxLength: 4096, pattern: '^[^\\x00]*$'}\n" in                      \
	   "  maxProperties: 64\n" in                                                                                  \
	   "folder: {description: 'Where it runs; it may read what is there', type: string, "                          \
	   "pattern: '^/[^\\x00-\\x1F]*$', maxLength: 1024}\n" in                                                      \
	   "readable: {description: 'Files and folders that it may read, beside the system''s programs', type: "       \
	   "array, "                                                                                                   \
	   "items: {type: string, pattern: '^/[^\\x00-\\x1F]*$', maxLength: 1024}, maxItems: 64}\n" in                 \
	   "writable: {description: 'Files and folders that it may change', type: array, "                             \
	   "items: {type: string, pattern: '^/[^\\x00-\\x1F]*$', maxLength: 1024}, maxItems: 64}\n" in                 \
	   "network: {description: 'It may use the Internet, and loopback', type: boolean}\n" in "limits:\n" in        \
	   "  type: object\n" in "  additionalProperties: false\n" in "  properties:\n" in                             \
	   "    cpu: {description: 'Computing time of each process', type: string, pattern: "                          \
	   "'^[0-9]{1,6}(s|m|h)$'}\n" in "    memory: {description: 'Address space of each process', type: string, "   \
	   "pattern: " SIZE_PATTERN "}\n" in "    file_size: {type: string, pattern: " SIZE_PATTERN "}\n" in           \
	   "    files: {description: Open at a time, type: integer, minimum: 8, maximum: 65536}\n" in                  \
	   "    processes: {description: 'At a time, with threads', type: integer, minimum: 1, maximum: 4096}\n"

/* Sets all but argv. `defaults`: of limits that the part does not name. NULL, or a problem that begins with `place`
 * ("/command/path: ..."). */
const char *command_program_load(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const json_t *part,
                                 const char *place, const struct child_limits *defaults, struct child_options *ret);
/* Why the file is no program to be trusted with: it is not there, cannot be run, or others than root and this user
 * could replace it. NULL: nothing. */
const char *command_program_problem(h2o_mem_pool_t *pool, const char *path);
/* A shell, an interpreter, or a program that starts others: what it is given is a program itself. */
bool command_program_interprets(const char *path);

#endif
