/* SPDX-License-Identifier: Apache-2.0 */
/* What the document says of answers: their media types, what a good one looks like, and where a bad one says why. */
#include <string.h>

#include "mcp/import/import.h"

/* ---- what comes ---- */

struct success {          /* of the answers with a status of 2xx */
	size_t count;     /* those that have content */
	bool may_be_none; /* or there are such without */
	bool is_exact;    /* the only one is 200 or 201 */
	const json_t *content;
};

static bool read_success(struct import_operation *op, struct success *ret)
{
	const json_t *responses = json_object_get(op->source, "responses");
	const char *status;
	json_t *value;

	*ret = (struct success){.count = 0};
	if (responses != NULL && !json_is_object(responses))
		return import_refuse(op, "its responses are no object");
	json_object_foreach ((json_t *)responses, status, value) {
		if (status[0] != '2')
			continue;
		const json_t *response = import_resolve(op, value, "a response");
		if (response == NULL)
			return false;
		const json_t *content = json_object_get(response, "content");
		if (json_object_size(content) == 0) {
			ret->may_be_none = true;
			continue;
		}
		ret->is_exact = ret->count++ == 0 && (strcmp(status, "200") == 0 || strcmp(status, "201") == 0);
		if (ret->content == NULL)
			ret->content = content;
	}
	return true;
}

/* ---- media types ---- */

static bool starts(h2o_iovec_t type, const char *before)
{
	size_t len = strlen(before);

	return type.len >= len && strncasecmp(type.base, before, len) == 0;
}

static const char *as_what(h2o_iovec_t type)
{
	if (import_is_json_type(type))
		return "json";
	if (starts(type, "text/") || text_is_nocase(type, "application/xml") ||
	    text_is_nocase(type, "application/yaml"))
		return "text";
	return starts(type, "image/") ? "image" : starts(type, "audio/") ? "audio" : "blob";
}

static char *lower(h2o_mem_pool_t *pool, h2o_iovec_t type)
{
	char *ret = text_copy(pool, type);

	for (char *c = ret; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
	return ret;
}

static const char *type_of(const json_t *content)
{
	const char *type;
	json_t *media;

	json_object_foreach ((json_t *)content, type, media)
		if (import_is_json_type(text_of(type)))
			return type;
	return json_object_iter_key(json_object_iter((json_t *)content));
}

/* Sets *media to what it says where it is JSON. */
static bool take_type(struct import_operation *op, const json_t *content, json_t *answers, const json_t **media)
{
	const char *type = type_of(content);
	h2o_iovec_t parameters = text_of(type), essence = text_cut(&parameters, ';');
	const char *as = as_what(essence);

	if (text_is_nocase(essence, "text/event-stream"))
		return import_refuse(op, "its answer is a stream of events");
	if (text_is_nocase(essence, "*/*") || text_is_nocase(essence, "application/*")) {
		import_note(op, "its answer can be of any type; the tool takes application/json");
		*media = json_object_get(content, type);
		return true;
	}
	if (strcmp(as, "json") == 0)
		*media = json_object_get(content, type);
	else
		json_object_set_new(answers, "as", json_string(as));
	if (!text_is_nocase(essence, "application/json"))
		json_object_set_new(answers, "types", json_pack("[s]", lower(op->document->pool, essence)));
	return true;
}

/* ---- the output ---- */

/* A schema that cannot be kept costs the tool its output, and nothing else. */
static void take_output(struct import_operation *op, const json_t *media)
{
	const json_t *schema = json_object_get(media, "schema"), *type;

	if (schema == NULL)
		return;
	op->output = json_keep(op->document->pool, import_schema(op, schema, IMPORT_ANSWER));
	type = json_object_get(op->output, "type");
	if (op->problem != NULL)
		import_note(op, "the tool has no output schema: %s", op->problem);
	else if (!json_is_string(type) || strcmp(json_string_value(type), "object") != 0)
		op->output = NULL;
	op->problem = NULL;
}

/* ---- errors ---- */

static bool is_text(const json_t *schema, const char *member)
{
	const json_t *property = json_object_get(json_object_get(schema, "properties"), member);

	return property != NULL && import_types(property) == IMPORT_STRING;
}

static const char *words_in(h2o_mem_pool_t *pool, const json_t *schema)
{
	static const char *const NAMES[] = {"message", "detail", "error_description", "error_message", "description",
	                                    "error",   "title"};
	static const char *const INSIDE[] = {"error", "errors"};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if (is_text(schema, NAMES[i]))
			return text_printf(pool, "/%s", NAMES[i]);
	for (size_t i = 0; i < sizeof(INSIDE) / sizeof(INSIDE[0]); i++) {
		const json_t *inner = json_object_get(json_object_get(schema, "properties"), INSIDE[i]);
		for (size_t j = 0; inner != NULL && j < sizeof(NAMES) / sizeof(NAMES[0]); j++)
			if (is_text(inner, NAMES[j]))
				return text_printf(pool, "/%s/%s", INSIDE[i], NAMES[j]);
	}
	return NULL;
}

/* Where the service says in JSON what is wrong; NULL: nobody knows. Nothing of it is a reason to skip the operation. */
static const char *find_words(struct import_operation *op)
{
	static const char *const STATUSES[] = {"400", "422", "4XX", "default", "404", "409", "403", "401"};
	const json_t *responses = json_object_get(op->source, "responses");
	const char *found = NULL;

	for (size_t i = 0; found == NULL && i < sizeof(STATUSES) / sizeof(STATUSES[0]); i++) {
		const json_t *value = json_object_get(responses, STATUSES[i]);
		const json_t *content =
		    value != NULL ? json_object_get(import_resolve(op, value, "a response"), "content") : NULL;
		const char *type = json_object_size(content) > 0 ? type_of(content) : NULL;
		const json_t *source = type != NULL && import_is_json_type(text_of(type))
		                           ? json_object_get(json_object_get(content, type), "schema")
		                           : NULL;
		json_t *schema = source != NULL ? import_schema(op, source, IMPORT_ANSWER) : NULL;
		found = words_in(op->document->pool, schema);
		json_decref(schema);
		op->problem = NULL;
	}
	return found;
}

bool import_answers(struct import_operation *op)
{
	json_t *answers = json_keep(op->document->pool, json_object());
	const json_t *media = NULL;
	struct success success;

	if (!read_success(op, &success))
		return false;
	if (success.content != NULL && !take_type(op, success.content, answers, &media))
		return false;
	if (media != NULL && success.is_exact && success.count == 1 && !success.may_be_none)
		take_output(op, media);
	json_t *notes = op->notes;
	op->notes = json_keep(op->document->pool, json_array()); /* what a bad answer has is not in the tool */
	const char *words = find_words(op);
	op->notes = notes;
	if (words != NULL)
		json_object_set_new(answers, "error", json_string(words));
	if (json_object_size(answers) > 0)
		json_object_set(op->http, "answers", answers);
	return true;
}
