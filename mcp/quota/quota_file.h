/* SPDX-License-Identifier: Apache-2.0 */
/* The member `limits` of the file of a tool, resource or prompt: how often it is used, and how many at a time. */
#ifndef SALLYPORT_MCP_QUOTA_FILE_H
#define SALLYPORT_MCP_QUOTA_FILE_H

#include "mcp/catalogue/loading.h"
#include "mcp/quota/quota.h"

/* YAML of its JSON Schema. */
extern const char QUOTA_FILE_SCHEMA[];
/* Of an item whose key and backend are known. NULL: it has no limits of its own. */
const struct quota_limits *quota_file_read(struct loading *l, const struct item *item);

#endif
