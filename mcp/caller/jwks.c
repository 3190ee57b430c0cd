/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/jwks.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/uri.h"

enum {
	REFRESH_MS = 5 * 60 * 1000,
	REFRESH_LEAST_MS = 1000, /* for keys that nobody knows */
	RETRY_LEAST_MS = 500,
	RETRY_MOST_MS = 30 * 1000,
	STALE_MS = 24 * 60 * 60 * 1000,
	FETCH_TIMEOUT_MS = 5000,
	ANSWER_LIMIT = 256 * 1024,
};

struct jwks_waiter {
	struct request *r;
	struct jwks_waiter *next;
};

/* One reading of both documents. */
struct jwks_reading {
	h2o_mem_pool_t pool;
	const char *jwks_uri, *introspection_url;
	const char *revocation_feed_url; /* NULL if there is none */
	const struct jwk_set *set;
};

struct jwks {
	struct egress *egress;
	const char *issuer;
	bool with_keys;
	char *metadata_url;
	struct jwks_reading *good; /* NULL until the first one succeeded */
	struct jwks_reading *under_way;
	int64_t good_ms, tried_ms, next_ms, retry_ms;
	bool once_more; /* what is under way may be older than what somebody knows */
	struct jwks_waiter *waiters;
};

static void free_reading(struct jwks_reading *reading)
{
	if (reading == NULL)
		return;
	h2o_mem_clear_pool(&reading->pool);
	free(reading);
}

/* RFC 8414, 3.1: the well-known part goes between host and path of the issuer. */
static char *metadata_url_of(const char *issuer)
{
	static const char WELL_KNOWN[] = "/.well-known/oauth-authorization-server";
	const char *path = strstr(issuer, "://");
	path = path != NULL ? strchr(path + 3, '/') : NULL;
	size_t origin = path != NULL ? (size_t)(path - issuer) : strlen(issuer);
	size_t size = strlen(issuer) + sizeof(WELL_KNOWN);
	char *url = h2o_mem_alloc(size);

	snprintf(url, size, "%.*s%s%s", (int)origin, issuer, WELL_KNOWN, path != NULL ? path : "");
	return url;
}

static void resume_waiters(struct jwks *jwks)
{
	struct jwks_waiter *waiter = jwks->waiters;

	jwks->waiters = NULL;
	while (waiter != NULL) {
		struct jwks_waiter *next = waiter->next; /* it lies in the request's pool */
		request_resume(waiter->r);
		waiter = next;
	}
}

static void end_reading(struct jwks *jwks, const char *problem)
{
	struct jwks_reading *reading = jwks->under_way;
	int64_t now = clock_monotonic_ms();

	jwks->under_way = NULL;
	if (problem != NULL) {
		log_event(LOG_WARNING, "keys of the authorization server not read", "issuer", jwks->issuer, "reason",
		          problem, NULL);
		free_reading(reading);
		jwks->next_ms = now + jwks->retry_ms;
		jwks->retry_ms = jwks->retry_ms * 2 < RETRY_MOST_MS ? jwks->retry_ms * 2 : RETRY_MOST_MS;
	} else {
		if (jwks->good == NULL)
			log_event(LOG_INFO, "keys of the authorization server read", "issuer", jwks->issuer, NULL);
		free_reading(jwks->good);
		jwks->good = reading;
		jwks->good_ms = now;
		jwks->next_ms = now + REFRESH_MS;
		jwks->retry_ms = RETRY_LEAST_MS;
	}
	if (jwks->once_more)
		jwks->next_ms = now;
	jwks->once_more = false;
	resume_waiters(jwks);
}

static json_t *read_answer(struct jwks_reading *reading, const struct egress_answer *answer, const char **problem)
{
	if (answer->status != 200) {
		*problem = answer->status == 0 ? answer->problem : "the answer is not 200";
		return NULL;
	}
	json_t *document = json_read(&reading->pool, answer->body, NULL);
	if (!json_is_object(document)) {
		*problem = "the answer is no JSON object";
		return NULL;
	}
	return document;
}

/* https, or plain http on loopback; the door of egress checks the same. */
static const char *endpoint_of(struct jwks_reading *reading, const json_t *document, const char *member)
{
	h2o_iovec_t text = json_get_text(document, member);
	struct uri uri;

	if (text.base == NULL || !uri_parse(text, &uri) || uri.has_fragment)
		return NULL;
	if (!text_is_nocase(uri.scheme, "https") && !uri_is_loopback(&uri))
		return NULL;
	return text_copy(&reading->pool, text);
}

static void on_keys(void *data, const struct egress_answer *answer)
{
	struct jwks *jwks = data;
	const char *problem = NULL;
	json_t *document = read_answer(jwks->under_way, answer, &problem);

	if (document != NULL)
		jwks->under_way->set = jwk_set_read(&jwks->under_way->pool, document, &problem);
	if (jwks->under_way->set != NULL && jwks->under_way->set->count == 0)
		problem = "the key set is empty";
	else if (jwks->under_way->set != NULL)
		problem = NULL;
	end_reading(jwks, problem);
}

