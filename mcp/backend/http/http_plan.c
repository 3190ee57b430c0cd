/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/http/http_plan.h"

#include <string.h>

#include "common/config.h"
#include "common/uri.h"

enum {
	TIMEOUT_DEFAULT_MS = 10 * 1000,
	TIMEOUT_MAX_MS = 5 * 60 * 1000,
	LIMIT_DEFAULT = 1024 * 1024,
	LIMIT_MAX = 8 * 1024 * 1024,
};

const char HTTP_PLAN_SCHEMA[] =
    "type: object\n"
    "description: 'One HTTP request; {name} stands for an argument'\n"
    "additionalProperties: false\n"
    "required: [method, url]\n"
    "$defs:\n"
    "  value: {type: string, maxLength: 4000}\n"
    "  pointer: {description: A JSON pointer such as /data/items, type: string, maxLength: 1024}\n"
    "  fields:\n"
    "    type: object\n"
    "    maxProperties: 64\n"
    "    propertyNames: {minLength: 1, maxLength: 128}\n"
    "    additionalProperties: {$ref: '#/properties/http/$defs/value'}\n"
    "properties:\n"
    "  method: {enum: [GET, POST, PUT, PATCH, DELETE]}\n"
    "  url: {description: 'Arguments stand in segments of the path only', type: string, minLength: 1, maxLength: "
    "2000}\n"
    "  query: {description: 'A list argument stands for several fields; a field without its argument is left out', "
    "$ref: '#/properties/http/$defs/fields'}\n"
    "  headers: {description: 'One without its argument is left out', $ref: '#/properties/http/$defs/fields'}\n"
    "  body:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    oneOf: [{required: [json]}, {required: [form]}, {required: [text]}]\n"
    "    properties:\n"
    "      json: {description: '{$argument: name} stands for an argument, {$arguments: true} for all of them'}\n"
    "      form: {$ref: '#/properties/http/$defs/fields'}\n"
    "      text: {type: string, maxLength: 100000}\n"
    "      type: {description: Its media type where that is not the usual one, type: string, pattern: "
    "'^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+(; ?[A-Za-z0-9=_.-]+)*$', maxLength: 200}\n"
    "  credential: " CREDENTIAL_SCHEMA "\n"
    "  timeout: {type: string, pattern: " DURATION_PATTERN "}\n"
    "  bytes: {description: 'Of the answer, such as 1MiB', type: string, pattern: " SIZE_PATTERN "}\n"
    "  answers:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      as: {description: 'json unless said', enum: [json, text, image, audio, blob]}\n"
    "      types:\n"
    "        description: 'Media types that are taken: image/png, image/*'\n"
    "        type: array\n"
    "        minItems: 1\n"
    "        maxItems: 16\n"
    "        items: {type: string, pattern: '^[a-z0-9.+-]{1,64}/([a-z0-9.+-]{1,64}|[*])$'}\n"
    "      pick:\n"
    "        description: 'What of the JSON is the result, or by name what its members are'\n"
    "        anyOf:\n"
    "        - {$ref: '#/properties/http/$defs/pointer'}\n"
    "        - {type: object, minProperties: 1, maxProperties: 64, additionalProperties: {$ref: "
    "'#/properties/http/$defs/pointer'}}\n"
    "      error: {description: 'Where the service says in JSON what is wrong with a request', $ref: "
    "'#/properties/http/$defs/pointer'}\n";

/* ---- the address ---- */

static const char *path_problem(struct loading *l, const struct http_path *path)
{
	const json_t *required = json_object_get(json_object_get(l->document, "input"), "required");

	for (size_t i = 0; i < http_path_segment_count(path); i++) {
		const struct http_template *t = http_path_segment(path, i);
		const char *problem = http_plan_arguments_problem(l, t, false);
		if (problem != NULL)
			return problem;
		for (size_t j = 0; j < http_template_argument_count(t); j++) {
			bool found = false;
			for (size_t k = 0; k < json_array_size(required); k++)
				found = found || text_is(text_of(json_string_value(json_array_get(required, k))),
				                         http_template_argument(t, j));
			if (!found)
				return text_printf(l->pool, "has {%s}, which input does not require",
				                   http_template_argument(t, j));
		}
	}
	return NULL;
}

