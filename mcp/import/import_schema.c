/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas of a document as JSON Schema 2020-12 without references: what a model reads stands in one place. */
#include <string.h>

#include "mcp/import/import.h"

enum { NODES_MAX = 4000, DEPTH_MAX = 48, PROSE_MAX = 1000, COPIED_MAX = 4 * 1024 * 1024, EACH = 32 };

struct translation { /* of one schema */
	struct import_operation *op;
	enum import_direction direction;
	unsigned nodes, depth;
	const json_t *open[DEPTH_MAX]; /* what references have led to, and is being read */
	unsigned open_count;
};

static json_t *translate(struct translation *t, const json_t *schema);

/* ---- keywords ---- */

enum shape { VALUE, PROSE, SCHEMA, SCHEMAS, SCHEMA_MAP, PROPERTIES, REQUIRED, LEFT_OUT, EXAMPLES, REFUSED };

static const struct keyword {
	const char *name;
	enum shape shape;
	bool in_30;
} KEYWORDS[] = {
    {"type", VALUE, true},
    {"description", PROSE, true},
    {"title", PROSE, true},
    {"properties", PROPERTIES, true},
    {"required", REQUIRED, true},
    {"additionalProperties", SCHEMA, true},
    {"items", SCHEMA, true},
    {"enum", VALUE, true},
    {"format", VALUE, true},
    {"default", VALUE, true},
    {"minimum", VALUE, true},
    {"maximum", VALUE, true},
    {"exclusiveMinimum", VALUE, true},
    {"exclusiveMaximum", VALUE, true},
    {"multipleOf", VALUE, true},
    {"minLength", VALUE, true},
    {"maxLength", VALUE, true},
    {"pattern", VALUE, true},
    {"minItems", VALUE, true},
    {"maxItems", VALUE, true},
    {"uniqueItems", VALUE, true},
    {"minProperties", VALUE, true},
    {"maxProperties", VALUE, true},
    {"allOf", SCHEMAS, true},
    {"anyOf", SCHEMAS, true},
    {"oneOf", SCHEMAS, true},
    {"not", SCHEMA, true},
    {"deprecated", VALUE, true},
    {"example", EXAMPLES, true},
    {"nullable", VALUE, true}, /* import_schema_30.c takes it away */
    /* hints: they let nothing through that the rest does not, and refuse nothing */
    {"discriminator", LEFT_OUT, true},
    {"xml", LEFT_OUT, true},
    {"readOnly", LEFT_OUT, true}, /* is_not_there has seen to them */
    {"writeOnly", LEFT_OUT, true},
    {"externalDocs", LEFT_OUT, true},
    {"const", VALUE, false},
    {"examples", VALUE, false},
    {"patternProperties", SCHEMA_MAP, false},
    {"propertyNames", SCHEMA, false},
    {"prefixItems", SCHEMAS, false},
    {"contains", SCHEMA, false},
    {"minContains", VALUE, false},
    {"maxContains", VALUE, false},
    {"if", SCHEMA, false},
    {"then", SCHEMA, false},
    {"else", SCHEMA, false},
    {"dependentRequired", VALUE, false},
    {"dependentSchemas", SCHEMA_MAP, false},
    {"unevaluatedItems", SCHEMA, false},
    {"unevaluatedProperties", SCHEMA, false},
    {"contentEncoding", VALUE, false},
    {"contentMediaType", VALUE, false},
    {"contentSchema", SCHEMA, false},
    {"$comment", LEFT_OUT, false},
    {"$defs", LEFT_OUT, false}, /* whoever refers to them finds them */
    {"definitions", LEFT_OUT, false},
    {"$id", REFUSED, false},
    {"$schema", REFUSED, false},
    {"$anchor", REFUSED, false},
    {"$dynamicRef", REFUSED, false},
    {"$dynamicAnchor", REFUSED, false},
    {"$vocabulary", REFUSED, false},
    {"dependencies", REFUSED, false},
};

