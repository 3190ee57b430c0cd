/* SPDX-License-Identifier: Apache-2.0 */
/* The body: members of a plain object become arguments of their own; whatever else it can be is one argument. */
#include <string.h>

#include "mcp/import/import.h"

#define FORM "application/x-www-form-urlencoded"

bool import_is_json_type(h2o_iovec_t type)
{
	h2o_iovec_t parameters = type, essence = text_cut(&parameters, ';');

	if (essence.len > 5 && text_is_nocase(h2o_iovec_init(essence.base + essence.len - 5, 5), "+json"))
		return true;
	return text_is_nocase(essence, "application/json");
}

/* The first that a tool can send. */
static const char *choose_type(const json_t *content, bool *is_json)
{
	const char *type, *form = NULL;
	json_t *media;

	*is_json = true;
	json_object_foreach ((json_t *)content, type, media)
		if (import_is_json_type(text_of(type)))
			return type;
	json_object_foreach ((json_t *)content, type, media) {
		h2o_iovec_t parameters = text_of(type);
		if (text_is_nocase(text_cut(&parameters, ';'), FORM))
			form = type;
	}
	*is_json = false;
	return form != NULL ? form : json_object_get(content, "*/*") != NULL ? (*is_json = true, "*/*") : NULL;
}

/* Nothing but members: what it says of the whole would be said nowhere once they are arguments. */
static bool is_plain(const json_t *schema)
{
	static const char *const PLAIN[] = {"type",   "properties",  "required", "additionalProperties",
	                                    "title",  "description", "examples", "deprecated",
	                                    "default"};
	const json_t *properties = json_object_get(schema, "properties"),
		     *required = json_object_get(schema, "required");
	const json_t *more = json_object_get(schema, "additionalProperties"), *type = json_object_get(schema, "type");
	size_t known = 0;

	for (size_t i = 0; i < sizeof(PLAIN) / sizeof(PLAIN[0]); i++)
		known += json_object_get(schema, PLAIN[i]) != NULL;
	if (known != json_object_size(schema) || json_object_size(properties) == 0 || json_is_object(more))
		return false;
	if (!json_is_string(type) || strcmp(json_string_value(type), "object") != 0)
		return false;
	for (size_t i = 0; i < json_array_size(required); i++) {
		const char *name = json_string_value(json_array_get(required, i));
		if (name == NULL || json_object_get(properties, name) == NULL)
			return false;
	}
	return true;
}

static bool is_required(const json_t *schema, const char *name)
{
	const json_t *required = json_object_get(schema, "required");

	for (size_t i = 0; i < json_array_size(required); i++)
		if (strcmp(json_string_value(json_array_get(required, i)), name) == 0)
			return true;
	return false;
}

/* ---- JSON ---- */

static void set_body(struct import_operation *op, const char *kind, json_t *value, const char *type)
{
	json_t *body = json_pack("{s:o}", kind, value);

	if (strcasecmp(type, "application/json") != 0 && strcasecmp(type, FORM) != 0 && strcmp(type, "*/*") != 0)
		json_object_set_new(body, "type", json_string(type));
	json_object_set_new(op->http, "body", body);
}

static void add_members(struct import_operation *op, const json_t *schema, const char *type)
{
	json_t *template = json_object(), *member;
	const char *name;

	json_object_foreach (json_object_get(schema, "properties"), name, member) {
		const char *argument =
		    import_add_argument(op, name, "body", json_incref(member), is_required(schema, name));
		json_object_set_new(template, name, json_pack("{s:s}", "$argument", argument));
	}
	set_body(op, "json", template, type);
}

static void add_json(struct import_operation *op, const json_t *schema, const char *type)
{
	if (is_plain(schema)) {
		add_members(op, schema, type);
		return;
	}
	const char *argument = import_add_argument(op, "body", "whole", json_incref((json_t *)schema), true);
	set_body(op, "json", json_pack("{s:s}", "$argument", argument), type);
}

/* ---- forms ---- */

static bool add_form(struct import_operation *op, const json_t *schema, const json_t *media, const char *type)
{
	json_t *form = json_object(), *member;
	const char *name;

	set_body(op, "form", form, type);
	if (!is_plain(schema) || json_object_get(media, "encoding") != NULL)
		return import_refuse(op, "its form is more than fields with the usual encoding");
	json_object_foreach (json_object_get(schema, "properties"), name, member) {
		unsigned types = import_types(member);
		bool is_list = (types & IMPORT_ARRAY) != 0;
		if ((types & IMPORT_OBJECT) != 0 || (is_list && !import_items_are_scalar(member)))
			return import_refuse(op, "the field %s of its form is no text, number, boolean or list of them",
			                     name);
		const char *argument =
		    import_add_argument(op, name, "body", json_incref(member), is_required(schema, name));
		json_object_set_new(form, name, json_string(text_printf(op->document->pool, "{%s}", argument)));
	}
	return true;
}

/* ---- */

static bool take_content(struct import_operation *op, const json_t *body)
{
	const json_t *content = json_object_get(body, "content"), *media;
	bool is_json;
	const char *type = choose_type(content, &is_json),
		   *first = json_object_iter_key(json_object_iter((json_t *)content));

	if (type == NULL)
		return import_refuse(op, "its body is %s, which a tool cannot send",
		                     first != NULL ? first : "undescribed");
	media = json_object_get(content, type);
	if (json_object_get(media, "schema") == NULL)
		return import_refuse(op, "its body has no schema");
	json_t *schema = import_schema(op, json_object_get(media, "schema"), IMPORT_ARGUMENTS);
	if (schema == NULL)
		return false;
	if (is_json)
		add_json(op, schema, type);
	bool fine = is_json || add_form(op, schema, media, type);
	json_decref(schema);
	return fine;
}

bool import_body(struct import_operation *op)
{
	const json_t *body = json_object_get(op->source, "requestBody");

	if (body == NULL)
		return true;
	body = import_resolve(op, body, "its body");
	if (body == NULL)
		return false;
	if (strcmp(op->method, "GET") == 0)
		return import_refuse(op, "it is a GET with a body");
	if (!json_is_true(json_object_get(body, "required")))
		import_note(op, "its body is optional; the tool always sends it");
	return take_content(op, body);
}
