/* SPDX-License-Identifier: Apache-2.0 */
/* Introspection and the clients' own tokens over doubles of the store: both representations, and what is kept. */
#include "authz/introspect_answer.c"

#include "authz/answer_cache.h"
#include "authz/authentication.h"
#include "authz/client_proof.h"
#include "authz/known_tokens.h"
#include "tests/unit/authz_double.h"

/* ---- a double of the notices ---- */

static bool LIVE;
static notice_fn *SUBSCRIBER;
static void *SUBSCRIBER_DATA;

struct notices *notices_open(struct authz *authz, const char *conninfo)
{
	(void)authz, (void)conninfo;
	return NULL;
}

void notices_close(struct notices *notices)
{
	(void)notices;
}

bool notices_live(const struct notices *notices)
{
	(void)notices;
	return LIVE;
}

uint64_t notices_count(const struct notices *notices)
{
	(void)notices;
	return 0;
}

void notices_subscribe(struct notices *notices, notice_fn *fn, void *data)
{
	(void)notices;
	SUBSCRIBER = fn;
	SUBSCRIBER_DATA = data;
}

static int open_cache(void **state)
{
	LIVE = true;
	AUTHZ.answers = answer_cache_open(NULL, 16);
	AUTHZ.known_tokens = known_tokens_open(16);
	return double_reset(state);
}

static int close_cache(void **state)
{
	(void)state;
	answer_cache_close(AUTHZ.answers);
	known_tokens_close(AUTHZ.known_tokens);
	AUTHZ.answers = NULL;
	AUTHZ.known_tokens = NULL;
	return 0;
}

/* ---- which representation ---- */

static void reads_accept(void **state)
{
	(void)state;
	static const char *const SIGNED[] = {"application/token-introspection+jwt",
	                                     "Application/Token-Introspection+JWT",
	                                     "application/json, application/token-introspection+jwt",
	                                     " application/token-introspection+jwt ; q=0.5",
	                                     "application/token-introspection+jwt;q=0.001",
	                                     "text/html;q=0,application/token-introspection+jwt;v=1;q=1"};
	static const char *const PLAIN[] = {"",
	                                    "*/*",
	                                    "application/json",
	                                    "application/*",
	                                    "application/token-introspection+jwt;q=0",
	                                    "application/token-introspection+jwt; q=0.000",
	                                    "application/token-introspection+jwt2",
	                                    "token-introspection+jwt",
	                                    ",;,",
	                                    "application/json;a=application/token-introspection+jwt"};
	for (size_t i = 0; i < sizeof(SIGNED) / sizeof(SIGNED[0]); i++)
		if (!introspection_is_signed(text_of(SIGNED[i])))
			fail_saying("not signed: %s", SIGNED[i]);
	for (size_t i = 0; i < sizeof(PLAIN) / sizeof(PLAIN[0]); i++)
		if (introspection_is_signed(text_of(PLAIN[i])))
			fail_saying("signed: %s", PLAIN[i]);
	assert_false(introspection_is_signed((h2o_iovec_t){NULL, 0}));
}

static struct granted own_grant(void)
{
	struct granted g = {.subject = "robot",
	                    .client_id = "robot",
	                    .resource = "http://127.0.0.1:9401/mcp",
	                    .scope = "logs:read",
	                    .now = clock_now()};
	memset(g.grant_id, 9, sizeof(g.grant_id));
	return g;
}

/* A request whose client is proved. */
static struct request *owner_request(void)
{
	struct request *r = request_test(SERVICE, NULL);
	r->caller = secret_alloc(&r->pool, sizeof(struct client_guard));
	return r;
}

static struct request *introspect(const char *token, const char *accept, const char *secret)
{
	struct request *r = prepare("POST", "/t1/introspect", NULL, "x");
	r->body = text_of(text_printf(&r->pool, "client_id=rs&client_secret=%s&token=%s", secret, token));
	if (accept != NULL)
		request_test_header(r, "accept", accept);
	return run(r);
}