static const struct keyword *find_keyword(const char *name)
{
	for (size_t i = 0; i < sizeof(KEYWORDS) / sizeof(KEYWORDS[0]); i++)
		if (strcmp(KEYWORDS[i].name, name) == 0)
			return &KEYWORDS[i];
	return NULL;
}

/* ---- memory ---- */

static size_t size_of(const json_t *value)
{
	size_t size = EACH + json_string_length(value), i;
	const char *name;
	json_t *member;

	json_array_foreach (value, i, member)
		size += size_of(member);
	if (json_is_object(value))
		json_object_foreach ((json_t *)value, name, member)
			size += strlen(name) + size_of(member);
	return size;
}

/* References let a small document stand for a large one: what is copied is counted before. */
static bool may_copy(struct translation *t, size_t size)
{
	if (size > COPIED_MAX - t->op->copied)
		return import_refuse(t->op, "its schemas have more than %d MiB of text and values",
		                     COPIED_MAX / (1024 * 1024));
	t->op->copied += size;
	return true;
}

/* ---- values ---- */

/* `format` says something about values to those who know it. In answers it is left out: a service that writes its times
 * in another way would have all of its answers refused. */
static bool is_format_kept(const struct translation *t, const json_t *format)
{
	static const char *const KEPT[] = {
	    "date-time", "date",          "time", "duration",     "email",        "idn-email",
	    "hostname",  "idn-hostname",  "ipv4", "ipv6",         "uri",          "uri-reference",
	    "iri",       "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer",
	    "regex",
	};

	for (size_t i = 0; t->direction == IMPORT_ARGUMENTS && i < sizeof(KEPT) / sizeof(KEPT[0]); i++)
		if (json_is_string(format) && strcmp(json_string_value(format), KEPT[i]) == 0)
			return true;
	return false;
}

static json_t *prose(struct translation *t, const char *name, const json_t *value)
{
	h2o_iovec_t text = h2o_iovec_init(json_string_value(value), json_string_length(value));
	const char *what;

	if (text.base == NULL) {
		import_refuse(t->op, "a %s in a schema is no text", name);
		return NULL;
	}
	text = import_prose(t->op->document->pool, text, PROSE_MAX, &what);
	if (what != NULL)
		import_note(t->op, "a %s in a schema %s", name, what);
	return json_stringn(text.base, text.len);
}

static json_t *translate_list(struct translation *t, const char *name, const json_t *list)
{
	json_t *ret = json_array(), *schema;
	size_t i;

	if (!json_is_array(list))
		import_refuse(t->op, "%s in a schema is no list", name);
	json_array_foreach (list, i, schema) {
		json_t *translated = translate(t, schema);
		if (translated == NULL)
			break;
		json_array_append_new(ret, translated);
	}
	return ret;
}

/* ---- properties ---- */

/* OpenAPI: what is readOnly is not sent, even if required, and what is writeOnly does not come back. */
static bool is_marked(struct translation *t, const json_t *schema, const char *mark)
{
	const char *problem;

	for (int i = 0; i < DEPTH_MAX && json_is_object(schema); i++) {
		const char *reference = json_string_value(json_object_get(schema, "$ref"));
		if (json_is_true(json_object_get(schema, mark)))
			return true;
		schema = reference != NULL ? import_find(t->op->document, reference, &problem) : NULL;
	}
	return false;
}

static bool is_not_there(struct translation *t, const json_t *properties, const char *name)
{
	return is_marked(t, json_object_get(properties, name),
	                 t->direction == IMPORT_ARGUMENTS ? "readOnly" : "writeOnly");
}

static json_t *translate_map(struct translation *t, const char *name, const json_t *map, bool are_properties)
{
	json_t *ret = json_object(), *schema;
	const char *key;

	if (!json_is_object(map))
		import_refuse(t->op, "%s in a schema is no object", name);
	if (json_is_object(map))
		json_object_foreach ((json_t *)map, key, schema) {
			if (!may_copy(t, strlen(key)))
				break;
			if (are_properties && t->direction == IMPORT_ARGUMENTS && is_not_there(t, map, key))
				continue;
			json_t *translated = translate(t, schema);
			if (translated == NULL)
				break;
			json_object_set_new(ret, key, translated);
		}
	return ret;
}

