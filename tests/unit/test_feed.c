/* SPDX-License-Identifier: Apache-2.0 */
/* The receiver of the revocation feed, with the way to the authorization server doubled: what a poll says, what follows
 * from its answer, and when the feed is live. */
#include "mcp/caller/feed.c"
#include "mcp/caller/feed_event.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/jws.h"

#define ISSUER "https://as.example"
#define RESOURCE "https://mcp.example/mcp"
#define OAUTH "https://schemas.openid.net/secevent/oauth/event-type/"
#define CAEP "https://schemas.openid.net/secevent/caep/event-type/"
#define VERIFICATION "https://schemas.openid.net/secevent/ssf/event-type/verification"

/* ---- doubles ---- */

static h2o_mem_pool_t pool;
static h2o_loop_t *loop;
static struct jwk_set keys;
static bool keys_known;
static unsigned keys_read_again;
static const char *url;

const struct jwk_set *jwks_current(const struct jwks *jwks)
{
	(void)jwks;
	return keys_known ? &keys : NULL;
}

const char *jwks_revocation_feed_url(const struct jwks *jwks)
{
	(void)jwks;
	return url;
}

static int64_t keys_read_ms;

int64_t jwks_read_ms(const struct jwks *jwks)
{
	(void)jwks;
	return keys_read_ms;
}

void jwks_read_again(struct jwks *jwks)
{
	(void)jwks;
	keys_read_again++;
}

static unsigned polls;
static bool waits;
static json_t *poll_body;
static egress_done_fn *poll_done;
static void *poll_data;

struct egress_flight *egress_fetch(struct egress *egress, const struct egress_request *request, egress_done_fn *done,
                                   void *data)
{
	(void)egress;
	assert_string_equal(request->method, "POST");
	assert_string_equal(request->url, "https://as.example/revocations");
	assert_string_equal(request->content_type, "application/json");
	assert_string_equal(request->authorization, "Basic x");
	polls++;
	poll_body = json_read(&pool, h2o_iovec_init(text_copy(&pool, request->body), request->body.len), NULL);
	waits = json_is_false(json_object_get(poll_body, "returnImmediately"));
	poll_done = done;
	poll_data = data;
	return NULL;
}

static char seen[1024]; /* "kind id;" */

static void on_event(void *data, const struct feed_event *event)
{
	assert_ptr_equal(data, seen);
	size_t len = strlen(seen);
	snprintf(seen + len, sizeof(seen) - len, "%d %s;", event->kind, event->id.base != NULL ? event->id.base : "");
}

/* ---- the other side ---- */

