/* SPDX-License-Identifier: Apache-2.0 */
/* /authorize of a client whose id is a URL: what is kept of its document, and what its site answers. */
#include "authz/authorize_document.c"

#include "tests/unit/authz_double.h"

#define URL "https://app.example/client.json"
#define QUERY                                                                                                          \
	"client_id=https%3A%2F%2Fapp.example%2Fclient.json&redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fcb"            \
	"&response_type=code&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
#define DOCUMENT "{\"client_id\":\"" URL "\",\"client_name\":\"App\",\"redirect_uris\":[\"http://127.0.0.1/cb\"]}"

static const char *URIS[] = {"http://127.0.0.1/cb"};
static const char *TYPES[] = {"authorization_code"};
static struct scope_row SCOPES[] = {{.name = "logs:read", .is_open = true}};

/* ---- a double of the sites ---- */

static struct {
	struct document_fetched answer;
	int fetched, held;
	const char *etag;
} SITE;

step_result document_fetch(struct request *r, const char *url, const char *etag, const char *last_modified,
                           struct document_fetched *ret)
{
	(void)r, (void)last_modified;
	assert_string_equal(url, URL);
	SITE.fetched++;
	SITE.etag = etag;
	*ret = SITE.answer;
	return STEP_NEXT;
}

void document_fetch_hold(struct document_fetches *fetches, const char *url)
{
	(void)fetches, (void)url;
	SITE.held++;
}

static int reset(void **state)
{
	double_reset(state);
	memset(&SITE, 0, sizeof(SITE));
	DOUBLE.client = (struct client){.client_id = URL,
	                                .name = "App",
	                                .redirect_uris = URIS,
	                                .redirect_uri_count = 1,
	                                .grant_types = TYPES,
	                                .grant_type_count = 1,
	                                .scope = "",
	                                .application_type = "native",
	                                .origin = "document"};
	DOUBLE.resource = "http://127.0.0.1:9401/mcp";
	DOUBLE.scopes = SCOPES;
	DOUBLE.scope_count = 1;
	DOUBLE.authorize = AUTHORIZE_NO_SESSION;
	DOUBLE.lookup = LOOKUP_FOUND;
	AUTHZ.settings.documents =
	    (struct client_document_settings){.enabled = true, .fetch = true, .stale_if_error = 7 * 86400};
	return 0;
}

static void assert_accepted(void)
{
	struct request *r = ask("GET", "/t1/authorize", QUERY, NULL);

	if (reply_test_status(r) != 303)
		fail_saying("%d %s", reply_test_status(r), reply_test_body(r).base);
	assert_string_equal(DOUBLE.asked, "authorize");
	assert_string_equal(DOUBLE.kept.client_id, URL);
	request_test_free(r);
}

static void assert_refused(const char *text)
{
	struct request *r = ask("GET", "/t1/authorize", QUERY, NULL);

	assert_int_equal(reply_test_status(r), 400);
	assert_null(reply_test_header(r, "location"));
	if (!body_has(r, text))
		fail_saying("%s: %s", text, reply_test_body(r).base);
	assert_false(body_has(r, "app.example"));
	assert_true(DOUBLE.asked == NULL || strcmp(DOUBLE.asked, "authorize") != 0);
	request_test_free(r);
}

static void a_fresh_or_imported_document_needs_no_fetch(void **state)
{
	(void)state;
	DOUBLE.document.state = KEPT_FRESH;
	assert_accepted();
	DOUBLE.document.state = KEPT_IMPORTED;
	assert_accepted();
	assert_int_equal(SITE.fetched, 0);
}

static void a_document_that_came_is_kept(void **state)
{
	(void)state;
	DOUBLE.client.redirect_uri_count = 0; /* until it was put */
	SITE.answer = (struct document_fetched){.answer = DOCUMENT_CAME, .body = text_of(DOCUMENT), .lifetime = 60};
	assert_accepted();
	assert_int_equal(SITE.fetched, 1);
	assert_int_equal(SITE.held, 0);
	assert_string_equal(DOUBLE.client.origin, "document");
	DOUBLE.document = (struct document_kept){.state = KEPT_STALE, .etag = "\"a\""};
	assert_accepted();
	assert_string_equal(SITE.etag, "\"a\"");
	DOUBLE.document = (struct document_kept){.state = KEPT_WITHDRAWN};
	assert_accepted();
}

