/* SPDX-License-Identifier: Apache-2.0 */
/* What the MCP server is made of: settings, tools, keys of the authorization server, databases of the tools. One per
 * process; reached by mcp_of(r). */
#ifndef SALLYPORT_MCP_H
#define SALLYPORT_MCP_H

#include "common/audit.h"
#include "common/db.h"
#include "common/egress.h"
#include "common/handle.h"
#include "common/router.h"
#include "common/server.h"
#include "common/spawner.h"
#include "mcp/protocol/cursor.h"
#include "mcp/protocol/replay.h"
#include "mcp/call/running.h"
#include "mcp/protocol/session.h"
#include "mcp/settings/settings.h"
#include "mcp/protocol/stream.h"
#include "mcp/protocol/watch.h"

struct alerts;
struct approvals;
struct catalogue;
struct commands;
struct databases;
struct exchanges;
struct file_pool;
struct feed;
struct introspection;
struct jwks;
struct quota;
struct quota_exchange;
struct reload;
struct token_cache;
struct token_sources;
struct upstreams;
struct used_proofs;
struct views;

struct tasks { /* of one process */
	h2o_linklist_t all;
	size_t count;
};

struct mcp {
	struct mcp_settings settings;
	h2o_mem_pool_t pool;         /* lives as long as the process */
	struct catalogue *catalogue; /* catalogue.h: what is offered now; requests ask view_of(r) */
	struct server *server;
	struct egress *egress; /* to authorization servers */
	struct egress
	    *outbound; /* to what settings.outbound names: tools wait for nobody's tokens, nor tokens for tools */
	struct exchanges *exchanges;         /* credential.h */
	struct spawner *spawner;             /* NULL: the operator allows no programs */
	struct commands *commands;           /* commands.h; NULL without a spawner */
	struct audit *audit;                 /* NULL only in unit tests */
	struct alerts *alerts;               /* audit/alerts.h; NULL: the operator wants none */
	struct db *database;                 /* database.h: the server's own; NULL if it has none */
	struct databases *databases;         /* databases.h: those of all catalogues */
	struct upstreams *upstreams;         /* upstreams.h; NULL only in unit tests */
	struct reload *reload;               /* reload.h; NULL only in unit tests */
	struct jwks *jwks;                   /* jwks.h */
	struct introspection *introspection; /* introspection.h: our own authorization server */
	struct token_sources *sources;       /* token_source.h: the others */
	struct token_cache *tokens;          /* token_cache.h */
	struct handle_keys *handle_keys;     /* of the secrets file; random where there is none */
	struct approvals *approvals;         /* store_approval.h; NULL only in unit tests */
	struct used_proofs *used_proofs;     /* used_proofs.h */
	struct views *views;                 /* view.h */
	struct cursor_key cursor_key;        /* cursor.h */
	struct feed *feed;                   /* feed.h */
	struct file_pool *files;             /* file_pool.h: begun by the first who needs it */
	struct quota *quota;                 /* quota.h; NULL only in unit tests */
	struct quota_exchange *exchange;     /* quota_exchange.h; NULL without a database */
	struct running_calls running;        /* running.h */
	struct sessions sessions;            /* session.h */
	struct streams streams;              /* stream.h */
	struct replays replays;              /* replay.h */
	struct tasks tasks;                  /* tasks.h */
	struct watches watches;              /* watch.h */
	h2o_iovec_t metadata;                /* RFC 9728 document */
	const char *metadata_url;
	const char *server_info; /* JSON of {"name", "title", "version"} */
};

static inline struct mcp *mcp_of(const struct request *r)
{
	return r->service->daemon;
}

#endif
