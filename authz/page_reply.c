/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/page_reply.h"

#include <string.h>

#include "authz/page.h"
#include "common/reply.h"
#include "common/uri.h"

const char *page_csp_source(h2o_mem_pool_t *pool, const char *redirect_uri)
{
	struct uri u;
	if (!uri_parse(text_of(redirect_uri), &u))
		return "";
	bool is_web = text_is(u.scheme, "https") || text_is(u.scheme, "http");
	/* CSP has no host-source for an IPv6 literal, and none for schemes of one's own. */
	if (!is_web || u.host.base[0] == '[')
		return text_printf(pool, "%.*s:", (int)u.scheme.len, u.scheme.base);
	return uri_origin(pool, &u);
}

/* Browsers hold every redirect that follows a form to the policy of its page, and a client's own address often sends on
 * to a page that says it is done: elsewhere on the web, or, from a loopback address, to another port of it. */
static const char *form_targets(h2o_mem_pool_t *pool, const char *redirect_uri)
{
	const char *source = page_csp_source(pool, redirect_uri);
	struct uri u;
	if (*source == '\0' || !uri_parse(text_of(redirect_uri), &u))
		return "";
	if (uri_is_loopback(&u))
		return text_printf(pool, " %s http://localhost:* http://127.0.0.1:* https:", source);
	return text_printf(pool, text_is(u.scheme, "https") ? " %s https:" : " %s", source);
}

/* The policy allows no script at all, so what a name or a title says can never run. */
static void add_page_headers(struct request *r, const char *form_target)
{
	const char *targets = form_target != NULL ? form_targets(&r->pool, form_target) : "";
	reply_header(r, "content-security-policy",
	             text_printf(&r->pool,
	                         "default-src 'none'; style-src 'self'; form-action 'self'%s; "
	                         "frame-ancestors 'none'; base-uri 'none'",
	                         targets));
	reply_header(r, "x-frame-options", "DENY");
	/* Not no-referrer: with it browsers send "Origin: null" from our own forms. */
	reply_header(r, "referrer-policy", "same-origin");
	reply_header(r, "cross-origin-opener-policy", "same-origin");
	reply_header(r, "cache-control", "no-store");
}

step_result reply_page(struct request *r, int status, const char *page, json_t *data, const char *form_target)
{
	const struct authz *authz = authz_of(r);
	json_keep(&r->pool, data);
	json_object_set_new(data, "base", json_string(authz->settings.base));
	json_object_set_new(data, "style", json_string(pages_style_version(authz->pages)));
	add_page_headers(r, form_target);
	return reply_body(r, status, "text/html; charset=utf-8", page_render(authz->pages, &r->pool, page, data));
}

step_result reply_notice(struct request *r, int status, const char *title, const char *text)
{
	return reply_page(r, status, "error", json_pack("{s:s, s:s}", "title", title, "text", text), NULL);
}

static const char *title_of(int status)
{
	switch (status) {
	case 403: return "This was not accepted";
	case 404: return "There is nothing here";
	case 429: return "Too many attempts";
	case 500: return "Something went wrong here";
	case 503: return "Not available right now";
	default: return "This request cannot go on";
	}
}

static const char *advice_of(int status)
{
	switch (status) {
	case 403: return "Close this page and connect again from the application.";
	case 500: return "Try again; if it happens again, give the number below to whoever runs this server.";
	case 429:
	case 503: return "Wait a moment and try again.";
	default: return "Go back to the application and connect again.";
	}
}

step_result show_error_page_advising(struct request *r, const struct oauth_error *error, const char *text,
                                     const char *advice)
{
	reply_header(r, "x-request-id", r->id);
	if (error->status == 503 || error->status == 429)
		reply_header(r, "retry-after",
		             text_printf(&r->pool, "%u", r->retry_after_s > 0 ? r->retry_after_s : 5));
	json_t *data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "title", title_of(error->status), "text", text,
	                         "advice", advice != NULL ? advice : advice_of(error->status), "code", error->code,
	                         "id", r->id, "problem", 1);
	return reply_page(r, error->status, "error", data, NULL);
}

step_result show_error_page(struct request *r, const struct oauth_error *error, const char *text)
{
	return show_error_page_advising(r, error, text, NULL);
}

static step_result answer_style(struct request *r)
{
	const struct pages *pages = authz_of(r)->pages;
	const char *etag = text_printf(&r->pool, "\"%s\"", pages_style_version(pages));
	reply_header(r, "etag", etag);
	/* The pages ask for it with its digest in the URL: a new one has another URL. */
	reply_header(r, "cache-control", "public, max-age=604800");
	if (text_is(request_header(r, "if-none-match", NULL), etag))
		return reply_body(r, 304, NULL, (h2o_iovec_t){NULL, 0});
	return reply_body(r, 200, "text/css; charset=utf-8", pages_style(pages));
}

step_fn *const style_steps[] = {answer_style, NULL};
