/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_table.h"

#include <stdlib.h>

#include "common/secret.h"
#include "mcp/guard/untrusted.h"

enum { TOTAL, SIZE, FIRST /* columns */ };

/* The name of the sub-query is random: no column can have it, which would then stand for the row. The line break ends a
 * comment that ends the query. A row that does not fit, and all behind it, leave the count only; without one that fits
 * there is one row without a size. */
struct sql_table sql_table_of(h2o_mem_pool_t *pool, const struct sql_query_plan *plan, h2o_iovec_t query)
{
	const char *name = random_token(pool, "q_");
	struct text_buffer b = {.pool = pool};
	struct sql_table table;

	text_append_printf(&b,
	                   "with \"%s\" as materialized (select pg_catalog.sum(pg_catalog.octet_length(\"%s\"::"
	                   "pg_catalog.text)) over (rows unbounded preceding) as \"%s_size\", \"%s\".* from (",
	                   name, name, name, name);
	table.characters_before = b.len;
	text_append_iovec(&b, query);
	text_append_printf(&b,
	                   "\n) as \"%s\" limit %u) select (select pg_catalog.count(*) from \"%s\"), \"%s\".* from "
	                   "(select) as \"%s_one\" left join \"%s\" on \"%s\".\"%s_size\" <= %zu",
	                   name, plan->rows + 1, name, name, name, name, name, name, plan->bytes);
	table.sql = b.base;
	return table;
}

static void append_columns(struct text_buffer *b, const PGresult *rows)
{
	text_append_str(b, "{\"columns\":[");
	for (int i = FIRST; i < PQnfields(rows); i++) {
		text_append_str(b, i > FIRST ? "," : "");
		text_append_json(b, text_of(PQfname(rows, i)));
	}
	text_append_str(b, "],\"rows\":[");
}

static void append_row(struct text_buffer *b, const PGresult *rows, int row)
{
	text_append_str(b, row > 0 ? ",[" : "[");
	for (int i = FIRST; i < PQnfields(rows); i++) {
		text_append_str(b, i > FIRST ? "," : "");
		sql_append_value(b, rows, row, i);
	}
	text_append_str(b, "]");
}

static enum sql_cut append_rows(struct text_buffer *b, const struct sql_query_plan *plan, const PGresult *rows,
                                size_t *ret_rows)
{
	int count = PQntuples(rows), row = 0;
	size_t total = count > 0 ? strtoul(PQgetvalue(rows, 0, TOTAL), NULL, 10) : 0;

	for (; row < count && row < (int)plan->rows && !PQgetisnull(rows, row, SIZE); row++) {
		size_t before = b->len;
		append_row(b, rows, row);
		if (b->len <= plan->bytes)
			continue;
		b->len = before; /* JSON of a value can be longer than the value */
		break;
	}
	*ret_rows = (size_t)row;
	if (total == (size_t)row)
		return SQL_WHOLE;
	return row == (int)plan->rows ? SQL_CUT_ROWS : SQL_CUT_BYTES;
}

void sql_table_outcome(h2o_mem_pool_t *pool, const struct sql_query_plan *plan, const struct sql_given *given,
                       struct outcome *ret)
{
	struct text_buffer b = {.pool = pool};

	*ret = (struct outcome){0};
	append_columns(&b, given->rows);
	enum sql_cut cut = append_rows(&b, plan, given->rows, &ret->rows);
	if (cut == SQL_WHOLE && given->cut)
		cut = SQL_CUT_BYTES;
	text_append_printf(&b, "],\"truncated\":%s%s}", cut != SQL_WHOLE ? "true" : "false",
	                   plan->untrusted ? ",\"untrusted\":true" : "");
	ret->structured = h2o_iovec_init(b.base, b.len);
	ret->content =
	    answer_text_content(pool, plan->untrusted ? untrusted_wrap(pool, ret->structured) : ret->structured);
	ret->meta = sql_rows_meta(pool, cut, plan->untrusted);
}
