/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles of what authz asks the database and the key ring: a test sets what they find and sees what they were asked.
 * To be included once, by the test's own file. Each question answers at once (STEP_NEXT), so that a whole endpoint runs
 * synchronously. */
#ifndef SALLYPORT_AUTHZ_DOUBLE_H
#define SALLYPORT_AUTHZ_DOUBLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */
#define fail_saying(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#include "authz/endpoints.h"
#include "authz/key_sets.h"
#include "authz/keys.h"
#include "authz/page.h"
#include "authz/password.h"
#include "authz/store.h"
#include "common/log.h"
#include "common/reply.h"
#include "common/request_internal.h"

const char *const AUTH_METHOD_NAMES[AUTH_METHODS] = {"none",
                                                     "client_secret_basic",
                                                     "client_secret_post",
                                                     "client_secret_jwt",
                                                     "private_key_jwt",
                                                     "tls_client_auth",
                                                     "self_signed_tls_client_auth"};

static struct {
	const char *asked; /* the last question */
	/* what is found */
	bool found;
	struct client client;
	enum authorize_lookup lookup;
	struct document_kept document;
	const char *resource; /* with these scopes */
	struct scope_row *scopes;
	size_t scope_count;
	enum page_state page_state;
	struct page_view page;
	struct person_sign_in person;
	bool signed_in;
	enum authorize authorize;
	enum decision decision;
	struct decided decided;
	enum redeem redeem;
	enum refresh refresh;
	enum own_grant own_grant;
	struct granted granted;
	struct introspected introspected;
	struct userinfo userinfo;
	enum revoke revoke;
	enum feed feed;
	struct feed_page feed_page;
	struct feed_position feed_asked; /* timeline NULL: none */
	enum client_register registered;
	enum client_replace replaced;
	enum client_unregister unregistered;
	const char *admin_scope; /* NULL: no such key */
	struct client list[3];
	size_t list_count;
	/* what was asked */
	struct client_proof proof;
	struct client added;
	struct registration registration;
	bool added_secret;
	struct client_keys keys; /* found when client_keys_found */
	bool client_keys_found, assertion_used;
	uint8_t jti_digest[SHA256_SIZE];
	struct authorization kept;
	const char *resource_asked, *challenge, *redirect_uri, *jti, *after;
	uint8_t id[16], session_id[16];
	bool has_session;
	enum decide_how how;
	uint32_t generation;
	int limit;
	int lookups;
	int compared; /* passwords */
	bool rehashed;
} DOUBLE;

static step_result asked(const char *question)
{
	DOUBLE.asked = question;
	return STEP_NEXT;
}

step_result store_client_add(struct request *r, const struct client *c, const uint8_t *secret_digest)
{
	(void)r;
	DOUBLE.added = *c;
	DOUBLE.found = true;
	DOUBLE.added_secret = secret_digest != NULL;
	return asked("client_add");
}

/* The row is what was registered, unless a test has set another one. */
step_result store_client_register(struct request *r, const struct registration *registration)
{
	(void)r;
	DOUBLE.registration = *registration;
	DOUBLE.added = registration->client;
	DOUBLE.added_secret = registration->secret_digest != NULL;
	return asked("client_register");
}

enum client_register store_read_client_register(struct request *r, struct client *ret)
{
	(void)r;
	*ret = DOUBLE.client.client_id != NULL ? DOUBLE.client : DOUBLE.added;
	return DOUBLE.registered;
}

step_result store_client_registered(struct request *r, const uint8_t registration_id[16], const char *client_id)
{
	(void)r;
	memcpy(DOUBLE.id, registration_id, 16);
	DOUBLE.found = DOUBLE.found && strcmp(client_id, DOUBLE.client.client_id) == 0;
	return asked("client_registered");
}

step_result store_client_replace(struct request *r, const struct client *c, const uint8_t *secret_digest)
{
	(void)r;
	DOUBLE.added = *c;
	DOUBLE.added_secret = secret_digest != NULL;
	return asked("client_replace");
}

enum client_replace store_read_client_replace(struct request *r, struct client *ret)
{
	(void)r;
	*ret = DOUBLE.added;
	return DOUBLE.replaced;
}

step_result store_client_unregister(struct request *r, const uint8_t registration_id[16], const char *client_id)
{
	(void)r, (void)client_id;
	memcpy(DOUBLE.id, registration_id, 16);
	return asked("client_unregister");
}