static json_t *required_of(struct translation *t, const json_t *schema, const json_t *list)
{
	const json_t *properties = json_object_get(schema, "properties");
	json_t *ret = json_array(), *name;
	size_t i;

	json_array_foreach (list, i, name)
		if (!json_is_string(name) || !is_not_there(t, properties, json_string_value(name)))
			json_array_append(ret, name);
	if (!json_is_array(list))
		import_refuse(t->op, "required in a schema is no list");
	return ret;
}

/* ---- the whole ---- */

static json_t *translate_member(struct translation *t, const json_t *schema, const struct keyword *keyword,
                                const json_t *value)
{
	const char *name = keyword->name;
	bool is_copied = keyword->shape == VALUE || keyword->shape == PROSE || keyword->shape == EXAMPLES ||
	                 keyword->shape == REQUIRED;

	if (is_copied && !may_copy(t, size_of(value)))
		return NULL;
	switch (keyword->shape) {
	case PROSE: return prose(t, name, value);
	case SCHEMA:
		if (json_is_boolean(value) && strcmp(name, "additionalProperties") == 0)
			return json_incref((json_t *)value);
		return translate(t, value);
	case SCHEMAS: return translate_list(t, name, value);
	case SCHEMA_MAP:
	case PROPERTIES: return translate_map(t, name, value, keyword->shape == PROPERTIES);
	case REQUIRED: return required_of(t, schema, value);
	case EXAMPLES: return json_pack("[O]", value);
	default: return json_deep_copy(value);
	}
}

/* NULL: it is not one that is taken; it may be refused. */
static const struct keyword *keyword_of(struct translation *t, const char *name, const json_t *value)
{
	const struct keyword *keyword = find_keyword(name);
	bool is_30 = t->op->document->is_30;

	if (strncmp(name, "x-", 2) == 0 ||
	    (keyword != NULL && keyword->shape == LEFT_OUT && (keyword->in_30 || !is_30)))
		return NULL;
	if (keyword == NULL && !is_30) { /* JSON Schema: an unknown keyword says nothing */
		import_note(t->op, "%s in a schema, which OpenAPI 3.1 does not know, is left out", name);
		return NULL;
	}
	if (is_30 && (keyword == NULL || !keyword->in_30)) {
		import_refuse(t->op, "a schema has %s, which OpenAPI 3.0 does not know", name);
		return NULL;
	}
	if (keyword->shape == REFUSED) {
		import_refuse(t->op, "a schema has %s, which cannot be imported", name);
		return NULL;
	}
	if (!is_30 && strcmp(name, "nullable") == 0) {
		import_note(t->op, "nullable in a schema, which OpenAPI 3.1 does not know, is left out");
		return NULL;
	}
	return strcmp(name, "format") != 0 || is_format_kept(t, value) ? keyword : NULL;
}

/* 32 bits are what the format says; integers of 64 are all that there are. */
static void bound_integer(json_t *ret, const json_t *schema)
{
	if (!text_is(json_get_text(schema, "format"), "int32") || !text_is(json_get_text(schema, "type"), "integer"))
		return;
	if (json_object_get(ret, "minimum") == NULL && json_object_get(ret, "exclusiveMinimum") == NULL)
		json_object_set_new(ret, "minimum", json_integer(INT32_MIN));
	if (json_object_get(ret, "maximum") == NULL && json_object_get(ret, "exclusiveMaximum") == NULL)
		json_object_set_new(ret, "maximum", json_integer(INT32_MAX));
}

