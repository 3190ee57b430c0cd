/* SPDX-License-Identifier: Apache-2.0 */
/* Text that reads like orders to a model. One pass over the text as it looks (looks.h) knows words and forms of several
 * languages by class ("ignore", "earlier", "instructions"); a finding is some classes near each other. What is found is
 * a reason for caution and no proof, and nothing found is no proof either. Time is linear, memory fixed. */
#ifndef SALLYPORT_MCP_SCAN_H
#define SALLYPORT_MCP_SCAN_H

#include "common/text.h"

enum scan_policy { SCAN_OFF, SCAN_MARK, SCAN_BLOCK };
/* "off", "mark", "block" */
enum scan_policy scan_policy_of(h2o_iovec_t name);

enum scan_finding {
	SCAN_OVERRIDE,     /* ignore your instructions */
	SCAN_ROLE,         /* marks of a conversation: <|im_start|>, [INST], "system:" */
	SCAN_PERSONA,      /* you are now somebody else */
	SCAN_COMMAND,      /* the model must call, run, send */
	SCAN_TOOL_CALL,    /* what looks like the call of a tool */
	SCAN_EXFILTRATION, /* send what is secret somewhere */
	SCAN_REVEAL,       /* show the system prompt */
	SCAN_SECRECY,      /* do not tell the user */
	SCAN_HIDDEN,       /* orders in comments, in invisible markup or in characters that nobody sees */
	SCAN_ENCODED,      /* orders in base64, hex, rot13 */
	SCAN_FINDINGS
};

struct scan_verdict {                   /* starts zeroed; several texts of one result add up */
	uint8_t weights[SCAN_FINDINGS]; /* in hundredths: the strongest of each */
};
void scan_text(struct scan_verdict *verdict, h2o_iovec_t text);
/* 0 to 100. */
unsigned scan_score(const struct scan_verdict *verdict);
enum { SCAN_SUSPICIOUS = 50 /* from this score on `block` holds back */ };
/* {"score":0.9,"found":["override"]} appended; nothing if nothing was found: false. */
bool scan_append(struct text_buffer *b, const struct scan_verdict *verdict);

#endif