enum client_unregister store_read_client_unregister(struct request *r)
{
	(void)r;
	return DOUBLE.unregistered;
}

step_result store_client_get(struct request *r, const char *client_id)
{
	(void)r, (void)client_id;
	return asked("client_get");
}

bool store_read_client(struct request *r, struct client *ret)
{
	(void)r;
	if (DOUBLE.found)
		*ret = DOUBLE.client;
	return DOUBLE.found;
}

step_result store_client_list(struct request *r, const char *after, int limit)
{
	(void)r;
	DOUBLE.after = after;
	DOUBLE.limit = limit;
	return asked("client_list");
}

size_t store_read_clients(struct request *r, struct client **ret)
{
	(void)r;
	*ret = DOUBLE.list;
	return DOUBLE.list_count;
}

step_result store_client_update(struct request *r, const struct client *c)
{
	(void)r;
	DOUBLE.client = *c;
	return asked("client_update");
}

step_result store_client_delete(struct request *r, const char *client_id)
{
	(void)r, (void)client_id;
	return asked("client_delete");
}

bool store_read_deleted(struct request *r)
{
	(void)r;
	return DOUBLE.found;
}

step_result store_authorize_lookup(struct request *r, const char *client_id, const char *resource)
{
	(void)r, (void)client_id;
	DOUBLE.resource_asked = resource;
	DOUBLE.lookups++;
	return asked("authorize_lookup");
}

void store_read_authorize_lookup(struct request *r, struct terms *ret)
{
	(void)r;
	*ret = (struct terms){
	    .found = DOUBLE.lookup,
	    .redirect_uris = DOUBLE.client.redirect_uris,
	    .redirect_uri_count = DOUBLE.client.redirect_uri_count,
	    .resource = DOUBLE.resource,
	    .scopes = DOUBLE.scopes,
	    .scope_count = DOUBLE.scope_count,
	};
	for (size_t i = 0; i < DOUBLE.client.grant_type_count; i++)
		if (strcmp(DOUBLE.client.grant_types[i], "authorization_code") == 0)
			ret->may_use_codes = true;
}

step_result store_document_lookup(struct request *r, const char *client_id, const char *resource)
{
	(void)r, (void)client_id;
	DOUBLE.resource_asked = resource;
	return asked("document_lookup");
}

void store_read_document(struct request *r, struct document_kept *ret)
{
	(void)r;
	*ret = DOUBLE.document;
}

step_result store_document_put(struct request *r, const struct client *c, const struct document_put *d,
                               const char *resource)
{
	(void)r, (void)resource, (void)d;
	DOUBLE.client = *c;
	DOUBLE.lookup = LOOKUP_FOUND;
	return asked("document_put");
}

step_result store_document_confirm(struct request *r, const char *client_id, int64_t lifetime, const char *resource)
{
	(void)r, (void)client_id, (void)lifetime, (void)resource;
	return asked("document_confirm");
}

step_result store_document_withdraw(struct request *r, const char *client_id)
{
	(void)r, (void)client_id;
	return asked("document_withdraw");
}

step_result store_authorize(struct request *r, const struct authorization *a, const struct authorize_ids *ids,
                            int64_t request_lifetime, int64_t code_lifetime)
{
	(void)r, (void)request_lifetime, (void)code_lifetime;
	memcpy(DOUBLE.id, ids->request, 16);
	DOUBLE.has_session = ids->session != NULL;
	DOUBLE.kept = *a;
	return asked("authorize");
}

enum authorize store_read_authorize(struct request *r, struct decided *ret)
{
	(void)r;
	*ret = DOUBLE.decided;
	return DOUBLE.authorize;
}

step_result store_page_view(struct request *r, const uint8_t request_id[16], const uint8_t browser_id[16],
                            const uint8_t *session_id)
{
	(void)r, (void)browser_id;
	memcpy(DOUBLE.id, request_id, 16);
	DOUBLE.has_session = session_id != NULL;
	return asked("page_view");
}

enum page_state store_read_page_view(struct request *r, struct page_view *ret)
{
	(void)r;
	*ret = DOUBLE.page;
	return DOUBLE.page_state;
}

step_result store_person_for_sign_in(struct request *r, const char *username, const char *address)
{
	(void)r, (void)username, (void)address;
	return asked("person_for_sign_in");
}

