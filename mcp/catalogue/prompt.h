/* SPDX-License-Identifier: Apache-2.0 */
/* A prompt: what its file says beyond the item. */
#ifndef SALLYPORT_MCP_PROMPT_H
#define SALLYPORT_MCP_PROMPT_H

#include "mcp/protocol/completion.h"
#include "mcp/catalogue/item.h"

struct prompt {
	struct item item;
	struct completions completions; /* of its arguments */
};

static inline const struct prompt *prompt_of(const struct item *item)
{
	return item->kind == ITEM_PROMPT ? (const struct prompt *)item : NULL;
}

#endif
