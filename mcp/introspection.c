/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/introspection.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/confirmation.h"
#include "common/encoding.h"
#include "common/jws.h"
#include "common/log.h"
#include "mcp/jwks.h"
#include "mcp/recent_events.h"

enum {
	FLIGHTS_MAX = 512,
	FLIGHT_BUCKETS = 64,
	ASK_TIMEOUT_MS = 5000,
	ANSWER_LIMIT = 64 * 1024,
	BELIEVED_MAX_S = 60 * 60, /* who uses the answer may want a newer one */
	UNSETTLED_MS = 1000,      /* soon after an event */
};

struct flight_waiter {
	struct request *r;
	struct flight_waiter *next;
};

struct flight { /* one question under way */
	struct introspection *introspection;
	struct flight *next;
	uint8_t digest[SHA256_SIZE];
	json_t *claims; /* a reference of its own: the first asker may leave */
	int64_t asked_ms;
	bool disturbed; /* the answer may be older than a change that is known already */
	struct flight_waiter *waiters;
};

struct introspection {
	struct introspection_options options;
	struct secret authorization; /* "Basic ..." with its NUL */
	h2o_mem_pool_t pool;
	struct flight *flights[FLIGHT_BUCKETS];
	size_t count;
	uint64_t disturbed;
	struct recent_events recent;
};

/* RFC 6749, 2.3.1: both parts form-encoded (which changes nothing of the unreserved characters that they usually are).
 */
static struct secret basic_authorization(h2o_mem_pool_t *pool, const char *client_id, struct secret client_secret)
{
	h2o_mem_pool_t scratch;
	h2o_mem_init_pool(&scratch);
	struct text_buffer pair = {.pool = &scratch};

	text_append_uri(&pair, text_of(client_id));
	text_append_str(&pair, ":");
	text_append_uri(&pair, h2o_iovec_init(client_secret.bytes, client_secret.len));
	h2o_iovec_t encoded = base64_encode(&scratch, pair.base, pair.len);
	char *text = text_printf(&scratch, "Basic %s", encoded.base);
	struct secret authorization = secret_copy(pool, text, strlen(text) + 1);
	secret_wipe(text, strlen(text));
	secret_wipe(encoded.base, encoded.len);
	secret_wipe(pair.base, pair.len);
	h2o_mem_clear_pool(&scratch);
	return authorization;
}

struct introspection *introspection_open(const struct introspection_options *options)
{
	struct introspection *introspection = h2o_mem_alloc(sizeof(*introspection));

	memset(introspection, 0, sizeof(*introspection));
	introspection->options = *options;
	h2o_mem_init_pool(&introspection->pool);
	introspection->authorization =
	    basic_authorization(&introspection->pool, options->client_id, options->client_secret);
	return introspection;
}

void introspection_close(struct introspection *introspection)
{
	h2o_mem_clear_pool(&introspection->pool);
	free(introspection);
}

static bool same_text(const json_t *answer, const json_t *claims, const char *member)
{
	if (json_object_get(answer, member) == NULL)
		return true; /* RFC 7662, 2.2: optional */
	h2o_iovec_t said = json_get_text(answer, member);
	return said.base != NULL && text_equal(said, json_get_text(claims, member));
}

/* By its grant a token is forgotten: one that names its grant is of no other. */
static bool same_grant(const json_t *answer, const json_t *claims)
{
	return json_object_get(claims, "grant_id") == NULL || same_text(answer, claims, "grant_id");
}

/* The token's own claim was checked. */
static bool is_for(const json_t *answer, const char *resource)
{
	const json_t *aud = json_object_get(answer, "aud");

	return aud == NULL || jwt_audience_has(aud, resource);
}

/* The answer must speak of this token: an authorization server that mixes tokens up is not believed, neither that this
 * one is alive nor that it is dead. */
