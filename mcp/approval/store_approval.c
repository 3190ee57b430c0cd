/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/approval/store_approval.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/encoding.h"
#include "mcp/call/ask.h"
#include "mcp/caller/used_proofs.h"
#include "mcp/database.h"

/* As long as a requestState lives at least; 32 bytes each. */
enum { REMEMBERED_MS = 10 * 60 * 1000, REMEMBERED_MAX = 1 << 18, PLACE_BYTES = 12 };

struct approvals {
	struct used_proofs *used;
	char place[PLACE_BYTES / 3 * 4 + 1];
};

struct approvals *approvals_open(void)
{
	struct approvals *approvals = h2o_mem_alloc(sizeof(*approvals));
	uint8_t bytes[PLACE_BYTES];

	*approvals = (struct approvals){.used = used_proofs_open(REMEMBERED_MAX, REMEMBERED_MS)};
	random_bytes(bytes, sizeof(bytes));
	approvals->place[base64url_encode_into(bytes, sizeof(bytes), approvals->place)] = '\0';
	return approvals;
}

void approvals_close(struct approvals *approvals)
{
	used_proofs_close(approvals->used);
	free(approvals);
}

const char *approvals_place(const struct mcp *mcp)
{
	return mcp->database != NULL ? "" : mcp->approvals->place;
}

step_result store_spend_approval(struct request *r, const uint8_t id[APPROVAL_ID_SIZE])
{
	struct mcp *mcp = mcp_of(r);
	uint8_t digest[SHA256_SIZE];

	if (mcp->database != NULL) {
		const struct db_param params[] = {param_uuid(id)};
		return db_ask(r, mcp->database, DATABASE_APPROVAL_SPEND, params, 1);
	}
	sha256(h2o_iovec_init((char *)id, APPROVAL_ID_SIZE), digest);
	static const enum approval_use USES[] = {
	    [PROOF_FIRST] = APPROVAL_FIRST, [PROOF_AGAIN] = APPROVAL_AGAIN, [PROOF_NO_ROOM] = APPROVAL_NO_ROOM};
	call_of(r)->asking->use = USES[used_proofs_add(mcp->approvals->used, digest, clock_monotonic_ms())];
	return STEP_NEXT;
}

enum approval_use store_read_approval(struct request *r)
{
	if (mcp_of(r)->database == NULL)
		return (enum approval_use)call_of(r)->asking->use;
	return rows_bool(r->rows, 0, "first") ? APPROVAL_FIRST : APPROVAL_AGAIN;
}
