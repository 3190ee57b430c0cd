/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/metadata.h"

#include "authz/authentication.h"
#include "authz/authorization_details.h"
#include "authz/keys.h"
#include "authz/store.h"
#include "common/dpop.h"
#include "common/reply.h"

static void set_url(json_t *document, const struct authz *authz, const char *name, const char *path)
{
	json_object_set_new(document, name, json_sprintf("%s%s", authz->settings.issuer, path));
}

static void set_words(json_t *document, const char *name, const char *const *words)
{
	json_t *array = json_array();
	for (; *words != NULL; words++)
		json_array_append_new(array, json_string(*words));
	json_object_set_new(document, name, array);
}

/* How clients prove themselves at an endpoint: RFC 8414, 2 and, where the listener asks for certificates, RFC 8705. */
static void set_auth_methods(json_t *document, const struct authz *authz, const char *endpoint, bool with_public)
{
	static const char *const ALGORITHMS[] = {"ES256", "EdDSA", "Ed25519", "PS256", "RS256", "HS256", NULL};
	char name[80];
	json_t *methods = json_array();
	for (enum auth_method m = with_public ? AUTH_NONE : AUTH_SECRET_BASIC; m < AUTH_METHODS; m++) {
		bool offered = m == AUTH_TLS               ? authz->settings.client_authorities
		               : m == AUTH_SELF_SIGNED_TLS ? authz->settings.client_certificates
		                                           : true;
		if (offered)
			json_array_append_new(methods, json_string(AUTH_METHOD_NAMES[m]));
	}
	snprintf(name, sizeof(name), "%s_auth_methods_supported", endpoint);
	json_object_set_new(document, name, methods);
	snprintf(name, sizeof(name), "%s_auth_signing_alg_values_supported", endpoint);
	set_words(document, name, ALGORITHMS);
}

/* Only what is true: each member is kept by an endpoint of the table or a check in it. The scopes of
 * OpenID Connect are this server's own; the others belong to the resources and stand in their metadata (RFC 9728). */
h2o_iovec_t metadata_build(struct authz *authz)
{
	static const char *const CODE[] = {"code", NULL}, *const QUERY[] = {"query", NULL};
	static const char *const S256[] = {"S256", NULL}, *const PUBLIC[] = {"public", NULL};
	static const char *const GRANTS[] = {"authorization_code", "refresh_token", "client_credentials", NULL};
	static const char *const DETAILS[] = {AUTHORIZATION_DETAIL_APPROVAL, NULL};
	static const char *const ES256[] = {"ES256", NULL};
	static const char *const PROMPTS[] = {"none", "login", "consent", NULL};
	static const char *const OPENID_SCOPES[] = {"openid", "profile", NULL};
	static const char *const CLAIMS[] = {
	    "iss", "sub", "aud", "iat", "exp", "auth_time", "acr", "nonce", "name", "preferred_username", NULL};
	json_t *d = json_object();
	json_object_set_new(d, "issuer", json_string(authz->settings.issuer));
	set_url(d, authz, "authorization_endpoint", "/authorize");
	set_url(d, authz, "token_endpoint", "/token");
	if (authz->settings.registration != REGISTRATION_CLOSED)
		set_url(d, authz, "registration_endpoint", "/register");
	set_url(d, authz, "jwks_uri", "/jwks");
	set_url(d, authz, "introspection_endpoint", "/introspect");
	set_url(d, authz, "revocation_endpoint", "/revoke");
	set_url(d, authz, "revocation_feed_endpoint", "/revocations"); /* RFC 8936 */
	set_url(d, authz, "userinfo_endpoint", "/userinfo");
	set_words(d, "scopes_supported", OPENID_SCOPES);
	set_words(d, "claims_supported", CLAIMS);
	set_words(d, "response_types_supported", CODE);
	set_words(d, "response_modes_supported", QUERY);
	set_words(d, "grant_types_supported", GRANTS);
	set_words(d, "code_challenge_methods_supported", S256);
	set_auth_methods(d, authz, "token_endpoint", true);
	set_auth_methods(d, authz, "introspection_endpoint", false);
	set_words(d, "introspection_signing_alg_values_supported", ES256); /* RFC 9701, 7 */
	set_auth_methods(d, authz, "revocation_endpoint", true);
	if (authz->settings.client_certificates) /* RFC 8705, 3.3 */
		json_object_set_new(d, "tls_client_certificate_bound_access_tokens", json_true());
	set_words(d, "dpop_signing_alg_values_supported", DPOP_ALGORITHMS); /* RFC 9449, 5.1 */
	json_object_set_new(d, "authorization_response_iss_parameter_supported", json_true());
	if (authz->settings.documents.enabled)
		json_object_set_new(d, "client_id_metadata_document_supported", json_true());
	set_words(d, "prompt_values_supported", PROMPTS);
	set_words(d, "authorization_details_types_supported", DETAILS); /* RFC 9396, 10 */
	set_words(d, "acr_values_supported", AUTHENTICATION_CLASSES);   /* RFC 9470, 7 */
	json_object_set_new(d, "request_parameter_supported", json_false());
	json_object_set_new(d, "request_uri_parameter_supported", json_false());
	/* OpenID Connect Discovery, 3 */
	set_words(d, "subject_types_supported", PUBLIC);
	set_words(d, "id_token_signing_alg_values_supported", ES256);
	h2o_iovec_t text = json_text(&authz->pool, d);
	json_decref(d);
	return text;
}

static step_result answer_metadata(struct request *r)
{
	reply_header(r, "cache-control", "public, max-age=300");
	return reply_body(r, 200, "application/json", authz_of(r)->metadata);
}

static step_result answer_jwks(struct request *r)
{
	h2o_iovec_t jwks = keyring_jwks(authz_of(r)->keyring, &r->pool);
	if (jwks.base == NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the signing keys are not loaded yet");
	reply_header(r, "cache-control", "public, max-age=300");
	return reply_body(r, 200, "application/json", jwks);
}

step_fn *const metadata_steps[] = {answer_metadata, NULL};
step_fn *const jwks_steps[] = {answer_jwks, NULL};
