/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_lint.h"

#include <string.h>

#include "mcp/catalogue/catalogue.h"
#include "mcp/backend/upstream/upstream_items.h"
#include "mcp/backend/upstream/upstream_schema.h"

enum { DESCRIPTION_LONG = 2000, DEFINITION_LONG = 16 * 1024, DEPTH_MAX = 64 };

const char *lint_weight_name(enum lint_weight weight)
{
	static const char *const NAMES[] = {"note", "warning", "serious", "fatal"};

	return NAMES[weight];
}

void lint_add(struct lint *lint, enum lint_weight weight, const char *place, const char *text)
{
	if (weight > lint->worst)
		lint->worst = weight;
	if (lint->count < LINT_FINDINGS_MAX)
		lint->findings[lint->count++] = (struct lint_finding){weight, place, text};
}

/* ---- every text ---- */

static void walk(struct lint *lint, const char *place, const json_t *value, unsigned depth)
{
	const char *name;
	json_t *member;
	size_t i;

	if (depth > DEPTH_MAX)
		return;
	if (json_is_string(value))
		lint_text(lint, place, h2o_iovec_init(json_string_value(value), json_string_length(value)));
	json_object_foreach ((json_t *)value, name, member) {
		const char *below = text_printf(lint->pool, "%s%s%s", place, *place != '\0' ? "/" : "", name);
		lint_text(lint, text_printf(lint->pool, "%s (name)", below), text_of(name));
		walk(lint, below, member, depth + 1);
	}
	json_array_foreach ((json_t *)value, i, member)
		walk(lint, text_printf(lint->pool, "%s/%zu", place, i), member, depth + 1);
}

static void weigh_size(struct lint *lint, const json_t *definition)
{
	size_t description = json_get_text(definition, "description").len;
	size_t whole = json_canonical(lint->pool, definition).len;

	if (description > DESCRIPTION_LONG)
		lint_add(
		    lint, LINT_WARNING, "description",
		    text_printf(lint->pool, "has %zu bytes, which every model reads with every list", description));
	if (whole > DEFINITION_LONG)
		lint_add(lint, LINT_WARNING, "the definition", text_printf(lint->pool, "has %zu bytes", whole));
}

/* ---- names ---- */

/* A name is what a model calls by; titles are only read, and two of a kind may well have the same. */
static void compare_names(struct lint *lint, const char *what, const char *own, const char *other, const char *whose)
{
	enum lint_weight weight = strcmp(what, "name") == 0 ? LINT_SERIOUS : LINT_WARNING;

	if (strcmp(own, other) == 0)
		lint_add(lint, weight, what, text_printf(lint->pool, "is also that of %s", whose));
	else if (strcmp(lint_skeleton(lint->pool, text_of(own)), lint_skeleton(lint->pool, text_of(other))) == 0)
		lint_add(lint, weight, what, text_printf(lint->pool, "looks like %s, that of %s", other, whose));
}

static const char *title_of(const json_t *definition)
{
	const char *title = json_get_text(definition, "title").base;

	return title != NULL ? title : json_get_text(json_object_get(definition, "annotations"), "title").base;
}

static void compare_catalogue(struct lint *lint, const struct upstream_file *file, const json_t *definition,
                              const struct catalogue *catalogue)
{
	const char *key = upstream_items_key(lint->pool, file, json_get_text(definition, "name").base);
	const char *title = title_of(definition);

	for (size_t i = 0; catalogue != NULL && i < catalogue->firsts[ITEM_TOOL + 1]; i++) {
		const struct item *item = catalogue->items[i];
		if (strcmp(item->file, file->approved) == 0)
			continue; /* this one as it was, or a sibling */
		compare_names(lint, "name", key, item->key, item->file);
		if (title != NULL && item->title != NULL)
			compare_names(lint, "title", title, item->title, item->key);
	}
}

static void compare_siblings(struct lint *lint, const json_t *definition, const json_t *siblings)
{
	const char *name = json_get_text(definition, "name").base, *title = title_of(definition), *other;
	json_t *sibling;

	json_object_foreach ((json_t *)siblings, other, sibling) {
		if (strcmp(other, name) == 0)
			continue;
		compare_names(lint, "name", name, other, "another tool of this upstream");
		if (title != NULL && title_of(sibling) != NULL)
			compare_names(lint, "title", title, title_of(sibling), other);
	}
}

/* ---- schemas and hints ---- */

static void look_at_schemas(struct lint *lint, const struct upstream_rule *rule, const json_t *definition)
{
	const json_t *output = json_object_get(definition, "outputSchema"), *text;
	struct upstream_schema schema;
	size_t i;

	upstream_schema_input(lint->pool, json_object_get(definition, "inputSchema"), rule->tier != TIER_READ, &schema);
	json_array_foreach (schema.filled, i, text)
		lint_add(lint, LINT_NOTE, "inputSchema",
		         text_printf(lint->pool, "has no bounds, and gets some: %s", json_string_value(text)));
	if (schema.closed)
		lint_add(lint, LINT_NOTE, "inputSchema",
		         "allows members that it does not describe; here it does not: such arguments are refused");
	if (schema.compiled != NULL && schema.partly)
		lint_add(lint, LINT_NOTE, "inputSchema", "has keywords that are not known and not checked");
	if (output == NULL)
		return;
	upstream_schema_output(lint->pool, output, &schema);
	if (schema.compiled != NULL && schema.partly)
		lint_add(lint, LINT_NOTE, "outputSchema", "has keywords that are not known and not checked");
}

static void compare_tier(struct lint *lint, const struct upstream_rule *rule, const json_t *definition)
{
	const json_t *hints = json_object_get(definition, "annotations");

	if (rule->tier == TIER_READ && json_is_false(json_object_get(hints, "readOnlyHint")))
		lint_add(lint, LINT_WARNING, "annotations", "say that it changes something; the file says tier: read");
	if (rule->tier != TIER_DESTROY && json_is_true(json_object_get(hints, "destructiveHint")) &&
	    !json_is_true(json_object_get(hints, "readOnlyHint")))
		lint_add(lint, LINT_WARNING, "annotations",
		         text_printf(lint->pool, "say that it destroys something; the file says tier: %s",
		                     tier_name(rule->tier)));
	if (!rule->untrusted)
		lint_add(lint, LINT_NOTE, "the file", "says that its results are trusted: they are not marked");
}

void lint_definition(struct lint *lint, struct loading *l, const struct upstream_file *file,
                     const struct upstream_rule *rule, const json_t *definition, const struct lint_others *others)
{
	const char *problem;

	walk(lint, "", definition, 0);
	weigh_size(lint, definition);
	compare_catalogue(lint, file, definition, others->catalogue);
	compare_siblings(lint, definition, others->siblings);
	look_at_schemas(lint, rule, definition);
	compare_tier(lint, rule, definition);
	if (upstream_items_make(l, file, rule, definition, &problem) == NULL)
		lint_add(lint, LINT_FATAL, "the definition", text_printf(lint->pool, "cannot be offered: %s", problem));
}
