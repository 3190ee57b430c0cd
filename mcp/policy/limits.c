/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy/limits.h"

#include <stdlib.h>
#include <string.h>

#include "mcp/catalogue/catalogue.h"
#include "mcp/caller/token_details.h"

/* A schema that was compiled for a caller: among all others by age, and in its place. */
struct compiled {
	struct compiled **place;
	struct compiled *older, *newer;
	h2o_mem_pool_t pool;
	const struct schema *schema; /* NULL: the caller's claims do not fit it */
	const char *claim;           /* then: which */
};

/* Of the loop's thread, like all that is compiled here. */
static struct {
	struct compiled *oldest, *newest;
	size_t count;
} KEPT;

struct limits {
	const struct rules *rules; /* NULL: there are none; may be gone when this goes */
	size_t rule_count;
	json_t *claims;
	enum details details;
	size_t detail_count;
	struct token_detail *entries;
	uint8_t *applies;           /* by rule->index */
	struct compiled **compiled; /* of rules by rule->index, then of entries; NULL until they are needed */
};

/* ---- what is compiled ---- */

size_t limits_compiled(void)
{
	return KEPT.count;
}

static void drop(struct compiled *c)
{
	*(c->older != NULL ? &c->older->newer : &KEPT.oldest) = c->newer;
	*(c->newer != NULL ? &c->newer->older : &KEPT.newest) = c->older;
	KEPT.count--;
	*c->place = NULL;
	h2o_mem_clear_pool(&c->pool);
	free(c);
}

static struct compiled *add(struct compiled **place)
{
	struct compiled *c = h2o_mem_alloc(sizeof(*c));

	if (KEPT.count == LIMITS_COMPILED_MAX)
		drop(KEPT.oldest);
	*c = (struct compiled){.place = place, .older = KEPT.newest};
	h2o_mem_init_pool(&c->pool);
	*(KEPT.newest != NULL ? &KEPT.newest->newer : &KEPT.oldest) = c;
	KEPT.newest = c;
	KEPT.count++;
	*place = c;
	return c;
}

static const struct compiled *of_rule(struct limits *limits, const struct rule *rule)
{
	struct compiled **place = &limits->compiled[rule->index];

	if (*place != NULL)
		return *place;
	struct compiled *c = add(place);
	c->schema = claim_schema_fill(&c->pool, rule->arguments, limits->claims, &c->claim);
	return c;
}

static const struct compiled *of_entry(struct limits *limits, size_t entry)
{
	struct compiled **place = &limits->compiled[limits->rule_count + entry];

	if (*place != NULL)
		return *place;
	struct compiled *c = add(place);
	c->schema = token_detail_compile(&c->pool, &limits->entries[entry]);
	return c;
}

/* ---- a caller ---- */

static void dispose(void *data)
{
	struct limits *limits = data;

	for (size_t i = 0; i < limits->rule_count + limits->detail_count; i++)
		if (limits->compiled[i] != NULL)
			drop(limits->compiled[i]);
	json_decref(limits->claims);
	free(limits->compiled);
	free(limits->applies);
	free(limits->entries);
}

static void read_details(struct limits *limits, const char *resource)
{
	const json_t *details = json_object_get(limits->claims, "authorization_details");

	if (details == NULL)
		return;
	limits->entries = h2o_mem_alloc((json_array_size(details) + 1) * sizeof(struct token_detail));
	limits->details = DETAILS_MALFORMED;
	if (token_details_read(details, resource, limits->entries, &limits->detail_count))
		limits->details = limits->detail_count > 0 ? DETAILS_FINE : DETAILS_NONE;
}

struct limits *limits_make(const struct catalogue *catalogue, const json_t *claims, const struct scopes *granted)
{
	const struct rules *rules = catalogue->rules;
	size_t count = rules != NULL ? rules->count : 0;

	if (count == 0 && json_object_get(claims, "authorization_details") == NULL)
		return NULL;
	struct limits *limits = h2o_mem_alloc_shared(NULL, sizeof(*limits), dispose);
	*limits = (struct limits){.rules = rules, .rule_count = count, .claims = json_incref((json_t *)claims)};
	read_details(limits, catalogue->settings->resource);
	limits->applies = h2o_mem_alloc(count + 1);
	for (size_t i = 0; i < count; i++)
		limits->applies[i] = rule_applies(&rules->items[i], claims, granted, NULL);
	size_t size = (count + limits->detail_count + 1) * sizeof(struct compiled *);
	limits->compiled = h2o_mem_alloc(size);
	memset(limits->compiled, 0, size);
	return limits;
}

/* ---- rules ---- */

struct rule_list limits_rules(const struct limits *limits, const struct item *item)
{
	if (limits == NULL || limits->rules == NULL)
		return (struct rule_list){NULL, 0};
	return limits->rules->of_items[item->index];
}

bool limits_applies(const struct limits *limits, const struct rule *rule)
{
	return limits->applies[rule->index] != 0;
}

bool limits_hold(h2o_mem_pool_t *pool, struct limits *limits, const struct rule *rule, const json_t *arguments,
                 struct limit_problem *ret)
{
	const struct schema *schema = NULL;

	*ret = (struct limit_problem){.claim = NULL};
	if (rule->arguments == NULL)
		return false; /* it refuses outright */
	schema = rule->arguments->fixed;
	if (schema == NULL) {
		const struct compiled *c = of_rule(limits, rule);
		schema = c->schema;
		if (schema == NULL)
			ret->claim = text_printf(pool, "%s", c->claim);
	}
	return schema != NULL && schema_check(pool, schema, arguments, &ret->problems);
}

/* ---- details of the token ---- */

enum details limits_details(const struct limits *limits)
{
	return limits != NULL ? limits->details : DETAILS_NONE;
}

bool limits_details_cover(const struct limits *limits, const struct item *item)
{
	if (limits_details(limits) != DETAILS_FINE)
		return true; /* malformed ones refuse every call (limits_details_hold) */
	for (size_t i = 0; i < limits->detail_count; i++)
		if (token_detail_covers(&limits->entries[i], item))
			return true;
	return item->kind != ITEM_TOOL;
}

bool limits_details_hold(h2o_mem_pool_t *pool, struct limits *limits, const struct item *item, const json_t *arguments,
                         struct limit_problem *ret)
{
	bool is_first = true;

	*ret = (struct limit_problem){.claim = NULL};
	if (limits_details(limits) == DETAILS_NONE || item->kind != ITEM_TOOL)
		return true;
	for (size_t i = 0; limits->details == DETAILS_FINE && i < limits->detail_count; i++) {
		struct schema_problems problems = {.count = 0};
		if (!token_detail_covers(&limits->entries[i], item))
			continue;
		if (limits->entries[i].arguments == NULL)
			return true;
		const struct schema *schema = of_entry(limits, i)->schema;
		if (schema != NULL && schema_check(pool, schema, arguments, &problems))
			return true;
		if (is_first)
			ret->problems = problems;
		is_first = false;
	}
	return false;
}
