/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of PostgreSQL 15's raw parse tree (nodes/parsenodes.h, primnodes.h) that a reading statement is made of.
 * What does not stand here is refused, members included: INTO, FOR UPDATE, parameters, XML, cursors, and all statements
 * but SELECT. */
#include <string.h>

#include "mcp/backend/sql/sql_walk.h"

#define PLAIN(name)                                                                                                    \
	{                                                                                                              \
		name, SQL_PART_PLAIN, NULL                                                                             \
	}
#define NODE(name)                                                                                                     \
	{                                                                                                              \
		name, SQL_PART_NODE, NULL                                                                              \
	}
#define NODES(name)                                                                                                    \
	{                                                                                                              \
		name, SQL_PART_NODES, NULL                                                                             \
	}
#define STRUCT(name, type)                                                                                             \
	{                                                                                                              \
		name, SQL_PART_STRUCT, type                                                                            \
	}
#define LOCATION PLAIN("location")
#define END                                                                                                            \
	{                                                                                                              \
		NULL, SQL_PART_PLAIN, NULL                                                                             \
	}
#define MEMBERS(...) ((const struct sql_member[]){__VA_ARGS__, END})

/* Names of WITH queries are seen by those behind them and by the rest of the statement; with RECURSIVE by all. */
static bool walk_with(struct sql_walk *walk, const json_t *with);

static void remember_name(struct sql_walk *walk, const json_t *cte)
{
	if (walk->name_count == walk->name_capacity) {
		size_t capacity = walk->name_capacity * 2 + 16;
		const char **grown = h2o_mem_alloc_pool(walk->pool, capacity * sizeof(*grown));
		if (walk->name_count > 0)
			memcpy(grown, walk->names, walk->name_count * sizeof(*grown));
		walk->names = grown;
		walk->name_capacity = capacity;
	}
	h2o_iovec_t name = json_get_text(cte, "ctename");
	walk->names[walk->name_count++] = name.base != NULL ? name.base : "";
}

static const struct sql_node SELECT = {
    "SelectStmt",
    MEMBERS(NODES("distinctClause"), NODES("targetList"), NODES("fromClause"), NODE("whereClause"),
            NODES("groupClause"), PLAIN("groupDistinct"), NODE("havingClause"), NODES("windowClause"),
            NODES("valuesLists"), NODES("sortClause"), NODE("limitOffset"), NODE("limitCount"), PLAIN("limitOption"),
            PLAIN("withClause") /* walked before */, PLAIN("op"), PLAIN("all"), STRUCT("larg", "SelectStmt"),
            STRUCT("rarg", "SelectStmt")),
    NULL,
};

static bool walk_select(struct sql_walk *walk, const json_t *node)
{
	size_t names = walk->name_count;
	const json_t *with = json_object_get(node, "withClause");
	bool fine = (with == NULL || walk_with(walk, with)) && sql_walk_members(walk, &SELECT, node);

	walk->name_count = names;
	return fine;
}

static bool walk_with(struct sql_walk *walk, const json_t *with)
{
	const json_t *ctes = json_object_get(with, "ctes");
	bool recursive = json_is_true(json_object_get(with, "recursive"));

	for (size_t i = 0; recursive && i < json_array_size(ctes); i++)
		remember_name(walk, json_object_get(json_array_get(ctes, i), "CommonTableExpr"));
	for (size_t i = 0; i < json_array_size(ctes); i++) {
		const json_t *cte = json_array_get(ctes, i);
		if (!sql_walk_node(walk, cte))
			return false;
		if (!recursive)
			remember_name(walk, json_object_get(cte, "CommonTableExpr"));
	}
	return true;
}

/* Nothing but the statement itself. */
static bool check_cte(struct sql_walk *walk, const json_t *node)
{
	return json_object_get(json_object_get(node, "ctequery"), "SelectStmt") != NULL ||
	       sql_walk_refuse(walk, node, "A WITH query must be a SELECT");
}

