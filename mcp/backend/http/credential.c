/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/http/credential.h"

#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/encoding.h"
#include "common/uri.h"
#include "mcp/backend/http/credential_internal.h"
#include "mcp/redact/redact.h"
#include "mcp/settings/settings_issuers.h"

enum { SECRET_MAX = 4096 };

/* ---- where it is ---- */

static const char *read_variable(h2o_mem_pool_t *pool, const char *name, struct secret *ret)
{
	const char *value = getenv(name);
	size_t len = value != NULL ? strlen(value) : 0;

	if (value == NULL)
		return "is not in the environment";
	if (len == 0 || len > SECRET_MAX)
		return "must hold a secret of at most 4096 bytes";
	*ret = secret_copy(pool, value, len);
	return NULL;
}

/* No tool's answer may hold it. A reload is told by it that a secret has changed; who reads the audit log learns
 * nothing of it. */
static void note_secret(struct loading *l, const struct secret *secret)
{
	uint8_t mac[SHA256_SIZE];

	if (l->catalogue->redactor != NULL)
		redactor_add_secret(l->catalogue->redactor, secret->bytes, secret->len);
	hmac_sha256(l->catalogue->secrets, h2o_iovec_init((char *)secret->bytes, secret->len), mac);
	memcpy(l->catalogue->secrets, mac, sizeof(mac));
}

static const char *read_secret(struct loading *l, const json_t *part, const char *member, struct secret *ret)
{
	const char *variable = config_text(part, "environment", NULL), *problem;
	char *path = config_path(l->pool, l->file, part, member);

	if (path != NULL)
		problem = settings_secret_read(l->pool, path, ret);
	else
		problem = read_variable(l->pool, variable, ret);
	if (problem != NULL)
		return text_printf(l->pool, "/%s: %s: %s", path != NULL ? member : "environment",
		                   path != NULL ? path : variable, problem);
	note_secret(l, ret);
	return NULL;
}

/* ---- what becomes of it ---- */

static bool is_visible(const struct secret *secret, bool blanks)
{
	for (size_t i = 0; i < secret->len; i++)
		if (secret->bytes[i] < ' ' || secret->bytes[i] == 0x7f || (!blanks && secret->bytes[i] == ' '))
			return false;
	return secret->len > 0 && secret->bytes[0] != ' ' && secret->bytes[secret->len - 1] != ' ';
}

/* `before` and the secret, NUL-terminated, wiped with the pool. */
static const char *joined(h2o_mem_pool_t *pool, const char *before, const void *bytes, size_t len)
{
	size_t before_len = strlen(before);
	char *text = secret_alloc(pool, before_len + len + 1);

	memcpy(text, before, before_len);
	memcpy(text + before_len, bytes, len);
	return text;
}

static const char *read_basic(struct loading *l, const struct secret *secret, struct credential *c)
{
	h2o_iovec_t encoded = base64_encode(l->pool, secret->bytes, secret->len);
	const uint8_t *colon = memchr(secret->bytes, ':', secret->len), *end = secret->bytes + secret->len;

	c->header.authorization = joined(l->pool, "Basic ", encoded.base, encoded.len);
	secret_wipe(encoded.base, encoded.len);
	/* RFC 7617, 2 */
	if (colon == NULL)
		return ": must hold user:password";
	if (l->catalogue->redactor != NULL) /* alone it is as secret as with the user */
		redactor_add_secret(l->catalogue->redactor, colon + 1, (size_t)(end - colon - 1));
	return NULL;
}

static const char *read_header(struct loading *l, const json_t *part, const struct secret *secret, struct credential *c)
{
	h2o_iovec_t name = json_get_text(part, "header");

	if (name.base == NULL)
		return "/header: must say the name";
	if (!egress_field_name_is_free(name))
		return "/header: is no name of a header that can be set";
	c->header.line = joined(l->pool, text_printf(l->pool, "%s: ", name.base), secret->bytes, secret->len);
	return NULL;
}

static const char *read_own(struct loading *l, const json_t *part, struct credential *c)
{
	const char *as = config_text(part, "as", "bearer");
	struct secret secret;
	const char *problem = read_secret(l, part, "file", &secret);

	if (problem != NULL)
		return problem;
	if (json_object_get(part, "header") != NULL && strcmp(as, "header") != 0)
		return "/header: is for as: header";
	if (!is_visible(&secret, strcmp(as, "bearer") != 0))
		return ": holds characters that no header can carry";
	if (strcmp(as, "basic") == 0)
		return read_basic(l, &secret, c);
	if (strcmp(as, "header") == 0)
		return read_header(l, part, &secret, c);
	c->header.authorization = joined(l->pool, "Bearer ", secret.bytes, secret.len);
	return NULL;
}

