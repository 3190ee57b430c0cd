/* SPDX-License-Identifier: Apache-2.0 */
/* mcp.yaml, checked and read once at start. */
#ifndef SALLYPORT_MCP_SETTINGS_H
#define SALLYPORT_MCP_SETTINGS_H

#include "common/egress.h"
#include "common/handle.h"
#include "common/json.h"
#include "common/scope.h"
#include "common/secret.h"
#include "common/serving_settings.h"
#include "mcp/settings/settings_alerts.h"
#include "mcp/quota/quota.h"
#include "mcp/settings/settings_commands.h"
#include "mcp/settings/settings_guardrails.h"
#include "mcp/settings/settings_issuers.h"
#include "mcp/settings/settings_roots.h"

struct upstream_live;

struct mcp_database {
	const char *conninfo; /* NULL if it is not configured */
	unsigned connections;
};

enum serving_mode { MODE_ALL, MODE_READ_ONLY, MODE_WRITE_ONLY };
enum approval_how { APPROVAL_NONE, APPROVAL_ASK, APPROVAL_STEP_UP }; /* of a call, by its person */

struct mcp_settings {
	const char *file;     /* mcp.yaml itself */
	const char *resource; /* byte for byte in the metadata document and as the audience of tokens */
	const char *base;     /* path of the resource: "" or "/mcp" */
	const char *origin;   /* scheme://host[:port] of the resource */
	bool is_loopback;     /* http on loopback: names of loopback are then as good as the resource's own */
	const char *name;     /* for people */
	struct serving_settings serving;
	const char *ca_file;
	const char *issuer;           /* the authorization server, byte for byte */
	struct token_issuers issuers; /* others whose tokens are taken */
	const char *client_id;        /* introspection */
	struct secret client_secret;
	int64_t introspection_cache_ms;
	bool dpop_nonce_required;        /* RFC 9449, 9: every DPoP proof has a nonce of ours */
	struct scopes initial_scopes;    /* named in the 401 challenge and in scopes_supported */
	bool has_initial_scopes;         /* else they are those of the tools of tier read */
	const json_t *scopes;            /* {"logs:read": {"title": ...}} */
	const json_t *claims;            /* {"repos": {"title": ...}}: of callers, beside those of claims.h; or NULL */
	enum serving_mode mode;          /* which tiers are served at all */
	bool refuses_mixture;            /* mixture.h */
	enum approval_how approval[3];   /* by tier: of tools whose files say nothing */
	const char *tools;               /* folder */
	const char *rules;               /* file (rules.h); NULL: there are none */
	const char *catalogue_file;      /* catalogue_picture.h; NULL: none is written */
	bool watches_files;              /* a change of files is a reason to load them again */
	const char *resources, *prompts; /* folders; NULL: there are none */
	struct roots roots;
	struct command_settings commands;
	struct guardrail_settings guardrails;
	struct egress_places outbound;       /* whom tools and upstream servers may reach */
	const char *upstreams;               /* folder; NULL: there are none */
	struct upstream_live *upstream_live; /* upstream_live.h; NULL in verbs */
	struct alert_settings alerts;
	struct mcp_database database; /* of the server itself (database.h) */
	struct mcp_database read, write;
	struct mcp_database analyst; /* of sql_query */
	bool has_secrets;            /* whether or not they were read */
	struct handle_keys
	    *secrets; /* of sessions, request states, cursors, nonces; NULL: random ones of each process */
	unsigned streams, streams_per_caller;                      /* that listen, at a time */
	unsigned calls_per_person;                                 /* under way at a time */
	struct quota_settings quota;                               /* how often calls may come */
	const char *const *allowed_origins, *const *allowed_hosts; /* NULL-terminated */
};

/* False and *error (one line that names file and member) if the file is refused. Without `with_secrets` the client
 * secret is not read (verbs that only look at tools). */
bool settings_load(h2o_mem_pool_t *pool, const char *file, bool with_secrets, struct mcp_settings *ret,
                   const char **error);
/* Words for people about a scope. */
const char *settings_scope_title(const struct mcp_settings *settings, const char *scope);

#endif
