/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "mcp/catalogue/databases.h"
#include "mcp/catalogue/loading.h"
#include "mcp/catalogue/read_ahead.h"
#include "mcp/redact/redact_file.h"
#include "mcp/catalogue/resource.h"
#include "mcp/policy/rules.h"
#include "mcp/backend/upstream/upstream_items.h"
#include "mcp/catalogue/uri_template.h"
#include "mcp/policy/mixture.h"

/* A call's own bounds, gone with its implicit transaction. A read call is a read-only transaction even where the role
 * or the configuration forgot; once a snapshot is taken, nothing can turn that back. */
#define WRITE_BOUNDS "select set_config('statement_timeout', $1, true)"
#define READ_BOUNDS WRITE_BOUNDS ", set_config('transaction_read_only', 'on', true)"
#define CLAIMS ", set_config('sallyport.claims', $2, true), set_config('sallyport.proof', $3, true)"
static const struct db_statement READ_FIRST[CATALOGUE_FIRST] = {
    [CATALOGUE_BOUNDS] = {"bounds", READ_BOUNDS},
    [CATALOGUE_CLAIMS] = {"claims", READ_BOUNDS CLAIMS},
};
static const struct db_statement WRITE_FIRST[CATALOGUE_FIRST] = {
    [CATALOGUE_BOUNDS] = {"bounds", WRITE_BOUNDS},
    [CATALOGUE_CLAIMS] = {"claims", WRITE_BOUNDS CLAIMS},
};

/* ---- statements ---- */

size_t loading_add_statement(struct loading *l, const struct catalogue_statement *statement)
{
	struct catalogue *c = l->catalogue;

	if (c->statement_count == c->statement_capacity) {
		size_t capacity = c->statement_capacity * 2 + 16;
		struct catalogue_statement *grown = h2o_mem_alloc_pool(l->pool, capacity * sizeof(*grown));
		if (c->statement_count > 0)
			memcpy(grown, c->statements, c->statement_count * sizeof(*grown));
		c->statements = grown;
		c->statement_capacity = capacity;
	}
	c->statements[c->statement_count++] = *statement;
	return statement->write ? c->write_count++ : c->read_count++;
}

static struct db_statement *name_statements(h2o_mem_pool_t *pool, const struct catalogue *c, bool write)
{
	size_t count = write ? c->write_count : c->read_count, number = CATALOGUE_FIRST;
	struct db_statement *named = h2o_mem_alloc_pool(pool, count * sizeof(*named));

	memcpy(named, write ? WRITE_FIRST : READ_FIRST, CATALOGUE_FIRST * sizeof(*named));
	for (size_t i = 0; i < c->statement_count; i++) {
		if (c->statements[i].write != write)
			continue;
		named[number] = (struct db_statement){
		    text_printf(pool, "item_%zu_%.40s", number, c->statements[i].name), c->statements[i].sql};
		number++;
	}
	return named;
}

/* ---- files ---- */

static bool load_files(struct loading *l, const struct item_file *kind, const char *const *files, size_t count,
                       const char **error)
{
	struct catalogue *c = l->catalogue;
	struct item **items = h2o_mem_alloc_pool(l->pool, (c->count + count + 1) * sizeof(*items)), *item = NULL;
	h2o_mem_pool_t scratch;

	if (c->count > 0)
		memcpy(items, c->items, c->count * sizeof(*items));
	c->items = items;
	h2o_mem_init_pool(&scratch);
	const struct schema *schema = serving_schema_compile(&scratch, item_file_schema(&scratch, kind));
	struct read_ahead *ahead = read_ahead_open(files, count);
	for (size_t i = 0; i < count; i++) {
		l->file = files[i];
		item = item_file_load(l, kind, schema, read_ahead_next(ahead), error);
		if (item == NULL)
			break;
		c->items[c->count++] = item;
	}
	read_ahead_close(ahead);
	h2o_mem_clear_pool(&scratch);
	return item != NULL;
}

static bool load_folder(struct loading *l, const char *folder, const struct item_file *kind, const char **error)
{
	size_t count = 0;
	const char *const *files = config_folder(l->pool, folder, FILES_MAX, &count, error);

	if (files == NULL)
		return false;
	if (count == 0) {
		*error = text_printf(l->pool, "%s: has no *.yaml file", folder);
		return false;
	}
	return load_files(l, kind, files, count, error);
}

/* ---- the whole ---- */

static int by_kind_and_key(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;

	return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->key, y->key);
}

