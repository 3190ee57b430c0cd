/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds for schemas that others have written. What they add is said where the schema is approved. */
#include <string.h>

#include "mcp/guard/input_bounds.h"

enum { LENGTH = 65536, NAME_LENGTH = 256, ITEMS = 1000, MEMBERS = 100 };
#define WHOLE 9007199254740991 /* 2^53 - 1 (RFC 8259, 6) */

const char *input_bounds_words(h2o_mem_pool_t *pool, unsigned lacks)
{
	static const struct {
		unsigned bit;
		const char *words;
	} WORDS[] = {
	    {BOUND_LENGTH, "maxLength (or enum, const, a bounded pattern, or a format with a length of its own)"},
	    {BOUND_LEAST, "minimum"},
	    {BOUND_MOST, "maximum"},
	    {BOUND_COUNT, "maxItems"},
	    {BOUND_ITEM, "items"},
	    {BOUND_MEMBERS, "additionalProperties: false (or maxProperties, propertyNames with a bound and a schema of "
	                    "the members)"},
	};
	struct text_buffer b = {.pool = pool};

	if (lacks == BOUND_ALL)
		return "needs a type and its bounds";
	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
		if ((lacks & WORDS[i].bit) != 0)
			text_append_printf(&b, "%s%s", b.len == 0 ? "needs " : " and ", WORDS[i].words);
	return b.base;
}

/* ---- filling in ---- */

struct filling {
	h2o_mem_pool_t *pool;
	json_t *notes;
};

static json_t *scalar(void)
{
	return json_pack("{s:[s,s,s,s], s:i, s:I, s:I}", "type", "string", "number", "boolean", "null", "maxLength",
	                 LENGTH, "minimum", (json_int_t)-WHOLE, "maximum", (json_int_t)WHOLE);
}

bool input_is_composed(const json_t *schema)
{
	static const char *const KEYWORDS[] = {"allOf", "anyOf", "oneOf", "if", "$ref", "dependentSchemas"};

	for (size_t i = 0; i < sizeof(KEYWORDS) / sizeof(KEYWORDS[0]); i++)
		if (json_object_get(schema, KEYWORDS[i]) != NULL)
			return true;
	return false;
}

/* Its members are those that it describes, or, where it describes none, plain values. */
static void bound_members(json_t *schema)
{
	json_t *names = json_object_get(schema, "propertyNames");
	bool describes_any = json_is_object(json_object_get(schema, "additionalProperties")) ||
	                     json_object_get(schema, "patternProperties") != NULL;

	if (!describes_any && input_is_composed(schema)) {
		json_object_set_new(schema, "unevaluatedProperties", json_false());
		return;
	}
	if (!describes_any && json_object_size(json_object_get(schema, "properties")) > 0) {
		json_object_set_new(schema, "additionalProperties", json_false());
		return;
	}
	if (!json_is_object(json_object_get(schema, "additionalProperties")))
		json_object_set_new(schema, "additionalProperties",
		                    json_object_get(schema, "patternProperties") != NULL ? json_false() : scalar());
	if (json_object_get(schema, "maxProperties") == NULL)
		json_object_set_new(schema, "maxProperties", json_integer(MEMBERS));
	if (!json_is_object(names))
		json_object_set_new(schema, "propertyNames", names = json_object());
	json_object_set_new(names, "maxLength", json_integer(NAME_LENGTH));
}

static void fill(void *data, const struct input_unbounded *place)
{
	struct filling *f = data;
	json_t *s = place->schema;

	if (!json_is_object(s))
		return;
	if ((place->lacks & BOUND_LENGTH) != 0)
		json_object_set_new(s, "maxLength", json_integer(LENGTH));
	if ((place->lacks & BOUND_LEAST) != 0)
		json_object_set_new(s, "minimum", json_integer((json_int_t)-WHOLE));
	if ((place->lacks & BOUND_MOST) != 0)
		json_object_set_new(s, "maximum", json_integer((json_int_t)WHOLE));
	if ((place->lacks & BOUND_COUNT) != 0)
		json_object_set_new(s, "maxItems", json_integer(ITEMS));
	if ((place->lacks & BOUND_ITEM) != 0)
		json_object_set_new(s, "items", scalar());
	if ((place->lacks & BOUND_MEMBERS) != 0)
		bound_members(s);
	const char *text =
	    text_printf(f->pool, "%s%s", place->argument, place->lacks == BOUND_ALL ? ": bounds of every type" : "");
	struct text_buffer b = {.pool = f->pool};
	static const char *const NAMES[] = {"maxLength 65536",  "minimum -(2^53 - 1)",
	                                    "maximum 2^53 - 1", "maxItems 1000",
	                                    "plain items",      "only such members as are described"};
	text_append_str(&b, text);
	for (size_t i = 0, n = 0; place->lacks != BOUND_ALL && i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if ((place->lacks & 1U << i) != 0)
			text_append_printf(&b, "%s%s", n++ == 0 ? ": " : ", ", NAMES[i]);
	json_array_append_new(f->notes, json_stringn(b.base, b.len));
}

/* `true` is {}, to which bounds can be added. */
static void open_true(json_t *schema, unsigned depth)
{
	static const char *const MAPS[] = {"properties", "patternProperties", "$defs", "definitions"},
				 *const SINGLE[] = {"items", "additionalProperties", "then", "else"},
				 *const LISTS[] = {"prefixItems", "allOf", "anyOf", "oneOf"};
	const char *name;
	json_t *member;
	void *next;
	size_t i, k;

	if (!json_is_object(schema) || depth > JSON_DEPTH_LIMIT)
		return;
	for (k = 0; k < sizeof(MAPS) / sizeof(MAPS[0]); k++)
		json_object_foreach_safe (json_object_get(schema, MAPS[k]), next, name, member) {
			if (json_is_true(member))
				json_object_set_new(json_object_get(schema, MAPS[k]), name, json_object());
			else
				open_true(member, depth + 1);
		}
	for (k = 0; k < sizeof(SINGLE) / sizeof(SINGLE[0]); k++) {
		member = json_object_get(schema, SINGLE[k]);
		if (json_is_true(member) && strcmp(SINGLE[k], "additionalProperties") != 0)
			json_object_set_new(schema, SINGLE[k], json_object());
		open_true(member, depth + 1);
	}
	for (k = 0; k < sizeof(LISTS) / sizeof(LISTS[0]); k++)
		json_array_foreach (json_object_get(schema, LISTS[k]), i, member)
			open_true(member, depth + 1);
}

static void count(void *data, const struct input_unbounded *place)
{
	(void)place;
	(*(size_t *)data)++;
}

bool input_bounds_fill(h2o_mem_pool_t *pool, json_t *schema, json_t *notes)
{
	struct filling f = {pool, notes};
	size_t left = 0;

	open_true(schema, 0);
	return input_bounds_walk(pool, schema, fill, &f) && input_bounds_walk(pool, schema, count, &left) && left == 0;
}
