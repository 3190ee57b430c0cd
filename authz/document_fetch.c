/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/document_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/secret.h"

enum { WAITERS_MAX = 64, HOLDS = 256, HOLD_MS = 15000, JSON_TYPE_MAX = 128 };
/* Bounds of what a site may say about keeping its document (draft, 5.2), and what holds if it says nothing. */
enum { LIFETIME_LEAST = 60, LIFETIME_MOST = 86400, LIFETIME_UNSAID = 3600 };

struct waiter {
	struct request *r;
	struct document_fetched *ret;
};

struct flight { /* one question under way */
	struct document_fetches *fetches;
	struct flight *next;
	uint8_t digest[SHA256_SIZE]; /* of the URL */
	char *url;
	struct waiter waiters[WAITERS_MAX];
	size_t count;
};

struct hold {
	uint8_t digest[SHA256_SIZE];
	int64_t until_ms; /* 0: free */
	enum document_answer answer;
};

struct document_fetches {
	struct egress *egress;
	struct flight *flights; /* a few: the door lets no more through */
	struct hold holds[HOLDS];
};

struct document_fetches *document_fetches_open(struct egress *egress)
{
	struct document_fetches *fetches = h2o_mem_alloc(sizeof(*fetches));

	memset(fetches, 0, sizeof(*fetches));
	fetches->egress = egress;
	return fetches;
}

void document_fetches_close(struct document_fetches *fetches)
{
	free(fetches);
}

/* ---- failures ---- */

static struct hold *hold_of(struct document_fetches *fetches, const uint8_t *digest)
{
	return &fetches->holds[digest[0] % HOLDS];
}

static void begin_hold(struct document_fetches *fetches, const uint8_t *digest, enum document_answer answer)
{
	struct hold *hold = hold_of(fetches, digest);

	memcpy(hold->digest, digest, SHA256_SIZE);
	hold->until_ms = clock_monotonic_ms() + HOLD_MS;
	hold->answer = answer;
}

void document_fetch_hold(struct document_fetches *fetches, const char *url)
{
	uint8_t digest[SHA256_SIZE];

	sha256(text_of(url), digest);
	begin_hold(fetches, digest, DOCUMENT_GONE);
}

static bool is_held(struct document_fetches *fetches, const uint8_t *digest, enum document_answer *ret)
{
	const struct hold *hold = hold_of(fetches, digest);

	if (hold->until_ms <= clock_monotonic_ms() || memcmp(hold->digest, digest, SHA256_SIZE) != 0)
		return false;
	*ret = hold->answer;
	return true;
}

/* ---- answers ---- */

/* application/json or application/<something>+json (draft, 4). */
static bool is_json(h2o_iovec_t type)
{
	char word[JSON_TYPE_MAX];
	size_t len = 0;

	while (len < type.len && len < sizeof(word) - 1 && strchr("; \t", type.base[len]) == NULL) {
		word[len] = (char)h2o_tolower(type.base[len]);
		len++;
	}
	word[len] = '\0';
	if (strcmp(word, "application/json") == 0)
		return true;
	return strncmp(word, "application/", 12) == 0 && len > 17 && strcmp(word + len - 5, "+json") == 0;
}

/* A 403 or a redirect may be a site's trouble with programs that ask: what is kept stays good for a while. That there
 * is no document, or something else in its place, is an answer. */
static enum document_answer answer_of(const struct egress_answer *answer, const char **problem)
{
	*problem = NULL;
	if (answer->status == 304)
		return DOCUMENT_UNCHANGED;
	if (answer->status == 200 && is_json(answer->content_type))
		return DOCUMENT_CAME;
	if (answer->status == 0)
		*problem = answer->problem;
	else if (answer->status == 200)
		*problem = "the document is not served as JSON";
	else if (answer->status == 404 || answer->status == 410)
		*problem = "there is no document";
	else
		*problem = "the answer is not 200";
	return answer->status == 200 || answer->status == 404 || answer->status == 410 ? DOCUMENT_GONE
	                                                                               : DOCUMENT_SILENT;
}

