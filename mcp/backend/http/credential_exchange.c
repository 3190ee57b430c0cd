/* SPDX-License-Identifier: Apache-2.0 */
/* Token exchange (RFC 8693): the caller's token is the subject, and what comes for it is kept until it ends. Those who
 * want the same at the same time share one question. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mcp/caller/bearer.h"
#include "mcp/backend/http/credential_internal.h"

enum {
	KNOWN_MAX = 1024,
	BUCKETS = 256,
	ANSWER_LIMIT = 64 * 1024,
	TOKEN_MAX = 8192,
	MARGIN_MS = 30 * 1000,       /* a token that ends on its way is worth nothing */
	UNSAID_MS = 60 * 1000,       /* so long one is kept that does not say how long it lives */
	KEPT_MAX_MS = 60 * 60 * 1000 /* what its server has withdrawn since, nobody tells us */
};

struct known {               /* a token that came, in one piece with its text */
	h2o_linklist_t link; /* most recently used first */
	struct known *next;  /* in its bucket */
	uint8_t key[SHA256_SIZE];
	int64_t until_ms;
	size_t size; /* of all of it */
	char authorization[];
};

struct flight { /* a question under way */
	h2o_linklist_t link;
	struct exchanges *exchanges;
	struct egress_flight *flight;
	uint8_t key[SHA256_SIZE];
	struct credential_wait *waits;
};

struct credential_wait {
	struct flight *flight;
	struct credential_wait *next;
	credential_fn *done;
	void *data;
};

struct exchanges {
	struct egress *egress;
	const struct egress_places *places;
	struct known *buckets[BUCKETS];
	h2o_linklist_t known, flights;
	size_t count;
};

struct exchanges *exchanges_open(struct egress *egress, const struct egress_places *places)
{
	struct exchanges *e = h2o_mem_alloc(sizeof(*e));

	memset(e, 0, sizeof(*e));
	e->egress = egress;
	e->places = places;
	h2o_linklist_init_anchor(&e->known);
	h2o_linklist_init_anchor(&e->flights);
	return e;
}

/* ---- what is known ---- */

static struct known **place_of(struct exchanges *e, const uint8_t key[SHA256_SIZE])
{
	struct known **at = &e->buckets[key[0] % BUCKETS];

	while (*at != NULL && memcmp((*at)->key, key, SHA256_SIZE) != 0)
		at = &(*at)->next;
	return at;
}

static void drop(struct exchanges *e, struct known **at)
{
	struct known *k = *at;

	*at = k->next;
	h2o_linklist_unlink(&k->link);
	e->count--;
	secret_wipe(k, k->size);
	free(k);
}

static struct known *find(struct exchanges *e, const uint8_t key[SHA256_SIZE])
{
	struct known **at = place_of(e, key), *k = *at;

	if (k == NULL)
		return NULL;
	if (k->until_ms <= clock_monotonic_ms()) {
		drop(e, at);
		return NULL;
	}
	h2o_linklist_unlink(&k->link);
	h2o_linklist_insert(e->known.next, &k->link);
	return k;
}

static void keep(struct exchanges *e, const uint8_t key[SHA256_SIZE], const char *authorization, int64_t kept_ms)
{
	size_t len = strlen(authorization);
	struct known **at = place_of(e, key), *k;

	if (*at != NULL)
		drop(e, at);
	if (kept_ms <= 0)
		return;
	if (e->count == KNOWN_MAX)
		drop(e, place_of(e, H2O_STRUCT_FROM_MEMBER(struct known, link, e->known.prev)->key));
	k = h2o_mem_alloc(sizeof(*k) + len + 1);
	*k = (struct known){.until_ms = clock_monotonic_ms() + kept_ms, .size = sizeof(*k) + len + 1};
	memcpy(k->key, key, SHA256_SIZE);
	memcpy(k->authorization, authorization, len + 1);
	at = &e->buckets[key[0] % BUCKETS];
	k->next = *at;
	*at = k;
	h2o_linklist_insert(e->known.next, &k->link);
	e->count++;
}

void exchanges_close(struct exchanges *e)
{
	while (!h2o_linklist_is_empty(&e->known))
		drop(e, place_of(e, H2O_STRUCT_FROM_MEMBER(struct known, link, e->known.next)->key));
	free(e);
}