static void a_confirmation_is_believed_of_what_is_kept(void **state)
{
	(void)state;
	SITE.answer = (struct document_fetched){.answer = DOCUMENT_UNCHANGED, .lifetime = 60};
	DOUBLE.document.state = KEPT_STALE;
	assert_accepted();
	DOUBLE.document.state = KEPT_NONE;
	assert_refused("could not be read");
	DOUBLE.document.state = KEPT_WITHDRAWN;
	assert_refused("could not be read");
}

static void silence_is_borne_for_a_while(void **state)
{
	(void)state;
	SITE.answer.answer = DOCUMENT_SILENT;
	DOUBLE.document = (struct document_kept){.state = KEPT_STALE, .age = 7 * 86400};
	assert_accepted();
	DOUBLE.document.age++;
	assert_refused("could not be read");
	DOUBLE.document = (struct document_kept){.state = KEPT_WITHDRAWN, .age = 1};
	assert_refused("could not be read");
	DOUBLE.document.state = KEPT_NONE;
	assert_refused("could not be read");
}

static void what_is_gone_or_wrong_ends_new_requests(void **state)
{
	(void)state;
	SITE.answer.answer = DOCUMENT_GONE;
	DOUBLE.document.state = KEPT_STALE;
	assert_refused("does not describe it");
	assert_string_equal(DOUBLE.asked, "document_withdraw");
	DOUBLE.document.state = KEPT_NONE;
	DOUBLE.asked = NULL;
	assert_refused("does not describe it");
	assert_string_equal(DOUBLE.asked, "document_lookup");
	SITE.answer = (struct document_fetched){.answer = DOCUMENT_CAME, .body = text_of("{\"client_id\":\"x\"}")};
	DOUBLE.document.state = KEPT_STALE;
	assert_refused("does not describe it");
	assert_string_equal(DOUBLE.asked, "document_withdraw");
	assert_int_equal(SITE.held, 1);
}

static void nothing_is_fetched_where_that_is_off(void **state)
{
	(void)state;
	AUTHZ.settings.documents.fetch = false;
	DOUBLE.document.state = KEPT_NONE;
	assert_refused("could not be read");
	DOUBLE.document = (struct document_kept){.state = KEPT_STALE, .age = 5};
	assert_accepted();
	DOUBLE.document = (struct document_kept){.state = KEPT_IMPORTED};
	assert_accepted();
	AUTHZ.settings.documents.enabled = false;
	DOUBLE.asked = NULL;
	assert_refused("not taken here");
	assert_null(DOUBLE.asked);
	assert_int_equal(SITE.fetched, 0);
}

static void the_operator_is_heard_first(void **state)
{
	static const char *const SITES[] = {"app.example", NULL};

	(void)state;
	AUTHZ.settings.documents.deny = SITES;
	assert_refused("not allowed here");
	assert_null(DOUBLE.asked);
	AUTHZ.settings.documents.deny = NULL;
	DOUBLE.document.state = KEPT_DISABLED;
	DOUBLE.lookup = LOOKUP_NO_CLIENT;
	assert_refused("not registered here");
	assert_int_equal(SITE.fetched, 0);
	/* At /token as well, before anything else is looked at. */
	for (int denied = 0; denied < 2; denied++) {
		AUTHZ.settings.documents.deny = denied ? SITES : NULL;
		DOUBLE.revoke = REVOKE_NOTHING;
		DOUBLE.asked = NULL;
		struct request *r =
		    ask("POST", "/t1/token", NULL,
		        "grant_type=refresh_token&client_id=https%3A%2F%2Fapp.example%2Fclient.json&refresh_token=x");
		assert_int_equal(reply_test_status(r), denied ? 401 : 400);
		request_test_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_fresh_or_imported_document_needs_no_fetch, reset),
	    cmocka_unit_test_setup(a_document_that_came_is_kept, reset),
	    cmocka_unit_test_setup(a_confirmation_is_believed_of_what_is_kept, reset),
	    cmocka_unit_test_setup(silence_is_borne_for_a_while, reset),
	    cmocka_unit_test_setup(what_is_gone_or_wrong_ends_new_requests, reset),
	    cmocka_unit_test_setup(nothing_is_fetched_where_that_is_off, reset),
	    cmocka_unit_test_setup(the_operator_is_heard_first, reset),
	};

	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
