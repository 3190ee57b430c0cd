/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/guard/input_bounds.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, PARTS_MAX = 64, VISITS_MAX = 20000 };

struct walk {
	h2o_mem_pool_t *pool;
	const json_t *root;
	bool has_ids; /* a reference may mean something else than a place of this document */
	unsigned visits;
	void (*found)(void *data, const struct input_unbounded *place);
	void *data;
};

/* The schemas that all hold for one place. */
struct parts {
	const json_t *schemas[PARTS_MAX];
	const char *places[PARTS_MAX];
	size_t count;
	const struct parts *outer; /* of the object in whose branch these stand */
	const struct parts *above; /* of the value in which this one stands */
};

/* ---- one schema ---- */

static bool has_ids(const json_t *schema, unsigned depth)
{
	const char *name;
	json_t *member;
	size_t i;

	if (depth > JSON_DEPTH_LIMIT || json_is_string(json_object_get(schema, "$id")))
		return true;
	json_array_foreach ((json_t *)schema, i, member)
		if (has_ids(member, depth + 1))
			return true;
	json_object_foreach ((json_t *)schema, name, member)
		if (has_ids(member, depth + 1))
			return true;
	return false;
}

/* "#" and "#/..." alone; NULL for whatever else a reference can be. */
static const json_t *find_reference(const struct walk *w, const json_t *schema, const char **place)
{
	h2o_iovec_t reference = json_get_text(schema, "$ref");
	const json_t *at = w->root;

	if (reference.len == 0 || reference.base[0] != '#' || w->has_ids || memchr(reference.base, '%', reference.len))
		return NULL;
	*place = reference.base + 1;
	for (h2o_iovec_t rest = h2o_iovec_init(reference.base + 1, reference.len - 1); rest.len > 0;) {
		if (rest.base[0] != '/')
			return NULL;
		rest = h2o_iovec_init(rest.base + 1, rest.len - 1);
		const char *end = memchr(rest.base, '/', rest.len);
		size_t len = end != NULL ? (size_t)(end - rest.base) : rest.len;
		const char *name = text_copy(w->pool, h2o_iovec_init(rest.base, len));
		if (strchr(name, '~') != NULL)
			return NULL;
		at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10)) : json_object_get(at, name);
		rest = h2o_iovec_init(rest.base + len, rest.len - len);
	}
	return at;
}

static unsigned bounds_of_type(h2o_iovec_t type)
{
	if (text_is(type, "string"))
		return BOUND_LENGTH;
	if (text_is(type, "number") || text_is(type, "integer"))
		return BOUND_LEAST | BOUND_MOST;
	if (text_is(type, "array"))
		return BOUND_COUNT | BOUND_ITEM;
	return text_is(type, "object") ? BOUND_MEMBERS : 0;
}

/* What values of its types need. */
static unsigned needed(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type"), *one;
	unsigned needs = 0;
	size_t i;

	if (type == NULL)
		return BOUND_ALL;
	if (json_is_string(type))
		return bounds_of_type(text_of(json_string_value(type)));
	json_array_foreach (type, i, one)
		needs |= bounds_of_type(text_of(json_string_value(one)));
	return needs;
}

static bool has(const json_t *schema, const char *keyword)
{
	return json_object_get(schema, keyword) != NULL;
}

static bool bounds_length(const json_t *schema)
{
	static const char *const FORMATS[] = {"date", "uuid", "ipv4", "ipv6", "hostname"};
	h2o_iovec_t format = json_get_text(schema, "format");

	if (has(schema, "maxLength") || pattern_is_bounded(json_get_text(schema, "pattern")))
		return true;
	for (size_t i = 0; i < sizeof(FORMATS) / sizeof(FORMATS[0]); i++)
		if (text_is(format, FORMATS[i]))
			return true;
	return false;
}

/* No members but known ones, or so many with names of a known length. */
static bool bounds_members(const json_t *schema)
{
	const json_t *more = json_object_get(schema, "additionalProperties"),
		     *names = json_object_get(schema, "propertyNames");

	if (!has(schema, "patternProperties") &&
	    (json_is_false(more) || json_is_false(json_object_get(schema, "unevaluatedProperties"))))
		return true;
	return has(schema, "maxProperties") && json_is_object(names) && (bounds_length(names) || has(names, "enum")) &&
	       (json_is_object(more) || json_is_false(more));
}

static unsigned given(const json_t *schema)
{
	unsigned bits = bounds_length(schema) ? BOUND_LENGTH : 0;

	if (has(schema, "minimum") || has(schema, "exclusiveMinimum"))
		bits |= BOUND_LEAST;
	if (has(schema, "maximum") || has(schema, "exclusiveMaximum"))
		bits |= BOUND_MOST;
	if (has(schema, "maxItems") || (has(schema, "prefixItems") && json_is_false(json_object_get(schema, "items"))))
		bits |= BOUND_COUNT;
	if (has(schema, "items"))
		bits |= BOUND_ITEM;
	return bits | (bounds_members(schema) ? BOUND_MEMBERS : 0);
}