/* Of this caller, at this server, for this. */
static void key_of(struct request *r, const struct exchange *exchange, uint8_t key[SHA256_SIZE])
{
	uint8_t both[2 * SHA256_SIZE];

	sha256(bearer_subject_token(r), both);
	memcpy(both + SHA256_SIZE, exchange->identity, SHA256_SIZE);
	sha256(h2o_iovec_init((char *)both, sizeof(both)), key);
}

/* ---- the answer ---- */

/* RFC 6750, 2.1 */
static bool is_bearer_token(h2o_iovec_t token)
{
	for (size_t i = 0; i < token.len; i++)
		if (token.base[i] <= ' ' || (unsigned char)token.base[i] >= 0x7f)
			return false;
	return token.len > 0 && token.len <= TOKEN_MAX;
}

/* RFC 8693, 2.2.1. NULL, or why it is of no use. */
static const char *answer_problem_of(const struct egress_answer *answer, const json_t *json)
{
	static const char *const KINDS[] = {"urn:ietf:params:oauth:token-type:access_token",
	                                    "urn:ietf:params:oauth:token-type:jwt"};
	h2o_iovec_t kind = json_get_text(json, "issued_token_type");

	if (answer->status == 0)
		return answer->problem;
	if (answer->status != 200)
		return answer->status < 500 ? "the token endpoint refuses" : "the token endpoint fails";
	if (!json_is_object(json))
		return "the token endpoint's answer is no JSON object";
	/* it must be there, but not all servers say it */
	if (kind.base != NULL && !text_is(kind, KINDS[0]) && !text_is(kind, KINDS[1]))
		return "the token is none for access";
	if (!text_is_nocase(json_get_text(json, "token_type"), "Bearer"))
		return "the token is no bearer token";
	return is_bearer_token(json_get_text(json, "access_token")) ? NULL : "the token is not in a token's form";
}

static int64_t kept_ms_of(const json_t *json)
{
	const json_t *said = json_object_get(json, "expires_in");
	json_int_t seconds = json_integer_value(said);

	if (!json_is_integer(said))
		return UNSAID_MS;
	if (seconds > KEPT_MAX_MS / 1000)
		seconds = KEPT_MAX_MS / 1000;
	return seconds * 1000 - MARGIN_MS;
}

static void hand_out(struct flight *f, const struct credential_header *header)
{
	h2o_linklist_unlink(&f->link);
	f->flight = NULL;
	while (f->waits != NULL) {
		struct credential_wait *wait = f->waits;
		f->waits = wait->next;
		wait->done(wait->data, header);
		free(wait);
	}
	free(f);
}

static void on_answer(void *data, const struct egress_answer *answer)
{
	struct flight *f = data;
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	const json_t *json = answer->status == 200 ? json_read(&pool, answer->body, NULL) : NULL;
	const char *problem = answer_problem_of(answer, json);
	if (problem != NULL) {
		log_event(LOG_WARNING, "token exchange failed", "reason", problem, NULL);
		hand_out(f, NULL);
	} else {
		h2o_iovec_t token = json_get_text(json, "access_token");
		char *authorization = secret_alloc(&pool, sizeof("Bearer ") + token.len);
		memcpy(authorization, "Bearer ", 7);
		memcpy(authorization + 7, token.base, token.len);
		keep(f->exchanges, f->key, authorization, kept_ms_of(json));
		hand_out(f, &(struct credential_header){.authorization = authorization});
		secret_wipe(token.base, token.len);
	}
	h2o_mem_clear_pool(&pool);
}

/* ---- the question ---- */

static void add_parameter(struct text_buffer *b, const char *name, h2o_iovec_t value)
{
	if (value.base == NULL)
		return;
	text_append_printf(b, "%s%s=", b->len > 0 ? "&" : "", name);
	text_append_uri(b, value);
}

