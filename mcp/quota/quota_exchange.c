/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/quota/quota_exchange.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/encoding.h"
#include "common/log.h"
#include "mcp/database.h"

enum {
	KEYS_MAX = 1000, /* in one statement; the others come with the next one */
	FORGET_MS = 60 * 1000,
};

struct sent { /* to the database, which may have taken it or not */
	uint8_t key[RATE_KEY_SIZE];
	uint32_t used;
};

struct quota_exchange {
	struct quota *quota;
	struct db *db;
	bool asks, is_alone; /* is_alone: the database did not answer the last time */
	int64_t forgot_ms;
	struct sent sent[KEYS_MAX];
	size_t count;
};

struct quota_exchange *quota_exchange_open(h2o_mem_pool_t *pool, struct quota *quota, struct db *db)
{
	struct quota_exchange *exchange = h2o_mem_alloc_pool(pool, sizeof(*exchange));

	*exchange = (struct quota_exchange){.quota = quota, .db = db};
	return exchange;
}

/* Nobody took it: it is told again with what is used next. */
static void take_back(struct quota_exchange *exchange)
{
	for (size_t i = 0; i < exchange->count; i++) {
		struct rate_bucket *bucket = rate_limit_find(quota_buckets(exchange->quota), exchange->sent[i].key);
		if (bucket != NULL && bucket->used <= 2 * bucket->per_minute) /* more is no deeper a debt */
			bucket->used += exchange->sent[i].used;
	}
}

static void correct(struct quota_exchange *exchange, const PGresult *rows)
{
	int64_t now_ms = clock_monotonic_ms();
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	for (size_t i = 0; i < rows_count(rows); i++) {
		h2o_iovec_t key = rows_bytes(&pool, rows, i, "key");
		struct rate_bucket *bucket = key.len == RATE_KEY_SIZE
		                                 ? rate_limit_find(quota_buckets(exchange->quota), (uint8_t *)key.base)
		                                 : NULL;
		if (bucket == NULL)
			continue;
		bucket->level = rows_int(rows, i, "level") - (int64_t)bucket->used * RATE_TOKEN;
		bucket->at_ms = now_ms;
	}
	h2o_mem_clear_pool(&pool);
}

static void on_answer(void *data, const PGresult *rows)
{
	struct quota_exchange *exchange = data;
	bool fine = rows != NULL && PQresultStatus(rows) == PGRES_TUPLES_OK;

	exchange->asks = false;
	if (fine)
		correct(exchange, rows);
	else
		take_back(exchange);
	if (fine == exchange->is_alone)
		log_event(fine ? LOG_INFO : LOG_WARNING,
		          fine ? "limits are shared with the other processes"
		               : "limits are each process's own, for the database does not answer",
		          NULL);
	exchange->is_alone = !fine;
}

/* An array literal of what the format makes of each. */
struct arrays {
	struct text_buffer keys, per_minute, used;
};

static void append(struct arrays *arrays, struct sent *sent, struct rate_bucket *bucket)
{
	const char *comma = arrays->keys.len > 1 ? "," : "";

	memcpy(sent->key, bucket->key, RATE_KEY_SIZE);
	sent->used = bucket->used;
	bucket->used = 0;
	text_append_printf(&arrays->keys, "%s\"\\\\x%s\"", comma,
	                   hex_encode(arrays->keys.pool, sent->key, RATE_KEY_SIZE));
	text_append_printf(&arrays->per_minute, "%s%" PRIu32, comma, bucket->per_minute);
	text_append_printf(&arrays->used, "%s%" PRIu32, comma, sent->used);
}

static void ask(struct quota_exchange *exchange)
{
	struct rate_bucket *buckets[KEYS_MAX];
	h2o_mem_pool_t pool;
	size_t count = quota_list(exchange->quota, buckets, KEYS_MAX);

	if (count == 0)
		return;
	h2o_mem_init_pool(&pool);
	struct arrays arrays = {{.pool = &pool}, {.pool = &pool}, {.pool = &pool}};
	text_append_str(&arrays.keys, "{");
	text_append_str(&arrays.per_minute, "{");
	text_append_str(&arrays.used, "{");
	for (size_t i = 0; i < count; i++)
		append(&arrays, &exchange->sent[i], buckets[i]);
	exchange->count = count;
	text_append_str(&arrays.keys, "}");
	text_append_str(&arrays.per_minute, "}");
	text_append_str(&arrays.used, "}");
	const struct db_param params[] = {param_text(arrays.keys.base), param_text(arrays.per_minute.base),
	                                  param_text(arrays.used.base)};
	exchange->asks = true;
	if (!db_ask_background(exchange->db, DATABASE_QUOTA_EXCHANGE, params, 3, on_answer, exchange))
		on_answer(exchange, NULL);
	h2o_mem_clear_pool(&pool);
}

static void on_forgotten(void *data, const PGresult *rows)
{
	(void)data, (void)rows; /* a minute later it is asked again */
}

void quota_exchange_tick(void *data)
{
	struct quota_exchange *exchange = data;
	int64_t now_ms = clock_monotonic_ms();

	if (exchange->asks)
		return;
	ask(exchange);
	if (now_ms - exchange->forgot_ms < FORGET_MS)
		return;
	exchange->forgot_ms = now_ms;
	db_ask_background(exchange->db, DATABASE_QUOTA_FORGET, NULL, 0, on_forgotten, NULL);
}
