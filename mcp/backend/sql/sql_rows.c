/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_rows.h"

#include <string.h>

#include "mcp/guard/untrusted.h"

/* pg_type.dat; these numbers never change */
enum {
	OID_BOOL = 16,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_OID = 26,
	OID_JSON = 114,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_NUMERIC = 1700,
	OID_JSONB = 3802
};

/* ---- one value ---- */

/* PostgreSQL writes numbers as JSON does, but for NaN and Infinity. */
static bool is_json_number(const char *text)
{
	const char *digits = *text == '-' ? text + 1 : text;

	return *digits >= '0' && *digits <= '9';
}

void sql_append_value(struct text_buffer *b, const PGresult *rows, int row, int column)
{
	h2o_iovec_t value = h2o_iovec_init(PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column));

	if (PQgetisnull(rows, row, column)) {
		text_append_str(b, "null");
		return;
	}
	switch (PQftype(rows, column)) {
	case OID_BOOL: text_append_str(b, value.base[0] == 't' ? "true" : "false"); break;
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
	case OID_OID:
	case OID_FLOAT4:
	case OID_FLOAT8:
	case OID_NUMERIC:
		if (is_json_number(value.base))
			text_append_iovec(b, value);
		else
			text_append_json(b, value);
		break;
	case OID_JSON:
	case OID_JSONB: text_append_iovec(b, value); break;
	default: text_append_json(b, value);
	}
}

/* ---- rows ---- */

static int find_column(const PGresult *rows, const char *name)
{
	for (int i = 0; i < PQnfields(rows); i++)
		if (strcmp(PQfname(rows, i), name) == 0)
			return i;
	return -1;
}

/* Places of the kept columns; NULL if one is missing. */
static int *find_columns(h2o_mem_pool_t *pool, const struct sql_statement *statement, const PGresult *rows)
{
	int *columns = h2o_mem_alloc_pool(pool, statement->column_count * sizeof(*columns));

	for (size_t i = 0; i < statement->column_count; i++)
		if ((columns[i] = find_column(rows, statement->columns[i])) == -1)
			return NULL;
	return columns;
}

static void append_row(struct text_buffer *b, const struct sql_statement *statement, const PGresult *rows, int row,
                       const int *columns)
{
	text_append_str(b, row > 0 ? ",{" : "{");
	for (size_t i = 0; i < statement->column_count; i++) {
		text_append_str(b, i > 0 ? "," : "");
		text_append_json(b, text_of(statement->columns[i]));
		text_append_str(b, ":");
		sql_append_value(b, rows, row, columns[i]);
	}
	text_append_str(b, "}");
}

/* Whole rows, as many as there may be: JSON of a value can be longer than the value. */
static enum sql_cut append_rows(struct text_buffer *b, const struct sql_plan *plan,
                                const struct sql_statement *statement, const struct sql_given *given,
                                const int *columns, size_t *ret_rows)
{
	int count = PQntuples(given->rows);

	for (int row = 0; row < count; row++) {
		size_t before = b->len;
		*ret_rows = (size_t)row;
		if (row == (int)plan->rows)
			return SQL_CUT_ROWS;
		append_row(b, statement, given->rows, row, columns);
		if (b->len <= plan->bytes)
			continue;
		b->len = before;
		return SQL_CUT_BYTES;
	}
	*ret_rows = (size_t)count;
	return given->cut ? SQL_CUT_BYTES : SQL_WHOLE;
}

h2o_iovec_t sql_rows_meta(h2o_mem_pool_t *pool, enum sql_cut cut, bool untrusted)
{
	struct text_buffer b = {.pool = pool};

	if (cut != SQL_WHOLE)
		text_append_printf(&b, "\"sallyport/truncated\":\"%s\"", cut == SQL_CUT_ROWS ? "rows" : "bytes");
	if (untrusted)
		text_append_printf(&b, "%s" UNTRUSTED_META, b.len > 0 ? "," : "");
	return h2o_iovec_init(b.base, b.len);
}

bool sql_rows_outcome(h2o_mem_pool_t *pool, const struct sql_plan *plan, const struct sql_statement *statement,
                      const struct sql_given *given, struct outcome *ret)
{
	/* a statement that gives no rows back has no columns either */
	bool has_rows = PQresultStatus(given->rows) == PGRES_TUPLES_OK;
	const int *columns = has_rows ? find_columns(pool, statement, given->rows) : NULL;
	struct text_buffer b = {.pool = pool};

	if (has_rows && columns == NULL)
		return false;
	*ret = (struct outcome){0};
	text_append_str(&b, "{\"rows\":[");
	enum sql_cut cut = append_rows(&b, plan, statement, given, columns, &ret->rows);
	text_append_printf(&b, "],\"truncated\":%s%s}", cut != SQL_WHOLE ? "true" : "false",
	                   plan->untrusted ? ",\"untrusted\":true" : "");
	ret->structured = h2o_iovec_init(b.base, b.len);
	ret->content =
	    answer_text_content(pool, plan->untrusted ? untrusted_wrap(pool, ret->structured) : ret->structured);
	ret->meta = sql_rows_meta(pool, cut, plan->untrusted);
	return true;
}
