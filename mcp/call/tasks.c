/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "common/secret.h"
#include "mcp/call/answer.h"
#include "mcp/call/ask.h"
#include "mcp/backend/backend.h"
#include "mcp/catalogue/catalogue.h"
#include "mcp/call/invoke.h"
#include "mcp/policy/view.h"

enum {
	TASKS_MAX = 1024,
	BYTES_MAX = 64 * 1024 * 1024, /* of all outcomes */
	/* of one person */
	UNDER_WAY_MAX = 32,
	PERSON_TASKS_MAX = 128,
	PERSON_BYTES_MAX = 8 * 1024 * 1024,
	LIFETIME_MS = 60 * 60 * 1000,
	POLL_MS = 1000,
};

void tasks_open(struct tasks *tasks)
{
	*tasks = (struct tasks){.count = 0};
	h2o_linklist_init_anchor(&tasks->all);
}

static struct task *task_at(h2o_linklist_t *link)
{
	return H2O_STRUCT_FROM_MEMBER(struct task, link, link);
}

static void drop(struct task *task)
{
	h2o_linklist_unlink(&task->link);
	task->tasks->count--;
	free(task->outcome.base);
	free(task->name);
	h2o_mem_release_shared(task->bearer);
	free(task);
}

void tasks_close(struct tasks *tasks)
{
	while (!h2o_linklist_is_empty(&tasks->all))
		drop(task_at(tasks->all.next));
}

static void look_after(struct task *task, int64_t now_ms)
{
	bool is_over = now_ms - task->begun_ms >= LIFETIME_MS;

	if (task->r == NULL && is_over)
		drop(task);
	else if (task->r != NULL && is_over)
		running_stop(task->r, RUNNING_CANCELLED, "the task has had its time");
	else if (task->r != NULL && task->bearer->grant_id[0] == '\0' && clock_now() >= task->bearer->expires)
		running_stop(task->r, RUNNING_REVOKED, "the token has expired, and there is no grant");
}

void tasks_tick(void *data)
{
	struct tasks *tasks = data;
	int64_t now_ms = clock_monotonic_ms();

	for (h2o_linklist_t *n = tasks->all.next, *next; n != &tasks->all; n = next) {
		next = n->next;
		look_after(task_at(n), now_ms);
	}
}

void tasks_revoke(struct tasks *tasks, enum token_key key, h2o_iovec_t value)
{
	for (h2o_linklist_t *n = tasks->all.next, *next; n != &tasks->all; n = next) {
		next = n->next;
		if (task_at(n)->r == NULL && text_is(value, bearer_key(task_at(n)->bearer, key)))
			drop(task_at(n));
	}
}

void tasks_end_all(struct tasks *tasks)
{
	for (h2o_linklist_t *n = tasks->all.next; n != &tasks->all; n = n->next)
		if (task_at(n)->r != NULL)
			running_stop(task_at(n)->r, RUNNING_SERVER_ENDS, "the server goes down");
}

/* ---- room ---- */

/* What a person has; 0: what all have. */
struct load {
	uint64_t person;
	size_t count, bytes;
};

static bool counts(const struct load *load, const struct task *task)
{
	return load->person == 0 || load->person == task->bearer->person;
}

/* The oldest that have ended go. */
static void make_room_of(struct tasks *tasks, struct load load, const struct load *limit)
{
	for (h2o_linklist_t *n = tasks->all.next; n != &tasks->all; n = n->next)
		if (counts(&load, task_at(n))) {
			load.count++;
			load.bytes += task_at(n)->outcome.len;
		}
	for (h2o_linklist_t *n = tasks->all.next, *next; n != &tasks->all; n = next) {
		struct task *task = task_at(n);
		next = n->next;
		if (load.count <= limit->count && load.bytes <= limit->bytes)
			return;
		if (task->r != NULL || !counts(&load, task))
			continue;
		load.count--;
		load.bytes -= task->outcome.len;
		drop(task);
	}
}

/* A person's own go first: nobody pushes out those of others while she has more than her share. `more` tasks and
 * `bytes` are to come. */
