/* SPDX-License-Identifier: Apache-2.0 */
/* What /authorize remembers of a client: it is asked once, again after every change, and nobody is refused for it. */
#include "authz/notices.c"
#include "authz/terms.c"

#include "tests/unit/authz_double.h"

#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define QUERY                                                                                                          \
	"client_id=c&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&code_challenge_method=S256"        \
	"&code_challenge=" CHALLENGE

/* ---- a double of the connection that brings notices ---- */

static bool LIVE;
static struct notices NOTICES;

struct db_listen *db_listen_open(h2o_loop_t *loop, const struct db_listen_options *options)
{
	(void)loop, (void)options;
	return NULL;
}

void db_listen_close(struct db_listen *listen)
{
	(void)listen;
}

bool db_listen_live(const struct db_listen *listen)
{
	(void)listen;
	return LIVE;
}

/* ---- what is found ---- */

static const char *URIS[] = {"https://app.example/old", "https://app.example/cb"};
static const char *TYPES[] = {"authorization_code"};
static struct scope_row SCOPES[] = {{"logs:read", true}, {"tickets:read", false}, {"tools:admin", true}};

static int reset(void **state)
{
	double_reset(state);
	DOUBLE.client = (struct client){
	    .redirect_uris = URIS, .redirect_uri_count = 2, .grant_types = TYPES, .grant_type_count = 1};
	DOUBLE.resource = "http://127.0.0.1:9401/mcp";
	DOUBLE.scopes = SCOPES;
	DOUBLE.scope_count = 2;
	DOUBLE.lookup = LOOKUP_FOUND;
	DOUBLE.authorize = AUTHORIZE_APPROVED;
	LIVE = true;
	NOTICES = (struct notices){0};
	AUTHZ.answers = answer_cache_open(&NOTICES, 16);
	return 0;
}

static int done(void **state)
{
	(void)state;
	answer_cache_close(AUTHZ.answers);
	AUTHZ.answers = NULL;
	return 0;
}

/* How often the terms were asked for, while /authorize answered with a redirect that has `part`. */
static int lookups(const char *query, const char *part)
{
	DOUBLE.lookups = 0;
	struct request *r = ask("GET", "/t1/authorize", query, NULL);
	const char *location = reply_test_header(r, "location");
	if (strstr(location != NULL ? location : "a page", part) == NULL)
		fail_saying("%s: %s", part, location);
	if (strcmp(part, "code=spc_") == 0) { /* whichever way the terms came */
		assert_string_equal(DOUBLE.kept.client_id, "c");
		assert_string_equal(DOUBLE.kept.resource, "http://127.0.0.1:9401/mcp");
		assert_int_equal(DOUBLE.kept.scope_count, 1);
	}
	request_test_free(r);
	return DOUBLE.lookups;
}

static void asks_once(void **state)
{
	(void)state;
	assert_int_equal(lookups(QUERY, "code=spc_"), 1);
	assert_int_equal(lookups(QUERY, "code=spc_"), 0);
	assert_int_equal(lookups(QUERY "&scope=logs%3Aread", "code=spc_"), 0);
	/* Another question. */
	assert_int_equal(lookups(QUERY "&resource=http%3A%2F%2F127.0.0.1%3A9401%2Fmcp", "code=spc_"), 1);
}

static void asks_again_after_a_change(void **state)
{
	(void)state;
	static const char *const CHANGES[] = {"client c", "resource http://127.0.0.1:9401/mcp", "session c",
	                                      "client d"};
	lookups(QUERY, "code=spc_");
	for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
		on_notice(&NOTICES, CHANGES[i]);
		assert_int_equal(lookups(QUERY, "code=spc_"), i < 2);
	}
	on_change(&NOTICES, true);
	assert_int_equal(lookups(QUERY, "code=spc_"), 1);
	LIVE = false;
	assert_int_equal(lookups(QUERY, "code=spc_"), 1);
	assert_int_equal(lookups(QUERY, "code=spc_"), 1);
}

static void refuses_nobody_for_what_it_remembers(void **state)
{
	(void)state;
	DOUBLE.client.redirect_uri_count = 1;
	assert_int_equal(
	    lookups("client_id=c&redirect_uri=https%3A%2F%2Fapp.example%2Fold&response_type=code", "error="), 1);
	DOUBLE.client.redirect_uri_count = 2; /* no notice has come of it yet */
	assert_int_equal(lookups(QUERY, "code=spc_"), 1);
	assert_int_equal(lookups(QUERY "&scope=tools%3Aadmin", "error=invalid_scope"), 1);
	DOUBLE.scope_count = 3;
	assert_int_equal(lookups(QUERY "&scope=tools%3Aadmin", "code=spc_"), 1);
	assert_int_equal(lookups(QUERY "&scope=tools%3Aadmin", "code=spc_"), 0);
	DOUBLE.authorize = AUTHORIZE_GONE;
	assert_int_equal(lookups(QUERY, "error=invalid_request"), 1);
	DOUBLE.lookup = LOOKUP_NO_CLIENT;
	assert_int_equal(lookups(QUERY, "a page"), 1);
}

static void remembers_nothing_that_is_absent(void **state)
{
	(void)state;
	DOUBLE.lookup = LOOKUP_NO_CLIENT;
	assert_int_equal(lookups(QUERY, "a page"), 1);
	DOUBLE.lookup = LOOKUP_NO_RESOURCE;
	assert_int_equal(lookups(QUERY, "error=invalid_target"), 1);
	DOUBLE.lookup = LOOKUP_FOUND;
	assert_int_equal(lookups(QUERY, "code=spc_"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(asks_once, reset, done),
	    cmocka_unit_test_setup_teardown(asks_again_after_a_change, reset, done),
	    cmocka_unit_test_setup_teardown(refuses_nobody_for_what_it_remembers, reset, done),
	    cmocka_unit_test_setup_teardown(remembers_nothing_that_is_absent, reset, done),
	};
	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
