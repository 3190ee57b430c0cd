/* SPDX-License-Identifier: Apache-2.0 */
/* What a person does in a browser, and what the client makes of the answer: authorization, sign-in, consent, code,
 * token; and revocation at the end. */
#include <string.h>

#include "common/encoding.h"
#include "common/form.h"
#include "common/scope.h"
#include "common/secret.h"
#include "mcp/doctor/doctor_flow.h"
#include "mcp/doctor/doctor_page.h"

enum { REDIRECTS_MAX = 10 };

enum place {
	AT_TROUBLE /* the step has failed */,
	AT_SIGN_IN,
	AT_CONSENT,
	AT_END /* sent back to the client */,
	AT_PAGE
};

struct visit {
	enum place place;
	const char *url;       /* of the page; at the end the redirect URI with its parameters */
	struct page_form form; /* AT_SIGN_IN, AT_CONSENT */
	struct doctor_answer answer;
};

struct attempt { /* what must fit together in one authorization */
	char *state, *verifier;
	const char *code;
};

static void add_parameter(struct text_buffer *b, const char *name, const char *value)
{
	if (b->len > 0)
		text_append_str(b, "&");
	text_append_uri(b, text_of(name));
	text_append_str(b, "=");
	text_append_uri(b, text_of(value));
}

static bool same_origin(struct doctor *d, const char *a, const char *b)
{
	const char *x = doctor_http_origin(d->pool, a), *y = doctor_http_origin(d->pool, b);

	return x != NULL && y != NULL && strcmp(x, y) == 0;
}

static bool is_redirect_uri(struct doctor *d, const char *url)
{
	size_t len = strlen(d->redirect_uri);

	return strncmp(url, d->redirect_uri, len) == 0 && (url[len] == '\0' || url[len] == '?' || url[len] == '#');
}

static void read_page(struct doctor *d, struct visit *v)
{
	if (page_find_form(d->pool, v->answer.body, "password", &v->form))
		v->place = AT_SIGN_IN;
	else if (page_find_form(d->pool, v->answer.body, "decision", &v->form))
		v->place = AT_CONSENT;
	else
		v->place = AT_PAGE;
}

/* The browser's part: follows redirects at the authorization server until there is a page, or the client's redirect
 * URI. */
static struct visit browse(struct doctor *d, struct report_step *s, const char *method, const char *url,
                           const char *const *headers, h2o_iovec_t body)
{
	struct visit v = {.place = AT_TROUBLE, .url = url};

	for (int i = 0; i < REDIRECTS_MAX; i++) {
		v.answer = doctor_http_ask(d->http, DOCTOR_BROWSER, method, v.url, headers, body);
		if (!doctor_answered(d, s, &v.answer))
			return v;
		if (v.answer.status < 300 || v.answer.status >= 400) {
			read_page(d, &v);
			return v;
		}
		const char *location = doctor_http_header(d->pool, &v.answer, "Location");
		const char *next = location != NULL ? doctor_http_resolve(d->pool, v.url, location) : NULL;

		if (next != NULL && is_redirect_uri(d, next)) {
			v.url = next;
			v.place = AT_END;
			return v;
		}
		if (next == NULL || !same_origin(d, next, d->authorization_endpoint)) {
			s->got =
			    text_printf(d->pool, "%ld to %s", v.answer.status,
			                next != NULL ? doctor_quote(d, doctor_http_origin(d->pool, next)) : "nowhere");
			doctor_failed(d, s, "It sends the browser away, and not to the client.",
			              "The doctor signs in at the authorization server itself only; a person can go "
			              "further in a browser.");
			return v;
		}
		if (v.answer.status != 307 && v.answer.status != 308) {
			method = "GET";
			body = (h2o_iovec_t){NULL, 0};
			headers = NULL;
		}
		v.url = next;
	}
	doctor_failed(d, s, "It redirects in a circle.",
	              "Look at cookies: the browser may not get or send the one that is expected.");
	return v;
}

