/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of view.h: only view*.c include it. */
#ifndef SALLYPORT_MCP_VIEW_INTERNAL_H
#define SALLYPORT_MCP_VIEW_INTERNAL_H

#include "mcp/policy/view.h"

enum { VIEWS_MAX = 64 };

struct views {
	struct catalogue *catalogue;
	uint64_t catalogues; /* how many there have been */
	const char *server_info;
	const struct cursor_key *key;
	struct view *kept[VIEWS_MAX];
	uint64_t numbers[VIEWS_MAX], made; /* each has one of its own */
	size_t next;                       /* the oldest one is replaced */
};

void view_list_dispose(struct view_list *list);

#endif