static void fetch(struct jwks *jwks, const char *url, egress_done_fn *done)
{
	struct egress_request request = {
	    .method = "GET", .url = url, .timeout_ms = FETCH_TIMEOUT_MS, .answer_limit = ANSWER_LIMIT};

	egress_fetch(jwks->egress, &request, done, jwks);
}

static void on_metadata(void *data, const struct egress_answer *answer)
{
	struct jwks *jwks = data;
	struct jwks_reading *reading = jwks->under_way;
	const char *problem = NULL;
	json_t *document = read_answer(reading, answer, &problem);

	if (document == NULL) {
		end_reading(jwks, problem);
		return;
	}
	if (!text_is(json_get_text(document, "issuer"), jwks->issuer)) { /* RFC 8414, 3.3 */
		end_reading(jwks, "the metadata names another issuer");
		return;
	}
	reading->jwks_uri = endpoint_of(reading, document, "jwks_uri");
	reading->introspection_url = endpoint_of(reading, document, "introspection_endpoint");
	reading->revocation_feed_url = endpoint_of(reading, document, "revocation_feed_endpoint");
	if ((jwks->with_keys && reading->jwks_uri == NULL) || reading->introspection_url == NULL)
		end_reading(jwks, "the metadata has no usable jwks_uri or introspection_endpoint");
	else if (jwks->with_keys)
		fetch(jwks, reading->jwks_uri, on_keys);
	else
		end_reading(jwks, NULL);
}

static void start_reading(struct jwks *jwks)
{
	jwks->under_way = h2o_mem_alloc(sizeof(*jwks->under_way));
	memset(jwks->under_way, 0, sizeof(*jwks->under_way));
	h2o_mem_init_pool(&jwks->under_way->pool);
	jwks->tried_ms = clock_monotonic_ms();
	fetch(jwks, jwks->metadata_url, on_metadata);
}

struct jwks *jwks_open(struct egress *egress, const char *issuer, bool with_keys)
{
	struct jwks *jwks = h2o_mem_alloc(sizeof(*jwks));

	*jwks = (struct jwks){.egress = egress, .issuer = issuer, .with_keys = with_keys, .retry_ms = RETRY_LEAST_MS};
	jwks->metadata_url = metadata_url_of(issuer);
	start_reading(jwks);
	return jwks;
}

void jwks_close(struct jwks *jwks)
{
	free_reading(jwks->good);
	free_reading(jwks->under_way);
	free(jwks->metadata_url);
	free(jwks);
}

void jwks_tick(void *data)
{
	struct jwks *jwks = data;

	if (jwks->under_way == NULL && (jwks->waiters != NULL || clock_monotonic_ms() >= jwks->next_ms))
		start_reading(jwks);
}

static const struct jwks_reading *believed(const struct jwks *jwks)
{
	if (jwks->good == NULL || clock_monotonic_ms() - jwks->good_ms > STALE_MS)
		return NULL;
	return jwks->good;
}

const struct jwk_set *jwks_current(const struct jwks *jwks)
{
	const struct jwks_reading *reading = believed(jwks);

	return reading != NULL ? reading->set : NULL;
}

const char *jwks_introspection_url(const struct jwks *jwks)
{
	const struct jwks_reading *reading = believed(jwks);

	return reading != NULL ? reading->introspection_url : NULL;
}

const char *jwks_revocation_feed_url(const struct jwks *jwks)
{
	const struct jwks_reading *reading = believed(jwks);

	return reading != NULL ? reading->revocation_feed_url : NULL;
}

void jwks_read_again(struct jwks *jwks)
{
	int64_t soonest_ms = jwks->tried_ms + REFRESH_LEAST_MS;

	if (jwks->under_way != NULL)
		jwks->once_more = true;
	else if (clock_monotonic_ms() >= soonest_ms)
		start_reading(jwks);
	else if (jwks->next_ms > soonest_ms)
		jwks->next_ms = soonest_ms; /* the tick does it */
}

int64_t jwks_read_ms(const struct jwks *jwks)
{
	return jwks->good_ms;
}

step_result jwks_refresh(struct jwks *jwks, struct request *r)
{
	int64_t since_ms = clock_monotonic_ms() - jwks->tried_ms;

	if (jwks->under_way == NULL && believed(jwks) == NULL && since_ms < RETRY_LEAST_MS)
		return STEP_NEXT;
	/* With a set that was read a moment ago the tick reads the next one: forged tokens must not make this server
	 * ask without end, and a key that signs since that moment must not be taken for a forged one. */
	if (jwks->under_way == NULL && since_ms >= REFRESH_LEAST_MS)
		start_reading(jwks);
	struct jwks_waiter *waiter = h2o_mem_alloc_pool(&r->pool, sizeof(*waiter));
	*waiter = (struct jwks_waiter){r, jwks->waiters};
	jwks->waiters = waiter;
	return STEP_WAIT;
}
