/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/completion.h"

#include <string.h>

#include "mcp/call/answer.h"
#include "mcp/call/audit_record.h"
#include "mcp/backend/backends.h"
#include "mcp/call/invoke.h"
#include "mcp/catalogue/prompt.h"
#include "mcp/catalogue/resource.h"
#include "mcp/call/text_arguments.h"
#include "mcp/policy/view.h"

/* ---- values ---- */

static void ignore_finding(void *data, const struct policy_finding *finding)
{
	(void)data, (void)finding;
}

/* A value is worth as much as the item that is asked for it. */
static bool may_be_told(struct request *r, h2o_iovec_t value)
{
	const struct call *call = call_of(r);
	struct limits *limits = limits_of(r);
	const char *name = json_get_text(json_object_get(call->message.params, "argument"), "name").base;

	if (limits == NULL)
		return true;
	json_t *arguments = json_keep(&r->pool, json_copy((json_t *)call->arguments));
	json_object_set_new(arguments, name, json_stringn(value.base, value.len));
	return policy_allows(&r->pool, call->item, limits, arguments, ignore_finding, NULL);
}

bool completion_list_add(struct completion_list *list, h2o_iovec_t value)
{
	list->json.pool = list->pool;
	if (!may_be_told(list->r, value))
		return false;
	if (list->count == COMPLETION_VALUES_MAX) {
		list->has_more = true;
		return true;
	}
	text_append_str(&list->json, list->count > 0 ? "," : "");
	text_append_json(&list->json, value);
	list->count++;
	return true;
}

static void list_outcome(const struct completion_list *list, size_t total, struct outcome *ret)
{
	struct text_buffer b = {.pool = list->pool};

	text_append_str(&b, "{\"values\":[");
	text_append_iovec(&b, h2o_iovec_init(list->json.base, list->json.len));
	text_append_str(&b, "]");
	if (total > 0 || !list->has_more)
		text_append_printf(&b, ",\"total\":%zu", total > 0 ? total : list->count);
	text_append_printf(&b, ",\"hasMore\":%s}", list->has_more ? "true" : "false");
	*ret = (struct outcome){.content = h2o_iovec_init(b.base, b.len), .rows = list->count};
}

void completion_list_outcome(struct completion_list *list, struct outcome *ret)
{
	list_outcome(list, 0, ret);
}

/* Case is for people to care about, not for their first letters. */
static bool begins_with(h2o_iovec_t value, h2o_iovec_t start)
{
	for (size_t i = 0; i < start.len; i++)
		if (i == value.len || h2o_tolower(value.base[i]) != h2o_tolower(start.base[i]))
			return false;
	return true;
}

/* The values of the file that begin with what was typed so far. */
static step_result answer_values(struct request *r, const json_t *values, h2o_iovec_t typed)
{
	struct completion_list list = {.pool = &r->pool, .r = r};
	struct outcome outcome;
	size_t total = 0;

	for (size_t i = 0; i < json_array_size(values); i++) {
		h2o_iovec_t value = text_of(json_string_value(json_array_get(values, i)));
		if (!begins_with(value, typed))
			continue;
		total += completion_list_add(&list, value);
	}
	list_outcome(&list, total, &outcome);
	return answer_outcome(r, &outcome);
}

/* ---- the request ---- */

static const struct item *find_item(struct request *r)
{
	const struct catalogue *catalogue = view_of(r)->catalogue;
	struct call *call = call_of(r);
	const struct item *item = catalogue_find(catalogue, call->kind, call->name);

	if (item == NULL && call->kind == ITEM_TEMPLATE)
		item = catalogue_find(catalogue, ITEM_RESOURCE, call->name);
	if (item != NULL)
		call->kind = item->kind;
	return item;
}

/* True if the ref is in one of its two forms. */
static bool read_ref(struct call *call)
{
	const json_t *ref = json_object_get(call->message.params, "ref");
	h2o_iovec_t type = json_get_text(ref, "type");
	bool is_prompt = text_is(type, "ref/prompt");

	if (!is_prompt && !text_is(type, "ref/resource"))
		return false;
	call->kind = is_prompt ? ITEM_PROMPT : ITEM_TEMPLATE;
	call->name = json_get_text(ref, is_prompt ? "name" : "uri");
	return call->name.base != NULL;
}

static const struct completions *completions_of(const struct item *item)
{
	return item->kind == ITEM_PROMPT ? &prompt_of(item)->completions : &resource_of(item)->completions;
}

static bool takes(const struct completions *completions, h2o_iovec_t argument)
{
	for (size_t i = 0; i < completions->name_count; i++)
		if (text_is(argument, completions->names[i]))
			return true;
	return false;
}

/* The item's arguments that the client knows already, and the one that it asks about as far as it was typed. */
static json_t *known_arguments(h2o_mem_pool_t *pool, const struct completions *completions, const json_t *params)
{
	const json_t *argument = json_object_get(params, "argument");
	const json_t *context = json_object_get(json_object_get(params, "context"), "arguments");
	json_t *known = json_keep(pool, json_object());

	for (size_t i = 0; i < completions->name_count; i++) {
		json_t *value = json_object_get(context, completions->names[i]);
		if (value != NULL)
			json_object_set(known, completions->names[i], value);
	}
	json_object_set(known, json_get_text(argument, "name").base, json_object_get(argument, "value"));
	return known;
}

/* The caller may use the item. */
static step_result complete(struct request *r)
{
	struct call *call = call_of(r);
	const struct completions *completions = completions_of(call->item);
	const json_t *argument = json_object_get(call->message.params, "argument");
	h2o_iovec_t name = json_get_text(argument, "name");

	if (!takes(completions, name))
		return invoke_malformed(r, "There is no argument of this name");
	call->arguments = known_arguments(&r->pool, completions, call->message.params);
	const char *problem = text_arguments_problem(&r->pool, call->arguments);
	if (problem != NULL)
		return invoke_malformed(r, problem);
	if (invoke_take_turn(r) == STEP_DONE)
		return STEP_DONE;
	for (size_t i = 0; i < completions->count; i++) {
		const struct completion *completion = &completions->items[i];
		if (!text_is(name, completion->argument))
			continue;
		if (completion->plan != NULL)
			return invoke_run(r, &BACKEND_SQL, completion->plan);
		return answer_values(r, completion->values, json_get_text(argument, "value"));
	}
	return answer_values(r, NULL, (h2o_iovec_t){NULL, 0});
}

step_result completion_complete(struct request *r)
{
	struct call *call = call_of(r);
	const json_t *params = call->message.params, *argument = json_object_get(params, "argument");
	const json_t *context = json_object_get(params, "context");

	call->completes = true;
	if (!read_ref(call))
		return invoke_malformed(r, "params must have a ref to a prompt or to a resource");
	if (json_get_text(argument, "name").base == NULL || json_get_text(argument, "value").base == NULL)
		return invoke_malformed(r, "params must have an argument with name and value");
	if (context != NULL && !json_is_object(context))
		return invoke_malformed(r, "context must be an object");
	if (invoke_admit(r, find_item(r)) == STEP_DONE)
		return STEP_DONE;
	return complete(r);
}