static bool order_items(h2o_mem_pool_t *pool, struct catalogue *c, const char **error)
{
	qsort(c->items, c->count, sizeof(struct item *), by_kind_and_key);
	for (size_t i = 0; i < c->count; i++) {
		const struct item *before = i > 0 ? c->items[i - 1] : NULL, *item = c->items[i];
		c->items[i]->index = i;
		for (size_t kind = item->kind + 1; kind <= ITEM_KINDS; kind++)
			c->firsts[kind] = i + 1;
		if (before == NULL || by_kind_and_key(&before, &item) != 0)
			continue;
		*error = text_printf(pool, "%s: %s is also the %s in %s", item->file, item->key,
		                     item_kind_name(item->kind), before->file);
		return false;
	}
	return true;
}

/* A URI has one reading: no two templates match it. */
static bool check_templates(h2o_mem_pool_t *pool, const struct catalogue *c, const char **error)
{
	for (size_t i = c->firsts[ITEM_TEMPLATE]; i < c->firsts[ITEM_TEMPLATE + 1]; i++)
		for (size_t j = c->firsts[ITEM_TEMPLATE]; j < i; j++) {
			const struct item *a = c->items[j], *b = c->items[i];
			if (!uri_template_overlaps(resource_of(a)->template, resource_of(b)->template))
				continue;
			*error = text_printf(pool, "%s: /uri_template: is ambiguous: some URIs match %s in %s too",
			                     b->file, a->key, a->file);
			return false;
		}
	return true;
}

/* Of a mode, all else is as if it did not exist; resources and prompts read. */
static void leave_out(struct catalogue *c, enum serving_mode mode)
{
	for (size_t i = 0; i < c->count; i++)
		c->items[i]->outside = mode == MODE_READ_ONLY    ? c->items[i]->tier != TIER_READ
		                       : mode == MODE_WRITE_ONLY ? c->items[i]->tier == TIER_READ
		                                                 : false;
}

static bool refuse_mixture(struct loading *l, const char **error)
{
	const char *words = l->settings->refuses_mixture ? mixture_words(l->pool, l->catalogue) : NULL;

	if (words != NULL)
		*error = text_printf(l->pool, "%s: untrusted_and_senders: %s", l->settings->file, words);
	return words == NULL;
}

static bool load_all(struct loading *l, const char **error)
{
	const struct {
		const char *path;
		const struct item_file *kind;
	} folders[] = {
	    {l->settings->tools, &TOOL_FILE},
	    {l->settings->resources, &RESOURCE_FILE},
	    {l->settings->prompts, &PROMPT_FILE},
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (folders[i].path != NULL && !load_folder(l, folders[i].path, folders[i].kind, error))
			return false;
	if (!upstream_items_load(l, error))
		return false;
	if (!order_items(l->pool, l->catalogue, error) || !check_templates(l->pool, l->catalogue, error))
		return false;
	leave_out(l->catalogue, l->settings->mode);
	if (!refuse_mixture(l, error))
		return false;
	if (l->settings->rules != NULL)
		l->catalogue->rules = rules_load(l->catalogue, error);
	return l->settings->rules == NULL || l->catalogue->rules != NULL;
}

static void dispose_catalogue(void *data)
{
	struct catalogue *c = data;

	if (c->databases != NULL)
		databases_retire(c->databases);
	h2o_mem_clear_pool(&c->pool);
}

struct catalogue *catalogue_load(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const char **error)
{
	struct catalogue *c = h2o_mem_alloc_shared(NULL, sizeof(*c), dispose_catalogue);
	struct loading l = {.pool = &c->pool, .settings = settings, .catalogue = c};

	*c = (struct catalogue){.settings = settings, .read_count = CATALOGUE_FIRST, .write_count = CATALOGUE_FIRST};
	h2o_mem_init_pool(&c->pool);
	c->redactor = redact_file_redactor(&c->pool, settings);
	l.patterns = schema_patterns_open(&c->pool);
	if (!load_all(&l, error)) {
		*error = text_copy(pool, text_of(*error));
		h2o_mem_release_shared(c);
		return NULL;
	}
	c->read_statements = name_statements(&c->pool, c, false);
	c->write_statements = name_statements(&c->pool, c, true);
	return c;
}

static int compare_key(h2o_iovec_t key, const char *other)
{
	size_t len = strlen(other);
	int order = memcmp(key.base, other, key.len < len ? key.len : len);

	return order != 0 || key.len == len ? order : key.len < len ? -1 : 1;
}

const struct item *catalogue_find(const struct catalogue *c, enum item_kind kind, h2o_iovec_t key)
{
	size_t low = c->firsts[kind], high = c->firsts[kind + 1];

	if (key.len == 0 || key.len > ITEM_KEY_MAX || memchr(key.base, '\0', key.len) != NULL)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_key(key, c->items[middle]->key);
		if (order == 0)
			return c->items[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
