/* SPDX-License-Identifier: Apache-2.0 */
/* The member `guardrails` of mcp.yaml: what is done about results on their way to a model. */
#ifndef SALLYPORT_MCP_SETTINGS_GUARDRAILS_H
#define SALLYPORT_MCP_SETTINGS_GUARDRAILS_H

#include "mcp/scan/scan.h"

struct guardrail_settings {
	enum scan_policy scan; /* of what strangers wrote, unless the file of the item says otherwise */
	const char *const
	    *links;          /* hosts, NULL-terminated: links and images of strangers that lead there are not told */
	size_t result_bytes; /* the most that a result has; 0 only in unit tests: no bound */
};

#endif
