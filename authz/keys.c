/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/keys.h"

#include <string.h>

#include "authz/notices.h"
#include "authz/store.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/secret.h"

enum { TICK_MS = 250, EMPTY_MS = 1000, FRESH_MS = 15000, REREAD_MS = 1000, WAITING_MAX = 512 };

static const char PURPOSE[] = "signing-keys";

/* What one state of the database gave; shared with the requests that are using it. */
struct key_state {
	h2o_mem_pool_t pool;
	const struct jwk *signing;
	struct jwk_set set;
	h2o_iovec_t jwks;
	const char **closed; /* kids of published keys that the secrets file does not open */
	size_t closed_count;
	const char *mark; /* equal for equal rows */
};

struct keyring {
	const struct handle_keys *secrets;
	char token_lifetime[24];
	struct key_state *state; /* NULL until loaded */
	struct db *db;
	int64_t next_ms;  /* clock_monotonic_ms of the next question */
	int64_t asked_ms; /* of the last one */
	bool asking;
	bool reading; /* the question is about all keys, not one that adds a key */
	bool again;   /* what is asked may be answered with what has changed since */
	int64_t rotate, announce;
	h2o_linklist_t waiting, served; /* requests that wait for the next question, and for the one under way */
	unsigned waiting_count;
};

struct waiter { /* in the request's pool */
	h2o_linklist_t link;
	struct request *request;
};

static void clear_state(void *state)
{
	h2o_mem_clear_pool(&((struct key_state *)state)->pool);
}

static struct key_state *new_state(void)
{
	struct key_state *state = h2o_mem_alloc_shared(NULL, sizeof(*state), clear_state);

	*state = (struct key_state){0};
	h2o_mem_init_pool(&state->pool);
	return state;
}

struct keyring *keyring_open(const struct handle_keys *secrets, int64_t token_lifetime)
{
	struct keyring *keyring = h2o_mem_alloc(sizeof(*keyring));

	*keyring = (struct keyring){.secrets = secrets};
	h2o_linklist_init_anchor(&keyring->waiting);
	h2o_linklist_init_anchor(&keyring->served);
	snprintf(keyring->token_lifetime, sizeof(keyring->token_lifetime), "%lld", (long long)token_lifetime);
	return keyring;
}

void keyring_close(struct keyring *keyring)
{
	if (keyring->state != NULL)
		h2o_mem_release_shared(keyring->state);
	free(keyring);
}

/* ---- sealing ---- */

/* A private key as the database keeps it; *ret_secret_id names the secret that opens it. */
static h2o_iovec_t key_seal(h2o_mem_pool_t *pool, const struct handle_keys *secrets, const struct jwk *key,
                            int *ret_secret_id)
{
	uint8_t secret[32];
	h2o_iovec_t sealed = {NULL, 0};

	if (handle_keys_derive(secrets, -1, PURPOSE, secret, ret_secret_id))
		sealed = secret_seal(pool, secret, text_of(key->kid), jwk_private_der(pool, key));
	secret_wipe(secret, sizeof(secret));
	return sealed;
}

static struct jwk *key_open(h2o_mem_pool_t *pool, const struct handle_keys *secrets, const char *kid,
                            const char *algorithm, h2o_iovec_t sealed, int secret_id)
{
	enum jws_algorithm a;
	struct secret der = {NULL, 0};
	uint8_t secret[32];
	struct jwk *key;

	if (secret_id < 0 || secret_id > 255 || !jws_algorithm_of(text_of(algorithm), &a))
		return NULL;
	/* The kid is authenticated with the key, so two rows of the table cannot be exchanged. */
	if (handle_keys_derive(secrets, secret_id, PURPOSE, secret, NULL))
		der = secret_open(pool, secret, text_of(kid), sealed);
	secret_wipe(secret, sizeof(secret));
	if (der.bytes == NULL)
		return NULL;
	key = jwk_of_private_der(pool, a, der.bytes, der.len);
	return key != NULL && strcmp(key->kid, kid) == 0 ? key : NULL;
}

/* ---- loading ---- */

static const char *mark_of(h2o_mem_pool_t *pool, const PGresult *rows)
{
	struct text_buffer mark = {.pool = pool};

	for (size_t i = 0; i < rows_count(rows); i++)
		text_append_printf(&mark, "%s %s %d\n", rows_text(rows, i, "kid"), rows_text(rows, i, "signs"),
		                   (int)rows_int(rows, i, "secret_id"));
	return mark.len > 0 ? mark.base : "";
}

static void read_key(struct keyring *keyring, struct key_state *state, const PGresult *rows, size_t row,
                     json_t *documents)
{
	const char *kid = rows_text(rows, row, "kid");
	struct jwk *key =
	    key_open(&state->pool, keyring->secrets, kid, rows_text(rows, row, "algorithm"),
	             rows_bytes(&state->pool, rows, row, "sealed"), (int)rows_int(rows, row, "secret_id"));

	if (key == NULL) {
		log_event(LOG_ERROR, "a signing key cannot be opened with the secrets file", "kid", kid, NULL);
		state->closed[state->closed_count++] = text_copy(&state->pool, text_of(kid));
		return;
	}
	state->set.keys[state->set.count] = *key;
	if (rows_bool(rows, row, "signs"))
		state->signing = &state->set.keys[state->set.count];
	state->set.count++;
	json_array_append_new(documents, jwk_public_json(key));
}

