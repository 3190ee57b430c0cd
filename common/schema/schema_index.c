/* SPDX-License-Identifier: Apache-2.0 */
/* The first pass: finds the schemas in a document, with their resources ($id) and anchors. Only keywords that hold
 * schemas are followed, so that an "$id" inside an enum or an example is not mistaken for one (JSON Schema
 * core, 9.4.2). */
#include "schema_checking.h"

#include <stdio.h>
#include <string.h>

static struct schema_node *index_schema(struct schema_compiler *k, const json_t *source, const char *place,
                                        struct schema_resource *resource, unsigned depth);

char *schema_place(h2o_mem_pool_t *pool, const char *place, const char *token)
{
	size_t place_len = strlen(place), len = place_len + 1;
	for (const char *s = token; *s != '\0'; s++)
		len += *s == '~' || *s == '/' ? 2 : 1;

	/* as long as it is: a catalogue keeps a hundred thousand of them */
	char *ret = h2o_mem_alloc_pool(pool, len + 1), *end = ret + place_len;
	memcpy(ret, place, place_len);
	*end++ = '/';
	for (; *token != '\0'; token++) {
		*end++ = *token == '/' ? '~' : *token;
		if (*token == '~' || *token == '/')
			*end++ = *token == '~' ? '0' : '1';
	}
	*end = '\0';
	return ret;
}

char *schema_place_index(h2o_mem_pool_t *pool, const char *place, size_t index)
{
	return text_printf(pool, "%s/%zu", place, index);
}

bool schema_refuse(struct schema_compiler *k, const char *place, const char *format, ...)
{
	va_list arguments;
	if (k->error != NULL)
		return false;
	va_start(arguments, format);
	char *text = text_vprintf(k->pool, format, arguments);
	va_end(arguments);
	k->error = text_printf(k->pool, "%s: %s", *place == '\0' ? "/" : place, text);
	return false;
}

struct schema_node *schema_node_at(const struct schema_compiler *k, const char *place)
{
	const json_t *number = json_object_get(k->by_place, place);
	return number == NULL ? NULL : k->nodes[json_integer_value(number)];
}

struct schema_resource *schema_resource_of(const struct schema_compiler *k, const char *uri)
{
	const json_t *number = json_object_get(k->by_uri, uri);
	return number == NULL ? NULL : k->resources[json_integer_value(number)];
}

const struct schema_anchor *schema_find_anchor(const struct schema_resource *resource, const char *name)
{
	for (const struct schema_anchor *a = resource->anchors; a != NULL; a = a->next) {
		if (strcmp(a->name, name) == 0)
			return a;
	}
	return NULL;
}

/* Room for one more pointer. */
static void *grow(h2o_mem_pool_t *pool, void *items, size_t count, size_t *capacity)
{
	if (count < *capacity)
		return items;
	size_t larger = *capacity == 0 ? 16 : *capacity * 2;
	void **ret = h2o_mem_alloc_pool(pool, larger * sizeof(void *));
	if (count > 0)
		memcpy(ret, items, count * sizeof(void *));
	*capacity = larger;
	return ret;
}

static struct schema_resource *add_resource(struct schema_compiler *k, const char *uri, const char *place)
{
	if (schema_resource_of(k, uri) != NULL) {
		schema_refuse(k, place, "$id: another schema has the same URI");
		return NULL;
	}
	struct schema_resource *ret = h2o_mem_alloc_pool(k->pool, sizeof(*ret));
	*ret = (struct schema_resource){.uri = uri};
	k->resources = grow(k->pool, k->resources, k->resource_count, &k->resource_capacity);
	k->resources[k->resource_count] = ret;
	json_object_set_new_nocheck(k->by_uri, uri, json_integer((json_int_t)k->resource_count++));
	return ret;
}

static bool add_anchor(struct schema_compiler *k, const struct schema_node *node, const char *keyword)
{
	const json_t *name = json_object_get(node->source, keyword);
	bool dynamic = strcmp(keyword, "$dynamicAnchor") == 0;
	if (name == NULL)
		return true;
	const struct schema_anchor *same = schema_find_anchor(node->resource, json_string_value(name));
	if (same != NULL && same->node != node)
		return schema_refuse(k, node->place, "%s: another schema here has the same anchor", keyword);
	struct schema_anchor *anchor = h2o_mem_alloc_pool(k->pool, sizeof(*anchor));
	*anchor = (struct schema_anchor){json_string_value(name), node, dynamic, node->resource->anchors};
	node->resource->anchors = anchor;
	return true;
}

/* Is this member one that a schema may have without any meaning? */
static bool may_ignore(const struct schema_compiler *k, const char *name)
{
	return k->options->allow_unknown_keywords || strncmp(name, "x-", 2) == 0;
}

static bool check_keyword(struct schema_compiler *k, const struct schema_node *node, const char *name,
                          const json_t *value)
{
	const struct schema_keyword *keyword = schema_find_keyword(name);
	if (keyword == NULL) {
		if (may_ignore(k, name))
			return true;
		return schema_refuse(k, node->place, "the keyword %s is not known", schema_words_member(k->pool, name));
	}
	if (!(keyword->vocabularies & node->resource->vocabularies)) {
		if (may_ignore(k, name))
			return true;
		return schema_refuse(k, node->place, "%s: is of no vocabulary that $schema names", name);
	}
	const char *problem = schema_shape_problem(keyword->shape, value);
	if (problem != NULL)
		return schema_refuse(k, schema_place(k->pool, node->place, name), "%s", problem);
	return true;
}

