/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/resources.h"

#include "common/encoding.h"
#include "mcp/call/invoke.h"
#include "mcp/protocol/lists.h"
#include "mcp/guard/untrusted.h"
#include "mcp/catalogue/uri_template.h"
#include "mcp/policy/view.h"

step_result resources_list(struct request *r)
{
	return lists_answer(r, ITEM_RESOURCE);
}

step_result resources_templates_list(struct request *r)
{
	return lists_answer(r, ITEM_TEMPLATE);
}

/* ---- read ---- */

static json_t *variables_of(h2o_mem_pool_t *pool, const struct uri_template *template, const h2o_iovec_t *values)
{
	json_t *variables = json_keep(pool, json_object());

	for (size_t i = 0; i < uri_template_variable_count(template); i++)
		if (values[i].base != NULL)
			json_object_set_new(variables, uri_template_variable(template, i),
			                    json_stringn(values[i].base, values[i].len));
	return variables;
}

/* No two templates match one URI: the catalogue has none that could. */
static const struct item *find_template(struct request *r, h2o_iovec_t uri)
{
	const struct catalogue *catalogue = view_of(r)->catalogue;
	h2o_iovec_t values[URI_TEMPLATE_VARIABLES_MAX];

	for (size_t i = catalogue->firsts[ITEM_TEMPLATE]; i < catalogue->firsts[ITEM_TEMPLATE + 1]; i++) {
		const struct uri_template *template = resource_of(catalogue->items[i])->template;
		if (!uri_template_match(&r->pool, template, uri, values))
			continue;
		call_of(r)->arguments = variables_of(&r->pool, template, values);
		call_of(r)->template = catalogue->items[i]->key;
		return catalogue->items[i];
	}
	return NULL;
}

step_result resources_read(struct request *r)
{
	struct call *call = call_of(r);

	call->kind = ITEM_RESOURCE;
	call->name = json_get_text(call->message.params, "uri");
	if (call->name.base == NULL)
		return invoke_malformed(r, "params must have the uri of a resource");
	call->arguments = json_keep(&r->pool, json_object());
	const struct item *item = catalogue_find(view_of(r)->catalogue, ITEM_RESOURCE, call->name);
	if (item == NULL)
		item = find_template(r, call->name);
	if (item != NULL)
		call->kind = item->kind;
	return invoke(r, item);
}

/* ---- contents ---- */

static void begin_content(struct text_buffer *b, const struct request *r, const char *mime_type)
{
	const struct resource *resource = resource_of(call_of(r)->item);

	mime_type = resource->mime_type != NULL ? resource->mime_type : mime_type;
	text_append_str(b, "[{\"uri\":");
	text_append_json(b, call_of(r)->name);
	if (mime_type != NULL) {
		text_append_str(b, ",\"mimeType\":");
		text_append_json(b, text_of(mime_type));
	}
}

static void end_content(struct text_buffer *b, const struct request *r, struct outcome *ret)
{
	text_append_str(b, "}]");
	*ret = (struct outcome){.content = h2o_iovec_init(b->base, b->len), .rows = 1};
	if (call_of(r)->item->untrusted)
		ret->meta = text_of(UNTRUSTED_META);
}

void resources_text_outcome(struct request *r, h2o_iovec_t text, const char *mime_type, struct outcome *ret)
{
	struct text_buffer b = {.pool = &r->pool};

	begin_content(&b, r, mime_type);
	text_append_str(&b, ",\"text\":");
	if (call_of(r)->item->untrusted)
		text = untrusted_wrap(&r->pool, text);
	text_append_json(&b, text);
	end_content(&b, r, ret);
}

void resources_data_outcome(struct request *r, h2o_iovec_t bytes, struct outcome *ret)
{
	struct text_buffer b = {.pool = &r->pool};

	begin_content(&b, r, NULL);
	text_append_str(&b, ",\"blob\":\"");
	text_append_iovec(&b, base64_encode(&r->pool, bytes.base, bytes.len));
	text_append_str(&b, "\"");
	end_content(&b, r, ret);
}
