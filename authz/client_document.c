/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_document.h"

#include <string.h>

#include "authz/client_metadata.h"
#include "common/host_pattern.h"
#include "common/uri.h"

enum { METHODS_LISTED_MAX = 16 };

bool client_document_is_url(const char *client_id)
{
	return client_id != NULL && text_starts(text_of(client_id), "https://");
}

static bool has_upper(h2o_iovec_t a)
{
	for (size_t i = 0; i < a.len; i++)
		if (a.base[i] >= 'A' && a.base[i] <= 'Z')
			return true;
	return false;
}

/* An address has no owner that a person could know, and a path of nothing is where every site has something else. */
const char *client_document_url_problem(h2o_iovec_t url)
{
	struct address literal;
	struct uri u;

	if (url.len > DOCUMENT_URL_MAX || !uri_parse(url, &u)) /* user information and dot segments are refused there */
		return "the client_id is no valid URL";
	if (!text_is(u.scheme, "https"))
		return "a client_id that is a URL must be https";
	if (u.path.len == 0)
		return "a client_id that is a URL must have a path";
	if (u.has_fragment)
		return "a client_id that is a URL must not have a fragment";
	if (has_upper(u.host))
		return "the host of a client_id that is a URL must be in lower case";
	if (u.host.base[0] == '[' || address_parse(u.host, &literal))
		return "a client_id that is a URL must have a host name";
	return NULL;
}

const char *client_document_refused(const struct client_document_settings *settings, const char *client_id)
{
	struct uri u;

	if (!client_document_is_url(client_id))
		return NULL;
	if (!settings->enabled)
		return "applications that are described by a document are not taken here";
	if (!uri_parse(text_of(client_id), &u))
		return "the client_id is no valid URL";
	if (host_patterns_fit(settings->deny, u.host) ||
	    (settings->allow != NULL && !host_patterns_fit(settings->allow, u.host)))
		return "the application's site is not allowed here";
	return NULL;
}

/* ---- the document ---- */

/* Everybody reads the document: draft, 4.1. */
static const char *secrets_problem(const json_t *document)
{
	static const char *const PRIVATE[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
	const json_t *keys = json_object_get(json_object_get(document, "jwks"), "keys"), *key;
	size_t i;

	if (json_object_get(document, "client_secret") != NULL ||
	    json_object_get(document, "client_secret_expires_at") != NULL)
		return "the document has a client secret";
	json_array_foreach (keys, i, key)
		for (size_t k = 0; k < sizeof(PRIVATE) / sizeof(PRIVATE[0]); k++)
			if (json_object_get(key, PRIVATE[k]) != NULL)
				return "the document has a private key";
	return NULL;
}

/* What both can, in our order: a signature proves more than nothing does. No shared secret: draft, 4.1. */
static bool is_possible(const char *method)
{
	static const char *const POSSIBLE[] = {"none", "private_key_jwt", "tls_client_auth",
	                                       "self_signed_tls_client_auth"};

	for (size_t i = 0; method != NULL && i < sizeof(POSSIBLE) / sizeof(POSSIBLE[0]); i++)
		if (strcmp(method, POSSIBLE[i]) == 0)
			return true;
	return false;
}

static bool has_keys(const json_t *document)
{
	return json_object_get(document, "jwks") != NULL || json_object_get(document, "jwks_uri") != NULL;
}

/* The method of token_endpoint_auth_method if it can be; else one of token_endpoint_auth_methods_supported (OpenID
 * Connect RP Metadata Choices, 2); NULL if there is none. */
static const char *choose_method(const json_t *document)
{
	const json_t *one = json_object_get(document, "token_endpoint_auth_method");
	const json_t *list = json_object_get(document, "token_endpoint_auth_methods_supported"), *item;
	const char *chosen = json_string_value(one);
	size_t i;

	if (is_possible(chosen))
		return chosen;
	chosen = NULL;
	json_array_foreach (list, i, item) {
		const char *method = i < METHODS_LISTED_MAX ? json_string_value(item) : NULL;

		if (!is_possible(method) || (strcmp(method, "none") != 0 && !has_keys(document)))
			continue;
		if (chosen == NULL || strcmp(chosen, "none") == 0)
			chosen = method;
	}
	if (chosen == NULL && (one == NULL || json_is_null(one)) && json_array_size(list) == 0)
		return has_keys(document) ? "private_key_jwt" : "none";
	return chosen;
}

static const char *members_problem(const json_t *document, const char *url)
{
	if (!json_is_object(document))
		return "the document is no JSON object";
	/* Draft, 4: byte for byte, or one site could speak for another one's clients. */
	if (!text_is(json_get_text(document, "client_id"), url))
		return "client_id in the document is not its URL";
	if (json_get_text(document, "client_name").len == 0)
		return "client_name is missing";
	if (!json_is_array(json_object_get(document, "redirect_uris")))
		return "redirect_uris is missing";
	return secrets_problem(document);
}

/* A document grants nothing that needs no person: nobody here has said what its owner may do. */
static void drop_services(struct client *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->grant_type_count; i++)
		if (strcmp(c->grant_types[i], "client_credentials") != 0)
			c->grant_types[kept++] = c->grant_types[i];
	c->grant_type_count = kept;
}

bool client_document_read(h2o_mem_pool_t *pool, h2o_iovec_t body, const char *url, struct client *ret,
                          const char **problem)
{
	json_t *document = json_read(pool, body, NULL);
	struct metadata_problem of_metadata = {NULL, NULL};
	const char *method;

	*problem = members_problem(document, url);
	if (*problem != NULL)
		return false;
	method = choose_method(document);
	if (method == NULL) {
		*problem = "token_endpoint_auth_method is not one that a document can have here";
		return false;
	}
	json_object_set_new(document, "token_endpoint_auth_method", json_string(method));
	if (!client_metadata_read(pool, document, METADATA_DOCUMENT, ret, &of_metadata)) {
		*problem = of_metadata.text;
		return false;
	}
	drop_services(ret);
	ret->client_id = text_copy(pool, text_of(url));
	ret->origin = "document";
	return true;
}