/* One address that could be: each argument is an x. It says what is true of all of them. */
static const char *sample(struct loading *l, const struct http_path *path)
{
	json_t *arguments = json_keep(l->pool, json_object());
	struct text_buffer b = {.pool = l->pool};
	const char *name;
	json_t *member;

	json_object_foreach ((json_t *)l->names, name, member)
		json_object_set_new(arguments, name, json_string("x"));
	return http_path_append(&b, path, arguments) == NULL ? b.base != NULL ? b.base : "" : NULL;
}

/* What stands before the path has no places: a brace is no character of it. */
static h2o_iovec_t cut_origin(h2o_iovec_t *rest)
{
	const char *slashes = strstr(rest->base, "://");
	size_t len = slashes != NULL ? (size_t)(slashes - rest->base) + 3 : 0;

	len += strcspn(rest->base + len, "/?#");
	h2o_iovec_t origin = h2o_iovec_init(rest->base, len);
	*rest = h2o_iovec_init(rest->base + len, rest->len - len);
	return origin;
}

static const char *load_url(struct loading *l, const json_t *part, struct http_plan *plan)
{
	h2o_iovec_t rest = json_get_text(part, "url"), origin = cut_origin(&rest);
	const char *question = memchr(rest.base, '?', rest.len), *problem, *url, *path;
	size_t len = question != NULL ? (size_t)(question - rest.base) : rest.len;
	struct uri uri;

	plan->origin = text_copy(l->pool, origin);
	plan->fixed_query = question != NULL ? question + 1 : NULL;
	plan->path = http_path_compile(l->pool, h2o_iovec_init(rest.base, len), l->names, &problem);
	if (len > 0 && rest.base[0] != '/')
		problem = "has no path behind its host";
	if (problem != NULL || (problem = path_problem(l, plan->path)) != NULL)
		return text_printf(l->pool, "/url: %s", problem);
	path = sample(l, plan->path);
	url = text_printf(l->pool, "%s%s%s%s", plan->origin, path != NULL ? path : "", question != NULL ? "?" : "",
	                  question != NULL ? question + 1 : "");
	if (path == NULL || !uri_parse(text_of(url), &uri) || uri.has_fragment || uri.host.len == 0)
		return "/url: is no http URL with {name} in segments of its path only";
	if (!egress_places_allow(&l->settings->outbound, text_of(url)))
		return "/url: is of no host in outbound.hosts of the configuration";
	return NULL;
}

/* ---- fields ---- */

static bool is_of_type(const json_t *schema, const char *type)
{
	const json_t *said = json_object_get(schema, "type");

	return json_is_string(said) && strcmp(json_string_value(said), type) == 0;
}

const char *http_plan_arguments_problem(struct loading *l, const struct http_template *t, bool lists)
{
	const char *whole = http_template_whole(t);

	for (size_t i = 0; i < http_template_argument_count(t); i++) {
		const char *name = http_template_argument(t, i);
		const json_t *schema = json_object_get(l->names, name);
		bool list_fits = lists && whole != NULL;
		if (is_of_type(schema, "object") || (is_of_type(schema, "array") && !list_fits))
			return text_printf(l->pool, "has {%s}, which is no single text, number or boolean", name);
	}
	return NULL;
}

const char *http_plan_load_fields(struct loading *l, const json_t *part, const char *place, bool lists,
                                  struct http_fields *ret)
{
	const char *name, *problem;
	json_t *value;