/* The key that signs was sealed with a secret that this process was not given yet: it goes on with the one that it has,
 * but never with one that is published no more. A key that was withdrawn is gone here, too. */
static void sign_on(const struct keyring *keyring, struct key_state *state)
{
	const struct key_state *before = keyring->state;

	log_event(LOG_ERROR, "no signing key can be used", NULL);
	if (before != NULL && before->signing != NULL)
		state->signing = jwk_set_find(&state->set, text_of(before->signing->kid));
}

/* Takes the rows of STORE_SIGNING_KEYS. A row that cannot be opened (secret gone, changed) is passed over with an error
 * in the log. If that is the one that signs, the one that signed before goes on while it is published. False, and what
 * was loaded before stays, if there are no rows, or at first none that can sign. */
static bool keyring_take(struct keyring *keyring, const PGresult *rows)
{
	struct key_state *state = new_state();
	json_t *document = json_keep(&state->pool, json_pack("{s:[]}", "keys"));
	size_t count = rows_count(rows);

	state->mark = mark_of(&state->pool, rows);
	if (keyring->state != NULL && strcmp(keyring->state->mark, state->mark) == 0) {
		h2o_mem_release_shared(state);
		return true;
	}
	state->set.keys = h2o_mem_alloc_pool(&state->pool, (count + 1) * sizeof(struct jwk));
	state->closed = h2o_mem_alloc_pool(&state->pool, (count + 1) * sizeof(*state->closed));
	for (size_t i = 0; i < count; i++)
		read_key(keyring, state, rows, i, json_object_get(document, "keys"));
	if (state->signing == NULL && count > 0)
		sign_on(keyring, state);
	if (state->signing == NULL && (count == 0 || keyring->state == NULL)) {
		h2o_mem_release_shared(state);
		return false;
	}
	state->jwks = json_text(&state->pool, document);
	log_event(LOG_INFO, "signing keys were loaded", "signs", state->signing != NULL ? state->signing->kid : "none",
	          NULL);
	if (keyring->state != NULL)
		h2o_mem_release_shared(keyring->state);
	keyring->state = state;
	return true;
}

bool key_first_params(h2o_mem_pool_t *pool, const struct handle_keys *secrets, struct db_param params[FIRST_KEY_PARAMS])
{
	struct jwk *key = jwk_generate(pool, JWS_ES256);
	int secret_id = 0;
	h2o_iovec_t sealed = key != NULL ? key_seal(pool, secrets, key, &secret_id) : (h2o_iovec_t){NULL, 0};

	if (sealed.base == NULL)
		return false;
	params[0] = param_text(key->kid);
	params[1] = param_text(jws_algorithm_name(key->algorithm));
	params[2] = param_bytes(sealed.base, sealed.len);
	params[3] = param_int(pool, secret_id);
	return true;
}

/* ---- keeping fresh ---- */

static void ask(struct keyring *keyring);

static void answer_waiters(struct keyring *keyring, h2o_linklist_t *waiters, bool read)
{
	h2o_linklist_t list;

	h2o_linklist_init_anchor(&list);
	h2o_linklist_insert_list(&list, waiters);
	while (!h2o_linklist_is_empty(&list)) {
		struct waiter *w = H2O_STRUCT_FROM_MEMBER(struct waiter, link, list.next);

		h2o_linklist_unlink(&w->link);
		keyring->waiting_count--;
		if (read)
			request_resume(w->request);
		else
			request_resume_failed(w->request, &TEMPORARILY_UNAVAILABLE,
			                      "the signing keys cannot be read now");
	}
}

/* The first key is wanted at once; of a successor a notice tells, if there was need of one. */
static void on_added(void *data, const PGresult *rows)
{
	struct keyring *keyring = data;

	keyring->asking = false;
	if (rows == NULL)
		return;
	if (PQresultStatus(rows) != PGRES_TUPLES_OK)
		log_event(LOG_ERROR, "a signing key could not be added", "problem",
		          PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY), NULL);
	if (keyring->again || keyring->state == NULL)
		ask(keyring);
}

/* With a fresh key, a function that decides whether it is needed: other daemons ask the same. */
static void add_key(struct keyring *keyring, enum store_background function)
{
	struct db_param params[FIRST_KEY_PARAMS + 2];
	size_t count = FIRST_KEY_PARAMS;
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	if (function == STORE_SIGNING_KEY_ROTATE) {
		params[count++] = param_int(&pool, keyring->rotate);
		params[count++] = param_int(&pool, keyring->announce);
	}
	keyring->asking =
	    key_first_params(&pool, keyring->secrets, params) &&
	    db_ask_background(keyring->db, store_background_statement(function), params, count, on_added, keyring);
	h2o_mem_clear_pool(&pool);
}

