/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/token_client.c"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(reads_each_method, double_reset),
	    cmocka_unit_test_setup(takes_empty_parameters_for_absent, double_reset),
	    cmocka_unit_test_setup(refuses_what_proves_nobody, double_reset),
	    cmocka_unit_test_setup(refuses_two_methods_and_repetition, double_reset),
	    cmocka_unit_test_setup(ignores_credentials_in_the_query, double_reset),
	    cmocka_unit_test_setup(refuses_wrong_proofs_like_unknown_clients, double_reset),
	};
	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
