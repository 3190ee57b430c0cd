/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are kept up to a number of bytes. libpq hands their rows over one at a time, so what comes behind the
 * last one that is kept is never more than one row. */
#include "db_connection.h"

enum { FIELD_SIZE = 16 /* what libpq needs for one, beside its bytes */ };

void bounded_expect(struct connection *c)
{
	struct question *q = &c->ring[connection_place(c, c->taken)];

	if (c->state != CONNECTION_OPEN || c->count == 0 || q->bytes == 0)
		return;
	q->collecting = false;
	/* 0 where no statement's answer is next: behind the last one comes that to the Sync */
	(void)PQsetSingleRowMode(c->pg);
}

static size_t row_size(const PGresult *row)
{
	size_t size = 0;

	for (int i = 0; i < PQnfields(row); i++)
		size += FIELD_SIZE + (size_t)PQgetlength(row, 0, i);
	return size;
}

static void append_row(PGresult *rows, const PGresult *row)
{
	int at = PQntuples(rows);

	for (int i = 0; i < PQnfields(row); i++) {
		bool null = PQgetisnull(row, 0, i);

		if (!PQsetvalue(rows, at, i, null ? NULL : PQgetvalue(row, 0, i), null ? -1 : PQgetlength(row, 0, i)))
			h2o_fatal("no memory for a row");
	}
}

static void cut(struct connection *c, struct question *q)
{
	q->cut = true;
	if (q->stops && q->request != NULL)
		db_cancel(c->db, q->request);
}

static void take_row(struct connection *c, struct question *q, const PGresult *row)
{
	if (!q->collecting) {
		PQclear(q->result); /* of the statement before */
		q->result = PQcopyResult(row, PG_COPYRES_ATTRS);
		q->collecting = true;
		q->cut = false;
		q->collected = 0;
		if (q->result == NULL)
			h2o_fatal("no memory for rows");
	}
	if (q->cut)
		return;
	q->collected += row_size(row);
	if (q->collected > q->bytes)
		cut(c, q);
	else
		append_row(q->result, row);
}

bool bounded_take(struct connection *c, struct question *q, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_SINGLE_TUPLE) {
		take_row(c, q, result);
	} else if (!q->collecting) {
		q->cut = false;
		return false;
	} else if (status != PGRES_TUPLES_OK && !q->cut) { /* it failed behind some rows */
		q->collecting = false;
		return false;
	}
	PQclear(result);
	return true;
}
