/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/approval/approval_file.h"

const char APPROVAL_FILE_SCHEMA[] =
    "description: Whether a person has to approve each call, unless said what mcp.yaml says of the tier\n"
    "enum: [none, ask, step_up]\n";

static const char *const NAMES[] = {[APPROVAL_NONE] = "none", [APPROVAL_ASK] = "ask", [APPROVAL_STEP_UP] = "step_up"};

const char *approval_name(enum approval_how how)
{
	return NAMES[how];
}

enum approval_how approval_of(h2o_iovec_t name, enum approval_how unless_said)
{
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if (text_is(name, NAMES[i]))
			return (enum approval_how)i;
	return unless_said;
}

const char *approval_file_read(struct loading *l, struct tool *tool)
{
	tool->approval = approval_of(json_get_text(l->document, "approval"), l->settings->approval[tool->item.tier]);
	if (tool->approval == APPROVAL_STEP_UP && l->settings->database.conninfo == NULL)
		return "/approval: step_up needs database in mcp.yaml, by which an approval counts once";
	return NULL;
}