static int64_t lifetime_of(const struct http_cache *cache)
{
	int64_t lifetime = http_cache_lifetime(cache);

	if (lifetime < 0)
		return LIFETIME_UNSAID;
	return lifetime < LIFETIME_LEAST ? LIFETIME_LEAST : lifetime > LIFETIME_MOST ? LIFETIME_MOST : lifetime;
}

static const char *copy_unless_empty(h2o_mem_pool_t *pool, const char *text)
{
	return *text != '\0' ? text_copy(pool, text_of(text)) : NULL;
}

static void hand_out(const struct waiter *w, enum document_answer kind, const struct egress_answer *answer)
{
	h2o_mem_pool_t *pool = &w->r->pool;

	*w->ret = (struct document_fetched){.answer = kind, .lifetime = lifetime_of(&answer->cache)};
	if (kind != DOCUMENT_CAME)
		return;
	w->ret->body = h2o_iovec_init(text_copy(pool, answer->body), answer->body.len);
	w->ret->etag = copy_unless_empty(pool, answer->cache.etag);
	w->ret->last_modified = copy_unless_empty(pool, answer->cache.last_modified);
}

static void on_answer(void *data, const struct egress_answer *answer)
{
	struct flight *f = data;
	struct document_fetches *fetches = f->fetches;
	const char *problem;
	enum document_answer kind = answer_of(answer, &problem);

	for (struct flight **at = &fetches->flights; *at != NULL; at = &(*at)->next)
		if (*at == f) {
			*at = f->next;
			break;
		}
	if (problem != NULL) {
		log_event(LOG_WARNING, "a client document could not be fetched", "url", f->url, "problem", problem,
		          NULL);
		if (!answer->over_budget) /* somebody's, not the site's, fault */
			begin_hold(fetches, f->digest, kind);
	}
	for (size_t i = 0; i < f->count; i++) {
		hand_out(&f->waiters[i], kind, answer);
		request_resume(f->waiters[i].r);
	}
	free(f->url);
	free(f);
}

/* ---- questions ---- */

static struct flight *find_flight(const struct document_fetches *fetches, const uint8_t *digest)
{
	struct flight *f = fetches->flights;

	while (f != NULL && memcmp(f->digest, digest, SHA256_SIZE) != 0)
		f = f->next;
	return f;
}

static struct flight *begin_flight(struct request *r, const uint8_t *digest, const char *url, const char *etag,
                                   const char *last_modified)
{
	const struct client_document_settings *settings = &authz_of(r)->settings.documents;
	struct document_fetches *fetches = authz_of(r)->documents;
	struct flight *f = h2o_mem_alloc(sizeof(*f));
	struct egress_request request = {
	    .method = "GET",
	    .url = url,
	    .if_none_match = etag,
	    .if_modified_since = last_modified,
	    .timeout_ms = settings->timeout_ms,
	    .answer_limit = settings->size_limit,
	    .guarded = true,
	    .asker = request_network(r),
	};

	*f = (struct flight){.fetches = fetches, .next = fetches->flights};
	f->url = h2o_strdup(NULL, url, SIZE_MAX).base;
	memcpy(f->digest, digest, SHA256_SIZE);
	fetches->flights = f;
	egress_fetch(fetches->egress, &request, on_answer, f);
	return f;
}

step_result document_fetch(struct request *r, const char *url, const char *etag, const char *last_modified,
                           struct document_fetched *ret)
{
	struct document_fetches *fetches = authz_of(r)->documents;
	uint8_t digest[SHA256_SIZE];
	struct flight *f;

	*ret = (struct document_fetched){.answer = DOCUMENT_SILENT};
	sha256(text_of(url), digest);
	if (is_held(fetches, digest, &ret->answer))
		return STEP_NEXT;
	f = find_flight(fetches, digest);
	if (f == NULL)
		f = begin_flight(r, digest, url, etag, last_modified);
	if (f->count == WAITERS_MAX)
		return STEP_NEXT;
	f->waiters[f->count++] = (struct waiter){r, ret};
	return STEP_WAIT;
}
