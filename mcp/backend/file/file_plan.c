/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/file/file_plan.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/serving_settings.h"

enum {
	BYTES_DEFAULT = 256 * 1024,
	BYTES_MAX = 8 * 1024 * 1024,
	ENTRIES_DEFAULT = 1000,
	TIMEOUT_DEFAULT_MS = 10 * 1000,
	TIMEOUT_MAX_MS = 5 * 60 * 1000
};

const char FILE_PLAN_SCHEMA[] =
    "type: object\n"
    "additionalProperties: false\n"
    "required: [root, path, action]\n"
    "properties:\n"
    "  root: {description: One of the roots of the configuration, type: string, minLength: 1, maxLength: 64}\n"
    "  path:\n"
    "    description: 'Below the root. {name} stands for an argument that is part of a name, {+name} for one that may "
    "lead through folders'\n"
    "    type: string\n"
    "    maxLength: 1024\n"
    "  action: {enum: [read, list, write]}\n"
    "  hidden: {description: 'Files whose names begin with a dot are reached too', type: boolean}\n"
    "  first_line: {description: Name of the argument with the number of the first line that is read, type: string, "
    "maxLength: 128}\n"
    "  lines: {description: Name of the argument with the number of lines that are read, type: string, maxLength: "
    "128}\n"
    "  text: {description: Name of the argument that is written, type: string, maxLength: 128}\n"
    "  writing: {description: 'create: a file of this name must not be there yet', enum: [create, replace, append]}\n"
    "  endings:\n"
    "    description: 'What names must end with, such as .md'\n"
    "    type: array\n"
    "    items: {type: string, pattern: '^\\.[A-Za-z0-9.]{1,16}$'}\n"
    "    minItems: 1\n"
    "    maxItems: 32\n"
    "  bytes: {description: 'Of what is read, or of a file once it was written', type: string, pattern: " SIZE_PATTERN
    "}\n"
    "  entries: {description: Of a list, type: integer, minimum: 1, maximum: 10000}\n"
    "  timeout: {type: string, pattern: " DURATION_PATTERN "}\n";

struct held_root { /* in the catalogue's pool */
	int fd;
};

static void close_root(void *data)
{
	const struct held_root *held = data;

	if (held->fd >= 0)
		close(held->fd);
}

static const char *open_root(struct loading *l, const json_t *part, struct file_plan *plan)
{
	const struct root *root = settings_root(&l->settings->roots, config_text(part, "root", ""));
	struct held_root *held = h2o_mem_alloc_shared(l->pool, sizeof(*held), close_root);

	held->fd = -1;
	if (root == NULL)
		return "/file/root: is none of the configuration's roots";
	if (plan->action == FILE_WRITE && !root->writable)
		return "/file/root: is not writable";
	held->fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	plan->root = held->fd;
	plan->root_path = root->path;
	return held->fd >= 0 ? NULL : "/file/root: its folder cannot be opened";
}

static const char *argument_problem(const struct loading *l, const json_t *part, const char *member, const char *type)
{
	const char *name = config_text(part, member, NULL);
	const json_t *schema = json_object_get(l->names, name != NULL ? name : "");

	if (name == NULL)
		return NULL;
	if (schema == NULL)
		return text_printf(l->pool, "/file/%s: %s is no argument", member, name);
	if (!text_is(json_get_text(schema, "type"), type))
		return text_printf(l->pool, "/file/%s: the argument %s must have the type %s", member, name, type);
	return NULL;
}

/* Every argument gets somewhere. */
static const char *unused_problem(const struct loading *l, const struct file_plan *plan)
{
	const char *name;
	json_t *schema;

	json_object_foreach ((json_t *)l->names, name, schema) {
		const char *const uses[] = {plan->first_line, plan->lines, plan->text};
		bool used = path_template_uses(plan->path, name);
		for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
			used = used || (uses[i] != NULL && strcmp(uses[i], name) == 0);
		if (!used)
			return text_printf(l->pool, "/file: does not use the argument %s", name);
	}
	return NULL;
}

