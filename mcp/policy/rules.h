/* SPDX-License-Identifier: Apache-2.0 */
/* The file of rules, which limit callers beyond their scopes. A rule only ever takes away, all that apply must hold,
 * and so their order does not matter. What cannot be understood of a caller (a claim of another kind than it should be)
 * counts as whatever makes the rule apply. */
#ifndef SALLYPORT_MCP_RULES_H
#define SALLYPORT_MCP_RULES_H

#include "common/scope.h"
#include "mcp/policy/claim_schema.h"
#include "mcp/catalogue/item.h"

enum { RULES_MAX = 500 };

struct rule {
	size_t index; /* in the file */
	const char *name;
	const json_t *document;      /* as it stands in the file, every part checked */
	const json_t *when, *unless; /* {"roles": [...], ...}; NULL: everybody, nobody */
	bool shadow;                 /* says what it would refuse, and refuses nothing */
	/* What arguments have to be; NULL: the rule refuses the items outright, as if they were not there. */
	const struct claim_schema *arguments;
	const char *message; /* for the model; NULL if there is none */
	uint64_t *shadowed;  /* calls that it would have refused since it was loaded */
};

struct rule_list {
	const struct rule **rules;
	size_t count;
};

struct rules {
	const char *file;
	struct rule *items;
	size_t count;
	struct rule_list *of_items; /* by item->index: the rules that name the item, as they stand in the file */
	const char *digest;         /* SHA-256 of the whole file's content, hex */
};

struct catalogue;
/* Of settings->rules; the items of the catalogue are there. NULL and *error ("rules.yaml: /rules/0/tools: ..."). Lives
 * in the catalogue's pool. */
const struct rules *rules_load(struct catalogue *catalogue, const char **error);
json_t *rules_document(h2o_mem_pool_t *pool);

/* Whether the rule is about this caller. `granted`: with what the scopes imply. *why (may be NULL) gets words for the
 * operator, fixed text. */
bool rule_applies(const struct rule *rule, const json_t *claims, const struct scopes *granted, const char **why);

#endif
