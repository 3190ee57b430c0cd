/* SPDX-License-Identifier: Apache-2.0 */
/* The member `redact` of the file of a tool, resource or prompt: what it may let out, and what else it hides. */
#ifndef SALLYPORT_MCP_REDACT_FILE_H
#define SALLYPORT_MCP_REDACT_FILE_H

#include "mcp/catalogue/loading.h"
#include "mcp/redact/redact.h"

/* YAML of its JSON Schema. */
extern const char REDACT_FILE_SCHEMA[];
/* The rules of the file; without the member, everything is redacted. */
const struct redact_rules *redact_file_read(struct loading *l);
/* A redactor that knows the secrets of the settings. */
struct redactor *redact_file_redactor(h2o_mem_pool_t *pool, const struct mcp_settings *settings);

#endif
