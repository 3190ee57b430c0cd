/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/config.h"
#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/catalogue/loading.h"
#include "mcp/approval/approval_file.h"
#include "mcp/approval/authentication.h"
#include "mcp/guard/guards_file.h"
#include "mcp/quota/quota_file.h"
#include "mcp/redact/redact_file.h"

static const char SCAN_FILE_SCHEMA[] = "description: About results that read like orders to a model\n"
				       "enum: [mark, block, off]\n";

static void add_part(h2o_mem_pool_t *pool, json_t *properties, const char *name, const char *schema)
{
	const char *error;
	json_t *part = yaml_parse(pool, text_of(schema), name, &error);

	if (part == NULL)
		h2o__fatal(error); /* it is built in */
	json_object_set(properties, name, part);
}

json_t *item_file_schema(h2o_mem_pool_t *pool, const struct item_file *kind)
{
	const char *error = NULL;
	json_t *document = yaml_parse(pool, text_of(kind->schema), kind->what, &error);
	json_t *properties = json_object_get(document, "properties"), *choices = json_array();

	for (size_t i = 0; document != NULL && BACKENDS[i] != NULL; i++) {
		json_t *part = NULL;
		if ((BACKENDS[i]->kinds & kind->kinds) == 0)
			continue;
		part = yaml_parse(pool, text_of(BACKENDS[i]->schema), BACKENDS[i]->name, &error);
		if (part == NULL)
			break;
		json_object_set(properties, BACKENDS[i]->name, part);
		json_array_append_new(choices, json_pack("{s:[s]}", "required", BACKENDS[i]->name));
	}
	add_part(pool, properties, "redact", REDACT_FILE_SCHEMA);
	add_part(pool, properties, "scan", SCAN_FILE_SCHEMA);
	add_part(pool, properties, "limits", QUOTA_FILE_SCHEMA);
	if ((kind->kinds & 1U << ITEM_TOOL) != 0) {
		add_part(pool, properties, "approval", APPROVAL_FILE_SCHEMA);
		add_part(pool, properties, "authentication", AUTHENTICATION_FILE_SCHEMA);
		add_part(pool, properties, "guards", GUARDS_FILE_SCHEMA);
	}
	if (error != NULL)
		h2o__fatal(error); /* it is built in */
	json_object_set_new(document, "oneOf", choices);
	return document;
}

h2o_iovec_t loading_keep_text(struct loading *l, json_t *value)
{
	h2o_mem_pool_t scratch;

	h2o_mem_init_pool(&scratch);
	h2o_iovec_t text = json_text(&scratch, value);
	text.base = text_copy(l->pool, text);
	h2o_mem_clear_pool(&scratch);
	json_decref(value);
	return text;
}

bool loading_text_is_visible(h2o_iovec_t text)
{
	while (text.len > 0) {
		const char *end = memchr(text.base, '\n', text.len);
		size_t len = end != NULL ? (size_t)(end - text.base) : text.len;
		if (text_has_invisible(h2o_iovec_init(text.base, len)))
			return false;
		size_t step = end != NULL ? len + 1 : len;
		text.base += step;
		text.len -= step;
	}
	return true;
}

const struct schema *loading_compile(struct loading *l, const char *place, const json_t *schema, const char **problem)
{
	const struct schema_options options = {.assert_formats = true, .patterns = l->patterns};
	const char *error;
	const struct schema *compiled = schema_compile(l->pool, schema, &options, &error);

	*problem = NULL;
	if (compiled == NULL)
		*problem = text_printf(l->pool, "%s%s%s", place, *error == '/' ? "" : ": ", error);
	return compiled;
}

/* Of what is not from strangers only where its file says so. */
static enum scan_policy read_scan(const struct loading *l, const struct item *item)
{
	h2o_iovec_t name = json_get_text(l->document, "scan");

	if (name.base != NULL)
		return scan_policy_of(name);
	return item->untrusted ? l->settings->guardrails.scan : SCAN_OFF;
}

/* What all files share. */
static const char *read_item(struct loading *l, struct item *item)
{
	const json_t *document = l->document;

	if (!loading_text_is_visible(json_get_text(document, "title")))
		return "/title: has control or invisible characters";
	if (!loading_text_is_visible(json_get_text(document, "description")))
		return "/description: has control or invisible characters";
	item->file = l->file;
	item->name = json_get_text(document, "name").base;
	item->title = json_get_text(document, "title").base;
	item->description = json_get_text(document, "description").base;
	item->scope = json_get_text(document, "scope").base;
	item->acquirable = config_bool(document, "acquirable", false);
	item->untrusted = config_bool(document, "untrusted", false);
	item->redact = redact_file_read(l);
	item->scan = read_scan(l, item);
	if (json_object_get(l->settings->scopes, item->scope) == NULL)
		return text_printf(l->pool, "/scope: %s is not among the scopes of the configuration", item->scope);
	return NULL;
}

/* The file names exactly one, as its schema demands. */
static const char *load_backend(struct loading *l, struct item *item)
{
	for (size_t i = 0; BACKENDS[i] != NULL; i++) {
		const json_t *part = json_object_get(l->document, BACKENDS[i]->name);
		if (part == NULL)
			continue;
		item->backend = BACKENDS[i];
		if ((BACKENDS[i]->kinds & 1U << item->kind) == 0)
			return text_printf(l->pool, "/%s: cannot be in the file of a %s", BACKENDS[i]->name,
			                   item_kind_name(item->kind));
		return BACKENDS[i]->load(l, part, item);
	}
	return "has no backend";
}

/* Of the definition and of all data that stands in other files: another digest is another item. */
static const char *digest_of(struct loading *l)
{
	uint8_t digest[SHA256_SIZE];
	h2o_mem_pool_t scratch;
	struct text_buffer whole = {.pool = &scratch};

	h2o_mem_init_pool(&scratch);
	text_append_iovec(&whole, json_canonical(&scratch, l->document));
	text_append(&whole, l->digests.base, l->digests.len);
	sha256(h2o_iovec_init(whole.base, whole.len), digest);
	h2o_mem_clear_pool(&scratch);
	return hex_encode(l->pool, digest, sizeof(digest));
}

struct item *item_load(struct loading *l, const struct item_file *kind, const char **problem)
{
	struct item *item = h2o_mem_alloc_pool(l->pool, kind->size);

	memset(item, 0, kind->size);
	l->names = NULL;
	l->digests = (struct text_buffer){.pool = l->pool};
	*problem = read_item(l, item);
	if (*problem == NULL)
		*problem = kind->load(l, item);
	if (*problem == NULL)
		*problem = load_backend(l, item);
	if (*problem == NULL)
		*problem = kind->finish(l, item);
	if (*problem == NULL)
		item->quota = quota_file_read(l, item);
	item->digest = digest_of(l);
	return *problem == NULL ? item : NULL;
}

struct item *item_file_load(struct loading *l, const struct item_file *kind, const struct schema *schema,
                            struct config_document *read, const char **error)
{
	const char *problem;

	l->document = config_take(l->pool, read, schema, error);
	if (l->document == NULL)
		return NULL;
	struct item *item = item_load(l, kind, &problem);
	if (item == NULL)
		*error = text_printf(l->pool, "%s: %s", l->file, problem);
	return item;
}