static int set_up(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	loop = h2o_evloop_create();
	keys = (struct jwk_set){jwk_generate(&pool, JWS_ES256), 1};
	return log_open("test", "/dev/null", LOG_INFO) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static json_t *claims_of(const char *jti, const char *uri, const char *subject)
{
	json_t *claims = json_pack("{s:s, s:s, s:I, s:s, s:{s:{s:i}}}", "iss", ISSUER, "aud", RESOURCE, "iat",
	                           (json_int_t)clock_now(), "jti", jti, "events", uri, "event_timestamp", 1);
	if (subject != NULL)
		json_object_set_new(claims, "sub_id", json_loads(subject, 0, NULL));
	return json_keep(&pool, claims);
}

static const char *signed_set(const json_t *claims)
{
	return jws_sign(&pool, &keys.keys[0], "secevent+jwt", json_text(&pool, claims)).base;
}

static const char *set_of(const char *jti, const char *uri, const char *subject)
{
	return signed_set(claims_of(jti, uri, subject));
}

static const char *subject_of(const char *format, const char *member, const char *id)
{
	return text_printf(&pool, "{\"format\":\"%s\",\"iss\":\"" ISSUER "\",\"%s\":\"%s\"}", format, member, id);
}

static void answer_text(int status, const char *body)
{
	struct egress_answer answer = {
	    .status = status, .problem = status == 0 ? "timed out" : NULL, .body = text_of(body)};
	egress_done_fn *done = poll_done;

	assert_non_null(done);
	poll_done = NULL;
	done(poll_data, &answer);
}

static void answer_sets(const char *jti1, const char *set1, const char *jti2, const char *set2, bool more)
{
	json_t *body = json_pack("{s:{s:s}, s:b}", "sets", jti1, set1, "moreAvailable", more);
	if (jti2 != NULL)
		json_object_set_new(json_object_get(body, "sets"), jti2, json_string(set2));
	answer_text(200, json_text(&pool, json_keep(&pool, body)).base);
}

static struct feed *start(void)
{
	struct feed_options options = {
	    .loop = loop,
	    .issuer = ISSUER,
	    .resource = RESOURCE,
	    .authorization = "Basic x",
	    .on_event = on_event,
	    .data = seen,
	};

	polls = keys_read_again = 0;
	poll_done = NULL;
	seen[0] = '\0';
	keys_known = true;
	url = "https://as.example/revocations";
	struct feed *feed = feed_open(&options);
	feed_tick(feed);
	return feed;
}

/* A feed that has its position. */
static struct feed *start_live(void)
{
	struct feed *feed = start();

	answer_sets("v1", set_of("v1", VERIFICATION, NULL), NULL, NULL, false);
	assert_true(feed_is_live(feed, clock_monotonic_ms()));
	seen[0] = '\0';
	return feed;
}

static void end(struct feed *feed)
{
	feed_stop(feed);
	if (poll_done != NULL)
		answer_text(0, NULL);
	unsigned before = polls;
	feed_tick(feed);
	assert_int_equal(polls, before);
	feed_close(feed);
	h2o_evloop_run(loop, 0);
}

static bool live(const struct feed *feed)
{
	return feed_is_live(feed, clock_monotonic_ms());
}

static void wait_for_poll(unsigned count)
{
	int64_t until_ms = clock_monotonic_ms() + 5000;

	while (polls < count) {
		assert_true(clock_monotonic_ms() < until_ms);
		h2o_evloop_run(loop, 10);
	}
}

static const char *sent(const char *member)
{
	const json_t *value = json_object_get(poll_body, member);

	return value != NULL ? json_text(&pool, value).base : "";
}

/* ---- tests ---- */

static void test_nothing_without_an_endpoint(void **state)
{
	(void)state;
	struct feed *feed = start();
	end(feed);
	url = NULL;
	polls = 0;
	feed = feed_open(&(struct feed_options){.loop = loop});
	feed_tick(feed);
	assert_int_equal(polls, 0);
	assert_false(live(feed));
	assert_false(feed_is_live(NULL, 0));
	end(feed);
}

static void test_begins_with_a_verification(void **state)
{
	(void)state;
	struct feed *feed = start();
	assert_int_equal(polls, 1);
	assert_string_equal(sent("ack"), "");
	assert_false(live(feed)); /* open, but nothing was answered yet */
	assert_false(waits);
	answer_sets("v1", set_of("v1", VERIFICATION, NULL), NULL, NULL, false);
	assert_string_equal(seen, "5 ;");
	assert_int_equal(keys_read_again, 1);
	assert_int_equal(polls, 2);
	assert_string_equal(sent("ack"), "[\"v1\"]");
	assert_true(live(feed));
	assert_true(waits);
	/* and no longer than a poll may take */
	assert_false(feed_is_live(feed, clock_monotonic_ms() + POLL_TIMEOUT_MS + 1));
	end(feed);
}

static void test_events_are_handed_on_and_acknowledged(void **state)
{
	(void)state;
	struct feed *feed = start_live();
	answer_sets("a", set_of("a", OAUTH "tokens-revoked", subject_of("opaque", "id", "g1")), "b",
	            set_of("b", OAUTH "token-revoked", subject_of("jwt_id", "jti", "t1")), true);
	assert_string_equal(seen, "1 g1;2 t1;");
	assert_string_equal(sent("ack"), "[\"a\",\"b\"]");
	assert_false(live(feed)); /* there is more that is not known here yet */
	assert_false(waits);
	answer_sets("c", set_of("c", OAUTH "client-disabled", subject_of("opaque", "id", "c1")), "d",
	            set_of("d", CAEP "token-claims-change", subject_of("opaque", "id", "g2")), false);
	assert_string_equal(seen, "1 g1;2 t1;3 c1;4 g2;");
	assert_true(live(feed));
	/* an ended session and what nobody here knows are acknowledged */
	answer_sets("e", set_of("e", CAEP "session-revoked", subject_of("iss_sub", "sub", "s1")), "f",
	            set_of("f", "https://x.example/event", NULL), false);
	assert_string_equal(seen, "1 g1;2 t1;3 c1;4 g2;");
	assert_string_equal(sent("ack"), "[\"e\",\"f\"]");
	assert_true(live(feed));
	end(feed);
}

static void test_an_empty_answer_keeps_the_position(void **state)
{
	(void)state;
	struct feed *feed = start_live();
	feed->polled_ms -= 20000;
	answer_text(200, "{\"sets\":{}}");
	assert_int_equal(polls, 3);
	assert_string_equal(sent("ack"), "[\"v1\"]");
	assert_true(live(feed));
	/* one that comes at once is no long poll: it must not become a storm */
	answer_text(200, "{\"sets\":{}}");
	assert_int_equal(polls, 3);
	assert_false(live(feed));
	wait_for_poll(4);
	answer_text(200, "{\"sets\":{},\"moreAvailable\":true}");
	assert_int_equal(polls, 4);
	assert_false(live(feed));
	wait_for_poll(5);
	end(feed);
}

static void test_trouble_ends_the_life_at_once(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *body;
	} answers[] = {{0, NULL},
	               {503, "{}"},
	               {401, "{}"},
	               {404, ""},
	               {200, "[]"},
	               {200, "{}"},
	               {200, "{\"sets\":[]}"},
	               {200, "{\"sets\":{\"a\":1}}"},
	               {200, "{\"sets\":{},\"moreAvailable\":1}"},
	               {200, "{\"sets\":{\"\":\"x\"}}"}};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct feed *feed = start_live();
		answer_text(answers[i].status, answers[i].body);
		assert_false(live(feed));
		assert_int_equal(polls, 2); /* not at once */
		assert_string_equal(seen, "");
		wait_for_poll(3);
		assert_string_equal(sent("ack"), "[\"v1\"]"); /* nothing was lost */
		assert_false(live(feed));                     /* open again, but the server has not answered */
		assert_false(waits);                          /* whether it was heard of all is known at once */
		answer_text(200, "{\"sets\":{}}");
		assert_true(live(feed));
		assert_true(waits);
		end(feed);
	}
}

