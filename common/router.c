/* SPDX-License-Identifier: Apache-2.0 */
#include "router.h"

#include <string.h>

#include "request_internal.h"

enum { ROUTES_MAX = 128, BODY_LIMIT_DEFAULT = 16 * 1024 };

struct route {
	h2o_iovec_t path; /* without "/{id}" */
	bool has_id;
	const struct endpoint *endpoint;
};

struct router {
	const struct service *service;
	struct route routes[ROUTES_MAX];
	size_t count;
};

/* "{base}" of a row's path becomes the path of the issuer or resource. */
static h2o_iovec_t expand_path(h2o_mem_pool_t *pool, const char *path, const char *base)
{
	const char *at = strstr(path, "{base}");
	char *expanded = at == NULL
	                     ? text_printf(pool, "%s", path)
	                     : text_printf(pool, "%.*s%s%s", (int)(at - path), path, base, at + strlen("{base}"));
	return text_of(*expanded != '\0' ? expanded : "/"); /* a resource without a path is asked for at "/" */
}

static bool same_route(const struct route *a, const struct route *b)
{
	return text_equal(a->path, b->path) && a->has_id == b->has_id &&
	       strcmp(a->endpoint->method, b->endpoint->method) == 0;
}

static void add_route(struct router *router, h2o_mem_pool_t *pool, const struct endpoint *endpoint)
{
	struct route route = {expand_path(pool, endpoint->path, router->service->base), false, endpoint};
	size_t suffix = strlen("/{id}");
	if (route.path.len > suffix && memcmp(route.path.base + route.path.len - suffix, "/{id}", suffix) == 0) {
		route.has_id = true;
		route.path.len -= suffix;
	}
	for (size_t i = 0; i < router->count; i++) {
		if (!same_route(&router->routes[i], &route))
			continue;
		if (router->routes[i].endpoint->steps != endpoint->steps)
			h2o_fatal("two endpoints of one method and path");
		return; /* with an empty base two forms of a well-known path are one */
	}
	if (router->count == ROUTES_MAX)
		h2o_fatal("too many endpoints");
	router->routes[router->count++] = route;
}

struct router *router_build(h2o_mem_pool_t *pool, const struct service *service)
{
	struct router *router = h2o_mem_alloc_pool(pool, sizeof(*router));
	router->service = service;
	router->count = 0;
	for (size_t i = 0; i < service->endpoint_count; i++) {
		const struct endpoint *e = &service->endpoints[i];
		if (e->caller != ANYONE && service->guards[e->caller] == NULL)
			h2o_fatal("an endpoint demands a proof that no guard of this daemon gives");
		add_route(router, pool, e);
	}
	return router;
}

static size_t body_limit(const struct endpoint *e)
{
	return e->body_limit != 0 ? e->body_limit : BODY_LIMIT_DEFAULT;
}

size_t router_body_limit(const struct router *router)
{
	size_t most = 0;

	for (size_t i = 0; i < router->count; i++)
		if (body_limit(router->routes[i].endpoint) > most)
			most = body_limit(router->routes[i].endpoint);
	return most;
}

static bool route_matches(const struct route *route, h2o_iovec_t path, h2o_iovec_t *id)
{
	if (!route->has_id)
		return text_equal(route->path, path);
	size_t prefix = route->path.len + 1;
	if (path.len <= prefix || memcmp(path.base, route->path.base, route->path.len) != 0 ||
	    path.base[prefix - 1] != '/')
		return false;
	*id = h2o_iovec_init(path.base + prefix, path.len - prefix);
	return memchr(id->base, '/', id->len) == NULL;
}

struct found {
	const struct route *route;   /* the path and the method are there */
	const struct route *sibling; /* the path is there */
	struct text_buffer allow;
};

static bool method_fits(const struct endpoint *e, h2o_iovec_t method)
{
	return text_is(method, e->method) || (text_is(method, "HEAD") && strcmp(e->method, "GET") == 0);
}

/* A row that answers at another listener is not there. */
static bool is_served_here(const struct router *router, const struct request *r, const struct endpoint *e)
{
	return !router->service->has_admin_listener || r->at_admin_listener == (e->caller == ADMIN);
}

static void find_route(const struct router *router, struct request *r, struct found *f)
{
	f->allow.pool = &r->pool;
	for (size_t i = 0; i < router->count; i++) {
		const struct route *route = &router->routes[i];
		if (!route_matches(route, r->path, &r->path_id) || !is_served_here(router, r, route->endpoint))
			continue;
		f->sibling = route;
		if (method_fits(route->endpoint, r->method)) {
			f->route = route;
			return;
		}
		text_append_printf(&f->allow, "%s%s", f->allow.len > 0 ? ", " : "", route->endpoint->method);
	}
}

/* Fetch standard, CORS: any origin, never with credentials. */
static void allow_any_origin(struct request *r)
{
	reply_header(r, "access-control-allow-origin", "*");
	reply_header(r, "access-control-expose-headers", "WWW-Authenticate, DPoP-Nonce, X-Request-Id, Retry-After");
}

static step_result answer_other_method(struct request *r, struct found *f)
{
	r->endpoint = f->sibling->endpoint;
	if (r->endpoint->cors == ANY_ORIGIN)
		allow_any_origin(r);
	if (text_is(r->method, "OPTIONS") && r->endpoint->cors == ANY_ORIGIN) {
		reply_header(r, "access-control-allow-methods", f->allow.base);
		reply_header(r, "access-control-allow-headers",
		             "Authorization, Content-Type, DPoP, MCP-Protocol-Version");
		reply_header(r, "access-control-max-age", "86400");
		return reply_body(r, 204, NULL, (h2o_iovec_t){NULL, 0});
	}
	reply_header(r, "allow", f->allow.base);
	return fail(r, &METHOD_NOT_ALLOWED, "the endpoint does not have this method");
}

