/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a statement: of relations, functions, operators, types and collations. They are looked up with
 * pg_catalog first and the listed schemas behind it, so what a name without a schema can mean is known. */
#include <string.h>

#include "mcp/backend/sql/sql_walk.h"

/* Built-in ones that read nothing but their arguments, change nothing, wait for nothing, and whose results are not much
 * larger than what they are given. */
static const char *const SAFE_FUNCTIONS[] = {
    /* aggregates */
    "array_agg", "avg", "bit_and", "bit_or", "bool_and", "bool_or", "corr", "count", "covar_pop", "covar_samp", "every",
    "json_agg", "json_object_agg", "jsonb_agg", "jsonb_object_agg", "max", "min", "mode", "percentile_cont",
    "percentile_disc", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx",
    "regr_sxy", "regr_syy", "stddev", "stddev_pop", "stddev_samp", "string_agg", "sum", "var_pop", "var_samp",
    "variance",
    /* windows */
    "cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "percent_rank", "rank",
    "row_number",
    /* texts */
    "btrim", "char_length", "character_length", "concat", "concat_ws", "initcap", "left", "length", "like_escape",
    "lower", "ltrim", "md5", "octet_length", "overlay", "position", "regexp_match", "regexp_replace", "replace",
    "reverse", "right", "rtrim", "similar_to_escape", "split_part", "starts_with", "strpos", "substr", "substring",
    "to_char", "to_number", "translate", "upper",
    /* numbers */
    "abs", "cbrt", "ceil", "ceiling", "degrees", "div", "exp", "floor", "ln", "log", "log10", "mod", "num_nonnulls",
    "num_nulls", "power", "radians", "round", "sign", "sqrt", "trunc", "width_bucket",
    /* times */
    "age", "clock_timestamp", "date_bin", "date_part", "date_trunc", "extract", "isfinite", "justify_days",
    "justify_hours", "justify_interval", "make_date", "make_interval", "make_time", "make_timestamp", "now", "overlaps",
    "statement_timestamp", "timezone", "to_date", "to_timestamp", "transaction_timestamp",
    /* arrays, ranges, JSON */
    "array_length", "array_position", "array_to_string", "cardinality", "isempty", "json_array_elements",
    "json_array_elements_text", "json_array_length", "json_each", "json_each_text", "json_extract_path",
    "json_extract_path_text", "json_object_keys", "json_typeof", "jsonb_array_elements", "jsonb_array_elements_text",
    "jsonb_array_length", "jsonb_each", "jsonb_each_text", "jsonb_exists", "jsonb_extract_path",
    "jsonb_extract_path_text", "jsonb_object_keys", "jsonb_typeof", "lower_inc", "to_json", "to_jsonb", "unnest",
    "upper_inc", NULL};

/* Types whose input and output say nothing of the catalogs: reg... and the like are not among them. */
static const char *const SAFE_TYPES[] = {
    "bit",      "bool",   "bpchar",    "bytea",       "char",    "cidr",      "date",    "daterange",
    "float4",   "float8", "inet",      "int2",        "int4",    "int4range", "int8",    "int8range",
    "interval", "json",   "jsonb",     "jsonpath",    "macaddr", "money",     "numeric", "numrange",
    "text",     "time",   "timestamp", "timestamptz", "timetz",  "tsquery",   "tsrange", "tstzrange",
    "tsvector", "uuid",   "varbit",    "varchar",     NULL};

/* Beside these, what columns are often called and functions and types of PostgreSQL are too, all as harmless. */
static const char *const SAFE_FIELDS[] = {"area", "box",  "center", "circle", "family", "format", "height", "host",
                                          "line", "name", "path",   "point",  "radius", "scale",  "width",  NULL};

static const char *const TIMES[] = {"SVFOP_CURRENT_DATE",        "SVFOP_CURRENT_TIME",
                                    "SVFOP_CURRENT_TIME_N",      "SVFOP_CURRENT_TIMESTAMP",
                                    "SVFOP_CURRENT_TIMESTAMP_N", "SVFOP_LOCALTIME",
                                    "SVFOP_LOCALTIME_N",         "SVFOP_LOCALTIMESTAMP",
                                    "SVFOP_LOCALTIMESTAMP_N",    NULL};