static json_t *translate_object(struct translation *t, const json_t *schema)
{
	json_t *ret = json_object(), *value;
	const char *name;

	json_object_foreach ((json_t *)schema, name, value) {
		if (!may_copy(t, EACH + strlen(name)))
			break;
		const struct keyword *keyword = keyword_of(t, name, value);
		json_t *translated = keyword != NULL ? translate_member(t, schema, keyword, value) : NULL;
		if (translated == NULL)
			continue;
		json_object_set_new(ret, keyword->shape == EXAMPLES ? "examples" : name, translated);
	}
	if (t->op->problem == NULL && t->op->document->is_30)
		import_schema_from_30(t->op, ret);
	if (t->direction == IMPORT_ARGUMENTS)
		bound_integer(ret, schema);
	return ret;
}

/* Members that only tell something may stand in the schema itself. */
static bool only_tells(const json_t *schema)
{
	static const char *const TELLING[] = {"title", "description", "default", "examples", "deprecated"};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(TELLING) / sizeof(TELLING[0]); i++)
		count += json_object_get(schema, TELLING[i]) != NULL;
	return count == json_object_size(schema);
}

/* What stands beside a reference: nothing in 3.0, in 3.1 it holds too. */
static json_t *with_siblings(struct translation *t, json_t *target, const json_t *schema)
{
	json_t *copy, *siblings, *all;

	if (t->op->document->is_30 || json_object_size(schema) == 1)
		return target;
	copy = json_copy((json_t *)schema);
	json_object_del(copy, "$ref");
	siblings = translate_object(t, copy);
	json_decref(copy);
	if (only_tells(siblings) && json_is_object(target)) {
		json_object_update(target, siblings);
		json_decref(siblings);
		return target;
	}
	all = json_object_get(siblings, "allOf");
	if (json_is_array(all))
		json_array_append_new(all, target);
	else
		json_object_set_new(siblings, "allOf", json_pack("[o]", target));
	return siblings;
}

static json_t *translate_reference(struct translation *t, const json_t *schema, const char *reference)
{
	const char *problem;
	const json_t *target;

	if (!may_copy(t, EACH + strlen(reference)))
		return NULL;
	target = import_find(t->op->document, reference, &problem);
	if (target == NULL)
		import_refuse(t->op, "a schema refers to %s, %s", reference, problem);
	for (unsigned i = 0; i < t->open_count; i++)
		if (t->open[i] == target)
			import_refuse(t->op, "a schema holds itself: %s", reference);
	if (t->op->problem != NULL || t->open_count == DEPTH_MAX)
		return NULL;
	t->open[t->open_count++] = target;
	json_t *ret = translate(t, target);
	t->open_count--;
	return ret != NULL ? with_siblings(t, ret, schema) : NULL;
}

static json_t *translate_any(struct translation *t, const json_t *schema)
{
	const json_t *reference = json_object_get(schema, "$ref");

	if (json_is_boolean(schema) && !t->op->document->is_30)
		return json_incref((json_t *)schema);
	if (!json_is_object(schema)) {
		import_refuse(t->op, "a schema is no object");
		return NULL;
	}
	if (reference == NULL)
		return translate_object(t, schema);
	if (json_is_string(reference))
		return translate_reference(t, schema, json_string_value(reference));
	import_refuse(t->op, "a $ref in a schema is no text");
	return NULL;
}

/* A new reference, or NULL with the problem said. */
static json_t *translate(struct translation *t, const json_t *schema)
{
	json_t *ret = NULL;

	if (++t->nodes > NODES_MAX || t->depth == DEPTH_MAX)
		import_refuse(t->op, "a schema is larger, or nested deeper, than the file of a tool can be");
	t->depth++;
	if (t->op->problem == NULL)
		ret = translate_any(t, schema);
	t->depth--;
	if (t->op->problem == NULL)
		return ret;
	json_decref(ret);
	return NULL;
}

json_t *import_schema(struct import_operation *op, const json_t *schema, enum import_direction direction)
{
	struct translation t = {.op = op, .direction = direction};

	return translate(&t, schema);
}
