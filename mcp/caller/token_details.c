/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/token_details.h"

#include <string.h>

static bool is_list_of_texts(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			return false;
	return list == NULL || (json_is_array(list) && json_array_size(list) > 0);
}

static bool are_tiers(const json_t *actions)
{
	for (size_t i = 0; i < json_array_size(actions); i++) {
		const char *action = json_string_value(json_array_get(actions, i));
		enum tier tier = TIER_READ;
		while (tier <= TIER_DESTROY && strcmp(action, tier_name(tier)) != 0)
			tier++;
		if (tier > TIER_DESTROY)
			return false;
	}
	return true;
}

static bool compiles(const struct token_detail *detail)
{
	h2o_mem_pool_t pool;

	if (detail->arguments == NULL)
		return true;
	h2o_mem_init_pool(&pool);
	bool fine = json_is_object(detail->arguments) && token_detail_compile(&pool, detail) != NULL;
	h2o_mem_clear_pool(&pool);
	return fine;
}

/* RFC 9396, 5: what is not known could be a limit. */
static bool read_entry(const json_t *entry, struct token_detail *ret)
{
	const char *name;
	json_t *member;

	*ret = (struct token_detail){.tools = NULL};
	json_object_foreach ((json_t *)entry, name, member) {
		if (strcmp(name, "tools") == 0)
			ret->tools = member;
		else if (strcmp(name, "actions") == 0)
			ret->actions = member;
		else if (strcmp(name, "arguments") == 0)
			ret->arguments = member;
		else if (strcmp(name, "locations") == 0)
			ret->locations = member;
		else if (strcmp(name, "type") != 0)
			return false;
	}
	return (ret->tools != NULL || ret->actions != NULL) && is_list_of_texts(ret->tools) &&
	       is_list_of_texts(ret->actions) && is_list_of_texts(ret->locations) && are_tiers(ret->actions) &&
	       compiles(ret);
}

static bool list_has(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	return list == NULL;
}

bool token_details_read(const json_t *details, const char *resource, struct token_detail *entries, size_t *count)
{
	const json_t *entry;
	size_t i;

	*count = 0;
	if (!json_is_array(details))
		return false;
	json_array_foreach (details, i, entry) {
		h2o_iovec_t type = json_get_text(entry, "type");
		if (type.base == NULL) /* nobody can say that it is not ours */
			return false;
		if (!text_is(type, TOKEN_DETAIL_TYPE))
			continue;
		if (!read_entry(entry, &entries[*count]))
			return false;
		entries[*count].elsewhere = resource != NULL && !list_has(entries[*count].locations, resource);
		(*count)++;
	}
	return true;
}

bool token_detail_covers(const struct token_detail *detail, const struct item *item)
{
	return item->kind == ITEM_TOOL && !detail->elsewhere && list_has(detail->tools, item->key) &&
	       list_has(detail->actions, tier_name(item->tier));
}

const struct schema *token_detail_compile(h2o_mem_pool_t *pool, const struct token_detail *detail)
{
	static const struct schema_options OPTIONS = {.assert_formats = true};
	const char *error;

	return schema_compile(pool, detail->arguments, &OPTIONS, &error);
}
