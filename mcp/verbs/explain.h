/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `explain`: whom it is about. */
#ifndef SALLYPORT_MCP_EXPLAIN_H
#define SALLYPORT_MCP_EXPLAIN_H

#include "mcp/policy/policy.h"

struct explain_options {
	const char *person;       /* --as; asked of sallyport-authz; NULL: `claims` */
	const char *authz_config; /* for that; NULL: authz.yaml beside mcp.yaml, or where it looks by itself */
	const char *claims;       /* --claims: a file, or "-": an object like an introspection's answer */
	const char *scope;        /* --scope: of the token; NULL: all that the caller has */
	const char *client;       /* --client */
};
struct explain_caller {
	const json_t *claims; /* as serve would know them */
	struct asker asker;   /* its limits are a reference */
};
/* False after a line on standard error. */
bool explain_find_caller(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const struct explain_options *options,
                         struct explain_caller *ret);

#endif
