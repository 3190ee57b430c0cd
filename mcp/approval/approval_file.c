/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/approval/approval_file.h"

const char APPROVAL_FILE_SCHEMA[] =
    "description: Whether a person has to approve each call, unless said what mcp.yaml says of the tier\n"
    "enum: [none, ask]\n";

static const char *const NAMES[] = {[APPROVAL_NONE] = "none", [APPROVAL_ASK] = "ask"};

const char *approval_name(enum approval_how how)
{
	return NAMES[how];
}

void approval_file_read(struct loading *l, struct tool *tool)
{
	h2o_iovec_t said = json_get_text(l->document, "approval");

	tool->approval = l->settings->approval[tool->item.tier];
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if (text_is(said, NAMES[i]))
			tool->approval = (enum approval_how)i;
}
