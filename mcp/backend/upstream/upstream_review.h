/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream says of its tools beside what was approved: for people who decide. */
#ifndef SALLYPORT_MCP_UPSTREAM_REVIEW_H
#define SALLYPORT_MCP_UPSTREAM_REVIEW_H

#include <stdio.h>

#include "mcp/backend/upstream/upstream_lint.h"

enum review_state {
	REVIEW_SAME,    /* approved as it is */
	REVIEW_NEW,     /* never approved */
	REVIEW_CHANGED, /* another than the approved one */
	REVIEW_GONE,    /* approved, and not listed any more */
	REVIEW_NO_RULE, /* the file offers it to nobody */
	REVIEW_BROKEN   /* no definition that could be offered */
};
const char *review_state_name(enum review_state state);

struct reviewed {
	const char *name; /* visible characters only */
	enum review_state state;
	const json_t *definition, *approved; /* now, and then; NULL: there is none */
	const char *digest;                  /* of now */
	struct lint lint;                    /* of NEW and CHANGED */
	bool accept;                         /* for the caller's use */
};
struct review {
	struct reviewed *items; /* by name */
	size_t count;
	const json_t *pins; /* what is approved now */
};

/* `catalogue`: what is offered; NULL: unknown. NULL, or a problem with the approved definitions. */
const char *upstream_review(struct loading *l, const struct upstream_file *file, const json_t *tools,
                            const struct catalogue *catalogue, struct review *ret);

/* ---- upstream_show.c ---- */

/* The definition, or how it differs from the approved one, and the findings. Nothing that a terminal would act upon. */
void review_print(h2o_mem_pool_t *pool, FILE *out, const struct upstream_file *file, const struct reviewed *item);
/* The text with "<U+XXXX>" for what cannot be seen. */
const char *review_visible(h2o_mem_pool_t *pool, h2o_iovec_t text);

#endif
