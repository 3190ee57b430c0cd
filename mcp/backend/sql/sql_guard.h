/* SPDX-License-Identifier: Apache-2.0 */
/* What statements that a model writes may be: one SELECT, VALUES or WITH ... SELECT, of relations in the schemas that
 * the tool's file lists and of functions that are known to be harmless or are listed too. The statement is parsed by
 * PostgreSQL's own parser (libpg_query), and only what is known in the tree is let through. This is the first wall; the
 * second one is the role, which may only read what it is granted, in a transaction that is read-only and rolled back.
 */
#ifndef SALLYPORT_MCP_SQL_GUARD_H
#define SALLYPORT_MCP_SQL_GUARD_H

#include "common/json.h"

enum {
	SQL_GUARD_SIZE_MAX = 16 * 1024, /* of the text: the parser recurses, and so much of it is safe (tests/fuzz) */
	SQL_GUARD_DEPTH_MAX = 200,      /* of the tree */
	SQL_GUARD_RELATIONS_MAX = 64,
	SQL_GUARD_NAMES_MAX = 512 /* of each kind */
};

struct sql_rules {
	const char *const *schemas;   /* NULL at the end, as all of these */
	const char *const *functions; /* beside the safe ones: "name" of a built-in one, "schema.name" of others */
};

/* Names, each once. */
struct sql_names {
	const char **texts;
	size_t count, capacity;
};

struct sql_guarded {
	h2o_iovec_t text;       /* the statement without what ends it; part of what was checked */
	size_t characters;      /* that stand before it */
	const char **relations; /* quoted names of all that it reads, each once */
	size_t relation_count;
	/* What only the database can tell, to be asked before it runs: */
	struct sql_names types;  /* quoted, of listed schemas: must be there and be no row of a relation */
	struct sql_names called; /* safe names without a schema: no listed schema may have an unlisted function of it */
	struct sql_names
	    fields; /* b of a.b, which is also b(a): no function or type may be called so that is not listed */
};

/* NULL, or in words for the model why it is refused. The text is UTF-8 without NUL. */
const char *sql_guard_check(h2o_mem_pool_t *pool, const struct sql_rules *rules, h2o_iovec_t sql,
                            struct sql_guarded *ret);
/* True for a name as `functions` may have it. */
bool sql_guard_is_function_name(h2o_iovec_t name);
/* "name" with its quotes. */
void sql_append_quoted(struct text_buffer *b, const char *name);

#endif
