/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/token_client.h"

#include <string.h>

#include "authz/client_document.h"
#include "authz/client_proof.h"
#include "authz/parameter.h"
#include "common/encoding.h"
#include "common/log.h"
#include "common/reply.h"
#include "common/secret.h"

enum { CREDENTIAL_MAX = 2048 };

static const char TWO_METHODS[] = "the client used two authentication methods";

const struct client_proof *client_of(const struct request *r)
{
	const struct client_guard *g = r->caller;
	return g != NULL ? &g->proof : NULL;
}

step_result fail_client(struct request *r)
{
	return fail(r, &INVALID_CLIENT, "the client is unknown or did not prove who it is");
}

step_result fail_client_because(struct request *r, const char *why)
{
	log_event(LOG_INFO, "proof of a client refused", "request", r->id, "reason", why, NULL);
	return fail_client(r);
}

static bool is_basic(h2o_iovec_t authorization)
{
	return authorization.len >= 6 && text_is_nocase(h2o_iovec_init(authorization.base, 6), "Basic ");
}

step_result show_error_client(struct request *r, const struct oauth_error *error, const char *text)
{
	if (error == &INVALID_CLIENT && is_basic(request_header(r, "authorization", NULL)))
		reply_header(r, "www-authenticate", "Basic realm=\"sallyport\", charset=\"UTF-8\"");
	return show_error_json(r, error, text);
}

/* RFC 6749, 2.3.1 wants both parts form-encoded; most clients do not do it. Of text that is no form encoding there is
 * only the raw reading. */
static h2o_iovec_t decode_or_raw(h2o_mem_pool_t *pool, h2o_iovec_t raw)
{
	h2o_iovec_t decoded = form_decode(pool, raw);
	return decoded.base != NULL ? decoded : raw;
}

bool basic_credentials_read(h2o_mem_pool_t *pool, h2o_iovec_t authorization, struct client_proof *ret)
{
	if (!is_basic(authorization) || authorization.len > CREDENTIAL_MAX)
		return false;
	h2o_iovec_t encoded = h2o_iovec_init(authorization.base + 6, authorization.len - 6);
	while (encoded.len > 0 && encoded.base[0] == ' ')
		encoded.base++, encoded.len--;
	h2o_iovec_t pair = base64_decode(pool, encoded);
	if (pair.base == NULL || !text_is_utf8(pair))
		return false;
	const char *colon = memchr(pair.base, ':', pair.len);
	if (colon == NULL || colon == pair.base)
		return false;
	h2o_iovec_t id = h2o_iovec_init(pair.base, (size_t)(colon - pair.base));
	h2o_iovec_t secret = h2o_iovec_init(colon + 1, pair.len - id.len - 1);
	if (secret.len == 0 || id.len > CLIENT_ID_MAX)
		return false;
	ret->client_id = text_copy(pool, decode_or_raw(pool, id));
	ret->method = AUTH_SECRET_BASIC;
	sha256(secret, ret->raw_secret_digest);
	h2o_iovec_t decoded = decode_or_raw(pool, secret);
	if (decoded.len == secret.len && memcmp(decoded.base, secret.base, secret.len) == 0)
		memcpy(ret->secret_digest, ret->raw_secret_digest, SHA256_SIZE);
	else
		sha256(decoded, ret->secret_digest);
	secret_wipe(pair.base, pair.len);
	return true;
}

static void read_form_credentials(const struct form *f, struct client_proof *proof)
{
	const char *secret = parameter(f, "client_secret");
	proof->client_id = parameter(f, "client_id");
	proof->method = AUTH_NONE;
	if (secret == NULL)
		return;
	proof->method = AUTH_SECRET_POST;
	sha256(text_of(secret), proof->secret_digest);
	memcpy(proof->raw_secret_digest, proof->secret_digest, SHA256_SIZE);
}

static bool has_assertion(const struct form *f)
{
	return parameter(f, "client_assertion") != NULL || parameter(f, "client_assertion_type") != NULL;
}

/* Exactly one method (RFC 6749, 2.3). The form may repeat the id of Basic, not contradict it. Credentials in the query
 * are never looked at (OAuth 2.1, 2.4.1). */
static step_result read_basic(struct request *r, h2o_iovec_t header, struct client_proof *proof)
{
	if (parameter(&r->form, "client_secret") != NULL || has_assertion(&r->form))
		return fail(r, &INVALID_REQUEST, TWO_METHODS);
	if (!basic_credentials_read(&r->pool, header, proof))
		return fail_client(r);
	const char *form_id = parameter(&r->form, "client_id");
	if (form_id != NULL && strcmp(form_id, proof->client_id) != 0)
		return fail(r, &INVALID_REQUEST, "client_id is not that of the Authorization header");
	return STEP_NEXT;
}

/* RFC 7521, 4.2. What it says is believed when its signature holds. */
static step_result read_assertion(struct request *r, struct client_guard *g)
{
	const char *assertion = parameter(&r->form, "client_assertion");
	const char *type = parameter(&r->form, "client_assertion_type");
	const char *form_id = parameter(&r->form, "client_id");
	if (parameter(&r->form, "client_secret") != NULL)
		return fail(r, &INVALID_REQUEST, TWO_METHODS);
	if (assertion == NULL || type == NULL)
		return fail(r, &INVALID_REQUEST, "client_assertion and client_assertion_type belong together");
	if (strcmp(type, ASSERTION_TYPE) != 0)
		return fail_client(r);
	g->kind = PROOF_ASSERTION;
	g->text = text_of(assertion);
	const char *problem = assertion_peek(&r->pool, g->text, &g->peek);
	if (problem != NULL)
		return fail_client_because(r, problem);
	if (form_id != NULL && strcmp(form_id, g->peek.client_id) != 0)
		return fail(r, &INVALID_REQUEST, "client_id is not that of the assertion");
	g->proof.client_id = g->peek.client_id;
	return store_client_keys(r, g->proof.client_id);
}

static step_result read_form_client(struct request *r, struct client_guard *g)
{
	if (has_assertion(&r->form))
		return read_assertion(r, g);
	read_form_credentials(&r->form, &g->proof);
	if (g->proof.client_id == NULL || strlen(g->proof.client_id) > CLIENT_ID_MAX)
		return fail_client(r);
	/* RFC 8705, 2: client_id says whose certificate it shall be. */
	if (g->proof.method != AUTH_NONE || request_certificate(r, NULL).base == NULL)
		return STEP_NEXT;
	g->kind = PROOF_CERTIFICATE;
	return store_client_keys(r, g->proof.client_id);
}

static step_result read_client(struct request *r)
{
	bool repeats;
	h2o_iovec_t header = request_header(r, "authorization", &repeats);
	struct client_guard *g = secret_alloc(&r->pool, sizeof(*g));
	r->caller = g;
	if (repeats || parameters_repeat(&r->form))
		return fail(r, &INVALID_REQUEST, "a parameter or the Authorization header is given twice");
	return header.base != NULL ? read_basic(r, header, &g->proof) : read_form_client(r, g);
}

/* Sites that the operator does not want (any more) are refused where their clients come back, too. */
static step_result check_site(struct request *r)
{
	const char *problem = client_document_refused(&authz_of(r)->settings.documents, client_of(r)->client_id);
	return problem == NULL ? STEP_NEXT : fail_client_because(r, problem);
}

step_fn *const client_guard[] = {read_client,
                                 check_site,
                                 client_proof_take_keys,
                                 client_proof_verify,
                                 client_proof_verify_again,
                                 client_proof_use,
                                 client_proof_check_use,
                                 NULL};
