/* SPDX-License-Identifier: Apache-2.0 */
/* The files of resources and of templates. */
#include "common/config.h"
#include "mcp/catalogue/content.h"
#include "mcp/catalogue/loading.h"
#include "mcp/catalogue/resource.h"
#include "mcp/backend/sql/sql_plan.h"
#include "mcp/catalogue/uri_template.h"

static const char SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: A resource of sallyport-mcp, or a template of many\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [name, scope]\n"
    "dependentRequired: {sql: [result]}\n"
    "properties:\n"
    "  uri: {description: 'Byte for byte as it is asked for', type: string, minLength: 1, maxLength: 2048}\n"
    "  uri_template: {description: 'RFC 6570, level 1 to 3', type: string, minLength: 1, maxLength: 512}\n"
    "  name: {type: string, minLength: 1, maxLength: 128}\n"
    "  title: {type: string, minLength: 1, maxLength: 200}\n"
    "  description: {description: For the model, type: string, minLength: 1, maxLength: 4000}\n"
    "  mime_type: {type: string, pattern: '^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+(; ?[A-Za-z0-9=_.-]+)*$', "
    "maxLength: 200}\n"
    "  scope: {description: The scope that opens the resource, type: string, pattern: "
    "'^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$', maxLength: 128}\n"
    "  acquirable:\n"
    "    description: A person who could be granted the scope sees the resource; reading it then asks for the scope\n"
    "    type: boolean\n"
    "  untrusted: {description: It holds text of strangers and is marked as such, type: boolean}\n"
    "  annotations:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      audience: {type: array, items: {enum: [user, assistant]}, uniqueItems: true, minItems: 1}\n"
    "      priority: {type: number, minimum: 0, maximum: 1}\n"
    "      lastModified: {type: string, format: date-time}\n"
    "  arguments: {description: JSON Schema 2020-12 of the variables of the template, type: object}\n"
    "  complete:\n"
    "    description: Values of the variables of the template\n"
    "    type: object\n"
    "    additionalProperties: " COMPLETION_SCHEMA "\n"
    "  result:\n"
    "    description: 'What is kept of the rows of a statement: JSON of these columns, or one column of the first "
    "row'\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    minProperties: 1\n"
    "    properties:\n"
    "      columns: {type: array, items: {type: string, minLength: 1, maxLength: 63}, uniqueItems: true, minItems: 1, "
    "maxItems: 64}\n"
    "      rows: {type: integer, minimum: 1, maximum: 1000}\n"
    "      bytes: " SQL_BYTES_SCHEMA "\n"
    "      text: {type: string, minLength: 1, maxLength: 63}\n"
    "      blob: {description: A bytea, type: string, minLength: 1, maxLength: 63}\n";

/* Every variable has its schema, or a text of plain length. A URI without one of them is another resource. */
static json_t *default_schema(h2o_mem_pool_t *pool, const struct uri_template *template)
{
	json_t *properties = json_object();

	for (size_t i = 0; i < uri_template_variable_count(template); i++)
		json_object_set_new(properties, uri_template_variable(template, i),
		                    json_pack("{s:s, s:i}", "type", "string", "maxLength", 200));
	return json_keep(
	    pool, json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0, "properties", properties));
}

static const char *variables_problem(struct loading *l, const struct uri_template *template, const json_t *schema)
{
	const json_t *properties = json_object_get(schema, "properties");
	size_t count = uri_template_variable_count(template);

	if (!text_is(json_get_text(schema, "type"), "object"))
		return "/arguments/type: must be object";
	if (!json_is_false(json_object_get(schema, "additionalProperties")))
		return "/arguments/additionalProperties: must be false";
	for (size_t i = 0; i < count; i++) {
		const char *name = uri_template_variable(template, i);
		const json_t *property = json_object_get(properties, name);
		if (property == NULL)
			return text_printf(l->pool, "/arguments/properties: has no %s", name);
		if (!text_is(json_get_text(property, "type"), "string"))
			return text_printf(l->pool, "/arguments/properties/%s/type: must be string", name);
	}
	if (json_object_size(properties) != count)
		return "/arguments/properties: has a member that is no variable of the template";
	return NULL;
}