/* ---- exchange ---- */

/* RFC 6749, 2.3.1: both parts form-encoded. */
static struct secret client_authorization(h2o_mem_pool_t *pool, const char *client_id, const struct secret *secret)
{
	h2o_mem_pool_t scratch;
	h2o_mem_init_pool(&scratch);
	struct text_buffer pair = {.pool = &scratch};

	text_append_uri(&pair, text_of(client_id));
	text_append_str(&pair, ":");
	text_append_uri(&pair, h2o_iovec_init((char *)secret->bytes, secret->len));
	h2o_iovec_t encoded = base64_encode(&scratch, pair.base, pair.len);
	const char *text = joined(pool, "Basic ", encoded.base, encoded.len);
	secret_wipe(encoded.base, encoded.len);
	secret_wipe(pair.base, pair.len);
	h2o_mem_clear_pool(&scratch);
	return (struct secret){(const uint8_t *)text, strlen(text) + 1};
}

static void append_part(struct text_buffer *b, const char *part)
{
	text_append_printf(b, "%zu:", part != NULL ? strlen(part) : 0);
	text_append_str(b, part != NULL ? part : "");
}

/* With the secret: a token that another one has brought is not taken for one that this one would. */
static void identify(h2o_mem_pool_t *pool, struct exchange *e)
{
	struct text_buffer b = {.pool = pool};
	const char *const parts[] = {e->token_endpoint, e->audience, e->resource, e->scope};
	uint8_t digest[SHA256_SIZE];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		append_part(&b, parts[i]);
	sha256(h2o_iovec_init((char *)e->authorization.bytes, e->authorization.len), digest);
	text_append(&b, digest, sizeof(digest));
	sha256(h2o_iovec_init(b.base, b.len), e->identity);
}

/* RFC 8693, 2.1: an absolute URI without a fragment. */
static bool is_resource(const char *text)
{
	struct uri uri;

	return uri_parse(text_of(text), &uri) && !uri.has_fragment;
}

static const char *read_exchange(struct loading *l, const json_t *part, struct credential *c)
{
	struct exchange *e = h2o_mem_alloc_pool(l->pool, sizeof(*e));
	struct secret secret;

	*e = (struct exchange){
	    .token_endpoint = config_text(part, "token_endpoint", NULL),
	    .audience = config_text(part, "audience", NULL),
	    .resource = config_text(part, "resource", NULL),
	    .scope = config_text(part, "scope", NULL),
	};
	if (!egress_places_allow(&l->settings->outbound, text_of(e->token_endpoint)))
		return "/exchange/token_endpoint: is no URL of a host in outbound.hosts of the configuration";
	if (e->resource != NULL && !is_resource(e->resource))
		return "/exchange/resource: is not an absolute URI without a fragment";
	const char *problem = read_secret(l, part, "client_secret_file", &secret);
	if (problem != NULL)
		return text_printf(l->pool, "/exchange%s", problem);
	e->authorization = client_authorization(l->pool, config_text(part, "client_id", NULL), &secret);
	identify(l->pool, e);
	c->exchange = e;
	return NULL;
}

const struct credential *credential_load(struct loading *l, const json_t *part, const char *place, const char **problem)
{
	struct credential *c = h2o_mem_alloc_pool(l->pool, sizeof(*c));
	const json_t *exchange = json_object_get(part, "exchange");

	*problem = NULL;
	*c = (struct credential){.exchange = NULL};
	if (part == NULL)
		return NULL;
	if (exchange != NULL && json_object_size(part) > 1)
		*problem = "/exchange: needs nothing beside it";
	else
		*problem = exchange != NULL ? read_exchange(l, exchange, c) : read_own(l, part, c);
	if (*problem == NULL)
		return c;
	*problem = text_printf(l->pool, "%s%s", place, *problem);
	return NULL;
}

/* ---- use ---- */

struct credential_header credential_own(const struct credential *credential)
{
	return credential != NULL && credential->exchange == NULL ? credential->header
	                                                          : (struct credential_header){NULL, NULL};
}

struct credential_wait *credential_get(struct request *r, const struct credential *credential, long timeout_ms,
                                       struct credential_header *ret, credential_fn *done, void *data)
{
	*ret = credential_own(credential);
	return credential != NULL && credential->exchange != NULL
	           ? exchange_begin(r, credential->exchange, timeout_ms, ret, done, data)
	           : NULL;
}

void credential_refused(struct request *r, const struct credential *credential)
{
	if (credential != NULL && credential->exchange != NULL)
		exchange_forget(r, credential->exchange);
}
