/* SPDX-License-Identifier: Apache-2.0 */
/* What an introspection's answer says of a token, checked against the token and put into the cache. Inside of
 * introspection only. */
#ifndef SALLYPORT_MCP_INTROSPECTION_ANSWER_H
#define SALLYPORT_MCP_INTROSPECTION_ANSWER_H

#include "mcp/caller/introspection.h"
#include "mcp/caller/recent_events.h"

struct asked {
	const struct introspection_options *options;
	const struct recent_events *recent; /* that tokens of this issuer died of */
	const uint8_t *digest;
	const json_t *claims; /* of a token that was verified here; else NULL: the answer alone speaks for it */
	const json_t *shown;  /* the same, or what a token says of itself that was not: it can only take away */
	int64_t asked_ms;
};

/* Claims by which a token is dropped. */
extern const char *const TOKEN_KEY_CLAIMS[TOKEN_KEYS];

/* NULL: the cache knows now whether the token is alive. Else why the answer says nothing. */
const char *introspection_take(const struct asked *asked, const struct egress_answer *answer);

#endif
