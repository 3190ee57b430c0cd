/* SPDX-License-Identifier: Apache-2.0 */
/* A tool may want that its caller's person signed in lately, or in a certain way: the member `authentication` of its
 * file. Who does not fit is told so (RFC 9470), and her client can ask for a new sign-in. */
#ifndef SALLYPORT_MCP_AUTHENTICATION_H
#define SALLYPORT_MCP_AUTHENTICATION_H

#include "mcp/call/call.h"
#include "mcp/catalogue/loading.h"

struct authentication {
	const json_t *classes; /* names of acr that do; NULL: all do */
	int64_t max_age;       /* seconds since the sign-in; 0: as long as the token lives */
};

/* YAML of its JSON Schema. */
extern const char AUTHENTICATION_FILE_SCHEMA[];
/* NULL where the file wants nothing; *problem: NULL, or what is wrong. */
const struct authentication *authentication_file_read(struct loading *l, const char **problem);

/* STEP_NEXT if the tool is satisfied with the token of the call, else the request has its answer. */
step_result authentication_demand(struct request *r);

#endif
