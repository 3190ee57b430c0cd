/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/token_client.c"

#include "authz/client_secret.h"
#include "common/clock.h"
#include "common/jws.h"
#include "common/service_token.h"
#include "tests/unit/authz_double.h"

static struct request *ask_token(const char *authorization, const char *form)
{
	struct request *r = prepare("POST", "/t1/token", NULL, form);
	if (authorization != NULL)
		request_test_header(r, "authorization", authorization);
	return run(r);
}

/* The client is refused for its credentials before any grant is looked at. */
static void assert_answer(const char *authorization, const char *form, int status, const char *error)
{
	struct request *r = ask_token(authorization, form);
	if (reply_test_status(r) != status || !body_has(r, error))
		fail_saying("%s | %s: %d %s", authorization != NULL ? authorization : "-", form, reply_test_status(r),
		            reply_test_body(r).base);
	assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
	assert_string_equal(reply_test_header(r, "pragma"), "no-cache");
	bool challenged = status == 401 && authorization != NULL && strncasecmp(authorization, "Basic ", 6) == 0;
	assert_int_equal(reply_test_header(r, "www-authenticate") != NULL, challenged);
	request_test_free(r);
}

static const char *basic(const char *pair)
{
	static char text[512];
	h2o_iovec_t encoded = base64_encode(&AUTHZ.pool, pair, strlen(pair));
	snprintf(text, sizeof(text), "Basic %s", encoded.base);
	return text;
}

#define REST "&grant_type=refresh_token&refresh_token=x"

static void assert_digest(const uint8_t digest[SHA256_SIZE], const char *secret)
{
	uint8_t expected[SHA256_SIZE];
	sha256(text_of(secret), expected);
	assert_memory_equal(digest, expected, SHA256_SIZE);
}

static void reads_each_method(void **state)
{
	(void)state;
	static const uint8_t zero[SHA256_SIZE];
	request_test_free(ask_token(NULL, "client_id=a" REST));
	assert_int_equal(DOUBLE.proof.method, AUTH_NONE);
	assert_memory_equal(DOUBLE.proof.secret_digest, zero, SHA256_SIZE);
	request_test_free(ask_token(NULL, "client_id=a&client_secret=s%2Bx" REST));
	assert_int_equal(DOUBLE.proof.method, AUTH_SECRET_POST);
	assert_digest(DOUBLE.proof.secret_digest, "s+x");
	assert_digest(DOUBLE.proof.raw_secret_digest, "s+x");
	request_test_free(ask_token(basic("a:s%2Bx"), "client_id=a" REST));
	assert_int_equal(DOUBLE.proof.method, AUTH_SECRET_BASIC);
	assert_digest(DOUBLE.proof.secret_digest, "s+x");
	assert_digest(DOUBLE.proof.raw_secret_digest, "s%2Bx");
	request_test_free(ask_token(basic("a:100%:b"), "a=b" REST));
	assert_digest(DOUBLE.proof.secret_digest, "100%:b");
	assert_string_equal(DOUBLE.asked, "prove_client");
}

/* RFC 6749, 3.2: without a value it counts as left out. */
static void takes_empty_parameters_for_absent(void **state)
{
	(void)state;
	request_test_free(ask_token(NULL, "client_id=a&client_secret=" REST));
	assert_int_equal(DOUBLE.proof.method, AUTH_NONE);
	assert_answer(NULL, "client_id=" REST, 401, "invalid_client");
}

static void refuses_what_proves_nobody(void **state)
{
	(void)state;
	assert_answer(NULL, "a=b" REST, 401, "invalid_client");
	assert_answer("Bearer abc", "client_id=a" REST, 401, "invalid_client");
	assert_answer("Basic", "client_id=a" REST, 401, "invalid_client");
	assert_answer("Basic !!!", "client_id=a" REST, 401, "invalid_client");
	assert_answer(basic("nocolon"), "client_id=a" REST, 401, "invalid_client");
	assert_answer(basic(":s"), "client_id=a" REST, 401, "invalid_client");
	assert_answer(basic("a:"), "client_id=a" REST, 401, "invalid_client");
	assert_answer(basic("a:\xff"), "client_id=a" REST, 401, "invalid_client");
	assert_null(DOUBLE.asked);
}

static void refuses_two_methods_and_repetition(void **state)
{
	(void)state;
	assert_answer(basic("a:s"), "client_secret=s" REST, 400, "invalid_request");
	assert_answer(basic("a:s"), "client_id=b" REST, 400, "invalid_request");
	assert_answer(NULL, "client_id=a&client_id=a" REST, 400, "invalid_request");
	assert_answer(NULL, "client_id=a&refresh_token=y" REST, 400, "invalid_request");
	assert_null(DOUBLE.asked);
}

static void ignores_credentials_in_the_query(void **state)
{
	(void)state;
	struct request *r = ask("POST", "/t1/token", "client_id=a&client_secret=s", "x=y" REST);
	assert_int_equal(reply_test_status(r), 401);
	request_test_free(r);
}

