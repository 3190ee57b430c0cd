/* SPDX-License-Identifier: Apache-2.0 */
/* The files of prompts. */
#include "mcp/catalogue/loading.h"
#include "mcp/catalogue/prompt.h"

enum { ARGUMENT_LENGTH_DEFAULT = 4000 };

static const char SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: A prompt of sallyport-mcp\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [name, scope]\n"
    "properties:\n"
    "  name: {type: string, maxLength: 128, pattern: '^[A-Za-z0-9_.-]+$'}\n"
    "  title: {type: string, minLength: 1, maxLength: 200}\n"
    "  description: {type: string, minLength: 1, maxLength: 4000}\n"
    "  scope: {description: The scope that opens the prompt, type: string, pattern: "
    "'^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$', maxLength: 128}\n"
    "  acquirable:\n"
    "    description: A person who could be granted the scope sees the prompt; getting it then asks for the scope\n"
    "    type: boolean\n"
    "  untrusted: {description: Arguments are marked as text of strangers, type: boolean}\n"
    "  arguments:\n"
    "    description: All of them are texts\n"
    "    type: array\n"
    "    maxItems: 32\n"
    "    items:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [name]\n"
    "      properties:\n"
    "        name: {type: string, pattern: '^[A-Za-z0-9_.-]{1,64}$'}\n"
    "        title: {type: string, minLength: 1, maxLength: 200}\n"
    "        description: {type: string, minLength: 1, maxLength: 1000}\n"
    "        required: {type: boolean}\n"
    "        schema: {description: 'JSON Schema 2020-12 of the text; maxLength is 4000 if it is absent', type: "
    "object}\n"
    "        complete: " COMPLETION_SCHEMA "\n";

/* What its file says, as a schema of a text that has an end. NULL if it says something else. */
static json_t *argument_schema(const json_t *argument)
{
	json_t *schema = json_copy(json_object_get(argument, "schema"));

	if (schema == NULL)
		schema = json_object();
	if (json_object_get(schema, "type") == NULL)
		json_object_set_new(schema, "type", json_string("string"));
	if (json_object_get(schema, "maxLength") == NULL)
		json_object_set_new(schema, "maxLength", json_integer(ARGUMENT_LENGTH_DEFAULT));
	if (text_is(json_get_text(schema, "type"), "string"))
		return schema;
	json_decref(schema);
	return NULL;
}

static const char *argument_problem(struct loading *l, const json_t *argument, size_t i)
{
	const char *name = json_get_text(argument, "name").base;

	if (json_object_get(l->names, name) != NULL)
		return text_printf(l->pool, "/arguments/%zu/name: %s stands twice", i, name);
	if (!loading_text_is_visible(json_get_text(argument, "title")))
		return text_printf(l->pool, "/arguments/%zu/title: has control or invisible characters", i);
	if (!loading_text_is_visible(json_get_text(argument, "description")))
		return text_printf(l->pool, "/arguments/%zu/description: has control or invisible characters", i);
	return NULL;
}

/* Sets item->arguments and l->names. */
static const char *load_arguments(struct loading *l, const json_t *arguments, struct item *item)
{
	json_t *properties = json_object(), *required = json_array();
	json_t *schema = json_keep(l->pool, json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties",
	                                              0, "properties", properties, "required", required));
	const char *problem;

	l->names = properties;
	for (size_t i = 0; i < json_array_size(arguments); i++) {
		const json_t *argument = json_array_get(arguments, i);
		const char *name = json_get_text(argument, "name").base;
		problem = argument_problem(l, argument, i);
		if (problem != NULL)
			return problem;
		json_t *text = argument_schema(argument);
		if (text == NULL)
			return text_printf(l->pool, "/arguments/%zu/schema/type: must be string", i);
		json_object_set_new(properties, name, text);
		if (json_is_true(json_object_get(argument, "required")))
			json_array_append_new(required, json_string(name));
	}
	item->arguments = loading_compile(l, "/arguments", schema, &problem);
	return problem;
}

static const char *load_completions(struct loading *l, const json_t *arguments, struct prompt *prompt)
{
	completions_open(l, &prompt->completions);
	for (size_t i = 0; i < json_array_size(arguments); i++) {
		const json_t *argument = json_array_get(arguments, i),
			     *complete = json_object_get(argument, "complete");
		if (complete == NULL)
			continue;
		const char *problem = completions_add(l, &prompt->completions, json_get_text(argument, "name").base,
		                                      complete, text_printf(l->pool, "/arguments/%zu/complete/sql", i));
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

static const char *load_prompt(struct loading *l, struct item *item)
{
	const json_t *arguments = json_object_get(l->document, "arguments");

	item->kind = ITEM_PROMPT;
	item->key = item->name;
	const char *problem = load_arguments(l, arguments, item);
	return problem != NULL ? problem : load_completions(l, arguments, (struct prompt *)item);
}

static void copy_member(json_t *to, const json_t *from, const char *member)
{
	json_t *value = json_object_get(from, member);

	if (value != NULL)
		json_object_set(to, member, value);
}

/* Schemas and values are for the server; clients get names and words. */
static json_t *listed_arguments(const json_t *arguments)
{
	static const char *const MEMBERS[] = {"name", "title", "description", "required"};
	json_t *listed = json_array();

	for (size_t i = 0; i < json_array_size(arguments); i++) {
		json_t *argument = json_object();
		for (size_t j = 0; j < sizeof(MEMBERS) / sizeof(MEMBERS[0]); j++)
			copy_member(argument, json_array_get(arguments, i), MEMBERS[j]);
		json_array_append_new(listed, argument);
	}
	return listed;
}

static const char *finish_prompt(struct loading *l, struct item *item)
{
	const json_t *arguments = json_object_get(l->document, "arguments");
	json_t *listed = json_object();

	copy_member(listed, l->document, "name");
	copy_member(listed, l->document, "title");
	copy_member(listed, l->document, "description");
	if (json_array_size(arguments) > 0)
		json_object_set_new(listed, "arguments", listed_arguments(arguments));
	item->listed = loading_keep_text(l, listed);
	return NULL;
}

const struct item_file PROMPT_FILE = {
    .what = "prompt",
    .kinds = 1 << ITEM_PROMPT,
    .size = sizeof(struct prompt),
    .schema = SCHEMA,
    .load = load_prompt,
    .finish = finish_prompt,
};