bool store_read_person_for_sign_in(struct request *r, struct person_sign_in *ret)
{
	(void)r;
	*ret = DOUBLE.person;
	return DOUBLE.person.password_hash != NULL;
}

step_result store_sign_in(struct request *r, const uint8_t person_id[16], const uint8_t session_id[16],
                          const uint8_t *old_session_id, const char *compared_hash, const char *new_hash, int64_t idle,
                          int64_t lifetime)
{
	(void)r, (void)person_id, (void)idle, (void)lifetime;
	assert_ptr_equal(compared_hash, DOUBLE.person.password_hash);
	DOUBLE.rehashed = new_hash != NULL;
	memcpy(DOUBLE.session_id, session_id, 16);
	DOUBLE.has_session = old_session_id != NULL;
	return asked("sign_in");
}

bool store_read_sign_in(struct request *r)
{
	(void)r;
	return DOUBLE.signed_in;
}

step_result store_sign_out(struct request *r, const uint8_t session_id[16])
{
	(void)r;
	memcpy(DOUBLE.session_id, session_id, 16);
	return asked("sign_out");
}

step_result store_decide(struct request *r, const uint8_t request_id[16], const uint8_t browser_id[16],
                         const uint8_t *session_id, enum decide_how how, const uint8_t code_id[16],
                         int64_t code_lifetime)
{
	(void)r, (void)request_id, (void)browser_id, (void)session_id, (void)code_id, (void)code_lifetime;
	DOUBLE.how = how;
	return asked("decide");
}

enum decision store_read_decide(struct request *r, struct decided *ret)
{
	(void)r;
	*ret = DOUBLE.decided;
	return DOUBLE.decision;
}

step_result store_redeem_code(struct request *r, const struct client_proof *proof, const uint8_t code_id[16],
                              const char *redirect_uri, const char *code_challenge, const char *resource,
                              int64_t grant_lifetime)
{
	(void)r, (void)grant_lifetime;
	DOUBLE.proof = *proof;
	memcpy(DOUBLE.id, code_id, 16);
	DOUBLE.redirect_uri = redirect_uri;
	DOUBLE.challenge = code_challenge;
	DOUBLE.resource_asked = resource;
	return asked("redeem_code");
}

enum redeem store_read_redeem_code(struct request *r, struct granted *ret)
{
	(void)r;
	*ret = DOUBLE.granted;
	return DOUBLE.redeem;
}

step_result store_refresh(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                          uint32_t generation, const struct scopes *scope, const char *resource, int64_t window)
{
	(void)r, (void)scope, (void)window;
	DOUBLE.proof = *proof;
	memcpy(DOUBLE.id, grant_id, 16);
	DOUBLE.generation = generation;
	DOUBLE.resource_asked = resource;
	return asked("refresh");
}

enum refresh store_read_refresh(struct request *r, struct granted *ret)
{
	(void)r;
	*ret = DOUBLE.granted;
	return DOUBLE.refresh;
}

step_result store_client_credentials(struct request *r, const struct client_proof *proof, const struct scopes *scope,
                                     const char *resource)
{
	(void)scope, (void)r;
	DOUBLE.proof = *proof;
	DOUBLE.resource_asked = resource;
	return asked("client_credentials");
}

enum own_grant store_read_client_credentials(struct request *r, struct granted *ret)
{
	(void)r;
	*ret = DOUBLE.granted;
	return DOUBLE.own_grant;
}

step_result store_introspect(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                             const char *jti)
{
	(void)r;
	DOUBLE.proof = *proof;
	memcpy(DOUBLE.id, grant_id, 16);
	DOUBLE.jti = jti;
	return asked("introspect");
}

step_result store_introspect_api_key(struct request *r, const struct client_proof *proof, const uint8_t key_id[16])
{
	(void)r, (void)key_id;
	DOUBLE.proof = *proof;
	return asked("introspect_api_key");
}

void store_read_introspect_api_key(struct request *r, struct introspected *ret)
{
	store_read_introspect(r, ret);
}

void store_read_introspect(struct request *r, struct introspected *ret)
{
	(void)r;
	*ret = DOUBLE.introspected;
}

step_result store_userinfo(struct request *r, const uint8_t grant_id[16], const char *jti, const struct scopes *scope)
{
	(void)r;
	(void)scope;
	memcpy(DOUBLE.id, grant_id, sizeof(DOUBLE.id));
	DOUBLE.jti = jti;
	return asked("userinfo");
}

