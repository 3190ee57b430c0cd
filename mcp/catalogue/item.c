/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/item.h"

const char *tier_name(enum tier tier)
{
	static const char *const NAMES[] = {"read", "write", "destroy"};

	return NAMES[tier];
}

const char *item_kind_name(enum item_kind kind)
{
	static const char *const NAMES[ITEM_KINDS] = {"tool", "resource", "template", "prompt"};

	return NAMES[kind];
}