/* An error page, or an error that came back to the client (RFC 6749, 4.1.2.1). */
static bool not_expected(struct doctor *d, struct report_step *s, const struct visit *v)
{
	struct form f = {NULL, 0};
	const char *query = v->place == AT_END ? strchr(v->url, '?') : NULL;

	if (v->place == AT_TROUBLE)
		return false;
	if (query != NULL && form_parse(d->pool, text_of(query + 1), &f) == NULL &&
	    form_get(&f, "error").base != NULL) {
		s->got = text_printf(d->pool, "back at the client with the error %s: %s",
		                     doctor_quote(d, form_get(&f, "error").base),
		                     doctor_quote(d, form_get(&f, "error_description").base));
		return doctor_failed(d, s, "The authorization server refuses.", "Read the reason above.");
	}
	s->got = text_printf(d->pool, "%ld, a page: %s", v->answer.status,
	                     report_clean(d->pool, text_of(page_words(d->pool, v->answer.body, 300)), 300));
	return doctor_failed(d, s, "This is not the page that was expected.", "Read the words of the page above.");
}

/* All hidden fields of the form go back as they are. */
static struct visit submit(struct doctor *d, struct report_step *s, const struct visit *from,
                           struct text_buffer *fields)
{
	const char *action =
	    from->form.action[0] != '\0' ? doctor_http_resolve(d->pool, from->url, from->form.action) : from->url;
	const char *headers[] = {"Content-Type: application/x-www-form-urlencoded",
	                         text_printf(d->pool, "Origin: %s", doctor_http_origin(d->pool, from->url)),
	                         text_printf(d->pool, "Referer: %s", from->url),
	                         "Sec-Fetch-Site: same-origin",
	                         "Sec-Fetch-Mode: navigate",
	                         "Sec-Fetch-Dest: document",
	                         NULL};

	for (size_t i = 0; i < from->form.field_count; i++)
		if (from->form.fields[i].kind == PAGE_HIDDEN)
			add_parameter(fields, from->form.fields[i].name, from->form.fields[i].value);
	/* A password must not leave the place where its page came from. */
	if (action == NULL || !same_origin(d, action, from->url)) {
		doctor_failed(d, s, "The form would go to another place.",
		              "The action of the form must stay on the same origin.");
		return (struct visit){.place = AT_TROUBLE};
	}
	struct visit ret = browse(d, s, "POST", action, headers, h2o_iovec_init(fields->base, fields->len));

	secret_wipe(fields->base, fields->len);
	return ret;
}

static struct visit authorize(struct doctor *d, struct attempt *t)
{
	struct text_buffer q = {.pool = d->pool};
	struct report_step s = {.name = "Authorization request"};

	t->state = random_token(d->pool, "");
	t->verifier = random_token(d->pool, "");
	add_parameter(&q, "response_type", "code");
	add_parameter(&q, "client_id", d->client_id);
	add_parameter(&q, "redirect_uri", d->redirect_uri);
	add_parameter(&q, "code_challenge", sha256_base64url(d->pool, text_of(t->verifier)));
	add_parameter(&q, "code_challenge_method", "S256");
	add_parameter(&q, "state", t->state);
	add_parameter(&q, "resource", d->resource); /* RFC 8707 */
	if (d->scope[0] != '\0')
		add_parameter(&q, "scope", d->scope);
	if (d->details != NULL)
		add_parameter(&q, "authorization_details", d->details);
	s.asked = text_printf(d->pool, "GET %s (PKCE S256, state, resource, scope %s)",
	                      doctor_quote(d, d->authorization_endpoint), doctor_quote(d, d->scope));
	const char *url = text_printf(d->pool, "%s%c%s", d->authorization_endpoint,
	                              strchr(d->authorization_endpoint, '?') != NULL ? '&' : '?', q.base);
	struct visit v = browse(d, &s, "GET", url, NULL, (h2o_iovec_t){NULL, 0});

