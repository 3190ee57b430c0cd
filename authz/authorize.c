/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/authorize.h"

#include <string.h>

#include "authz/client_document.h"
#include "authz/page_reply.h"
#include "authz/parameter.h"
#include "authz/redirect.h"
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
		return store_authorize_lookup(r, client_id, resource);
	run_document_steps(r);
	return authorize_document_begin(r, client_id, resource, &s->document);
}

/* A rule that was tightened after a registration holds for it too: the URI is judged again where it is used. */
static bool is_redirect_uri_of(const struct client *c, h2o_iovec_t requested)
{
	if (uri_redirect_problem(requested) != NULL)
		return false;
	for (size_t i = 0; i < c->redirect_uri_count; i++)
		if (uri_redirect_matches(text_of(c->redirect_uris[i]), requested))
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

static bool client_may_use_codes(const struct client *c)
{
	for (size_t i = 0; i < c->grant_type_count; i++)
		if (strcmp(c->grant_types[i], "authorization_code") == 0)
			return true;
	return false;
}

static step_result check_kind(struct request *r)
{
	const struct authorize_state *s = r->state;
	const char *type = parameter(s->asked, "response_type"), *mode = parameter(s->asked, "response_mode");
	if (parameter(s->asked, "request") != NULL)
		return fail(r, &REQUEST_NOT_SUPPORTED, "request objects are not supported");
	if (parameter(s->asked, "request_uri") != NULL)
		return fail(r, &REQUEST_URI_NOT_SUPPORTED, "request_uri is not supported");
	if (type == NULL)
		return fail(r, &INVALID_REQUEST, "response_type is missing");
	if (strcmp(type, "code") != 0)
		return fail(r, &UNSUPPORTED_RESPONSE_TYPE, "response_type must be code");
	if (mode != NULL && strcmp(mode, "query") != 0)
		return fail(r, &INVALID_REQUEST, "response_mode must be query");
	if (!client_may_use_codes(&s->client))
		return fail(r, &UNAUTHORIZED_CLIENT, "the client is not registered for authorization_code");
	return STEP_NEXT;
}

/* RFC 7636, 4.3; `plain`, also by leaving the method out, is refused (OAuth 2.1, 7.5.2). */
static step_result check_challenge(struct request *r)
{
	struct authorize_state *s = r->state;
	const char *challenge = parameter(s->asked, "code_challenge");
	const char *method = parameter(s->asked, "code_challenge_method");
	uint8_t digest[SHA256_SIZE];
	if (challenge == NULL)
		return fail(r, &INVALID_REQUEST, "code_challenge is missing: PKCE is required");
	if (method == NULL || strcmp(method, "S256") != 0)
		return fail(r, &INVALID_REQUEST, "code_challenge_method must be S256");
	if (strlen(challenge) != CHALLENGE_SIZE || !base64url_decode_exact(text_of(challenge), digest, sizeof(digest)))
		return fail(r, &INVALID_REQUEST, "code_challenge is not base64url of a SHA-256 digest");
	s->authorization.code_challenge = challenge;
	return STEP_NEXT;
}

static const struct scope_row *find_scope(const struct resource *resource, const char *name)
{
	for (size_t i = 0; i < resource->scope_count; i++)
		if (strcmp(resource->scopes[i].name, name) == 0)
			return &resource->scopes[i];
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
	struct authorization *a = &s->authorization;
	a->scopes = h2o_mem_alloc_pool(&r->pool, (s->resource.scope_count + 1) * sizeof(*a->scopes));
	for (size_t i = 0; i < s->resource.scope_count; i++)
		if (s->resource.scopes[i].is_open && !is_of_person(s->resource.scopes[i].name))
			a->scopes[a->scope_count++] = s->resource.scopes[i].name;
}

/* An unknown name is refused (RFC 6749, 4.1.2.1). A known one that the administrator kept from this client is left out
 * like one that the person may not have: the answer says what was granted. */
static step_result choose_scopes(struct request *r)
{
	struct authorize_state *s = r->state;
	struct authorization *a = &s->authorization;
	struct scopes asked;
	size_t named = 0;
	if (!scopes_parse(&r->pool, text_of(parameter(s->asked, "scope")), &asked))
		return fail(r, &INVALID_SCOPE, "scope has characters that no scope name has");
	a->scopes = h2o_mem_alloc_pool(&r->pool, (asked.count + 1) * sizeof(*a->scopes));
	for (size_t i = 0; i < asked.count; i++) {
		if (is_no_scope(asked.names[i]))
			continue;
		const struct scope_row *scope = find_scope(&s->resource, asked.names[i]);
		if (scope == NULL)
			return fail(r, &INVALID_SCOPE, "a scope is not known here for the resource");
		named++;
		if (scope->is_open)
			a->scopes[a->scope_count++] = scope->name;
	}
	if (named == 0)
		choose_all(r);
	if (a->scope_count == 0)
		return fail(r, &INVALID_SCOPE, "the client cannot be granted any of the scopes");
	return STEP_NEXT;
}

/* OpenID Connect Core, 3.1.2.1: goes into the ID token as it came. */
static step_result check_nonce(struct request *r)
{
	struct authorize_state *s = r->state;
	const char *nonce = parameter(s->asked, "nonce");
	if (nonce != NULL && (strlen(nonce) > NONCE_SIZE_MAX || has_control(nonce)))
		return fail(r, &INVALID_REQUEST, "nonce is longer than 512 bytes or has control characters");
	s->authorization.nonce = nonce;
	return STEP_NEXT;
}

/* OpenID Connect Core, 3.1.2.1 */
static step_result check_prompt(struct request *r)
{
	struct authorize_state *s = r->state;
	const char *prompt = parameter(s->asked, "prompt");
	uint8_t session_id[16];
	s->authorization.prompt = prompt != NULL ? prompt : "";
	if (prompt == NULL)
		return STEP_NEXT;
	if (strlen(prompt) > PROMPT_SIZE_MAX)
		return fail(r, &INVALID_REQUEST, "prompt is too long");
	s->sign_in_due = has_word(prompt, "login") || has_word(prompt, "select_account");
	s->page_forbidden = has_word(prompt, "none");
	if (!s->page_forbidden)
		return STEP_NEXT;
	if (strcmp(prompt, "none") != 0)
		return fail(r, &INVALID_REQUEST, "prompt none stands alone");
	if (!cookie_read(r, COOKIE_SESSION, session_id))
		return fail(r, &LOGIN_REQUIRED, "the person is not signed in");
	return STEP_NEXT;
}

/* An id that one installation got by registering, with an answer that never leaves its device: no other site knows it.
 */
static bool is_of_one_installation(const struct authorize_state *s)
{
	return strcmp(s->client.origin, "dynamic") == 0 && !s->client.shared &&
	       !text_starts(text_of(s->redirect_uri), "https:");
}

/* A page of another site may send the browser here in its own interest, say with the answer of an authorization server
 * that poses as this one: then the person is asked, whatever was allowed before. Browsers say where a navigation came
 * from (Fetch Metadata, 2); one that does not, or that only prepares for a person's click, is not believed. "none" is
 * an address that was typed or that an application gave to the browser, but it is also what remains when another site
 * was called so and redirected the browser here: it counts only for an id that no site could send. */
static bool is_direct(struct request *r, const struct authorize_state *s)
{
	bool site_repeats, mode_repeats;
	h2o_iovec_t site = request_header(r, "sec-fetch-site", &site_repeats);
	h2o_iovec_t mode = request_header(r, "sec-fetch-mode", &mode_repeats);
	if (site_repeats || mode_repeats || request_header(r, "sec-purpose", NULL).base != NULL)
		return false;
	if (!text_is(mode, "navigate")) /* a picture or a script of a page shows nobody anything */
		return false;
	if (text_is(site, "none"))
		return is_of_one_installation(s);
	/* Nothing of ours leads here. "same-origin" is a form of ours that was sent and answered: with a redirect to an
	 * address of this server that a client registered as its own. */
	return text_is(site, "same-site");
}

static bool is_loopback_only(const struct client *c)
{
	struct uri u;
	for (size_t i = 0; i < c->redirect_uri_count; i++)
		if (!uri_parse(text_of(c->redirect_uris[i]), &u) || !uri_is_loopback(&u))
			return false;
	return c->redirect_uri_count > 0;
}

/* Everything that is decided later is decided about this row: nothing of it comes back from the browser. */
static step_result keep_request(struct request *r)
{
	struct authorize_state *s = r->state;
	struct authorization *a = &s->authorization;
	a->client_id = s->client.client_id;
	a->client_name = s->client.name;
	a->client_uri = s->client.client_uri;
	a->redirect_uri = s->redirect_uri;
	a->resource = s->resource.uri;
	a->resource_name = s->resource.name;
	a->state = s->state;
	a->client_is_dynamic = strcmp(s->client.origin, "dynamic") == 0;
	a->loopback_only = is_loopback_only(&s->client);
	a->direct = is_direct(r, s);
	random_bytes(s->request_id, sizeof(s->request_id));
	if (!cookie_read(r, COOKIE_BROWSER, s->browser_id)) {
		random_bytes(s->browser_id, sizeof(s->browser_id));
		cookie_set(r, COOKIE_BROWSER, s->browser_id);
	}
	return store_request_add(r, s->request_id, s->browser_id, a, authz_of(r)->settings.request_lifetime);
}

static step_result check_request(struct request *r)
{
	struct authorize_state *s = r->state;
	enum authorize_lookup found = store_read_authorize_lookup(r, &s->client, &s->resource);
	s->advice = CONNECT_ANEW;
	if (found == LOOKUP_NO_CLIENT || !s->client.enabled)
		return fail(r, &INVALID_REQUEST, "the application is not registered here");
	if (!is_redirect_uri_of(&s->client, form_get(s->asked, "redirect_uri")))
		return fail(r, &INVALID_REQUEST, "the application did not register where it wants to return to");
	const char *problem = prove_redirect_uri(s);
	if (problem != NULL)
		return fail(r, &INVALID_REQUEST, problem);
	if (s->target_is_ambiguous)
		return fail(r, &INVALID_TARGET, "one resource can be asked for at a time");
	if (found == LOOKUP_NO_RESOURCE)
		return fail(r, &INVALID_TARGET, "the resource is not known here");
	static step_fn *const CHECKS[] = {check_kind, check_challenge, choose_scopes, check_nonce, check_prompt};
	for (size_t i = 0; i < sizeof(CHECKS) / sizeof(CHECKS[0]); i++)
		if (CHECKS[i](r) == STEP_DONE)
			return STEP_DONE;
	return keep_request(r);
}

static step_result show_page(struct request *r, const char *page)
{
	const struct authorize_state *s = r->state;
	return reply_redirect(r, request_page_url(r, page, s->request_id));
}

static step_result answer_silently(struct request *r)
{
	const struct authorize_state *s = r->state;
	struct decided d = {0};
	switch (store_read_decide(r, &d)) {
	case DECIDED_APPROVED: return approval_answer(r, &s->approval, &d);
	case DECIDED_NO_SESSION:
		if (s->page_forbidden)
			return fail(r, &LOGIN_REQUIRED, "the person is not signed in");
		return show_page(r, "sign-in");
	case DECIDED_ASK:
		if (s->page_forbidden)
			return fail(r, &CONSENT_REQUIRED, "the person must be asked");
		return show_page(r, "consent");
	default: return fail(r, &INVALID_REQUEST, "the application was changed or removed meanwhile");
	}
}

static step_fn *const silent_steps[] = {answer_silently, NULL};

/* Whether the database needs to be asked at all; it judges by itself. */
static bool may_be_silent(const struct authorize_state *s)
{
	bool is_of_the_house = s->client.consent != NULL && strcmp(s->client.consent, "implicit") == 0;
	bool may_be_remembered = s->authorization.direct && !has_word(s->authorization.prompt, "consent");
	return s->page_forbidden || is_of_the_house || may_be_remembered;
}

static step_result send_to_page(struct request *r)
{
	struct authorize_state *s = r->state;
	uint8_t session_id[16];
	if (s->sign_in_due || !cookie_read(r, COOKIE_SESSION, session_id))
		return show_page(r, "sign-in");
	if (!may_be_silent(s))
		return show_page(r, "consent");
	run_steps(r, silent_steps);
	return approval_ask(r, &s->approval, s->request_id, s->browser_id, session_id, DECIDE_SILENTLY);
}

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

static step_fn *const document_steps[] = {fetch_document, judge_document, end_document,
                                          check_request,  send_to_page,   NULL};
static void run_document_steps(struct request *r)
{
	run_steps(r, document_steps);
}

step_fn *const authorize_steps[] = {read_client, check_request, send_to_page, NULL};
