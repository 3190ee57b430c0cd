/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an audit log as the parameters of mcp.audit_put (sql/functions/audit.sql): arrays in PostgreSQL's binary
 * form, in which nothing is quoted. */
#ifndef SALLYPORT_AUDIT_BATCH_H
#define SALLYPORT_AUDIT_BATCH_H

#include "text.h"

enum audit_column {
	AUDIT_LINE,
	AUDIT_PROGRAM,
	AUDIT_CHAIN,
	AUDIT_SEQ,
	AUDIT_PREV,
	AUDIT_TIME,
	AUDIT_EVENT,
	AUDIT_USERNAME,
	AUDIT_CLIENT,
	AUDIT_ITEM,
	AUDIT_OUTCOME,
	AUDIT_COLUMNS
};

struct audit_batch {
	size_t count; /* lines */
	struct text_buffer columns[AUDIT_COLUMNS];
};

/* The pool is for as long as the batch is used, which may be begun again and again: it keeps its memory. */
void audit_batch_open(struct audit_batch *batch, h2o_mem_pool_t *pool);
void audit_batch_begin(struct audit_batch *batch);
/* Adds what of the text is a line; what is none is left out. */
void audit_batch_add(struct audit_batch *batch, h2o_iovec_t text);
/* Nothing is added afterwards. */
void audit_batch_end(struct audit_batch *batch);

#endif
