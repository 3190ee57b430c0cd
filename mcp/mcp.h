/* SPDX-License-Identifier: Apache-2.0 */
/* What the MCP server is made of: settings, tools, keys of the authorization server, databases of the tools. One per
 * process; reached by mcp_of(r). */
#ifndef SALLYPORT_MCP_H
#define SALLYPORT_MCP_H

#include "common/audit.h"
#include "common/db.h"
#include "common/egress.h"
#include "common/router.h"
#include "common/server.h"
#include "mcp/running.h"
#include "mcp/settings.h"

struct catalogue;
struct feed;
struct introspection;
struct jwks;
struct token_cache;

struct mcp {
	struct mcp_settings settings;
	h2o_mem_pool_t pool;         /* lives as long as the process */
	struct catalogue *catalogue; /* catalogue.h: the compiled tools; never changes */
	struct server *server;
	struct egress *egress;
	struct audit *audit;                 /* NULL only in unit tests */
	struct db *read_db, *write_db;       /* NULL where no tool needs one */
	struct jwks *jwks;                   /* jwks.h */
	struct introspection *introspection; /* introspection.h */
	struct token_cache *tokens;          /* token_cache.h */
	struct feed *feed;                   /* feed.h */
	struct running_calls running;        /* running.h */
	h2o_iovec_t metadata;                /* RFC 9728 document */
	const char *metadata_url;
	const char *server_info; /* JSON of {"name", "title", "version"} */
};

static inline struct mcp *mcp_of(const struct request *r)
{
	return r->service->daemon;
}

#endif
