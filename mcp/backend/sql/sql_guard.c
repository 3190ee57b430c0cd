/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_guard.h"

#include <pg_query.h>
#include <stdarg.h>
#include <string.h>

#include "mcp/backend/sql/sql_walk.h"

enum { TREE_SIZE_MAX = 1024 * 1024 /* JSON of the tree */ };

/* ---- problems ---- */

static size_t characters_before(h2o_iovec_t sql, size_t at)
{
	return text_code_points(h2o_iovec_init(sql.base, at < sql.len ? at : sql.len));
}

bool sql_walk_refuse(struct sql_walk *walk, const json_t *node, const char *format, ...)
{
	const json_t *location = json_object_get(node, "location");
	va_list arguments;

	if (walk->problem != NULL)
		return false;
	va_start(arguments, format);
	const char *text = text_vprintf(walk->pool, format, arguments);
	va_end(arguments);
	if (json_is_integer(location) && json_integer_value(location) >= 0)
		text = text_printf(walk->pool, "%s (at character %zu)", text,
		                   characters_before(walk->sql, (size_t)json_integer_value(location)) + 1);
	walk->problem = text_printf(walk->pool, "%s.", text);
	return false;
}

static bool refuse_construct(struct sql_walk *walk, const json_t *node, const char *what)
{
	static const struct {
		const char *what, *words;
	} WORDS[] = {
	    {"intoClause", "INTO"},
	    {"lockingClause", "FOR UPDATE, FOR SHARE and the like"},
	    {"ParamRef", "parameters such as $1"},
	    {"setof", "SETOF"},
	    {"pct_type", "%TYPE"},
	};

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
		if (strcmp(what, WORDS[i].what) == 0)
			what = WORDS[i].words;
	return sql_walk_refuse(walk, node, "The query must be one SELECT and may not use %s", what);
}

/* ---- the walk ---- */

static bool walk_list(struct sql_walk *walk, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!sql_walk_node(walk, json_array_get(list, i)))
			return false;
	return json_is_array(list) || sql_walk_refuse(walk, NULL, "The query is not understood");
}

static bool walk_member(struct sql_walk *walk, const struct sql_member *member, const json_t *value)
{
	switch (member->part) {
	case SQL_PART_PLAIN: return true;
	case SQL_PART_NODE: return sql_walk_node(walk, value);
	case SQL_PART_NODES: return walk_list(walk, value);
	case SQL_PART_STRUCT: return sql_walk_struct(walk, member->of, value);
	}
	return false;
}

bool sql_walk_members(struct sql_walk *walk, const struct sql_node *known, const json_t *node)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)node, name, value) {
		const struct sql_member *member = known->members;
		while (member->name != NULL && strcmp(member->name, name) != 0)
			member++;
		if (member->name == NULL)
			return refuse_construct(walk, node, name);
		if (!walk_member(walk, member, value))
			return false;
	}
	return true;
}

bool sql_walk_struct(struct sql_walk *walk, const char *type, const json_t *node)
{
	const struct sql_node *known = sql_node_find(type);
	bool fine;

	if (known == NULL)
		return refuse_construct(walk, node, type);
	if (!json_is_object(node))
		return sql_walk_refuse(walk, NULL, "The query is not understood");
	if (walk->depth == SQL_GUARD_DEPTH_MAX)
		return sql_walk_refuse(walk, node, "The query is nested too deeply");
	walk->depth++;
	fine = (known->check == NULL || known->check(walk, node)) &&
	       (known->members == NULL || sql_walk_members(walk, known, node));
	walk->depth--;
	return fine;
}

/* {} stands for what is absent in a list: of DISTINCT without expressions, of a function without columns. */
bool sql_walk_node(struct sql_walk *walk, const json_t *node)
{
	void *only = json_object_iter((json_t *)node);

	if (json_is_object(node) && only == NULL)
		return true;
	if (json_object_size(node) != 1)
		return sql_walk_refuse(walk, NULL, "The query is not understood");
	return sql_walk_struct(walk, json_object_iter_key(only), json_object_iter_value(only));
}

/* ---- the whole ---- */

/* The tree of the one statement; NULL and *problem. */
static const json_t *read_tree(h2o_mem_pool_t *pool, const char *tree, const char **problem)
{
	size_t len = strlen(tree);
	json_t *parsed = len <= TREE_SIZE_MAX ? json_loadb(tree, len, 0, NULL) : NULL;
	const json_t *statements = json_object_get(json_keep(pool, parsed), "stmts");

	/* jansson reads no more than 2048 levels */
	if (parsed == NULL)
		*problem = "The query is too large or nested too deeply.";
	else if (json_array_size(statements) != 1)
		*problem = "The query must be one statement.";
	return *problem == NULL ? json_array_get(statements, 0) : NULL;
}

static const json_t *parse(h2o_mem_pool_t *pool, const char *sql, const char **problem)
{
	PgQueryParseResult result = pg_query_parse(sql);
	const json_t *statement = NULL;

	*problem = NULL;
	if (result.error == NULL)
		statement = read_tree(pool, result.parse_tree, problem);
	else if (result.error->cursorpos > 0)
		*problem = text_printf(pool, "%s (at character %d).", result.error->message, result.error->cursorpos);
	else
		*problem = text_printf(pool, "%s.", result.error->message);
	pg_query_free_parse_result(result);
	return statement;
}

/* The statement's own text; a semicolon and comments behind it are not part of it. */
static bool find_text(h2o_iovec_t sql, const json_t *statement, struct sql_guarded *ret)
{
	json_int_t at = json_integer_value(json_object_get(statement, "stmt_location"));
	json_int_t len = json_integer_value(json_object_get(statement, "stmt_len"));

	if (at < 0 || (size_t)at > sql.len || len < 0 || (size_t)len > sql.len - (size_t)at)
		return false;
	ret->text = h2o_iovec_init(sql.base + at, len > 0 ? (size_t)len : sql.len - (size_t)at);
	ret->characters = characters_before(sql, (size_t)at);
	return true;
}

const char *sql_guard_check(h2o_mem_pool_t *pool, const struct sql_rules *rules, h2o_iovec_t sql,
                            struct sql_guarded *ret)
{
	struct sql_walk walk = {.pool = pool, .rules = rules, .sql = sql, .guarded = ret};
	const char *problem;

	if (sql.len > SQL_GUARD_SIZE_MAX)
		return "The query is too long.";
	*ret = (struct sql_guarded){0};
	ret->relations = h2o_mem_alloc_pool(pool, SQL_GUARD_RELATIONS_MAX * sizeof(*ret->relations));
	const json_t *statement = parse(pool, text_copy(pool, sql), &problem);
	if (statement == NULL)
		return problem;
	const json_t *tree = json_object_get(statement, "stmt");
	if (json_object_get(tree, "SelectStmt") == NULL || !find_text(sql, statement, ret))
		return "The query must be one SELECT, VALUES or WITH ... SELECT.";
	sql_walk_node(&walk, tree);
	return walk.problem;
}
