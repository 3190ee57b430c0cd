/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_columns.h"

#include <string.h>

#include "mcp/protocol/completion.h"
#include "mcp/catalogue/content.h"
#include "mcp/protocol/resources.h"
#include "mcp/backend/sql/sql_rows.h"
#include "mcp/guard/untrusted.h"

enum { OID_BYTEA = 17 }; /* pg_type.dat */

/* ---- contents ---- */

static enum sql_outcome rows_contents(struct request *r, const struct sql_plan *plan, const struct sql_given *given,
                                      struct outcome *ret)
{
	struct outcome found;

	if (!sql_rows_outcome(&r->pool, plan, &plan->statements[0], given, &found))
		return SQL_WRONG_COLUMNS;
	/* a resource that is one of many exists by its rows */
	if (found.rows == 0 && !given->cut && call_of(r)->kind == ITEM_TEMPLATE)
		return SQL_NOTHING;
	resources_text_outcome(r, found.structured, "application/json", ret);
	ret->rows = found.rows;
	return SQL_FINE;
}

static enum sql_outcome data_contents(struct request *r, const PGresult *rows, const char *column, struct outcome *ret)
{
	h2o_iovec_t bytes = rows_bytes(&r->pool, rows, 0, column);

	if (bytes.len > CONTENT_SIZE_MAX)
		return SQL_TOO_LARGE;
	resources_data_outcome(r, bytes, ret);
	return SQL_FINE;
}

static enum sql_outcome text_contents(struct request *r, h2o_iovec_t text, struct outcome *ret)
{
	if (text.len > CONTENT_SIZE_MAX)
		return SQL_TOO_LARGE;
	resources_text_outcome(r, text, NULL, ret);
	return SQL_FINE;
}

enum sql_outcome sql_contents_outcome(struct request *r, const struct sql_plan *plan, const struct sql_given *given,
                                      struct outcome *ret)
{
	const PGresult *rows = given->rows;

	if (plan->shape == SQL_ROWS)
		return rows_contents(r, plan, given, ret);
	/* in quotes, or libpq would take the name in lower case */
	const char *name = text_printf(&r->pool, "\"%s\"", plan->statements[0].columns[0]);
	int column = PQfnumber(rows, name);
	bool is_data = column >= 0 && PQftype(rows, column) == OID_BYTEA;
	if (column < 0 || is_data != (plan->shape == SQL_BLOB))
		return SQL_WRONG_COLUMNS;
	if (given->cut)
		return SQL_TOO_LARGE;
	if (PQntuples(rows) == 0 || PQgetisnull(rows, 0, column))
		return SQL_NOTHING;
	h2o_iovec_t text = h2o_iovec_init(PQgetvalue(rows, 0, column), (size_t)PQgetlength(rows, 0, column));
	enum sql_outcome end =
	    is_data ? data_contents(r, rows, plan->statements[0].columns[0], ret) : text_contents(r, text, ret);
	ret->rows = 1;
	return end;
}

/* ---- values ---- */

enum sql_outcome sql_values_outcome(struct request *r, const struct sql_plan *plan, const PGresult *rows,
                                    struct outcome *ret)
{
	struct completion_list list = {.pool = &r->pool, .r = r};

	if (PQnfields(rows) < 1)
		return SQL_WRONG_COLUMNS;
	for (int row = 0; row < PQntuples(rows); row++) {
		h2o_iovec_t value = h2o_iovec_init(PQgetvalue(rows, row, 0), (size_t)PQgetlength(rows, row, 0));
		if (PQgetisnull(rows, row, 0) || value.len > COMPLETION_VALUE_SIZE_MAX)
			continue;
		completion_list_add(&list,
		                    call_of(r)->item->untrusted ? untrusted_visible_text(&r->pool, value) : value);
	}
	/* the statement was told to stop behind one more than an answer holds */
	list.has_more |= PQntuples(rows) > (int)plan->rows;
	completion_list_outcome(&list, ret);
	return SQL_FINE;
}