static void make_room(struct tasks *tasks, uint64_t person, size_t more, size_t bytes)
{
	const struct load own = {.count = PERSON_TASKS_MAX, .bytes = PERSON_BYTES_MAX},
			  all = {.count = TASKS_MAX, .bytes = BYTES_MAX};

	make_room_of(tasks, (struct load){person, more, bytes}, &own);
	make_room_of(tasks, (struct load){0, more, bytes}, &all);
}

static size_t count_under_way(struct tasks *tasks, uint64_t person)
{
	size_t count = 0;

	for (h2o_linklist_t *n = tasks->all.next; n != &tasks->all; n = n->next)
		count += task_at(n)->r != NULL && task_at(n)->bearer->person == person;
	return count;
}

/* ---- whose they are ---- */

/* True if who asks may use the tool by today's token. */
static bool may_use(struct request *r, const struct task *task)
{
	const struct view *view = view_of(r);
	const struct item *item = catalogue_find(view->catalogue, ITEM_TOOL, text_of(task->name));

	return item != NULL && view->decisions[item->index] == ALLOWED;
}

struct task *task_find(struct request *r, h2o_iovec_t text)
{
	struct mcp *mcp = mcp_of(r);
	uint8_t caller[SESSION_OWNER_SIZE];
	struct handle handle;

	if (!handle_open(mcp->sessions.keys, HANDLE_MCP_TASK, text, &handle))
		return NULL;
	session_caller(r, caller);
	for (h2o_linklist_t *n = mcp->tasks.all.next; n != &mcp->tasks.all; n = n->next) {
		struct task *task = task_at(n);
		if (memcmp(task->id, handle.id, sizeof(task->id)) != 0)
			continue;
		return memcmp(task->caller, caller, sizeof(caller)) == 0 && may_use(r, task) ? task : NULL;
	}
	return NULL;
}

/* ---- the request that goes on ---- */

/* What rpc_reply and rpc_reply_error write around an outcome of a request with this id. */
#define ID "0"
static const char RESULT[] = "{\"jsonrpc\":\"2.0\",\"id\":" ID ",\"result\":";
static const char ERROR[] = "{\"jsonrpc\":\"2.0\",\"id\":" ID ",\"error\":";
static const char UNKNOWN_ERROR[] = "{\"code\":-32603,\"message\":\"The call could not be finished\"}";

static void keep_outcome(struct task *task, const char *bytes, size_t len)
{
	make_room(task->tasks, task->bearer->person, 0, len);
	task->outcome = h2o_iovec_init(h2o_mem_alloc(len), len);
	memcpy(task->outcome.base, bytes, len);
}

static step_result take_end(struct request *part, int status, h2o_iovec_t body)
{
	struct task *task = call_of(part)->task;
	size_t head = text_starts(body, RESULT) ? sizeof(RESULT) - 1 : sizeof(ERROR) - 1;
	enum running_end end = call_of(part)->running.end;
	/* what comes after a revocation is nobody's any more */
	bool has_result = text_starts(body, RESULT) && end != RUNNING_REVOKED, has_error = text_starts(body, ERROR);

	(void)status;
	clock_format_now(task->updated_at);
	if (has_result)
		task->end = TASK_COMPLETED;
	else
		task->end = end != RUNNING_ON ? TASK_CANCELLED : TASK_FAILED;
	if (has_result || (has_error && task->end == TASK_FAILED))
		keep_outcome(task, body.base + head, body.len - head - 1);
	else if (task->end == TASK_FAILED)
		keep_outcome(task, UNKNOWN_ERROR, sizeof(UNKNOWN_ERROR) - 1);
	task->r = NULL;
	return STEP_DONE;
}

static step_result run_part(struct request *part)
{
	struct call *call = call_of(part);

	call->item = catalogue_find(view_of(part)->catalogue, ITEM_TOOL, call->name);
	call->tool = tool_of(call->item);
	return invoke_run(part, call->item->backend, call->item->plan);
}

static step_fn *const STEPS[] = {run_part, NULL};

static json_t *copy_json(struct request *to, const json_t *value)
{
	return json_keep(&to->pool, json_deep_copy(value));
}

