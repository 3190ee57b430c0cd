/* SPDX-License-Identifier: Apache-2.0 */
/* What a person should look at before a definition is approved: text that cannot be seen, orders to a model, names that
 * look like others, too much text, contradictions. A finding is a reason to read, no proof; none is no proof either. */
#ifndef SALLYPORT_MCP_UPSTREAM_LINT_H
#define SALLYPORT_MCP_UPSTREAM_LINT_H

#include "mcp/backend/upstream/upstream_file.h"

enum lint_weight {
	LINT_NOTE,    /* what is done about it */
	LINT_WARNING, /* to be read */
	LINT_SERIOUS, /* approved only by the tool's own name */
	LINT_FATAL    /* cannot be offered */
};

struct lint_finding {
	enum lint_weight weight;
	const char *place; /* "description", "inputSchema/properties/path/description" */
	const char *text;  /* nothing that cannot be seen */
};
enum { LINT_FINDINGS_MAX = 64 };
struct lint {
	h2o_mem_pool_t *pool;
	struct lint_finding findings[LINT_FINDINGS_MAX];
	size_t count;
	enum lint_weight worst;
};

const char *lint_weight_name(enum lint_weight weight);
/* `others`: names and titles of what is offered beside it. */
struct lint_others {
	const struct catalogue *catalogue; /* NULL: nothing */
	const json_t *siblings;            /* definitions of the same upstream, by name */
};
/* Looks at a definition (pins_definition) under a rule of its file. */
void lint_definition(struct lint *lint, struct loading *l, const struct upstream_file *file,
                     const struct upstream_rule *rule, const json_t *definition, const struct lint_others *others);
void lint_add(struct lint *lint, enum lint_weight weight, const char *place, const char *text);

/* ---- upstream_lint_text.c ---- */

/* Each text on its own, wherever it stands in the definition. */
void lint_text(struct lint *lint, const char *place, h2o_iovec_t text);
/* What the eye makes of a name: the same for names that are taken for each other. Of ASCII, Latin, Greek, Cyrillic and
 * full-width letters; others stand for themselves. */
const char *lint_skeleton(h2o_mem_pool_t *pool, h2o_iovec_t name);

#endif
