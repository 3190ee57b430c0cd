/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_result.h"

#include <string.h>

#include "common/encoding.h"
#include "mcp/catalogue/content.h"
#include "mcp/guard/untrusted.h"

enum { BLOCKS_MAX = 200, URI_MAX = 2048, NAME_MAX_BYTES = 512 };

struct result_builder {
	h2o_mem_pool_t *pool;
	struct text_buffer content;
	size_t count;
	bool untrusted;
};

/* ---- parts ---- */

/* Of a stranger it is looked at before what cannot be seen goes (guard.h). */
static h2o_iovec_t visible(struct result_builder *b, h2o_iovec_t text)
{
	return b->untrusted ? text : untrusted_visible_text(b->pool, text);
}

static bool is_base64(h2o_mem_pool_t *pool, h2o_iovec_t data)
{
	return data.base != NULL && base64_decode(pool, data).base != NULL;
}

static void begin_block(struct result_builder *b, const char *type)
{
	text_append_printf(&b->content, "%s{\"type\":\"%s\"", b->count++ > 0 ? "," : "", type);
}

static void add_member(struct result_builder *b, const char *name, h2o_iovec_t value)
{
	if (value.base == NULL)
		return;
	text_append_printf(&b->content, ",\"%s\":", name);
	text_append_json(&b->content, value);
}

/* Whom the block is for, and how much it matters: hints without text. */
static void end_block(struct result_builder *b, const json_t *block)
{
	const json_t *said = json_object_get(block, "annotations"), *audience = json_object_get(said, "audience"),
		     *priority = json_object_get(said, "priority"), *who;
	json_t *kept = json_object(), *whom = json_array();
	size_t i;

	json_array_foreach ((json_t *)audience, i, who)
		if (i < 2 && json_is_string(who) &&
		    (strcmp(json_string_value(who), "user") == 0 || strcmp(json_string_value(who), "assistant") == 0))
			json_array_append(whom, (json_t *)who);
	if (json_array_size(whom) > 0)
		json_object_set(kept, "audience", whom);
	if (json_is_number(priority) && json_number_value(priority) >= 0 && json_number_value(priority) <= 1)
		json_object_set(kept, "priority", (json_t *)priority);
	if (json_object_size(kept) > 0) {
		text_append_str(&b->content, ",\"annotations\":");
		text_append_iovec(&b->content, json_text(b->pool, kept));
	}
	text_append_str(&b->content, "}");
	json_decref(whom);
	json_decref(kept);
}

static void add_text(struct result_builder *b, h2o_iovec_t text, const json_t *block)
{
	text = visible(b, text);
	begin_block(b, "text");
	add_member(b, "text", b->untrusted ? untrusted_wrap(b->pool, text) : text);
	end_block(b, block);
}

/* ---- blocks ---- */

static bool add_media(struct result_builder *b, const json_t *block, const char *type, const char *family)
{
	h2o_iovec_t data = json_get_text(block, "data"), media = json_get_text(block, "mimeType");

	if (!is_base64(b->pool, data) || !text_is_media_type(media) || !text_starts(media, family))
		return false;
	begin_block(b, type);
	add_member(b, "data", data);
	add_member(b, "mimeType", media);
	end_block(b, block);
	return true;
}

static bool is_uri(h2o_iovec_t uri)
{
	for (size_t i = 0; i < uri.len; i++)
		if (uri.base[i] <= ' ' || uri.base[i] == 0x7f)
			return false;
	return uri.len > 0 && uri.len <= URI_MAX && content_uri_has_scheme(uri);
}

static h2o_iovec_t short_text(struct result_builder *b, h2o_iovec_t text)
{
	text = visible(b, text);
	return text.len <= NAME_MAX_BYTES ? text : (h2o_iovec_t){NULL, 0};
}

/* A client may follow a link, or show it as if it were ours: one of a stranger is text that says where it leads. */
static bool add_link(struct result_builder *b, const json_t *block)
{
	h2o_iovec_t uri = json_get_text(block, "uri"), name = short_text(b, json_get_text(block, "name"));
	struct text_buffer words = {.pool = b->pool};

	if (!is_uri(uri) || name.base == NULL)
		return false;
	if (b->untrusted) {
		text_append_str(&words, "Link: ");
		text_append_iovec(&words, name);
		text_append_str(&words, "\n");
		text_append_iovec(&words, visible(b, uri));
		add_text(b, h2o_iovec_init(words.base, words.len), block);
		return true;
	}
	begin_block(b, "resource_link");
	add_member(b, "uri", uri);
	add_member(b, "name", name);
	add_member(b, "title", short_text(b, json_get_text(block, "title")));
	add_member(b, "description", short_text(b, json_get_text(block, "description")));
	if (text_is_media_type(json_get_text(block, "mimeType")))
		add_member(b, "mimeType", json_get_text(block, "mimeType"));
	end_block(b, block);
	return true;
}

