/* SPDX-License-Identifier: Apache-2.0 */
/* What a token sees of the catalogue: the decision about every item, and the lists made of them. There is one view for
 * each set of decisions, shared by all tokens for which policy.c decides the same; a list is made when it is first
 * asked for, and a request only puts its id in front. */
#ifndef SALLYPORT_MCP_VIEW_H
#define SALLYPORT_MCP_VIEW_H

#include "common/secret.h"
#include "mcp/protocol/cursor.h"
#include "mcp/policy/policy.h"

struct bearer;
struct request;
struct views;

enum { LIST_PAGE = 100, LIST_PAGES_KEPT = 5 };

struct view_list {
	bool made;
	uint8_t seen[SHA256_SIZE]; /* digest of what is in it, for its cursors */
	size_t pages;              /* 1 at least */
	/* its own */
	size_t count;
	size_t *begins; /* the index of each page's first item; behind them that of the end */
	h2o_iovec_t texts[2][LIST_PAGES_KEPT];
};

struct view {
	struct catalogue *catalogue; /* a reference */
	const uint8_t *decisions;    /* enum decision, one byte for each item of the catalogue */
	/* the view's own */
	const struct views *views;
	struct view_list lists[ITEM_KINDS];
};

/* `server_info`: JSON for the modern era's _meta. */
struct views *views_open(const char *server_info, const struct cursor_key *key);
void views_close(struct views *views);
/* From now on views are of this catalogue, of which a reference is taken; the ones of another one are let go. */
void views_switch(struct views *views, struct catalogue *catalogue);
/* The view of whom policy.c decides so. The newest 64 are kept, whatever the number of tokens: it is borrowed, until
 * another one is made. */
struct view *views_get(struct views *views, const struct asker *asker);

/* The view of a token, of the newest catalogue; borrowed as that of views_get. */
struct view *view_of_bearer(struct views *views, struct bearer *bearer);

/* The list of a kind, made if need be. Lives as long as the view. */
const struct view_list *view_list(struct view *view, enum item_kind kind);
/* JSON of `result`: of a page that there is. The first pages are made once and live as long as the view; those behind
 * them are made in the pool each time, so that a large list takes no memory of every view. */
h2o_iovec_t view_list_text(h2o_mem_pool_t *pool, struct view *view, enum item_kind kind, size_t page, bool modern);
/* The name of the method that asks for it: what its cursors are sealed for. */
const char *view_list_method(enum item_kind kind);
/* The member of its result. */
const char *view_list_member(enum item_kind kind);

/* The view of the caller of an MCP request, of the catalogue that is the newest when it is first asked for. Whatever
 * happens to the catalogue meanwhile, the request keeps this one. */
struct view *view_of(struct request *r);
/* A part of a request goes on with what its whole began with. */
void view_inherit(struct request *to, struct request *from);
/* What limits the caller in this view; NULL if nothing does. */
struct limits *limits_of(struct request *r);

#endif