static void send_question(struct flight *f, const struct exchange *x, h2o_iovec_t subject, long timeout_ms)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct text_buffer body = {.pool = &pool};

	add_parameter(&body, "grant_type", text_of("urn:ietf:params:oauth:grant-type:token-exchange"));
	add_parameter(&body, "subject_token_type", text_of("urn:ietf:params:oauth:token-type:access_token"));
	add_parameter(&body, "requested_token_type", text_of("urn:ietf:params:oauth:token-type:access_token"));
	add_parameter(&body, "audience", text_of(x->audience));
	add_parameter(&body, "resource", text_of(x->resource));
	add_parameter(&body, "scope", text_of(x->scope));
	/* last: what the buffer has outgrown holds none of it */
	h2o_iovec_t before = h2o_iovec_init(body.base, body.len);
	char *whole = secret_alloc(&pool, before.len + sizeof("&subject_token=") + 3 * subject.len);
	body = (struct text_buffer){
	    .pool = &pool, .base = whole, .capacity = before.len + sizeof("&subject_token=") + 3 * subject.len};
	text_append_iovec(&body, before);
	add_parameter(&body, "subject_token", subject);
	struct egress_request request = {
	    .method = "POST",
	    .url = x->token_endpoint,
	    .content_type = "application/x-www-form-urlencoded",
	    .authorization = (const char *)x->authorization.bytes,
	    .body = h2o_iovec_init(body.base, body.len),
	    .timeout_ms = timeout_ms,
	    .answer_limit = ANSWER_LIMIT,
	    .places = f->exchanges->places,
	};
	f->flight = egress_fetch(f->exchanges->egress, &request, on_answer, f);
	h2o_mem_clear_pool(&pool);
}

static struct flight *find_flight(struct exchanges *e, const uint8_t key[SHA256_SIZE])
{
	for (h2o_linklist_t *l = e->flights.next; l != &e->flights; l = l->next) {
		struct flight *f = H2O_STRUCT_FROM_MEMBER(struct flight, link, l);
		if (memcmp(f->key, key, SHA256_SIZE) == 0)
			return f;
	}
	return NULL;
}

static struct flight *start_flight(struct request *r, const struct exchange *exchange, const uint8_t key[SHA256_SIZE],
                                   long timeout_ms)
{
	struct exchanges *e = mcp_of(r)->exchanges;
	struct flight *f = h2o_mem_alloc(sizeof(*f));

	*f = (struct flight){.exchanges = e};
	memcpy(f->key, key, SHA256_SIZE);
	h2o_linklist_insert(&e->flights, &f->link);
	send_question(f, exchange, bearer_subject_token(r), timeout_ms);
	return f;
}

struct credential_wait *exchange_begin(struct request *r, const struct exchange *exchange, long timeout_ms,
                                       struct credential_header *ret, credential_fn *done, void *data)
{
	struct exchanges *e = mcp_of(r)->exchanges;
	uint8_t key[SHA256_SIZE];
	struct flight *f;

	key_of(r, exchange, key);
	const struct known *known = find(e, key);
	if (known != NULL) {
		/* another caller's answer may push it out before it is used */
		char *text = secret_alloc(&r->pool, strlen(known->authorization) + 1);
		memcpy(text, known->authorization, strlen(known->authorization) + 1);
		ret->authorization = text;
		return NULL;
	}
	f = find_flight(e, key);
	if (f == NULL)
		f = start_flight(r, exchange, key, timeout_ms);
	struct credential_wait *wait = h2o_mem_alloc(sizeof(*wait));
	*wait = (struct credential_wait){.flight = f, .next = f->waits, .done = done, .data = data};
	f->waits = wait;
	return wait;
}

void credential_cancel(struct credential_wait *wait)
{
	struct flight *f = wait->flight;
	struct credential_wait **at = &f->waits;

	while (*at != wait)
		at = &(*at)->next;
	*at = wait->next;
	free(wait);
	if (f->waits != NULL || f->flight == NULL)
		return;
	egress_cancel(f->flight);
	h2o_linklist_unlink(&f->link);
	free(f);
}

void exchange_forget(struct request *r, const struct exchange *exchange)
{
	uint8_t key[SHA256_SIZE];

	key_of(r, exchange, key);
	struct known **at = place_of(mcp_of(r)->exchanges, key);
	if (*at != NULL)
		drop(mcp_of(r)->exchanges, at);
}
