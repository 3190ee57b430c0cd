/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/authorization_details.h"

#include <string.h>

#include "authz/consent.h"
#include "common/encoding.h"

enum { TOOL_NAME_MAX = 128 };

/* ---- what was asked for ---- */

/* RFC 9396, 5: what is not known here could mean anything. */
static const char *member_problem(const json_t *entry)
{
	static const char *const KNOWN[] = {"type", "locations", "tool", "arguments"};
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)entry, name, value) {
		size_t i = 0;
		while (i < sizeof(KNOWN) / sizeof(KNOWN[0]) && strcmp(name, KNOWN[i]) != 0)
			i++;
		if (i == sizeof(KNOWN) / sizeof(KNOWN[0]))
			return "authorization_details has a member that mcp_approval does not know";
	}
	return NULL;
}

static bool is_for(const json_t *locations, const char *resource)
{
	if (locations == NULL)
		return true;
	const char *location = json_string_value(json_array_get(locations, 0));
	return json_array_size(locations) == 1 && location != NULL && strcmp(location, resource) == 0;
}

static const char *entry_problem(const json_t *entry, const char *resource)
{
	h2o_iovec_t tool = json_get_text(entry, "tool");

	if (!text_is(json_get_text(entry, "type"), AUTHORIZATION_DETAIL_APPROVAL))
		return "authorization_details has a type that is not known here";
	const char *problem = member_problem(entry);
	if (problem != NULL)
		return problem;
	if (!is_for(json_object_get(entry, "locations"), resource))
		return "authorization_details is about another resource";
	if (tool.len == 0 || tool.len > TOOL_NAME_MAX)
		return "authorization_details does not name a tool";
	if (!json_is_object(json_object_get(entry, "arguments")))
		return "authorization_details has no arguments: an object";
	return NULL;
}

const char *authorization_details_read(h2o_mem_pool_t *pool, const char *text, struct authorization *a)
{
	a->details = a->approval = NULL;
	if (text == NULL)
		return NULL;
	const json_t *details = json_read(pool, text_of(text), NULL), *entry = json_array_get(details, 0);
	if (!json_is_array(details))
		return "authorization_details is no JSON array";
	if (json_array_size(details) != 1)
		return "authorization_details must have one entry: a call is approved by itself";
	const char *problem = entry_problem(entry, a->resource);
	if (problem != NULL)
		return problem;
	json_t *arguments = json_object_get(entry, "arguments"), *tool = json_object_get(entry, "tool");
	h2o_iovec_t canonical = json_canonical(pool, arguments);
	if (canonical.len > APPROVAL_ARGUMENTS_MAX)
		return "authorization_details has more arguments than a person can read";
	a->details =
	    json_text(pool, json_keep(pool, json_pack("{s:O, s:O}", "tool", tool, "arguments", arguments))).base;
	a->approval =
	    json_text(pool, json_keep(pool, json_pack("[{s:s, s:[s], s:O, s:s}]", "type", AUTHORIZATION_DETAIL_APPROVAL,
	                                              "locations", a->resource, "tool", tool, "arguments_digest",
	                                              sha256_base64url(pool, canonical))))
		.base;
	return NULL;
}

/* ---- the page ---- */

/* As the resource server registered it; NULL if what is granted does not open it. */
static const json_t *find_tool(struct request *r, const struct page_view *page, h2o_iovec_t name)
{
	for (size_t i = 0; i < page->scope_count; i++) {
		const json_t *rows = json_read(&r->pool, text_of(page->scopes[i].tools), NULL), *tool;
		size_t j;
		if (!page->scopes[i].allowed)
			continue;
		json_array_foreach (rows, j, tool)
			if (text_equal(json_get_text(tool, "name"), name))
				return tool;
	}
	return NULL;
}

static const char *visible(struct request *r, h2o_iovec_t text)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_str(&b, "");
	text_append_visible(&b, text);
	return b.base;
}

json_t *authorization_details_json(struct request *r, const struct page_view *page)
{
	const json_t *details = json_read(&r->pool, text_of(page->request.details), NULL);
	const json_t *tool = find_tool(r, page, json_get_text(details, "tool"));
	const char *name;
	json_t *shown = json_array(), *value;

	if (tool == NULL) {
		json_decref(shown);
		return NULL;
	}
	json_object_foreach (json_object_get(details, "arguments"), name, value)
		json_array_append_new(shown, json_pack("{s:s, s:s}", "argument_name", visible(r, text_of(name)),
		                                       "argument_value", visible(r, json_text(&r->pool, value))));
	json_t *ret = consent_tool_json(tool);
	json_object_set_new(ret, "arguments_any", json_boolean(json_array_size(shown) > 0));
	json_object_set_new(ret, "arguments", shown);
	return ret;
}