static const struct sql_node NODES_KNOWN[] = {
    {"SelectStmt", NULL, walk_select},
    {"CommonTableExpr",
     MEMBERS(PLAIN("ctename"), NODES("aliascolnames"), PLAIN("ctematerialized"), NODE("ctequery"),
             STRUCT("search_clause", "CTESearchClause"), STRUCT("cycle_clause", "CTECycleClause"), LOCATION),
     check_cte},
    {"CTESearchClause",
     MEMBERS(NODES("search_col_list"), PLAIN("search_breadth_first"), PLAIN("search_seq_column"), LOCATION), NULL},
    {"CTECycleClause",
     MEMBERS(NODES("cycle_col_list"), PLAIN("cycle_mark_column"), NODE("cycle_mark_value"), NODE("cycle_mark_default"),
             PLAIN("cycle_path_column"), LOCATION),
     NULL},
    {"ResTarget", MEMBERS(PLAIN("name"), NODE("val"), LOCATION), NULL},
    {"ColumnRef", MEMBERS(NODES("fields"), LOCATION), sql_check_column},
    {"A_Star", MEMBERS(LOCATION), NULL},
    {"A_Const",
     MEMBERS(PLAIN("ival"), PLAIN("fval"), PLAIN("boolval"), PLAIN("sval"), PLAIN("bsval"), PLAIN("isnull"), LOCATION),
     NULL},
    {"A_Expr", MEMBERS(PLAIN("kind"), NODES("name"), NODE("lexpr"), NODE("rexpr"), LOCATION), sql_check_operator},
    {"A_Indirection", MEMBERS(NODE("arg"), NODES("indirection")), sql_check_indirection},
    {"A_Indices", MEMBERS(PLAIN("is_slice"), NODE("lidx"), NODE("uidx")), NULL},
    {"A_ArrayExpr", MEMBERS(NODES("elements"), LOCATION), NULL},
    {"BoolExpr", MEMBERS(PLAIN("boolop"), NODES("args"), LOCATION), NULL},
    {"NullTest", MEMBERS(NODE("arg"), PLAIN("nulltesttype"), PLAIN("argisrow"), LOCATION), NULL},
    {"BooleanTest", MEMBERS(NODE("arg"), PLAIN("booltesttype"), LOCATION), NULL},
    {"CaseExpr", MEMBERS(NODE("arg"), NODES("args"), NODE("defresult"), LOCATION), NULL},
    {"CaseWhen", MEMBERS(NODE("expr"), NODE("result"), LOCATION), NULL},
    {"CoalesceExpr", MEMBERS(NODES("args"), LOCATION), NULL},
    {"MinMaxExpr", MEMBERS(PLAIN("op"), NODES("args"), LOCATION), NULL},
    {"SQLValueFunction", MEMBERS(PLAIN("op"), PLAIN("typmod"), LOCATION), sql_check_value_function},
    {"FuncCall",
     MEMBERS(NODES("funcname"), NODES("args"), NODES("agg_order"), NODE("agg_filter"), STRUCT("over", "WindowDef"),
             PLAIN("agg_within_group"), PLAIN("agg_star"), PLAIN("agg_distinct"), PLAIN("func_variadic"),
             PLAIN("funcformat"), LOCATION),
     sql_check_function},
    {"NamedArgExpr", MEMBERS(NODE("arg"), PLAIN("name"), PLAIN("argnumber"), LOCATION), NULL},
    {"WindowDef",
     MEMBERS(PLAIN("name"), PLAIN("refname"), NODES("partitionClause"), NODES("orderClause"), PLAIN("frameOptions"),
             NODE("startOffset"), NODE("endOffset"), LOCATION),
     NULL},
    {"SortBy", MEMBERS(NODE("node"), PLAIN("sortby_dir"), PLAIN("sortby_nulls"), NODES("useOp"), LOCATION),
     sql_check_operator},
    {"TypeCast", MEMBERS(NODE("arg"), STRUCT("typeName", "TypeName"), LOCATION), NULL},
    {"TypeName", MEMBERS(NODES("names"), NODES("typmods"), PLAIN("typemod"), NODES("arrayBounds"), LOCATION),
     sql_check_type},
    {"CollateClause", MEMBERS(NODE("arg"), NODES("collname"), LOCATION), sql_check_collation},
    {"SubLink", MEMBERS(PLAIN("subLinkType"), NODE("testexpr"), NODES("operName"), NODE("subselect"), LOCATION),
     sql_check_operator},
    {"RowExpr", MEMBERS(NODES("args"), PLAIN("row_format"), NODES("colnames"), LOCATION), NULL},
    {"GroupingSet", MEMBERS(PLAIN("kind"), NODES("content"), LOCATION), NULL},
    {"GroupingFunc", MEMBERS(NODES("args"), LOCATION), NULL},
    {"RangeVar",
     MEMBERS(PLAIN("schemaname"), PLAIN("relname"), PLAIN("inh"), PLAIN("relpersistence"), STRUCT("alias", "Alias"),
             LOCATION),
     sql_check_relation},
    {"JoinExpr",
     MEMBERS(PLAIN("jointype"), PLAIN("isNatural"), NODE("larg"), NODE("rarg"), NODES("usingClause"),
             STRUCT("join_using_alias", "Alias"), NODE("quals"), STRUCT("alias", "Alias")),
     NULL},
    {"RangeSubselect", MEMBERS(PLAIN("lateral"), NODE("subquery"), STRUCT("alias", "Alias")), NULL},
    {"RangeFunction",
     MEMBERS(PLAIN("lateral"), PLAIN("ordinality"), PLAIN("is_rowsfrom"), NODES("functions"), STRUCT("alias", "Alias"),
             NODES("coldeflist")),
     NULL},
    {"ColumnDef", MEMBERS(PLAIN("colname"), STRUCT("typeName", "TypeName"), PLAIN("is_local"), LOCATION), NULL},
    {"Alias", MEMBERS(PLAIN("aliasname"), NODES("colnames")), NULL},
    {"List", MEMBERS(NODES("items")), NULL},
    {"String", MEMBERS(PLAIN("sval")), NULL},
    {"Integer", MEMBERS(PLAIN("ival")), NULL},
};

const struct sql_node *sql_node_find(const char *type)
{
	for (size_t i = 0; i < sizeof(NODES_KNOWN) / sizeof(NODES_KNOWN[0]); i++)
		if (strcmp(NODES_KNOWN[i].type, type) == 0)
			return &NODES_KNOWN[i];
	return NULL;
}