bool store_read_userinfo(struct request *r, struct userinfo *ret)
{
	(void)r;
	*ret = DOUBLE.userinfo;
	return ret->subject != NULL;
}

step_result store_revoke(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                         const char *jti, int64_t token_expires_at)
{
	(void)r, (void)token_expires_at;
	DOUBLE.proof = *proof;
	memcpy(DOUBLE.id, grant_id, 16);
	DOUBLE.jti = jti;
	return asked("revoke");
}

enum revoke store_read_revoke(struct request *r)
{
	(void)r;
	return DOUBLE.revoke;
}

step_result store_prove_client(struct request *r, const struct client_proof *proof, bool needs_resource)
{
	(void)r, (void)needs_resource;
	DOUBLE.proof = *proof;
	return asked("prove_client");
}

step_result store_client_keys(struct request *r, const char *client_id)
{
	(void)r, (void)client_id;
	return asked("client_keys");
}

bool store_read_client_keys(struct request *r, struct client_keys *ret)
{
	(void)r;
	const char *client_id = ret->client_id;
	if (!DOUBLE.client_keys_found)
		return false;
	*ret = DOUBLE.keys;
	ret->client_id = client_id;
	return true;
}

step_result store_assertion_use(struct request *r, const char *client_id, const uint8_t jti_digest[SHA256_SIZE],
                                int64_t expires_at)
{
	(void)r, (void)client_id, (void)expires_at;
	memcpy(DOUBLE.jti_digest, jti_digest, SHA256_SIZE);
	return asked("assertion_use");
}

bool store_read_assertion_use(struct request *r)
{
	(void)r;
	return !DOUBLE.assertion_used;
}

step_result store_proof_use(struct request *r, const uint8_t digest[SHA256_SIZE], int64_t lifetime)
{
	(void)r, (void)lifetime;
	memcpy(DOUBLE.jti_digest, digest, SHA256_SIZE);
	return asked("proof_use");
}

bool store_read_proof_use(struct request *r)
{
	(void)r;
	return !DOUBLE.assertion_used;
}

step_result store_feed_poll(struct request *r, const struct client_proof *proof, const struct feed_position *position,
                            int limit)
{
	(void)r;
	DOUBLE.proof = *proof;
	DOUBLE.feed_asked = position != NULL ? *position : (struct feed_position){0};
	DOUBLE.limit = limit;
	return asked("feed_poll");
}

enum feed store_read_feed_poll(struct request *r, struct feed_page *ret)
{
	(void)r;
	*ret = DOUBLE.feed_page;
	return DOUBLE.feed;
}

step_result store_admin_key(struct request *r, const uint8_t key_id[16])
{
	(void)r;
	memcpy(DOUBLE.id, key_id, 16);
	return asked("admin_key");
}

bool store_read_admin_key(struct request *r, struct scopes *ret, const char **ret_name)
{
	*ret_name = "ops";
	return DOUBLE.admin_scope != NULL && scopes_parse(&r->pool, text_of(DOUBLE.admin_scope), ret);
}

/* ---- keys: one, made at the start ---- */

static struct jwk_set DOUBLE_KEYS;

const struct jwk *keyring_signing_key(struct keyring *keyring, h2o_mem_pool_t *pool)
{
	(void)keyring, (void)pool;
	return DOUBLE_KEYS.count > 0 ? &DOUBLE_KEYS.keys[0] : NULL;
}

const struct jwk_set *keyring_public_keys(struct keyring *keyring, h2o_mem_pool_t *pool)
{
	(void)keyring, (void)pool;
	return DOUBLE_KEYS.count > 0 ? &DOUBLE_KEYS : NULL;
}

h2o_iovec_t keyring_jwks(struct keyring *keyring, h2o_mem_pool_t *pool)
{
	(void)keyring, (void)pool;
	return text_of("{\"keys\":[]}");
}

bool keyring_is_closed(const struct keyring *keyring, h2o_iovec_t kid)
{
	(void)keyring, (void)kid;
	return false;
}

step_result keyring_reread(struct request *r, struct keyring *keyring)
{
	(void)r, (void)keyring;
	return asked("keys");
}

step_result keyring_await(struct request *r, struct keyring *keyring)
{
	(void)r, (void)keyring;
	return STEP_NEXT;
}

bool db_ready(const struct db *db)
{
	(void)db;
	return true;
}

