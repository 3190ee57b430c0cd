/* SPDX-License-Identifier: Apache-2.0 */
/* What guards the tools as a whole: which tiers are served, what of them needs a person's word, and what must not meet.
 */
#include "common/config.h"
#include "mcp/approval/approval_file.h"
#include "mcp/catalogue/item.h"
#include "mcp/settings/settings_parts.h"

static const char SCHEMA[] =
    "  mode: {description: Which tools are served at all, enum: [all, read_only, write_only]}\n"
    "  untrusted_and_senders:\n"
    "    description: 'Tools that bring text of strangers beside tools that carry text out, for the same caller'\n"
    "    enum: [report, refuse]\n"
    "  approval:\n"
    "    description: Whether a person has to approve each call of a tool, by its tier\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      write: {enum: [none, ask, step_up]}\n"
    "      destroy: {enum: [none, ask, step_up]}\n";

static const char *read_guards(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                               struct mcp_settings *settings)
{
	const json_t *approval = json_object_get(document, "approval");
	h2o_iovec_t mode = json_get_text(document, "mode");

	(void)pool, (void)with_secrets;
	settings->mode = text_is(mode, "read_only")    ? MODE_READ_ONLY
	                 : text_is(mode, "write_only") ? MODE_WRITE_ONLY
	                                               : MODE_ALL;
	settings->refuses_mixture = text_is(json_get_text(document, "untrusted_and_senders"), "refuse");
	settings->approval[TIER_WRITE] = approval_of(json_get_text(approval, "write"), APPROVAL_NONE);
	settings->approval[TIER_DESTROY] = approval_of(json_get_text(approval, "destroy"), APPROVAL_ASK);
	return NULL;
}

const struct settings_part SETTINGS_TIERS = {SCHEMA, read_guards};
