/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the file of rules: a rule that names what is not there would limit nothing, so it is refused. */
#include <string.h>

#include "common/config.h"
#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/catalogue/loading.h"
#include "mcp/catalogue/prompt.h"
#include "mcp/catalogue/resource.h"
#include "mcp/policy/rules.h"

static const char RULES_SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: Rules of sallyport-mcp\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [rules]\n"
    "$defs:\n"
    "  names: {type: array, items: {type: string, minLength: 1, maxLength: 2048}, minItems: 1, maxItems: 1000}\n"
    "  items:\n"
    "    anyOf:\n"
    "    - {description: All of them, const: '*'}\n"
    "    - {$ref: '#/$defs/names'}\n"
    "  callers:\n"
    "    description: 'Each member has to match, by one of its names'\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    minProperties: 1\n"
    "    properties:\n"
    "      scopes: {$ref: '#/$defs/names'}\n"
    "      roles: {$ref: '#/$defs/names'}\n"
    "      groups: {$ref: '#/$defs/names'}\n"
    "      people: {description: By user name or subject, $ref: '#/$defs/names'}\n"
    "      clients: {description: By client id, $ref: '#/$defs/names'}\n"
    "      issuers: {description: By the issuer of the token, $ref: '#/$defs/names'}\n"
    "properties:\n"
    "  rules:\n"
    "    type: array\n"
    "    maxItems: 500\n"
    "    items:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [name]\n"
    "      anyOf: [{required: [tools]}, {required: [resources]}, {required: [templates]}, {required: [prompts]}]\n"
    "      oneOf: [{required: [arguments]}, {required: [refuse]}]\n"
    "      properties:\n"
    "        name: {type: string, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'}\n"
    "        tools: {$ref: '#/$defs/items'}\n"
    "        resources: {description: By URI, $ref: '#/$defs/items'}\n"
    "        templates: {description: By URI template, $ref: '#/$defs/items'}\n"
    "        prompts: {$ref: '#/$defs/items'}\n"
    "        when: {description: 'Whom the rule is about; absent: everybody', $ref: '#/$defs/callers'}\n"
    "        unless: {description: Whom it is not about, $ref: '#/$defs/callers'}\n"
    "        arguments:\n"
    "          description: 'JSON Schema of the arguments; any value in it may be {$claim: /pointer}'\n"
    "          type: object\n"
    "        refuse: {description: 'The items are not there for these callers', const: true}\n"
    "        message: {description: Words for the model, type: string, minLength: 1, maxLength: 500}\n"
    "        shadow: {description: 'Only report what the rule would refuse', type: boolean}\n";

json_t *rules_document(h2o_mem_pool_t *pool)
{
	const char *error = NULL;
	json_t *document = yaml_parse(pool, text_of(RULES_SCHEMA), "schema of the rules", &error);

	if (document == NULL)
		h2o__fatal(error); /* it is built in */
	return document;
}

static const char *const MEMBERS[ITEM_KINDS] = {
    [ITEM_TOOL] = "tools",
    [ITEM_RESOURCE] = "resources",
    [ITEM_TEMPLATE] = "templates",
    [ITEM_PROMPT] = "prompts",
};

struct rules_loading {
	h2o_mem_pool_t *pool;
	struct catalogue *catalogue;
	struct rules *rules;
};

/* ---- arguments ---- */

static bool takes(const struct item *item, const char *argument)
{
	const struct tool *tool = tool_of(item);
	const struct completions *c;

	if (tool != NULL)
		return json_object_get(json_object_get(tool->input, "properties"), argument) != NULL;
	if (item->kind == ITEM_RESOURCE)
		return false;
	c = item->kind == ITEM_PROMPT ? &prompt_of(item)->completions : &resource_of(item)->completions;
	for (size_t i = 0; i < c->name_count; i++)
		if (strcmp(c->names[i], argument) == 0)
			return true;
	return false;
}

static bool is_taken(const struct catalogue *c, size_t first, size_t end, const char *argument)
{
	while (first < end && !takes(c->items[first], argument))
		first++;
	return first < end;
}

/* NULL, or the first argument that the schema speaks of and none of the items takes: a slip of the pen limits nothing.
 */
