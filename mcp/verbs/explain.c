/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `explain`: walks the way of a call, by the functions that serve asks, and says each step. */
#include "mcp/verbs/explain.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "mcp/quota/quota.h"
#include "mcp/verbs/verbs.h"

struct explanation {
	h2o_mem_pool_t pool;
	const struct catalogue *catalogue;
	const struct item *item;
	struct explain_caller caller;
	const json_t *arguments;
	json_t *steps;
	const char *refusal;     /* for the model; NULL: the call is allowed */
	bool is_approved_singly; /* each call needs its person's word */
};

struct request_words { /* of the command line */
	struct explain_options caller;
	enum item_kind kind;
	const char *key, *arguments;
	bool json;
};

/* ---- steps ---- */

static json_t *add_step(struct explanation *e, const char *step, bool passes, const char *why)
{
	json_t *object = json_pack("{s:s, s:b, s:s}", "step", step, "passes", passes, "why", why);

	json_array_append_new(e->steps, object);
	return object;
}

static void refuse(struct explanation *e, const char *words)
{
	if (e->refusal == NULL)
		e->refusal = words;
}

static bool explain_scope(struct explanation *e)
{
	const struct asker by_scope = {e->caller.asker.granted, e->caller.asker.grantable, NULL};
	enum decision decision = policy_decide(e->item, &by_scope);
	const char *scope = e->item->scope;

	if (e->item->outside) {
		add_step(e, "mode", false, "the server does not serve its tier (mode of mcp.yaml)");
		refuse(e, "as if it did not exist");
		return false;
	}
	if (e->item->withheld) {
		add_step(e, "approval", false, "the item is withheld until its definition is approved");
		refuse(e, "as if it did not exist");
		return false;
	}
	add_step(e, "scope", decision == ALLOWED,
	         text_printf(&e->pool,
	                     decision == ALLOWED      ? "the token has %s"
	                     : decision == ACQUIRABLE ? "the token does not have %s, but the person could be granted it"
	                                              : "the token does not have %s",
	                     scope));
	add_step(e, "tier", true, tier_name(e->item->tier));
	if (decision == ACQUIRABLE)
		refuse(e, "HTTP 403 insufficient_scope");
	else if (decision == HIDDEN)
		refuse(e, "as if it did not exist");
	return decision == ALLOWED;
}

/* Of every rule that names the item, whether it is about the caller. What its arguments do to it comes later. */
static void explain_applying(struct explanation *e)
{
	struct rule_list rules = limits_rules(e->caller.asker.limits, e->item);

	for (size_t i = 0; i < rules.count; i++) {
		const struct rule *rule = rules.rules[i];
		const char *why;
		bool applies = rule_applies(rule, e->caller.claims, &e->caller.asker.granted, &why);
		if (applies && (rule->arguments != NULL || rule->shadow))
			continue;
		json_t *step = add_step(e, "rule", !applies, why);
		json_object_set_new(step, "rule", json_string(rule->name));
		json_object_set_new(step, "applies", json_boolean(applies));
		if (applies)
			json_object_set_new(step, "refuses", json_string("outright"));
	}
}

static void explain_finding(void *data, const struct policy_finding *finding)
{
	struct explanation *e = data;
	const struct rule *rule = finding->rule;
	const char *why = "one of them covers the call";

	if (rule != NULL)
		rule_applies(rule, e->caller.claims, &e->caller.asker.granted, &why);
	else if (!finding->holds)
		why = limits_details(e->caller.asker.limits) == DETAILS_MALFORMED ? "they cannot be understood"
		                                                                  : "none of them covers the call";
	json_t *step = add_step(e, rule != NULL ? "rule" : "authorization_details",
	                        finding->holds || (rule != NULL && rule->shadow), why);
	if (rule != NULL) {
		json_object_set_new(step, "rule", json_string(rule->name));
		json_object_set_new(step, "applies", json_true());
	}
	json_object_set_new(step, "holds", json_boolean(finding->holds));
	if (rule != NULL && rule->shadow)
		json_object_set_new(step, "shadow", json_true());
	if (finding->holds)
		return;
	if (finding->problem.claim != NULL)
		json_object_set_new(step, "claim", json_string(finding->problem.claim));
	if (finding->problem.problems.count > 0)
		json_object_set_new(step, "pointer", json_string(finding->problem.problems.items[0].pointer));
	json_object_set_new(step, "says", json_string(policy_words(&e->pool, e->item, finding)));
	if (rule == NULL || !rule->shadow)
		refuse(e, json_string_value(json_object_get(step, "says")));
}

