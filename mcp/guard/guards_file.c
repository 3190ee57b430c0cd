/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/guard/guards_file.h"

#include <string.h>

#include "mcp/guard/input_bounds.h"
#include "mcp/guard/input_text.h"

const char GUARDS_FILE_SCHEMA[] = "description: Guards of the arguments that the tool does without\n"
				  "type: object\n"
				  "additionalProperties: false\n"
				  "properties:\n"
				  "  unbounded:\n"
				  "    description: 'Arguments that may have any length, value or number of items: "
				  "/note, or /lines/* for its items'\n"
				  "    type: array\n"
				  "    maxItems: 100\n"
				  "    uniqueItems: true\n"
				  "    items: {type: string, pattern: '^/', maxLength: 1024}\n"
				  "  characters:\n"
				  "    description: Characters that cannot be seen, and still may stand in arguments\n"
				  "    type: array\n"
				  "    uniqueItems: true\n"
				  "    items: {enum: [controls, direction, joiners, invisible, tags]}\n";

struct bounds {
	struct loading *l;
	const json_t *names; /* guards.unbounded */
	uint8_t *used;       /* one for each of them */
	const char *problem;
};

static void look_at(void *data, const struct input_unbounded *place)
{
	struct bounds *b = data;
	json_t *name;
	size_t i;

	json_array_foreach (b->names, i, name) {
		if (!text_is(text_of(json_string_value(name)), place->argument))
			continue;
		b->used[i] = 1;
		return;
	}
	if (b->problem == NULL)
		b->problem = text_printf(
		    b->l->pool, "/input%s: %s, for a tool that changes something; or name %s in guards.unbounded",
		    place->place, input_bounds_words(b->l->pool, place->lacks), place->argument);
}

static const char *check_bounds(struct loading *l, const struct tool *tool, const json_t *names)
{
	struct bounds b = {.l = l, .names = names};
	h2o_mem_pool_t scratch;
	json_t *name;
	size_t i;

	h2o_mem_init_pool(&scratch);
	b.used = h2o_mem_alloc_pool(&scratch, json_array_size(names) + 1);
	memset(b.used, 0, json_array_size(names) + 1);
	if (!input_bounds_walk(&scratch, tool->input, look_at, &b))
		b.problem = "/input: is too large to look for arguments without bounds";
	json_array_foreach (names, i, name)
		if (b.problem == NULL && !b.used[i])
			b.problem = text_printf(l->pool, "/guards/unbounded/%zu: names no argument without bounds", i);
	h2o_mem_clear_pool(&scratch);
	return b.problem;
}

const char *guards_file_load(struct loading *l, struct tool *tool)
{
	const json_t *guards = json_object_get(l->document, "guards"), *names = json_object_get(guards, "unbounded");
	json_t *group;
	size_t i;

	json_array_foreach (json_object_get(guards, "characters"), i, group)
		tool->characters |= input_text_group(text_of(json_string_value(group)));
	if (tool->item.tier != TIER_READ)
		return check_bounds(l, tool, names);
	return names != NULL ? "/guards/unbounded: goes with tools that change something" : NULL;
}
