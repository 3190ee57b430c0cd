/* SPDX-License-Identifier: Apache-2.0 */
/* When the keys are asked for: on notices, for requests that name an unknown key, by age. The database is the test. */
#include "authz/keys.c"
#include "common/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#undef fail /* the project's own */

static struct {
	size_t statement; /* asked last */
	int asked;
	db_answer_fn *done;
	void *data;
	bool is_away;
	char params[6][64];
} DATABASE;
static void (*tick)(void *data);
static void *tick_data;
static int resumed, failed;

bool db_ask_background(struct db *db, size_t statement, const struct db_param *params, size_t count, db_answer_fn *done,
                       void *data)
{
	(void)db;
	if (DATABASE.is_away)
		return false;
	DATABASE.statement = statement;
	DATABASE.asked++;
	DATABASE.done = done;
	DATABASE.data = data;
	for (size_t i = 0; i < count && i < 6; i++)
		snprintf(DATABASE.params[i], sizeof(DATABASE.params[i]), "%s",
		         params[i].format == 0 ? params[i].value : "");
	return true;
}

size_t store_background_statement(enum store_background which)
{
	return which;
}

void server_every(struct server *server, int64_t interval_ms, void (*fn)(void *data), void *data)
{
	(void)server, (void)interval_ms;
	tick = fn;
	tick_data = data;
}

static notice_fn *notice;
static void *notice_data;

void notices_subscribe(struct notices *notices, notice_fn *fn, void *data)
{
	(void)notices;
	notice = fn;
	notice_data = data;
}

void request_resume(struct request *r)
{
	(void)r;
	resumed++;
}

void request_resume_failed(struct request *r, const struct oauth_error *error, const char *text)
{
	(void)r, (void)text;
	assert_int_equal(error->status, 503);
	failed++;
}

step_result fail(struct request *r, const struct oauth_error *error, const char *text)
{
	(void)r, (void)text;
	assert_int_equal(error->status, 503);
	failed++;
	return STEP_DONE;
}

void log_event(enum log_level level, const char *message, ...)
{
	(void)level, (void)message;
}

static int64_t now_ms;

int64_t clock_monotonic_ms(void)
{
	return now_ms;
}

int64_t clock_now(void)
{
	return 1000000;
}

static h2o_mem_pool_t pool;
static struct handle_keys *secrets;
static struct keyring *keyring;

/* What the database answers: a key of an age. NULL kid: nothing. */
static PGresult *rows_of(const struct jwk *key, int64_t signs_from)
{
	static const char *const NAMES[] = {"kid",   "algorithm",  "sealed",    "secret_id",
	                                    "signs", "created_at", "signs_from"};
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[7] = {0};
	int secret_id;

	for (int i = 0; i < 7; i++)
		columns[i] = (PGresAttDesc){.name = (char *)NAMES[i], .typid = 25, .typlen = -1, .atttypmod = -1};
	assert_true(PQsetResultAttrs(rows, 7, columns));
	if (key == NULL)
		return rows;
	h2o_iovec_t sealed = key_seal(&pool, secrets, key, &secret_id);
	const char *values[7] = {key->kid,
	                         "ES256",
	                         text_printf(&pool, "\\x%s", hex_encode(&pool, sealed.base, sealed.len)),
	                         text_printf(&pool, "%d", secret_id),
	                         "t",
	                         "1",
	                         text_printf(&pool, "%lld", (long long)signs_from)};
	for (int i = 0; i < 7; i++)
		assert_true(PQsetvalue(rows, 0, i, (char *)values[i], (int)strlen(values[i])));
	return rows;
}

static void answer_with(PGresult *rows)
{
	db_answer_fn *done = DATABASE.done;

	DATABASE.done = NULL;
	assert_non_null(done);
	done(DATABASE.data, rows);
	PQclear(rows);
}

