/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/catalogue_picture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mcp/policy/rules.h"
#include "mcp/quota/quota.h"

static json_t *rule_names(const struct rules *rules, const struct item *item)
{
	json_t *names = json_array();

	for (size_t i = 0; rules != NULL && i < rules->of_items[item->index].count; i++)
		json_array_append_new(names, json_string(rules->of_items[item->index].rules[i]->name));
	return names;
}

static json_t *item_json(const struct catalogue *c, const struct item *item)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:s, s:o, s:o}", "title",
	                 item->title != NULL ? item->title : item->name, "scope", item->scope, "tier",
	                 tier_name(item->tier), "acquirable", item->acquirable, "untrusted", item->untrusted, "digest",
	                 item->digest, "rules", rule_names(c->rules, item), "limits",
	                 quota_json(&c->settings->quota, item));
}

json_t *catalogue_picture(const struct catalogue *c)
{
	json_t *items = json_object(), *rules = json_object();
	const char *resource = c->settings->resource;
	char name[ITEM_KEY_MAX + 32];

	for (size_t i = 0; i < c->count; i++) {
		snprintf(name, sizeof(name), "%s %s", item_kind_name(c->items[i]->kind), c->items[i]->key);
		json_object_set_new(items, name, item_json(c, c->items[i]));
	}
	for (size_t i = 0; c->rules != NULL && i < c->rules->count; i++) {
		json_t *rule = json_copy((json_t *)c->rules->items[i].document);
		json_object_del(rule, "name");
		json_object_set_new(rules, c->rules->items[i].name, rule);
	}
	return json_pack("{s:s, s:O?, s:o, s:o}", "resource", resource != NULL ? resource : "", "scopes",
	                 c->settings->scopes, "items", items, "rules", rules);
}

bool catalogue_picture_write(const json_t *picture, const char *path)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	const char *new_path = text_printf(&pool, "%s.new", path);
	FILE *file = fopen(new_path, "we");
	bool fine = file != NULL && json_dumpf(picture, file, JSON_INDENT(2)) == 0;

	if (file != NULL)
		fine = (fclose(file) == 0) & fine;
	fine = fine && rename(new_path, path) == 0;
	int error = errno;
	if (!fine && file != NULL)
		unlink(new_path);
	h2o_mem_clear_pool(&pool);
	errno = error;
	return fine;
}

/* ---- differences ---- */

struct comparison {
	h2o_mem_pool_t *pool;
	const char **lines;
	size_t count, capacity;
	bool widens;
};

static void add_line(struct comparison *c, bool widens, const char *line)
{
	if (c->count == c->capacity) {
		size_t capacity = c->capacity * 2 + 16;
		const char **grown = h2o_mem_alloc_pool(c->pool, capacity * sizeof(*grown));
		if (c->count > 0)
			memcpy(grown, c->lines, c->count * sizeof(*grown));
		c->lines = grown;
		c->capacity = capacity;
	}
	c->lines[c->count++] = line;
	c->widens = c->widens || widens;
}

static const char *value_text(h2o_mem_pool_t *pool, const json_t *value)
{
	return json_is_string(value) ? json_string_value(value)
	       : value != NULL       ? json_canonical(pool, value).base
	                             : "-";
}

/* Members of an item that stand in both: which of them are others, and what that means. */
static void compare_item(struct comparison *c, const char *name, const json_t *before, const json_t *after)
{
	static const char *const MEMBERS[] = {"scope", "tier", "acquirable", "untrusted", "digest", "rules"};
	struct text_buffer b = {.pool = c->pool};
	bool widens = false;

	for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++) {
		const json_t *old = json_object_get(before, MEMBERS[i]), *new = json_object_get(after, MEMBERS[i]);
		if (json_equal(old, new))
			continue;
		if (strcmp(MEMBERS[i], "digest") == 0)
			text_append_printf(&b, "%sdefinition changed", b.len > 0 ? ", " : "");
		else
			text_append_printf(&b, "%s%s %s -> %s", b.len > 0 ? ", " : "", MEMBERS[i],
			                   value_text(c->pool, old), value_text(c->pool, new));
		/* of rules the lines about them tell */
		widens = widens || strcmp(MEMBERS[i], "rules") != 0;
	}
	if (b.len > 0)
		add_line(c, widens, text_printf(c->pool, "~ %s: %s", name, b.base));
}

