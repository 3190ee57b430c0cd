/* SPDX-License-Identifier: Apache-2.0 */
/* What reads audit logs, which anybody may have written to; and the client's traceparent, which goes into one. */
#include <stdlib.h>

#include "common/audit_batch.h"
#include "common/audit_line.h"
#include "mcp/call/trace_context.c"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static bool is_inside(h2o_iovec_t part, h2o_iovec_t whole)
{
	return part.base >= whole.base && part.base + part.len <= whole.base + whole.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy, so that what is read behind it is noticed */
	h2o_iovec_t text = h2o_iovec_init(malloc(size + 1), size), piece;
	struct audit_line line;

	memcpy(text.base, data, size);
	text.base = realloc(text.base, size > 0 ? size : 1);
	if (audit_line_find(text, &line, &piece)) {
		demand(is_inside(line.text, text) && is_inside(piece, text) && is_inside(line.members, line.text));
		demand(line.seq > 0 && line.chain.len == AUDIT_CHAIN_SIZE - 1 &&
		       line.prev.len == AUDIT_DIGEST_SIZE - 1);
		demand(line.torn.count <= AUDIT_TORN_MAX && piece.len + line.text.len == text.len);
		audit_line_signature(&line, NULL);
		audit_line_is(&line, "chain_start");
	} else
		demand(piece.len == text.len);
	h2o_mem_pool_t pool;
	struct audit_batch batch;
	h2o_mem_init_pool(&pool);
	audit_batch_open(&batch, &pool);
	audit_batch_begin(&batch);
	audit_batch_add(&batch, text);
	audit_batch_end(&batch);
	h2o_mem_clear_pool(&pool);
	if (is_traceparent(text))
		demand(size >= TRACEPARENT_LEN);
	free(text.base);
	return 0;
}
