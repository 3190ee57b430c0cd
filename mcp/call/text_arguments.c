/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/text_arguments.h"

#include <string.h>

enum { NAME_SHOWN_MAX = 128 };

/* Line breaks and tabs are how people write. */
static bool has_control(h2o_iovec_t text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.base[i], before = i > 0 ? (unsigned char)text.base[i - 1] : 0;
		bool plain = c == '\n' || c == '\r' || c == '\t';
		if ((c < 0x20 && !plain) || c == 0x7F || (before == 0xC2 && c >= 0x80 && c < 0xA0))
			return true;
	}
	return false;
}

static const char *value_problem(const json_t *value)
{
	if (!json_is_string(value))
		return "must be a text";
	if (json_string_length(value) > TEXT_ARGUMENT_SIZE_MAX)
		return "is too long";
	if (has_control(h2o_iovec_init(json_string_value(value), json_string_length(value))))
		return "must not have control characters";
	return NULL;
}

const char *text_arguments_problem(h2o_mem_pool_t *pool, const json_t *arguments)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)arguments, name, value) {
		const char *problem = value_problem(value);
		if (problem == NULL)
			continue;
		if (strlen(name) > NAME_SHOWN_MAX)
			return text_printf(pool, "The arguments are not valid. One of them %s", problem);
		return text_printf(pool, "The arguments are not valid. arguments.%s: %s", name, problem);
	}
	return NULL;
}
