/* SPDX-License-Identifier: Apache-2.0 */
/* Who may knock at the MCP endpoint. A page that rebinds its own name to this server's address sends its own Host and
 * Origin. */
#include <string.h>

#include "common/reply.h"
#include "common/uri.h"
#include "mcp/protocol/transport.h"

static const char PARAMETER[] = "mcp-param-";
enum { PARAMETERS_MAX = 16, PARAMETER_SIZE_MAX = 80 };

/* Host without its port; brackets stay. */
static h2o_iovec_t host_name(h2o_iovec_t authority)
{
	const char *end;

	if (authority.len > 0 && authority.base[0] == '[')
		end = memchr(authority.base, ']', authority.len);
	else
		end = memchr(authority.base, ':', authority.len);
	if (end == NULL)
		return authority;
	return h2o_iovec_init(authority.base, (size_t)(end - authority.base) + (*end == ']' ? 1 : 0));
}

/* RFC 9110, 7.2: behind the name nothing or a port. */
static bool is_authority(h2o_iovec_t authority, h2o_iovec_t name)
{
	if (name.len == authority.len)
		return true;
	if (authority.base[name.len] != ':')
		return false;
	for (size_t i = name.len + 1; i < authority.len; i++)
		if (authority.base[i] < '0' || authority.base[i] > '9')
			return false;
	return true;
}

static bool same_nocase(h2o_iovec_t a, h2o_iovec_t b)
{
	return a.len == b.len && h2o_lcstris(a.base, a.len, b.base, b.len);
}

static bool is_loopback_name(h2o_iovec_t name)
{
	return text_is_nocase(name, "localhost") || text_is(name, "127.0.0.1") || text_is(name, "[::1]");
}

/* Names are compared, ports only where the configuration gives one: rebinding is about names, and a proxy may listen
 * elsewhere. */
static bool host_allowed(h2o_mem_pool_t *pool, const struct mcp_settings *s, h2o_iovec_t authority)
{
	h2o_iovec_t lower = h2o_iovec_init(text_copy(pool, authority), authority.len), name;
	struct uri own;

	h2o_strtolower(lower.base, lower.len);
	name = host_name(lower);
	if (!is_authority(lower, name))
		return false;
	if (uri_parse(text_of(s->resource), &own) && same_nocase(own.host, name))
		return true;
	if (s->is_loopback && is_loopback_name(name))
		return true;
	for (const char *const *host = s->allowed_hosts; *host != NULL; host++) {
		h2o_iovec_t allowed = text_of(*host);
		if (same_nocase(allowed, host_name(allowed).len == allowed.len ? name : lower))
			return true;
	}
	return false;
}

static bool origin_allowed(const struct mcp_settings *s, h2o_iovec_t origin)
{
	struct uri uri;

	if (text_is(origin, s->origin))
		return true;
	for (const char *const *allowed = s->allowed_origins; *allowed != NULL; allowed++)
		if (text_is(origin, *allowed))
			return true;
	/* a development server: pages of the same machine, whatever their port */
	return s->is_loopback && uri_parse(origin, &uri) && uri_is_loopback(&uri) && uri.path.len == 0 &&
	       uri.query.base == NULL && !uri.has_fragment;
}

static h2o_iovec_t host_of(struct request *r)
{
	/* h2o takes Host out of the headers; the server has refused requests with none or two */
	return r->h2o != NULL ? r->h2o->input.authority : request_header(r, "host", NULL);
}

static step_result refuse(struct request *r, const char *text)
{
	return rpc_reply_error(r, 403, (h2o_iovec_t){NULL, 0}, (struct rpc_problem){RPC_INVALID_REQUEST, text}, NULL);
}

step_result transport_admit(struct request *r)
{
	const struct mcp_settings *s = &mcp_of(r)->settings;
	bool repeats;

	if (!text_is(r->path, s->base[0] != '\0' ? s->base : "/"))
		return STEP_NEXT;
	if (!host_allowed(&r->pool, s, host_of(r)))
		return refuse(r, "The Host of the request is not this server's");
	h2o_iovec_t origin = request_header(r, "origin", &repeats);
	if (origin.base == NULL)
		return STEP_NEXT;
	if (repeats || !origin_allowed(s, origin))
		return refuse(r, "Pages of this origin are not allowed to use the server");
	reply_header(r, "access-control-allow-origin", origin.base);
	reply_header(r, "access-control-expose-headers",
	             "WWW-Authenticate, DPoP-Nonce, X-Request-Id, Retry-After, Mcp-Session-Id");
	reply_header(r, "vary", "Origin");
	return STEP_NEXT;
}

/* Which arguments stand in headers only the tools know, and these are for callers: what a page asks for is allowed, as
 * far as it has such a name. */
static void append_parameters(struct request *r, struct text_buffer *names)
{
	h2o_iovec_t rest = request_header(r, "access-control-request-headers", NULL);

	for (unsigned count = 0; rest.base != NULL && count < PARAMETERS_MAX;) {
		h2o_iovec_t name = text_cut(&rest, ',');
		if (name.len <= sizeof(PARAMETER) - 1 || name.len > PARAMETER_SIZE_MAX ||
		    !text_is_nocase(h2o_iovec_init(name.base, sizeof(PARAMETER) - 1), PARAMETER) ||
		    !text_is_token(name))
			continue;
		text_append_str(names, ", ");
		text_append_iovec(names, name);
		count++;
	}
}

static step_result answer_preflight(struct request *r)
{
	struct text_buffer names = {.pool = &r->pool};

	reply_header(r, "allow", "GET, POST, DELETE, OPTIONS");
	if (request_header(r, "origin", NULL).base != NULL) {
		reply_header(r, "access-control-allow-methods", "GET, POST, DELETE");
		text_append_str(&names, "Authorization, DPoP, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, "
		                        "Mcp-Name, Mcp-Session-Id, Last-Event-ID");
		append_parameters(r, &names);
		reply_header(r, "access-control-allow-headers", names.base);
		reply_header(r, "access-control-max-age", "600");
	}
	return reply_body(r, 204, NULL, (h2o_iovec_t){NULL, 0});
}

step_fn *const transport_preflight_steps[] = {answer_preflight, NULL};
