/* SPDX-License-Identifier: Apache-2.0 */
/* A backend for tests that holds a conversation with the client: the steps of its part of the file, one after another,
 * until one answers.
 *
 *     script:
 *       - log: {level: info, text: Started}
 *       - progress: {at: 50, total: 100, message: Half}
 *       - wait: 50                                # milliseconds
 *       - sleep: seconds                          # as long as this argument says
 *       - task: now                               # it goes on as a task, where the client can
 *       - fail: Out of order                      # with an error of the protocol
 *       - need: sampling                          # or the call ends
 *       - ask: [{key: user, method: elicitation/create, params: {...}, if_can: elicitation}]
 *         state: ok                               # comes back as {{state}}
 *       - come_back: 500                          # the connection ends; the client comes back for the rest
 *       - changed: [tools, prompts, resources]    # tells who listens
 *       - updated: test://watched
 *       - answer: "Hello, {{user.content.name}}!" # of a tool, a resource or a prompt
 *
 * {{...}} names an argument, the state, or a place in what the client has answered. */
#include <string.h>

#include "common/config.h"
#include "mcp/call/answer.h"
#include "mcp/backend/backend.h"
#include "mcp/call/conversation.h"
#include "mcp/catalogue/loading.h"
#include "mcp/protocol/watch.h"

enum { TICK_MS = 10, QUESTIONS_MAX = 8 };

static const char SCHEMA[] = "description: Steps of a conversation\n"
			     "type: array\n"
			     "minItems: 1\n"
			     "items:\n"
			     "  type: object\n"
			     "  additionalProperties: false\n"
			     "  minProperties: 1\n"
			     "  maxProperties: 2\n"
			     "  dependentRequired: {state: [ask]}\n"
			     "  properties:\n"
			     "    log:\n"
			     "      type: object\n"
			     "      required: [level, text]\n"
			     "    progress:\n"
			     "      type: object\n"
			     "      required: [at]\n"
			     "      properties: {at: {type: number}, total: {type: number}, message: {type: string}}\n"
			     "    wait: {type: integer, minimum: 1, maximum: 600000}\n"
			     "    need: {type: string}\n"
			     "    sleep: {type: string}\n"
			     "    task: {const: now}\n"
			     "    fail: {type: string}\n"
			     "    ask:\n"
			     "      type: array\n"
			     "      maxItems: 8\n"
			     "      items: {type: object, required: [key, method]}\n"
			     "    state: {type: string}\n"
			     "    come_back: {type: integer, minimum: 0}\n"
			     "    changed: {type: array, items: {enum: [tools, prompts, resources]}}\n"
			     "    updated: {type: string}\n"
			     "    answer: {type: string}\n";

struct work { /* of one request */
	size_t next;
	int64_t wait_ms;
	h2o_timeout_entry_t timer;
	struct request *r;
};

static struct work *work_of(struct request *r)
{
	struct call *call = call_of(r);

	if (call->work == NULL) {
		struct work *work = h2o_mem_alloc_pool(&r->pool, sizeof(*work));
		*work = (struct work){.r = r};
		call->work = work;
	}
	return call->work;
}

static const char *load(struct loading *l, const json_t *part, struct item *item)
{
	(void)l;
	item->plan = part;
	return NULL;
}

/* ---- texts ---- */

/* "count": an argument; "user.content.name", "roots.roots.0.uri": a place in an answer. */
static const json_t *named_value(struct request *r, const char *name)
{
	const json_t *value = json_object_get(call_of(r)->arguments, name);
	char *rest = text_copy(&r->pool, text_of(name));

	if (value != NULL)
		return value;
	value = ask_answer(r, strsep(&rest, "."));
	while (value != NULL && rest != NULL) {
		const char *member = strsep(&rest, ".");
		value = json_is_array(value) ? json_array_get(value, strtoul(member, NULL, 10))
		                             : json_object_get(value, member);
	}
	return value;
}

static void append_named(struct request *r, struct text_buffer *b, const char *name)
{
	struct secret state = ask_state(r);
	const json_t *value;

	if (strcmp(name, "state") == 0) {
		text_append(b, state.bytes, state.len);
		return;
	}
	value = named_value(r, name);
	if (json_is_string(value))
		text_append_str(b, json_string_value(value));
	else if (value != NULL)
		text_append_iovec(b, json_text(&r->pool, value));
}