static unsigned lacking(struct walk *w, const json_t *schema, unsigned depth);

/* One of them holds. */
static unsigned lacking_in_one(struct walk *w, const json_t *list, unsigned depth)
{
	unsigned lacks = 0;
	json_t *one;
	size_t i;

	if (!json_is_array(list))
		return BOUND_ALL;
	json_array_foreach (list, i, one)
		lacks |= lacking(w, one, depth);
	return lacks;
}

static unsigned lacking(struct walk *w, const json_t *schema, unsigned depth)
{
	const char *place;
	unsigned lacks;
	json_t *one;
	size_t i;

	if (json_is_false(schema))
		return 0;
	if (!json_is_object(schema) || depth > DEPTH_MAX || w->visits++ > VISITS_MAX)
		return BOUND_ALL;
	if (has(schema, "const") || has(schema, "enum"))
		return 0;
	lacks = needed(schema) & ~given(schema);
	if (has(schema, "$ref"))
		lacks &= lacking(w, find_reference(w, schema, &place), depth + 1);
	json_array_foreach (json_object_get(schema, "allOf"), i, one)
		lacks &= lacking(w, one, depth + 1);
	lacks &= lacking_in_one(w, json_object_get(schema, "anyOf"), depth + 1);
	lacks &= lacking_in_one(w, json_object_get(schema, "oneOf"), depth + 1);
	if (has(schema, "then") && has(schema, "else") && has(schema, "if"))
		lacks &= lacking(w, json_object_get(schema, "then"), depth + 1) |
		         lacking(w, json_object_get(schema, "else"), depth + 1);
	return lacks;
}

/* ---- places ---- */

/* A schema that leads back to itself: its places have been looked at. */
static bool is_below_itself(const struct parts *parts)
{
	for (const struct parts *above = parts->above; above != NULL; above = above->above)
		for (size_t i = 0; i < above->count; i++)
			if (above->schemas[i] == parts->schemas[0])
				return true;
	return false;
}

/* The schema and all that hold with it. */
static void add_part(struct walk *w, struct parts *parts, const json_t *schema, const char *place)
{
	const json_t *target, *one;
	const char *there;
	size_t i;

	for (i = 0; i < parts->count; i++)
		if (parts->schemas[i] == schema)
			return;
	if (schema == NULL || parts->count == PARTS_MAX)
		return;
	parts->schemas[parts->count] = schema;
	parts->places[parts->count++] = place;
	target = has(schema, "$ref") ? find_reference(w, schema, &there) : NULL;
	if (target != NULL)
		add_part(w, parts, target, there);
	json_array_foreach (json_object_get(schema, "allOf"), i, one)
		add_part(w, parts, one, text_printf(w->pool, "%s/allOf/%zu", place, i));
}

static void visit(struct walk *w, const struct parts *parts, const char *argument, unsigned depth);

static void check_place(struct walk *w, struct parts *parts, const char *argument, unsigned depth)
{
	unsigned lacks = BOUND_ALL;

	if (parts->count == 0 || is_below_itself(parts))
		return;
	for (size_t i = 0; i < parts->count; i++)
		lacks &= lacking(w, parts->schemas[i], 0);
	if (lacks != 0) {
		struct input_unbounded place = {parts->places[0], argument, lacks, (json_t *)parts->schemas[0]};
		w->found(w->data, &place);
	}
	visit(w, parts, argument, depth + 1);
}

static bool names_it(const struct parts *parts, const char *keyword, const char *name)
{
	for (; parts != NULL; parts = parts->outer)
		for (size_t i = 0; i < parts->count; i++) {
			const json_t *value = json_object_get(parts->schemas[i], keyword);
			if (name != NULL ? has(value, name) : value != NULL)
				return true;
		}
	return false;
}

/* A member, by all parts that describe it. The branches of an object only restrict what it describes itself. */
static void visit_member(struct walk *w, const struct parts *parts, const char *name, const char *argument,
                         unsigned depth)
{
	struct parts member = {.above = parts};

	if (names_it(parts->outer, "properties", name))
		return;
	for (size_t i = 0; i < parts->count; i++) {
		const json_t *properties = json_object_get(parts->schemas[i], "properties");
		add_part(w, &member, json_object_get(properties, name),
		         text_printf(w->pool, "%s/properties/%s", parts->places[i], name));
	}
	check_place(w, &member, text_printf(w->pool, "%s/%s", argument, name), depth);
}