/* It lives without the request that began it: nothing of that one's pool is used. */
static struct request *make_part(struct request *r, struct task *task)
{
	struct request *part = request_part_new(r, sizeof(struct call), STEPS, take_end);
	struct call *call = call_of(part);
	const struct call *from = call_of(r);

	part->whole = NULL;
	memcpy(part->id, r->id, sizeof(part->id)); /* one call in the records */
	bearer_inherit(part, r);
	*call = (struct call){.era = from->era,
	                      .kind = from->kind,
	                      .task = task,
	                      .approval = from->approval,
	                      .is_intended = from->is_intended};
	call->running.doubted_ms = from->running.doubted_ms;
	call->running.asked_ms = from->running.asked_ms;
	view_inherit(part, r);
	call->message.id = text_of(ID);
	call->message.method = text_of("tools/call");
	call->message.params = copy_json(part, from->message.params);
	call->name = h2o_iovec_init(text_copy(&part->pool, from->name), from->name.len);
	call->arguments = copy_json(part, from->arguments);
	if (from->asking != NULL) {
		struct asking *asking = asking_of(part);
		asking->answers = copy_json(part, from->asking->answers);
		asking->state = secret_copy(&part->pool, from->asking->state.bytes, from->asking->state.len);
	}
	return part;
}

static struct task *make_task(struct request *r)
{
	struct tasks *tasks = &mcp_of(r)->tasks;
	struct task *task = h2o_mem_alloc(sizeof(*task));

	*task = (struct task){
	    .tasks = tasks,
	    .begun_ms = clock_monotonic_ms(),
	    .bearer = (struct bearer *)bearer_of(r),
	    .name = h2o_strdup(NULL, call_of(r)->name.base, call_of(r)->name.len).base,
	};
	h2o_mem_addref_shared(task->bearer);
	random_bytes(task->id, sizeof(task->id));
	session_caller(r, task->caller);
	clock_format_now(task->created_at);
	memcpy(task->updated_at, task->created_at, sizeof(task->updated_at));
	h2o_linklist_insert(&tasks->all, &task->link);
	tasks->count++;
	task->r = make_part(r, task);
	return task;
}

step_result task_become(struct request *r)
{
	struct tasks *tasks = &mcp_of(r)->tasks;
	uint64_t person = bearer_of(r)->person;
	struct text_buffer b = {.pool = &r->pool};

	if (call_of(r)->task != NULL)
		h2o_fatal("a task becomes a task");
	make_room(tasks, person, 1, 0);
	if (tasks->count >= TASKS_MAX || count_under_way(tasks, person) >= UNDER_WAY_MAX)
		return answer_problem(r, "There are too many tasks under way.");
	struct task *task = make_task(r);
	text_append_str(&b, "{\"resultType\":\"task\",");
	task_append(&b, r, task);
	text_append_printf(&b, ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}}", mcp_of(r)->server_info);
	request_part_run(task->r);
	return answer_task(r, h2o_iovec_init(b.base, b.len));
}

bool task_runs(const struct request *r)
{
	return call_of(r)->task != NULL;
}

static const char *status_of(const struct task *task)
{
	static const char *const ENDS[] = {"working", "completed", "failed", "cancelled"};

	if (task->r != NULL && ask_is_waiting(call_of(task->r)))
		return "input_required";
	return ENDS[task->r != NULL ? TASK_ON : task->end];
}

void task_append(struct text_buffer *b, const struct request *r, const struct task *task)
{
	struct handle handle = {.generation = 0};

	memcpy(handle.id, task->id, sizeof(handle.id));
	text_append_printf(b,
	                   "\"taskId\":\"%s\",\"status\":\"%s\",\"createdAt\":\"%s\",\"lastUpdatedAt\":\"%s\","
	                   "\"ttlMs\":%d,\"pollIntervalMs\":%d",
	                   handle_mint(b->pool, mcp_of(r)->sessions.keys, HANDLE_MCP_TASK, &handle), status_of(task),
	                   task->created_at, task->updated_at, LIFETIME_MS, POLL_MS);
}
