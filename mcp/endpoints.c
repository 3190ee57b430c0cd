/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/endpoints.h"

#include "common/reply.h"
#include "mcp/catalogue/databases.h"
#include "mcp/caller/jwks.h"
#include "mcp/protocol/transport.h"

enum { MESSAGE_LIMIT = 1024 * 1024 };

bool endpoints_ready(const struct mcp *mcp)
{
	return jwks_current(mcp->jwks) != NULL && databases_ready(mcp->catalogue->databases);
}

/* For load balancers: this process can serve calls now. */
static step_result send_health(struct request *r)
{
	const struct mcp *mcp = mcp_of(r);
	bool keys = jwks_current(mcp->jwks) != NULL, databases = databases_ready(mcp->catalogue->databases);
	bool log = mcp->audit == NULL || audit_is_well(mcp->audit);
	bool fine = keys && databases && (log || mcp->settings.serving.audit_stops_writes_only);

	return reply_json(r, fine ? 200 : 503,
	                  json_pack("{s:s, s:b, s:b, s:b}", "status", fine ? "ok" : "unavailable",
	                            "authorization_server", keys, "databases", databases, "audit_log", log));
}

static step_fn *const HEALTH_STEPS[] = {send_health, NULL};

static const struct endpoint ENDPOINTS[] = {
    {.method = "POST",
     .path = "{base}",
     .caller = BEARER,
     .errors_as = AS_JSON_RPC,
     .steps = transport_message_steps,
     .state_size = sizeof(struct call),
     .body_limit = MESSAGE_LIMIT,
     .about = "MCP: one JSON-RPC message, both eras"},
    {.method = "GET",
     .path = "{base}",
     .caller = BEARER,
     .errors_as = AS_JSON_RPC,
     .steps = transport_listen_steps,
     .state_size = sizeof(struct call),
     .about = "MCP, legacy era: what the server has to say without being asked"},
    {.method = "DELETE",
     .path = "{base}",
     .caller = BEARER,
     .errors_as = AS_JSON_RPC,
     .steps = transport_end_steps,
     .state_size = sizeof(struct call),
     .about = "MCP, legacy era: the end of a session"},
    {.method = "OPTIONS",
     .path = "{base}",
     .steps = transport_preflight_steps,
     .about = "CORS preflight for the allowed origins"},
    {.method = "GET",
     .path = "/.well-known/oauth-protected-resource{base}",
     .cors = ANY_ORIGIN,
     .steps = metadata_steps,
     .about = "RFC 9728: which authorization server, which scopes"},
    {.method = "GET",
     .path = "/.well-known/oauth-protected-resource",
     .cors = ANY_ORIGIN,
     .steps = metadata_steps,
     .about = "the same for clients that ask at the root"},
    {.method = "GET", .path = "/health", .steps = HEALTH_STEPS, .about = "ready to serve calls"},
};

struct service endpoints_service(struct mcp *mcp)
{
	return (struct service){
	    .name = "mcp",
	    .endpoints = ENDPOINTS,
	    .endpoint_count = sizeof(ENDPOINTS) / sizeof(ENDPOINTS[0]),
	    .base = mcp->settings.base,
	    .guards = {[BEARER] = bearer_steps},
	    .show_error = {[AS_JSON] = show_error_json, [AS_JSON_RPC] = transport_show_error},
	    .admit = transport_admit,
	    .daemon = mcp,
	};
}
