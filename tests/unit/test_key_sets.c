/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

static int64_t NOW_MS = 1000000;

static int64_t now_ms(void)
{
	return NOW_MS;
}
#define clock_monotonic_ms now_ms

#include "authz/key_sets.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#include "common/router.h"

/* ---- the door, doubled: it keeps the last request until the test answers ---- */

static struct {
	int asked;
	char url[256];
	bool guarded;
	egress_done_fn *done;
	void *data;
} DOOR;

struct egress_flight *egress_fetch(struct egress *egress, const struct egress_request *request, egress_done_fn *done,
                                   void *data)
{
	(void)egress;
	DOOR.asked++;
	snprintf(DOOR.url, sizeof(DOOR.url), "%s", request->url);
	DOOR.guarded = request->guarded;
	DOOR.done = done;
	DOOR.data = data;
	return NULL;
}

static int64_t LIFETIME;

int64_t http_cache_lifetime(const struct http_cache *c)
{
	(void)c;
	return LIFETIME;
}

static void answer(int status, const char *body)
{
	struct egress_answer a = {.status = status, .problem = "timed out", .body = text_of(body)};
	DOOR.done(DOOR.data, &a);
}

#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define KEY(kid) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"" kid "\",\"x\":\"" X "\",\"y\":\"" Y "\"}"
#define SET(keys) "{\"keys\":[" keys "]}"

static struct key_sets *sets;
static h2o_mem_pool_t pool;
static const struct service SERVICE = {.name = "test"};
static const struct endpoint ENDPOINT = {.method = "POST", .path = "/"};

static int setup(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	memset(&DOOR, 0, sizeof(DOOR));
	LIFETIME = -1;
	sets = key_sets_open(NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key_sets_close(sets);
	h2o_mem_clear_pool(&pool);
	return 0;
}

static struct client_keys published(uint8_t n)
{
	return (struct client_keys){
	    .client_id = "c", .digest = {n, 1}, .jwks_uri = text_printf(&pool, "https://c%d.example/jwks", n)};
}

static struct client_keys registered(uint8_t n, const char *jwks)
{
	return (struct client_keys){.client_id = "c", .digest = {n, 2}, .jwks = jwks};
}

/* ---- steps of a request ---- */

static int resumed;

static step_result count(struct request *r)
{
	(void)r;
	resumed++;
	return STEP_DONE;
}

static step_fn *const AFTER[] = {count, NULL};

static struct request *request(void)
{
	struct request *r = request_test(&SERVICE, &ENDPOINT);
	r->next_step = AFTER;
	return r;
}

static bool waits(struct request *r,
                  step_result (*ask)(struct key_sets *, struct request *, const struct client_keys *),
                  const struct client_keys *client)
{
	r->waiting = ask(sets, r, client) == STEP_WAIT;
	return r->waiting;
}

static bool knows(const struct client_keys *client, const char *kid)
{
	const struct key_set *set = key_sets_find(sets, client);
	return set != NULL && jwk_set_find(set->keys, text_of(kid)) != NULL;
}

static void reads_sets(void **state)
{
	(void)state;
	const char *error;
	const struct key_set *set =
	    key_set_read(&pool, json_read(&pool, text_of(SET(KEY("a") ",{\"kty\":\"EC\",\"x5c\":[\"AAAA\"]}")), NULL),
	                 JWS_RS256, &error);
	assert_non_null(set);
	assert_int_equal(set->keys->count, 1);
	assert_int_equal(set->certificate_count, 1);
	static const char *const BAD[] = {
	    "{}",
	    "{\"keys\":{}}",
	    SET("1"),
	    SET("{\"kty\":\"oct\",\"k\":\"AAAA\"}"),
	    SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\",\"d\":\"AAAA\"}"),
	    SET(KEY("a") "," KEY("a")),
	    SET("{\"kty\":\"EC\",\"x5c\":[\"****\"]}"),
	    SET("{\"kty\":\"EC\",\"x5c\":[\"\"]}"),
	    SET("{\"kty\":\"EC\",\"x5c\":[1]}"),
	    SET("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}"),
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		if (key_set_read(&pool, json_read(&pool, text_of(BAD[i]), NULL), JWS_RS256, &error) != NULL)
			print_error("%s\n", BAD[i]), _fail(__FILE__, __LINE__);
}

static void registered_keys_are_read_once(void **state)
{
	(void)state;
	struct client_keys client = registered(1, SET(KEY("a"))), broken = registered(2, "{}");
	struct request *r = request();
	assert_false(waits(r, key_sets_prepare, &client));
	assert_true(knows(&client, "a"));
	const struct key_set *set = key_sets_find(sets, &client);
	assert_false(waits(r, key_sets_prepare, &client));
	assert_ptr_equal(key_sets_find(sets, &client), set);
	assert_false(waits(r, key_sets_refresh, &client));
	assert_false(waits(r, key_sets_prepare, &broken));
	assert_null(key_sets_find(sets, &broken));
	NOW_MS += 10 * STALE_MS;
	assert_true(knows(&client, "a"));
	assert_int_equal(DOOR.asked, 0);
	for (int n = 1; n < 1000; n++) { /* more than there is room for */
		struct client_keys other = registered(1, SET(KEY("b")));
		memcpy(other.digest + 2, &n, sizeof(n));
		assert_false(waits(r, key_sets_prepare, &other));
		assert_true(knows(&other, "b"));
	}
	assert_false(knows(&client, "a"));
	assert_false(waits(r, key_sets_prepare, &client));
	assert_true(knows(&client, "a"));
	request_test_free(r);
}

static void published_keys_are_fetched_once_for_all_who_wait(void **state)
{
	(void)state;
	struct client_keys client = published(1);
	struct request *first = request(), *second = request();
	resumed = 0;
	assert_true(waits(first, key_sets_prepare, &client));
	assert_true(waits(second, key_sets_prepare, &client));
	assert_int_equal(DOOR.asked, 1);
	assert_true(DOOR.guarded);
	assert_string_equal(DOOR.url, client.jwks_uri);
	assert_null(key_sets_find(sets, &client));
	answer(200, SET(KEY("a")));
	assert_int_equal(resumed, 2);
	assert_true(knows(&client, "a"));
	assert_false(waits(first, key_sets_prepare, &client));
	request_test_free(first);
	request_test_free(second);
}

static void fresh_for_as_long_as_the_answer_says(void **state)
{
	(void)state;
	static const struct {
		int64_t lifetime_s, fresh_ms;
	} CASES[] = {{-1, FRESH_OTHERWISE_MS}, {0, FRESH_LEAST_MS}, {120, 120000}, {86400, FRESH_MOST_MS}};
	struct client_keys client = published(1);
	struct request *r = request();
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		LIFETIME = CASES[i].lifetime_s;
		assert_true(waits(r, key_sets_prepare, &client));
		r->next_step = AFTER;
		answer(200, SET(KEY("a")));
		NOW_MS += CASES[i].fresh_ms;
		assert_false(waits(r, key_sets_prepare, &client));
		NOW_MS += 1;
		r->next_step = AFTER;
	}
	request_test_free(r);
}

