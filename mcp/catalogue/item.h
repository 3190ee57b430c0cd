/* SPDX-License-Identifier: Apache-2.0 */
/* What the server offers. Everything in the catalogue is an item, and what is the same for all of them (who may have
 * it, what it takes, which backend brings it) is here; a tool, a resource, a template and a prompt begin with one. */
#ifndef SALLYPORT_MCP_ITEM_H
#define SALLYPORT_MCP_ITEM_H

#include "common/schema/schema.h"
#include "mcp/scan/scan.h"

struct backend;
struct quota_limits;
struct redact_rules;

enum item_kind { ITEM_TOOL, ITEM_RESOURCE, ITEM_TEMPLATE, ITEM_PROMPT, ITEM_KINDS };
enum tier { TIER_READ, TIER_WRITE, TIER_DESTROY };
const char *tier_name(enum tier tier);
/* Of a name that a schema has let through. */
enum tier tier_of(h2o_iovec_t name);
/* "tool", "resource", "template", "prompt" */
const char *item_kind_name(enum item_kind kind);

struct item { /* first member of struct tool and of those of the other kinds */
	enum item_kind kind;
	size_t index;     /* place in view->decisions: over all items of the catalogue, tools first */
	const char *file; /* for the operator */
	/* By this it is asked for: the name of a tool or prompt, the URI of a resource, the URI template of a
	 * template. */
	const char *key;
	const char *name, *title, *description, *scope; /* title: NULL if the file gives none */
	bool acquirable;                                /* shown to a person who could be granted the scope */
	bool withheld;                  /* nobody has it: it is not what was approved (upstream_items.h) */
	bool outside;                   /* nobody has it: settings.mode leaves it out */
	bool untrusted;                 /* the result holds text of strangers */
	bool sends;                     /* it carries text out of the house, or to others in it */
	enum tier tier;                 /* TIER_READ but for tools */
	const struct schema *arguments; /* of a tool's input, a template's variables, a prompt's arguments; NULL: takes
	                                   none */
	const struct redact_rules *redact; /* redact.h; NULL only in unit tests: everything is redacted */
	enum scan_policy scan;             /* of its results */
	const struct quota_limits *quota;  /* quota.h; NULL: none of its own */
	const struct backend *backend;
	const void *plan;   /* what backend->load made of the file */
	h2o_iovec_t listed; /* JSON of the item in its list */
	const char *digest; /* SHA-256 of the whole definition, hex: what exactly was used, in the audit log */
};

#endif