static bool is_consistent(const struct introspection_options *o, const json_t *answer, const json_t *claims)
{
	return same_text(answer, claims, "iss") && same_text(answer, claims, "sub") &&
	       same_text(answer, claims, "client_id") && same_text(answer, claims, "jti") &&
	       same_grant(answer, claims) && is_for(answer, o->resource);
}

/* RFC 8705, 3.2: of a token that is bound the answer says so too, of another one it does not. */
static bool same_confirmation(const json_t *answer, const json_t *claims)
{
	uint8_t said[SHA256_SIZE], claimed[SHA256_SIZE];

	return confirmation_read(answer, said) == confirmation_read(claims, claimed) &&
	       memcmp(said, claimed, SHA256_SIZE) == 0;
}

/* Scopes that both the token and the answer have. */
static struct scopes granted_scopes(h2o_mem_pool_t *pool, const json_t *answer, const json_t *claims)
{
	struct scopes of_token = {NULL, 0}, of_answer = {NULL, 0};

	if (!scopes_parse(pool, json_get_text(claims, "scope"), &of_token))
		return (struct scopes){NULL, 0};
	if (json_object_get(answer, "scope") == NULL)
		return of_token;
	if (!scopes_parse(pool, json_get_text(answer, "scope"), &of_answer))
		return (struct scopes){NULL, 0};
	return scopes_intersect(pool, &of_token, &of_answer);
}

static void keep_dead(const struct flight *f, int64_t dies_ms)
{
	struct bearer_facts facts = {
	    .digest = f->digest,
	    .asked_ms = f->asked_ms,
	    .dies_ms = dies_ms,
	    .client_id = json_get_text(f->claims, "client_id").base,
	    .grant_id = json_get_text(f->claims, "grant_id").base,
	    .jti = json_get_text(f->claims, "jti").base,
	};

	token_cache_put(f->introspection->options.tokens, bearer_make(&facts));
}

/* RFC 7662, 2.2: the grant may end before the token does. */
static int64_t end_of(const json_t *answer, const json_t *claims)
{
	int64_t of_token = json_integer_value(json_object_get(claims, "exp"));
	const json_t *said = json_object_get(answer, "exp");

	return json_is_integer(said) && json_integer_value(said) < of_token ? json_integer_value(said) : of_token;
}

static const char *const KEY_CLAIMS[TOKEN_KEYS] = {
    [TOKEN_GRANT] = "grant_id", [TOKEN_JTI] = "jti", [TOKEN_CLIENT] = "client_id"};

/* How long the answer may be believed as far as events go. Those who answer may know of a change a little later than
 * those who tell of it. What no event can name has to be asked for again and again. */
static int64_t believed_ms(const struct flight *f, const json_t *answer)
{
	const struct introspection *introspection = f->introspection;
	bool named = true;

	for (enum token_key key = 0; key < TOKEN_KEYS; key++) {
		h2o_iovec_t value = json_get_text(f->claims, KEY_CLAIMS[key]);

		if (value.len == 0 && key == TOKEN_GRANT)
			value = json_get_text(answer, KEY_CLAIMS[key]);
		named = named && value.len > 0;
		if (recent_events_have(&introspection->recent, key, value, f->asked_ms))
			return UNSETTLED_MS;
	}
	return named ? INT64_MAX : introspection->options.cache_ms;
}

