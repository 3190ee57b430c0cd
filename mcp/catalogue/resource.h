/* SPDX-License-Identifier: Apache-2.0 */
/* A resource, or a template of many: what its file says beyond the item. */
#ifndef SALLYPORT_MCP_RESOURCE_H
#define SALLYPORT_MCP_RESOURCE_H

#include "mcp/protocol/completion.h"
#include "mcp/catalogue/item.h"

struct uri_template;

struct resource {
	struct item item;
	const struct uri_template *template; /* NULL: the item's key is the one URI */
	const char *mime_type;               /* NULL: unknown */
	int64_t size;                        /* in bytes, of the content before it is encoded; -1: unknown */
	struct completions completions;      /* of the template's variables */
};

static inline struct resource *resource_of(const struct item *item)
{
	bool is_one = item->kind == ITEM_RESOURCE || item->kind == ITEM_TEMPLATE;

	return is_one ? (struct resource *)item : NULL;
}

#endif