static void test_a_position_that_is_not_understood_is_given_up(void **state)
{
	(void)state;
	struct feed *feed = start_live();
	answer_text(400, "{}");
	wait_for_poll(3);
	assert_string_equal(sent("ack"), "");
	end(feed);
}

static void test_backoff_grows_and_ends(void **state)
{
	(void)state;
	struct feed *feed = start_live();
	for (int i = 0; i < 10; i++)
		poll_later(feed);
	assert_int_equal(feed->backoff_ms, BACKOFF_MOST_MS);
	assert_true(feed->due_ms <= clock_monotonic_ms() + BACKOFF_MOST_MS);
	assert_true(feed->due_ms >= clock_monotonic_ms() + BACKOFF_MOST_MS / 2 - 100);
	feed->polled_ms -= 20000;
	feed->due_ms = 0;
	answer_text(200, "{\"sets\":{}}");
	assert_int_equal(feed->backoff_ms, 0);
	end(feed);
}

/* What cannot be believed may have been the death of anything. */
static void test_a_bad_set_forgets_everything(void **state)
{
	(void)state;
	struct jwk_set own = keys, other = {jwk_generate(&pool, JWS_ES256), 1};
	keys = other;
	const char *forged = set_of("a", OAUTH "tokens-revoked", subject_of("opaque", "id", "g1"));
	keys = own;
	struct feed *feed = start_live();
	/* its key may be a new one: nothing is acknowledged before the keys were read */
	answer_sets("a", forged, "b", set_of("b", OAUTH "tokens-revoked", subject_of("opaque", "id", "g2")), false);
	assert_string_equal(seen, "5 ;"); /* but they may tell of any death */
	assert_int_equal(keys_read_again, 3);
	assert_false(live(feed));
	wait_for_poll(3);
	*seen = '\0';
	assert_string_equal(sent("setErrs"), "");
	keys_read_ms = INT64_MAX;
	answer_sets("a", forged, "b", set_of("b", OAUTH "tokens-revoked", subject_of("opaque", "id", "g2")), false);
	keys_read_ms = 0;
	assert_string_equal(seen, "1 g2;5 ;");
	assert_false(live(feed));
	wait_for_poll(4);
	assert_string_equal(sent("ack"), "[\"b\"]");
	const json_t *error = json_object_get(json_object_get(poll_body, "setErrs"), "a");
	assert_string_equal(json_get_text(error, "err").base, "invalid_request");
	assert_string_equal(json_get_text(error, "description").base, "kid is unknown");
	feed->polled_ms -= 20000;
	answer_text(200, "{\"sets\":{}}");
	assert_string_equal(sent("setErrs"), ""); /* told once */
	assert_true(live(feed));
	end(feed);
}

