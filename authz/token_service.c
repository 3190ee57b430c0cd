/* SPDX-License-Identifier: Apache-2.0 */
/* grant_type=client_credentials: OAuth 2.1, 4.2, with RFC 8707, 2.2. The verdict depends on the client, its grant and
 * the resource only, so it is kept until one of them changes: a steady client costs a signature and no question. */
#include <string.h>

#include "authz/parameter.h"
#include "authz/token.h"
#include "common/clock.h"

enum { KEPT_SECONDS = 600 }; /* the database shall hear of a client that is in use */

struct kept {
	uint8_t grant_id[16];
	int64_t now, kept_ms; /* the database's clock at that moment of ours */
	char texts[];         /* client_id, resource, scope, each with its NUL */
};

static void keep(struct request *r, const struct granted *g)
{
	const struct token_state *s = r->state;
	struct answer_cache *cache = authz_of(r)->answers;
	struct answer_mark mark = s->mark;
	size_t len = sizeof(struct kept) + strlen(g->client_id) + strlen(g->resource) + strlen(g->scope) + 3;
	struct kept *k = h2o_mem_alloc_pool(&r->pool, len);
	char grant_id[UUID_TEXT_SIZE];

	*k = (struct kept){.now = g->now, .kept_ms = clock_monotonic_ms()};
	memcpy(k->grant_id, g->grant_id, sizeof(k->grant_id));
	char *end = stpcpy(k->texts, g->client_id) + 1;
	end = stpcpy(end, g->resource) + 1;
	stpcpy(end, g->scope);
	uuid_format(g->grant_id, grant_id);
	answer_mark_add(cache, &mark, "grant", grant_id);
	answer_cache_put(cache, s->key, &mark, clock_now() + KEPT_SECONDS, k, len);
}

static bool read_kept(struct request *r, struct granted *ret)
{
	const struct token_state *s = r->state;
	size_t len;
	const void *bytes = answer_cache_get(authz_of(r)->answers, s->key, &len);

	if (bytes == NULL)
		return false;
	const struct kept *k = memcpy(h2o_mem_alloc_pool(&r->pool, len), bytes, len);
	*ret = (struct granted){.client_id = k->texts, .subject = k->texts};
	memcpy(ret->grant_id, k->grant_id, sizeof(ret->grant_id));
	ret->resource = ret->client_id + strlen(ret->client_id) + 1;
	ret->scope = ret->resource + strlen(ret->resource) + 1;
	ret->now = k->now + (clock_monotonic_ms() - k->kept_ms) / 1000;
	return true;
}

/* The verdict changes nothing that matters, so the proof is used only when it is there. */
static step_result give(struct request *r)
{
	const struct token_state *s = r->state;
	return reply_tokens(r, &s->granted, "token.issued");
}

static step_fn *const give_steps[] = {token_use_key, token_check_key, give, NULL};

static step_result ask(struct request *r)
{
	struct token_state *s = r->state;
	const struct client_proof *client = client_of(r);
	const char *scope_text = parameter(&r->form, "scope"), *resource;
	struct scopes scope;
	if (!parameter_resource(r, &r->form, &resource))
		return fail(r, &INVALID_TARGET, "one resource can be asked for at a time");
	const char *with_key = client->key_thumbprint != NULL ? "key" : NULL;
	answer_key(client, "client_credentials", (const char *const[]){scope_text, resource, with_key}, 3, s->key);
	if (read_kept(r, &s->granted))
		return run_steps(r, give_steps);
	if (!scopes_parse(&r->pool, text_of(scope_text), &scope))
		return fail(r, &INVALID_SCOPE, "scope has characters that no scope name has");
	s->mark = answer_mark_begin(authz_of(r)->answers);
	answer_mark_add(authz_of(r)->answers, &s->mark, "client", client->client_id);
	return store_client_credentials(r, client, scope_text != NULL ? &scope : NULL, resource);
}

static step_result answer(struct request *r)
{
	struct token_state *s = r->state;
	switch (store_read_client_credentials(r, &s->granted)) {
	case OWN_CLIENT_REFUSED: return fail_client(r);
	case OWN_UNAUTHORIZED_CLIENT:
		return fail(r, &UNAUTHORIZED_CLIENT, "the client is not registered for client_credentials");
	case OWN_TARGET_UNKNOWN: return fail(r, &INVALID_TARGET, "there is no such resource");
	case OWN_SCOPE_EXCEEDED:
		return fail(r, &INVALID_SCOPE, "the client is not registered for this scope at this resource");
	case OWN_KEY_MISSING: return fail_key_missing(r);
	case OWN_GRANTED: keep(r, &s->granted); return run_steps(r, give_steps);
	}
	return fail_internal(r, "a grant that does not exist");
}

step_fn *const token_service_steps[] = {ask, answer, NULL};