static bool is_listed(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* The name of one or two parts that an array of String nodes is. */
struct name {
	const char *schema; /* NULL: none */
	const char *name;
};

static bool read_name(const json_t *parts, struct name *ret)
{
	const char *texts[2] = {NULL, NULL};
	size_t count = json_array_size(parts);

	if (count < 1 || count > 2)
		return false;
	for (size_t i = 0; i < count; i++) {
		texts[i] = json_get_text(json_object_get(json_array_get(parts, i), "String"), "sval").base;
		if (texts[i] == NULL)
			return false;
	}
	*ret = count == 2 ? (struct name){texts[0], texts[1]} : (struct name){NULL, texts[0]};
	return true;
}

static bool is_built_in(const struct name *name)
{
	return name->schema == NULL || strcmp(name->schema, "pg_catalog") == 0;
}

static bool may_use_schema(const struct sql_walk *walk, const char *schema)
{
	return is_listed(walk->rules->schemas, schema);
}

static bool remember(struct sql_walk *walk, const json_t *node, struct sql_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->texts[i], name) == 0)
			return true;
	if (names->count == SQL_GUARD_NAMES_MAX)
		return sql_walk_refuse(walk, node, "The query uses too many names");
	if (names->count == names->capacity) {
		size_t capacity = names->capacity * 2 + 16;
		const char **grown = h2o_mem_alloc_pool(walk->pool, capacity * sizeof(*grown));
		if (names->count > 0)
			memcpy(grown, names->texts, names->count * sizeof(*grown));
		names->texts = grown;
		names->capacity = capacity;
	}
	names->texts[names->count++] = name;
	return true;
}

/* ---- relations ---- */

void sql_append_quoted(struct text_buffer *b, const char *name)
{
	text_append_str(b, "\"");
	for (; *name != '\0'; name++)
		text_append(b, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1);
	text_append_str(b, "\"");
}

static bool is_with_query(const struct sql_walk *walk, const char *name)
{
	for (size_t i = 0; i < walk->name_count; i++)
		if (strcmp(walk->names[i], name) == 0)
			return true;
	return false;
}

static bool remember_relation(struct sql_walk *walk, const json_t *node, const char *schema, const char *name)
{
	struct text_buffer b = {.pool = walk->pool};
	struct sql_guarded *guarded = walk->guarded;

	if (schema != NULL) {
		sql_append_quoted(&b, schema);
		text_append_str(&b, ".");
	}
	sql_append_quoted(&b, name);
	for (size_t i = 0; i < guarded->relation_count; i++)
		if (strcmp(guarded->relations[i], b.base) == 0)
			return true;
	if (guarded->relation_count == SQL_GUARD_RELATIONS_MAX)
		return sql_walk_refuse(walk, node, "The query uses too many relations");
	guarded->relations[guarded->relation_count++] = b.base;
	return true;
}

/* All relations of pg_catalog have names that begin with pg_, and no others should (PostgreSQL, "The System Catalog
 * Schema"). */
bool sql_check_relation(struct sql_walk *walk, const json_t *node)
{
	const char *schema = json_get_text(node, "schemaname").base, *name = json_get_text(node, "relname").base;

	if (name == NULL || !text_is(json_get_text(node, "relpersistence"), "p"))
		return sql_walk_refuse(walk, node, "The query may only read relations");
	if (json_object_get(node, "catalogname") != NULL)
		return sql_walk_refuse(walk, node, "A relation's name must not name a database");
	if (schema == NULL && is_with_query(walk, name))
		return true;
	if (schema == NULL && strncmp(name, "pg_", 3) == 0 && !may_use_schema(walk, "pg_catalog"))
		return sql_walk_refuse(walk, node, "The query may not read the catalogs of the database");
	if (schema != NULL && !may_use_schema(walk, schema))
		return sql_walk_refuse(walk, node, "The query may not use the schema %s", schema);
	return remember_relation(walk, node, schema, name);
}

/* ---- functions and operators ---- */

bool sql_guard_is_function_name(h2o_iovec_t name)
{
	const char *dot = memchr(name.base, '.', name.len);

	return name.len > 0 && name.len <= 127 && dot != name.base &&
	       (dot == NULL || ((size_t)(dot - name.base) + 1 < name.len &&
	                        memchr(dot + 1, '.', name.len - (size_t)(dot - name.base) - 1) == NULL));
}

static bool may_call(const struct sql_walk *walk, const struct name *name)
{
	if (is_built_in(name))
		return is_listed(SAFE_FUNCTIONS, name->name) || is_listed(walk->rules->functions, name->name);
	return is_listed(walk->rules->functions, text_printf(walk->pool, "%s.%s", name->schema, name->name));
}

