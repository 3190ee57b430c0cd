/* SPDX-License-Identifier: Apache-2.0 */
/* What of the calls the operator wants to be told of: the member `alerts` of mcp.yaml. */
#ifndef SALLYPORT_MCP_SETTINGS_ALERTS_H
#define SALLYPORT_MCP_SETTINGS_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum alert_when { ALERT_FAILURES, ALERT_CALLS, ALERT_DESTROY, ALERT_OUT_OF_HOURS, ALERT_NEW_TOOL };
enum alert_by { ALERT_BY_PERSON, ALERT_BY_CLIENT, ALERT_BY_ADDRESS };

struct alert_rule {
	const char *name;
	enum alert_when when;
	enum alert_by by;
	unsigned count; /* so many, within */
	int64_t within_ms;
	int64_t quiet_ms;        /* of one source, the same is told again after this time */
	unsigned from, to, days; /* working hours: minutes of the day (UTC), bit 1 << day, Sunday is 0 */
	bool reads;              /* out_of_hours: of tier read too */
};

struct alert_settings {
	const struct alert_rule *rules;
	size_t count;
	const char *webhook;          /* URL; NULL: none */
	const char *command;          /* path; NULL: none */
	const char *const *arguments; /* of the command, with argv[0] */
};

#endif
