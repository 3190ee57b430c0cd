/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of sql_guard.h: the tree of a statement, and what may stand in it. */
#ifndef SALLYPORT_MCP_SQL_WALK_H
#define SALLYPORT_MCP_SQL_WALK_H

#include "mcp/backend/sql/sql_guard.h"

struct sql_walk {
	h2o_mem_pool_t *pool;
	const struct sql_rules *rules;
	h2o_iovec_t sql;
	struct sql_guarded *guarded;
	unsigned depth;
	const char **names; /* of WITH queries that can be seen from here, the nearest last */
	size_t name_count, name_capacity;
	const char *problem; /* of the first thing that is refused */
};

enum sql_part {
	SQL_PART_PLAIN,  /* a number, a flag, a name that means nothing outside of the statement */
	SQL_PART_NODE,   /* {"SelectStmt": {...}} */
	SQL_PART_NODES,  /* an array of such */
	SQL_PART_STRUCT, /* {...} of the type `of` */
};
struct sql_member {
	const char *name;
	enum sql_part part;
	const char *of;
};
struct sql_node {
	const char *type;
	const struct sql_member *members; /* all that it may have; NULL name at the end */
	/* NULL, or looks at it first; false once walk->problem is set. */
	bool (*check)(struct sql_walk *walk, const json_t *node);
};

/* sql_nodes.c; NULL if it may not stand in a statement. */
const struct sql_node *sql_node_find(const char *type);

/* sql_guard.c. False once there is a problem. */
bool sql_walk_node(struct sql_walk *walk, const json_t *node);
bool sql_walk_struct(struct sql_walk *walk, const char *type, const json_t *node);
bool sql_walk_members(struct sql_walk *walk, const struct sql_node *known, const json_t *node);
/* Sets the problem: "...%s (at character 7)." */
bool sql_walk_refuse(struct sql_walk *walk, const json_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- sql_names.c: the checks of names ---- */

bool sql_check_relation(struct sql_walk *walk, const json_t *node);
bool sql_check_column(struct sql_walk *walk, const json_t *node);
bool sql_check_indirection(struct sql_walk *walk, const json_t *node);
bool sql_check_function(struct sql_walk *walk, const json_t *node);
bool sql_check_operator(struct sql_walk *walk, const json_t *node);
bool sql_check_type(struct sql_walk *walk, const json_t *node);
bool sql_check_collation(struct sql_walk *walk, const json_t *node);
bool sql_check_value_function(struct sql_walk *walk, const json_t *node);

#endif
