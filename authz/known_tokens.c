/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/known_tokens.h"

#include <string.h>

#include "authz/keys.h"
#include "common/digest_map.h"

struct known_tokens {
	struct digest_map *map;
	h2o_mem_pool_t pool; /* keeps the keys, so that no others can take their address */
	const struct jwk_set *keys;
};

enum { TEXTS = 9 };

struct known_token {
	uint8_t grant_id[16];
	int64_t auth_time, issued_at, expires_at;
	size_t len;
	char texts[]; /* each with its NUL */
};

struct known_tokens *known_tokens_open(size_t capacity)
{
	struct known_tokens *known = h2o_mem_alloc(sizeof(*known));

	*known = (struct known_tokens){.map = digest_map_open(capacity)};
	h2o_mem_init_pool(&known->pool);
	return known;
}

void known_tokens_close(struct known_tokens *known)
{
	if (known == NULL)
		return;
	digest_map_close(known->map);
	h2o_mem_clear_pool(&known->pool);
	free(known);
}

/* Other keys: what the older ones verified, some of which may be withdrawn, is verified again. */
static void take_keys(struct known_tokens *known, struct keyring *keyring, const struct jwk_set *keys)
{
	if (known->keys == keys)
		return;
	digest_map_clear(known->map);
	h2o_mem_clear_pool(&known->pool);
	known->keys = keyring_public_keys(keyring, &known->pool);
}

bool known_tokens_get(struct request *r, const struct jwk_set *keys, const uint8_t digest[SHA256_SIZE],
                      struct access_token *ret)
{
	struct known_tokens *known = authz_of(r)->known_tokens;
	const char **const texts[TEXTS] = {&ret->jti,      &ret->subject, &ret->client_id,
	                                   &ret->audience, &ret->scope,   &ret->certificate,
	                                   &ret->key,      &ret->acr,     &ret->details};

	if (known == NULL)
		return false;
	take_keys(known, authz_of(r)->keyring, keys);
	const struct known_token *t = digest_map_get(known->map, digest);
	if (t == NULL)
		return false;
	const char *text = memcpy(h2o_mem_alloc_pool(&r->pool, t->len), t->texts, t->len);
	for (size_t i = 0; i < TEXTS; i++) {
		*texts[i] = text;
		text += strlen(text) + 1;
	}
	memcpy(ret->grant_id, t->grant_id, sizeof(ret->grant_id));
	ret->auth_time = t->auth_time;
	ret->issued_at = t->issued_at;
	ret->expires_at = t->expires_at;
	return true;
}

void known_tokens_put(struct request *r, const struct jwk_set *keys, const uint8_t digest[SHA256_SIZE],
                      const struct access_token *token)
{
	struct known_tokens *known = authz_of(r)->known_tokens;
	const char *const texts[TEXTS] = {token->jti,      token->subject, token->client_id,
	                                  token->audience, token->scope,   token->certificate,
	                                  token->key,      token->acr,     token->details};
	size_t len = 0;

	if (known == NULL)
		return;
	take_keys(known, authz_of(r)->keyring, keys);
	for (size_t i = 0; i < TEXTS; i++)
		len += strlen(texts[i]) + 1;
	struct known_token *t = digest_map_put(known->map, digest, sizeof(*t) + len);
	*t = (struct known_token){
	    .auth_time = token->auth_time, .issued_at = token->issued_at, .expires_at = token->expires_at, .len = len};
	memcpy(t->grant_id, token->grant_id, sizeof(t->grant_id));
	char *end = t->texts;
	for (size_t i = 0; i < TEXTS; i++)
		end = stpcpy(end, texts[i]) + 1;
}