static void add_resource_block(struct result_builder *b, const json_t *block, h2o_iovec_t uri)
{
	const json_t *resource = json_object_get(block, "resource");
	h2o_iovec_t text = json_get_text(resource, "text"), type = json_get_text(resource, "mimeType");

	begin_block(b, "resource");
	text_append_str(&b->content, ",\"resource\":{\"uri\":");
	text_append_json(&b->content, uri);
	if (text_is_media_type(type))
		add_member(b, "mimeType", type);
	if (text.base != NULL)
		add_member(b, "text", visible(b, text));
	else
		add_member(b, "blob", json_get_text(resource, "blob"));
	text_append_str(&b->content, "}");
	end_block(b, block);
}

static bool add_resource(struct result_builder *b, const json_t *block)
{
	const json_t *resource = json_object_get(block, "resource");
	h2o_iovec_t uri = json_get_text(resource, "uri"), text = json_get_text(resource, "text"),
		    blob = json_get_text(resource, "blob");
	struct text_buffer words = {.pool = b->pool};

	if (!is_uri(uri) || (text.base == NULL) == (blob.base == NULL))
		return false;
	if (blob.base != NULL && !is_base64(b->pool, blob))
		return false;
	if (!b->untrusted) {
		add_resource_block(b, block, uri);
		return true;
	}
	text_append_str(&words, text.base != NULL ? "Resource " : "Data of the resource ");
	text_append_iovec(&words, visible(b, uri));
	text_append_str(&words, text.base != NULL ? ":\n" : " follows.");
	text_append_iovec(&words, text);
	add_text(b, h2o_iovec_init(words.base, words.len), block);
	if (blob.base != NULL) /* under a name that leads nowhere */
		add_resource_block(b, block, text_of(text_printf(b->pool, "urn:sallyport:untrusted:%zu", b->count)));
	return true;
}

static bool add_block(struct result_builder *b, const json_t *block)
{
	h2o_iovec_t type = json_get_text(block, "type");

	if (text_is(type, "text") && json_get_text(block, "text").base != NULL) {
		add_text(b, json_get_text(block, "text"), block);
		return true;
	}
	if (text_is(type, "image"))
		return add_media(b, block, "image", "image/");
	if (text_is(type, "audio"))
		return add_media(b, block, "audio", "audio/");
	if (text_is(type, "resource_link"))
		return add_link(b, block);
	return text_is(type, "resource") && add_resource(b, block);
}

/* ---- the whole ---- */

static void tell_left_out(struct result_builder *b, size_t count)
{
	begin_block(b, "text");
	add_member(b, "text",
	           text_of(text_printf(b->pool, "(Left out: %zu part%s of the result, of no known or valid form.)",
	                               count, count == 1 ? "" : "s")));
	end_block(b, NULL);
}

bool upstream_result_outcome(h2o_mem_pool_t *pool, const json_t *result, bool untrusted, struct outcome *ret)
{
	struct result_builder b = {.pool = pool, .content = {.pool = pool}, .untrusted = untrusted};
	const json_t *content = json_object_get(result, "content"), *error = json_object_get(result, "isError"),
		     *structured = json_object_get(result, "structuredContent"), *block;
	size_t i, left_out = 0;

	if (!json_is_array(content) || json_array_size(content) > BLOCKS_MAX)
		return false;
	if ((error != NULL && !json_is_boolean(error)) || (structured != NULL && !json_is_object(structured)))
		return false;
	text_append_str(&b.content, "[");
	json_array_foreach ((json_t *)content, i, block)
		left_out += !add_block(&b, block);
	if (structured != NULL && b.count == 0) /* clients before 2025-06-18 know nothing else */
		add_text(&b, json_text(pool, structured), NULL);
	if (left_out > 0)
		tell_left_out(&b, left_out);
	text_append_str(&b.content, "]");
	*ret = (struct outcome){
	    .content = h2o_iovec_init(b.content.base, b.content.len), .is_error = json_is_true(error), .rows = b.count};
	if (structured != NULL)
		ret->structured =
		    untrusted ? json_text(pool, structured)
		              : json_text(pool, json_keep(pool, untrusted_visible_value(pool, structured)));
	if (untrusted)
		ret->meta = text_of(UNTRUSTED_META);
	return true;
}