static void compare_items(struct comparison *c, const json_t *before, const json_t *after)
{
	const char *name;
	json_t *item;

	json_object_foreach ((json_t *)after, name, item) {
		const json_t *old = json_object_get(before, name);
		if (old != NULL)
			compare_item(c, name, old, item);
		else
			add_line(c, true,
			         text_printf(c->pool, "+ %s: scope %s, tier %s, rules %s", name,
			                     value_text(c->pool, json_object_get(item, "scope")),
			                     value_text(c->pool, json_object_get(item, "tier")),
			                     value_text(c->pool, json_object_get(item, "rules"))));
	}
	json_object_foreach ((json_t *)before, name, item)
		if (json_object_get(after, name) == NULL)
			add_line(c, false, text_printf(c->pool, "- %s", name));
}

static bool is_shadow(const json_t *rule)
{
	return json_is_true(json_object_get(rule, "shadow"));
}

/* Only that a rule is enforced from now on is sure to take something away. */
static bool only_leaves_shadow(const json_t *before, const json_t *after)
{
	json_t *left = json_copy((json_t *)before), *right = json_copy((json_t *)after);

	json_object_del(left, "shadow");
	json_object_del(right, "shadow");
	bool same = json_equal(left, right) && is_shadow(before) && !is_shadow(after);
	json_decref(left);
	json_decref(right);
	return same;
}

static void compare_rules(struct comparison *c, const json_t *before, const json_t *after)
{
	const char *name;
	json_t *rule;

	json_object_foreach ((json_t *)after, name, rule) {
		const json_t *old = json_object_get(before, name);
		const char *shadow = is_shadow(rule) ? ", in shadow mode" : "";
		if (old == NULL)
			add_line(c, false, text_printf(c->pool, "+ rule %s%s", name, shadow));
		else if (!json_equal(old, rule))
			add_line(c, !is_shadow(old) && !only_leaves_shadow(old, rule),
			         text_printf(c->pool, "~ rule %s: %s%s", name,
			                     only_leaves_shadow(old, rule) ? "enforced from now on" : "changed",
			                     shadow));
	}
	json_object_foreach ((json_t *)before, name, rule)
		if (json_object_get(after, name) == NULL)
			add_line(c, !is_shadow(rule), text_printf(c->pool, "- rule %s", name));
}

static void compare_scopes(struct comparison *c, const json_t *before, const json_t *after)
{
	const char *name;
	json_t *words;

	json_object_foreach ((json_t *)after, name, words) {
		const json_t *old = json_object_get(before, name);
		const json_t *implied = json_object_get(old, "implies"), *implies = json_object_get(words, "implies");
		if (old == NULL)
			add_line(c, false, text_printf(c->pool, "+ scope %s", name));
		else if (implied != implies && !json_equal(implied, implies))
			add_line(c, true,
			         text_printf(c->pool, "~ scope %s: implies %s -> %s", name,
			                     value_text(c->pool, implied), value_text(c->pool, implies)));
	}
	json_object_foreach ((json_t *)before, name, words)
		if (json_object_get(after, name) == NULL)
			add_line(c, false, text_printf(c->pool, "- scope %s", name));
}

struct catalogue_difference catalogue_compare(h2o_mem_pool_t *pool, const json_t *before, const json_t *after)
{
	struct comparison c = {.pool = pool};

	compare_scopes(&c, json_object_get(before, "scopes"), json_object_get(after, "scopes"));
	compare_items(&c, json_object_get(before, "items"), json_object_get(after, "items"));
	compare_rules(&c, json_object_get(before, "rules"), json_object_get(after, "rules"));
	return (struct catalogue_difference){c.lines, c.count, c.widens};
}