static bool index_list(struct schema_compiler *k, const struct schema_node *node, const json_t *list, const char *place,
                       unsigned depth)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *at = schema_place_index(k->pool, place, i);
		if (index_schema(k, json_array_get(list, i), at, node->resource, depth + 1) == NULL)
			return false;
	}
	return true;
}

static bool index_map(struct schema_compiler *k, const struct schema_node *node, const json_t *map, const char *place,
                      unsigned depth)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)map, name, value) {
		const char *at = schema_place(k->pool, place, name);
		if (json_is_array(value)) /* only "dependencies" gets here with one */
			continue;
		if (index_schema(k, value, at, node->resource, depth + 1) == NULL)
			return false;
	}
	return true;
}

static bool index_keyword(struct schema_compiler *k, const struct schema_node *node, const char *name,
                          const json_t *value, unsigned depth)
{
	if (!check_keyword(k, node, name, value))
		return false;
	const struct schema_keyword *keyword = schema_find_keyword(name);
	if (keyword == NULL || !(keyword->vocabularies & node->resource->vocabularies) || keyword->shape < SHAPE_SCHEMA)
		return true;
	const char *place = schema_place(k->pool, node->place, name);
	if (keyword->shape == SHAPE_SCHEMA)
		return index_schema(k, value, place, node->resource, depth + 1) != NULL;
	if (keyword->shape == SHAPE_SCHEMAS)
		return index_list(k, node, value, place, depth);
	return index_map(k, node, value, place, depth);
}

/* The resource of a schema: its own if it has $id, else the one around it. */
static bool enter_resource(struct schema_compiler *k, struct schema_node *node)
{
	const json_t *id = json_object_get(node->source, "$id");
	const json_t *dialect = json_object_get(node->source, "$schema");
	bool is_document = node->resource->root == NULL;

	if (is_document)
		node->resource->root = node;
	if (id != NULL) {
		const char *problem = schema_shape_problem(SHAPE_REFERENCE, id);
		if (problem == NULL && (strchr(json_string_value(id), '#') != NULL) &&
		    strchr(json_string_value(id), '#')[1] != '\0')
			problem = "must not have a fragment";
		if (problem != NULL)
			return schema_refuse(k, schema_place(k->pool, node->place, "$id"), "%s", problem);
		const char *uri = schema_uri_resolve(k->pool, node->resource->uri, json_string_value(id));
		if (!is_document || strcmp(uri, node->resource->uri) != 0) {
			unsigned vocabularies = node->resource->vocabularies;
			node->resource = add_resource(k, uri, node->place);
			if (node->resource == NULL)
				return false;
			node->resource->root = node;
			node->resource->vocabularies = vocabularies;
		}
	}
	if (dialect != NULL) {
		if (node->resource->root != node)
			return schema_refuse(k, node->place, "$schema: belongs to the root of a schema resource");
		node->resource->vocabularies = schema_vocabularies_of(k, dialect, node->place);
	}
	return k->error == NULL;
}

static struct schema_node *add_node(struct schema_compiler *k, const json_t *source, const char *place,
                                    struct schema_resource *resource)
{
	struct schema_node *ret = h2o_mem_alloc_pool(k->pool, sizeof(*ret));
	*ret = (struct schema_node){.source = source, .place = place, .resource = resource};
	ret->never = json_is_false(source);
	ret->always = json_is_true(source);
	k->nodes = grow(k->pool, k->nodes, k->node_count, &k->node_capacity);
	k->nodes[k->node_count] = ret;
	json_object_set_new_nocheck(k->by_place, place, json_integer((json_int_t)k->node_count++));
	return ret;
}

static struct schema_node *index_schema(struct schema_compiler *k, const json_t *source, const char *place,
                                        struct schema_resource *resource, unsigned depth)
{
	const char *name;
	json_t *value;
	const char *problem = schema_shape_problem(SHAPE_SCHEMA, source);
	struct schema_node *node = schema_node_at(k, place);

	if (node != NULL)
		return node;
	if (depth > SCHEMA_NESTING)
		problem = "is nested too deeply";
	else if (k->node_count >= SCHEMA_NODES)
		problem = "there are too many schemas";
	if (problem != NULL) {
		schema_refuse(k, place, "%s", problem);
		return NULL;
	}
	node = add_node(k, source, place, resource);
	if (!enter_resource(k, node))
		return NULL;
	json_object_foreach ((json_t *)source, name, value) {
		node->signs |= schema_name_sign(h2o_iovec_init(name, strlen(name)));
		if (!index_keyword(k, node, name, value, depth))
			return NULL;
	}
	if (!add_anchor(k, node, "$anchor") || !add_anchor(k, node, "$dynamicAnchor"))
		return NULL;
	return node;
}

struct schema_node *schema_index_part(struct schema_compiler *k, const json_t *source, const char *place,
                                      struct schema_resource *resource)
{
	return index_schema(k, source, place, resource, 0);
}

struct schema_node *schema_index_document(struct schema_compiler *k, const json_t *document, const char *uri,
                                          const char *place)
{
	struct schema_resource *resource = add_resource(k, uri, place);
	if (resource == NULL)
		return NULL;
	/* A document that names no dialect is one of 2020-12. */
	resource->vocabularies = SCHEMA_CORE | SCHEMA_APPLICATOR | SCHEMA_UNEVALUATED | SCHEMA_VALIDATION |
	                         SCHEMA_META_DATA | SCHEMA_FORMAT_ANNOTATION | SCHEMA_CONTENT;
	return index_schema(k, document, place, resource, 0);
}