bool sql_check_function(struct sql_walk *walk, const json_t *node)
{
	struct name name;

	if (!read_name(json_object_get(node, "funcname"), &name))
		return sql_walk_refuse(walk, node, "A function's name must have one or two parts");
	if (may_call(walk, &name)) /* without a schema, one of a listed schema could be the better match */
		return name.schema != NULL || remember(walk, node, &walk->guarded->called, name.name);
	return sql_walk_refuse(walk, node, "The query may not call the function %s%s%s",
	                       name.schema != NULL ? name.schema : "", name.schema != NULL ? "." : "", name.name);
}

/* a.b is the function b of the row or value a, or its cast to the type b, where a has no such column (PostgreSQL, "SQL
 * Functions on Composite Types"); whether it has is not known here. A name alone is never a call, but PostgreSQL 16
 * reads SYSTEM_USER otherwise than the parser here does. */
bool sql_check_column(struct sql_walk *walk, const json_t *node)
{
	const json_t *fields = json_object_get(node, "fields");
	size_t count = json_array_size(fields);
	const json_t *last = json_object_get(json_array_get(fields, count > 0 ? count - 1 : 0), "String");
	struct name name = {NULL, json_get_text(last, "sval").base};

	if (last == NULL)
		return true; /* a.* */
	if (name.name == NULL)
		return sql_walk_refuse(walk, node, "The query is not understood");
	if (count == 1)
		return strcmp(name.name, "system_user") != 0 ||
		       sql_walk_refuse(walk, node, "The query may not ask for the user, role, catalog or schema");
	bool safe = may_call(walk, &name) || is_listed(SAFE_TYPES, name.name) || is_listed(SAFE_FIELDS, name.name);
	return remember(walk, node, safe ? &walk->guarded->called : &walk->guarded->fields, name.name);
}

/* (a).b is the same of any expression. */
bool sql_check_indirection(struct sql_walk *walk, const json_t *node)
{
	const json_t *steps = json_object_get(node, "indirection");

	for (size_t i = 0; i < json_array_size(steps); i++)
		if (json_object_get(json_array_get(steps, i), "String") != NULL)
			return sql_walk_refuse(walk,
			                       json_object_iter_value(json_object_iter(json_object_get(node, "arg"))),
			                       "The query may not take a field of an expression, as (a).b does: use "
			                       "the columns of a relation, a sub-query or a function in FROM");
	return true;
}

/* OPERATOR(schema.+), ORDER BY ... USING, and x = ANY (SELECT ...) */
bool sql_check_operator(struct sql_walk *walk, const json_t *node)
{
	static const char *const MEMBERS[] = {"name", "useOp", "operName"};
	struct name name;

	for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++) {
		const json_t *parts = json_object_get(node, MEMBERS[i]);
		if (json_array_size(parts) == 0)
			continue;
		if (!read_name(parts, &name))
			return sql_walk_refuse(walk, node, "An operator's name must have one or two parts");
		if (!is_built_in(&name) && !may_use_schema(walk, name.schema))
			return sql_walk_refuse(walk, node, "The query may not use the schema %s", name.schema);
	}
	return true;
}

/* CURRENT_USER and the like tell of the inside. */
bool sql_check_value_function(struct sql_walk *walk, const json_t *node)
{
	h2o_iovec_t op = json_get_text(node, "op");

	return is_listed(TIMES, op.base != NULL ? op.base : "") ||
	       sql_walk_refuse(walk, node, "The query may not ask for the user, role, catalog or schema");
}

/* ---- types and collations ---- */

bool sql_check_type(struct sql_walk *walk, const json_t *node)
{
	struct name name;

	if (!read_name(json_object_get(node, "names"), &name))
		return sql_walk_refuse(walk, node, "A type's name must have one or two parts");
	if (is_built_in(&name) && is_listed(SAFE_TYPES, name.name))
		return true;
	if (!is_built_in(&name) && may_use_schema(walk, name.schema)) {
		struct text_buffer b = {.pool = walk->pool};
		sql_append_quoted(&b, name.schema);
		text_append_str(&b, ".");
		sql_append_quoted(&b, name.name);
		return remember(walk, node, &walk->guarded->types, b.base);
	}
	return sql_walk_refuse(walk, node, "The query may not use the type %s%s%s",
	                       name.schema != NULL ? name.schema : "", name.schema != NULL ? "." : "", name.name);
}

bool sql_check_collation(struct sql_walk *walk, const json_t *node)
{
	struct name name;

	if (!read_name(json_object_get(node, "collname"), &name))
		return sql_walk_refuse(walk, node, "A collation's name must have one or two parts");
	return is_built_in(&name) || may_use_schema(walk, name.schema) ||
	       sql_walk_refuse(walk, node, "The query may not use the schema %s", name.schema);
}
