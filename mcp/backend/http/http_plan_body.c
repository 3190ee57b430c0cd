/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/config.h"
#include "mcp/backend/http/http_plan.h"

/* A mark stands alone: beside others it would be a member of the service's. */
static const char *mark_problem(struct loading *l, const json_t *object)
{
	const json_t *argument = json_object_get(object, "$argument"), *all = json_object_get(object, "$arguments");

	if (argument == NULL && all == NULL)
		return NULL;
	if (json_object_size(object) != 1)
		return ": a mark must stand alone in its object";
	if (all != NULL)
		return json_is_true(all) ? NULL : "/$arguments: must be true";
	if (!json_is_string(argument))
		return "/$argument: must be the name of an argument";
	if (json_object_get(l->names, json_string_value(argument)) == NULL)
		return text_printf(l->pool, "/$argument: %s is no argument", json_string_value(argument));
	return NULL;
}

/* NULL, or a problem that begins with the place in the value. */
static const char *value_problem(struct loading *l, const json_t *value)
{
	const char *name, *problem = json_is_object(value) ? mark_problem(l, value) : NULL;
	json_t *member;
	size_t i;

	if (problem != NULL)
		return problem;
	if (json_is_object(value)) {
		json_object_foreach ((json_t *)value, name, member) {
			problem = value_problem(l, member);
			if (problem != NULL)
				return text_printf(l->pool, "/%s%s", name, problem);
		}
		return NULL;
	}
	json_array_foreach (value, i, member) {
		problem = value_problem(l, member);
		if (problem != NULL)
			return text_printf(l->pool, "/%zu%s", i, problem);
	}
	return NULL;
}

static const char *load_json(struct loading *l, const json_t *json, struct http_plan *plan)
{
	const char *problem = value_problem(l, json);

	plan->body = HTTP_JSON;
	plan->json = json;
	return problem != NULL ? text_printf(l->pool, "/body/json%s", problem) : NULL;
}

static const char *load_text(struct loading *l, const json_t *part, struct http_plan *plan)
{
	const char *problem;

	plan->body = HTTP_TEXT;
	plan->text = http_template_compile(l->pool, json_get_text(part, "text"), l->names, &problem);
	if (problem == NULL)
		problem = http_plan_arguments_problem(l, plan->text, false);
	return problem != NULL ? text_printf(l->pool, "/body/text: %s", problem) : NULL;
}

const char *http_plan_load_body(struct loading *l, const json_t *part, struct http_plan *plan)
{
	const json_t *json = json_object_get(part, "json"), *form = json_object_get(part, "form");
	const char *usual = json != NULL   ? "application/json"
	                    : form != NULL ? "application/x-www-form-urlencoded"
	                                   : "text/plain; charset=utf-8";

	if (part == NULL)
		return NULL;
	plan->content_type = config_text(part, "type", usual);
	if (json != NULL)
		return load_json(l, json, plan);
	if (form == NULL)
		return load_text(l, part, plan);
	plan->body = HTTP_FORM;
	return http_plan_load_fields(l, form, "body/form", true, &plan->form);
}