static int begin(void **state)
{
	static const uint8_t MASTER[32] = {7};

	(void)state;
	memset(&DATABASE, 0, sizeof(DATABASE));
	resumed = failed = 0;
	now_ms = 100000;
	h2o_mem_init_pool(&pool);
	secrets = handle_keys_of(&pool, 1, MASTER);
	keyring = keyring_open(secrets, 600);
	keyring_keep_fresh(keyring, NULL, NULL, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	keyring_close(keyring);
	h2o_mem_clear_pool(&pool);
	return 0;
}

static const struct jwk *load(int64_t signs_from)
{
	const struct jwk *key = jwk_generate(&pool, JWS_ES256);

	tick(tick_data);
	assert_int_equal(DATABASE.statement, STORE_SIGNING_KEYS);
	answer_with(rows_of(key, signs_from));
	assert_string_equal(keyring_signing_key(keyring, &pool)->kid, key->kid);
	return key;
}

static void the_first_key_is_made_and_read(void **state)
{
	(void)state;
	tick(tick_data);
	answer_with(rows_of(NULL, 0));
	assert_int_equal(DATABASE.statement, STORE_SIGNING_KEY_ADD_FIRST);
	answer_with(rows_of(NULL, 0));
	assert_int_equal(DATABASE.statement, STORE_SIGNING_KEYS);
	assert_non_null(DATABASE.done);
}

static void a_notice_of_keys_is_followed_at_once(void **state)
{
	(void)state;
	const struct jwk *key = load(999999);
	int asked = DATABASE.asked;
	tick(tick_data);
	notice(notice_data, "grant", "x");
	assert_int_equal(DATABASE.asked, asked);
	notice(notice_data, "keys", "");
	assert_int_equal(DATABASE.asked, asked + 1);
	/* what is asked may have been answered before the second change */
	notice(notice_data, "keys", "");
	assert_int_equal(DATABASE.asked, asked + 1);
	answer_with(rows_of(key, 999999));
	assert_int_equal(DATABASE.asked, asked + 2);
	answer_with(rows_of(jwk_generate(&pool, JWS_ES256), 999999));
	assert_int_equal(DATABASE.asked, asked + 2);
	assert_string_not_equal(keyring_signing_key(keyring, &pool)->kid, key->kid);
	notice(notice_data, NULL, "");
	assert_int_equal(DATABASE.asked, asked + 3);
	answer_with(rows_of(key, 999999));
}

static void without_notices_they_are_read_every_15_s(void **state)
{
	(void)state;
	load(999999);
	int asked = DATABASE.asked;
	now_ms += FRESH_MS - 1;
	tick(tick_data);
	assert_int_equal(DATABASE.asked, asked);
	now_ms++;
	tick(tick_data);
	assert_int_equal(DATABASE.asked, asked + 1);
	answer_with(NULL); /* away: again after a second, and what was loaded stays */
	now_ms += EMPTY_MS;
	tick(tick_data);
	assert_int_equal(DATABASE.asked, asked + 2);
	assert_non_null(keyring_signing_key(keyring, &pool));
	answer_with(NULL);
}

/* Who signs because of a notice waits for the keys that it made to be read. */
static void a_reading_that_is_under_way_is_awaited(void **state)
{
	struct request r[2] = {0};

	(void)state;
	const struct jwk *key = load(999999);
	int before = resumed;
	for (int i = 0; i < 2; i++)
		h2o_mem_init_pool(&r[i].pool);
	assert_int_equal(keyring_await(&r[0], keyring), STEP_NEXT);
	on_notice(keyring, "keys", "");
	assert_int_equal(keyring_await(&r[0], keyring), STEP_WAIT);
	on_notice(keyring, "keys", ""); /* what is being read may be older than this */
	assert_int_equal(keyring_await(&r[1], keyring), STEP_WAIT);
	answer_with(rows_of(key, 999999));
	assert_int_equal(resumed, before + 1);
	answer_with(rows_of(key, 999999));
	assert_int_equal(resumed, before + 2);
	assert_int_equal(keyring_await(&r[0], keyring), STEP_NEXT);
	for (int i = 0; i < 2; i++)
		h2o_mem_clear_pool(&r[i].pool);
}

static void an_unknown_key_is_asked_for_once_a_second(void **state)
{
	struct request r[3] = {0};

	(void)state;
	const struct jwk *key = load(999999);
	int asked = DATABASE.asked;
	for (int i = 0; i < 3; i++)
		h2o_mem_init_pool(&r[i].pool);
	assert_int_equal(keyring_reread(&r[0], keyring), STEP_WAIT);
	assert_int_equal(keyring_reread(&r[1], keyring), STEP_WAIT);
	assert_true(r[0].waiting);
	tick(tick_data); /* the last question is not a second old */
	assert_int_equal(DATABASE.asked, asked);
	now_ms += REREAD_MS;
	tick(tick_data);
	assert_int_equal(DATABASE.asked, asked + 1);
	/* who comes after the question waits for the next one */
	assert_int_equal(keyring_reread(&r[2], keyring), STEP_WAIT);
	answer_with(rows_of(key, 999999));
	assert_int_equal(resumed, 2);
	now_ms += REREAD_MS;
	tick(tick_data);
	answer_with(NULL);
	assert_int_equal(resumed, 2);
	assert_int_equal(failed, 1);
	/* without a connection nobody waits */
	assert_int_equal(keyring_reread(&r[0], keyring), STEP_WAIT);
	DATABASE.is_away = true;
	now_ms += REREAD_MS;
	tick(tick_data);
	assert_int_equal(failed, 2);
	assert_int_equal(keyring->waiting_count, 0);
	for (int i = 0; i < 3; i++)
		h2o_mem_clear_pool(&r[i].pool);
}

static void a_bounded_number_waits(void **state)
{
	static struct request r[WAITING_MAX + 1];

	(void)state;
	load(999999);
	for (int i = 0; i <= WAITING_MAX; i++) {
		h2o_mem_init_pool(&r[i].pool);
		assert_int_equal(keyring_reread(&r[i], keyring), i < WAITING_MAX ? STEP_WAIT : STEP_DONE);
	}
	assert_int_equal(failed, 1);
	DATABASE.is_away = true;
	now_ms += REREAD_MS;
	tick(tick_data);
	assert_int_equal(failed, 1 + WAITING_MAX);
	for (int i = 0; i <= WAITING_MAX; i++)
		h2o_mem_clear_pool(&r[i].pool);
}

/* A second row: a key that this process can or cannot open, and which of the two signs. */
static PGresult *rows_with(const struct jwk *mine, bool mine_signs, const struct jwk *other, bool other_opens)
{
	PGresult *rows = rows_of(mine, 999999), *second = rows_of(other, 999999);

	PQsetvalue(rows, 0, 4, mine_signs ? "t" : "f", 1);
	for (int i = 0; i < 7; i++)
		PQsetvalue(rows, 1, i, PQgetvalue(second, 0, i), PQgetlength(second, 0, i));
	PQsetvalue(rows, 1, 3, other_opens ? "1" : "9", 1); /* there is no such secret here */
	PQsetvalue(rows, 1, 4, mine_signs ? "f" : "t", 1);
	PQclear(second);
	return rows;
}

/* The successor is sealed with a secret that only other processes have yet. */
static void attack_a_signing_key_that_cannot_be_opened(void **state)
{
	(void)state;
	const struct jwk *key = load(999999), *other = jwk_generate(&pool, JWS_ES256);
	notice(notice_data, "keys", "");
	answer_with(rows_with(key, false, other, false));
	assert_string_equal(keyring_signing_key(keyring, &pool)->kid, key->kid);
	assert_true(keyring_is_closed(keyring, text_of(other->kid)));
	assert_false(keyring_is_closed(keyring, text_of(key->kid)));
	assert_false(keyring_is_closed(keyring, text_of("nobody")));
	notice(notice_data, "keys", "");
	answer_with(rows_with(key, false, other, true));
	assert_string_equal(keyring_signing_key(keyring, &pool)->kid, other->kid);
	assert_false(keyring_is_closed(keyring, text_of(other->kid)));
}

/* ... and took the place of one that was withdrawn, because somebody stole it. */
static void attack_a_withdrawn_key_whose_successor_cannot_be_opened(void **state)
{
	(void)state;
	const struct jwk *stolen = load(999999), *other = jwk_generate(&pool, JWS_ES256);
	PGresult *rows = rows_of(other, 999999);
	PQsetvalue(rows, 0, 3, "9", 1);
	notice(notice_data, "keys", "");
	answer_with(rows);
	assert_null(keyring_signing_key(keyring, &pool));
	assert_non_null(keyring_public_keys(keyring, &pool));
	assert_null(jwk_set_find(keyring_public_keys(keyring, &pool), text_of(stolen->kid)));
	assert_null(strstr(keyring_jwks(keyring, &pool).base, stolen->kid));
	assert_true(keyring_is_closed(keyring, text_of(other->kid)));
	assert_false(keyring_is_closed(keyring, text_of(stolen->kid)));
	notice(notice_data, "keys", "");
	answer_with(rows_of(other, 999999));
	assert_string_equal(keyring_signing_key(keyring, &pool)->kid, other->kid);
}

static void a_successor_comes_in_time(void **state)
{
	(void)state;
	keyring_rotate_by_age(keyring, 7200, 600);
	load(1000000 - 6599);
	assert_null(DATABASE.done); /* too early */
	now_ms += FRESH_MS;
	load(1000000 - 6600);
	assert_int_equal(DATABASE.statement, STORE_SIGNING_KEY_ROTATE);
	assert_string_equal(DATABASE.params[4], "7200");
	assert_string_equal(DATABASE.params[5], "600");
	/* the function may think otherwise; that must not go round in circles */
	int asked = DATABASE.asked;
	answer_with(rows_of(NULL, 0));
	assert_int_equal(DATABASE.asked, asked);
	keyring_rotate_by_age(keyring, 0, 600);
	now_ms += FRESH_MS;
	load(0);
	assert_null(DATABASE.done); /* never */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_first_key_is_made_and_read, begin, end),
	    cmocka_unit_test_setup_teardown(a_notice_of_keys_is_followed_at_once, begin, end),
	    cmocka_unit_test_setup_teardown(without_notices_they_are_read_every_15_s, begin, end),
	    cmocka_unit_test_setup_teardown(a_reading_that_is_under_way_is_awaited, begin, end),
	    cmocka_unit_test_setup_teardown(an_unknown_key_is_asked_for_once_a_second, begin, end),
	    cmocka_unit_test_setup_teardown(a_bounded_number_waits, begin, end),
	    cmocka_unit_test_setup_teardown(attack_a_signing_key_that_cannot_be_opened, begin, end),
	    cmocka_unit_test_setup_teardown(attack_a_withdrawn_key_whose_successor_cannot_be_opened, begin, end),
	    cmocka_unit_test_setup_teardown(a_successor_comes_in_time, begin, end),
	};

	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