/* How and when the person signed in is the token's to say, also of one that is known already. */
static void says_how_the_person_signed_in(void **state)
{
	(void)state;
	const char *jti;
	struct granted g = own_grant();
	struct request *owner = owner_request();
	g.auth_time = g.now - 100;
	const char *token = access_token_mint(owner, &g, &jti);
	DOUBLE.introspected = (struct introspected){.active = true, .scope = "logs:read", .expires_in = 3600};
	LIVE = false; /* the answer itself is not kept */
	for (int i = 0; i < 2; i++) {
		struct request *r = introspect(token, NULL, "s");
		json_t *answer = json_read(&r->pool, reply_test_body(r), NULL);
		assert_int_equal(json_integer_value(json_object_get(answer, "auth_time")), g.auth_time);
		assert_true(text_is(json_get_text(answer, "acr"), AUTHENTICATION_PASSWORD));
		request_test_free(r);
	}
	request_test_free(owner);
}

static void signs_what_it_would_say(void **state)
{
	(void)state;
	struct request *owner = owner_request();
	const char *jti, *why;
	struct granted g = own_grant();
	const char *token = access_token_mint(owner, &g, &jti);
	DOUBLE.introspected = (struct introspected){.active = true,
	                                            .scope = "deployments:read logs:read",
	                                            .expires_in = 3600,
	                                            .claims = "{\"repos\":[\"a/b\"],\"tenant\":7}"};

	struct request *plain = introspect(token, "application/json", "s");
	assert_string_equal(reply_test_header(plain, "content-type"), "application/json");
	struct request *r = introspect(token, "application/token-introspection+jwt", "s");
	assert_int_equal(reply_test_status(r), 200);
	assert_string_equal(reply_test_header(r, "content-type"), "application/token-introspection+jwt");
	assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
	json_t *claims = jws_verify(&r->pool, &DOUBLE_KEYS, "token-introspection+jwt", reply_test_body(r), &why);
	assert_non_null(claims);
	assert_true(text_is(json_get_text(claims, "iss"), AUTHZ.settings.issuer));
	assert_true(text_is(json_get_text(claims, "aud"), "rs"));
	assert_true(json_is_integer(json_object_get(claims, "iat")));
	assert_null(json_object_get(claims, "exp"));
	assert_null(json_object_get(claims, "sub"));
	assert_true(json_equal(json_object_get(claims, "token_introspection"),
	                       json_read(&plain->pool, reply_test_body(plain), NULL)));
	json_t *said = json_object_get(claims, "token_introspection");
	assert_true(text_is(json_get_text(said, "sub"), "robot"));
	assert_true(text_is(json_get_text(said, "scope"), "logs:read"));
	assert_null(json_object_get(said, "username"));
	assert_int_equal(json_integer_value(json_object_get(said, "tenant")), 7);
	assert_int_equal(json_array_size(json_object_get(said, "repos")), 1);
	request_test_free(r);
	request_test_free(plain);

	/* a signed answer is no access token */
	r = introspect("garbage", "application/token-introspection+jwt", "s");
	DOUBLE.revoke = REVOKE_NOTHING;
	request_test_free(r);
	r = introspect("garbage", "application/token-introspection+jwt", "s");
	claims = jws_verify(&r->pool, &DOUBLE_KEYS, "token-introspection+jwt", reply_test_body(r), &why);
	assert_non_null(claims);
	assert_string_equal(json_text(&r->pool, json_object_get(claims, "token_introspection")).base,
	                    "{\"active\":false}");
	assert_null(jws_verify(&r->pool, &DOUBLE_KEYS, "at+jwt", reply_test_body(r), &why));
	request_test_free(r);

	DOUBLE.introspected = (struct introspected){.client_refused = true};
	r = introspect(token, "application/token-introspection+jwt", "s");
	assert_int_equal(reply_test_status(r), 401);
	assert_string_equal(reply_test_header(r, "content-type"), "application/json");
	request_test_free(r);
	request_test_free(owner);
}

/* ---- what is kept ---- */

static const char *asked_by(struct request *r)
{
	assert_int_equal(reply_test_status(r), 200);
	request_test_free(r);
	const char *question = DOUBLE.asked;
	DOUBLE.asked = NULL;
	return question != NULL ? question : "nothing";
}

