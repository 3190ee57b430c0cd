/* SPDX-License-Identifier: Apache-2.0 */
/* First line: the URL of a document; the rest: what its site answers. What is accepted is held to the rules again. */
#include <stdlib.h>
#include <string.h>

#include "authz/client_document.h"
#include "common/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_client(const struct client *c, const char *url)
{
	if (strcmp(c->client_id, url) != 0 || strcmp(c->origin, "document") != 0 || *c->name == '\0' ||
	    c->redirect_uri_count == 0)
		abort();
	if (c->auth_method == AUTH_SECRET_BASIC || c->auth_method == AUTH_SECRET_POST ||
	    c->auth_method == AUTH_SECRET_JWT || c->resource != NULL)
		abort();
	for (size_t i = 0; i < c->redirect_uri_count; i++)
		if (uri_redirect_problem(text_of(c->redirect_uris[i])) != NULL)
			abort();
	for (size_t i = 0; i < c->grant_type_count; i++)
		if (strcmp(c->grant_types[i], "client_credentials") == 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t url_len = line != NULL ? (size_t)(line - data) : size;
	h2o_iovec_t url = h2o_iovec_init(data, url_len);
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	if (client_document_url_problem(url) == NULL) {
		struct client_document_settings settings = {.enabled = true};
		const char *text = text_copy(&pool, url), *problem = NULL;
		struct client c;

		if (!client_document_is_url(text) || client_document_refused(&settings, text) != NULL)
			abort();
		h2o_iovec_t body = line != NULL ? h2o_iovec_init(line + 1, size - url_len - 1) : h2o_iovec_init("", 0);
		if (client_document_read(&pool, body, text, &c, &problem))
			check_client(&c, text);
		else if (problem == NULL)
			abort();
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