static const char *members_problem(struct loading *l, const json_t *part, const struct item *item,
                                   enum file_action action)
{
	static const struct {
		const char *member;
		unsigned actions;
	} MEMBERS[] = {
	    {"first_line", 1 << FILE_READ},
	    {"lines", 1 << FILE_READ},
	    {"text", 1 << FILE_WRITE},
	    {"writing", 1 << FILE_WRITE},
	    {"endings", 1 << FILE_READ | 1 << FILE_WRITE},
	    {"bytes", 1 << FILE_READ | 1 << FILE_WRITE},
	    {"entries", 1 << FILE_LIST},
	};

	for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++)
		if (json_object_get(part, MEMBERS[i].member) != NULL && (MEMBERS[i].actions & 1U << action) == 0)
			return text_printf(l->pool, "/file/%s: does not go with this action", MEMBERS[i].member);
	if (item->kind != ITEM_TOOL && action != FILE_READ)
		return "/file/action: a resource can only be read";
	if (item->kind != ITEM_TOOL && json_object_get(part, "lines") != NULL)
		return "/file/lines: goes with a tool";
	if ((item->tier == TIER_READ) == (action == FILE_WRITE))
		return "/file/action: goes not with the tier of the tool";
	if (action == FILE_WRITE && json_object_get(part, "text") == NULL)
		return "/file/text: what is written must come from an argument";
	if (action == FILE_WRITE && json_object_get(part, "endings") == NULL)
		return "/file/endings: must say which names may be written";
	return NULL;
}

static enum file_action action_of(h2o_iovec_t name)
{
	if (text_is(name, "read"))
		return FILE_READ;
	return text_is(name, "list") ? FILE_LIST : FILE_WRITE;
}

static enum file_writing writing_of(h2o_iovec_t name)
{
	if (text_is(name, "replace"))
		return FILE_REPLACE;
	return text_is(name, "append") ? FILE_APPEND : FILE_CREATE;
}

static const char *arguments_problem(struct loading *l, const json_t *part, const struct file_plan *plan)
{
	static const struct {
		const char *member, *type;
	} ARGUMENTS[] = {{"first_line", "integer"}, {"lines", "integer"}, {"text", "string"}};
	const char *problem = NULL;

	for (size_t i = 0; problem == NULL && i < sizeof(ARGUMENTS) / sizeof(ARGUMENTS[0]); i++)
		problem = argument_problem(l, part, ARGUMENTS[i].member, ARGUMENTS[i].type);
	return problem != NULL ? problem : unused_problem(l, plan);
}

const char *file_plan_load(struct loading *l, const json_t *part, struct item *item)
{
	struct file_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	const json_t *endings = json_object_get(part, "endings");
	const char *problem;

	*plan = (struct file_plan){
	    .action = action_of(json_get_text(part, "action")),
	    .writing = writing_of(json_get_text(part, "writing")),
	    .root = -1,
	    .hidden = config_bool(part, "hidden", false),
	    .bytes = (size_t)config_size(part, "bytes", BYTES_DEFAULT),
	    .entries = (size_t)config_int(part, "entries", ENTRIES_DEFAULT),
	    .timeout_ms = config_duration_ms(part, "timeout", TIMEOUT_DEFAULT_MS),
	    .first_line = config_text(part, "first_line", NULL),
	    .lines = config_text(part, "lines", NULL),
	    .text = config_text(part, "text", NULL),
	    .endings = endings != NULL ? serving_text_list(l->pool, endings) : NULL,
	};
	item->plan = plan;
	if (plan->timeout_ms < 1 || plan->timeout_ms > TIMEOUT_MAX_MS)
		return "/file/timeout: must be between 1ms and 5m";
	if (plan->bytes > BYTES_MAX)
		return "/file/bytes: must be at most 8MiB";
	problem = members_problem(l, part, item, plan->action);
	if (problem != NULL)
		return problem;
	plan->path = path_template_compile(l->pool, json_get_text(part, "path"), l->names, &problem);
	if (problem != NULL)
		return text_printf(l->pool, "/file/path: %s", problem);
	problem = arguments_problem(l, part, plan);
	return problem != NULL ? problem : open_root(l, part, plan);
}