static void unknown_keys_ask_once_a_minute(void **state)
{
	(void)state;
	struct client_keys client = published(1);
	struct request *r = request();
	assert_true(waits(r, key_sets_prepare, &client));
	answer(200, SET(KEY("a")));
	r->next_step = AFTER;
	assert_false(waits(r, key_sets_refresh, &client));
	NOW_MS += UNKNOWN_KEY_MS - 1;
	assert_false(waits(r, key_sets_refresh, &client));
	NOW_MS += 1;
	assert_true(waits(r, key_sets_refresh, &client));
	NOW_MS += 1;
	answer(200, SET(KEY("b")));
	assert_true(knows(&client, "b"));
	assert_false(knows(&client, "a"));
	assert_int_equal(DOOR.asked, 2);
	request_test_free(r);
}

/* The client has changed its keys and its server is away: nobody can say that an unknown key is none of its own. */
static void attack_an_unknown_key_while_the_newest_cannot_be_read(void **state)
{
	(void)state;
	struct client_keys client = published(1), own = registered(2, SET(KEY("a")));
	struct request *r = request();
	assert_true(waits(r, key_sets_prepare, &client));
	NOW_MS += 1;
	answer(200, SET(KEY("a")));
	assert_false(key_sets_are_in_doubt(sets, &client));
	NOW_MS += UNKNOWN_KEY_MS;
	r->next_step = AFTER;
	assert_true(waits(r, key_sets_refresh, &client));
	answer(500, "");
	assert_true(knows(&client, "a"));
	assert_true(key_sets_are_in_doubt(sets, &client));
	NOW_MS += UNKNOWN_KEY_MS;
	r->next_step = AFTER;
	assert_true(waits(r, key_sets_refresh, &client));
	answer(200, SET(KEY("b")));
	assert_false(key_sets_are_in_doubt(sets, &client));
	assert_false(waits(r, key_sets_prepare, &own));
	assert_false(key_sets_are_in_doubt(sets, &own));
	request_test_free(r);
}

