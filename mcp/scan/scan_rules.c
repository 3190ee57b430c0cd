/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/scan/scan_internal.h"

#define BIT(class) (1U << CLASS_##class)

static const struct {
	uint32_t classes; /* all of them, */
	uint8_t within;   /* as near as that: two for a word */
	enum scan_finding finding;
	uint8_t weight;
} RULES[] = {
    {BIT(IGNORE) | BIT(PRIOR) | BIT(ORDERS), 20, SCAN_OVERRIDE, 90},
    {BIT(IGNORE) | BIT(YOUR) | BIT(ORDERS), 16, SCAN_OVERRIDE, 80},
    {BIT(IGNORE) | BIT(SYSTEM) | BIT(ORDERS), 14, SCAN_OVERRIDE, 80},
    {BIT(IGNORE) | BIT(NEW) | BIT(ORDERS), 24, SCAN_OVERRIDE, 60},
    {BIT(IGNORE) | BIT(MODEL), 10, SCAN_OVERRIDE, 40},
    {BIT(NEW) | BIT(ORDERS) | BIT(MODEL), 16, SCAN_OVERRIDE, 50},
    {BIT(LINE_ROLE) | BIT(IGNORE), 16, SCAN_OVERRIDE, 50},
    {BIT(REVEAL) | BIT(SYSTEM) | BIT(ORDERS), 14, SCAN_REVEAL, 60},
    {BIT(REVEAL) | BIT(YOUR) | BIT(ORDERS), 12, SCAN_REVEAL, 50},
    {BIT(NOT) | BIT(TELL) | BIT(USER), 12, SCAN_SECRECY, 60},
    {BIT(SEND) | BIT(SECRET) | BIT(ADDRESS), 36, SCAN_EXFILTRATION, 70},
    {BIT(SEND) | BIT(HISTORY) | BIT(ADDRESS), 30, SCAN_EXFILTRATION, 60},
    {BIT(SEND) | BIT(SYSTEM) | BIT(ORDERS) | BIT(ADDRESS), 30, SCAN_EXFILTRATION, 80},
    {BIT(SEND) | BIT(SECRET) | BIT(MODEL), 30, SCAN_EXFILTRATION, 50},
    {BIT(MODEL) | BIT(MUST) | BIT(TOOL_USE), 18, SCAN_COMMAND, 50},
    {BIT(MODEL) | BIT(MUST) | BIT(SEND), 18, SCAN_COMMAND, 50},
    {BIT(MODEL) | BIT(MUST) | BIT(DESTROY), 18, SCAN_COMMAND, 60},
    {BIT(MUST) | BIT(TOOL_USE) | BIT(TOOL), 12, SCAN_COMMAND, 45},
    {BIT(LINE_ROLE) | BIT(TOOL_USE) | BIT(TOOL), 20, SCAN_COMMAND, 50},
    {BIT(LINE_ROLE) | BIT(MUST), 14, SCAN_ROLE, 35},
};

static bool are_near(const struct scan_near *near, uint32_t classes, size_t within)
{
	for (; classes != 0; classes &= classes - 1) {
		size_t last = near->last[__builtin_ctz(classes)];
		if (last == 0 || near->place - last > within)
			return false;
	}
	return true;
}

void scan_rules_read(struct scan_near *near, uint32_t classes, struct scan_verdict *verdict)
{
	for (uint32_t left = classes; left != 0; left &= left - 1)
		near->last[__builtin_ctz(left)] = near->place;
	for (size_t i = 0; i < sizeof(RULES) / sizeof(RULES[0]); i++)
		if ((RULES[i].classes & classes) != 0 && are_near(near, RULES[i].classes, RULES[i].within))
			scan_found(verdict, RULES[i].finding, RULES[i].weight);
}
