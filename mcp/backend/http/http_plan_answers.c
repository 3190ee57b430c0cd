/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/config.h"
#include "common/json_pointer.h"
#include "mcp/backend/http/http_plan.h"

static enum http_result result_of(const json_t *part)
{
	static const char *const NAMES[] = {"json", "text", "image", "audio", "blob"};
	const char *name = config_text(part, "as", NAMES[HTTP_AS_JSON]);
	enum http_result as = HTTP_AS_JSON;

	while (strcmp(NAMES[as], name) != 0)
		as++;
	return as;
}

static const char *const *usual_types(enum http_result as)
{
	static const char *const USUAL[][5] = {
	    [HTTP_AS_JSON] = {"application/json"},
	    [HTTP_AS_TEXT] = {"text/plain"},
	    [HTTP_AS_IMAGE] = {"image/png", "image/jpeg", "image/gif", "image/webp"},
	    [HTTP_AS_AUDIO] = {"audio/mpeg", "audio/wav", "audio/ogg"},
	};

	return as == HTTP_AS_BLOB ? NULL : USUAL[as];
}

static const char *const *types_of(h2o_mem_pool_t *pool, const json_t *list)
{
	size_t count = json_array_size(list);
	const char **types = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*types));

	for (size_t i = 0; i < count; i++) {
		const char *type = json_string_value(json_array_get(list, i));
		size_t len = strlen(type);
		types[i] = type[len - 1] == '*' ? text_copy(pool, h2o_iovec_init(type, len - 1)) : type;
	}
	types[count] = NULL;
	return types;
}

static const char *types_problem(enum http_result as, const char *const *types)
{
	if (types == NULL)
		return "/answers/types: must be said for blob";
	for (; *types != NULL; types++) {
		if (as == HTTP_AS_IMAGE && strncmp(*types, "image/", 6) != 0)
			return "/answers/types: has one that is no image";
		if (as == HTTP_AS_AUDIO && strncmp(*types, "audio/", 6) != 0)
			return "/answers/types: has one that is no audio";
	}
	return NULL;
}

static const char *accept_of(h2o_mem_pool_t *pool, const char *const *types)
{
	struct text_buffer b = {.pool = pool};

	for (; *types != NULL; types++)
		text_append_printf(&b, "%s%s%s", b.len > 0 ? ", " : "", *types,
		                   (*types)[strlen(*types) - 1] == '/' ? "*" : "");
	return b.base;
}

static const char *add_pick(struct loading *l, const char *name, const json_t *text, struct http_answers *ret)
{
	struct http_pick *pick = &ret->picks[ret->pick_count++];
	const char *problem;

	*pick = (struct http_pick){name, h2o_iovec_init(json_string_value(text), json_string_length(text))};
	problem = json_pointer_problem(pick->pointer);
	if (problem == NULL)
		return NULL;
	return text_printf(l->pool, "/answers/pick%s%s: %s", name != NULL ? "/" : "", name != NULL ? name : "",
	                   problem);
}

static const char *load_picks(struct loading *l, const json_t *part, struct http_answers *ret)
{
	const json_t *pick = json_object_get(part, "pick");
	const char *name, *problem = NULL;
	json_t *member;

	if (pick != NULL && ret->as != HTTP_AS_JSON)
		return "/answers/pick: is for answers as json";
	ret->picks = h2o_mem_alloc_pool(l->pool, (json_object_size(pick) + 1) * sizeof(*ret->picks));
	if (json_is_string(pick))
		return add_pick(l, NULL, pick, ret);
	json_object_foreach ((json_t *)pick, name, member)
		if (problem == NULL)
			problem = add_pick(l, name, member, ret);
	return problem;
}

const char *http_plan_load_answers(struct loading *l, const json_t *part, struct http_answers *ret)
{
	const json_t *types = json_object_get(part, "types");
	const char *problem;

	*ret = (struct http_answers){.as = result_of(part)};
	ret->types = types != NULL ? types_of(l->pool, types) : usual_types(ret->as);
	problem = types_problem(ret->as, ret->types);
	if (problem == NULL)
		problem = load_picks(l, part, ret);
	if (problem != NULL)
		return problem;
	ret->accept = accept_of(l->pool, ret->types);
	ret->has_error = json_object_get(part, "error") != NULL;
	ret->error = json_get_text(part, "error");
	problem = ret->has_error ? json_pointer_problem(ret->error) : NULL;
	return problem != NULL ? text_printf(l->pool, "/answers/error: %s", problem) : NULL;
}
