/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a connection, in three parts: what is public (doctor_discovery.c), what a person does
 * (doctor_sign_in.c), and what the token opens (doctor_tools.c). doctor_flow.c puts them in order. Everything lives in
 * one pool until the program ends. */
#ifndef SALLYPORT_DOCTOR_FLOW_H
#define SALLYPORT_DOCTOR_FLOW_H

#include "mcp/doctor/doctor_http.h"
#include "mcp/doctor/doctor_report.h"

struct doctor_call {
	const char *tool;
	json_t *arguments;
};

struct doctor {
	h2o_mem_pool_t *pool;
	struct doctor_http *http;
	struct report *report;
	const char *url;
	const char *wanted_scope; /* to ask for; NULL: what the server names */
	const struct doctor_call *calls;
	size_t call_count;
	const struct doctor_person *person; /* who is signed in */
	const char *details;                /* RFC 9396, of a call that she shall approve; NULL: of none */
	/* found by discovery */
	const char *metadata_url;              /* of the protected resource; NULL if the challenge did not say */
	const char *resource, *issuer, *scope; /* scope: what to ask for; "" if unknown */
	const char *authorization_endpoint, *token_endpoint, *registration_endpoint, *revocation_endpoint;
	bool iss_promised; /* RFC 9207 */
	/* the client that was registered */
	const char *redirect_uri, *client_id;
	const char *configuration_url, *registration_token; /* RFC 7592; NULL if not offered */
};

struct doctor_tokens {
	const char *access, *refresh; /* NULL if absent */
};

/* Gives the number of failed steps. `people`, `passwords`: may be empty. */
struct doctor_person {
	const char *name, *password;
};
int doctor_run(struct doctor *d, const struct doctor_person *people, size_t count);

/* doctor_discovery.c. Each is false when the steps behind it make no sense any more. */
bool doctor_discover(struct doctor *d);
bool doctor_register(struct doctor *d);
void doctor_unregister(struct doctor *d);
/* doctor_sign_in.c. `person` NULL: stops at the sign-in page. True only with tokens. */
bool doctor_sign_in(struct doctor *d, const struct doctor_person *person, struct doctor_tokens *ret);
void doctor_revoke(struct doctor *d, const struct doctor_tokens *tokens);
/* doctor_tools.c */
void doctor_use_tools(struct doctor *d, const struct doctor_tokens *tokens);

/* Ends a step that is described by `s`. `passed` true, `failed` false. */
bool doctor_passed(struct doctor *d, struct report_step *s, const char *words);
bool doctor_noted(struct doctor *d, struct report_step *s, const char *words, const char *fix);
bool doctor_failed(struct doctor *d, struct report_step *s, const char *words, const char *fix);
/* False, and the step has failed, if there was no answer or it is 5xx. Sets s->got. */
bool doctor_answered(struct doctor *d, struct report_step *s, const struct doctor_answer *answer);
/* The JSON object of a 2xx answer. NULL, and the step has failed, if it is anything else. */
json_t *doctor_object(struct doctor *d, struct report_step *s, const struct doctor_answer *answer);
/* Clean, short text of a stranger, "" for NULL. */
const char *doctor_quote(struct doctor *d, const char *text);
/* The texts of an array, for people: "a, b", or "none". */
const char *doctor_join_names(struct doctor *d, const json_t *names);
bool doctor_has(const json_t *array, const char *value);

#endif
