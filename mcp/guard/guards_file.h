/* SPDX-License-Identifier: Apache-2.0 */
/* The member `guards` of a tool's file: which of the guards of its arguments it relaxes, each by name. */
#ifndef SALLYPORT_MCP_GUARDS_FILE_H
#define SALLYPORT_MCP_GUARDS_FILE_H

#include "mcp/catalogue/loading.h"

/* YAML of its JSON Schema. */
extern const char GUARDS_FILE_SCHEMA[];
/* Reads it, and looks for arguments without bounds where the tool is not of tier read. NULL, or a problem. */
const char *guards_file_load(struct loading *l, struct tool *tool);

#endif
