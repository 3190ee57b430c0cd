/* SPDX-License-Identifier: Apache-2.0 */
/* DPoP at the token endpoint over doubles of the store. */
#include "authz/shown_key.c"

#include "common/clock.h"
#include "common/encoding.h"
#include "tests/unit/authz_double.h"

#define NOW 1000000LL
#define FORM "client_id=a&grant_type="

static struct jwk *key;

static int start(void **state)
{
	int ret = authz_start(state);
	key = jwk_generate(&AUTHZ.pool, JWS_EDDSA);
	return ret;
}

static int reset(void **state)
{
	double_reset(state);
	clock_freeze(NOW);
	AUTHZ.settings.dpop_nonce_required = true;
	DOUBLE.granted = (struct granted){
	    .subject = "p", .client_id = "a", .resource = "https://rs.example", .scope = "x", .now = NOW};
	return 0;
}

/* EdDSA needs no other form of its signature. */
static const char *proof(struct request *r, const char *more)
{
	uint8_t signature[64];
	size_t len = sizeof(signature);
	json_t *public = json_keep(&r->pool, jwk_public_json(key));
	const char *header = text_printf(&r->pool, "{\"typ\":\"dpop+jwt\",\"alg\":\"EdDSA\",\"jwk\":%s}",
	                                 json_text(&r->pool, public).base);
	const char *claims = text_printf(
	    &r->pool, "{\"jti\":\"j\",\"htm\":\"POST\",\"htu\":\"http://127.0.0.1:9400/t1/token\",\"iat\":%lld%s}", NOW,
	    more);
	char *input = text_printf(&r->pool, "%s.%s", base64url_encode(&r->pool, header, strlen(header)).base,
	                          base64url_encode(&r->pool, claims, strlen(claims)).base);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_MD_CTX_copy_ex(ctx, key->sign), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)input, strlen(input)), 1);
	EVP_MD_CTX_free(ctx);
	return text_printf(&r->pool, "%s.%s", input, base64url_encode(&r->pool, signature, len).base);
}

static const char *nonce_claim(struct request *r, int64_t at)
{
	return text_printf(&r->pool, ",\"nonce\":\"%s\"",
	                   dpop_nonce_make(&r->pool, AUTHZ.handle_keys, "authz-dpop-nonce", at));
}

static struct request *token_request(const char *grant)
{
	struct request *r = prepare("POST", "/t1/token", NULL, NULL);
	request_test_header(r, "content-type", "application/x-www-form-urlencoded");
	struct handle h = {.generation = 1};
	bool code = strcmp(grant, "authorization_code") == 0;
	const char *handle = handle_mint(&r->pool, AUTHZ.handle_keys, code ? HANDLE_CODE : HANDLE_REFRESH, &h);
	r->body = text_of(text_printf(&r->pool, FORM "%s&%s=%s&code_verifier=%043d", grant,
	                              code ? "code" : "refresh_token", handle, 0));
	return r;
}

static void a_nonce_comes_first(void **state)
{
	(void)state;
	struct request *r = token_request("authorization_code");
	request_test_header(r, "dpop", proof(r, ""));
	run(r);
	assert_int_equal(reply_test_status(r), 400);
	assert_true(body_has(r, "\"use_dpop_nonce\""));
	assert_int_equal(dpop_nonce_judge(AUTHZ.handle_keys, "authz-dpop-nonce",
	                                  text_of(reply_test_header(r, "dpop-nonce")), NOW, 0),
	                 NONCE_FRESH);
	assert_null(DOUBLE.asked);
	request_test_free(r);
}

static void a_token_is_bound_to_the_shown_key(void **state)
{
	static const char *const GRANTS[] = {"authorization_code", "refresh_token"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		reset(state);
		DOUBLE.redeem = REDEEM_GRANTED;
		DOUBLE.refresh = REFRESH_ROTATED;
		struct request *r = token_request(GRANTS[i]);
		request_test_header(r, "dpop", proof(r, nonce_claim(r, NOW)));
		run(r);
		assert_int_equal(reply_test_status(r), 200);
		assert_true(body_has(r, "\"token_type\":\"DPoP\""));
		assert_null(reply_test_header(r, "dpop-nonce"));
		assert_string_equal(DOUBLE.proof.key_thumbprint, key->kid);
		request_test_free(r);
		/* the same with an ageing nonce: it still counts, and a newer one comes along */
		r = token_request(GRANTS[i]);
		request_test_header(r, "dpop", proof(r, nonce_claim(r, NOW - DPOP_NONCE_PERIOD_S)));
		run(r);
		assert_int_equal(reply_test_status(r), 200);
		assert_non_null(reply_test_header(r, "dpop-nonce"));
		request_test_free(r);
	}
	struct request *r = token_request("authorization_code");
	run(r);
	assert_true(body_has(r, "\"token_type\":\"Bearer\""));
	assert_null(DOUBLE.proof.key_thumbprint);
	request_test_free(r);
}

