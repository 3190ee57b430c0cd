/* SPDX-License-Identifier: Apache-2.0 */
/* An approval counts once. With the server's own database all processes agree, by one function of it; without one each
 * process knows only what it has seen, and an approval counts where it was asked for, and nowhere else. */
#ifndef SALLYPORT_MCP_STORE_APPROVAL_H
#define SALLYPORT_MCP_STORE_APPROVAL_H

#include "mcp/mcp.h"

enum { APPROVAL_ID_SIZE = 16 };

struct approvals;
struct approvals *approvals_open(void);
void approvals_close(struct approvals *approvals);

/* Where an approval counts: this process, or "" for all of them. Lives as long as the process. */
const char *approvals_place(const struct mcp *mcp);

/* Spends it. STEP_NEXT or STEP_WAIT: the next step reads whether this was the first time. */
step_result store_spend_approval(struct request *r, const uint8_t id[APPROVAL_ID_SIZE]);
enum approval_use { APPROVAL_FIRST, APPROVAL_AGAIN, APPROVAL_NO_ROOM };
enum approval_use store_read_approval(struct request *r);

#endif