static const char *unknown_argument(const struct catalogue *c, const struct rule *rule, size_t first, size_t end)
{
	const json_t *schema = json_object_get(rule->document, "arguments");
	const json_t *required = json_object_get(schema, "required");
	const char *name;
	json_t *member;

	json_object_foreach (json_object_get(schema, "properties"), name, member)
		if (!is_taken(c, first, end, name))
			return name;
	for (size_t i = 0; i < json_array_size(required); i++) {
		name = json_string_value(json_array_get(required, i));
		if (name != NULL && !is_taken(c, first, end, name))
			return name;
	}
	return NULL;
}

/* ---- items ---- */

/* The rule is one of the item's from now on. NULL, or a problem. */
static const char *add_to_item(struct rules_loading *l, const struct rule *rule, const struct item *item)
{
	struct rule_list *list = &l->rules->of_items[item->index];
	const struct rule **grown = h2o_mem_alloc_pool(l->pool, (list->count + 1) * sizeof(*grown));

	if (list->count > 0 && list->rules[list->count - 1] == rule)
		return text_printf(l->pool, "%s is named twice", item->key);
	if (list->count > 0)
		memcpy(grown, list->rules, list->count * sizeof(*grown));
	grown[list->count] = rule;
	*list = (struct rule_list){grown, list->count + 1};
	return NULL;
}

static const char *add_all(struct rules_loading *l, const struct rule *rule, enum item_kind kind)
{
	const struct catalogue *c = l->catalogue;

	if (catalogue_count(c, kind) == 0)
		return "there is none";
	const char *argument = unknown_argument(c, rule, c->firsts[kind], c->firsts[kind + 1]);
	if (argument != NULL)
		return text_printf(l->pool, "none has an argument %s, which the rule speaks of", argument);
	for (size_t i = c->firsts[kind]; i < c->firsts[kind + 1]; i++)
		add_to_item(l, rule, c->items[i]);
	return NULL;
}

static const char *add_named(struct rules_loading *l, const struct rule *rule, enum item_kind kind, const char *key)
{
	const struct item *item = catalogue_find(l->catalogue, kind, text_of(key));

	if (item == NULL)
		return text_printf(l->pool, "there is no %s %s", item_kind_name(kind), key);
	const char *argument = unknown_argument(l->catalogue, rule, item->index, item->index + 1);
	if (argument != NULL)
		return text_printf(l->pool, "%s has no argument %s, which the rule speaks of", key, argument);
	return add_to_item(l, rule, item);
}

/* Finds the items that the rule names. NULL, or a problem that begins with the place in the rule. */
static const char *read_items(struct rules_loading *l, const struct rule *rule)
{
	for (enum item_kind kind = 0; kind < ITEM_KINDS; kind++) {
		const json_t *names = json_object_get(rule->document, MEMBERS[kind]);
		const char *problem = NULL;
		if (names != NULL && kind == ITEM_RESOURCE && rule->arguments != NULL)
			return "/resources: a resource takes no arguments";
		if (json_is_string(names))
			problem = add_all(l, rule, kind);
		for (size_t i = 0; i < json_array_size(names) && problem == NULL; i++)
			problem = add_named(l, rule, kind, json_string_value(json_array_get(names, i)));
		if (problem != NULL)
			return text_printf(l->pool, "/%s: %s", MEMBERS[kind], problem);
	}
	return NULL;
}

/* ---- a rule ---- */

/* One whose tokens are taken. */
static bool is_issuer(const struct mcp_settings *settings, const char *name)
{
	const struct token_issuers *others = &settings->issuers;
	bool found = strcmp(name, settings->issuer) == 0 ||
	             (others->service.issuer != NULL && strcmp(name, others->service.issuer) == 0);

	for (size_t i = 0; i < others->foreign_count && !found; i++)
		found = strcmp(name, others->foreign[i].issuer) == 0;
	return found;
}