static void visit_members(struct walk *w, const struct parts *parts, const char *argument, unsigned depth)
{
	const char *name;
	json_t *member;

	for (size_t i = 0; i < parts->count; i++)
		json_object_foreach (json_object_get(parts->schemas[i], "properties"), name, member) {
			size_t first = 0;
			while (!has(json_object_get(parts->schemas[first], "properties"), name))
				first++;
			if (first == i)
				visit_member(w, parts, name, argument, depth);
		}
}

/* Items, or members of any name. */
static void visit_any(struct walk *w, const struct parts *parts, const char *keyword, const char *argument,
                      unsigned depth)
{
	struct parts any = {.above = parts};

	if (names_it(parts->outer, keyword, NULL))
		return;
	for (size_t i = 0; i < parts->count; i++) {
		const json_t *schema = json_object_get(parts->schemas[i], keyword);
		if (schema != NULL && !json_is_false(schema))
			add_part(w, &any, schema, text_printf(w->pool, "%s/%s", parts->places[i], keyword));
	}
	check_place(w, &any, text_printf(w->pool, "%s/*", argument), depth);
}

static void visit_one(struct walk *w, const struct parts *parts, const json_t *schema, const char *place,
                      const char *argument, unsigned depth)
{
	struct parts one = {.above = parts};

	add_part(w, &one, schema, place);
	check_place(w, &one, argument, depth);
}

static void visit_listed(struct walk *w, const struct parts *parts, const char *argument, unsigned depth)
{
	const char *name;
	json_t *one;
	size_t i, k;

	for (i = 0; i < parts->count; i++) {
		json_array_foreach (json_object_get(parts->schemas[i], "prefixItems"), k, one)
			visit_one(w, parts, one, text_printf(w->pool, "%s/prefixItems/%zu", parts->places[i], k),
			          text_printf(w->pool, "%s/%zu", argument, k), depth);
		json_object_foreach (json_object_get(parts->schemas[i], "patternProperties"), name, one)
			visit_one(w, parts, one,
			          text_printf(w->pool, "%s/patternProperties/%s", parts->places[i], name),
			          text_printf(w->pool, "%s/*", argument), depth);
	}
}

static void visit_branch(struct walk *w, const struct parts *parts, const json_t *schema, const char *place,
                         const char *argument, unsigned depth)
{
	struct parts branch = {.outer = parts, .above = parts};

	add_part(w, &branch, schema, place);
	visit(w, &branch, argument, depth + 1);
}

static void visit_branches(struct walk *w, const struct parts *parts, const char *argument, unsigned depth)
{
	static const char *const LISTS[] = {"anyOf", "oneOf"}, *const SINGLE[] = {"then", "else"};
	const char *name;
	json_t *one;
	size_t k;

	for (size_t i = 0; i < parts->count; i++) {
		const json_t *schema = parts->schemas[i];
		const char *place = parts->places[i];
		for (size_t l = 0; l < 2; l++)
			json_array_foreach (json_object_get(schema, LISTS[l]), k, one)
				visit_branch(w, parts, one, text_printf(w->pool, "%s/%s/%zu", place, LISTS[l], k),
				             argument, depth);
		for (size_t l = 0; l < 2; l++)
			visit_branch(w, parts, json_object_get(schema, SINGLE[l]),
			             text_printf(w->pool, "%s/%s", place, SINGLE[l]), argument, depth);
		json_object_foreach (json_object_get(schema, "dependentSchemas"), name, one)
			visit_branch(w, parts, one, text_printf(w->pool, "%s/dependentSchemas/%s", place, name),
			             argument, depth);
	}
}

/* What stands in the values of a place. */
static void visit(struct walk *w, const struct parts *parts, const char *argument, unsigned depth)
{
	if (parts->count == 0 || w->visits++ > VISITS_MAX)
		return;
	if (depth > DEPTH_MAX)
		w->visits = VISITS_MAX + 1;
	if (depth > DEPTH_MAX || (parts->outer != NULL && is_below_itself(parts)))
		return;
	visit_members(w, parts, argument, depth);
	visit_any(w, parts, "items", argument, depth);
	visit_any(w, parts, "additionalProperties", argument, depth);
	visit_any(w, parts, "unevaluatedProperties", argument, depth);
	visit_listed(w, parts, argument, depth);
	visit_branches(w, parts, argument, depth);
}

bool input_bounds_walk(h2o_mem_pool_t *pool, const json_t *schema,
                       void (*found)(void *data, const struct input_unbounded *place), void *data)
{
	struct walk w = {.pool = pool, .root = schema, .found = found, .data = data, .has_ids = has_ids(schema, 0)};
	struct parts root = {.count = 0};

	add_part(&w, &root, schema, "");
	visit(&w, &root, "", 0);
	return w.visits <= VISITS_MAX;
}