static void keeps_answers(void **state)
{
	(void)state;
	struct request *owner = owner_request();
	const char *jti;
	struct granted g = own_grant();
	const char *token = access_token_mint(owner, &g, &jti);
	DOUBLE.introspected = (struct introspected){.active = true, .scope = "logs:read", .expires_in = 3600};

	assert_string_equal(asked_by(introspect(token, NULL, "s")), "introspect");
	assert_string_equal(asked_by(introspect(token, NULL, "s")), "nothing");
	assert_string_equal(asked_by(introspect(token, "application/token-introspection+jwt", "s")), "nothing");
	assert_string_equal(asked_by(introspect(token, NULL, "other")), "introspect");
	static const char *const CHANGES[][2] = {
	    {"grant", "09090909-0909-0909-0909-090909090909"}, {"client", "robot"}, {"client", "rs"}, {"keys", ""}};
	for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
		SUBSCRIBER(SUBSCRIBER_DATA, CHANGES[i][0], CHANGES[i][1]);
		assert_string_equal(asked_by(introspect(token, NULL, "s")), "introspect");
		assert_string_equal(asked_by(introspect(token, NULL, "s")), "nothing");
	}
	SUBSCRIBER(SUBSCRIBER_DATA, "token", jti);
	DOUBLE.introspected.active = false;
	assert_string_equal(asked_by(introspect(token, NULL, "s")), "introspect");
	assert_string_equal(asked_by(introspect(token, NULL, "s")), "introspect"); /* what is dead is not kept */
	DOUBLE.introspected = (struct introspected){.active = true, .scope = "logs:read", .expires_in = 0};
	assert_string_equal(asked_by(introspect(token, NULL, "s")), "introspect");
	assert_string_equal(asked_by(introspect(token, NULL, "s")), "introspect"); /* nor what has ended */
	LIVE = false;
	DOUBLE.introspected.expires_in = 3600;
	assert_string_equal(asked_by(introspect(token, NULL, "s")), "introspect");
	assert_string_equal(asked_by(introspect(token, NULL, "s")), "introspect");
	request_test_free(owner);
}

static struct request *ask_own(const char *more)
{
	struct request *r = prepare("POST", "/t1/token", NULL, "x");
	r->body =
	    text_of(text_printf(&r->pool, "grant_type=client_credentials&client_id=robot&client_secret=s%s", more));
	return run(r);
}

static void gives_clients_their_own_tokens(void **state)
{
	(void)state;
	const char *why;
	DOUBLE.own_grant = OWN_GRANTED;
	DOUBLE.granted = own_grant();
	for (int i = 0; i < 2; i++) { /* asked, and kept */
		struct request *r = ask_own("&scope=logs%3Aread");
		assert_int_equal(reply_test_status(r), 200);
		assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
		json_t *answer = json_read(&r->pool, reply_test_body(r), NULL);
		assert_null(json_object_get(answer, "refresh_token"));
		json_t *claims =
		    jws_verify(&r->pool, &DOUBLE_KEYS, "at+jwt", json_get_text(answer, "access_token"), &why);
		assert_non_null(claims);
		assert_true(text_is(json_get_text(claims, "sub"), "robot"));
		assert_true(text_is(json_get_text(claims, "client_id"), "robot"));
		assert_true(text_is(json_get_text(claims, "scope"), "logs:read"));
		assert_true(text_is(json_get_text(claims, "grant_id"), "09090909-0909-0909-0909-090909090909"));
		assert_true(text_is(json_get_text(claims, "aud"), "http://127.0.0.1:9401/mcp"));
		assert_null(json_object_get(claims, "auth_time"));
		assert_true(llabs(json_integer_value(json_object_get(claims, "iat")) - clock_now()) <= 1);
		assert_string_equal(asked_by(r), i == 0 ? "client_credentials" : "nothing");
	}
	assert_string_equal(asked_by(ask_own("")), "client_credentials"); /* another question */
	assert_string_equal(asked_by(ask_own("&scope=logs%3Aread&resource=http%3A%2F%2F127.0.0.1%3A9401%2Fmcp")),
	                    "client_credentials");
	SUBSCRIBER(SUBSCRIBER_DATA, "grant", "09090909-0909-0909-0909-090909090909");
	assert_string_equal(asked_by(ask_own("")), "client_credentials");
	assert_string_equal(asked_by(ask_own("")), "nothing");
	SUBSCRIBER(SUBSCRIBER_DATA, "client", "robot");
	assert_string_equal(asked_by(ask_own("")), "client_credentials");
	LIVE = false;
	assert_string_equal(asked_by(ask_own("")), "client_credentials");
}

