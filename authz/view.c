/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/view.h"

#include "authz/client_document.h"
#include "common/reply.h"
#include "common/secret.h"
#include "common/uri.h"

/* One text for a forged handle, another browser's, an expired and a decided request: none of them tells more. */
step_result view_fail_gone(struct request *r)
{
	return fail(r, &INVALID_REQUEST, "this request has expired or was answered already");
}

step_result view_check_form(struct request *r)
{
	const char *problem = form_origin_problem(r);
	return problem != NULL ? fail(r, &FORBIDDEN, problem) : STEP_NEXT;
}

step_result view_ask(struct request *r, const struct form *f, struct view *v)
{
	if (!request_handle_read(r, f, v->request_id, &v->shown) || !cookie_read(r, COOKIE_BROWSER, v->browser_id))
		return view_fail_gone(r);
	v->has_session = cookie_read(r, COOKIE_SESSION, v->session_id);
	return store_page_view(r, v->request_id, v->browser_id, v->has_session ? v->session_id : NULL);
}

step_result view_read(struct request *r, struct view *v)
{
	v->state = store_read_page_view(r, &v->page);
	return v->state == PAGE_NO_REQUEST ? view_fail_gone(r) : STEP_NEXT;
}

/* The place that a person must recognise: host and port, or the scheme that an application on this computer has taken.
 */
static const char *place_of(h2o_mem_pool_t *pool, const char *redirect_uri, bool *is_web)
{
	struct uri u;
	*is_web = false;
	if (!uri_parse(text_of(redirect_uri), &u))
		return "";
	*is_web = text_is(u.scheme, "https") || text_is(u.scheme, "http");
	if (!*is_web)
		return text_printf(pool, "%.*s:", (int)u.scheme.len, u.scheme.base);
	return text_printf(pool, "%.*s%s%.*s", (int)u.host.len, u.host.base, u.port.len > 0 ? ":" : "", (int)u.port.len,
	                   u.port.base);
}

uint32_t view_shown(struct request *r, const struct view *v)
{
	struct text_buffer b = {.pool = &r->pool};
	uint8_t digest[SHA256_SIZE];
	text_append(&b, v->session_id, sizeof(v->session_id));
	/* A client may be described otherwise by now. */
	text_append_json(&b, text_of(v->page.client_described));
	for (size_t i = 0; i < v->page.scope_count; i++)
		if (v->page.scopes[i].allowed)
			text_append_printf(&b, " %s", v->page.scopes[i].name);
	sha256(h2o_iovec_init(b.base, b.len), digest);
	return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3] | 1;
}

/* Of a client that is described by a document: the site that answers for it. */
static const char *client_host(h2o_mem_pool_t *pool, const char *client_id)
{
	bool is_web;
	return client_document_is_url(client_id) ? place_of(pool, client_id, &is_web) : NULL;
}

json_t *view_json(struct request *r, const struct view *v)
{
	const struct authorization *a = &v->page.request;
	bool is_web;
	const char *place = place_of(&r->pool, a->redirect_uri, &is_web);
	uint32_t shown = v->state == PAGE_CONSENT ? view_shown(r, v) : 0;
	const char *name = *a->client_name != '\0' ? a->client_name : "An application without a name";
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:s, s:s?, s:s?}", "request",
	                 request_handle_mint(r, v->request_id, shown), "client_name", name, "redirect_host", place,
	                 "redirects_to_app", !is_web, "unverified", a->client_is_dynamic, "loopback_only",
	                 a->loopback_only, "resource", a->resource, "resource_name",
	                 a->resource_name != NULL && *a->resource_name != '\0' ? a->resource_name : a->resource,
	                 "client_uri", a->client_uri, "client_host", client_host(&r->pool, a->client_id));
}

step_result view_redirect_to_sign_in(struct request *r, const struct view *v)
{
	return reply_redirect(r, request_page_url(r, "sign-in", v->request_id));
}
