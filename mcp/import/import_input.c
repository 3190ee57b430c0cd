/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters become arguments: of the path, the query and headers. */
#include <string.h>

#include "mcp/import/import.h"

enum { ARGUMENT_MAX = 64 /* what today's models take */, PARAMETERS_MAX = 200, PROSE_MAX = 1000 };

/* ---- arguments ---- */

static const char *free_name(struct import_operation *op, const char *name, const char *place)
{
	h2o_mem_pool_t *pool = op->document->pool;
	const json_t *taken = json_object_get(op->input, "properties");
	char *wanted = import_identifier(pool, text_of(name), ARGUMENT_MAX - 12), *ret = wanted;

	if (json_object_get(taken, ret) != NULL)
		ret = wanted = text_printf(pool, "%s_%s", place, wanted);
	for (int i = 2; json_object_get(taken, ret) != NULL; i++)
		ret = text_printf(pool, "%s_%d", wanted, i);
	return ret;
}

const char *import_add_argument(struct import_operation *op, const char *name, const char *place, json_t *schema,
                                bool required)
{
	const char *argument = free_name(op, name, place);

	json_object_set_new(json_object_get(op->input, "properties"), argument, schema);
	if (required)
		json_array_append_new(json_object_get(op->input, "required"), json_string(argument));
	if (strcmp(argument, name) != 0)
		import_note(op, "%s in the %s is the argument %s", name, place, argument);
	return argument;
}

/* ---- one parameter ---- */

/* What the standard calls the default of the place, and no other, is what the tool sends. */
static const char *style_problem(const json_t *parameter, const char *place, const json_t *schema)
{
	const char *usual = strcmp(place, "query") == 0 ? "form" : "simple";
	const json_t *style = json_object_get(parameter, "style");
	unsigned types = import_types(schema);

	if (style != NULL && (!json_is_string(style) || strcmp(json_string_value(style), usual) != 0))
		return "has another style than the usual one";
	if (json_is_true(json_object_get(parameter, "allowReserved")))
		return "wants reserved characters as they are";
	if ((types & IMPORT_OBJECT) != 0)
		return "is an object, or can be anything";
	if ((types & IMPORT_ARRAY) == 0)
		return NULL;
	if (strcmp(place, "query") != 0)
		return "is a list";
	if (json_is_false(json_object_get(parameter, "explode")))
		return "is a list in one field (explode: false)";
	return import_items_are_scalar(schema) ? NULL : "is a list of what is no text, number or boolean";
}

/* What stands beside the schema is nearer to the argument than what stands in it. */
static void take_description(struct import_operation *op, const json_t *parameter, json_t *schema)
{
	h2o_iovec_t text = json_get_text(parameter, "description");
	const char *what;

	if (text.len > 0 && json_is_object(schema)) {
		text = import_prose(op->document->pool, text, PROSE_MAX, &what);
		json_object_set_new(schema, "description", json_stringn(text.base, text.len));
		if (what != NULL)
			import_note(op, "the description of the parameter %s %s", json_get_text(parameter, "name").base,
			            what);
	}
	if (json_is_true(json_object_get(parameter, "deprecated")) && json_is_object(schema))
		json_object_set_new(schema, "deprecated", json_true());
}

/* Whoever describes these has no effect (3.1.1, 4.8.12.1). */
static bool is_ignored_header(const char *name)
{
	h2o_iovec_t text = text_of(name);

	return text_is_nocase(text, "Accept") || text_is_nocase(text, "Content-Type") ||
	       text_is_nocase(text, "Authorization");
}

static bool place_argument(struct import_operation *op, const char *place, const char *name, const char *argument)
{
	h2o_mem_pool_t *pool = op->document->pool;
	bool is_path = strcmp(place, "path") == 0;
	const char *member = strcmp(place, "query") == 0 ? "query" : "headers";
	json_t *fields = is_path ? op->names : json_object_get(op->http, member);

	if (fields == NULL)
		json_object_set_new(op->http, member, fields = json_object());
	return json_object_set_new(fields, name,
	                           json_string(is_path ? argument : text_printf(pool, "{%s}", argument))) == 0;
}