static void refuses_clients_their_own_tokens(void **state)
{
	(void)state;
	static const struct {
		enum own_grant outcome;
		int status;
		const char *error;
	} CASES[] = {
	    {OWN_CLIENT_REFUSED, 401, "invalid_client"},
	    {OWN_UNAUTHORIZED_CLIENT, 400, "unauthorized_client"},
	    {OWN_TARGET_UNKNOWN, 400, "invalid_target"},
	    {OWN_SCOPE_EXCEEDED, 400, "invalid_scope"},
	};
	for (size_t i = 0; i < 2 * sizeof(CASES) / sizeof(CASES[0]); i++) { /* twice: nothing of it is kept */
		DOUBLE.own_grant = CASES[i / 2].outcome;
		struct request *r = ask_own("");
		assert_int_equal(reply_test_status(r), CASES[i / 2].status);
		assert_true(body_has(r, CASES[i / 2].error));
		assert_string_equal(DOUBLE.asked, "client_credentials");
		DOUBLE.asked = NULL;
		request_test_free(r);
	}
	struct request *r = ask_own("&scope=%22");
	assert_int_equal(reply_test_status(r), 400);
	assert_true(body_has(r, "invalid_scope"));
	request_test_free(r);
	r = ask_own("&resource=a:b&resource=c:d");
	assert_true(body_has(r, "invalid_target"));
	request_test_free(r);
	assert_null(DOUBLE.asked);
}

/* ---- tokens that were verified ---- */

static void knows_tokens_while_the_keys_are_the_same(void **state)
{
	(void)state;
	struct request *r = owner_request();
	struct granted g = own_grant();
	struct access_token first, second;
	const char *jti;
	char *token = text_copy(&r->pool, text_of(access_token_mint(r, &g, &jti)));
	assert_true(access_token_read(r, text_of(token), &first));
	assert_true(access_token_read(r, text_of(token), &second)); /* known now */
	assert_string_equal(second.jti, jti);
	assert_string_equal(second.subject, first.subject);
	assert_string_equal(second.client_id, first.client_id);
	assert_string_equal(second.audience, first.audience);
	assert_string_equal(second.scope, first.scope);
	assert_memory_equal(second.grant_id, first.grant_id, 16);
	assert_int_equal(second.issued_at, first.issued_at);
	clock_freeze(first.expires_at);
	assert_false(access_token_read(r, text_of(token), &second));
	clock_freeze(0);
	size_t len = strlen(token);
	token[len - 10] = token[len - 10] == 'A' ? 'B' : 'A';
	assert_false(access_token_read(r, text_of(token), &second));
	token = text_copy(&r->pool, text_of(access_token_mint(r, &g, &jti)));
	assert_true(access_token_read(r, text_of(token), &second));

	struct jwk_set kept = DOUBLE_KEYS; /* the key is withdrawn */
	DOUBLE_KEYS.keys = jwk_generate(&r->pool, JWS_ES256);
	struct jwk_set others = DOUBLE_KEYS;
	uint8_t digest[SHA256_SIZE];
	sha256(text_of(token), digest);
	assert_true(known_tokens_get(r, &DOUBLE_KEYS, digest, &second));
	assert_false(known_tokens_get(r, &others, digest, &second));
	DOUBLE_KEYS = kept;
	request_test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_accept),
	    cmocka_unit_test_setup(signs_what_it_would_say, double_reset),
	    cmocka_unit_test_setup_teardown(says_how_the_person_signed_in, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(keeps_answers, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(gives_clients_their_own_tokens, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(refuses_clients_their_own_tokens, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(knows_tokens_while_the_keys_are_the_same, open_cache, close_cache),
	};
	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