	if (v.place != AT_SIGN_IN && v.place != AT_CONSENT) {
		not_expected(d, &s, &v);
		v.place = AT_TROUBLE;
		return v;
	}
	s.got = text_printf(d->pool, "%ld, the page \"%s\"", v.answer.status,
	                    report_clean(d->pool, text_of(page_heading(d->pool, v.answer.body, 120)), 120));
	doctor_passed(d, &s, "The request was taken, and a person is asked.");
	return v;
}

static bool sign_in_page(struct doctor *d, const struct visit *v)
{
	struct report_step s = {.name = "Sign-in page", .asked = "a form with the fields username and password"};

	if (page_form_field(&v->form, "username", NULL) == NULL || strcmp(v->form.method, "post") != 0) {
		s.got = "a form with a password, but without a username or not by POST";
		return doctor_failed(d, &s, "The doctor cannot fill in this form.",
		                     "A person can go further in a browser.");
	}
	s.got = text_printf(d->pool, "a form with %zu fields", v->form.field_count);
	return doctor_passed(d, &s, "A person can sign in here.");
}

static bool sign_in(struct doctor *d, struct visit *v, const struct doctor_person *person)
{
	struct text_buffer fields = {.pool = d->pool};
	struct report_step s = {.name = "Sign in",
	                        .asked = text_printf(d->pool, "POST of the form as %s", doctor_quote(d, person->name))};

	add_parameter(&fields, "username", person->name);
	add_parameter(&fields, "password", person->password);
	*v = submit(d, &s, v, &fields);
	if (v->place == AT_SIGN_IN) {
		s.got = text_printf(d->pool, "%ld, the sign-in page again", v->answer.status);
		return doctor_failed(d, &s, "The name or the password is not accepted.",
		                     "Check both. After many failures the server lets a person wait.");
	}
	if (v->place != AT_CONSENT && (v->place != AT_END || strstr(v->url, "code=") == NULL))
		return not_expected(d, &s, v);
	s.got = v->place == AT_CONSENT ? "the consent page" : "back at the client";
	return doctor_passed(d, &s, "Signed in.");
}

static bool consent(struct doctor *d, struct visit *v)
{
	struct text_buffer fields = {.pool = d->pool};
	struct report_step s = {.name = "Consent", .asked = "POST of the form with decision=approve"};
	const char *heading = report_clean(d->pool, text_of(page_heading(d->pool, v->answer.body, 120)), 120);

	if (page_form_field(&v->form, "decision", "approve") == NULL) {
		s.got = text_printf(d->pool, "the page said: %s",
		                    report_clean(d->pool, text_of(page_words(d->pool, v->answer.body, 240)), 240));
		return doctor_failed(d, &s, "The page has no button to approve: this person may not give this access.",
		                     "Give the person at least one of the scopes that the resource asks for.");
	}
	if (page_form_field(&v->form, "decision", "deny") == NULL)
		return doctor_failed(d, &s, "The page has no button to deny.", NULL);
	add_parameter(&fields, "decision", "approve");
	*v = submit(d, &s, v, &fields);
	if (v->place != AT_END || strstr(v->url, "code=") == NULL)
		return not_expected(d, &s, v);
	s.got = text_printf(d->pool, "the page asked \"%s\"", heading);
	return doctor_passed(d, &s, "Approved, and sent back to the client.");
}