step_result worker_run(struct request *r, struct workers *workers, void (*work)(void *data), void *data)
{
	(void)r, (void)workers;
	work(data);
	return asked("worker");
}

/* ---- passwords: "right" fits any hash ---- */

bool password_acceptable(h2o_iovec_t password)
{
	return password.len > 0 && password.len <= PASSWORD_SIZE_MAX;
}

bool password_hash(h2o_iovec_t password, const struct password_cost *cost, char hash[PASSWORD_HASH_SIZE])
{
	(void)password, (void)cost;
	strcpy(hash, "new");
	return true;
}

bool password_verify(h2o_iovec_t password, const char *hash, const struct password_cost *cost)
{
	(void)cost;
	DOUBLE.compared++;
	return hash != NULL && text_is(password, "right");
}

bool password_needs_rehash(const char *hash, const struct password_cost *cost)
{
	(void)cost;
	return strcmp(hash, "old") == 0;
}

/* ---- a daemon without a server ---- */

static struct authz AUTHZ;
static const struct service *SERVICE;
static struct router *ROUTER;

static const char *source_path(const char *path)
{
	static char text[4096];
	const char *top = getenv("TOP_SRCDIR");
	snprintf(text, sizeof(text), "%s/%s", top != NULL ? top : ".", path);
	return text;
}

static int authz_start(void **state)
{
	(void)state;
	static const uint8_t MASTER[32] = {1, 2, 3};
	const char *error = NULL;
	json_init();
	log_open("test", "/dev/null", LOG_ERROR);
	h2o_mem_init_pool(&AUTHZ.pool);
	AUTHZ.settings = (struct authz_settings){
	    .issuer = "http://127.0.0.1:9400/t1",
	    .base = "/t1",
	    .origin = "http://127.0.0.1:9400",
	    .cookie_suffix = "_9400",
	    .code_lifetime = 60,
	    .access_token_lifetime = 600,
	    .grant_lifetime = 7776000,
	    .refresh_retry_window = 120,
	    .request_lifetime = 600,
	    .session_idle = 43200,
	    .session_lifetime = 604800,
	    .registration = REGISTRATION_OPEN,
	    .registration_lease = 604800,
	};
	AUTHZ.handle_keys = handle_keys_of(&AUTHZ.pool, 7, MASTER);
	AUTHZ.pages = pages_open(&AUTHZ.pool, source_path("templates"), &error);
	if (AUTHZ.pages == NULL)
		print_error("%s\n", error);
	AUTHZ.key_sets = key_sets_open(NULL);
	SERVICE = authz_service(&AUTHZ);
	ROUTER = router_build(&AUTHZ.pool, SERVICE);
	DOUBLE_KEYS.keys = jwk_generate(&AUTHZ.pool, JWS_ES256);
	DOUBLE_KEYS.count = 1;
	return AUTHZ.pages == NULL ? -1 : 0;
}

static int authz_stop(void **state)
{
	(void)state;
	key_sets_close(AUTHZ.key_sets);
	h2o_mem_clear_pool(&AUTHZ.pool);
	return 0;
}

/* Before each test. */
static int double_reset(void **state)
{
	(void)state;
	memset(&DOUBLE, 0, sizeof(DOUBLE));
	return 0;
}

/* A request that has not run yet. `body` NULL: none; one that begins with "{" or "[" is JSON, else a form. */
static struct request *prepare(const char *method, const char *path, const char *query, const char *body)
{
	struct request *r = request_test(SERVICE, NULL);
	r->method = text_of(method);
	r->path = text_of(path);
	r->query = text_of(query);
	r->body = text_of(body != NULL ? body : "");
	if (body != NULL)
		request_test_header(r, "content-type",
		                    *body == '{' || *body == '[' ? "application/json"
		                                                 : "application/x-www-form-urlencoded");
	return r;
}

static struct request *run(struct request *r)
{
	router_run(ROUTER, r);
	return r;
}

static inline struct request *ask(const char *method, const char *path, const char *query, const char *body)
{
	return run(prepare(method, path, query, body));
}

static inline bool body_has(const struct request *r, const char *text)
{
	return strstr(reply_test_body(r).base, text) != NULL;
}

static inline const char *handle_text(struct request *r, enum handle_type type, uint8_t id, uint32_t generation)
{
	struct handle h = {.generation = generation};
	memset(h.id, id, sizeof(h.id));
	return handle_mint(&r->pool, AUTHZ.handle_keys, type, &h);
}

#endif