	*ret = (struct http_fields){.list =
	                                h2o_mem_alloc_pool(l->pool, (json_object_size(part) + 1) * sizeof(*ret->list))};
	json_object_foreach ((json_t *)part, name, value) {
		struct http_field *field = &ret->list[ret->count++];
		h2o_iovec_t text = h2o_iovec_init(json_string_value(value), json_string_length(value));
		field->name = name;
		field->value = http_template_compile(l->pool, text, l->names, &problem);
		if (problem == NULL)
			problem = http_plan_arguments_problem(l, field->value, lists);
		if (problem != NULL)
			return text_printf(l->pool, "/%s/%s: %s", place, name, problem);
	}
	return NULL;
}

static const char *load_headers(struct loading *l, const json_t *part, struct http_plan *plan)
{
	const char *secret = json_string_value(json_object_get(json_object_get(part, "credential"), "header"));
	const char *problem =
	    http_plan_load_fields(l, json_object_get(part, "headers"), "headers", false, &plan->headers);

	for (size_t i = 0; problem == NULL && i < plan->headers.count; i++) {
		const char *name = plan->headers.list[i].name;
		if (!egress_field_name_is_free(text_of(name)))
			return text_printf(l->pool, "/headers/%s: is no header that a tool can set", name);
		if (secret != NULL && egress_field_name_is(text_of(name), secret))
			return text_printf(l->pool, "/headers/%s: is the header of the credential", name);
		for (size_t j = 0; j < i; j++)
			if (text_is_nocase(text_of(name), plan->headers.list[j].name))
				return text_printf(l->pool, "/headers/%s: stands here twice", name);
		json_t *value = json_object_get(json_object_get(part, "headers"), name);
		if (text_has_invisible(h2o_iovec_init(json_string_value(value), json_string_length(value))))
			return text_printf(l->pool, "/headers/%s: has control or invisible characters", name);
	}
	return problem;
}

/* ---- the rest ---- */

static const char *load_method(const json_t *part, const struct item *item, struct http_plan *plan)
{
	plan->method = config_text(part, "method", NULL);
	if (item->tier == TIER_READ && strcmp(plan->method, "GET") != 0 && strcmp(plan->method, "POST") != 0)
		return "/method: a tool of tier read must not change anything";
	if (strcmp(plan->method, "GET") == 0 && json_object_get(part, "body") != NULL)
		return "/body: GET has none";
	return NULL;
}

static const char *load_parts(struct loading *l, const json_t *part, const struct item *item, struct http_plan *plan)
{
	const json_t *credential = json_object_get(part, "credential");
	const char *problem = load_method(part, item, plan);

	if (problem == NULL)
		problem = load_url(l, part, plan);
	if (problem == NULL)
		problem = http_plan_load_fields(l, json_object_get(part, "query"), "query", true, &plan->query);
	if (problem == NULL)
		problem = load_headers(l, part, plan);
	if (problem == NULL)
		problem = http_plan_load_body(l, json_object_get(part, "body"), plan);
	if (problem == NULL)
		problem = http_plan_load_answers(l, json_object_get(part, "answers"), &plan->answers);
	if (problem == NULL)
		plan->credential = credential_load(l, credential, "/credential", &problem);
	return problem;
}

const char *http_plan_load(struct loading *l, const json_t *part, struct item *item)
{
	struct http_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	int64_t timeout = config_duration_ms(part, "timeout", TIMEOUT_DEFAULT_MS);
	const char *problem;

	*plan =
	    (struct http_plan){.timeout_ms = (long)timeout, .limit = (size_t)config_size(part, "bytes", LIMIT_DEFAULT)};
	item->plan = plan;
	if (timeout < 1 || timeout > TIMEOUT_MAX_MS)
		return "/http/timeout: must be between 1ms and 5m";
	if (plan->limit > LIMIT_MAX)
		return "/http/bytes: must be at most 8MiB";
	problem = load_parts(l, part, item, plan);
	if (problem != NULL)
		return text_printf(l->pool, "/http%s", problem);
	plan->idempotent = config_bool(l->document, "idempotent", strcmp(plan->method, "GET") == 0);
	item->sends = item->sends || strcmp(plan->method, "GET") != 0;
	return NULL;
}