/* RFC 6749, 4.1.2 and RFC 9207, 2.4. */
static bool check_redirect(struct doctor *d, const struct visit *v, struct attempt *t)
{
	static const char *const ONCE[] = {"code", "state", "iss", NULL};
	struct report_step s = {.name = "Back at the client", .asked = "code, state and iss at the redirect URI"};
	struct form f = {NULL, 0};
	const char *query = strchr(v->url, '?');

	if (query == NULL || form_parse(d->pool, text_of(query + 1), &f) != NULL || form_repeats(&f, ONCE))
		return doctor_failed(d, &s, "The parameters cannot be read.",
		                     "Each parameter must be there once, percent-encoded.");
	const char *iss = form_get(&f, "iss").base, *state = form_get(&f, "state").base;

	t->code = form_get(&f, "code").base;
	s.got = text_printf(d->pool, "code of %s; iss %s", report_secret(d->pool, t->code),
	                    iss ? doctor_quote(d, iss) : "absent");
	if (t->code == NULL || t->code[0] == '\0')
		return doctor_failed(d, &s, "There is no code.", NULL);
	if (state == NULL || strcmp(state, t->state) != 0)
		return doctor_failed(d, &s, "The state is not the one that was sent.",
		                     "Give the state back unchanged.");
	if (iss != NULL && strcmp(iss, d->issuer) != 0)
		return doctor_failed(d, &s, "The iss is not the issuer of the metadata: clients refuse it.",
		                     "Send the issuer, byte for byte; look for a slash at the end.");
	if (iss == NULL && d->iss_promised)
		return doctor_failed(d, &s, "The iss was promised, and is missing: clients refuse it.",
		                     "Send iss (RFC 9207).");
	return doctor_passed(d, &s,
	                     iss != NULL ? "State and issuer are the right ones." : "The state is the right one.");
}

/* The claims of a JWT, unverified: that is for the resource server. NULL for an opaque token. */
static const json_t *token_claims(struct doctor *d, const char *token)
{
	const char *from = strchr(token, '.'), *to = from != NULL ? strchr(from + 1, '.') : NULL;

	if (to == NULL)
		return NULL;
	h2o_iovec_t payload = base64url_decode(d->pool, h2o_iovec_init(from + 1, to - from - 1));
	const json_t *ret = payload.base != NULL ? json_read(d->pool, payload, NULL) : NULL;

	return json_is_object(ret) ? ret : NULL;
}

/* Of the scopes that --scope names; the server's own proposal holds what not everybody has. */
static bool lacks_wanted(struct doctor *d, const char *given)
{
	struct scopes wanted, has;

	return d->wanted_scope != NULL && scopes_parse(d->pool, text_of(d->wanted_scope), &wanted) &&
	       scopes_parse(d->pool, text_of(given), &has) &&
	       scopes_intersect(d->pool, &wanted, &has).count < wanted.count;
}

static bool check_token(struct doctor *d, struct report_step *s, const json_t *doc, const char *access)
{
	const json_t *claims = token_claims(d, access), *aud = json_object_get(claims, "aud");
	const char *scope = json_get_text(doc, "scope").base, *type = json_get_text(doc, "token_type").base;
	const char *iss = json_get_text(claims, "iss").base, *aud_text = json_string_value(aud);

	s->got = text_printf(d->pool, "%s token of %s; refresh token: %s; lives %lld s; scope %s; audience %s",
	                     doctor_quote(d, type), report_secret(d->pool, access),
	                     report_secret(d->pool, json_get_text(doc, "refresh_token").base),
	                     (long long)json_integer_value(json_object_get(doc, "expires_in")),
	                     scope != NULL ? doctor_quote(d, scope) : "not said",
	                     claims == NULL     ? "not visible"
	                     : aud_text != NULL ? doctor_quote(d, aud_text)
	                                        : "a list");
	if (type == NULL || !text_is_nocase(text_of(type), "Bearer"))
		return doctor_failed(d, s, "It is not a Bearer token.", NULL);
	if (claims != NULL && (aud_text == NULL || strcmp(aud_text, d->resource) != 0) && !doctor_has(aud, d->resource))
		return doctor_failed(d, s, "The token is not for this resource: the server must refuse it.",
		                     "The audience must be the resource, byte for byte (RFC 8707). Register the "
		                     "resource at the authorization server.");
	if (claims != NULL && (iss == NULL || strcmp(iss, d->issuer) != 0))
		return doctor_failed(d, s, "The token names another issuer.",
		                     "iss must be the issuer, byte for byte (RFC 9068).");
	if (scope == NULL)
		return doctor_noted(d, s,
		                    "It does not say the scope: some clients then ask for consent again and again.",
		                    "Always answer with scope.");
	if (lacks_wanted(d, scope))
		return doctor_noted(d, s, "Not all of the scopes that were asked for were given.",
		                    "Give the person the scopes, and look whether the resource has them.");
	return doctor_passed(d, s,
	                     claims != NULL ? "The token is for this resource."
	                                    : "A token; its content is not for clients to see.");
}