static void keep_alive(h2o_mem_pool_t *pool, const struct flight *f, const json_t *answer, int64_t now_ms)
{
	const struct introspection_options *o = &f->introspection->options;
	struct scopes granted = granted_scopes(pool, answer, f->claims), grantable = {NULL, 0};
	int64_t expires = end_of(answer, f->claims);
	int64_t left_s = expires - clock_now();
	int64_t left_ms = left_s < BELIEVED_MAX_S ? left_s * 1000 : BELIEVED_MAX_S * 1000; /* exp may be huge */

	if (left_ms <= 0) { /* it ended while the question was under way */
		keep_dead(f, now_ms + o->cache_ms);
		return;
	}
	int64_t unnamed_ms = believed_ms(f, answer);

	if (left_ms > unnamed_ms)
		left_ms = unnamed_ms;
	uint8_t *decisions = h2o_mem_alloc_pool(pool, o->catalogue->count + 1);

	if (!scopes_parse(pool, json_get_text(answer, "grantable_scope"), &grantable))
		grantable = (struct scopes){NULL, 0};
	policy_decide_all(o->catalogue, &granted, &grantable, decisions);
	h2o_iovec_t grant = json_get_text(answer, "grant_id");
	uint8_t certificate[SHA256_SIZE];
	bool bound = confirmation_read(f->claims, certificate) == CONFIRMATION_CERTIFICATE;
	struct bearer_facts facts = {
	    .digest = f->digest,
	    .active = true,
	    .asked_ms = f->asked_ms,
	    .dies_ms = now_ms + left_ms,
	    .expires = expires,
	    .subject = json_get_text(f->claims, "sub").base,
	    .username = json_get_text(answer, "username").base,
	    .client_id = json_get_text(f->claims, "client_id").base,
	    .grant_id = grant.base != NULL ? grant.base : json_get_text(f->claims, "grant_id").base,
	    .jti = json_get_text(f->claims, "jti").base,
	    .scope = scopes_text(pool, &granted),
	    .list = tool_lists_get(o->lists, decisions),
	    .decisions = decisions,
	    .tool_count = o->catalogue->count,
	    .certificate = bound ? certificate : NULL,
	};
	token_cache_put(o->tokens, bearer_make(&facts));
}

/* NULL, or why the answer says nothing. */
static const char *take_answer(const struct flight *f, const struct egress_answer *answer)
{
	const struct introspection_options *o = &f->introspection->options;
	int64_t now_ms = clock_monotonic_ms();
	const char *problem = NULL;
	h2o_mem_pool_t pool;

	if (answer->status == 0)
		return answer->problem;
	if (answer->status == 401)
		return "the authorization server does not know this resource server's credentials";
	if (answer->status != 200)
		return "the answer is not 200";
	h2o_mem_init_pool(&pool);
	json_t *document = json_read(&pool, answer->body, NULL);
	json_t *active = json_object_get(document, "active");
	if (!json_is_boolean(active))
		problem = "the answer is no introspection response";
	else if (!is_consistent(o, document, f->claims))
		problem = "the answer speaks of another token";
	else if (json_is_true(active) && !same_confirmation(document, f->claims))
		problem = "the answer and the token differ in what the token is bound to";
	else if (json_is_true(active))
		keep_alive(&pool, f, document, now_ms);
	else
		keep_dead(f, now_ms + o->cache_ms);
	h2o_mem_clear_pool(&pool);
	return problem;
}

/* A token that does not say of which grant it is may be of this one. */
static bool concerns(const struct flight *f, const char *claim, h2o_iovec_t value)
{
	h2o_iovec_t said = json_get_text(f->claims, claim);

	return said.base == NULL || text_equal(said, value);
}

static void disturb(struct introspection *introspection, struct flight *f)
{
	introspection->disturbed += !f->disturbed;
	f->disturbed = true;
}

void introspection_disturb(struct introspection *introspection, enum token_key key, h2o_iovec_t value)
{
	recent_events_add(&introspection->recent, key, value, clock_monotonic_ms());
	for (size_t i = 0; i < FLIGHT_BUCKETS; i++)
		for (struct flight *f = introspection->flights[i]; f != NULL; f = f->next)
			if (concerns(f, KEY_CLAIMS[key], value))
				disturb(introspection, f);
}

void introspection_disturb_all(struct introspection *introspection)
{
	for (size_t i = 0; i < FLIGHT_BUCKETS; i++)
		for (struct flight *f = introspection->flights[i]; f != NULL; f = f->next)
			disturb(introspection, f);
}

uint64_t introspection_disturbed(const struct introspection *introspection)
{
	return introspection->disturbed;
}

