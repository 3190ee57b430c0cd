/* SPDX-License-Identifier: Apache-2.0 */
/* $ref and $dynamicRef: URIs, anchors and pointers (JSON Schema core, 8.2.3 and 9.2). Nothing is fetched: the documents
 * are the one compiled, those handed in, and the standard's own. */
#include "schema_checking.h"

#include <string.h>

#include "common/encoding.h"
#include "common/json.h"

struct parts { /* RFC 3986, 3; a base NULL means that the part is absent */
	h2o_iovec_t scheme, authority, path, query;
};

static size_t span_until(const char *s, const char *stops)
{
	return strcspn(s, stops);
}

static struct parts split(const char *s)
{
	struct parts ret = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
	size_t len = span_until(s, ":/?#");
	if (len > 0 && s[len] == ':') {
		ret.scheme = h2o_iovec_init(s, len);
		s += len + 1;
	}
	if (s[0] == '/' && s[1] == '/') {
		len = span_until(s + 2, "/?#");
		ret.authority = h2o_iovec_init(s + 2, len);
		s += len + 2;
	}
	len = span_until(s, "?#");
	ret.path = h2o_iovec_init(s, len);
	s += len;
	if (*s == '?') {
		len = span_until(s + 1, "#");
		ret.query = h2o_iovec_init(s + 1, len);
	}
	return ret;
}

/* RFC 3986, 5.2.4, in one walk over the segments. */
static void append_without_dots(struct text_buffer *b, h2o_iovec_t path)
{
	size_t start = b->len;
	size_t at = 0;
	while (at < path.len) {
		size_t end = at + 1;
		while (end < path.len && path.base[end] != '/')
			end++;
		const char *segment = path.base + at;
		size_t skip = *segment == '/' ? 1 : 0, len = end - at - skip;
		bool one = len == 1 && segment[skip] == '.';
		bool two = len == 2 && segment[skip] == '.' && segment[skip + 1] == '.';
		if (two) {
			while (b->len > start && b->base[--b->len] != '/')
				;
		}
		if (!one && !two)
			text_append(b, segment, end - at);
		else if (end == path.len)
			text_append_str(b, "/");
		at = end;
	}
}

static h2o_iovec_t merge_paths(h2o_mem_pool_t *pool, const struct parts *base, h2o_iovec_t path)
{
	struct text_buffer b = {.pool = pool};
	size_t len = base->path.len;
	if (base->authority.base != NULL && len == 0)
		text_append_str(&b, "/");
	while (len > 0 && base->path.base[len - 1] != '/')
		len--;
	text_append(&b, base->path.base, len);
	text_append_iovec(&b, path);
	return h2o_iovec_init(b.base, b.len);
}

char *schema_uri_resolve(h2o_mem_pool_t *pool, const char *base_text, const char *reference)
{
	struct parts base = split(base_text), r = split(reference);
	struct text_buffer b = {.pool = pool};
	bool same_authority = r.scheme.base == NULL && r.authority.base == NULL;
	h2o_iovec_t scheme = r.scheme.base != NULL ? r.scheme : base.scheme;
	h2o_iovec_t authority = same_authority ? base.authority : r.authority;
	h2o_iovec_t query = r.query, path = r.path;

	if (same_authority && path.len == 0) {
		path = base.path;
		query = r.query.base != NULL ? r.query : base.query;
	} else if (same_authority && path.base[0] != '/') {
		path = merge_paths(pool, &base, path);
	}
	text_append_str(&b, "");
	if (scheme.base != NULL) {
		text_append_iovec(&b, scheme);
		text_append_str(&b, ":");
	}
	if (authority.base != NULL) {
		text_append_str(&b, "//");
		text_append_iovec(&b, authority);
	}
	append_without_dots(&b, path);
	if (query.base != NULL) {
		text_append_str(&b, "?");
		text_append_iovec(&b, query);
	}
	text_append(&b, "", 1);
	return b.base;
}

static bool is_standard_dialect(const char *uri)
{
	return strcmp(uri, "https://json-schema.org/draft/2020-12/schema") == 0 ||
	       strcmp(uri, "https://json-schema.org/draft/2020-12/schema#") == 0;
}

static unsigned vocabulary_of(const char *uri)
{
	static const struct {
		const char *name;
		unsigned bit;
	} ALL[] = {
	    {"core", SCHEMA_CORE},
	    {"applicator", SCHEMA_APPLICATOR},
	    {"unevaluated", SCHEMA_UNEVALUATED},
	    {"validation", SCHEMA_VALIDATION},
	    {"meta-data", SCHEMA_META_DATA},
	    {"content", SCHEMA_CONTENT},
	    {"format-annotation", SCHEMA_FORMAT_ANNOTATION},
	    {"format-assertion", SCHEMA_FORMAT_ASSERTION},
	};
	static const char PREFIX[] = "https://json-schema.org/draft/2020-12/vocab/";
	if (strncmp(uri, PREFIX, sizeof(PREFIX) - 1) != 0)
		return 0;
	for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
		if (strcmp(uri + sizeof(PREFIX) - 1, ALL[i].name) == 0)
			return ALL[i].bit;
	}
	return 0;
}