static bool exchange(struct doctor *d, const struct attempt *t, struct doctor_tokens *ret)
{
	static const char *const HEADERS[] = {"Content-Type: application/x-www-form-urlencoded",
	                                      "Accept: application/json", NULL};
	struct text_buffer q = {.pool = d->pool};
	struct report_step s = {.name = "Token request",
	                        .asked = text_printf(d->pool, "POST %s (the code, the PKCE verifier, resource)",
	                                             doctor_quote(d, d->token_endpoint))};

	add_parameter(&q, "grant_type", "authorization_code");
	add_parameter(&q, "code", t->code);
	add_parameter(&q, "code_verifier", t->verifier);
	add_parameter(&q, "redirect_uri", d->redirect_uri);
	add_parameter(&q, "resource", d->resource);
	add_parameter(&q, "client_id", d->client_id);
	struct doctor_answer a =
	    doctor_http_ask(d->http, DOCTOR_CLIENT, "POST", d->token_endpoint, HEADERS, h2o_iovec_init(q.base, q.len));
	json_t *doc = doctor_object(d, &s, &a);

	secret_wipe(q.base, q.len);
	if (doc == NULL)
		return false;
	ret->access = json_get_text(doc, "access_token").base;
	ret->refresh = json_get_text(doc, "refresh_token").base;
	if (ret->access == NULL)
		return doctor_failed(d, &s, "There is no access token in the answer.", NULL);
	report_scope(d->report, doctor_quote(d, json_get_text(doc, "scope").base));
	return check_token(d, &s, doc, ret->access);
}

bool doctor_sign_in(struct doctor *d, const struct doctor_person *person, struct doctor_tokens *ret)
{
	struct attempt t = {NULL, NULL, NULL};
	struct visit v = authorize(d, &t);

	if (v.place == AT_TROUBLE || (v.place == AT_SIGN_IN && !sign_in_page(d, &v)))
		return false;
	if (person == NULL) {
		struct report_step s = {.name = "The rest", .asked = "nothing"};

		doctor_noted(d, &s, "The doctor stops here: it has no person to sign in as.",
		             "Give --as PERSON to see the whole way.");
		return false;
	}
	if (v.place == AT_SIGN_IN && !sign_in(d, &v, person))
		return false;
	if (v.place == AT_CONSENT && !consent(d, &v))
		return false;
	return check_redirect(d, &v, &t) && exchange(d, &t, ret);
}

void doctor_revoke(struct doctor *d, const struct doctor_tokens *tokens)
{
	static const char *const HEADERS[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
	const char *token = tokens->refresh != NULL ? tokens->refresh : tokens->access;
	struct text_buffer q = {.pool = d->pool};
	struct report_step s = {.name = "Revoke the grant"};

	if (d->revocation_endpoint == NULL) {
		doctor_noted(d, &s, "There is no revocation endpoint: the grant stays until it expires.",
		             "Offer RFC 7009.");
		return;
	}
	s.asked = text_printf(d->pool, "POST %s (the %s token)", doctor_quote(d, d->revocation_endpoint),
	                      tokens->refresh != NULL ? "refresh" : "access");
	add_parameter(&q, "token", token);
	add_parameter(&q, "token_type_hint", tokens->refresh != NULL ? "refresh_token" : "access_token");
	add_parameter(&q, "client_id", d->client_id);
	struct doctor_answer a = doctor_http_ask(d->http, DOCTOR_CLIENT, "POST", d->revocation_endpoint, HEADERS,
	                                         h2o_iovec_init(q.base, q.len));

	secret_wipe(q.base, q.len);
	if (!doctor_answered(d, &s, &a))
		return;
	if (a.status == 200)
		doctor_passed(d, &s, "The doctor leaves no grant behind.");
	else
		doctor_failed(d, &s, "The grant could not be revoked.",
		              "RFC 7009 answers 200 to a client's own token.");
}