const char *introspection_authorization(const struct introspection *introspection)
{
	return (const char *)introspection->authorization.bytes;
}

static struct flight **place_of(struct introspection *introspection, const uint8_t *digest)
{
	return &introspection->flights[digest[0] % FLIGHT_BUCKETS];
}

/* The one whose answer will be kept. */
static struct flight *find_flight(struct introspection *introspection, const uint8_t *digest)
{
	struct flight *f = *place_of(introspection, digest);

	while (f != NULL && (f->disturbed || memcmp(f->digest, digest, SHA256_SIZE) != 0))
		f = f->next;
	return f;
}

static void remove_flight(struct introspection *introspection, struct flight *f)
{
	struct flight **at = place_of(introspection, f->digest);

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	introspection->count--;
}

static void on_answer(void *data, const struct egress_answer *answer)
{
	struct flight *f = data;
	struct introspection *introspection = f->introspection;
	const char *problem = f->disturbed ? NULL : take_answer(f, answer);

	if (problem != NULL)
		log_event(LOG_WARNING, "introspection failed", "reason", problem, NULL);
	remove_flight(introspection, f);
	struct flight_waiter *waiter = f->waiters;
	json_decref(f->claims);
	free(f);
	while (waiter != NULL) {
		struct flight_waiter *next = waiter->next; /* it lies in the request's pool */
		request_resume(waiter->r);
		waiter = next;
	}
}

static void send_question(struct introspection *introspection, struct flight *f, const char *url, h2o_iovec_t token)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct text_buffer body = {.pool = &pool};

	text_append_str(&body, "token_type_hint=access_token&token=");
	text_append_uri(&body, token);
	struct egress_request request = {
	    .method = "POST",
	    .url = url,
	    .content_type = "application/x-www-form-urlencoded",
	    .authorization = (const char *)introspection->authorization.bytes,
	    .body = h2o_iovec_init(body.base, body.len),
	    .timeout_ms = ASK_TIMEOUT_MS,
	    .answer_limit = ANSWER_LIMIT,
	};
	egress_fetch(introspection->options.egress, &request, on_answer, f);
	secret_wipe(body.base, body.len);
	h2o_mem_clear_pool(&pool);
}

static struct flight *start_flight(struct introspection *introspection, const char *url, h2o_iovec_t token,
                                   const uint8_t *digest, json_t *claims)
{
	struct flight **at = place_of(introspection, digest), *known = find_flight(introspection, digest);

	if (known != NULL)
		return known;
	if (introspection->count == FLIGHTS_MAX)
		return NULL;
	struct flight *f = h2o_mem_alloc(sizeof(*f));
	*f = (struct flight){
	    .introspection = introspection, .claims = json_incref(claims), .asked_ms = clock_monotonic_ms()};
	memcpy(f->digest, digest, SHA256_SIZE);
	f->next = *at;
	*at = f;
	introspection->count++;
	send_question(introspection, f, url, token);
	return f;
}

step_result introspection_ask(struct introspection *introspection, struct request *r, h2o_iovec_t token,
                              const uint8_t digest[SHA256_SIZE], json_t *claims)
{
	const char *url = jwks_introspection_url(introspection->options.jwks);
	struct flight *f = url != NULL ? start_flight(introspection, url, token, digest, claims) : NULL;

	if (f == NULL)
		return STEP_NEXT;
	struct flight_waiter *waiter = h2o_mem_alloc_pool(&r->pool, sizeof(*waiter));
	*waiter = (struct flight_waiter){r, f->waiters};
	f->waiters = waiter;
	return STEP_WAIT;
}

void introspection_check(struct introspection *introspection, h2o_iovec_t token, const uint8_t digest[SHA256_SIZE],
                         json_t *claims)
{
	const char *url = jwks_introspection_url(introspection->options.jwks);

	if (url != NULL)
		start_flight(introspection, url, token, digest, claims);
}
