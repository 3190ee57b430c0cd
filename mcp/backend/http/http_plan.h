/* SPDX-License-Identifier: Apache-2.0 */
/* The member `http` of a tool's file: one request to one host, with places for arguments, and what is taken of the
 * answer. */
#ifndef SALLYPORT_MCP_HTTP_PLAN_H
#define SALLYPORT_MCP_HTTP_PLAN_H

#include "mcp/call/call.h"
#include "mcp/backend/http/credential.h"
#include "mcp/backend/http/http_template.h"

struct http_field {
	const char *name;
	const struct http_template *value;
};
struct http_fields {
	struct http_field *list;
	size_t count;
};

enum http_body { HTTP_NO_BODY, HTTP_JSON, HTTP_FORM, HTTP_TEXT };
enum http_result { HTTP_AS_JSON, HTTP_AS_TEXT, HTTP_AS_IMAGE, HTTP_AS_AUDIO, HTTP_AS_BLOB };

struct http_pick {
	const char *name; /* in the result; NULL: it is the result */
	h2o_iovec_t pointer;
};
struct http_answers {
	enum http_result as;
	const char *const *types; /* NULL-terminated: "image/png", or "image/" for all of them */
	const char *accept;       /* the same for the header */
	struct http_pick *picks;  /* one without a name, or those with names; none: the whole */
	size_t pick_count;
	bool has_error;
	h2o_iovec_t error; /* pointer to the service's own words */
};

struct http_plan {
	const char *method;
	const char *origin; /* "https://api.example.com:8443" */
	const struct http_path *path;
	const char *fixed_query; /* of the url; NULL: none */
	struct http_fields query, headers, form;
	enum http_body body;
	const char *content_type; /* NULL without a body */
	const json_t *json;       /* template: {"$argument": name}, {"$arguments": true} */
	const struct http_template *text;
	const struct credential *credential; /* NULL: none */
	long timeout_ms;
	size_t limit;    /* of the decoded body */
	bool idempotent; /* it may be sent again after a broken connection */
	struct http_answers answers;
};

extern const char HTTP_PLAN_SCHEMA[];
/* The load function of the backend. */
const char *http_plan_load(struct loading *l, const json_t *part, struct item *item);

/* ---- http_plan_body.c, http_plan_answers.c: parts of it. NULL, or a problem that begins behind "/http" ---- */

const char *http_plan_load_fields(struct loading *l, const json_t *part, const char *place, bool lists,
                                  struct http_fields *ret);
/* Each argument of the template is one text, number or boolean, as far as its schema says. NULL, or a problem behind
 * the place. */
const char *http_plan_arguments_problem(struct loading *l, const struct http_template *t, bool lists);
const char *http_plan_load_body(struct loading *l, const json_t *part, struct http_plan *plan);
const char *http_plan_load_answers(struct loading *l, const json_t *part, struct http_answers *ret);

/* ---- http_request.c ---- */

struct http_message { /* in the request's pool */
	const char *url;
	const char **headers; /* NULL-terminated, with a free place for one more */
	const char *authorization;
	h2o_iovec_t body;
};
/* NULL, or a fixed sentence for the model: the arguments make no request. */
const char *http_message_make(h2o_mem_pool_t *pool, const struct http_plan *plan, const json_t *arguments,
                              struct http_message *ret);

/* ---- http_answer.c ---- */

struct http_answer { /* in the request's pool */
	int status;  /* 0: there is none */
	enum egress_failure failure;
	const char *problem; /* fixed text, for the log only */
	h2o_iovec_t type, retry_after, body;
	enum call_effect effect; /* what is known of it if the answer is of no use */
};
/* Ends the call. */
step_result http_answer_take(struct request *r, const struct http_plan *plan, const struct http_answer *answer);

#endif