/* The newest row is the first. */
static bool needs_successor(const struct keyring *keyring, const PGresult *rows)
{
	return keyring->rotate > 0 &&
	       clock_now() >= rows_int(rows, 0, "signs_from") + keyring->rotate - keyring->announce;
}

static void on_answer(void *data, const PGresult *rows)
{
	struct keyring *keyring = data;
	bool readable = rows != NULL && PQresultStatus(rows) == PGRES_TUPLES_OK;
	bool taken = readable && rows_count(rows) > 0 && keyring_take(keyring, rows);

	keyring->asking = keyring->reading = false;
	keyring->next_ms = clock_monotonic_ms() + (taken ? FRESH_MS : EMPTY_MS);
	answer_waiters(keyring, &keyring->served, taken);
	if (keyring->again)
		ask(keyring);
	else if (readable && rows_count(rows) == 0)
		add_key(keyring, STORE_SIGNING_KEY_ADD_FIRST);
	else if (taken && needs_successor(keyring, rows))
		add_key(keyring, STORE_SIGNING_KEY_ROTATE);
}

static void ask(struct keyring *keyring)
{
	struct db_param params[] = {param_text(keyring->token_lifetime)};

	keyring->again = keyring->asking;
	if (keyring->asking)
		return;
	keyring->asked_ms = clock_monotonic_ms();
	keyring->asking = db_ask_background(keyring->db, store_background_statement(STORE_SIGNING_KEYS), params, 1,
	                                    on_answer, keyring);
	keyring->reading = keyring->asking;
	if (keyring->asking)
		h2o_linklist_insert_list(&keyring->served, &keyring->waiting);
	else
		answer_waiters(keyring, &keyring->waiting, false);
}

static bool may_reread(const struct keyring *keyring)
{
	return clock_monotonic_ms() >= keyring->asked_ms + REREAD_MS;
}

static void on_tick(void *data)
{
	struct keyring *keyring = data;
	bool due = clock_monotonic_ms() >= keyring->next_ms;

	if (!keyring->asking && (due || (!h2o_linklist_is_empty(&keyring->waiting) && may_reread(keyring))))
		ask(keyring);
}

static void on_notice(void *data, const char *kind, const char *id)
{
	(void)id;
	if (kind == NULL || strcmp(kind, "keys") == 0)
		ask(data);
}

void keyring_keep_fresh(struct keyring *keyring, struct db *db, struct server *server, struct notices *notices)
{
	keyring->db = db;
	keyring->next_ms = keyring->state == NULL ? 0 : clock_monotonic_ms() + EMPTY_MS;
	server_every(server, TICK_MS, on_tick, keyring);
	notices_subscribe(notices, on_notice, keyring);
}

void keyring_rotate_by_age(struct keyring *keyring, int64_t rotate, int64_t announce)
{
	keyring->rotate = rotate;
	keyring->announce = announce;
}

void keyring_refresh(struct keyring *keyring)
{
	ask(keyring);
}

static step_result wait_in(struct request *r, struct keyring *keyring, h2o_linklist_t *list)
{
	struct waiter *w;

	if (keyring->waiting_count >= WAITING_MAX)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "too many requests wait for the signing keys");
	w = h2o_mem_alloc_pool(&r->pool, sizeof(*w));
	*w = (struct waiter){.request = r};
	h2o_linklist_insert(list, &w->link);
	keyring->waiting_count++;
	r->waiting = true;
	return STEP_WAIT;
}

step_result keyring_reread(struct request *r, struct keyring *keyring)
{
	return wait_in(r, keyring, &keyring->waiting); /* asked at the next tick, when this step has returned */
}

step_result keyring_await(struct request *r, struct keyring *keyring)
{
	if (!keyring->reading)
		return STEP_NEXT;
	return wait_in(r, keyring, keyring->again ? &keyring->waiting : &keyring->served);
}

/* ---- reading ---- */

/* Keeps the state alive as long as the pool. */
static const struct key_state *borrow(struct keyring *keyring, h2o_mem_pool_t *pool)
{
	if (keyring->state != NULL)
		h2o_mem_link_shared(pool, keyring->state);
	return keyring->state;
}

const struct jwk *keyring_signing_key(struct keyring *keyring, h2o_mem_pool_t *pool)
{
	const struct key_state *state = borrow(keyring, pool);

	return state == NULL ? NULL : state->signing;
}

const struct jwk_set *keyring_public_keys(struct keyring *keyring, h2o_mem_pool_t *pool)
{
	const struct key_state *state = borrow(keyring, pool);

	return state == NULL ? NULL : &state->set;
}

bool keyring_is_closed(const struct keyring *keyring, h2o_iovec_t kid)
{
	const struct key_state *state = keyring->state;

	for (size_t i = 0; state != NULL && i < state->closed_count; i++)
		if (text_is(kid, state->closed[i]))
			return true;
	return false;
}

h2o_iovec_t keyring_jwks(struct keyring *keyring, h2o_mem_pool_t *pool)
{
	const struct key_state *state = borrow(keyring, pool);

	return state == NULL ? (h2o_iovec_t){NULL, 0} : state->jwks;
}
