/* SPDX-License-Identifier: Apache-2.0 */
/* The member `approval` of a tool's file. */
#ifndef SALLYPORT_MCP_APPROVAL_FILE_H
#define SALLYPORT_MCP_APPROVAL_FILE_H

#include "mcp/catalogue/loading.h"

/* YAML of its JSON Schema. */
extern const char APPROVAL_FILE_SCHEMA[];
/* What a call of the tool needs: what its file says, else what mcp.yaml says of its tier. NULL, or a problem. */
const char *approval_file_read(struct loading *l, struct tool *tool);
/* The other way round; `unless_said` for what is no such name. */
enum approval_how approval_of(h2o_iovec_t name, enum approval_how unless_said);
/* "none", "ask", "step_up" */
const char *approval_name(enum approval_how how);

#endif
