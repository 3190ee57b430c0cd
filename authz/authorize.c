/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/authorize.h"

#include <string.h>

#include "authz/authentication.h"
#include "authz/authorization_details.h"
#include "authz/client_document.h"
#include "authz/page_reply.h"
#include "authz/parameter.h"
#include "authz/redirect.h"
#include "common/dpop.h"
#include "common/encoding.h"
#include "common/reply.h"
#include "common/secret.h"
#include "common/uri.h"

enum { CHALLENGE_SIZE = 43, PROMPT_SIZE_MAX = 128, NONCE_SIZE_MAX = 512 };

/* Applications keep the id that they once registered: only a new connection makes them register anew. */
static const char CONNECT_ANEW[] =
    "Remove the connection in the application and connect again: it then registers anew.";
static const char TELL_ITS_MAKER[] = "The fault is in the application's request: tell whoever makes or runs it.";

step_result show_error_redirect(struct request *r, const struct oauth_error *error, const char *text)
{
	const struct authorize_state *s = r->state;
	if (s != NULL && s->document != NULL && s->document->advice != NULL)
		return show_error_page_advising(r, error, text, s->document->advice);
	if (s == NULL || s->redirect_uri == NULL)
		return show_error_page_advising(r, error, text, s != NULL ? s->advice : NULL);
	return redirect_with_error(r, s->redirect_uri, s->state, error, text);
}

static void run_document_steps(struct request *r);

/* Why a request is not let through; text NULL: it is. */
struct refusal {
	const struct oauth_error *error;
	const char *text;
};
static const struct refusal NOT_REFUSED;
typedef struct refusal check_fn(struct request *r);

/* Without a client and its redirect URI nobody can be told anything but the person (RFC 6749, 4.1.2.1). */
static step_result read_client(struct request *r)
{
	static const char *const NAMES[] = {"client_id", "redirect_uri", NULL};
	struct authorize_state *s = r->state;
	if (text_is(r->method, "HEAD")) { /* would leave a request behind that nobody asked to see */
		reply_header(r, "allow", "GET, POST");
		return fail(r, &METHOD_NOT_ALLOWED, "the endpoint does not have this method");
	}
	s->advice = TELL_ITS_MAKER;
	s->asked = r->endpoint->body == FORM ? &r->form : &r->parameters;
	if (form_repeats(s->asked, NAMES))
		return fail(r, &INVALID_REQUEST, "client_id or redirect_uri is given twice");
	const char *client_id = parameter(s->asked, "client_id"), *resource;
	if (client_id == NULL || strlen(client_id) > CLIENT_ID_MAX)
		return fail(r, &INVALID_REQUEST, "the application did not say which one it is");
	if (parameter(s->asked, "redirect_uri") == NULL)
		return fail(r, &INVALID_REQUEST, "the application did not say where to return to");
	s->advice = NULL;
	s->target_is_ambiguous = !parameter_resource(r, s->asked, &resource);
	resource = s->target_is_ambiguous ? NULL : resource;
	if (!client_document_is_url(client_id))
		return terms_ask(r, &s->lookup, client_id, resource);
	s->lookup.client_id = client_id;
	run_document_steps(r);
	return authorize_document_begin(r, client_id, resource, &s->document);
}

