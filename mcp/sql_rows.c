/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/sql_rows.h"

#include <string.h>

#include "mcp/untrusted.h"

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

static void append_text(struct text_buffer *b, h2o_iovec_t value, bool untrusted)
{
	text_append_json(b, untrusted ? untrusted_visible_text(b->pool, value) : value);
}

static void append_json(struct text_buffer *b, h2o_iovec_t value, bool untrusted)
{
	json_t *parsed = untrusted ? json_read(b->pool, value, NULL) : NULL;

	if (!untrusted)
		text_append_iovec(b, value);
	else if (parsed == NULL)
		append_text(b, value, true);
	else
		text_append_iovec(b, json_text(b->pool, json_keep(b->pool, untrusted_visible_value(b->pool, parsed))));
}

static void append_value(struct text_buffer *b, const PGresult *rows, int row, int column, bool untrusted)
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
	case OID_JSONB: append_json(b, value, untrusted); break;
	default: append_text(b, value, untrusted);
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
static int *find_columns(h2o_mem_pool_t *pool, const struct sql_plan *plan, const PGresult *rows)
{
	int *columns = h2o_mem_alloc_pool(pool, plan->column_count * sizeof(*columns));

	for (size_t i = 0; i < plan->column_count; i++)
		if ((columns[i] = find_column(rows, plan->columns[i])) == -1)
			return NULL;
	return columns;
}

static void append_row(struct text_buffer *b, const struct sql_plan *plan, const PGresult *rows, int row,
                       const int *columns)
{
	text_append_str(b, row > 0 ? ",{" : "{");
	for (size_t i = 0; i < plan->column_count; i++) {
		text_append_str(b, i > 0 ? "," : "");
		text_append_json(b, text_of(plan->columns[i]));
		text_append_str(b, ":");
		append_value(b, rows, row, columns[i], plan->untrusted);
	}
	text_append_str(b, "}");
}

static h2o_iovec_t rows_json(h2o_mem_pool_t *pool, const struct sql_plan *plan, const PGresult *rows,
                             const int *columns, size_t *ret_rows)
{
	struct text_buffer b = {.pool = pool};
	int count = PQntuples(rows), row = 0;

	text_append_str(&b, "{\"rows\":[");
	for (; row < count && row < (int)plan->rows; row++) {
		size_t before = b.len;
		append_row(&b, plan, rows, row, columns);
		if (b.len <= ROWS_SIZE_MAX)
			continue;
		b.len = before;
		break;
	}
	*ret_rows = (size_t)row;
	text_append_printf(&b, "],\"truncated\":%s%s}", row < count ? "true" : "false",
	                   plan->untrusted ? ",\"untrusted\":true" : "");
	return h2o_iovec_init(b.base, b.len);
}

bool sql_rows_outcome(h2o_mem_pool_t *pool, const struct sql_plan *plan, const PGresult *rows, struct outcome *ret)
{
	/* a statement that gives no rows back has no columns either */
	bool has_rows = PQresultStatus(rows) == PGRES_TUPLES_OK;
	const int *columns = has_rows ? find_columns(pool, plan, rows) : NULL;

	if (has_rows && columns == NULL)
		return false;
	*ret = (struct outcome){0};
	ret->structured = rows_json(pool, plan, rows, columns, &ret->rows);
	ret->content =
	    answer_text_content(pool, plan->untrusted ? untrusted_wrap(pool, ret->structured) : ret->structured);
	if (plan->untrusted)
		ret->meta = text_of(UNTRUSTED_META);
	return true;
}
