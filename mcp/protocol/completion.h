/* SPDX-License-Identifier: Apache-2.0 */
/* completion/complete: values for the arguments of prompts and the variables of templates, from a list in their file or
 * by a statement. Who may not use an item gets no values for it. */
#ifndef SALLYPORT_MCP_COMPLETION_H
#define SALLYPORT_MCP_COMPLETION_H

#include "common/config.h"
#include "common/request.h"

struct loading;
struct sql_plan;

enum { COMPLETION_VALUES_MAX = 100 /* of an answer */, COMPLETION_VALUE_SIZE_MAX = 1024 };

/* Where the values of one argument come from: one of both. */
struct completion {
	const char *argument;
	const json_t *values;        /* an array of texts */
	const struct sql_plan *plan; /* a statement whose first column they are */
};
struct completions {
	const char *const *names; /* of all arguments that the item takes, with values or without */
	size_t name_count;
	struct completion *items;
	size_t count;
};

/* YAML text of the JSON Schema of `complete`: {values: [...]} or {sql: {statement, parameters, timeout}}. */
#define COMPLETION_SCHEMA                                                                                              \
	"{description: Values that clients may offer, type: object, additionalProperties: false, minProperties: 1, "   \
	"maxProperties: 1, properties: {values: {type: array, items: {type: string, minLength: 1, maxLength: 200}, "   \
	"maxItems: 1000, uniqueItems: true}, sql: {type: object, additionalProperties: false, "                        \
	"required: [statement, parameters], properties: {statement: {type: string, minLength: 1, maxLength: 20000}, "  \
	"parameters: {type: array, items: {type: string, minLength: 1, maxLength: 128}, uniqueItems: true, "           \
	"maxItems: 32}, claims: {type: boolean}, timeout: {type: string, pattern: " DURATION_PATTERN "}}}}}"

/* ---- completion_load.c ---- */

/* All arguments of the item are the members of l->names. */
void completions_open(struct loading *l, struct completions *completions);
/* The member `complete` of one of them, at `place`. NULL, or a problem. */
const char *completions_add(struct loading *l, struct completions *completions, const char *argument,
                            const json_t *complete, const char *place);

/* ---- completion.c ---- */

/* Values on their way into an answer; starts zeroed with a pool. What limits the caller (policy.h) leaves out those
 * that the item could not be used with, as far as its other arguments are known. */
struct completion_list {
	h2o_mem_pool_t *pool;
	struct request *r; /* who asks */
	struct text_buffer json;
	size_t count;
	bool has_more; /* than an answer holds */
};
/* False: it was left out for that. */
bool completion_list_add(struct completion_list *list, h2o_iovec_t value);
struct outcome;
void completion_list_outcome(struct completion_list *list, struct outcome *ret);

step_result completion_complete(struct request *r);

#endif
