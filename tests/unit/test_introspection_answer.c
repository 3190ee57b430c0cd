/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/introspection_answer.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ISSUER "https://kc.example/realms/x"
#define RESOURCE "https://rs.example/mcp"
#define NOW 1000000LL
#define JKT "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

static h2o_mem_pool_t pool;
static struct recent_events recent;
static struct foreign_issuer foreign;
static struct introspection_options options;
static uint8_t digest[SHA256_SIZE];
static const char *shown; /* by a token that was not verified */

static int setup(void **state)
{
	(void)state;
	json_init();
	clock_freeze(NOW);
	h2o_mem_init_pool(&pool);
	shown = NULL;
	recent = (struct recent_events){.seed = 1};
	foreign = (struct foreign_issuer){.issuer = ISSUER, .audience = RESOURCE, .audience_required = true};
	options = (struct introspection_options){.issuer = ISSUER,
	                                         .tokens = token_cache_open(16),
	                                         .resource = RESOURCE,
	                                         .cache_ms = 2000,
	                                         .foreign = &foreign};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	token_cache_close(options.tokens);
	h2o_mem_clear_pool(&pool);
	clock_freeze(0);
	return 0;
}

static const char *take(const char *claims, const char *text)
{
	struct egress_answer answer = {.status = 200, .body = text_of(text)};
	struct asked asked = {
	    .options = &options,
	    .recent = &recent,
	    .digest = digest,
	    .claims = claims != NULL ? json_read(&pool, text_of(claims), NULL) : NULL,
	    .asked_ms = clock_monotonic_ms(),
	};

	asked.shown = shown != NULL ? json_read(&pool, text_of(shown), NULL) : asked.claims;
	token_cache_drop_all(options.tokens);
	return introspection_take(&asked, &answer);
}

static const struct bearer *kept(void)
{
	return token_cache_find(options.tokens, digest, clock_monotonic_ms(), INT64_MAX);
}

enum outcome { ALIVE, DEAD, NOTHING };
static enum outcome outcome_of(const char *claims, const char *text)
{
	if (take(claims, text) != NULL) {
		assert_null(kept());
		return NOTHING;
	}
	assert_non_null(kept());
	return kept()->active ? ALIVE : DEAD;
}

#define SAID(more)                                                                                                     \
	"{\"active\":true,\"iss\":\"" ISSUER                                                                           \
	"\",\"sub\":\"u\",\"client_id\":\"c\",\"scope\":\"a b\",\"exp\":1000600" more "}"
#define FOR_US ",\"aud\":\"" RESOURCE "\""

