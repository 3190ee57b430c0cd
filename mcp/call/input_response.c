/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/input_response.h"

#include "common/schema/schema.h"

/* ---- elicitation/create ---- */

/* The schema is the backend's own; what it does not restrict, nobody does. */
static const char *content_problem(h2o_mem_pool_t *pool, const json_t *wanted, const json_t *content)
{
	struct schema_options options = {.assert_formats = true, .allow_unknown_keywords = true};
	struct schema_problems problems;
	const char *error;
	const struct schema *schema = schema_compile(pool, wanted, &options, &error);

	if (schema == NULL || schema_check(pool, schema, content, &problems))
		return NULL;
	return schema_problems_text(pool, &problems, "content");
}

static const char *elicit_problem(h2o_mem_pool_t *pool, const json_t *params, const json_t *result)
{
	h2o_iovec_t action = json_get_text(result, "action");
	const json_t *content = json_object_get(result, "content"),
		     *wanted = json_object_get(params, "requestedSchema");

	if (!text_is(action, "accept") && !text_is(action, "decline") && !text_is(action, "cancel"))
		return "action must be accept, decline or cancel";
	if (content != NULL && !json_is_object(content))
		return "content must be an object";
	if (!text_is(action, "accept") || wanted == NULL)
		return NULL;
	return content_problem(pool, wanted, content != NULL ? content : json_keep(pool, json_object()));
}

/* ---- sampling/createMessage ---- */

static bool is_block(const json_t *block)
{
	return json_get_text(block, "type").len > 0;
}

static const char *message_problem(const json_t *result)
{
	h2o_iovec_t role = json_get_text(result, "role");
	const json_t *content = json_object_get(result, "content"), *block;
	size_t i;

	if (!text_is(role, "assistant") && !text_is(role, "user"))
		return "role must be assistant or user";
	if (json_get_text(result, "model").base == NULL)
		return "model must be a string";
	if (!json_is_array(content))
		return is_block(content) ? NULL : "content must be an object with a type, or an array of such";
	json_array_foreach (content, i, block)
		if (!is_block(block))
			return "content must be an object with a type, or an array of such";
	return NULL;
}

/* ---- roots/list ---- */

static const char *roots_problem(const json_t *result)
{
	const json_t *roots = json_object_get(result, "roots"), *root;
	size_t i;

	if (!json_is_array(roots))
		return "roots must be an array";
	json_array_foreach (roots, i, root)
		if (!text_starts(json_get_text(root, "uri"), "file://"))
			return "roots: each must have a uri that begins with file://";
	return NULL;
}

const char *input_response_problem(h2o_mem_pool_t *pool, const char *method, const json_t *params, const json_t *result)
{
	h2o_iovec_t asked = text_of(method);

	if (!json_is_object(result))
		return "the result must be an object";
	if (text_is(asked, "elicitation/create"))
		return elicit_problem(pool, params, result);
	if (text_is(asked, "sampling/createMessage"))
		return message_problem(result);
	return text_is(asked, "roots/list") ? roots_problem(result) : "it answers no known request";
}