static const char *callers_problem(struct rules_loading *l, const char *member, const json_t *callers)
{
	const json_t *scopes = json_object_get(callers, "scopes"), *issuers = json_object_get(callers, "issuers");

	for (size_t i = 0; i < json_array_size(issuers); i++) {
		const char *issuer = json_string_value(json_array_get(issuers, i));
		if (!is_issuer(l->catalogue->settings, issuer))
			return text_printf(l->pool, "/%s/issuers: %s is no issuer of the configuration", member,
			                   issuer);
	}
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *scope = json_string_value(json_array_get(scopes, i));
		if (json_object_get(l->catalogue->settings->scopes, scope) == NULL)
			return text_printf(l->pool, "/%s/scopes: %s is not among the scopes of the configuration",
			                   member, scope);
	}
	return NULL;
}

static bool name_is_taken(const struct rules *rules, const struct rule *rule)
{
	for (size_t i = 0; i < rule->index; i++)
		if (strcmp(rules->items[i].name, rule->name) == 0)
			return true;
	return false;
}

static const char *read_arguments(struct rules_loading *l, struct rule *rule)
{
	const json_t *schema = json_object_get(rule->document, "arguments");
	const char *problem = NULL;

	if (schema == NULL)
		return NULL;
	rule->arguments = claim_schema_load(l->pool, schema, l->catalogue->settings->claims, &problem);
	return problem != NULL ? text_printf(l->pool, "/arguments%s", problem) : NULL;
}

static const char *read_rule(struct rules_loading *l, struct rule *rule)
{
	const json_t *document = rule->document;
	const char *problem;

	rule->name = json_get_text(document, "name").base;
	rule->when = json_object_get(document, "when");
	rule->unless = json_object_get(document, "unless");
	rule->shadow = config_bool(document, "shadow", false);
	rule->message = json_get_text(document, "message").base;
	rule->shadowed = h2o_mem_alloc_pool(l->pool, sizeof(*rule->shadowed));
	*rule->shadowed = 0;
	if (name_is_taken(l->rules, rule))
		return text_printf(l->pool, "/name: there is another rule %s", rule->name);
	if (!loading_text_is_visible(json_get_text(document, "message")))
		return "/message: has control or invisible characters";
	problem = callers_problem(l, "when", rule->when);
	if (problem == NULL)
		problem = callers_problem(l, "unless", rule->unless);
	if (problem == NULL)
		problem = read_arguments(l, rule);
	return problem != NULL ? problem : read_items(l, rule);
}

static const char *digest_of(h2o_mem_pool_t *pool, const json_t *document)
{
	uint8_t digest[SHA256_SIZE];

	sha256(json_canonical(pool, document), digest);
	return hex_encode(pool, digest, sizeof(digest));
}

static struct rules *make_rules(struct catalogue *catalogue, const json_t *document)
{
	const json_t *list = json_object_get(document, "rules");
	struct rules *rules = h2o_mem_alloc_pool(&catalogue->pool, sizeof(*rules));
	size_t lists_size = (catalogue->count + 1) * sizeof(struct rule_list);

	*rules = (struct rules){.file = catalogue->settings->rules, .count = json_array_size(list)};
	rules->items = h2o_mem_alloc_pool(&catalogue->pool, (rules->count + 1) * sizeof(struct rule));
	rules->of_items = h2o_mem_alloc_pool(&catalogue->pool, lists_size);
	memset(rules->of_items, 0, lists_size);
	rules->digest = digest_of(&catalogue->pool, document);
	for (size_t i = 0; i < rules->count; i++)
		rules->items[i] = (struct rule){.index = i, .document = json_array_get(list, i)};
	return rules;
}

const struct rules *rules_load(struct catalogue *catalogue, const char **error)
{
	const char *file = catalogue->settings->rules;
	h2o_mem_pool_t scratch;

	h2o_mem_init_pool(&scratch);
	const struct schema *schema = serving_schema_compile(&scratch, rules_document(&scratch));
	const json_t *document = config_load(&catalogue->pool, file, schema, error);
	h2o_mem_clear_pool(&scratch);
	if (document == NULL)
		return NULL;
	struct rules *rules = make_rules(catalogue, document);
	struct rules_loading l = {&catalogue->pool, catalogue, rules};
	for (size_t i = 0; i < rules->count; i++) {
		const char *problem = read_rule(&l, &rules->items[i]);
		if (problem == NULL)
			continue;
		*error = text_printf(l.pool, "%s: /rules/%zu%s", file, i, problem);
		return NULL;
	}
	return rules;
}
