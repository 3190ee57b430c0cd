/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan and arguments become on the wire. */
#include <string.h>

#include "mcp/backend/http/http_plan.h"

enum { URL_MAX = 2048 };

static const char UNUSABLE[] = "An argument is a list or an object where the tool can send only a text, a number or a "
			       "boolean.";

/* ---- queries and forms ---- */

static void begin_pair(struct text_buffer *b, const char *name)
{
	text_append_str(b, b->len > 0 ? "&" : "");
	text_append_uri(b, text_of(name));
	text_append_str(b, "=");
}

/* A list is its values, each in a pair of its own. */
static bool append_list(struct text_buffer *b, const char *name, const json_t *list)
{
	json_t *value;
	size_t i;

	json_array_foreach (list, i, value) {
		h2o_iovec_t text = json_scalar_text(b->pool, value);
		if (text.base == NULL)
			return false;
		begin_pair(b, name);
		text_append_uri(b, text);
	}
	return true;
}

static bool append_fields(struct text_buffer *b, const struct http_fields *fields, const json_t *arguments)
{
	const char *bad;

	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->list[i];
		const char *whole = http_template_whole(field->value);
		const json_t *list = whole != NULL ? json_object_get(arguments, whole) : NULL;
		if (!http_template_is_filled(field->value, arguments))
			continue;
		if (json_is_array(list)) {
			if (!append_list(b, field->name, list))
				return false;
			continue;
		}
		begin_pair(b, field->name);
		if (!http_template_append(b, field->value, arguments, HTTP_VALUE, &bad))
			return false;
	}
	return true;
}

/* RFC 3986 knows escapes of control characters, but nobody expects them behind a gateway: the door refuses them. */
static bool has_control_escape(const char *query)
{
	for (const char *at = query; (at = strchr(at, '%')) != NULL; at++)
		if (at[1] == '0' || at[1] == '1' || (at[1] == '7' && (at[2] == 'F' || at[2] == 'f')))
			return true;
	return false;
}

static const char *make_url(h2o_mem_pool_t *pool, const struct http_plan *plan, const json_t *arguments,
                            struct http_message *ret)
{
	struct text_buffer b = {.pool = pool}, query = {.pool = pool};
	const char *problem;

	text_append_str(&b, plan->origin);
	problem = http_path_append(&b, plan->path, arguments);
	if (problem != NULL)
		return problem;
	text_append_str(&query, plan->fixed_query != NULL ? plan->fixed_query : "");
	if (!append_fields(&query, &plan->query, arguments))
		return UNUSABLE;
	if (query.len > 0 && has_control_escape(query.base))
		return "An argument has control characters, such as a line break, which this tool cannot send.";
	text_append_printf(&b, "%s%s", query.len > 0 ? "?" : "", query.len > 0 ? query.base : "");
	ret->url = b.base;
	return b.len > URL_MAX ? "The arguments are longer than this tool can send." : NULL;
}

/* ---- headers ---- */

static bool is_header_value(h2o_iovec_t value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.base[i] < ' ' || value.base[i] == 0x7f)
			return false;
	return value.len <= 8192;
}

static const char *make_headers(h2o_mem_pool_t *pool, const struct http_plan *plan, const json_t *arguments,
                                struct http_message *ret)
{
	const struct http_fields *fields = &plan->headers;
	size_t count = 0;
	const char *bad;

	ret->headers = h2o_mem_alloc_pool(pool, (fields->count + 2) * sizeof(*ret->headers));
	for (size_t i = 0; i < fields->count; i++) {
		struct text_buffer value = {.pool = pool};
		if (!http_template_is_filled(fields->list[i].value, arguments))
			continue;
		if (!http_template_append(&value, fields->list[i].value, arguments, HTTP_PLAIN, &bad))
			return UNUSABLE;
		if (!is_header_value(h2o_iovec_init(value.base, value.len)))
			return "An argument has control characters, or is longer than this tool can send.";
		ret->headers[count++] =
		    text_printf(pool, "%s: %s", fields->list[i].name, value.base != NULL ? value.base : "");
	}
	ret->headers[count] = ret->headers[count + 1] = NULL;
	return NULL;
}

/* ---- bodies ---- */

static json_t *fill(const json_t *value, const json_t *arguments);

/* A member whose argument is absent is left out. */
static json_t *fill_object(const json_t *object, const json_t *arguments)
{
	json_t *copy = json_object(), *member;
	const char *name;

	json_object_foreach ((json_t *)object, name, member) {
		json_t *filled = fill(member, arguments);
		if (filled != NULL)
			json_object_set_new(copy, name, filled);
	}
	return copy;
}

/* A new reference; NULL: it is an argument, and absent. What an argument brings is not looked at for marks. */
static json_t *fill(const json_t *value, const json_t *arguments)
{
	const char *name = json_string_value(json_object_get(value, "$argument"));
	json_t *copy, *member;
	size_t i;

	if (json_object_get(value, "$arguments") != NULL)
		return json_incref((json_t *)arguments);
	if (name != NULL)
		return json_incref(json_object_get(arguments, name));
	if (json_is_object(value))
		return fill_object(value, arguments);
	if (!json_is_array(value))
		return json_incref((json_t *)value);
	copy = json_array();
	json_array_foreach (value, i, member) {
		json_t *filled = fill(member, arguments);
		if (filled != NULL)
			json_array_append_new(copy, filled);
	}
	return copy;
}

static h2o_iovec_t json_body(h2o_mem_pool_t *pool, const json_t *template, const json_t *arguments)
{
	json_t *filled = fill(template, arguments);

	if (filled == NULL)
		filled = json_null();
	h2o_iovec_t text = json_text(pool, filled);
	json_decref(filled);
	return text;
}

static const char *make_body(h2o_mem_pool_t *pool, const struct http_plan *plan, const json_t *arguments,
                             struct http_message *ret)
{
	struct text_buffer b = {.pool = pool};
	const char *bad;

	switch (plan->body) {
	case HTTP_NO_BODY: return NULL;
	case HTTP_JSON: ret->body = json_body(pool, plan->json, arguments); return NULL;
	case HTTP_FORM:
		if (!append_fields(&b, &plan->form, arguments))
			return UNUSABLE;
		break;
	case HTTP_TEXT:
		if (!http_template_append(&b, plan->text, arguments, HTTP_PLAIN, &bad))
			return UNUSABLE;
		break;
	}
	ret->body = h2o_iovec_init(b.base, b.len);
	return NULL;
}

const char *http_message_make(h2o_mem_pool_t *pool, const struct http_plan *plan, const json_t *arguments,
                              struct http_message *ret)
{
	const char *problem;

	*ret = (struct http_message){.url = NULL};
	problem = make_url(pool, plan, arguments, ret);
	if (problem == NULL)
		problem = make_headers(pool, plan, arguments, ret);
	return problem != NULL ? problem : make_body(pool, plan, arguments, ret);
}
