/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/security_event.c"

#include "authz/revocations.h"
#include "tests/unit/authz_double.h"

#include "common/encoding.h"

static const char BASIC[] = "Basic cnM6c2VjcmV0"; /* rs:secret */

static struct request *poll_with(const char *body)
{
	struct request *r = request_test(SERVICE, NULL);

	r->method = text_of("POST");
	r->path = text_of("/t1/revocations");
	r->body = text_of(body);
	request_test_header(r, "content-type", "application/json");
	request_test_header(r, "authorization", BASIC);
	router_run(ROUTER, r);
	return r;
}

static json_t *answer_of(struct request *r)
{
	return json_read(&r->pool, reply_test_body(r), NULL);
}

static json_t *claims_of(struct request *r, const char *jti)
{
	const char *why = NULL;
	const char *set = json_string_value(json_object_get(json_object_get(answer_of(r), "sets"), jti));
	json_t *claims = jws_verify(&r->pool, &DOUBLE_KEYS, "secevent+jwt", text_of(set), &why);

	if (claims == NULL)
		fail_saying("%s", why);
	assert_string_equal(json_string_value(json_object_get(claims, "jti")), jti);
	assert_string_equal(json_string_value(json_object_get(claims, "iss")), "http://127.0.0.1:9400/t1");
	assert_string_equal(json_string_value(json_object_get(claims, "aud")), "https://r.example/mcp");
	assert_int_equal(json_integer_value(json_object_get(claims, "iat")), 1700000000);
	return claims;
}

static void expect_event(struct request *r, const char *jti, const char *uri, const char *sub_id, const char *payload)
{
	json_t *claims = claims_of(r, jti), *events = json_object_get(claims, "events");

	assert_int_equal(json_object_size(events), 1);
	assert_string_equal(json_canonical(&r->pool, json_object_get(claims, "sub_id")).base, sub_id);
	assert_string_equal(json_canonical(&r->pool, json_object_get(events, uri)).base, payload);
}

static struct feed_page page_of(struct feed_event *events, size_t count)
{
	return (struct feed_page){
	    .resource = "https://r.example/mcp",
	    .position = {.timeline = "00000001", .base = "724:724:", .upper = count > 0 ? "731:731:" : NULL},
	    .events = events,
	    .count = count,
	    .now = 1700000000,
	};
}

static void events_are_signed_with_where_they_stand(void **state)
{
	struct feed_event events[] = {
	    {11, FEED_GRANT, "0e1d", "client_asked", 1699999999}, {12, FEED_TOKEN, "j-1", NULL, 1699999999},
	    {13, FEED_CLIENT, "c-1", NULL, 1699999999},           {14, FEED_SESSION, "5e55", "per", 1699999999},
	    {15, FEED_CLAIMS, "0e1e", "a b", 1699999999},         {16, FEED_VERIFICATION, "", NULL, 1699999999},
	    {17, FEED_CLAIMS, "0e1f", NULL, 1699999999},
	};

	(void)state;
	DOUBLE.feed = FEED_EVENTS;
	DOUBLE.feed_page = page_of(events, 7);
	struct request *r = poll_with("{\"ack\":[\"00000001~724:724:~~1\"],\"maxEvents\":7}");
	assert_int_equal(reply_test_status(r), 200);
	assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
	assert_string_equal(DOUBLE.asked, "feed_poll");
	assert_string_equal(DOUBLE.proof.client_id, "rs");
	assert_string_equal(DOUBLE.feed_asked.base, "724:724:");
	assert_int_equal(DOUBLE.limit, 7);
	assert_int_equal(json_object_size(json_object_get(answer_of(r), "sets")), 7);
	assert_null(json_object_get(answer_of(r), "moreAvailable"));
	expect_event(r, "00000001~724:724:~731:731:~11", OAUTH_EVENT "tokens-revoked",
	             "{\"format\":\"opaque\",\"id\":\"0e1d\"}",
	             "{\"event_timestamp\":1699999999,\"reason\":\"client_asked\"}");
	expect_event(r, "00000001~724:724:~731:731:~12", OAUTH_EVENT "token-revoked",
	             "{\"format\":\"jwt_id\",\"iss\":\"http://127.0.0.1:9400/t1\",\"jti\":\"j-1\"}",
	             "{\"event_timestamp\":1699999999}");
	expect_event(r, "00000001~724:724:~731:731:~13", OAUTH_EVENT "client-disabled",
	             "{\"format\":\"opaque\",\"id\":\"c-1\"}", "{\"event_timestamp\":1699999999}");
	expect_event(r, "00000001~724:724:~731:731:~14", CAEP_EVENT "session-revoked",
	             "{\"format\":\"iss_sub\",\"iss\":\"http://127.0.0.1:9400/t1\",\"sub\":\"per\"}",
	             "{\"event_timestamp\":1699999999}");
	expect_event(r, "00000001~724:724:~731:731:~15", CAEP_EVENT "token-claims-change",
	             "{\"format\":\"opaque\",\"id\":\"0e1e\"}",
	             "{\"claims\":{\"scope\":\"a b\"},\"event_timestamp\":1699999999}");
	expect_event(r, "00000001~724:724:~731:731:~16", SSF_EVENT "verification",
	             "{\"format\":\"opaque\",\"id\":\"https://r.example/mcp\"}", "{}");
	expect_event(r, "00000001~724:724:~731:731:~17", CAEP_EVENT "token-claims-change",
	             "{\"format\":\"opaque\",\"id\":\"0e1f\"}",
	             "{\"claims\":{\"scope\":\"\"},\"event_timestamp\":1699999999}");
	request_test_free(r);
}

