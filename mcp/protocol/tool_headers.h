/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments that a client repeats in headers, so that what stands between can route by them without reading the body:
 * properties of a tool's input with the keyword x-mcp-header (2026-07-28, basic/transports/streamable-http). */
#ifndef SALLYPORT_MCP_TOOL_HEADERS_H
#define SALLYPORT_MCP_TOOL_HEADERS_H

#include "common/request.h"
#include "mcp/catalogue/loading.h"

enum { TOOL_HEADERS_MAX = 16, TOOL_HEADER_NAME_MAX = 64 };

struct tool_header {
	const char *name;  /* of the header, in lower case: "mcp-param-region" */
	const char **path; /* names of the properties that lead to the argument, NULL at the end */
};
struct tool_headers {
	struct tool_header *items;
	size_t count;
};

/* Reads them from an input schema. NULL, or a problem: an annotation that clients must not follow is refused. */
const char *tool_headers_load(struct loading *l, const json_t *input, struct tool_headers *ret);
/* NULL, or why the headers of the request and the arguments differ. An argument that is there must be repeated, one
 * that is absent or null must not be. */
const char *tool_headers_problem(struct request *r, const struct tool_headers *headers, const json_t *arguments);

#endif
