/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a program: a template in which each slot takes one argument of the tool, and each argument of the
 * tool has one slot. Whatever is sent stays in its slot, and none becomes an option. */
#include <string.h>

#include "mcp/backend/command/command_plan.h"

/* ---- load ---- */

/* Copies a piece of the template without doubled braces up to a brace that opens a slot, or to the end. NULL: a brace
 * stands alone. */
static const char *copy_fixed(struct text_buffer *b, const char *at)
{
	text_append_str(b, "");
	while (*at != '\0') {
		if (*at == '{' && at[1] != '{')
			return at;
		if (*at == '}' && at[1] != '}')
			return NULL;
		text_append(b, at, 1);
		at += *at == '{' || *at == '}' ? 2 : 1;
	}
	return at;
}

/* "{name}" or "{name...}"; what follows it, or NULL. */
static const char *read_slot(h2o_mem_pool_t *pool, const char *at, struct command_element *element)
{
	size_t len = strcspn(at + 1, "{}");

	if (at[1 + len] != '}' || len == 0)
		return NULL;
	element->is_list = len > 3 && memcmp(at + 1 + len - 3, "...", 3) == 0;
	element->name = text_copy(pool, h2o_iovec_init(at + 1, len - (element->is_list ? 3 : 0)));
	return at + len + 2;
}

static const char *element_read(struct loading *l, const char *text, struct command_element *element)
{
	struct text_buffer before = {.pool = l->pool}, after = {.pool = l->pool};
	const char *at = copy_fixed(&before, text);

	*element = (struct command_element){.before = before.base, .after = ""};
	if (at != NULL && *at == '{') {
		at = read_slot(l->pool, at, element);
		if (at != NULL)
			at = copy_fixed(&after, at);
		element->after = after.base;
	}
	if (at == NULL)
		return "has a brace that stands alone; write {{ or }} for one";
	if (*at == '{')
		return "has more than one slot";
	if (text_has_invisible(text_of(element->before)))
		return "has control or invisible characters";
	return NULL;
}

static bool is_required(const struct loading *l, const char *name)
{
	const json_t *required = json_object_get(json_object_get(l->document, "input"), "required");

	for (size_t i = 0; i < json_array_size(required); i++)
		if (strcmp(json_string_value(json_array_get(required, i)), name) == 0)
			return true;
	return false;
}

static bool may_be(const struct loading *l, const char *name, const char *type)
{
	const json_t *types = json_object_get(json_object_get(l->names, name), "type");

	if (types == NULL)
		return false;
	if (json_is_string(types))
		return strcmp(json_string_value(types), type) == 0;
	for (size_t i = 0; i < json_array_size(types); i++)
		if (strcmp(json_string_value(json_array_get(types, i)), type) == 0)
			return true;
	return false;
}

/* Fixed text before the slot must leave no doubt about where the option ends: in "-n{x}" more letters are more
 * options, and in "--{x}" the value is the name of one. */
static bool option_has_an_end(const char *before)
{
	return before[0] != '-' || strchr(before, '=') != NULL;
}

/* What may follow where an argument may be missing: nothing, or what stands behind it would take its place. */
static const char *slot_problem(const struct loading *l, const struct command_element *element, bool is_last,
                                bool ends_options)
{
	if (json_object_get(l->names, element->name) == NULL)
		return text_printf(l->pool, "%s is no argument", element->name);
	if (!option_has_an_end(element->before))
		return "an option takes its value behind a = or as the next argument";
	if (element->is_list && (element->before[0] != '\0' || element->after[0] != '\0'))
		return "items of an array are arguments of their own: nothing can stand beside them";
	if (element->is_list && !ends_options)
		return "items of an array must stand behind a fixed --";
	if (element->is_list != may_be(l, element->name, "array") || may_be(l, element->name, "object"))
		return text_printf(l->pool, "%s must %s", element->name,
		                   element->is_list ? "be an array by its schema"
		                                    : "not be an array or object by its schema");
	if (element->is_list || is_required(l, element->name))
		return NULL;
	if (element->before[0] != '\0' || (is_last && ends_options))
		return NULL;
	return text_printf(l->pool, "%s must be required: where it is missing, what follows would take its place",
	                   element->name);
}

static const char *load_elements(struct loading *l, const json_t *arguments, struct command_plan *plan)
{
	bool ends_options = false;

	plan->count = json_array_size(arguments);
	plan->elements = h2o_mem_alloc_pool(l->pool, (plan->count + 1) * sizeof(*plan->elements));
	for (size_t i = 0; i < plan->count; i++) {
		struct command_element *element = &plan->elements[i];
		const char *problem = element_read(l, json_string_value(json_array_get(arguments, i)), element);

		if (problem == NULL && element->name != NULL)
			problem = slot_problem(l, element, i + 1 == plan->count, ends_options);
		if (problem != NULL)
			return text_printf(l->pool, "/command/arguments/%zu: %s", i, problem);
		element->is_option_free = ends_options || element->before[0] != '\0';
		ends_options = ends_options || (element->name == NULL && strcmp(element->before, "--") == 0);
	}
	return NULL;
}

