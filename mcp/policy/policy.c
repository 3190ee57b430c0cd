/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy/policy.h"

#include <string.h>

/* ---- the item ---- */

static bool is_limited_away(const struct item *item, const struct limits *limits)
{
	struct rule_list rules = limits_rules(limits, item);

	for (size_t i = 0; i < rules.count; i++) {
		const struct rule *rule = rules.rules[i];
		if (rule->arguments == NULL && !rule->shadow && limits_applies(limits, rule))
			return true;
	}
	return !limits_details_cover(limits, item);
}

enum decision policy_decide(const struct item *item, const struct asker *asker)
{
	enum decision decision = HIDDEN;

	if (item->withheld || item->outside)
		return HIDDEN;
	if (scopes_has(&asker->granted, item->scope))
		decision = ALLOWED;
	else if (item->acquirable && scopes_has(&asker->grantable, item->scope))
		decision = ACQUIRABLE;
	return decision != HIDDEN && is_limited_away(item, asker->limits) ? HIDDEN : decision;
}

void policy_decide_all(const struct catalogue *catalogue, const struct asker *asker, uint8_t *decisions)
{
	for (size_t i = 0; i < catalogue->count; i++)
		decisions[i] = (uint8_t)policy_decide(catalogue->items[i], asker);
}

/* ---- its arguments ---- */

bool policy_allows(h2o_mem_pool_t *pool, const struct item *item, struct limits *limits, const json_t *arguments,
                   policy_finding_fn *tell, void *data)
{
	struct rule_list rules = limits_rules(limits, item);
	bool allows = true;

	if (limits == NULL)
		return true;
	for (size_t i = 0; i < rules.count; i++) {
		struct policy_finding finding = {.rule = rules.rules[i]};
		if (!limits_applies(limits, finding.rule))
			continue;
		finding.holds = limits_hold(pool, limits, finding.rule, arguments, &finding.problem);
		allows = allows && (finding.holds || finding.rule->shadow);
		tell(data, &finding);
	}
	if (limits_details(limits) == DETAILS_NONE || item->kind != ITEM_TOOL)
		return allows;
	struct policy_finding finding = {.rule = NULL};
	finding.holds = limits_details_hold(pool, limits, item, arguments, &finding.problem);
	tell(data, &finding);
	return allows && finding.holds;
}

static const char *problem_words(h2o_mem_pool_t *pool, const struct item *item, const struct policy_finding *finding)
{
	const struct limit_problem *problem = &finding->problem;
	const char *root = item->kind == ITEM_TEMPLATE ? "uri" : "arguments";

	if (problem->problems.count > 0)
		return text_printf(pool, "%s.", schema_problems_text(pool, &problem->problems, root));
	if (finding->rule == NULL)
		return "The authorization details of the access token do not cover it.";
	return problem->claim != NULL ? "What a rule of this server asks about the caller is not known."
	                              : "A rule of this server refuses it.";
}

const char *policy_words(h2o_mem_pool_t *pool, const struct item *item, const struct policy_finding *finding)
{
	const char *message = finding->rule != NULL ? finding->rule->message : NULL;
	const char *words = problem_words(pool, item, finding);

	if (message == NULL)
		return text_printf(pool, "The call is not allowed. %s", words);
	return text_printf(pool, "The call is not allowed. %s %s", words, message);
}

/* ---- scopes ---- */

static void add_scope(h2o_mem_pool_t *pool, struct scopes *scopes, const char *name)
{
	struct scopes one = {&name, 1};

	if (scopes_has(scopes, name)) /* most of the many items */
		return;
	*scopes = scopes_union(pool, scopes, &one);
}

struct scopes policy_implied(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const struct scopes *scopes)
{
	struct scopes reached = *scopes;
	size_t before;

	do {
		struct scopes step = reached;
		before = reached.count;
		for (size_t i = 0; i < step.count; i++) {
			const json_t *words = json_object_get(settings->scopes, step.names[i]);
			const json_t *implies = json_object_get(words, "implies");
			for (size_t k = 0; k < json_array_size(implies); k++)
				add_scope(pool, &reached, json_string_value(json_array_get(implies, k)));
		}
	} while (reached.count > before);
	return reached;
}

struct scopes policy_challenge_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const struct item *item,
                                      const struct scopes *granted)
{
	struct scopes scopes = {NULL, 0};

	add_scope(pool, &scopes, item->scope);
	for (size_t i = 0; i < catalogue->count; i++)
		if (scopes_has(granted, catalogue->items[i]->scope))
			add_scope(pool, &scopes, catalogue->items[i]->scope);
	return scopes;
}

struct scopes policy_read_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue)
{
	struct scopes scopes = {NULL, 0};

	for (size_t i = 0; i < catalogue->count; i++)
		if (catalogue->items[i]->tier == TIER_READ)
			add_scope(pool, &scopes, catalogue->items[i]->scope);
	return scopes;
}