static bool read_parameter(struct import_operation *op, const json_t *parameter, const char *place, const char *name)
{
	const json_t *source = json_object_get(parameter, "schema");
	bool required = json_is_true(json_object_get(parameter, "required")) || strcmp(place, "path") == 0;
	const char *problem;
	json_t *schema;

	if (json_object_get(parameter, "content") != NULL)
		return import_refuse(op, "the parameter %s is a document of its own (content)", name);
	if (source == NULL)
		return import_refuse(op, "the parameter %s has no schema", name);
	schema = import_schema(op, source, IMPORT_ARGUMENTS);
	if (schema == NULL)
		return false;
	problem = style_problem(parameter, place, schema);
	if (problem != NULL) {
		json_decref(schema);
		return import_refuse(op, "the %s parameter %s %s, which a tool cannot send", place, name, problem);
	}
	take_description(op, parameter, schema);
	return place_argument(op, place, name, import_add_argument(op, name, place, schema, required));
}

static bool take_parameter(struct import_operation *op, const json_t *parameter)
{
	const char *name = json_get_text(parameter, "name").base, *place = json_get_text(parameter, "in").base;

	if (name == NULL || place == NULL || *name == '\0')
		return import_refuse(op, "a parameter has no name or no place");
	if (strcmp(place, "cookie") == 0)
		return import_refuse(op, "it has the cookie %s, which a tool cannot send", name);
	if (strcmp(place, "header") == 0 && is_ignored_header(name))
		return true;
	if (strcmp(place, "header") == 0 && !egress_field_name_is_free(text_of(name)))
		return import_refuse(op, "it has the header %s, which a tool cannot set", name);
	if (strcmp(place, "header") != 0 && strcmp(place, "query") != 0 && strcmp(place, "path") != 0)
		return import_refuse(op, "the parameter %s is in %s, which is no place", name, place);
	return read_parameter(op, parameter, place, name);
}

/* ---- all of them ---- */

static bool is_same(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "name"), json_object_get(b, "name")) &&
	       json_equal(json_object_get(a, "in"), json_object_get(b, "in"));
}

/* Adds those of a list; one of the operation takes the place of the path's own. */
static bool gather(struct import_operation *op, const json_t *list, const json_t **all, size_t *count)
{
	size_t before = *count, i, j;
	json_t *value;

	if (list != NULL && !json_is_array(list))
		return import_refuse(op, "its parameters are no list");
	json_array_foreach (list, i, value) {
		const json_t *parameter = import_resolve(op, value, "a parameter");
		if (parameter == NULL)
			return false;
		for (j = 0; j < *count && !is_same(all[j], parameter); j++)
			;
		if ((j < *count && j >= before) || j == PARAMETERS_MAX)
			return import_refuse(op, "it has a parameter twice, or more than %d", PARAMETERS_MAX);
		all[j] = parameter;
		*count += j == *count;
	}
	return true;
}

/* The path with the names of arguments. NULL and refused. */
static const char *path_template(struct import_operation *op)
{
	struct text_buffer b = {.pool = op->document->pool};
	const char *at = op->path, *end;

	text_append(&b, "", 0);
	for (size_t len; at[len = strcspn(at, "{}")] != '\0'; at = end + 1) {
		end = at[len] == '{' ? strchr(at + len, '}') : NULL;
		const char *name =
		    end != NULL ? text_copy(b.pool, h2o_iovec_init(at + len + 1, (size_t)(end - at) - len - 1)) : NULL;
		const char *argument = name != NULL ? json_string_value(json_object_get(op->names, name)) : NULL;
		if (argument == NULL) {
			import_refuse(op, "its path has a place that no parameter describes");
			return NULL;
		}
		text_append(&b, at, len);
		text_append_printf(&b, "{%s}", argument);
		json_object_set_new(op->names, name, json_true()); /* has its place */
	}
	text_append_str(&b, at);
	return b.base;
}

static bool make_url(struct import_operation *op)
{
	const char *path, *name;
	json_t *argument;

	if (op->path[0] != '/' || strpbrk(op->path, "?#") != NULL)
		return import_refuse(op, "its path does not begin with a slash, or has a query or a fragment");
	path = path_template(op);
	if (path == NULL)
		return false;
	json_object_foreach (op->names, name, argument)
		if (json_is_string(argument))
			return import_refuse(op, "the parameter %s has no place in the path", name);
	return json_object_set_new(op->http, "url",
	                           json_string(text_printf(op->document->pool, "%s%s", op->server.base, path))) == 0;
}

bool import_parameters(struct import_operation *op)
{
	const json_t *all[PARAMETERS_MAX];
	size_t count = 0;

	json_object_set_new(op->http, "method", json_string(op->method));
	json_object_set_new(op->http, "url", json_null()); /* stands here, and is made when its arguments have names */
	if (!gather(op, json_object_get(op->path_item, "parameters"), all, &count) ||
	    !gather(op, json_object_get(op->source, "parameters"), all, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!take_parameter(op, all[i]))
			return false;
	return make_url(op);
}
