/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/introspection.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/encoding.h"
#include "common/log.h"
#include "common/uri.h"
#include "mcp/caller/introspection_answer.h"
#include "mcp/caller/jwks.h"

enum {
	FLIGHTS_MAX = 512,
	UNVERIFIED_MAX = FLIGHTS_MAX / 2, /* anybody can invent what only its issuer can judge */
	FLIGHT_BUCKETS = 64,
	ASK_TIMEOUT_MS = 5000,
	ANSWER_LIMIT = 64 * 1024,
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
	bool verified;  /* they are */
	int64_t asked_ms;
	bool disturbed; /* the answer may be older than a change that is known already */
	struct flight_waiter *waiters;
};

struct introspection {
	struct introspection_options options;
	struct secret authorization; /* "Basic ..." with its NUL */
	h2o_mem_pool_t pool;
	struct flight *flights[FLIGHT_BUCKETS];
	size_t count, unverified;
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
			if (concerns(f, TOKEN_KEY_CLAIMS[key], value))
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
	introspection->unverified -= !f->verified;
}

static void on_answer(void *data, const struct egress_answer *answer)
{
	struct flight *f = data;
	struct introspection *introspection = f->introspection;
	struct asked asked = {
	    .options = &introspection->options,
	    .recent = &introspection->recent,
	    .digest = f->digest,
	    .claims = f->verified ? f->claims : NULL,
	    .shown = f->claims,
	    .asked_ms = f->asked_ms,
	};
	const char *problem = f->disturbed ? NULL : introspection_take(&asked, answer);

	if (problem != NULL)
		log_event(LOG_WARNING, "introspection failed", "issuer", introspection->options.issuer, "reason",
		          problem, NULL);
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

/* The operator has named the issuer's host, and the endpoint where the metadata shall not say it. Another one that they
 * name may not be inside. */
static bool is_chosen_by_others(const struct introspection_options *o, h2o_mem_pool_t *pool, const char *url)
{
	struct uri endpoint, issuer;

	if (o->foreign == NULL || o->endpoint != NULL)
		return false;
	return !uri_parse(text_of(url), &endpoint) || !uri_parse(text_of(o->issuer), &issuer) ||
	       strcasecmp(uri_origin(pool, &endpoint), uri_origin(pool, &issuer)) != 0;
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
	    .public_only = is_chosen_by_others(&introspection->options, &pool, url),
	};
	egress_fetch(introspection->options.egress, &request, on_answer, f);
	secret_wipe(body.base, body.len);
	h2o_mem_clear_pool(&pool);
}

static struct flight *start_flight(struct introspection *introspection, const char *url, h2o_iovec_t token,
                                   const uint8_t *digest, json_t *claims, bool verified)
{
	struct flight **at = place_of(introspection, digest), *known = find_flight(introspection, digest);

	if (known != NULL)
		return known;
	if (introspection->count == FLIGHTS_MAX || (!verified && introspection->unverified == UNVERIFIED_MAX))
		return NULL;
	struct flight *f = h2o_mem_alloc(sizeof(*f));
	*f = (struct flight){
	    .introspection = introspection,
	    .claims = json_incref(claims),
	    .verified = verified,
	    .asked_ms = clock_monotonic_ms(),
	};
	memcpy(f->digest, digest, SHA256_SIZE);
	f->next = *at;
	*at = f;
	introspection->count++;
	introspection->unverified += !verified;
	send_question(introspection, f, url, token);
	return f;
}

/* NULL while it is not known. */
static const char *endpoint_of(const struct introspection *introspection)
{
	const struct introspection_options *o = &introspection->options;

	return o->endpoint != NULL ? o->endpoint : jwks_introspection_url(o->jwks);
}

step_result introspection_ask(struct introspection *introspection, struct request *r, h2o_iovec_t token,
                              const uint8_t digest[SHA256_SIZE], json_t *claims, bool verified)
{
	const char *url = endpoint_of(introspection);
	struct flight *f = url != NULL ? start_flight(introspection, url, token, digest, claims, verified) : NULL;

	if (f == NULL)
		return STEP_NEXT;
	struct flight_waiter *waiter = h2o_mem_alloc_pool(&r->pool, sizeof(*waiter));
	*waiter = (struct flight_waiter){r, f->waiters};
	f->waiters = waiter;
	return STEP_WAIT;
}

void introspection_check(struct introspection *introspection, h2o_iovec_t token, const uint8_t digest[SHA256_SIZE],
                         json_t *claims, bool verified)
{
	const char *url = endpoint_of(introspection);

	if (url != NULL)
		start_flight(introspection, url, token, digest, claims, verified);
}
