/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/session.h"

#include <string.h>

#include "common/reply.h"

struct cookie_kind {
	const char *name;
	enum handle_type type;
};

static const struct cookie_kind KINDS[] = {
    [COOKIE_BROWSER] = {"sallyport_browser", HANDLE_BROWSER},
    [COOKIE_SESSION] = {"sallyport_session", HANDLE_SESSION},
};

/* With https no other host and no plain-text page can set a __Host- cookie (RFC 6265bis, 4.1.3.2). Loopback http has no
 * such prefix, and cookies do not know ports: there the name carries the port. */
static const char *cookie_name(struct request *r, enum cookie cookie)
{
	const struct authz_settings *s = &authz_of(r)->settings;
	return text_printf(&r->pool, "%s%s%s", s->secure ? "__Host-" : "", KINDS[cookie].name,
	                   s->secure ? "" : s->cookie_suffix);
}

/* The next "name=value" of a Cookie header; false at its end. */
static bool next_pair(h2o_iovec_t *rest, h2o_iovec_t *name, h2o_iovec_t *value)
{
	while (rest->len > 0 && (rest->base[0] == ' ' || rest->base[0] == ';'))
		rest->base++, rest->len--;
	if (rest->len == 0)
		return false;
	const char *end = memchr(rest->base, ';', rest->len);
	size_t len = end != NULL ? (size_t)(end - rest->base) : rest->len;
	const char *equals = memchr(rest->base, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - rest->base) : len;
	*name = h2o_iovec_init(rest->base, name_len);
	*value = equals != NULL ? h2o_iovec_init(equals + 1, len - name_len - 1) : h2o_iovec_init(rest->base + len, 0);
	rest->base += len;
	rest->len -= len;
	return true;
}

bool cookie_read(struct request *r, enum cookie cookie, uint8_t id[16])
{
	const char *wanted = cookie_name(r, cookie);
	h2o_iovec_t rest = request_header(r, "cookie", NULL), name, value;
	struct handle h;
	while (next_pair(&rest, &name, &value)) {
		/* One name may come twice where somebody else could set a cookie: the first that is ours counts. */
		if (!text_is(name, wanted) || !handle_open(authz_of(r)->handle_keys, KINDS[cookie].type, value, &h))
			continue;
		memcpy(id, h.id, 16);
		return true;
	}
	return false;
}

static void add_cookie(struct request *r, enum cookie cookie, const char *value, const char *age)
{
	const char *secure = authz_of(r)->settings.secure ? "; Secure" : "";
	reply_header(r, "set-cookie",
	             text_printf(&r->pool, "%s=%s; Path=/; HttpOnly; SameSite=Lax%s%s", cookie_name(r, cookie), value,
	                         secure, age));
}

void cookie_set(struct request *r, enum cookie cookie, const uint8_t id[16])
{
	const struct authz *authz = authz_of(r);
	struct handle h = {.generation = 0};
	memcpy(h.id, id, 16);
	const char *age = "";
	if (cookie == COOKIE_SESSION)
		age = text_printf(&r->pool, "; Max-Age=%lld", (long long)authz->settings.session_lifetime);
	add_cookie(r, cookie, handle_mint(&r->pool, authz->handle_keys, KINDS[cookie].type, &h), age);
}

void cookie_clear(struct request *r, enum cookie cookie)
{
	add_cookie(r, cookie, "", "; Max-Age=0");
}

const char *request_handle_mint(struct request *r, const uint8_t request_id[16], uint32_t shown)
{
	struct handle h = {.generation = shown};
	memcpy(h.id, request_id, 16);
	return handle_mint(&r->pool, authz_of(r)->handle_keys, HANDLE_REQUEST, &h);
}

const char *request_page_url(struct request *r, const char *page, const uint8_t request_id[16])
{
	return text_printf(&r->pool, "%s/%s?request=%s", authz_of(r)->settings.base, page,
	                   request_handle_mint(r, request_id, 0));
}

bool request_handle_read(struct request *r, const struct form *f, uint8_t request_id[16], uint32_t *shown)
{
	static const char *const NAMES[] = {"request", NULL};
	struct handle h;
	if (form_repeats(f, NAMES) ||
	    !handle_open(authz_of(r)->handle_keys, HANDLE_REQUEST, form_get(f, "request"), &h))
		return false;
	memcpy(request_id, h.id, 16);
	if (shown != NULL)
		*shown = h.generation;
	return true;
}

/* The request's handle, bound to the browser's cookie, is what a foreign page cannot have. These headers, which no page
 * can forge, refuse such a form one step earlier; a program that sends neither is no browser and holds its own cookies.
 */
const char *form_origin_problem(struct request *r)
{
	bool origin_repeats, site_repeats;
	h2o_iovec_t origin = request_header(r, "origin", &origin_repeats);
	h2o_iovec_t site = request_header(r, "sec-fetch-site", &site_repeats);
	if (origin_repeats || site_repeats)
		return "the form came with contradictory headers";
	bool same_site_said = text_is(site, "same-origin");
	if (site.base != NULL && !same_site_said)
		return "the form was sent by a page of another site";
	if (origin.base == NULL || text_is(origin, authz_of(r)->settings.origin))
		return NULL;
	/* A browser that hides the origin still says that it is the same. */
	if (text_is(origin, "null") && same_site_said)
		return NULL;
	return "the form was sent by a page of another origin";
}
