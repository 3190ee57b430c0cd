/* SPDX-License-Identifier: Apache-2.0 */
/* A client is asked in one of two ways (ask_legacy.c, ask_modern.c); what was asked and answered is the same. */
#include "mcp/call/ask.h"

#include <string.h>

#include "mcp/call/answer.h"
#include "mcp/call/tasks.h"

static const struct {
	const char *name;
	unsigned bit;
	const char *needed; /* ClientCapabilities that have it */
} CAPABILITIES[] = {
    {"elicitation", CAN_ELICIT_FORM, "{\"elicitation\":{}}"},
    {"elicitation.url", CAN_ELICIT_URL, "{\"elicitation\":{\"url\":{}}}"},
    {"sampling", CAN_SAMPLE, "{\"sampling\":{}}"},
    {"sampling.tools", CAN_SAMPLE_WITH_TOOLS, "{\"sampling\":{\"tools\":{}}}"},
    {"sampling.context", CAN_SAMPLE_WITH_CONTEXT, "{\"sampling\":{\"context\":{}}}"},
    {"roots", CAN_LIST_ROOTS, "{\"roots\":{}}"},
    {"tasks", CAN_TASKS, "{\"extensions\":{\"" TASKS_EXTENSION "\":{}}}"},
};
enum { CAPABILITY_COUNT = sizeof(CAPABILITIES) / sizeof(CAPABILITIES[0]) };

static unsigned abilities_of(const struct request *r)
{
	const struct call *call = call_of(r);

	if (call->era == ERA_LEGACY)
		return call->session.abilities & ~(unsigned)CAN_TASKS;
	const json_t *meta = json_object_get(call->message.params, "_meta");
	return session_abilities(json_object_get(meta, "io.modelcontextprotocol/clientCapabilities"));
}

static size_t find_capability(const char *name)
{
	size_t i = 0;

	while (i < CAPABILITY_COUNT && strcmp(CAPABILITIES[i].name, name) != 0)
		i++;
	if (i == CAPABILITY_COUNT)
		h2o_fatal("a backend asks for a capability that does not exist");
	return i;
}

bool client_can(const struct request *r, const char *capability)
{
	return (abilities_of(r) & CAPABILITIES[find_capability(capability)].bit) != 0;
}

step_result ask_refuse(struct request *r, const char *capability)
{
	const struct call *call = call_of(r);
	size_t i = find_capability(capability);

	if (call->era == ERA_LEGACY)
		return answer_problem(
		    r, text_printf(&r->pool, "The client would have to support %s, which it does not.", capability));
	return answer_error(r, 400, (struct rpc_problem){RPC_MISSING_CAPABILITY, "The client lacks a capability"},
	                    text_printf(&r->pool, "{\"requiredCapabilities\":%s}", CAPABILITIES[i].needed));
}

/* The capability that a request needs. */
static const char *needed_for(const json_t *params, const char *method)
{
	if (strcmp(method, "elicitation/create") == 0)
		return text_is(json_get_text(params, "mode"), "url") ? "elicitation.url" : "elicitation";
	if (strcmp(method, "roots/list") == 0)
		return "roots";
	return json_object_get(params, "tools") != NULL ? "sampling.tools" : "sampling";
}

struct asking *asking_of(struct request *r)
{
	struct call *call = call_of(r);

	if (call->asking != NULL)
		return call->asking;
	call->asking = h2o_mem_alloc_pool(&r->pool, sizeof(*call->asking));
	*call->asking = (struct asking){.answers = json_keep(&r->pool, json_object())};
	return call->asking;
}

const json_t *ask_answer(const struct request *r, const char *key)
{
	const struct asking *asking = call_of(r)->asking;

	return asking != NULL ? json_object_get(asking->answers, key) : NULL;
}

struct secret ask_state(const struct request *r)
{
	const struct asking *asking = call_of(r)->asking;

	return asking != NULL ? asking->state : (struct secret){NULL, 0};
}

/* A question leaves as a result does. What a form asks for has a name that may be telling, and is no secret yet; the
 * address that a person shall go to stays whole. */
static const json_t *redacted_params(struct request *r, h2o_iovec_t params)
{
	struct redact_rules rules = *answer_rules(r);
	const json_t *whole = json_read(&r->pool, params, NULL);

	if (whole == NULL)
		h2o_fatal("a backend asks with params that are no JSON");
	rules.allowed |= 1U << REDACT_FIELD;
	h2o_iovec_t seen = redact_json(&r->pool, &rules, params, json_get_text(whole, "url"), &call_of(r)->redacted);
	return seen.base == params.base ? whole : json_read(&r->pool, seen, NULL);
}

/* The questions that are not answered. NULL and *lacking if one needs what the client cannot do. */
static struct question *open_questions(struct request *r, const struct input_request *requests, size_t count,
                                       const char **lacking)
{
	struct question *questions = NULL, **end = &questions;

	for (size_t i = 0; i < count; i++) {
		if (ask_answer(r, requests[i].key) != NULL)
			continue;
		const json_t *params = requests[i].is_own ? json_read(&r->pool, requests[i].params, NULL)
		                                          : redacted_params(r, requests[i].params);
		*lacking = needed_for(params, requests[i].method);
		if (!client_can(r, *lacking))
			return NULL;
		*end = h2o_mem_alloc_pool(&r->pool, sizeof(**end));
		**end = (struct question){.key = requests[i].key, .method = requests[i].method, .params = params};
		end = &(*end)->next;
	}
	*lacking = NULL;
	return questions;
}

step_result ask_client(struct request *r, const struct input_request *requests, size_t count, h2o_iovec_t state)
{
	struct asking *asking = asking_of(r);
	const char *lacking = NULL;

	asking->questions = open_questions(r, requests, count, &lacking);
	if (lacking != NULL)
		return ask_refuse(r, lacking);
	if (asking->questions == NULL) /* it would go round for ever */
		return answer_problem(r, "It asks for what it has been told.");
	asking->state = secret_copy(&r->pool, state.base != NULL ? state.base : "", state.len);
	if (task_runs(r))
		return ask_wait(r);
	return call_of(r)->era == ERA_MODERN ? ask_modern(r) : ask_legacy(r);
}