static h2o_iovec_t fill(struct request *r, const char *text)
{
	struct text_buffer b = {.pool = &r->pool};

	for (const char *open; (open = strstr(text, "{{")) != NULL;) {
		const char *close = strstr(open, "}}");
		if (close == NULL)
			break;
		text_append(&b, text, (size_t)(open - text));
		append_named(r, &b, text_printf(&r->pool, "%.*s", (int)(close - open - 2), open + 2));
		text = close + 2;
	}
	text_append_str(&b, text);
	return h2o_iovec_init(b.base, b.len);
}

/* The value with all its texts filled; a new reference. */
static json_t *fill_value(struct request *r, json_t *value)
{
	const char *name;
	json_t *copy, *member;
	size_t i;

	if (json_is_string(value)) {
		h2o_iovec_t text = fill(r, json_string_value(value));
		return json_stringn(text.base, text.len);
	}
	copy = json_copy(value);
	if (json_is_object(value))
		json_object_foreach (value, name, member)
			json_object_set_new(copy, name, fill_value(r, member));
	if (json_is_array(value))
		json_array_foreach (value, i, member)
			json_array_set_new(copy, i, fill_value(r, member));
	return copy;
}

/* ---- steps ---- */

static step_result run(struct request *r);
static step_fn *const AGAIN[] = {run, NULL};

static h2o_timeout_t timeout;

static void on_timer(h2o_timeout_entry_t *entry)
{
	struct work *work = H2O_STRUCT_FROM_MEMBER(struct work, timer, entry);

	work->wait_ms -= TICK_MS;
	if (work->wait_ms > 0 && call_of(work->r)->running.end == RUNNING_ON)
		h2o_timeout_link(server_context(mcp_of(work->r)->server)->loop, &timeout, &work->timer);
	else
		request_resume(work->r);
}

static step_result wait_for(struct request *r, int64_t ms)
{
	h2o_loop_t *loop = server_context(mcp_of(r)->server)->loop;
	struct work *work = work_of(r);

	if (timeout.timeout == 0)
		h2o_timeout_init(loop, &timeout, TICK_MS);
	work->wait_ms = ms;
	work->timer.cb = on_timer;
	h2o_timeout_link(loop, &timeout, &work->timer);
	run_steps(r, AGAIN);
	return STEP_WAIT;
}

static step_result sleep_for(struct request *r, const char *argument)
{
	json_int_t seconds = json_integer_value(json_object_get(call_of(r)->arguments, argument));

	return seconds > 0 ? wait_for(r, seconds * 1000) : STEP_NEXT;
}

static struct input_request question_of(struct request *r, const json_t *question)
{
	json_t *params = json_object_get(question, "params");

	return (struct input_request){
	    .key = json_get_text(question, "key").base,
	    .method = json_get_text(question, "method").base,
	    .params = params != NULL ? json_text(&r->pool, json_keep(&r->pool, fill_value(r, params)))
	                             : h2o_iovec_init("{}", 2),
	};
}

/* STEP_NEXT if all is answered. */
static step_result ask(struct request *r, const json_t *step)
{
	struct input_request requests[QUESTIONS_MAX];
	const json_t *questions = json_object_get(step, "ask"), *question;
	size_t i, count = 0;
	bool open = false;

	json_array_foreach (questions, i, question) {
		const char *if_can = json_get_text(question, "if_can").base;
		if (count == QUESTIONS_MAX || (if_can != NULL && !client_can(r, if_can)))
			continue;
		requests[count] = question_of(r, question);
		open |= ask_answer(r, requests[count++].key) == NULL;
	}
	return open ? ask_client(r, requests, count, fill(r, config_text(step, "state", ""))) : STEP_NEXT;
}

static void tell_progress(struct request *r, const json_t *progress)
{
	const json_t *total = json_object_get(progress, "total");

	say_progress(r, json_number_value(json_object_get(progress, "at")),
	             total != NULL ? json_number_value(total) : -1, json_get_text(progress, "message").base);
}