unsigned schema_vocabularies_of(struct schema_compiler *k, const json_t *dialect, const char *place)
{
	const unsigned all = SCHEMA_CORE | SCHEMA_APPLICATOR | SCHEMA_UNEVALUATED | SCHEMA_VALIDATION |
	                     SCHEMA_META_DATA | SCHEMA_FORMAT_ANNOTATION | SCHEMA_CONTENT;
	const char *uri = json_string_value(dialect), *name;
	unsigned ret = SCHEMA_CORE;
	json_t *needed;

	if (uri != NULL && is_standard_dialect(uri))
		return all;
	const json_t *metaschema = uri == NULL ? NULL : json_object_get(k->options->documents, uri);
	const char *its_own = json_string_value(json_object_get(metaschema, "$schema"));
	if (its_own == NULL || !is_standard_dialect(its_own)) {
		schema_refuse(k, place, "$schema: only https://json-schema.org/draft/2020-12/schema is supported");
		return 0;
	}
	const json_t *vocabularies = json_object_get(metaschema, "$vocabulary");
	if (!json_is_object(vocabularies))
		return all;
	json_object_foreach ((json_t *)vocabularies, name, needed) {
		unsigned bit = vocabulary_of(name);
		if (bit == 0 && !json_is_false(needed)) {
			schema_refuse(k, place, "$schema: needs the vocabulary %s, which is not supported",
			              schema_words_member(k->pool, name));
			return 0;
		}
		ret |= bit;
	}
	return ret;
}

static const struct schema_resource *find_resource(struct schema_compiler *k, const char *uri, const char *place)
{
	const struct schema_resource *ret = schema_resource_of(k, uri);
	if (ret != NULL)
		return ret;
	const json_t *document = json_object_get(k->options->documents, uri);
	const char *text = document == NULL ? schema_standard_document(uri) : NULL;
	if (text != NULL)
		document = json_keep(k->pool, json_loads(text, 0, NULL));
	if (document == NULL) {
		schema_refuse(k, place, "refers to %s, which is not at hand (nothing is ever fetched)",
		              schema_words_member(k->pool, uri));
		return NULL;
	}
	if (schema_index_document(k, document, uri, text_printf(k->pool, "%s#", uri)) == NULL)
		return NULL;
	return schema_resource_of(k, uri);
}

/* NULL if the percent-encoding is wrong or hides a NUL. */
static char *decode_fragment(h2o_mem_pool_t *pool, const char *s)
{
	char *ret = h2o_mem_alloc_pool(pool, strlen(s) + 1), *out = ret;
	for (; *s != '\0'; s++) {
		if (*s != '%') {
			*out++ = *s;
			continue;
		}
		int high = hex_value(s[1]), low = high < 0 ? -1 : hex_value(s[2]);
		if (low < 0 || high * 16 + low == 0)
			return NULL;
		*out++ = (char)(high * 16 + low);
		s += 2;
	}
	*out = '\0';
	return ret;
}

/* One token of a pointer, unescaped; NULL at a wrong escape. *s moves behind it. */
static char *next_token(h2o_mem_pool_t *pool, const char **s)
{
	const char *p = *s + 1;
	char *ret = h2o_mem_alloc_pool(pool, strlen(p) + 1), *out = ret;
	for (; *p != '\0' && *p != '/'; p++) {
		*out = *p;
		if (*p == '~') {
			p++;
			if (*p != '0' && *p != '1')
				return NULL;
			*out = *p == '0' ? '~' : '/';
		}
		out++;
	}
	*out = '\0';
	*s = p;
	return ret;
}

static const json_t *step_into(const json_t *value, const char *token)
{
	int64_t index;
	if (json_is_object(value))
		return json_object_get(value, token);
	if (json_is_array(value) && text_to_int64(text_of(token), &index))
		return json_array_get(value, (size_t)index);
	return NULL;
}

static const struct schema_node *follow_pointer(struct schema_compiler *k, const struct schema_resource *from,
                                                const char *pointer, const char *place)
{
	struct schema_resource *resource = from->root->resource;
	const json_t *value = from->root->source;
	const char *at = from->root->place, *s = pointer;

	while (*s != '\0' && value != NULL) {
		char *token = next_token(k->pool, &s);
		value = token == NULL ? NULL : step_into(value, token);
		if (value == NULL)
			break;
		at = schema_place(k->pool, at, token);
		const struct schema_node *node = schema_node_at(k, at);
		if (node != NULL)
			resource = node->resource;
	}
	if (value == NULL) {
		schema_refuse(k, place, "refers to a place that does not exist");
		return NULL;
	}
	return schema_index_part(k, value, at, resource);
}

const struct schema_node *schema_resolve(struct schema_compiler *k, const struct schema_resource *base,
                                         const char *reference, const char *place, const char **dynamic)
{
	*dynamic = NULL;
	const char *uri = schema_uri_resolve(k->pool, base->uri, reference);
	const char *hash = strchr(reference, '#');
	const char *fragment = decode_fragment(k->pool, hash == NULL ? "" : hash + 1);
	const struct schema_resource *resource = find_resource(k, uri, place);
	if (resource == NULL)
		return NULL;
	if (fragment == NULL) {
		schema_refuse(k, place, "has a wrong percent-encoding");
		return NULL;
	}
	if (*fragment == '\0')
		return resource->root;
	if (*fragment == '/')
		return follow_pointer(k, resource, fragment, place);
	const struct schema_anchor *anchor = schema_find_anchor(resource->root->resource, fragment);
	if (anchor == NULL) {
		schema_refuse(k, place, "refers to an anchor that does not exist");
		return NULL;
	}
	if (anchor->dynamic)
		*dynamic = anchor->name;
	return anchor->node;
}