static void explain_arguments(struct explanation *e)
{
	struct schema_problems problems = {.count = 0};
	bool valid = e->item->arguments == NULL || schema_check(&e->pool, e->item->arguments, e->arguments, &problems);
	const char *words =
	    valid ? "they are as the item wants them" : schema_problems_text(&e->pool, &problems, "arguments");

	json_t *step = add_step(e, "arguments", valid, words);
	if (problems.count > 0)
		json_object_set_new(step, "pointer", json_string(problems.items[0].pointer));
	if (!valid)
		refuse(e, text_printf(&e->pool, "The arguments are not valid. %s", words));
}

/* How much of it is used, only the servers know. */
static void explain_limits(struct explanation *e)
{
	const struct quota_settings *settings = &e->catalogue->settings->quota;
	const char *words = quota_words(&e->pool, settings, e->item);
	json_t *step = add_step(e, "limits", true, words != NULL ? words : "none");

	json_object_set_new(step, "limits", quota_json(settings, e->item));
}

/* What comes behind the policy, and is between the server and the person. */
static void explain_person(struct explanation *e)
{
	const struct tool *tool = tool_of(e->item);

	if (tool != NULL && tool->authentication != NULL)
		add_step(e, "sign-in", true,
		         "has to be as the tool's file says; the token of the call tells whether it is");
	e->is_approved_singly = tool != NULL && tool->approval != APPROVAL_NONE;
	if (e->is_approved_singly)
		add_step(e, "approval", true,
		         tool->approval == APPROVAL_STEP_UP
		             ? "each call needs its person's, at the authorization server"
		             : "each call needs its person's, who is asked through the client");
}

static void explain_call(struct explanation *e)
{
	bool has_scope = explain_scope(e);

	explain_applying(e);
	if (policy_decide(e->item, &e->caller.asker) == HIDDEN) {
		if (has_scope && !limits_details_cover(e->caller.asker.limits, e->item))
			add_step(e, "authorization_details", false, "none of them covers the item");
		e->refusal = "as if it did not exist";
		return;
	}
	explain_arguments(e);
	policy_allows(&e->pool, e->item, e->caller.asker.limits, e->arguments, explain_finding, e);
	explain_limits(e);
	explain_person(e);
}

/* ---- output ---- */

static const char *word(const json_t *step, const char *member, const char *otherwise)
{
	const char *value = json_string_value(json_object_get(step, member));

	return value != NULL ? value : otherwise;
}

static void print_rule(const json_t *step)
{
	const json_t *holds = json_object_get(step, "holds");

	printf("rule       %s: %s (%s)", word(step, "rule", ""),
	       json_is_true(json_object_get(step, "applies")) ? "applies" : "does not apply", word(step, "why", ""));
	if (json_object_get(step, "refuses") != NULL)
		printf("; refuses outright");
	else if (holds != NULL)
		printf("; %s%s", json_is_true(holds) ? "holds" : "does not hold",
		       json_object_get(step, "shadow") != NULL ? ", in shadow mode" : "");
	if (json_object_get(step, "claim") != NULL)
		printf("; claim %s is missing or of a wrong kind", word(step, "claim", ""));
	if (json_object_get(step, "pointer") != NULL)
		printf("; at \"%s\"", word(step, "pointer", ""));
	printf("\n");
}

static void print_lines(const struct explanation *e)
{
	const json_t *step;
	size_t i;

	printf("caller     %s\n", json_text((h2o_mem_pool_t *)&e->pool, e->caller.claims).base);
	printf("%-10s %s\n", item_kind_name(e->item->kind), e->item->key);
	json_array_foreach (e->steps, i, step) {
		if (strcmp(word(step, "step", ""), "rule") == 0)
			print_rule(step);
		else
			printf("%-10s %s%s\n", word(step, "step", ""),
			       json_is_true(json_object_get(step, "passes")) ? "" : "no: ", word(step, "why", ""));
	}
	if (e->refusal != NULL)
		printf("verdict    refused: %s\n", e->refusal);
	else
		printf("verdict    allowed%s\n", e->is_approved_singly ? ", once its person approves the call" : "");
}