static void refuses_wrong_proofs_like_unknown_clients(void **state)
{
	(void)state;
	DOUBLE.revoke = REVOKE_CLIENT_REFUSED;
	assert_answer(NULL, "client_id=a" REST, 401, "invalid_client");
	assert_answer(basic("a:s"), "a=b" REST, 401, "invalid_client");
	DOUBLE.revoke = REVOKE_NOTHING;
	assert_answer(NULL, "client_id=a" REST, 400, "invalid_grant");
}

/* ---- assertions and certificates ---- */

static const char TYPE[] = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
static const uint8_t DIGEST[SHA256_SIZE] = {9, 8, 7};
static const struct jwk *CLIENT_KEY;

static void register_keys(enum auth_method method)
{
	if (CLIENT_KEY == NULL)
		CLIENT_KEY = jwk_generate(&AUTHZ.pool, JWS_ES256);
	json_t *jwk = jwk_public_json(CLIENT_KEY);
	json_t *jwks = json_keep(&AUTHZ.pool, json_pack("{s:[o]}", "keys", jwk));
	DOUBLE.client_keys_found = true;
	DOUBLE.revoke = REVOKE_NOTHING;
	DOUBLE.keys = (struct client_keys){.method = method, .jwks = json_text(&AUTHZ.pool, jwks).base};
	memcpy(DOUBLE.keys.digest, DIGEST, SHA256_SIZE);
}

static const char *assertion_of(const char *client_id)
{
	const char *claims = text_printf(&AUTHZ.pool,
	                                 "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"http://127.0.0.1:9400/t1\","
	                                 "\"jti\":\"j\",\"exp\":%lld}",
	                                 client_id, client_id, (long long)clock_now() + 60);
	return jws_sign(&AUTHZ.pool, CLIENT_KEY, "JWT", text_of(claims)).base;
}

static const char *form_of(const char *assertion, const char *more)
{
	return text_printf(&AUTHZ.pool, "%s&client_assertion=%s%s" REST, TYPE, assertion, more);
}

static void proves_by_assertion(void **state)
{
	(void)state;
	register_keys(AUTH_PRIVATE_KEY_JWT);
	request_test_free(ask_token(NULL, form_of(assertion_of("a"), "&client_id=a")));
	assert_string_equal(DOUBLE.asked, "prove_client");
	assert_string_equal(DOUBLE.proof.client_id, "a");
	assert_int_equal(DOUBLE.proof.method, AUTH_PRIVATE_KEY_JWT);
	assert_memory_equal(DOUBLE.proof.secret_digest, DIGEST, SHA256_SIZE);
	assert_memory_equal(DOUBLE.proof.raw_secret_digest, DIGEST, SHA256_SIZE);
	assert_digest(DOUBLE.jti_digest, "j");
	DOUBLE.keys.algorithm = "RS256";
	assert_answer(NULL, form_of(assertion_of("a"), ""), 401, "invalid_client");
	DOUBLE.keys.algorithm = "ES256";
	assert_answer(NULL, form_of(assertion_of("a"), ""), 400, "invalid_grant");
	DOUBLE.assertion_used = true;
	assert_answer(NULL, form_of(assertion_of("a"), ""), 401, "invalid_client");
	DOUBLE.assertion_used = false;
	DOUBLE.client_keys_found = false;
	assert_answer(NULL, form_of(assertion_of("a"), ""), 401, "invalid_client");
}

static void an_assertion_is_one_method(void **state)
{
	(void)state;
	register_keys(AUTH_PRIVATE_KEY_JWT);
	const char *assertion = assertion_of("a");
	assert_answer(NULL, form_of(assertion, "&client_secret=s"), 400, "invalid_request");
	assert_answer(basic("a:s"), form_of(assertion, ""), 400, "invalid_request");
	assert_answer(NULL, form_of(assertion, "&client_id=b"), 400, "invalid_request");
	assert_answer(NULL, text_printf(&AUTHZ.pool, "client_assertion=%s" REST, assertion), 400, "invalid_request");
	assert_answer(NULL, text_printf(&AUTHZ.pool, "%s&client_id=a" REST, TYPE), 400, "invalid_request");
	assert_answer(NULL, text_printf(&AUTHZ.pool, "client_assertion_type=x&client_assertion=%s" REST, assertion),
	              401, "invalid_client");
	assert_answer(NULL, form_of("x.y.z", ""), 401, "invalid_client");
	assert_null(DOUBLE.asked);
	DOUBLE.keys.method = AUTH_SECRET_BASIC;
	assert_answer(NULL, form_of(assertion, ""), 401, "invalid_client");
	DOUBLE.keys.method = AUTH_SECRET_JWT;
	assert_answer(NULL, form_of(assertion, ""), 401, "invalid_client");
	assert_string_equal(DOUBLE.asked, "client_keys");
}

