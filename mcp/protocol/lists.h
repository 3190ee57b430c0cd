/* SPDX-License-Identifier: Apache-2.0 */
/* tools/list, resources/list, resources/templates/list and prompts/list. */
#ifndef SALLYPORT_MCP_LISTS_H
#define SALLYPORT_MCP_LISTS_H

#include "mcp/call/call.h"

/* The items of this kind that the caller sees, a page of them. */
step_result lists_answer(struct request *r, enum item_kind kind);

#endif