static void test_a_feed_that_always_begins_is_paced(void **state)
{
	(void)state;
	struct feed *feed = start_live();
	answer_sets("v2", set_of("v2", VERIFICATION, NULL), NULL, NULL, false);
	assert_string_equal(seen, "5 ;");
	assert_int_equal(polls, 2);
	wait_for_poll(3);
	assert_string_equal(sent("ack"), "[\"v2\"]");
	end(feed);
}

/* A server that does not take acknowledgements, or one that sends what it was not asked for. */
static void test_a_feed_that_repeats_or_floods_is_paced(void **state)
{
	(void)state;
	struct feed *feed = start_live();
	const char *set = set_of("a", OAUTH "tokens-revoked", subject_of("opaque", "id", "g1"));
	answer_sets("a", set, NULL, NULL, false);
	assert_int_equal(polls, 3);
	assert_string_equal(seen, "1 g1;");
	answer_sets("a", set, "b", set_of("b", OAUTH "tokens-revoked", subject_of("opaque", "id", "g2")), false);
	assert_int_equal(polls, 3);
	assert_false(live(feed));
	wait_for_poll(4);
	assert_string_equal(sent("ack"), "[\"a\"]"); /* nothing was lost */
	answer_sets("b", set_of("b", OAUTH "tokens-revoked", subject_of("opaque", "id", "g2")), NULL, NULL, false);
	assert_string_equal(seen, "1 g1;1 g2;");
	assert_true(live(feed));
	json_t *many = json_keep(&pool, json_pack("{s:{}}", "sets"));
	for (int i = 0; i <= EVENTS_MAX; i++)
		json_object_set_new(json_object_get(many, "sets"), text_printf(&pool, "m%d", i), json_string(set));
	answer_text(200, json_text(&pool, many).base);
	assert_false(live(feed));
	assert_string_equal(seen, "1 g1;1 g2;");
	end(feed);
}

static const char *why_not(const json_t *claims, const char *jti)
{
	struct feed_event event;
	const char *why = NULL;

	return feed_event_read(claims, ISSUER, RESOURCE, text_of(jti), &event, &why) ? NULL : why;
}