static void the_last_good_set_outlives_an_outage_for_a_while(void **state)
{
	(void)state;
	static const char *const ANSWERS[] = {"", "[]", "{}", SET(""), SET("{\"kty\":\"oct\",\"k\":\"AAAA\"}"), "x"};
	struct client_keys client = published(1);
	struct request *r = request();
	assert_true(waits(r, key_sets_prepare, &client));
	answer(0, "");
	assert_null(key_sets_find(sets, &client));
	r->next_step = AFTER;
	assert_false(waits(r, key_sets_prepare, &client)); /* not again at once */
	NOW_MS += RETRY_MS;
	assert_true(waits(r, key_sets_prepare, &client));
	answer(200, SET(KEY("a")));
	int64_t good_ms = NOW_MS;
	NOW_MS += FRESH_OTHERWISE_MS + 1;
	for (size_t i = 0; i < sizeof(ANSWERS) / sizeof(ANSWERS[0]); i++) {
		r->next_step = AFTER;
		assert_true(waits(r, key_sets_prepare, &client));
		answer(i == 0 ? 500 : 200, ANSWERS[i]);
		assert_true(knows(&client, "a"));
		NOW_MS += RETRY_MS;
	}
	NOW_MS = good_ms + STALE_MS;
	assert_true(knows(&client, "a"));
	NOW_MS++;
	assert_false(knows(&client, "a"));
	request_test_free(r);
}

/* Servers that never answer take up places of published keys only, and what is under way is never thrown away. */
/* Whoever has used up his own budget leaves nothing behind that the next one, who has his own, must wait for. */
static void attack_with_a_budget_that_is_used_up(void **state)
{
	struct client_keys client = {.client_id = "spent", .jwks_uri = "https://spent.example/jwks", .digest = {77}};
	struct egress_answer refused = {.problem = "one address sends us there too often", .over_budget = true};

	struct request *first = request(), *second = request();

	(void)state;
	assert_true(waits(first, key_sets_prepare, &client));
	DOOR.done(DOOR.data, &refused);
	assert_int_equal(DOOR.asked, 1);
	assert_true(waits(second, key_sets_prepare, &client));
	assert_int_equal(DOOR.asked, 2);
	answer(200, SET(KEY("a")));
	assert_true(knows(&client, "a"));
	request_test_free(first);
	request_test_free(second);
}

static void slow_servers_do_not_shut_others_out(void **state)
{
	(void)state;
	struct request *waiting[SET_WAYS], *r = request();
	resumed = 0;
	egress_done_fn *done = NULL;
	void *data[SET_WAYS];
	for (int i = 0; i < SET_WAYS; i++) {
		struct client_keys slow = published(1);
		slow.digest[2] = (uint8_t)i;
		waiting[i] = request();
		assert_true(waits(waiting[i], key_sets_prepare, &slow));
		done = DOOR.done;
		data[i] = DOOR.data;
	}
	struct client_keys late = published(1), own = registered(1, SET(KEY("a")));
	late.digest[2] = 99;
	assert_false(waits(r, key_sets_prepare, &late));
	assert_null(key_sets_find(sets, &late));
	assert_false(waits(r, key_sets_refresh, &late));
	assert_false(waits(r, key_sets_prepare, &own));
	assert_true(knows(&own, "a"));
	for (int i = 0; i < SET_WAYS; i++) {
		struct egress_answer a = {.status = 0, .problem = "timed out"};
		done(data[i], &a);
		request_test_free(waiting[i]);
	}
	assert_int_equal(resumed, SET_WAYS);
	request_test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(reads_sets, setup, teardown),
	    cmocka_unit_test_setup_teardown(registered_keys_are_read_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(published_keys_are_fetched_once_for_all_who_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(fresh_for_as_long_as_the_answer_says, setup, teardown),
	    cmocka_unit_test_setup_teardown(unknown_keys_ask_once_a_minute, setup, teardown),
	    cmocka_unit_test_setup_teardown(attack_an_unknown_key_while_the_newest_cannot_be_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_last_good_set_outlives_an_outage_for_a_while, setup, teardown),
	    cmocka_unit_test_setup_teardown(attack_with_a_budget_that_is_used_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(slow_servers_do_not_shut_others_out, setup, teardown),
	};
	json_init();
	log_open("test", "/dev/null", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
