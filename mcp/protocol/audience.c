/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/audience.h"

#include "mcp/catalogue/resource.h"
#include "mcp/catalogue/uri_template.h"
#include "mcp/protocol/watch.h"

unsigned audience_kinds(const struct catalogue *catalogue)
{
	unsigned kinds = WATCH_TOOLS; /* a server without tools may get some */

	if (catalogue_count(catalogue, ITEM_PROMPT) > 0)
		kinds |= WATCH_PROMPTS;
	if (catalogue_count(catalogue, ITEM_RESOURCE) + catalogue_count(catalogue, ITEM_TEMPLATE) > 0)
		kinds |= WATCH_RESOURCES;
	return kinds;
}

static bool matches(const struct item *template, h2o_iovec_t uri)
{
	h2o_iovec_t values[URI_TEMPLATE_VARIABLES_MAX];
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	bool does = uri_template_match(&pool, resource_of(template)->template, uri, values);
	h2o_mem_clear_pool(&pool);
	return does;
}

const struct item *audience_find(const struct catalogue *catalogue, h2o_iovec_t uri)
{
	const struct item *item = catalogue_find(catalogue, ITEM_RESOURCE, uri);

	for (size_t i = catalogue->firsts[ITEM_TEMPLATE]; i < catalogue->firsts[ITEM_TEMPLATE + 1] && item == NULL; i++)
		if (matches(catalogue->items[i], uri))
			item = catalogue->items[i];
	return item;
}

bool audience_may_read(const struct view *view, h2o_iovec_t uri)
{
	const struct item *item = audience_find(view->catalogue, uri);

	return item != NULL && view->decisions[item->index] == ALLOWED;
}