/* A rule that was tightened after a registration holds for it too: the URI is judged again where it is used. */
static bool is_redirect_uri_of(const struct terms *t, h2o_iovec_t requested)
{
	if (uri_redirect_problem(requested) != NULL)
		return false;
	for (size_t i = 0; i < t->redirect_uri_count; i++)
		if (uri_redirect_matches(text_of(t->redirect_uris[i]), requested))
			return true;
	return false;
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

/* From here on errors go to the client, with its state if that can be given back as it came. */
static const char *prove_redirect_uri(struct authorize_state *s)
{
	static const char *const STATE[] = {"state", NULL};
	const char *state = parameter(s->asked, "state");
	s->redirect_uri = parameter(s->asked, "redirect_uri");
	if (form_repeats(s->asked, STATE))
		return "state is given twice";
	if (state != NULL && (strlen(state) > STATE_SIZE_MAX || has_control(state)))
		return "state is longer than 1024 bytes or has control characters";
	s->state = state;
	return parameters_repeat(s->asked) ? "a parameter is given twice" : NULL;
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = words; at != NULL && *at != '\0'; at = strchr(at, ' ')) {
		while (*at == ' ')
			at++;
		if (strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

static struct refusal check_kind(struct request *r)
{
	const struct authorize_state *s = r->state;
	const char *type = parameter(s->asked, "response_type"), *mode = parameter(s->asked, "response_mode");
	if (parameter(s->asked, "request") != NULL)
		return (struct refusal){&REQUEST_NOT_SUPPORTED, "request objects are not supported"};
	if (parameter(s->asked, "request_uri") != NULL)
		return (struct refusal){&REQUEST_URI_NOT_SUPPORTED, "request_uri is not supported"};
	if (type == NULL)
		return (struct refusal){&INVALID_REQUEST, "response_type is missing"};
	if (strcmp(type, "code") != 0)
		return (struct refusal){&UNSUPPORTED_RESPONSE_TYPE, "response_type must be code"};
	if (mode != NULL && strcmp(mode, "query") != 0)
		return (struct refusal){&INVALID_REQUEST, "response_mode must be query"};
	if (!s->lookup.terms.may_use_codes)
		return (struct refusal){&UNAUTHORIZED_CLIENT, "the client is not registered for authorization_code"};
	return NOT_REFUSED;
}

/* RFC 7636, 4.3; `plain`, also by leaving the method out, is refused (OAuth 2.1, 7.5.2). */
static struct refusal check_challenge(struct request *r)
{
	struct authorize_state *s = r->state;
	const char *challenge = parameter(s->asked, "code_challenge");
	const char *method = parameter(s->asked, "code_challenge_method");
	uint8_t digest[SHA256_SIZE];
	if (challenge == NULL)
		return (struct refusal){&INVALID_REQUEST, "code_challenge is missing: PKCE is required"};
	if (method == NULL || strcmp(method, "S256") != 0)
		return (struct refusal){&INVALID_REQUEST, "code_challenge_method must be S256"};
	if (strlen(challenge) != CHALLENGE_SIZE || !base64url_decode_exact(text_of(challenge), digest, sizeof(digest)))
		return (struct refusal){&INVALID_REQUEST, "code_challenge is not base64url of a SHA-256 digest"};
	s->authorization.code_challenge = challenge;
	return NOT_REFUSED;
}

static const struct scope_row *find_scope(const struct terms *t, const char *name)
{
	for (size_t i = 0; i < t->scope_count; i++)
		if (strcmp(t->scopes[i].name, name) == 0)
			return &t->scopes[i];
	return NULL;
}

/* Asks for a refresh token, which the client's grant types decide. */
static bool is_no_scope(const char *name)
{
	return strcmp(name, "offline_access") == 0;
}

/* OpenID Connect Core, 5.4: of the person, not of the resource. */
static bool is_of_person(const char *name)
{
	return strcmp(name, "openid") == 0 || strcmp(name, "profile") == 0;
}

/* Who asks for nothing asks for all that the client can be granted. */
static void choose_all(struct request *r)
{
	struct authorize_state *s = r->state;
	const struct terms *t = &s->lookup.terms;
	struct authorization *a = &s->authorization;
	a->scopes = h2o_mem_alloc_pool(&r->pool, (t->scope_count + 1) * sizeof(*a->scopes));
	for (size_t i = 0; i < t->scope_count; i++)
		if (t->scopes[i].is_open && !is_of_person(t->scopes[i].name))
			a->scopes[a->scope_count++] = t->scopes[i].name;
}

/* An unknown name is refused (RFC 6749, 4.1.2.1). A known one that the administrator kept from this client is left out
 * like one that the person may not have: the answer says what was granted. */
static struct refusal choose_scopes(struct request *r)
{
	struct authorize_state *s = r->state;
	struct authorization *a = &s->authorization;
	struct scopes asked;
	size_t named = 0;
	if (!scopes_parse(&r->pool, text_of(parameter(s->asked, "scope")), &asked))
		return (struct refusal){&INVALID_SCOPE, "scope has characters that no scope name has"};
	a->scopes = h2o_mem_alloc_pool(&r->pool, (asked.count + 1) * sizeof(*a->scopes));
	for (size_t i = 0; i < asked.count; i++) {
		if (is_no_scope(asked.names[i]))
			continue;
		const struct scope_row *scope = find_scope(&s->lookup.terms, asked.names[i]);
		if (scope == NULL)
			return (struct refusal){&INVALID_SCOPE, "a scope is not known here for the resource"};
		named++;
		if (scope->is_open)
			a->scopes[a->scope_count++] = scope->name;
	}
	if (named == 0)
		choose_all(r);
	if (a->scope_count == 0)
		return (struct refusal){&INVALID_SCOPE, "the client cannot be granted any of the scopes"};
	return NOT_REFUSED;
}

/* OpenID Connect Core, 3.1.2.1: goes into the ID token as it came. */
static struct refusal check_nonce(struct request *r)
{
	struct authorize_state *s = r->state;
	const char *nonce = parameter(s->asked, "nonce");
	if (nonce != NULL && (strlen(nonce) > NONCE_SIZE_MAX || has_control(nonce)))
		return (struct refusal){&INVALID_REQUEST, "nonce is longer than 512 bytes or has control characters"};
	s->authorization.nonce = nonce;
	return NOT_REFUSED;
}

/* RFC 9449, 10: the code is then good with a proof of this key only. */
static struct refusal check_key(struct request *r)
{
	struct authorize_state *s = r->state;
	const char *thumbprint = parameter(s->asked, "dpop_jkt");
	uint8_t digest[SHA256_SIZE];
	if (thumbprint != NULL && !dpop_thumbprint_read(text_of(thumbprint), digest))
		return (struct refusal){&INVALID_REQUEST, "dpop_jkt is not base64url of a SHA-256 digest"};
	s->authorization.key_thumbprint = thumbprint;
	return NOT_REFUSED;
}

/* OpenID Connect Core, 3.1.2.1. What the other values ask for, the verdict and the pages see to. */
static struct refusal check_prompt(struct request *r)
{
	struct authorize_state *s = r->state;
	const char *prompt = parameter(s->asked, "prompt");
	s->authorization.prompt = prompt != NULL ? prompt : "";
	if (prompt == NULL)
		return NOT_REFUSED;
	if (strlen(prompt) > PROMPT_SIZE_MAX)
		return (struct refusal){&INVALID_REQUEST, "prompt is too long"};
	s->page_forbidden = has_word(prompt, "none");
	if (s->page_forbidden && strcmp(prompt, "none") != 0)
		return (struct refusal){&INVALID_REQUEST, "prompt none stands alone"};
	return NOT_REFUSED;
}

/* RFC 9470, 5: said at once, and not found out by the resource server. */
static struct refusal check_authentication(struct request *r)
{
	struct authorize_state *s = r->state;
	if (!authentication_read_max_age(s->asked, &s->authorization.max_age))
		return (struct refusal){&INVALID_REQUEST, "max_age is no number of seconds"};
	if (!authentication_reaches(s->asked))
		return (struct refusal){&UNMET_AUTHENTICATION_REQUIREMENTS,
		                        "nobody can sign in here in a way that acr_values names"};
	return NOT_REFUSED;
}

/* RFC 9396, 5 */
static struct refusal check_details(struct request *r)
{
	struct authorize_state *s = r->state;
	s->authorization.resource = s->lookup.terms.resource;
	return (struct refusal){
	    &INVALID_AUTHORIZATION_DETAILS,
	    authorization_details_read(&r->pool, parameter(s->asked, "authorization_details"), &s->authorization)};
}

/* A page of another site may send the browser here in its own interest, say with the answer of an authorization server
 * that poses as this one: then the person is asked, whatever was allowed before. Browsers say where a navigation came
 * from (Fetch Metadata, 2); one that does not, or that only prepares for a person's click, is not believed. "none" is
 * an address that was typed or that an application gave to the browser, but it is also what remains when another site
 * was called so and redirected the browser here: the verdict lets it count only for an id that no site could send. */
static const char *came(struct request *r)
{
	bool site_repeats, mode_repeats;
	h2o_iovec_t site = request_header(r, "sec-fetch-site", &site_repeats);
	h2o_iovec_t mode = request_header(r, "sec-fetch-mode", &mode_repeats);
	if (site_repeats || mode_repeats || request_header(r, "sec-purpose", NULL).base != NULL)
		return NULL;
	if (!text_is(mode, "navigate")) /* a picture or a script of a page shows nobody anything */
		return NULL;
	if (text_is(site, "none"))
		return "itself";
	/* Nothing of ours leads here. "same-origin" is a form of ours that was sent and answered: with a redirect to an
	 * address of this server that a client registered as its own. */
	return text_is(site, "same-site") ? "site" : NULL;
}

/* ---- the verdict ---- */

/* Everything that is decided, now or later, is decided about these: nothing of it comes back from the browser. */
static step_result ask_verdict(struct request *r)
{
	struct authorize_state *s = r->state;
	struct authorization *a = &s->authorization;
	struct approval *ids = &s->approval;
	const struct authz_settings *settings = &authz_of(r)->settings;
	bool has_session = cookie_read(r, COOKIE_SESSION, ids->session_id);
	a->client_id = s->lookup.client_id;
	a->redirect_uri = s->redirect_uri;
	a->state = s->state;
	a->came = came(r);
	random_bytes(ids->request_id, sizeof(ids->request_id));
	random_bytes(ids->code_id, sizeof(ids->code_id));
	s->browser_is_new = !cookie_read(r, COOKIE_BROWSER, ids->browser_id);
	if (s->browser_is_new)
		random_bytes(ids->browser_id, sizeof(ids->browser_id));
	return store_authorize(r, a,
	                       &(struct authorize_ids){ids->request_id, ids->browser_id,
	                                               has_session ? ids->session_id : NULL, ids->code_id},
	                       settings->request_lifetime, settings->code_lifetime);
}

static struct refusal judge(struct request *r)
{
	struct authorize_state *s = r->state;
	const struct terms *t = &s->lookup.terms;
	s->redirect_uri = s->state = NULL;
	s->authorization = (struct authorization){0};
	if (t->found == LOOKUP_NO_CLIENT)
		return (struct refusal){&INVALID_REQUEST, "the application is not registered here"};
	if (!is_redirect_uri_of(t, form_get(s->asked, "redirect_uri")))
		return (struct refusal){&INVALID_REQUEST,
		                        "the application did not register where it wants to return to"};
	const char *problem = prove_redirect_uri(s);
	if (problem != NULL)
		return (struct refusal){&INVALID_REQUEST, problem};
	if (s->target_is_ambiguous)
		return (struct refusal){&INVALID_TARGET, "one resource can be asked for at a time"};
	if (t->found == LOOKUP_NO_RESOURCE)
		return (struct refusal){&INVALID_TARGET, "the resource is not known here"};
	static check_fn *const CHECKS[] = {check_kind, check_challenge, choose_scopes,        check_nonce,
	                                   check_key,  check_prompt,    check_authentication, check_details};
	for (size_t i = 0; i < sizeof(CHECKS) / sizeof(CHECKS[0]); i++) {
		struct refusal refusal = CHECKS[i](r);
		if (refusal.text != NULL)
			return refusal;
	}
	return NOT_REFUSED;
}

/* Nobody is refused for what was only remembered: the database is asked, and all of it is judged again. */
static step_result refuse(struct request *r, struct refusal refusal)
{
	struct authorize_state *s = r->state;
	if (!s->lookup.is_kept)
		return fail(r, refusal.error, refusal.text);
	run_steps(r, authorize_steps + 1);
	return terms_ask_afresh(r, &s->lookup);
}

static step_result check_request(struct request *r)
{
	struct authorize_state *s = r->state;
	terms_read(r, &s->lookup);
	s->advice = CONNECT_ANEW;
	struct refusal refusal = judge(r);
	return refusal.text == NULL ? ask_verdict(r) : refuse(r, refusal);
}

static step_result show_page(struct request *r, const char *page)
{
	const struct authorize_state *s = r->state;
	if (s->browser_is_new)
		cookie_set(r, COOKIE_BROWSER, s->approval.browser_id);
	return reply_redirect(r, request_page_url(r, page, s->approval.request_id));
}

static step_result answer(struct request *r)
{
	const struct authorize_state *s = r->state;
	struct decided d;
	switch (store_read_authorize(r, &d)) {
	case AUTHORIZE_GONE: break;
	case AUTHORIZE_NO_SESSION:
		if (s->page_forbidden)
			return fail(r, &LOGIN_REQUIRED, "the person is not signed in");
		return show_page(r, "sign-in");
	case AUTHORIZE_ASK:
		if (s->page_forbidden)
			return fail(r, &CONSENT_REQUIRED, "the person must be asked");
		return show_page(r, "consent");
	case AUTHORIZE_APPROVED:
		d.redirect_uri = s->redirect_uri;
		d.state = s->state;
		d.client_id = s->authorization.client_id;
		d.resource = s->authorization.resource;
		return approval_answer(r, &s->approval, &d);
	}
	return refuse(r, (struct refusal){&INVALID_REQUEST, "the application was changed or removed meanwhile"});
}

/* ---- clients that are described by a document ---- */

static step_result fetch_document(struct request *r)
{
	return authorize_document_fetch(r, ((struct authorize_state *)r->state)->document);
}

static step_result judge_document(struct request *r)
{
	return authorize_document_judge(r, ((struct authorize_state *)r->state)->document);
}

static step_result end_document(struct request *r)
{
	return authorize_document_end(r, ((struct authorize_state *)r->state)->document);
}

static step_fn *const document_steps[] = {fetch_document, judge_document, end_document, check_request, answer, NULL};
static void run_document_steps(struct request *r)
{
	run_steps(r, document_steps);
}

step_fn *const authorize_steps[] = {read_client, check_request, answer, NULL};
