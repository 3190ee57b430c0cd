/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: a file, its version, and the references inside of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/encoding.h"
#include "common/json_pointer.h"
#include "mcp/import/import.h"

enum { SIZE_MAX_BYTES = 8 * 1024 * 1024, CONTAINERS_MAX = 500000, CHAIN_MAX = 16, TITLE_MAX = 100, PROBLEM_MAX = 500 };

/* ---- the text ---- */

static unsigned depth_of(const json_t *value, unsigned limit)
{
	unsigned deepest = 0;
	const char *name;
	json_t *member;
	size_t i;

	if (limit == 0)
		return 1;
	json_array_foreach (value, i, member) {
		unsigned depth = depth_of(member, limit - 1);
		deepest = depth > deepest ? depth : deepest;
	}
	if (json_is_object(value))
		json_object_foreach ((json_t *)value, name, member) {
			unsigned depth = depth_of(member, limit - 1);
			deepest = depth > deepest ? depth : deepest;
		}
	return deepest + 1;
}

/* Memory goes to containers: counted before any is made, those in texts too. */
static bool has_too_many_containers(h2o_iovec_t text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.base[i] == '{' || text.base[i] == '[';
	return count > CONTAINERS_MAX;
}

static json_t *read_json(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error)
{
	json_error_t why;
	json_t *value;

	if (!text_is_utf8(text) || has_too_many_containers(text)) {
		*error = text_printf(pool, "%s: is not UTF-8, or has too many objects", name);
		return NULL;
	}
	value = json_keep(pool, json_loadb(text.base, text.len, JSON_REJECT_DUPLICATES, &why));
	if (value == NULL)
		*error = text_printf(pool, "%s:%d: %s", name, why.line,
		                     import_line(pool, text_of(text_is_utf8(text_of(why.text)) ? why.text : "no JSON"),
		                                 sizeof(why.text)));
	else if (depth_of(value, JSON_DEPTH_LIMIT) > JSON_DEPTH_LIMIT)
		*error = text_printf(pool, "%s: is nested too deep", name);
	return *error == NULL ? value : NULL;
}

static const json_t *read_text(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error)
{
	size_t at = 0;

	*error = NULL;
	if (text.len > SIZE_MAX_BYTES) {
		*error = text_printf(pool, "%s: is larger than 8 MiB", name);
		return NULL;
	}
	while (at < text.len && strchr(" \t\r\n", text.base[at]) != NULL && text.base[at] != '\0')
		at++;
	if (at < text.len && text.base[at] == '{')
		return read_json(pool, text, name, error);
	const json_t *value = yaml_parse_foreign(pool, text, name, error);
	if (value == NULL) /* it may repeat what stands there */
		*error = import_line(pool, text_of(*error), PROBLEM_MAX);
	return value;
}

/* ---- the document ---- */

static bool is_known_dialect(const json_t *dialect)
{
	static const char *const KNOWN[] = {"https://spec.openapis.org/oas/3.1/dialect/base",
	                                    "https://json-schema.org/draft/2020-12/schema"};

	if (dialect == NULL)
		return true;
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++)
		if (json_is_string(dialect) && strcmp(json_string_value(dialect), KNOWN[i]) == 0)
			return true;
	return false;
}

static const char *version_problem(const json_t *root, bool *is_30)
{
	h2o_iovec_t version = json_get_text(root, "openapi");

	if (json_object_get(root, "swagger") != NULL)
		return "is of Swagger 2.0; OpenAPI 3.0 and 3.1 can be read";
	if (json_object_get(root, "openapi") == NULL)
		return "is no OpenAPI document: it has no member openapi";
	if (version.base == NULL)
		return "openapi: must be a text such as '3.1.0', in quotes";
	*is_30 = text_starts(version, "3.0.");
	if (!*is_30 && !text_starts(version, "3.1."))
		return "openapi: OpenAPI 3.0 and 3.1 can be read, and no other";
	if (!*is_30 && !is_known_dialect(json_object_get(root, "jsonSchemaDialect")))
		return "jsonSchemaDialect: only JSON Schema 2020-12 and OpenAPI's own dialect can be read";
	if (!json_is_object(json_object_get(root, "paths")))
		return "has no paths";
	return NULL;
}

bool import_document_read(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, struct import_document *ret,
                          const char **error)
{
	const json_t *root = read_text(pool, text, name, error);
	const char *problem;

	*ret = (struct import_document){.pool = pool, .root = root};
	if (root == NULL)
		return false;
	problem = version_problem(root, &ret->is_30);
	if (problem != NULL) {
		*error = text_printf(pool, "%s: %s", name, problem);
		return false;
	}
	ret->title = import_line(pool, json_get_text(json_object_get(root, "info"), "title"), TITLE_MAX);
	if (*ret->title == '\0')
		ret->title = "untitled";
	return true;
}

bool import_document_load(h2o_mem_pool_t *pool, const char *file, struct import_document *ret, const char **error)
{
	FILE *stream = fopen(file, "re");
	char *buffer;

	if (stream == NULL) {
		*error = text_printf(pool, "%s: %s", file, strerror(errno));
		return false;
	}
	buffer = h2o_mem_alloc(SIZE_MAX_BYTES + 1);
	size_t len = fread(buffer, 1, SIZE_MAX_BYTES + 1, stream);
	bool fine = !ferror(stream);
	if (!fine)
		*error = text_printf(pool, "%s: %s", file, strerror(errno));
	fclose(stream);
	fine = fine && import_document_read(pool, h2o_iovec_init(buffer, len), file, ret, error);
	free(buffer);
	return fine;
}

/* ---- references ---- */

/* A pointer in a fragment is percent-encoded (RFC 6901, 6). {NULL, 0} for a bad escape. */
static h2o_iovec_t decode_fragment(h2o_mem_pool_t *pool, const char *fragment)
{
	char *text = text_copy(pool, text_of(fragment));
	size_t len = 0;

	for (const char *at = fragment; *at != '\0'; at++) {
		int high = *at == '%' ? hex_value(at[1]) : 0, low = *at == '%' && high >= 0 ? hex_value(at[2]) : 0;
		if (high < 0 || low < 0)
			return h2o_iovec_init(NULL, 0);
		text[len++] = *at == '%' ? (char)(high << 4 | low) : *at;
		at += *at == '%' ? 2 : 0;
	}
	return h2o_iovec_init(text, len);
}

const json_t *import_find(const struct import_document *document, const char *reference, const char **problem)
{
	h2o_iovec_t pointer;
	const json_t *found;

	*problem = NULL;
	if (reference[0] != '#') {
		*problem = "which is another document";
		return NULL;
	}
	pointer = decode_fragment(document->pool, reference + 1);
	if (pointer.base == NULL || json_pointer_problem(pointer) != NULL) {
		*problem = "which is no pointer into the document";
		return NULL;
	}
	found = json_pointer_find(document->root, pointer);
	if (found == NULL)
		*problem = "which is not in the document";
	return found;
}

const json_t *import_resolve(struct import_operation *op, const json_t *value, const char *what)
{
	const char *problem;

	for (int i = 0; i < CHAIN_MAX; i++) {
		const char *reference = json_string_value(json_object_get(value, "$ref"));
		if (!json_is_object(value)) {
			import_refuse(op, "%s is no object", what);
			return NULL;
		}
		if (reference == NULL)
			return value;
		value = import_find(op->document, reference, &problem);
		if (value == NULL) {
			import_refuse(op, "%s refers to %s, %s", what, reference, problem);
			return NULL;
		}
	}
	import_refuse(op, "%s refers to itself, or through more than %d references", what, CHAIN_MAX);
	return NULL;
}
