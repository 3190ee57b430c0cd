/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/settings/settings_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"
#include "common/service_token.h"
#include "common/uri.h"

enum {
	SECRET_MAX = 4096 /* a token may be one */,
	CACHE_DEFAULT_MS = 30 * 1000,
	CACHE_MIN_MS = 1000,
	CACHE_MAX_MS = 5 * 60 * 1000
};

static const char SCHEMA[] =
    "  issuers:\n"
    "    description: Other authorization servers whose tokens are taken, and who is asked about them\n"
    "    type: array\n"
    "    maxItems: 16\n"
    "    items:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [issuer, introspection]\n"
    "      properties:\n"
    "        issuer: {type: string, maxLength: 2048}\n"
    "        introspection:\n"
    "          type: object\n"
    "          additionalProperties: false\n"
    "          required: [client_id, client_secret_file]\n"
    "          properties:\n"
    "            endpoint: {description: 'Absent: what its metadata says', type: string, maxLength: 2048}\n"
    "            client_id: {type: string, minLength: 1, maxLength: 256}\n"
    "            client_secret_file: {$ref: '#/$defs/path'}\n"
    "            cache: {description: How long an answer is believed, $ref: '#/$defs/duration'}\n"
    "        audience: {description: 'What answers must name; absent: the resource', type: string, minLength: 1, "
    "maxLength: 2048}\n"
    "        audience_required: {description: 'false: an answer without any audience will do', type: boolean}\n"
    "        opaque: {description: Tokens that do not say whose they are are of this one, type: boolean}\n"
    "        scope_map:\n"
    "          description: Which of our scopes each of its scopes opens; all others open nothing\n"
    "          type: object\n"
    "          maxProperties: 200\n"
    "          additionalProperties: {type: array, items: {$ref: '#/$defs/scope'}, maxItems: 100}\n"
    "  service_tokens:\n"
    "    description: HS256 JWTs under a key that both sides were given\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [secret_file, issuer, scopes]\n"
    "    properties:\n"
    "      secret_file: {$ref: '#/$defs/path'}\n"
    "      issuer: {description: Their iss, type: string, minLength: 1, maxLength: 512, pattern: '^[!-~]+$'}\n"
    "      scopes: {description: What they can open at most, type: array, items: {$ref: '#/$defs/scope'}, minItems: 1, "
    "maxItems: 100}\n"
    "      lifetime: {description: How long one may live at most, $ref: '#/$defs/duration'}\n";

/* One line; the file belongs to the daemon. */
const char *settings_secret_read(h2o_mem_pool_t *pool, const char *path, struct secret *ret)
{
	char line[SECRET_MAX + 2];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd == -1)
		return strerror(errno);
	ssize_t len = fstat(fd, &st) == 0 ? read(fd, line, sizeof(line)) : -1;
	close(fd);
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	const char *problem = NULL;
	if (len == -1)
		problem = "cannot be read";
	else if ((st.st_mode & S_IRWXO) != 0)
		problem = "is open to others than its owner and group";
	else if (len == 0 || len > SECRET_MAX || memchr(line, '\n', (size_t)len) != NULL)
		problem = "must hold the secret in one line";
	else
		*ret = secret_copy(pool, line, (size_t)len);
	secret_wipe(line, sizeof(line));
	return problem;
}

/* NULL, or what is wrong. */
static const char *read_secret_file(h2o_mem_pool_t *pool, const char *file, const json_t *object, const char *member,
                                    struct secret *ret)
{
	const char *path = config_path(pool, file, object, member);
	const char *problem = settings_secret_read(pool, path, ret);

	return problem != NULL ? text_printf(pool, "%s: %s: %s", member, path, problem) : NULL;
}

/* https, or plain http on loopback. */
static bool is_endpoint(const char *url)
{
	struct uri uri;

	return uri_parse(text_of(url), &uri) && uri.has_authority && !uri.has_fragment &&
	       (text_is(uri.scheme, "https") || uri_is_loopback(&uri));
}

static const char *read_introspection(h2o_mem_pool_t *pool, const char *file, const json_t *object, bool with_secrets,
                                      struct foreign_issuer *ret)
{
	ret->endpoint = config_text(object, "endpoint", NULL);
	ret->client_id = config_text(object, "client_id", NULL);
	ret->cache_ms = config_duration_ms(object, "cache", CACHE_DEFAULT_MS);
	if (ret->endpoint != NULL && !is_endpoint(ret->endpoint))
		return "endpoint: must be an https URL";
	if (ret->cache_ms < CACHE_MIN_MS || ret->cache_ms > CACHE_MAX_MS)
		return "cache: must be between 1s and 5m";
	return with_secrets ? read_secret_file(pool, file, object, "client_secret_file", &ret->client_secret) : NULL;
}

static const char *scope_map_problem(h2o_mem_pool_t *pool, const json_t *map, const json_t *known)
{
	const char *foreign;
	json_t *own;

	json_object_foreach ((json_t *)map, foreign, own)
		for (size_t i = 0; i < json_array_size(own); i++)
			if (json_object_get(known, json_string_value(json_array_get(own, i))) == NULL)
				return text_printf(pool, "scope_map: %s is not among scopes",
				                   json_string_value(json_array_get(own, i)));
	return NULL;
}