static const char *load_input(struct loading *l, const json_t *part, struct command_plan *plan)
{
	h2o_iovec_t input = json_get_text(part, "input");

	if (input.base == NULL)
		return NULL;
	plan->input_is_all = text_is(input, "{...}");
	if (plan->input_is_all)
		return NULL;
	plan->input = text_copy(l->pool, h2o_iovec_init(input.base + 1, input.len - 2));
	if (json_object_get(l->names, plan->input) == NULL)
		return text_printf(l->pool, "/command/input: %s is no argument", plan->input);
	return NULL;
}

/* Each argument has one place: none is lost, and none is in two. */
static const char *places_problem(const struct loading *l, const struct command_plan *plan)
{
	const char *name;
	json_t *schema;

	json_object_foreach ((json_t *)l->names, name, schema) {
		size_t places = plan->input != NULL && strcmp(plan->input, name) == 0;
		for (size_t i = 0; i < plan->count; i++)
			places += plan->elements[i].name != NULL && strcmp(plan->elements[i].name, name) == 0;
		if (places > 1)
			return text_printf(l->pool, "/command/arguments: %s fills more than one slot", name);
		if (places == 0 && !plan->input_is_all)
			return text_printf(l->pool, "/input/properties/%s: the command does not use it", name);
	}
	return NULL;
}

const char *command_arguments_load(struct loading *l, const json_t *part, struct command_plan *plan)
{
	const char *problem = load_elements(l, json_object_get(part, "arguments"), plan);

	if (problem == NULL)
		problem = load_input(l, part, plan);
	return problem != NULL ? problem : places_problem(l, plan);
}

/* ---- run ---- */

/* C0, DEL and C1: whatever reads an argument again (a log, a protocol with lines, a terminal) takes them for more than
 * text. */
static bool has_control(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
		if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f))
			return true;
	return false;
}

struct filling {
	h2o_mem_pool_t *pool;
	const char **argv;
	size_t count, capacity;
};

static void append(struct filling *f, const char *argument)
{
	if (f->count + 1 >= f->capacity) {
		size_t capacity = f->capacity * 2 + 16;
		const char **argv = h2o_mem_alloc_pool(f->pool, capacity * sizeof(*argv));
		if (f->count > 0)
			memcpy(argv, f->argv, f->count * sizeof(*argv));
		f->argv = argv;
		f->capacity = capacity;
	}
	f->argv[f->count++] = argument;
	f->argv[f->count] = NULL;
}

/* NULL, or what is wrong with the value. */
static const char *fill_slot(struct filling *f, const struct command_element *element, const json_t *value)
{
	const char *text = json_scalar_text(f->pool, value).base;

	if (text == NULL)
		return "must be a text, a number or a boolean";
	if (has_control(text))
		return "must have no control characters";
	const char *argument = element->before[0] == '\0' && element->after[0] == '\0'
	                           ? text
	                           : text_printf(f->pool, "%s%s%s", element->before, text, element->after);
	/* what stands behind an empty value can begin an option too */
	if (argument[0] == '-' && !element->is_option_free)
		return text[0] == '-' ? "must not begin with -" : "must not be empty";
	append(f, argument);
	return NULL;
}

static const char *fill_list(struct filling *f, const struct command_element *element, const json_t *array)
{
	const char *problem = NULL;

	if (!json_is_array(array))
		return "must be an array";
	for (size_t i = 0; i < json_array_size(array) && problem == NULL; i++)
		problem = fill_slot(f, element, json_array_get(array, i));
	return problem;
}

static const char *fill_element(struct filling *f, const struct command_element *element, const json_t *arguments)
{
	const json_t *value = element->name != NULL ? json_object_get(arguments, element->name) : NULL;
	const char *problem = NULL;

	if (element->name == NULL)
		append(f, element->before);
	else if (value != NULL)
		problem = element->is_list ? fill_list(f, element, value) : fill_slot(f, element, value);
	if (problem == NULL)
		return NULL;
	return text_printf(f->pool, "The arguments are not valid. arguments.%s: %s.", element->name, problem);
}

const char *const *command_arguments_fill(h2o_mem_pool_t *pool, const struct command_plan *plan,
                                          const json_t *arguments, const char **problem)
{
	struct filling f = {.pool = pool};
	size_t size = 0;

	*problem = NULL;
	append(&f, plan->program.path);
	for (size_t i = 0; i < plan->count && *problem == NULL; i++)
		*problem = fill_element(&f, &plan->elements[i], arguments);
	for (size_t i = 0; i < f.count; i++)
		size += strlen(f.argv[i]) + 1;
	if (*problem == NULL && (size > CHILD_TEXTS_MAX / 2 || f.count > COMMAND_ARGUMENTS_MAX))
		*problem = "The arguments are not valid. Together they are too long.";
	return *problem == NULL ? f.argv : NULL;
}

h2o_iovec_t command_input(h2o_mem_pool_t *pool, const struct command_plan *plan, const json_t *arguments)
{
	if (plan->input_is_all)
		return json_text(pool, arguments);
	const json_t *value = plan->input != NULL ? json_object_get(arguments, plan->input) : NULL;
	if (value == NULL)
		return (h2o_iovec_t){NULL, 0};
	return json_is_string(value) ? text_of(json_string_value(value)) : json_text(pool, value);
}