static bool content_type_is(struct request *r, const char *type)
{
	bool repeats;
	h2o_iovec_t value = request_header(r, "content-type", &repeats);
	size_t len = strlen(type);
	if (repeats || value.len < len || !text_is_nocase(h2o_iovec_init(value.base, len), type))
		return false;
	return value.len == len || value.base[len] == ';' || value.base[len] == ' ';
}

static step_result read_form(struct request *r)
{
	if (!content_type_is(r, "application/x-www-form-urlencoded"))
		return fail(r, &UNSUPPORTED_MEDIA_TYPE, "the body must be application/x-www-form-urlencoded");
	const char *problem = form_parse(&r->pool, r->body, &r->form);
	return problem != NULL ? fail(r, &INVALID_REQUEST, problem) : STEP_NEXT;
}

static step_result read_json(struct request *r)
{
	if (!content_type_is(r, "application/json"))
		return fail(r, &UNSUPPORTED_MEDIA_TYPE, "the body must be application/json");
	r->json = json_read(&r->pool, r->body, NULL);
	return r->json == NULL ? fail(r, &INVALID_REQUEST, "the body is not well-formed JSON") : STEP_NEXT;
}

/* Head and body of the row, before anybody is asked who is there. */
static step_result read_request(struct request *r)
{
	const struct endpoint *e = r->endpoint;
	if (r->body.len > body_limit(e))
		return fail(r, &CONTENT_TOO_LARGE, "the body is too large");
	if (r->query.base != NULL) {
		const char *problem = form_parse(&r->pool, r->query, &r->parameters);
		if (problem != NULL)
			return fail(r, &INVALID_REQUEST, problem);
	}
	if (e->body == FORM)
		return read_form(r);
	return e->body == JSON ? read_json(r) : STEP_NEXT;
}

/* After the guard, the endpoint's own steps. */
static step_result enter_steps(struct request *r)
{
	if (r->endpoint->budget != 0 && r->service->spend != NULL && r->service->spend(r) != STEP_NEXT)
		return STEP_DONE;
	return run_steps(r, r->endpoint->steps);
}

static step_fn *const enter[] = {enter_steps, NULL};

/* The guard's steps with enter_steps behind them. */
static step_fn *const *steps_behind_guard(struct request *r, step_fn *const *guard)
{
	size_t count = 0;
	while (guard[count] != NULL)
		count++;
	step_fn **steps = h2o_mem_alloc_pool(&r->pool, (count + 2) * sizeof(*steps));
	memcpy(steps, guard, count * sizeof(*steps));
	steps[count] = enter_steps;
	steps[count + 1] = NULL;
	return steps;
}

void router_run(struct router *router, struct request *r)
{
	struct found f = {0};
	if (r->service->admit != NULL && r->service->admit(r) != STEP_NEXT)
		return;
	find_route(router, r, &f);
	if (f.sibling == NULL) {
		fail(r, &NOT_FOUND, "there is no such endpoint");
		return;
	}
	if (f.route == NULL) {
		answer_other_method(r, &f);
		return;
	}
	const struct endpoint *e = r->endpoint = f.route->endpoint;
	if (e->cors == ANY_ORIGIN)
		allow_any_origin(r);
	if (e->state_size > 0) {
		r->state = h2o_mem_alloc_pool(&r->pool, e->state_size);
		memset(r->state, 0, e->state_size);
	}
	if (read_request(r) != STEP_NEXT)
		return;
	step_fn *const *guard = r->service->guards[e->caller];
	r->next_step = guard != NULL ? steps_behind_guard(r, guard) : enter;
	request_run(r);
}

step_result show_error_json(struct request *r, const struct oauth_error *error, const char *text)
{
	reply_header(r, "x-request-id", r->id);
	reply_header(r, "pragma", "no-cache"); /* RFC 6749, 5.1 */
	if (error->status == 503 || error->status == 429)
		reply_header(r, "retry-after",
		             text_printf(&r->pool, "%u", r->retry_after_s > 0 ? r->retry_after_s : 1));
	return reply_json(r, error->status, json_pack("{s:s, s:s}", "error", error->code, "error_description", text));
}

struct request *request_test(const struct service *service, const struct endpoint *endpoint)
{
	struct request *r = request_new(service);
	r->is_test = true;
	r->endpoint = endpoint;
	if (endpoint != NULL && endpoint->state_size > 0) {
		r->state = h2o_mem_alloc_pool(&r->pool, endpoint->state_size);
		memset(r->state, 0, endpoint->state_size);
	}
	r->method = text_of(endpoint != NULL ? endpoint->method : "GET");
	return r;
}

void request_test_header(struct request *r, const char *name, const char *value)
{
	if (r->test_headers == NULL) {
		r->test_headers = h2o_mem_alloc_pool(&r->pool, sizeof(*r->test_headers));
		memset(r->test_headers, 0, sizeof(*r->test_headers));
	}
	h2o_add_header_by_str(&r->pool, r->test_headers, name, strlen(name), 1, NULL, value, strlen(value));
}

void request_test_free(struct request *r)
{
	request_free(r);
}
