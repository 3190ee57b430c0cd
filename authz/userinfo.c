/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/userinfo.h"

#include <string.h>

#include "authz/bearer.h"
#include "authz/shown_key.h"
#include "authz/keys.h"
#include "common/confirmation.h"
#include "common/encoding.h"
#include "common/reply.h"

/* ---- the guard ---- */

struct proof {
	h2o_iovec_t text;
	bool with_key; /* the scheme is DPoP */
	struct shown_key key;
	struct access_token token;
};

/* RFC 6750, 2.1; RFC 9449, 7.1 */
static step_result read_header(struct request *r)
{
	bool repeats;
	struct proof *proof = h2o_mem_alloc_pool(&r->pool, sizeof(*proof));
	*proof = (struct proof){.text = bearer_text(r, &repeats)};
	if (proof->text.base == NULL) {
		proof->text = dpop_text(r, &repeats);
		proof->with_key = proof->text.base != NULL;
	}
	r->caller = proof;
	if (repeats)
		return fail(r, &INVALID_REQUEST, "more than one Authorization header");
	if (proof->text.base == NULL)
		return fail(r, &INVALID_TOKEN, "an access token is needed");
	if (!access_token_readable(r))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the signing keys are not loaded yet");
	if (access_token_key_is_closed(r, proof->text))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the token's signing key cannot be opened here");
	if (access_token_key_is_missing(r, proof->text))
		return keyring_reread(r, authz_of(r)->keyring);
	return STEP_NEXT;
}

/* RFC 8705, 3: a token that is bound to a certificate is nobody else's. */
static bool is_presented_by_its_owner(struct request *r, const struct access_token *token)
{
	uint8_t thumbprint[SHA256_SIZE];
	if (*token->certificate == '\0')
		return true;
	return base64url_decode_exact(text_of(token->certificate), thumbprint, sizeof(thumbprint)) &&
	       request_certificate_is(r, thumbprint);
}

/* RFC 9449, 7.1: a token that is bound to a key comes with a proof of it, and another one does not. */
static bool is_presented_with_its_key(const struct proof *proof)
{
	const char *key = proof->key.thumbprint != NULL ? proof->key.thumbprint : "";
	return proof->with_key == (*proof->token.key != '\0') && strcmp(proof->token.key, key) == 0;
}

static step_result read_key(struct request *r)
{
	struct proof *proof = r->caller;
	if (!proof->with_key)
		return STEP_NEXT;
	return shown_key_read(r, "/userinfo", proof->text, &proof->key);
}

static step_result verify(struct request *r)
{
	struct proof *proof = r->caller;
	if (!access_token_read(r, proof->text, &proof->token) || !is_presented_by_its_owner(r, &proof->token) ||
	    !is_presented_with_its_key(proof))
		return fail(r, &INVALID_TOKEN, "the token is not a living access token of this server");
	return shown_key_use(r, &proof->key);
}

static step_result check_use(struct request *r)
{
	const struct proof *proof = r->caller;
	return shown_key_check_use(r, &proof->key, true);
}

step_fn *const bearer_guard[] = {read_header, read_key, verify, check_use, NULL};

/* ---- GET and POST {base}/userinfo ---- */

static step_result ask(struct request *r)
{
	const struct access_token *token = &((struct proof *)r->caller)->token;
	struct scopes scopes = {NULL, 0};
	if (!scopes_parse(&r->pool, text_of(token->scope), &scopes) || !scopes_has(&scopes, "openid"))
		return fail(r, &INSUFFICIENT_SCOPE, "the token does not have the scope openid");
	return store_userinfo(r, token->grant_id, token->jti, &scopes);
}

static step_result answer(struct request *r)
{
	struct userinfo info;
	if (!store_read_userinfo(r, &info))
		return fail(r, &INVALID_TOKEN, "the token is not a living access token of this server");
	json_t *document = json_pack("{s:s}", "sub", info.subject);
	if (info.username != NULL)
		json_object_set_new(document, "preferred_username", json_string(info.username));
	if (info.display_name != NULL)
		json_object_set_new(document, "name", json_string(info.display_name));
	return reply_json(r, 200, document);
}

step_fn *const userinfo_steps[] = {ask, answer, NULL};
