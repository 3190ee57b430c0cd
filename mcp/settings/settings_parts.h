/* SPDX-License-Identifier: Apache-2.0 */
/* Members of mcp.yaml that have a file of their own: each is one line of the table in settings_parts.c. */
#ifndef SALLYPORT_MCP_SETTINGS_PARTS_H
#define SALLYPORT_MCP_SETTINGS_PARTS_H

#include "mcp/settings/settings.h"

struct settings_part {
	const char *schema; /* YAML text: members of `properties` */
	/* Sets its members of the settings, whose `file`, `issuer` and `resource` are known. NULL, or "member:
	 * problem". */
	const char *(*read)(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets, struct mcp_settings *ret);
};

extern const struct settings_part SETTINGS_ALERTS;     /* settings_alerts.c */
extern const struct settings_part SETTINGS_COMMANDS;   /* settings_commands.c */
extern const struct settings_part SETTINGS_DATABASE;   /* settings_database.c */
extern const struct settings_part SETTINGS_GUARDRAILS; /* settings_guardrails.c */
extern const struct settings_part SETTINGS_TIERS;     /* settings_tiers.c */
extern const struct settings_part SETTINGS_ISSUERS;    /* settings_issuers.c */
extern const struct settings_part SETTINGS_LIMITS;     /* settings_limits.c */
extern const struct settings_part SETTINGS_OUTBOUND;   /* settings_outbound.c */
extern const struct settings_part SETTINGS_ROOTS;      /* settings_roots.c */
extern const struct settings_part SETTINGS_RULES;      /* settings_rules.c */
extern const struct settings_part SETTINGS_UPSTREAMS;  /* settings_upstreams.c */

extern const struct settings_part *const SETTINGS_PARTS[]; /* NULL at the end */

#endif