static bool is_taken(const struct token_issuers *issuers, const char *issuer)
{
	for (size_t i = 0; i < issuers->foreign_count; i++)
		if (strcmp(issuers->foreign[i].issuer, issuer) == 0)
			return true;
	return false;
}

static bool has_opaque(const struct token_issuers *issuers)
{
	for (size_t i = 0; i < issuers->foreign_count; i++)
		if (issuers->foreign[i].opaque)
			return true;
	return false;
}

/* NULL, or what is wrong. */
static const char *read_foreign(h2o_mem_pool_t *pool, const char *file, const json_t *object, const json_t *known,
                                bool with_secrets, struct foreign_issuer *ret)
{
	const json_t *introspection = json_object_get(object, "introspection");
	const json_t *required = json_object_get(object, "audience_required");
	struct uri uri;

	ret->audience_required = required == NULL || json_is_true(required);
	ret->opaque = json_is_true(json_object_get(object, "opaque"));
	ret->scope_map = json_object_get(object, "scope_map");
	/* others may write theirs with a slash at the end */
	if (!is_endpoint(ret->issuer) || (uri_parse(text_of(ret->issuer), &uri) && uri.query.base != NULL))
		return "issuer: must be an https URL without query and fragment";
	const char *problem = read_introspection(pool, file, introspection, with_secrets, ret);
	if (problem != NULL)
		return text_printf(pool, "introspection.%s", problem);
	return scope_map_problem(pool, ret->scope_map, known);
}

static const char *read_all_foreign(h2o_mem_pool_t *pool, const char *file, const json_t *document, bool with_secrets,
                                    const char *own_issuer, const char *resource, struct token_issuers *ret)
{
	const json_t *list = json_object_get(document, "issuers"), *object;
	size_t i;

	ret->foreign = h2o_mem_alloc_pool(pool, (json_array_size(list) + 1) * sizeof(*ret->foreign));
	json_array_foreach (list, i, object) {
		struct foreign_issuer *f = &ret->foreign[i];
		*f = (struct foreign_issuer){.issuer = config_text(object, "issuer", NULL),
		                             .audience = config_text(object, "audience", resource)};
		const char *problem =
		    read_foreign(pool, file, object, json_object_get(document, "scopes"), with_secrets, f);
		if (problem == NULL && (strcmp(f->issuer, own_issuer) == 0 || is_taken(ret, f->issuer)))
			problem = "issuer: stands here twice";
		if (problem == NULL && f->opaque && has_opaque(ret))
			problem = "opaque: only one issuer can have the tokens that do not say whose they are";
		if (problem != NULL)
			return text_printf(pool, "issuers[%zu].%s", i, problem);
		ret->foreign_count++;
	}
	return NULL;
}

static const char *read_service(h2o_mem_pool_t *pool, const char *file, const json_t *document, bool with_secrets,
                                const char *own_issuer, struct token_issuers *ret)
{
	const json_t *object = json_object_get(document, "service_tokens"),
		     *known = json_object_get(document, "scopes");
	const json_t *scopes = json_object_get(object, "scopes");
	struct text_buffer names = {.pool = pool};

	if (object == NULL)
		return NULL;
	ret->service.issuer = config_text(object, "issuer", NULL);
	ret->service.lifetime_max_s = config_duration_ms(object, "lifetime", 60 * 60 * 1000) / 1000;
	if (strcmp(ret->service.issuer, own_issuer) == 0 || is_taken(ret, ret->service.issuer))
		return "issuer: stands here twice";
	if (ret->service.lifetime_max_s < 1 || ret->service.lifetime_max_s > 24 * 60 * 60)
		return "lifetime: must be between 1s and 1d";
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *name = json_string_value(json_array_get(scopes, i));
		if (json_object_get(known, name) == NULL)
			return text_printf(pool, "scopes: %s is not among scopes", name);
		text_append_printf(&names, "%s%s", names.len > 0 ? " " : "", name);
	}
	if (!scopes_parse(pool, h2o_iovec_init(names.base, names.len), &ret->service.allowed))
		return "scopes: is not a list of scopes";
	const char *problem =
	    with_secrets ? read_secret_file(pool, file, object, "secret_file", &ret->service.key) : NULL;
	if (problem == NULL && with_secrets && ret->service.key.len < SERVICE_TOKEN_KEY_MIN)
		return "secret_file: must hold a secret of 32 bytes at least";
	return problem;
}

static const char *read_issuers(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                                struct mcp_settings *settings)
{
	struct token_issuers *ret = &settings->issuers;

	*ret = (struct token_issuers){.foreign = NULL};
	const char *problem =
	    read_all_foreign(pool, settings->file, document, with_secrets, settings->issuer, settings->resource, ret);
	if (problem != NULL)
		return problem;
	problem = read_service(pool, settings->file, document, with_secrets, settings->issuer, ret);
	return problem != NULL ? text_printf(pool, "service_tokens.%s", problem) : NULL;
}

const struct settings_part SETTINGS_ISSUERS = {SCHEMA, read_issuers};