static const char *load_template(struct loading *l, h2o_iovec_t text, struct resource *resource)
{
	const json_t *schema = json_object_get(l->document, "arguments");
	const char *problem;

	resource->template = uri_template_compile(l->pool, text, &problem);
	if (resource->template != NULL)
		problem = uri_template_problem(resource->template);
	if (problem == NULL && uri_template_variable_count(resource->template) == 0)
		problem = "has no expression: it is a uri";
	if (problem == NULL && !content_uri_has_scheme(text))
		problem = "must begin with a scheme in lower case";
	if (problem != NULL)
		return text_printf(l->pool, "/uri_template: %s", problem);
	if (schema == NULL)
		schema = default_schema(l->pool, resource->template);
	problem = variables_problem(l, resource->template, schema);
	if (problem == NULL)
		resource->item.arguments = loading_compile(l, "/arguments", schema, &problem);
	l->names = json_object_get(schema, "properties");
	return problem;
}

static const char *load_uri(struct loading *l, h2o_iovec_t text)
{
	const char *problem;

	/* a URI is a template without expressions: no character that a URI cannot hold */
	for (size_t at = 0; at < text.len; at += URI_TEMPLATE_SIZE_MAX) {
		size_t len = text.len - at < URI_TEMPLATE_SIZE_MAX ? text.len - at : URI_TEMPLATE_SIZE_MAX;
		const struct uri_template *plain =
		    uri_template_compile(l->pool, h2o_iovec_init(text.base + at, len), &problem);
		if (plain == NULL || uri_template_variable_count(plain) > 0)
			return text_printf(l->pool, "/uri: %s", plain == NULL ? problem : "has an expression");
	}
	if (!content_uri_has_scheme(text))
		return "/uri: must begin with a scheme in lower case";
	if (json_object_get(l->document, "arguments") != NULL || json_object_get(l->document, "complete") != NULL)
		return "/uri: only a uri_template has arguments";
	return NULL;
}

static const char *load_completions(struct loading *l, struct resource *resource)
{
	const char *name, *problem;
	json_t *complete;

	completions_open(l, &resource->completions);
	json_object_foreach (json_object_get(l->document, "complete"), name, complete) {
		if (json_object_get(l->names, name) == NULL)
			return text_printf(l->pool, "/complete/%s: is no variable of the template", name);
		problem = completions_add(l, &resource->completions, name, complete,
		                          text_printf(l->pool, "/complete/%s/sql", name));
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

static const char *result_problem(const json_t *result)
{
	bool columns = json_object_get(result, "columns") != NULL, text = json_object_get(result, "text") != NULL;
	bool blob = json_object_get(result, "blob") != NULL;

	if (result != NULL && columns + text + blob != 1)
		return "/result: must have one of columns, text and blob";
	if (!columns && json_object_get(result, "rows") != NULL)
		return "/result/rows: goes with columns";
	return NULL;
}

static const char *load_resource(struct loading *l, struct item *item)
{
	struct resource *resource = (struct resource *)item;
	h2o_iovec_t uri = json_get_text(l->document, "uri"), template = json_get_text(l->document, "uri_template");
	const char *problem;

	if ((uri.base == NULL) == (template.base == NULL))
		return "/uri: there must be a uri or a uri_template";
	item->kind = template.base != NULL ? ITEM_TEMPLATE : ITEM_RESOURCE;
	item->key = template.base != NULL ? template.base : uri.base;
	resource->mime_type = config_text(l->document, "mime_type", NULL);
	resource->size = -1;
	if (!loading_text_is_visible(text_of(item->name)))
		return "/name: has control or invisible characters";
	problem = template.base != NULL ? load_template(l, template, resource) : load_uri(l, uri);
	if (problem == NULL)
		problem = result_problem(json_object_get(l->document, "result"));
	return problem != NULL ? problem : load_completions(l, resource);
}

static void set_text(json_t *object, const char *member, const char *text)
{
	if (text != NULL)
		json_object_set_new(object, member, json_string(text));
}

static const char *finish_resource(struct loading *l, struct item *item)
{
	const struct resource *resource = resource_of(item);
	json_t *listed =
	    json_pack("{s:s, s:s}", item->kind == ITEM_TEMPLATE ? "uriTemplate" : "uri", item->key, "name", item->name);
	json_t *annotations = json_object_get(l->document, "annotations");

	set_text(listed, "title", item->title);
	set_text(listed, "description", item->description);
	set_text(listed, "mimeType", resource->mime_type);
	if (annotations != NULL)
		json_object_set(listed, "annotations", annotations);
	if (item->kind == ITEM_RESOURCE && resource->size >= 0)
		json_object_set_new(listed, "size", json_integer(resource->size));
	item->listed = loading_keep_text(l, listed);
	return NULL;
}

const struct item_file RESOURCE_FILE = {
    .what = "resource",
    .kinds = 1 << ITEM_RESOURCE | 1 << ITEM_TEMPLATE,
    .size = sizeof(struct resource),
    .schema = SCHEMA,
    .load = load_resource,
    .finish = finish_resource,
};