static void tell_changes(struct request *r, const json_t *names)
{
	const json_t *name;
	unsigned kinds = 0;
	size_t i;

	json_array_foreach (names, i, name)
		kinds |= strcmp(json_string_value(name), "tools") == 0     ? WATCH_TOOLS
		         : strcmp(json_string_value(name), "prompts") == 0 ? WATCH_PROMPTS
		                                                           : WATCH_RESOURCES;
	if (kinds != 0)
		watch_changed(mcp_of(r), kinds);
}

static step_result answer(struct request *r, const char *text)
{
	const struct call *call = call_of(r);
	h2o_iovec_t filled = fill(r, text);
	struct text_buffer b = {.pool = &r->pool};
	struct outcome outcome = {.rows = 1};

	if (call->kind == ITEM_TOOL) {
		outcome.content = answer_text_content(&r->pool, filled);
		return answer_outcome(r, &outcome);
	}
	if (call->kind == ITEM_PROMPT) {
		text_append_str(&b, "[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":");
		text_append_json(&b, filled);
		text_append_str(&b, "}}]");
	} else {
		text_append_str(&b, "[{\"uri\":");
		text_append_json(&b, call->name);
		text_append_str(&b, ",\"mimeType\":\"text/plain\",\"text\":");
		text_append_json(&b, filled);
		text_append_str(&b, "}]");
	}
	outcome.content = h2o_iovec_init(b.base, b.len);
	return answer_outcome(r, &outcome);
}

/* STEP_NEXT: on to the next one. */
static step_result run_step(struct request *r, const json_t *step)
{
	const json_t *progress = json_object_get(step, "progress"), *log = json_object_get(step, "log");
	const char *need = json_get_text(step, "need").base, *text = json_get_text(step, "answer").base;

	if (progress != NULL)
		tell_progress(r, progress);
	if (log != NULL)
		say_log(r, severity_of(json_get_text(log, "level")), NULL,
		        json_text(&r->pool, json_object_get(log, "text")));
	if (json_object_get(step, "come_back") != NULL)
		say_come_back(r, (unsigned)config_int(step, "come_back", 0));
	tell_changes(r, json_object_get(step, "changed"));
	if (json_object_get(step, "updated") != NULL)
		watch_resource_changed(mcp_of(r), json_get_text(step, "updated"));
	if (need != NULL && !client_can(r, need))
		return ask_refuse(r, need);
	if (json_object_get(step, "task") != NULL && client_can(r, "tasks") && !task_runs(r))
		return task_become(r);
	if (json_object_get(step, "ask") != NULL)
		return ask(r, step);
	if (json_object_get(step, "sleep") != NULL)
		return sleep_for(r, json_get_text(step, "sleep").base);
	if (json_object_get(step, "fail") != NULL)
		return answer_error(r, 200, (struct rpc_problem){RPC_INTERNAL_ERROR, json_get_text(step, "fail").base},
		                    NULL);
	if (json_object_get(step, "wait") != NULL)
		return wait_for(r, config_int(step, "wait", 0));
	return text != NULL ? answer(r, text) : STEP_NEXT;
}

static step_result run(struct request *r)
{
	struct work *work = work_of(r);
	const json_t *steps = call_of(r)->plan;

	while (work->next < json_array_size(steps)) {
		if (call_of(r)->running.end != RUNNING_ON)
			return answer_cancelled(r, EFFECT_NONE);
		const json_t *step = json_array_get(steps, work->next);
		bool asks = json_object_get(step, "ask") != NULL;
		work->next += !asks;
		step_result result = run_step(r, step);
		if (result != STEP_NEXT)
			return result;
		work->next += asks; /* it has its answers */
	}
	return answer_problem(r, "The script has no answer.");
}

/* The timer looks whether the call goes on. */
static void cancel(struct request *r)
{
	(void)r;
}

const struct backend BACKEND_SCRIPT = {
    .name = "script",
    .schema = SCHEMA,
    .kinds = 1 << ITEM_TOOL | 1 << ITEM_RESOURCE | 1 << ITEM_TEMPLATE | 1 << ITEM_PROMPT,
    .load = load,
    .run = run,
    .cancel = cancel,
};
