/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/key_sets.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/encoding.h"
#include "common/log.h"

enum {
	SETS = 32,
	SET_WAYS = 4,
	FRESH_LEAST_MS = 60 * 1000,      /* whatever the answer says: a client cannot make every request a fetch */
	FRESH_OTHERWISE_MS = 600 * 1000, /* the answer does not say */
	FRESH_MOST_MS = 3600 * 1000,     /* a key that was taken out is not believed for longer */
	STALE_MS = 6 * 3600 * 1000,      /* the last good set, while the client's server is away */
	UNKNOWN_KEY_MS = 60 * 1000,      /* keys that nobody has do not make this server ask without end */
	RETRY_MS = 10 * 1000,
	FETCH_TIMEOUT_MS = 5000,
};

/* ---- one set ---- */

static bool add_certificate(struct key_set *set, const json_t *key)
{
	const json_t *first = json_array_get(json_object_get(key, "x5c"), 0);
	h2o_mem_pool_t scratch;

	if (first == NULL)
		return true;
	if (!json_is_string(first))
		return false;
	h2o_mem_init_pool(&scratch);
	h2o_iovec_t der = base64_decode(&scratch, h2o_iovec_init(json_string_value(first), json_string_length(first)));
	if (der.len > 0)
		sha256(der, set->certificates[set->certificate_count++]);
	h2o_mem_clear_pool(&scratch);
	return der.len > 0;
}

struct key_set *key_set_read(h2o_mem_pool_t *pool, const json_t *document, enum jws_algorithm rsa, const char **error)
{
	const json_t *keys = json_object_get(document, "keys"), *key;
	size_t count = json_array_size(keys), i;

	*error = "at most 16 keys";
	if (count > CLIENT_KEYS_MAX)
		return NULL;
	struct key_set *set = h2o_mem_alloc_pool(pool, sizeof(*set));
	*set = (struct key_set){.certificates = h2o_mem_alloc_pool(pool, (count + 1) * SHA256_SIZE)};
	set->keys = jwk_set_read_own(pool, document, rsa, error);
	if (set->keys == NULL)
		return NULL;
	*error = "x5c must be an array of base64 certificates";
	json_array_foreach (keys, i, key)
		if (!add_certificate(set, key))
			return NULL;
	return set;
}

/* ---- the cache ---- */

struct waiter { /* in the request's pool */
	struct request *r;
	struct waiter *next;
};

struct reading {
	h2o_mem_pool_t pool;
	struct key_set *set;
};

struct entry { /* of one digest of key material: whatever clients have it, their keys are the same */
	struct key_sets *sets;
	bool taken, under_way, is_published;
	uint8_t digest[SHA256_SIZE];
	enum jws_algorithm rsa;
	struct reading *good;                         /* NULL: none yet */
	int64_t good_ms, fresh_ms, tried_ms, used_ms; /* tried_ms 0: never */
	bool over_budget;                             /* the last try was not sent: the asker had enough */
	struct waiter *waiters;
};

struct key_sets {
	struct egress *egress;
	/* apart, or slow servers of some clients could leave no place for those who registered their keys */
	struct entry registered[SETS][SET_WAYS], published[SETS][SET_WAYS];
};

static void reading_free(struct reading *reading)
{
	if (reading == NULL)
		return;
	h2o_mem_clear_pool(&reading->pool);
	free(reading);
}

/* NULL and *error if the text is no set of keys. */
static struct reading *reading_of(h2o_iovec_t text, enum jws_algorithm rsa, const char **error)
{
	struct reading *reading = h2o_mem_alloc(sizeof(*reading));
	h2o_mem_pool_t scratch;

	h2o_mem_init_pool(&reading->pool);
	h2o_mem_init_pool(&scratch);
	const json_t *document = json_read(&scratch, text, NULL);
	*error = "the document is no JSON object";
	reading->set = json_is_object(document) ? key_set_read(&reading->pool, document, rsa, error) : NULL;
	if (reading->set != NULL && reading->set->keys->count + reading->set->certificate_count == 0) {
		*error = "no usable key";
		reading->set = NULL;
	}
	h2o_mem_clear_pool(&scratch);
	if (reading->set != NULL)
		return reading;
	static char kept[128]; /* the sentence outlives the pool that it was written in */
	snprintf(kept, sizeof(kept), "%s", *error);
	*error = kept;
	reading_free(reading);
	return NULL;
}

static struct entry *ways_of(struct key_sets *sets, const struct client_keys *client)
{
	size_t set = client->digest[0] % SETS;

	return client->jwks_uri != NULL ? sets->published[set] : sets->registered[set];
}

static struct entry *entry_find(struct key_sets *sets, const struct client_keys *client)
{
	struct entry *ways = ways_of(sets, client);

	for (size_t i = 0; i < SET_WAYS; i++) {
		struct entry *e = &ways[i];
		if (e->taken && memcmp(e->digest, client->digest, SHA256_SIZE) == 0) {
			e->used_ms = clock_monotonic_ms();
			return e;
		}
	}
	return NULL;
}

/* The entry that was not used for longest makes room. NULL if all of them wait for their answers. */
static struct entry *entry_take(struct key_sets *sets, const struct client_keys *client)
{
	struct entry *ways = ways_of(sets, client), *oldest = NULL;

	for (size_t i = 0; i < SET_WAYS; i++)
		if (!ways[i].under_way && (oldest == NULL || ways[i].used_ms < oldest->used_ms))
			oldest = &ways[i];
	if (oldest == NULL)
		return NULL;
	reading_free(oldest->good);
	*oldest = (struct entry){
	    .sets = sets,
	    .taken = true,
	    .is_published = client->jwks_uri != NULL,
	    .rsa = client->algorithm != NULL && strcmp(client->algorithm, "PS256") == 0 ? JWS_PS256 : JWS_RS256,
	    .used_ms = clock_monotonic_ms(),
	};
	memcpy(oldest->digest, client->digest, SHA256_SIZE);
	return oldest;
}