static const char *mac_of(const char *secret)
{
	json_t *claims = json_keep(
	    &AUTHZ.pool, json_pack("{s:s, s:s, s:s}", "iss", "a", "sub", "a", "aud", "http://127.0.0.1:9400/t1"));
	return service_token_sign(&AUTHZ.pool, secret_copy(&AUTHZ.pool, secret, strlen(secret)), claims, 60);
}

static void proves_by_mac_under_a_sealed_secret(void **state)
{
	(void)state;
	static const char SECRET[] = "secret_0123456789012345678901234567890123456789012";
	struct client c = {.client_id = "a"};
	register_keys(AUTH_SECRET_JWT);
	client_secret_seal(&AUTHZ.pool, AUTHZ.handle_keys, &c, SECRET);
	DOUBLE.keys.sealed_secret = c.sealed_secret;
	DOUBLE.keys.sealed_with = c.sealed_with;
	assert_answer(NULL, form_of(mac_of(SECRET), ""), 400, "invalid_grant");
	assert_int_equal(DOUBLE.proof.method, AUTH_SECRET_JWT);
	assert_answer(NULL, form_of(mac_of("secret_another5678901234567890123456789012345678901"), ""), 401,
	              "invalid_client");
	DOUBLE.keys.sealed_with = 8; /* attack: a secret that other processes have makes no client forget its own */
	assert_answer(NULL, form_of(mac_of(SECRET), ""), 503, "temporarily_unavailable");
	c.client_id = "b";
	client_secret_seal(&AUTHZ.pool, AUTHZ.handle_keys, &c, SECRET);
	DOUBLE.keys.sealed_secret = c.sealed_secret;
	DOUBLE.keys.sealed_with = c.sealed_with; /* attack: the sealed secret of another row */
	assert_answer(NULL, form_of(mac_of(SECRET), ""), 503, "temporarily_unavailable");
	DOUBLE.keys.method = AUTH_PRIVATE_KEY_JWT;
	assert_answer(NULL, form_of(mac_of(SECRET), ""), 401, "invalid_client");
}

static struct request *ask_with_certificate(const char *form, bool trusted)
{
	struct request *r = prepare("POST", "/t1/token", NULL, form);
	r->test_certificate = text_of("no certificate at all");
	r->test_certificate_trusted = trusted;
	return run(r);
}

static void a_certificate_counts_for_those_who_registered_one(void **state)
{
	(void)state;
	static const enum auth_method OTHERS[] = {AUTH_NONE, AUTH_SECRET_BASIC, AUTH_PRIVATE_KEY_JWT};
	for (size_t i = 0; i < 3; i++) {
		register_keys(OTHERS[i]);
		request_test_free(ask_with_certificate("client_id=a" REST, true));
		assert_int_equal(DOUBLE.proof.method, AUTH_NONE);
		assert_string_equal(DOUBLE.asked, "prove_client");
	}
	register_keys(AUTH_TLS);
	DOUBLE.keys.tls_subject_kind = "san_dns";
	DOUBLE.keys.tls_subject = "a.example";
	for (int trusted = 0; trusted < 2; trusted++) {
		struct request *r = ask_with_certificate("client_id=a" REST, trusted != 0);
		assert_int_equal(reply_test_status(r), 401);
		assert_string_equal(DOUBLE.asked, "client_keys");
		request_test_free(r);
	}
	register_keys(AUTH_SELF_SIGNED_TLS);
	struct request *r = ask_with_certificate("client_id=a" REST, true);
	assert_int_equal(reply_test_status(r), 401);
	request_test_free(r);
}

static void a_bound_client_must_present_a_certificate(void **state)
{
	(void)state;
	register_keys(AUTH_PRIVATE_KEY_JWT);
	DOUBLE.keys.certificate_bound = true;
	assert_answer(NULL, form_of(assertion_of("a"), ""), 400, "bound to a certificate");
	struct request *r = ask_with_certificate(form_of(assertion_of("a"), ""), false);
	assert_true(body_has(r, "invalid_grant"));
	assert_non_null(DOUBLE.proof.certificate_thumbprint);
	request_test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(reads_each_method, double_reset),
	    cmocka_unit_test_setup(takes_empty_parameters_for_absent, double_reset),
	    cmocka_unit_test_setup(refuses_what_proves_nobody, double_reset),
	    cmocka_unit_test_setup(refuses_two_methods_and_repetition, double_reset),
	    cmocka_unit_test_setup(ignores_credentials_in_the_query, double_reset),
	    cmocka_unit_test_setup(refuses_wrong_proofs_like_unknown_clients, double_reset),
	    cmocka_unit_test_setup(proves_by_assertion, double_reset),
	    cmocka_unit_test_setup(an_assertion_is_one_method, double_reset),
	    cmocka_unit_test_setup(proves_by_mac_under_a_sealed_secret, double_reset),
	    cmocka_unit_test_setup(a_certificate_counts_for_those_who_registered_one, double_reset),
	    cmocka_unit_test_setup(a_bound_client_must_present_a_certificate, double_reset),
	};
	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
