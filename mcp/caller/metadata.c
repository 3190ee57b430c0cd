/* SPDX-License-Identifier: Apache-2.0 */
#include "common/dpop.h"
#include "common/reply.h"
#include "mcp/endpoints.h"

/* RFC 9728, 3.1: the well-known part stands before the resource's path. */
char *metadata_url(h2o_mem_pool_t *pool, const struct mcp_settings *settings)
{
	return text_printf(pool, "%s/.well-known/oauth-protected-resource%s", settings->origin, settings->base);
}

/* RFC 9728, 2. */
h2o_iovec_t metadata_document(h2o_mem_pool_t *pool, const struct mcp_settings *settings)
{
	json_t *scopes = json_array();

	for (size_t i = 0; i < settings->initial_scopes.count; i++)
		json_array_append_new(scopes, json_string(settings->initial_scopes.names[i]));
	json_t *servers = json_array(); /* the first one is that which clients go to */
	json_array_append_new(servers, json_string(settings->issuer));
	for (size_t i = 0; i < settings->issuers.foreign_count; i++)
		json_array_append_new(servers, json_string(settings->issuers.foreign[i].issuer));
	json_t *document = json_pack("{s:s, s:o, s:o, s:[s], s:s}", "resource", settings->resource,
	                             "authorization_servers", servers, "scopes_supported", scopes,
	                             "bearer_methods_supported", "header", "resource_name", settings->name);
	json_t *algorithms = json_array();
	for (const char *const *name = DPOP_ALGORITHMS; *name != NULL; name++)
		json_array_append_new(algorithms, json_string(*name));
	json_object_set_new(document, "dpop_signing_alg_values_supported", algorithms);
	if (settings->serving.ask_certificate) /* RFC 8705, 3.3 */
		json_object_set_new(document, "tls_client_certificate_bound_access_tokens", json_true());
	h2o_iovec_t text = json_text(pool, document);

	json_decref(document);
	return text;
}

static step_result send_document(struct request *r)
{
	reply_header(r, "cache-control", "public, max-age=300");
	h2o_iovec_t document = mcp_of(r)->metadata; /* of the catalogue, which may go before the answer has */

	return reply_body(r, 200, "application/json", h2o_iovec_init(text_copy(&r->pool, document), document.len));
}

step_fn *const metadata_steps[] = {send_document, NULL};