/* ---- fetching ---- */

static void resume_waiters(struct entry *e)
{
	struct waiter *waiter = e->waiters;

	e->waiters = NULL;
	while (waiter != NULL) {
		struct waiter *next = waiter->next;
		request_resume(waiter->r);
		waiter = next;
	}
}

static int64_t fresh_ms_of(const struct http_cache *cache)
{
	int64_t lifetime_s = http_cache_lifetime(cache);

	if (lifetime_s < 0)
		return FRESH_OTHERWISE_MS;
	if (lifetime_s * 1000 < FRESH_LEAST_MS)
		return FRESH_LEAST_MS;
	return lifetime_s * 1000 < FRESH_MOST_MS ? lifetime_s * 1000 : FRESH_MOST_MS;
}

static void on_answer(void *data, const struct egress_answer *answer)
{
	struct entry *e = data;
	const char *problem = answer->status == 0 ? answer->problem : "the answer is not 200";
	struct reading *reading = answer->status == 200 ? reading_of(answer->body, e->rsa, &problem) : NULL;

	e->under_way = false;
	e->over_budget = answer->over_budget;
	if (reading != NULL) {
		reading_free(e->good);
		e->good = reading;
		e->good_ms = clock_monotonic_ms();
		e->fresh_ms = fresh_ms_of(&answer->cache);
	} else {
		log_event(LOG_WARNING, "the keys of a client were not read", "reason", problem, NULL);
	}
	resume_waiters(e);
}

static void fetch(struct entry *e, struct request *r, const char *uri)
{
	struct egress_request request = {
	    .method = "GET",
	    .url = uri,
	    .accept = "application/jwk-set+json, application/json",
	    .timeout_ms = FETCH_TIMEOUT_MS,
	    .answer_limit = CLIENT_KEYS_SIZE_MAX,
	    .guarded = true,
	    .asker = request_network(r),
	};

	e->under_way = true;
	e->tried_ms = clock_monotonic_ms();
	egress_fetch(e->sets->egress, &request, on_answer, e);
}

static step_result wait_for(struct entry *e, struct request *r)
{
	struct waiter *waiter = h2o_mem_alloc_pool(&r->pool, sizeof(*waiter));

	*waiter = (struct waiter){r, e->waiters};
	e->waiters = waiter;
	return STEP_WAIT;
}

static bool is_believed(const struct entry *e)
{
	return e->good != NULL && (!e->is_published || clock_monotonic_ms() - e->good_ms <= STALE_MS);
}

static bool is_fresh(const struct entry *e)
{
	return e->good != NULL && (!e->is_published || clock_monotonic_ms() - e->good_ms <= e->fresh_ms);
}

static bool was_tried_within(const struct entry *e, int64_t ms)
{
	if (e->over_budget)
		return false; /* who comes next asks on his own account */
	return e->tried_ms != 0 && clock_monotonic_ms() - e->tried_ms < ms;
}

static void read_registered(struct entry *e, const struct client_keys *client)
{
	const char *problem = NULL;

	e->tried_ms = clock_monotonic_ms();
	if (client->jwks != NULL)
		e->good = reading_of(text_of(client->jwks), e->rsa, &problem);
	if (problem != NULL && e->good == NULL)
		log_event(LOG_ERROR, "registered keys cannot be read", "client", client->client_id, "reason", problem,
		          NULL);
}

step_result key_sets_prepare(struct key_sets *sets, struct request *r, const struct client_keys *client)
{
	struct entry *e = entry_find(sets, client);

	if (e == NULL)
		e = entry_take(sets, client);
	if (e == NULL || is_fresh(e))
		return STEP_NEXT;
	if (!e->is_published) {
		if (e->tried_ms == 0)
			read_registered(e, client);
		return STEP_NEXT;
	}
	if (!e->under_way && !was_tried_within(e, RETRY_MS))
		fetch(e, r, client->jwks_uri);
	return e->under_way ? wait_for(e, r) : STEP_NEXT;
}

const struct key_set *key_sets_find(struct key_sets *sets, const struct client_keys *client)
{
	const struct entry *e = entry_find(sets, client);

	return e != NULL && is_believed(e) ? e->good->set : NULL;
}

step_result key_sets_refresh(struct key_sets *sets, struct request *r, const struct client_keys *client)
{
	struct entry *e = entry_find(sets, client);

	if (e == NULL || !e->is_published)
		return STEP_NEXT;
	if (!e->under_way && !was_tried_within(e, UNKNOWN_KEY_MS))
		fetch(e, r, client->jwks_uri);
	return e->under_way ? wait_for(e, r) : STEP_NEXT;
}

bool key_sets_are_in_doubt(struct key_sets *sets, const struct client_keys *client)
{
	const struct entry *e = entry_find(sets, client);

	return e != NULL && e->is_published && e->tried_ms > e->good_ms;
}

/* ---- opening and closing ---- */

struct key_sets *key_sets_open(struct egress *egress)
{
	struct key_sets *sets = h2o_mem_alloc(sizeof(*sets));

	memset(sets, 0, sizeof(*sets));
	sets->egress = egress;
	return sets;
}

void key_sets_close(struct key_sets *sets)
{
	for (size_t set = 0; set < SETS; set++)
		for (size_t i = 0; i < SET_WAYS; i++) {
			reading_free(sets->registered[set][i].good);
			reading_free(sets->published[set][i].good);
		}
	free(sets);
}
