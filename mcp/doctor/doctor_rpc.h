/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON-RPC request of the doctor, in either era of the protocol. */
#ifndef SALLYPORT_DOCTOR_RPC_H
#define SALLYPORT_DOCTOR_RPC_H

#include "mcp/doctor/doctor_flow.h"

#define DOCTOR_MODERN "2026-07-28"
#define DOCTOR_LEGACY "2025-11-25"

struct doctor_session {
	const char *access;
	bool modern;                                 /* which era the next requests speak */
	const char *legacy_version, *legacy_session; /* of initialize; NULL before */
	const json_t *names;                         /* of the tools that were listed; NULL before */
	int id;
};

struct doctor_rpc {
	struct doctor_answer answer;
	const json_t *result, *error; /* one of them unless the body is no JSON-RPC answer */
};

/* Takes over the reference of `params`. A method that starts with "notifications/" has no id. */
struct doctor_rpc doctor_rpc_ask(struct doctor *d, struct doctor_session *s, const char *method, json_t *params);
/* The header's text; NULL if it is absent, or there was no answer. */
const char *doctor_rpc_challenge(struct doctor *d, const struct doctor_rpc *r);
/* "400, error -32602: its message". */
const char *doctor_error_words(struct doctor *d, const struct doctor_rpc *r);
/* False, and the step has failed, unless there is a result. */
bool doctor_has_result(struct doctor *d, struct report_step *s, const struct doctor_rpc *r);

/* doctor_call.c. Asks one tool, and says what came of it. */
void doctor_call_tool(struct doctor *d, struct doctor_session *session, const struct doctor_call *call);

#endif
