/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_key_metadata.h"

#include <string.h>

#include "authz/client_certificate.h"
#include "authz/client_metadata_schema.h"
#include "common/uri.h"

static bool certificates_offered, authorities_offered;

void client_key_metadata_offer_tls(bool certificates, bool authorities)
{
	certificates_offered = certificates;
	authorities_offered = certificates && authorities;
}

static h2o_iovec_t text_value(const json_t *value)
{
	return h2o_iovec_init(json_string_value(value), json_string_length(value));
}

/* ---- token_endpoint_auth_signing_alg ---- */

static const char *read_algorithm(const json_t *document, struct client *c)
{
	const json_t *value = client_metadata_member(document, "token_endpoint_auth_signing_alg");
	enum jws_algorithm a;

	if (value == NULL || (c->auth_method != AUTH_PRIVATE_KEY_JWT && c->auth_method != AUTH_SECRET_JWT))
		return NULL;
	h2o_iovec_t name = text_value(value);
	if (c->auth_method == AUTH_SECRET_JWT && text_is(name, "HS256"))
		c->assertion_algorithm = "HS256";
	if (c->auth_method == AUTH_PRIVATE_KEY_JWT && jws_algorithm_of(name, &a))
		c->assertion_algorithm = jws_algorithm_name(a);
	return c->assertion_algorithm != NULL
	           ? NULL
	           : "token_endpoint_auth_signing_alg is not one that the server takes for this method";
}

/* ---- jwks and jwks_uri ---- */

static bool has_key_for(const struct key_set *set, const char *algorithm)
{
	for (size_t i = 0; i < set->keys->count; i++)
		if (algorithm == NULL || strcmp(jws_algorithm_name(set->keys->keys[i].algorithm), algorithm) == 0)
			return true;
	return false;
}

static const char *read_jwks(h2o_mem_pool_t *pool, const json_t *document, struct client *c)
{
	const json_t *jwks = client_metadata_member(document, "jwks");
	const char *algorithm = c->assertion_algorithm, *error = NULL;

	if (jwks == NULL)
		return NULL;
	enum jws_algorithm rsa = algorithm != NULL && strcmp(algorithm, "PS256") == 0 ? JWS_PS256 : JWS_RS256;
	const struct key_set *set = key_set_read(pool, jwks, rsa, &error);
	if (set == NULL)
		return text_printf(pool, "jwks: %s", error);
	if (c->auth_method == AUTH_PRIVATE_KEY_JWT && !has_key_for(set, algorithm))
		return "jwks has no key for the algorithms that the server takes";
	if (c->auth_method == AUTH_SELF_SIGNED_TLS && set->keys->count + set->certificate_count == 0)
		return "jwks has neither a key that the server knows nor a certificate (x5c)";
	c->jwks = json_text(pool, jwks).base;
	return NULL;
}

static const char *read_jwks_uri(h2o_mem_pool_t *pool, const json_t *document, struct client *c)
{
	const json_t *value = client_metadata_member(document, "jwks_uri");
	struct uri u;

	if (value == NULL)
		return NULL;
	if (!uri_parse(text_value(value), &u) || !text_is(u.scheme, "https") || u.has_fragment)
		return "jwks_uri must be an https URL";
	c->jwks_uri = text_copy(pool, text_value(value));
	return NULL;
}

static const char *read_keys(h2o_mem_pool_t *pool, const json_t *document, struct client *c)
{
	const char *problem = read_jwks(pool, document, c);

	if (problem == NULL)
		problem = read_jwks_uri(pool, document, c);
	if (problem != NULL)
		return problem;
	if (c->jwks != NULL && c->jwks_uri != NULL)
		return "jwks and jwks_uri exclude each other"; /* RFC 7591, 2 */
	bool needed = c->auth_method == AUTH_PRIVATE_KEY_JWT || c->auth_method == AUTH_SELF_SIGNED_TLS;
	return needed && c->jwks == NULL && c->jwks_uri == NULL
	           ? "jwks or jwks_uri is needed for this token_endpoint_auth_method"
	           : NULL;
}

/* ---- certificates ---- */

static const char *read_subject(h2o_mem_pool_t *pool, const json_t *document, struct client *c)
{
	if (c->auth_method != AUTH_TLS)
		return NULL;
	for (int kind = 0; kind < SUBJECT_KINDS; kind++) {
		const char *name = text_printf(pool, "tls_client_auth_%s", TLS_SUBJECT_KINDS[kind]);
		const json_t *value = client_metadata_member(document, name);
		if (value == NULL)
			continue;
		if (c->tls_subject != NULL)
			return "only one of the tls_client_auth_ members can be registered"; /* RFC 8705, 2.1.2 */
		const char *problem = tls_subject_problem((enum tls_subject_kind)kind, text_value(value));
		if (problem != NULL)
			return text_printf(pool, "%s %s", name, problem);
		c->tls_subject_kind = TLS_SUBJECT_KINDS[kind];
		c->tls_subject = text_copy(pool, text_value(value));
	}
	return c->tls_subject != NULL ? NULL
	                              : "one of the tls_client_auth_ members must name the certificate's subject";
}

/* A binding is demanded of every token: for a client whose proof is not read here, nobody would know of the demand
 * before the token is made. */
static const char *read_bound(const json_t *document, struct client *c)
{
	const json_t *value = client_metadata_member(document, "tls_client_certificate_bound_access_tokens");
	bool verified_here = c->auth_method >= AUTH_SECRET_JWT;

	c->certificate_bound = json_is_true(value);
	if (c->certificate_bound && !certificates_offered)
		return "tls_client_certificate_bound_access_tokens: this server asks for no certificates";
	if (c->certificate_bound && !verified_here)
		return "tls_client_certificate_bound_access_tokens needs a client that proves itself by keys or a "
		       "certificate";
	return NULL;
}

const char *client_key_metadata_read(h2o_mem_pool_t *pool, const json_t *document, struct client *c)
{
	const char *problem = NULL;

	if ((c->auth_method == AUTH_TLS && !authorities_offered) ||
	    (c->auth_method == AUTH_SELF_SIGNED_TLS && !certificates_offered))
		return "token_endpoint_auth_method is not one that the server offers";
	problem = read_algorithm(document, c);
	if (problem == NULL)
		problem = read_keys(pool, document, c);
	if (problem == NULL)
		problem = read_subject(pool, document, c);
	c->key_bound = json_is_true(client_metadata_member(document, "dpop_bound_access_tokens")); /* RFC 9449, 5.2 */
	return problem != NULL ? problem : read_bound(document, c);
}

void client_key_metadata_show(json_t *object, const struct client *c)
{
	if (c->jwks != NULL)
		json_object_set_new(object, "jwks", json_loads(c->jwks, 0, NULL));
	if (c->jwks_uri != NULL)
		json_object_set_new(object, "jwks_uri", json_string(c->jwks_uri));
	if (c->assertion_algorithm != NULL)
		json_object_set_new(object, "token_endpoint_auth_signing_alg", json_string(c->assertion_algorithm));
	if (c->tls_subject != NULL && c->tls_subject_kind != NULL) {
		char name[64];
		snprintf(name, sizeof(name), "tls_client_auth_%s", c->tls_subject_kind);
		json_object_set_new(object, name, json_string(c->tls_subject));
	}
	if (c->key_bound)
		json_object_set_new(object, "dpop_bound_access_tokens", json_true());
	if (c->certificate_bound)
		json_object_set_new(object, "tls_client_certificate_bound_access_tokens", json_true());
}