static void a_foreign_token_is_for_us_or_dead(void **state)
{
	static const struct {
		const char *text;
		enum outcome outcome;
	} CASES[] = {
	    {SAID(FOR_US), ALIVE},
	    {SAID(",\"aud\":[\"x\",\"" RESOURCE "\"]"), ALIVE},
	    {SAID(FOR_US ",\"token_type\":\"bearer\",\"typ\":\"Bearer\""), ALIVE},
	    {SAID(FOR_US ",\"token_use\":\"access_token\",\"nbf\":1000000"), ALIVE},
	    {SAID(FOR_US ",\"cnf\":{\"jkt\":\"" JKT "\"}"), ALIVE},
	    {SAID(""), DEAD},
	    {SAID(",\"aud\":[]"), DEAD},
	    {SAID(",\"aud\":\"" RESOURCE "/\""), DEAD},
	    {SAID(",\"aud\":[7]"), DEAD},
	    {SAID(FOR_US ",\"token_use\":\"refresh_token\""), DEAD},
	    {SAID(FOR_US ",\"token_use\":7"), DEAD},
	    {SAID(FOR_US ",\"typ\":\"Refresh\""), DEAD},
	    {SAID(FOR_US ",\"typ\":\"ID\""), DEAD},
	    {SAID(FOR_US ",\"token_type\":\"mac\""), DEAD},
	    {SAID(FOR_US ",\"nbf\":1000100"), DEAD},
	    {SAID(FOR_US ",\"cnf\":{\"kid\":\"x\"}"), DEAD},
	    {"{\"active\":true,\"sub\":\"u\",\"exp\":999999" FOR_US "}", DEAD},
	    {"{\"active\":false}", DEAD},
	    {"{\"active\":false,\"iss\":\"https://other.example\"}", DEAD},
	    {"{\"active\":true,\"sub\":\"u\"" FOR_US "}", ALIVE},
	    {"{\"active\":true,\"client_id\":\"c\"" FOR_US "}", ALIVE},
	    {"{\"active\":true" FOR_US "}", NOTHING},
	    {"{\"active\":true,\"sub\":\"u\",\"iss\":\"https://other.example\"" FOR_US "}", NOTHING},
	    {"{\"active\":true,\"sub\":\"u\",\"iss\":null" FOR_US "}", NOTHING},
	    {"{\"active\":\"true\",\"sub\":\"u\"" FOR_US "}", NOTHING},
	    {"[]", NOTHING},
	    {"x", NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		if (outcome_of(NULL, CASES[i].text) != CASES[i].outcome)
			fail_msg("%s", CASES[i].text);
}

static void the_audience_may_be_left_out_where_it_is_said_so(void **state)
{
	(void)state;
	foreign.audience_required = false;
	foreign.audience = "api";
	assert_int_equal(outcome_of(NULL, SAID("")), ALIVE);
	assert_int_equal(outcome_of(NULL, SAID(",\"aud\":[]")), ALIVE);
	assert_int_equal(outcome_of(NULL, SAID(",\"aud\":\"api\"")), ALIVE);
	assert_int_equal(outcome_of(NULL, SAID(FOR_US)), DEAD);
}

/* A binding that is not named could not be enforced. */
static void a_bound_token_needs_its_key_in_the_answer(void **state)
{
	(void)state;
	assert_int_equal(outcome_of(NULL, SAID(FOR_US ",\"token_type\":\"DPoP\"")), DEAD);
	assert_int_equal(outcome_of(NULL, SAID(FOR_US ",\"typ\":\"dpop\"")), DEAD);
	assert_int_equal(outcome_of(NULL, SAID(FOR_US ",\"token_type\":\"DPoP\",\"cnf\":{\"jkt\":\"" JKT "\"}")),
	                 ALIVE);
}

/* What the token shows of itself can take away, and gives nothing. */
static void a_token_is_held_to_its_own_words(void **state)
{
#define CNF(jkt) "\"cnf\":{\"jkt\":\"" jkt "\"}"
#define OTHER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	static const struct {
		const char *shown, *text;
		enum outcome outcome;
		bool by_key, by_certificate;
	} CASES[] = {
	    {"{" CNF(JKT) "}", SAID(FOR_US), ALIVE, true, false},
	    {"{" CNF(JKT) "}", SAID(FOR_US "," CNF(JKT)), ALIVE, true, false},
	    {"{" CNF(JKT) "}", SAID(FOR_US ",\"token_type\":\"DPoP\""), ALIVE, true, false},
	    {"{}", SAID(FOR_US "," CNF(JKT)), ALIVE, true, false},
	    {"{\"cnf\":{\"x5t#S256\":\"" JKT "\"}}", SAID(FOR_US), ALIVE, false, true},
	    {"{\"cnf\":{\"x5t#S256\":\"" JKT "\"}}", SAID(FOR_US "," CNF(JKT)), DEAD, false, false},
	    {"{" CNF(JKT) "}", SAID(FOR_US "," CNF(OTHER)), DEAD, false, false},
	    {"{\"cnf\":{\"kid\":\"k\"}}", SAID(FOR_US), DEAD, false, false},
	    {"{\"cnf\":null}", SAID(FOR_US), DEAD, false, false},
	    {"{\"aud\":\"" RESOURCE "\"}", SAID(FOR_US), ALIVE, false, false},
	    {"{\"aud\":[]}", SAID(FOR_US), ALIVE, false, false},
	    {"{\"aud\":\"" RESOURCE "\"}", SAID(""), DEAD, false, false},
	    {"{\"aud\":\"x\"}", SAID(FOR_US), DEAD, false, false},
	    {"{\"exp\":999999}", SAID(FOR_US), DEAD, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		shown = CASES[i].shown;
		if (outcome_of(NULL, CASES[i].text) != CASES[i].outcome)
			fail_msg("%s %s", CASES[i].shown, CASES[i].text);
		assert_int_equal(kept()->bound.by_key, CASES[i].by_key);
		assert_int_equal(kept()->bound.by_certificate, CASES[i].by_certificate);
	}
	foreign.audience_required = false;
	shown = "{\"aud\":[\"x\",\"y\"]}";
	assert_int_equal(outcome_of(NULL, SAID("")), DEAD);
	shown = "{\"aud\":[\"x\",\"" RESOURCE "\"],\"exp\":1000100,\"sub\":\"other\",\"scope\":\"z\",\"jti\":\"j\"}";
	assert_int_equal(outcome_of(NULL, SAID("")), ALIVE);
	assert_int_equal(kept()->expires, 1000100);
	assert_string_equal(kept()->subject, ISSUER " u");
	assert_string_equal(kept()->scope, "a b");
	assert_string_equal(kept()->jti, "");
}

/* So that the feed can tell that it lives again; what another issuer's token shows is no name here. */
static void a_dead_key_is_dropped_by_its_id(void **state)
{
	(void)state;
	shown = "{\"jti\":\"k\",\"grant_id\":\"k\"}";
	assert_int_equal(outcome_of(NULL, "{\"active\":false}"), DEAD);
	assert_int_equal(token_cache_drop(options.tokens, TOKEN_GRANT, text_of("k")), 0);
	options.foreign = NULL;
	assert_int_equal(outcome_of(NULL, "{\"active\":false}"), DEAD);
	assert_int_equal(token_cache_drop(options.tokens, TOKEN_GRANT, text_of("k")), 1);
}

static void foreign_names_are_the_issuers_own(void **state)
{
	(void)state;
	assert_int_equal(outcome_of(NULL, SAID(FOR_US ",\"username\":\"zoe\",\"jti\":\"j\",\"grant_id\":\"g\","
	                                              "\"grantable_scope\":\"z\",\"cnf\":{\"jkt\":\"" JKT "\"}")),
	                 ALIVE);
	const struct bearer *b = kept();
	assert_string_equal(b->subject, ISSUER " u");
	assert_string_equal(b->client_id, ISSUER " c");
	assert_string_equal(b->username, "https://kc.example/realms/x zoe");
	assert_string_equal(b->jti, "");
	assert_string_equal(b->grant_id, "");
	assert_string_equal(b->scope, "a b");
	assert_string_equal(b->grantable, "");
	assert_true(b->bound.by_key);
	assert_true(b->dies_ms - b->asked_ms <= 2000 + 100);
	assert_int_equal(outcome_of(NULL, "{\"active\":true,\"client_id\":\"c\"" FOR_US "}"), ALIVE);
	assert_string_equal(kept()->subject, ISSUER " c");
}

static void scopes_are_mapped(void **state)
{
	(void)state;
	foreign.scope_map =
	    json_read(&pool, text_of("{\"a\":[\"logs:read\",\"users:read\"],\"c\":[\"tools:admin\"],\"d\":[]}"), NULL);
	assert_int_equal(outcome_of(NULL, SAID(FOR_US)), ALIVE);
	assert_string_equal(kept()->scope, "logs:read users:read");
	assert_int_equal(outcome_of(NULL, "{\"active\":true,\"sub\":\"u\",\"scope\":\"logs:read d\"" FOR_US "}"),
	                 ALIVE);
	assert_string_equal(kept()->scope, "");
}

/* Of our own authorization server: an API key, of which it alone can say something, and a token that was verified. */
static void our_own_says_everything(void **state)
{
	(void)state;
	options.foreign = NULL;
	assert_int_equal(outcome_of(NULL, SAID(FOR_US ",\"jti\":\"j\",\"grant_id\":\"g\"")), ALIVE);
	assert_string_equal(kept()->subject, "u");
	assert_string_equal(kept()->jti, "j");
	assert_string_equal(kept()->grant_id, "g");
	assert_true(kept()->dies_ms - kept()->asked_ms > 500 * 1000); /* the feed tells of its end */
	assert_int_equal(outcome_of(NULL, SAID(FOR_US)), ALIVE);
	assert_true(kept()->dies_ms - kept()->asked_ms <= 2000 + 100); /* it could not */
	assert_int_equal(outcome_of(NULL, SAID("")), DEAD);
	assert_int_equal(outcome_of(NULL, "{\"active\":true,\"sub\":\"u\"" FOR_US "}"), NOTHING);

	static const char CLAIMS[] =
	    "{\"iss\":\"" ISSUER "\",\"sub\":\"u\",\"client_id\":\"c\",\"jti\":\"j\",\"exp\":1000500,"
	    "\"scope\":\"a c\",\"grant_id\":\"g\"}";
	assert_int_equal(outcome_of(CLAIMS, SAID("")), ALIVE);
	assert_string_equal(kept()->scope, "a");
	assert_int_equal(kept()->expires, 1000500);
	assert_int_equal(outcome_of(CLAIMS, SAID(",\"cnf\":{\"jkt\":\"" JKT "\"}")), NOTHING);
	assert_int_equal(outcome_of(CLAIMS, "{\"active\":true,\"sub\":\"v\"}"), NOTHING);
	assert_int_equal(outcome_of(CLAIMS, "{\"active\":false}"), DEAD);
}

static void what_is_no_answer_says_nothing(void **state)
{
	struct asked asked = {.options = &options, .recent = &recent, .digest = digest};
	struct egress_answer answers[] = {
	    {.status = 0, .problem = "no connection"},
	    {.status = 401, .body = text_of("{\"active\":false}")},
	    {.status = 500, .body = text_of("{\"active\":false}")},
	    {.status = 302},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_non_null(introspection_take(&asked, &answers[i]));
		assert_null(kept());
	}
}

/* ---- what is said of the caller ---- */

static const char *claims_after(const char *claims, const char *text)
{
	const char *problem = take(claims, text);

	if (problem != NULL)
		fail_msg("%s", problem);
	assert_ptr_equal(bearer_claims(kept()), bearer_claims(kept())); /* parsed once */
	return json_canonical(&pool, bearer_claims(kept())).base;
}

static void the_caller_is_known_by_what_is_said(void **state)
{
	static const char TOKEN[] =
	    "{\"iss\":\"" ISSUER "\",\"sub\":\"u\",\"client_id\":\"c\",\"scope\":\"b a\","
	    "\"exp\":1000600,\"acr\":\"1\",\"roles\":[\"old\"],\"auth_time\":5,\"aud\":\"" RESOURCE
	    "\",\"repos\":[\"a/b\"],\"secret\":1}";

	(void)state;
	options.foreign = NULL;
	options.claims = json_read(&pool, text_of("{\"repos\":{\"title\":\"Repositories\"},\"sub\":{}}"), NULL);
	/* of all but who it is the answer is newer, and nothing is known that nobody asked for */
	assert_string_equal(claims_after(TOKEN, SAID(",\"username\":\"alice\",\"roles\":[\"new\"],\"other\":1,"
	                                             "\"authorization_details\":[{\"type\":\"x\"}]")),
	                    "{\"acr\":\"1\",\"auth_time\":5,\"authorization_details\":[{\"type\":\"x\"}],"
	                    "\"client_id\":\"c\",\"iss\":\"" ISSUER "\",\"repos\":[\"a/b\"],\"roles\":[\"new\"],"
	                    "\"scope\":\"a b\",\"sub\":\"u\",\"username\":\"alice\"}");
	options.claims = NULL;
	assert_null(strstr(claims_after(TOKEN, SAID("")), "repos"));
	options.foreign = &foreign;
	assert_string_equal(claims_after(NULL, SAID(FOR_US ",\"groups\":[\"g\"],\"username\":\"bob\"")),
	                    "{\"client_id\":\"" ISSUER " c\",\"groups\":[\"" ISSUER " g\"],\"iss\":\"" ISSUER
	                    "\",\"scope\":\"a b\",\"sub\":\"" ISSUER " u\",\"username\":\"" ISSUER " bob\"}");
}

/* A database may ask whether "administrator" is among the roles: of a text, a member or a list of lists it is none. */
static void foreign_roles_are_never_ours(void **state)
{
	static const char *const SAYINGS[] = {"\"administrator\"", "{\"administrator\":true}", "[[\"administrator\"]]",
	                                      "[\"administrator\",5]"};

	(void)state;
	options.foreign = &foreign;
	const char *said = claims_after(NULL, SAID(FOR_US ",\"roles\":[\"administrator\",\"x\"]"));
	assert_non_null(strstr(said, "\"roles\":[\"" ISSUER " administrator\",\"" ISSUER " x\"]"));
	for (size_t i = 0; i < sizeof(SAYINGS) / sizeof(SAYINGS[0]); i++) {
		said = claims_after(
		    NULL, text_printf(&pool, "{\"active\":true,\"sub\":\"u\"" FOR_US ",\"roles\":%s}", SAYINGS[i]));
		assert_non_null(strstr(said, "\"roles\":true"));
	}
	said = claims_after(NULL, SAID(FOR_US ",\"roles\":[],\"groups\":null"));
	assert_non_null(strstr(said, "\"roles\":[]"));
}

/* What is left out could be what a rule asks for. */
static void more_than_is_taken_is_no_answer(void **state)
{
	struct text_buffer b = {.pool = &pool};

	(void)state;
	text_append_str(&b, SAID(FOR_US ",\"groups\":[\"g\""));
	b.len -= 1; /* the brace */
	for (size_t i = 0; i < 1000; i++)
		text_append_printf(&b, ",\"group-%zu\"", i);
	text_append_str(&b, "]}");
	assert_int_equal(outcome_of(NULL, b.base), NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_foreign_token_is_for_us_or_dead, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_audience_may_be_left_out_where_it_is_said_so, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_bound_token_needs_its_key_in_the_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_token_is_held_to_its_own_words, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_dead_key_is_dropped_by_its_id, setup, teardown),
	    cmocka_unit_test_setup_teardown(foreign_names_are_the_issuers_own, setup, teardown),
	    cmocka_unit_test_setup_teardown(scopes_are_mapped, setup, teardown),
	    cmocka_unit_test_setup_teardown(our_own_says_everything, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_answer_says_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_caller_is_known_by_what_is_said, setup, teardown),
	    cmocka_unit_test_setup_teardown(foreign_roles_are_never_ours, setup, teardown),
	    cmocka_unit_test_setup_teardown(more_than_is_taken_is_no_answer, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