static void print_document(struct explanation *e)
{
	json_t *document = json_pack("{s:s, s:s, s:O, s:O, s:s}", "kind", item_kind_name(e->item->kind), "item",
	                             e->item->key, "caller", e->caller.claims, "steps", e->steps, "verdict",
	                             e->refusal != NULL ? "refused" : "allowed");

	if (e->refusal != NULL)
		json_object_set_new(document, "refusal", json_string(e->refusal));
	json_dumpf(document, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(document);
}

/* ---- the command line ---- */

static bool read_options(int argc, char **argv, struct request_words *ret)
{
	static const struct option OPTIONS[] = {
	    {"as", required_argument, NULL, 'a'},
	    {"claims", required_argument, NULL, 'l'},
	    {"scope", required_argument, NULL, 's'},
	    {"client", required_argument, NULL, 'i'},
	    {"tool", required_argument, NULL, 't'},
	    {"resource", required_argument, NULL, 'r'},
	    {"template", required_argument, NULL, 'e'},
	    {"prompt", required_argument, NULL, 'p'},
	    {"arguments", required_argument, NULL, 'g'},
	    {"authz-config", required_argument, NULL, 'z'},
	    {"json", no_argument, NULL, 'j'},
	    {NULL, 0, NULL, 0},
	};
	int option;

	*ret = (struct request_words){.arguments = "{}"};
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		switch (option) {
		case 'a': ret->caller.person = optarg; break;
		case 'l': ret->caller.claims = optarg; break;
		case 's': ret->caller.scope = optarg; break;
		case 'i': ret->caller.client = optarg; break;
		case 'z': ret->caller.authz_config = optarg; break;
		case 't': ret->kind = ITEM_TOOL, ret->key = optarg; break;
		case 'r': ret->kind = ITEM_RESOURCE, ret->key = optarg; break;
		case 'e': ret->kind = ITEM_TEMPLATE, ret->key = optarg; break;
		case 'p': ret->kind = ITEM_PROMPT, ret->key = optarg; break;
		case 'g': ret->arguments = optarg; break;
		case 'j': ret->json = true; break;
		default: return false;
		}
	}
	return optind == argc && ret->key != NULL && (ret->caller.person == NULL) != (ret->caller.claims == NULL);
}

static int fail_with(const char *what, const char *problem)
{
	fprintf(stderr, "sallyport-mcp: %s%s%s\n", what, what[0] != '\0' ? ": " : "", problem);
	return 1;
}

static int explain(struct explanation *e, const struct request_words *words)
{
	e->item = catalogue_find(e->catalogue, words->kind, text_of(words->key));
	if (e->item == NULL)
		return fail_with(words->key, "there is none of this name");
	e->arguments = json_read(&e->pool, text_of(words->arguments), NULL);
	if (!json_is_object(e->arguments))
		return fail_with("--arguments", "is no JSON object");
	if (!explain_find_caller(&e->pool, e->catalogue, &words->caller, &e->caller))
		return 1;
	e->steps = json_keep(&e->pool, json_array());
	explain_call(e);
	if (words->json)
		print_document(e);
	else
		print_lines(e);
	if (e->caller.asker.limits != NULL)
		h2o_mem_release_shared(e->caller.asker.limits);
	return fflush(stdout) == 0 && e->refusal == NULL ? 0 : 1;
}

int explain_main(const char *file, int argc, char **argv)
{
	struct explanation e = {.refusal = NULL};
	struct request_words words;
	struct mcp_settings settings;
	struct catalogue *catalogue = NULL;
	const char *error = NULL;
	int status = 1;

	if (!read_options(argc, argv, &words))
		return 2;
	json_init();
	h2o_mem_init_pool(&e.pool);
	if (settings_load(&e.pool, file, false, &settings, &error))
		catalogue = catalogue_load(&e.pool, &settings, &error);
	e.catalogue = catalogue;
	if (catalogue != NULL)
		status = explain(&e, &words);
	else
		fail_with("", error);
	if (catalogue != NULL)
		h2o_mem_release_shared(catalogue);
	h2o_mem_clear_pool(&e.pool);
	return status;
}