static void a_used_or_wrong_proof_consumes_nothing(void **state)
{
	(void)state;
	struct request *r = token_request("authorization_code");
	DOUBLE.assertion_used = true;
	request_test_header(r, "dpop", proof(r, nonce_claim(r, NOW)));
	run(r);
	assert_int_equal(reply_test_status(r), 400);
	assert_true(body_has(r, "\"invalid_dpop_proof\""));
	assert_string_equal(DOUBLE.asked, "proof_use");
	request_test_free(r);

	static const char *const WRONG[] = {"", "x", "a.b.c"};
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		reset(state);
		r = token_request("authorization_code");
		request_test_header(r, "dpop", WRONG[i]);
		run(r);
		assert_true(body_has(r, "\"invalid_dpop_proof\""));
		assert_null(DOUBLE.asked);
		request_test_free(r);
	}
	r = token_request("authorization_code");
	request_test_header(r, "dpop", proof(r, nonce_claim(r, NOW)));
	request_test_header(r, "dpop", proof(r, nonce_claim(r, NOW)));
	run(r);
	assert_true(body_has(r, "\"invalid_dpop_proof\""));
	request_test_free(r);
}

static void verdicts_about_keys_are_told(void **state)
{
	static const struct {
		enum redeem outcome;
		const char *error;
	} CASES[] = {{REDEEM_KEY_MISSING, "invalid_dpop_proof"}, {REDEEM_KEY_MISMATCH, "invalid_grant"}};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		reset(state);
		DOUBLE.redeem = CASES[i].outcome;
		struct request *r = run(token_request("authorization_code"));
		assert_int_equal(reply_test_status(r), 400);
		assert_true(body_has(r, CASES[i].error));
		request_test_free(r);
	}
}

static void without_nonces_the_time_decides(void **state)
{
	(void)state;
	AUTHZ.settings.dpop_nonce_required = false;
	DOUBLE.redeem = REDEEM_GRANTED;
	static const struct {
		int64_t later;
		int status;
	} CASES[] = {{0, 200}, {60, 200}, {61, 400}, {-30, 200}, {-31, 400}};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct request *r = token_request("authorization_code");
		clock_freeze(NOW + CASES[i].later);
		request_test_header(r, "dpop", proof(r, ""));
		run(r);
		assert_int_equal(reply_test_status(r), CASES[i].status);
		request_test_free(r);
	}
}

/* Where proofs are remembered by the process only, one that the process before it may have taken needs a nonce of now.
 */
static void what_nobody_remembers_needs_a_newer_nonce(void **state)
{
	static const struct {
		int64_t since, nonce; /* 0: without */
		bool required;
		enum key_proof outcome;
	} CASES[] = {
	    {NOW - 30, 0, false, KEY_PROOF_HOLDS},        {NOW - 29, 0, false, KEY_PROOF_NEEDS_NONCE},
	    {NOW + 1, 0, false, KEY_PROOF_NEEDS_NONCE},   {0, 0, false, KEY_PROOF_HOLDS},
	    {NOW, NOW, false, KEY_PROOF_HOLDS},           {NOW, NOW, true, KEY_PROOF_HOLDS},
	    {NOW, NOW - 1, false, KEY_PROOF_NEEDS_NONCE}, {NOW, NOW - 1, true, KEY_PROOF_NEEDS_NONCE},
	    {NOW - 1, NOW - 1, true, KEY_PROOF_HOLDS},    {NOW - 30, 0, true, KEY_PROOF_NEEDS_NONCE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct key_proof_rules rules = {.url = "http://127.0.0.1:9400/t1/token",
		                                .keys = AUTHZ.handle_keys,
		                                .purpose = "authz-dpop-nonce",
		                                .nonce_required = CASES[i].required,
		                                .since = CASES[i].since};
		struct request *r = token_request("refresh_token");
		struct dpop_proof read;
		const char *why;
		request_test_header(r, "dpop", proof(r, CASES[i].nonce != 0 ? nonce_claim(r, CASES[i].nonce) : ""));
		assert_int_equal(key_proof_read(r, &rules, (h2o_iovec_t){NULL, 0}, &read, &why), CASES[i].outcome);
		/* the one that comes along will do, also in the first second */
		const char *nonce = reply_test_header(r, "dpop-nonce");
		assert_true((nonce != NULL) == (CASES[i].outcome == KEY_PROOF_NEEDS_NONCE));
		if (nonce != NULL)
			assert_int_equal(
			    dpop_nonce_judge(AUTHZ.handle_keys, "authz-dpop-nonce", text_of(nonce), NOW, rules.since),
			    NONCE_FRESH);
		request_test_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_nonce_comes_first, reset),
	    cmocka_unit_test_setup(a_token_is_bound_to_the_shown_key, reset),
	    cmocka_unit_test_setup(a_used_or_wrong_proof_consumes_nothing, reset),
	    cmocka_unit_test_setup(verdicts_about_keys_are_told, reset),
	    cmocka_unit_test_setup(without_nonces_the_time_decides, reset),
	    cmocka_unit_test_setup(what_nobody_remembers_needs_a_newer_nonce, reset),
	};
	return cmocka_run_group_tests(tests, start, authz_stop);
}