static void test_claims_are_checked(void **state)
{
	(void)state;
	const char *uri = OAUTH "token-revoked", *subject = subject_of("jwt_id", "jti", "t");
	assert_null(why_not(claims_of("j", uri, subject), "j"));
	assert_string_equal(why_not(claims_of("j", uri, subject), "k"), "jti is not that of its delivery");
	assert_string_equal(why_not(claims_of("j", uri, subject_of("opaque", "id", "t")), "j"),
	                    "the subject does not fit the event");
	assert_string_equal(
	    why_not(claims_of("j", uri, "{\"format\":\"jwt_id\",\"iss\":\"" ISSUER "\",\"jti\":\"\"}"), "j"),
	    "the subject does not fit the event");
	assert_string_equal(
	    why_not(claims_of("j", uri, "{\"format\":\"jwt_id\",\"iss\":\"https://b.example\",\"jti\":\"t\"}"), "j"),
	    "the subject does not fit the event");
	assert_string_equal(why_not(claims_of("j", uri, NULL), "j"), "the subject does not fit the event");
	static const struct {
		const char *member, *value, *why;
	} changes[] = {
	    {"iss", "\"https://b.example\"", "iss is another one"},
	    {"aud", "\"https://b.example\"", "aud is another one"},
	    {"aud", "[\"x\"]", "aud is another one"},
	    {"aud", "[\"x\",\"" RESOURCE "\"]", NULL},
	    {"iat", "\"1\"", "iat is missing or in the future"},
	    {"iat", "99999999999", "iat is missing or in the future"},
	    {"iat", "1", NULL},
	    {"exp", "1", "exp is not of an event"},
	    {"events", "{}", "events is missing or empty"},
	    {"events", "[]", "events is missing or empty"},
	    {"events", "{\"x\":1}", "an event is no object"},
	};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		json_t *claims = claims_of("j", uri, subject);
		json_object_set_new(claims, changes[i].member, json_loads(changes[i].value, JSON_DECODE_ANY, NULL));
		const char *why = why_not(claims, "j");
		if (changes[i].why == NULL)
			assert_null(why);
		else
			assert_string_equal(why, changes[i].why);
	}
}

/* Two things at once are more than one subject can say. */
static void test_several_events_forget_everything(void **state)
{
	(void)state;
	struct feed_event event;
	const char *why;
	json_t *claims = claims_of("j", OAUTH "tokens-revoked", subject_of("opaque", "id", "g"));
	json_object_set_new(json_object_get(claims, "events"), "https://x.example/", json_object());
	assert_true(feed_event_read(claims, ISSUER, RESOURCE, text_of("j"), &event, &why));
	assert_int_equal(event.kind, FEED_GRANT_DEAD);
	json_object_set_new(json_object_get(claims, "events"), OAUTH "client-disabled", json_object());
	assert_true(feed_event_read(claims, ISSUER, RESOURCE, text_of("j"), &event, &why));
	assert_int_equal(event.kind, FEED_EVERYTHING);
}

/* RFC 8417, 4: nothing else that the server signs passes for an event. */
static void test_other_types_are_no_events(void **state)
{
	(void)state;
	struct feed_event event;
	const char *why;
	const json_t *claims = claims_of("j", OAUTH "tokens-revoked", subject_of("opaque", "id", "g"));
	h2o_iovec_t token = jws_sign(&pool, &keys.keys[0], "at+jwt", json_text(&pool, claims));
	assert_false(feed_event_verify(&pool, &keys, ISSUER, RESOURCE, text_of("j"), token, &event, &why));
	assert_string_equal(why, "typ is another one");
	assert_true(
	    feed_event_verify(&pool, &keys, ISSUER, RESOURCE, text_of("j"), text_of(signed_set(claims)), &event, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_without_an_endpoint),
	    cmocka_unit_test(test_begins_with_a_verification),
	    cmocka_unit_test(test_events_are_handed_on_and_acknowledged),
	    cmocka_unit_test(test_an_empty_answer_keeps_the_position),
	    cmocka_unit_test(test_trouble_ends_the_life_at_once),
	    cmocka_unit_test(test_a_position_that_is_not_understood_is_given_up),
	    cmocka_unit_test(test_backoff_grows_and_ends),
	    cmocka_unit_test(test_a_bad_set_forgets_everything),
	    cmocka_unit_test(test_a_feed_that_always_begins_is_paced),
	    cmocka_unit_test(test_a_feed_that_repeats_or_floods_is_paced),
	    cmocka_unit_test(test_claims_are_checked),
	    cmocka_unit_test(test_several_events_forget_everything),
	    cmocka_unit_test(test_other_types_are_no_events),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