static void a_full_page_says_that_there_is_more(void **state)
{
	struct feed_event event = {11, FEED_GRANT, "0e1d", NULL, 1};

	(void)state;
	DOUBLE.feed = FEED_EVENTS;
	DOUBLE.feed_page = page_of(&event, 1);
	DOUBLE.feed_page.more = true;
	struct request *r = poll_with("{}");
	assert_true(json_is_true(json_object_get(answer_of(r), "moreAvailable")));
	request_test_free(r);
}

/* Acknowledged together they must fit into the next request. */
static void ids_that_are_long_come_a_few_at_a_time(void **state)
{
	static char base[8000];
	static struct feed_event events[POLL_EVENTS_MAX];

	(void)state;
	strcpy(base, "1000:9999:1000");
	for (int i = 1001; strlen(base) < sizeof(base) - 10; i++)
		sprintf(base + strlen(base), ",%d", i);
	for (int i = 0; i < POLL_EVENTS_MAX; i++)
		events[i] = (struct feed_event){i + 1, FEED_GRANT, "0e1d", NULL, 1};
	DOUBLE.feed = FEED_EVENTS;
	DOUBLE.feed_page = page_of(events, POLL_EVENTS_MAX);
	DOUBLE.feed_page.position.base = base;
	struct request *r = poll_with("{}");
	json_t *sets = json_object_get(answer_of(r), "sets"), *set;
	size_t count = json_object_size(sets), size = 0;
	const char *jti;
	json_object_foreach (sets, jti, set)
		size += strlen(jti) + 3;
	assert_true(count > 1 && count < 10 && size < 60000);
	assert_true(json_is_true(json_object_get(answer_of(r), "moreAvailable")));
	request_test_free(r);
}

static void whoever_begins_is_told_where(void **state)
{
	(void)state;
	DOUBLE.feed = FEED_RESET;
	DOUBLE.feed_page = page_of(NULL, 0);
	struct request *r = poll_with("{\"ack\":[\"unknown\"]}");
	assert_null(DOUBLE.feed_asked.timeline);
	json_t *sets = json_object_get(answer_of(r), "sets");
	assert_int_equal(json_object_size(sets), 1);
	const char *jti = json_object_iter_key(json_object_iter(sets));
	struct feed_position p;
	assert_true(feed_position_read(&r->pool, text_of(jti), &p));
	assert_null(p.upper);
	expect_event(r, jti, SSF_EVENT "verification", "{\"format\":\"opaque\",\"id\":\"https://r.example/mcp\"}",
	             "{}");
	struct request *other = poll_with("{}");
	assert_null(json_object_get(json_object_get(answer_of(other), "sets"), jti)); /* ids are unique */
	request_test_free(other);
	request_test_free(r);
}

static void nothing_is_an_empty_set(void **state)
{
	(void)state;
	DOUBLE.feed = FEED_NOTHING;
	struct request *r = poll_with("{\"ack\":[\"00000001~724:724:~~1\"],\"returnImmediately\":true}");
	assert_string_equal(reply_test_body(r).base, "{\"sets\":{}}");
	request_test_free(r);
}

static void acknowledging_only_proves_the_caller(void **state)
{
	(void)state;
	DOUBLE.revoke = REVOKE_NOTHING;
	struct request *r = poll_with("{\"ack\":[\"00000001~724:724:~~1\"],\"maxEvents\":0}");
	assert_string_equal(DOUBLE.asked, "prove_client");
	assert_string_equal(reply_test_body(r).base, "{\"sets\":{}}");
	request_test_free(r);
	DOUBLE.revoke = REVOKE_CLIENT_REFUSED;
	r = poll_with("{\"maxEvents\":0}");
	assert_int_equal(reply_test_status(r), 401);
	request_test_free(r);
}

static void others_are_refused(void **state)
{
	(void)state;
	DOUBLE.feed = FEED_CLIENT_REFUSED;
	struct request *r = poll_with("{}");
	assert_int_equal(reply_test_status(r), 401);
	assert_non_null(reply_test_header(r, "www-authenticate"));
	request_test_free(r);
	r = poll_with("{\"ack\":1}");
	assert_int_equal(reply_test_status(r), 400);
	request_test_free(r);
}

static void without_a_key_nothing_is_told(void **state)
{
	struct feed_event event = {11, FEED_GRANT, "0e1d", NULL, 1};
	size_t count = DOUBLE_KEYS.count;

	(void)state;
	DOUBLE_KEYS.count = 0;
	DOUBLE.feed_page = page_of(&event, 1);
	DOUBLE.feed = FEED_EVENTS;
	struct request *r = poll_with("{}");
	assert_int_equal(reply_test_status(r), 503);
	request_test_free(r);
	DOUBLE.feed = FEED_RESET;
	r = poll_with("{}");
	assert_int_equal(reply_test_status(r), 503);
	request_test_free(r);
	DOUBLE_KEYS.count = count;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(events_are_signed_with_where_they_stand, double_reset),
	    cmocka_unit_test_setup(a_full_page_says_that_there_is_more, double_reset),
	    cmocka_unit_test_setup(ids_that_are_long_come_a_few_at_a_time, double_reset),
	    cmocka_unit_test_setup(whoever_begins_is_told_where, double_reset),
	    cmocka_unit_test_setup(nothing_is_an_empty_set, double_reset),
	    cmocka_unit_test_setup(acknowledging_only_proves_the_caller, double_reset),
	    cmocka_unit_test_setup(others_are_refused, double_reset),
	    cmocka_unit_test_setup(without_a_key_nothing_is_told, double_reset),
	};

	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
