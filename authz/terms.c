/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/terms.h"

#include <string.h>

#include "common/clock.h"

enum { KEPT_SECONDS = 600 }; /* nothing is remembered for ever, whatever happens to a notice */

struct kept {
	size_t redirect_uri_count, scope_count;
	bool may_use_codes;
	char texts[]; /* the resource, the redirect URIs, the scopes behind a '+' (open) or '-', each with its NUL */
};

static void append(struct text_buffer *b, const char *text)
{
	text_append(b, text, strlen(text) + 1);
}

static void keep(struct request *r, const struct terms_asked *t)
{
	const struct terms *terms = &t->terms;
	struct kept head = {terms->redirect_uri_count, terms->scope_count, terms->may_use_codes};
	struct text_buffer b = {.pool = &r->pool};

	text_append(&b, (const char *)&head, offsetof(struct kept, texts));
	append(&b, terms->resource);
	for (size_t i = 0; i < terms->redirect_uri_count; i++)
		append(&b, terms->redirect_uris[i]);
	for (size_t i = 0; i < terms->scope_count; i++) {
		text_append(&b, terms->scopes[i].is_open ? "+" : "-", 1);
		append(&b, terms->scopes[i].name);
	}
	answer_cache_put(authz_of(r)->answers, t->key, &t->mark, clock_now() + KEPT_SECONDS, b.base, b.len);
}

static const char *next(const char **at)
{
	const char *text = *at;

	*at += strlen(text) + 1;
	return text;
}

static bool read_kept(struct request *r, struct terms_asked *t)
{
	struct terms *terms = &t->terms;
	size_t len;
	const void *bytes = answer_cache_get(authz_of(r)->answers, t->key, &len);

	if (bytes == NULL)
		return false;
	const struct kept *k = memcpy(h2o_mem_alloc_pool(&r->pool, len), bytes, len);
	const char *at = k->texts;
	*terms = (struct terms){
	    .found = LOOKUP_FOUND,
	    .may_use_codes = k->may_use_codes,
	    .resource = next(&at),
	    .redirect_uris = h2o_mem_alloc_pool(&r->pool, (k->redirect_uri_count + 1) * sizeof(*terms->redirect_uris)),
	    .redirect_uri_count = k->redirect_uri_count,
	    .scopes = h2o_mem_alloc_pool(&r->pool, (k->scope_count + 1) * sizeof(*terms->scopes)),
	    .scope_count = k->scope_count,
	};
	for (size_t i = 0; i < terms->redirect_uri_count; i++)
		terms->redirect_uris[i] = next(&at);
	for (size_t i = 0; i < terms->scope_count; i++) {
		const char *scope = next(&at);
		terms->scopes[i] = (struct scope_row){.name = scope + 1, .is_open = *scope == '+'};
	}
	return true;
}

step_result terms_ask(struct request *r, struct terms_asked *t, const char *client_id, const char *resource)
{
	t->client_id = client_id;
	t->resource = resource;
	answer_key(&(struct client_proof){.client_id = client_id}, "authorize", &resource, 1, t->key);
	t->is_kept = read_kept(r, t);
	return t->is_kept ? STEP_NEXT : terms_ask_afresh(r, t);
}

step_result terms_ask_afresh(struct request *r, struct terms_asked *t)
{
	const struct answer_cache *cache = authz_of(r)->answers;

	t->is_kept = false;
	t->may_be_kept = true;
	t->mark = answer_mark_begin(cache); /* a change of any resource drops all answers */
	answer_mark_add(cache, &t->mark, "client", t->client_id);
	return store_authorize_lookup(r, t->client_id, t->resource);
}

void terms_read(struct request *r, struct terms_asked *t)
{
	if (t->is_kept)
		return;
	store_read_authorize_lookup(r, &t->terms);
	if (t->may_be_kept && t->terms.found == LOOKUP_FOUND)
		keep(r, t);
}
