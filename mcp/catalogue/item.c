/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/item.h"

const char *tier_name(enum tier tier)
{
	static const char *const NAMES[] = {"read", "write", "destroy"};

	return NAMES[tier];
}

enum tier tier_of(h2o_iovec_t name)
{
	if (text_is(name, tier_name(TIER_READ)))
		return TIER_READ;
	return text_is(name, tier_name(TIER_WRITE)) ? TIER_WRITE : TIER_DESTROY;
}

const char *item_kind_name(enum item_kind kind)
{
	static const char *const NAMES[ITEM_KINDS] = {"tool", "resource", "template", "prompt"};

	return NAMES[kind];
}
