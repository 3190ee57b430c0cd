/* SPDX-License-Identifier: Apache-2.0 */
/* A program, run once for each call by the spawner (common/spawner.h): no shell, arguments only in their slots, output
 * bounded, and whatever ends the call ends the program with all that it has started. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/log.h"
#include "mcp/backend/backends.h"
#include "mcp/backend/command/command_output.h"
#include "mcp/backend/command/commands.h"
#include "mcp/call/conversation.h"

enum { ERRORS_MAX = 4096, GIVE_UP_MS = 3000 };

struct command_work { /* of one call, in its pool */
	struct request *r;
	const struct command_plan *plan;
	struct child *child; /* NULL once it has ended */
	struct command_work *next, **at;
	struct text_buffer output, errors;
	size_t said; /* of the output, to the client or to what redacts it */
	struct redact_stream redacting;
	struct redact_counts redacted; /* in what was said: the result tells of it again, if there is one */
	size_t seen;                   /* bytes of output, kept or not */
	size_t told;                   /* of those, as progress */
	bool cut;                      /* there was more than may be kept */
	bool stopped;                  /* it was asked to end */
	bool too_late;                 /* the call's time is over */
	int64_t end_ms;
	int status; /* of waitpid; -1: it did not run */
};

static struct command_work *work_of(const struct request *r)
{
	return call_of(r)->work;
}

/* ---- while it runs ---- */

static void say_text(struct command_work *work, h2o_iovec_t text)
{
	struct call *call = call_of(work->r);
	struct redact_counts counts = call->redacted;
	struct text_buffer json = {.pool = &work->r->pool};

	if (text.len == 0)
		return;
	text_append_json(&json, text);
	say_log(work->r, SEVERITY_INFO, call->item->name, h2o_iovec_init(json.base, json.len));
	call->redacted = counts; /* it has been counted */
}

/* A secret may come in two pieces, so what goes out is lines. */
static void say_rest(struct command_work *work)
{
	h2o_mem_pool_t *pool = &work->r->pool;
	h2o_iovec_t rest = h2o_iovec_init(work->output.base + work->said, work->output.len - work->said);

	rest.len = command_whole_characters(rest);
	work->said += rest.len;
	say_text(work, redact_stream_feed(&work->redacting, pool, command_text(pool, rest)));
}

/* At ticks, so not too often. What a stranger wrote is not said before it is marked: of that only how much there is. */
static void say(struct command_work *work)
{
	if (!work->plan->streams || work->seen == work->told || call_of(work->r)->running.end != RUNNING_ON)
		return;
	work->told = work->seen;
	say_progress(work->r, (double)work->seen, -1, NULL);
	if (!work->plan->untrusted)
		say_rest(work);
}

static void say_end(struct command_work *work)
{
	say(work);
	if (call_of(work->r)->running.end == RUNNING_ON)
		say_text(work, redact_stream_end(&work->redacting, &work->r->pool));
}

static void stop(struct command_work *work)
{
	if (work->stopped || work->child == NULL)
		return;
	work->stopped = true;
	child_kill(work->child);
}

static void leave(struct command_work *work)
{
	struct commands *commands = mcp_of(work->r)->commands;

	work->child = NULL;
	*work->at = work->next;
	if (work->next != NULL)
		work->next->at = work->at;
	shares_give_back(&commands->places, work->r->share);
}

/* The program ends, or is left to the spawner, and the call goes on to its answer. */
static void give_up_work(struct command_work *work)
{
	struct child *child = work->child;

	leave(work);
	work->status = -1;
	child_forget(child);
	request_resume(work->r);
}

void commands_give_up(struct commands *commands)
{
	while (commands->first != NULL)
		give_up_work(commands->first);
}

static void on_tick(h2o_timeout_entry_t *entry)
{
	struct commands *commands = H2O_STRUCT_FROM_MEMBER(struct commands, tick, entry);
	int64_t now_ms = clock_monotonic_ms();

	for (struct command_work *work = commands->first, *next; work != NULL; work = next) {
		next = work->next;
		say(work);
		if (now_ms < work->end_ms)
			continue;
		work->too_late = true;
		stop(work);
		if (now_ms >= work->end_ms + GIVE_UP_MS) {
			give_up_work(work);
			next = commands->first; /* others may have gone with it */
		}
	}
	if (commands->first != NULL && !h2o_timeout_is_linked(&commands->tick))
		h2o_timeout_link(commands->loop, &commands->timeout, &commands->tick);
}

static void enter(struct command_work *work)
{
	struct commands *commands = mcp_of(work->r)->commands;

	work->next = commands->first;
	work->at = &commands->first;
	if (commands->first != NULL)
		commands->first->at = &work->next;
	commands->first = work;
	shares_take(&commands->places, work->r->share);
	commands->tick.cb = on_tick;
	if (!h2o_timeout_is_linked(&commands->tick))
		h2o_timeout_link(commands->loop, &commands->timeout, &commands->tick);
}

/* ---- events ---- */

static void keep(struct text_buffer *b, h2o_iovec_t bytes, size_t max)
{
	size_t room = max - b->len;

	text_append(b, bytes.base, bytes.len < room ? bytes.len : room);
}

static void on_output(void *data, enum child_pipe pipe, h2o_iovec_t bytes)
{
	struct command_work *work = data;

	if (bytes.len == 0)
		return;
	if (pipe == CHILD_ERR) {
		keep(&work->errors, bytes, ERRORS_MAX);
		return;
	}
	work->seen += bytes.len;
	keep(&work->output, bytes, work->plan->bytes);
	if (work->seen <= work->plan->bytes)
		return;
	work->cut = true;
	/* one that changes something is not to be left half-way: the rest goes nowhere */
	if (work->plan->stops_at_bytes)
		stop(work);
}

static void on_end(void *data, int status)
{
	struct command_work *work = data;

	say_end(work);
	leave(work);
	work->status = status;
	request_resume(work->r);
}

/* ---- the answer ---- */

static bool has_succeeded(const struct command_work *work)
{
	if (work->cut && work->stopped && !work->too_late)
		return true; /* it was told to */
	return work->status != -1 && WIFEXITED(work->status) && work->plan->success[WEXITSTATUS(work->status)] != 0;
}

static const char *failure_text(struct request *r, const struct command_work *work)
{
	int status = work->status, code = status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (work->too_late)
		return "The command took longer than it may and was stopped. Ask for less.";
	if (status == -1)
		return "The command could not be run. Its operator has to look into it.";
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return "The command needed more computing time than it may and was stopped. Ask for less.";
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
		return "The command wrote a larger file than it may and was stopped.";
	if (code == -1)
		return "The command broke off. Its operator has to look into it.";
	const char *words = json_get_text(work->plan->failures, text_printf(&r->pool, "%d", code)).base;
	return words != NULL ? words : text_printf(&r->pool, "The command failed with exit status %d.", code);
}

/* What it said on its standard error is for the operator: it may name paths, hosts, and what was sent. */
static void log_run(struct request *r, const struct command_work *work, bool fine)
{
	const struct item *item = call_of(r)->item;
	int status = work->status;
	const char *end = status == -1          ? "it did not run"
	                  : WIFSIGNALED(status) ? text_printf(&r->pool, "signal %d", WTERMSIG(status))
	                                        : text_printf(&r->pool, "exit status %d", WEXITSTATUS(status));

	if (fine && work->errors.len == 0)
		return;
	h2o_iovec_t errors = command_text(&r->pool, h2o_iovec_init(work->errors.base, work->errors.len));
	log_event(fine ? LOG_INFO : LOG_WARNING, fine ? "a command complained" : "a command failed", "request", r->id,
	          "tool", item->name, "end", end, "standard_error", errors.len > 0 ? text_copy(&r->pool, errors) : NULL,
	          NULL);
}

static enum call_effect effect_of(const struct request *r, bool fine)
{
	if (call_of(r)->item->tier == TIER_READ)
		return EFFECT_NONE;
	return fine ? EFFECT_COMMITTED : EFFECT_UNKNOWN;
}

/* One that ends with a status says itself what is wrong; any other end may have come in the middle of a change. */
static enum call_effect effect_of_failure(const struct request *r, const struct command_work *work)
{
	bool by_itself = work->status != -1 && WIFEXITED(work->status) && !work->stopped;

	return by_itself ? EFFECT_NONE : effect_of(r, false);
}

/* There is no result that counts what was said. */
static step_result fail_with(struct request *r, const char *text, enum call_effect effect)
{
	call_of(r)->redacted = work_of(r)->redacted;
	return answer_problem_after(r, text, effect);
}

static step_result answer(struct request *r)
{
	const struct command_work *work = work_of(r);
	bool fine = has_succeeded(work);
	struct outcome outcome;

	log_run(r, work, fine);
	if (call_of(r)->running.end != RUNNING_ON) {
		call_of(r)->redacted = work->redacted;
		return answer_cancelled(r, effect_of(r, fine && !work->stopped));
	}
	if (!fine)
		return fail_with(r, failure_text(r, work), effect_of_failure(r, work));
	if (command_outcome(&r->pool, work->plan, h2o_iovec_init(work->output.base, work->output.len), work->cut,
	                    &outcome))
		return answer_outcome(r, &outcome);
	enum call_effect effect = effect_of(r, !work->stopped);
	const char *large = effect == EFFECT_NONE ? "The command's output is too large. Ask for less."
	                                          : "The command's output is too large.";
	log_event(LOG_ERROR, work->cut ? "a command's output is too large" : "a command's output is no JSON", "request",
	          r->id, "tool", call_of(r)->item->name, NULL);
	return fail_with(
	    r, work->cut ? large : "The command's output is not what it should be. Its operator has to correct it.",
	    effect);
}

static step_fn *const ANSWER_STEPS[] = {answer, NULL};

/* ---- run ---- */

static step_result run(struct request *r)
{
	static const struct child_events EVENTS = {on_output, on_end};
	const struct command_plan *plan = call_of(r)->plan;
	const struct mcp *mcp = mcp_of(r);
	struct child_options options = plan->program;
	const char *problem;

	options.argv = command_arguments_fill(&r->pool, plan, call_of(r)->arguments, &problem);
	if (problem != NULL)
		return answer_problem(r, problem);
	h2o_iovec_t input = command_input(&r->pool, plan, call_of(r)->arguments);
	if (input.len > CHILD_INPUT_MAX)
		return answer_problem(r, "The arguments are not valid. Together they are too long.");
	if (mcp->commands == NULL || !spawner_lives(mcp->spawner))
		return answer_problem(r, "Commands cannot be run now. Its operator has to look into it.");
	if (!shares_may_take(&mcp->commands->places, r->share, mcp->settings.commands.at_once))
		return answer_problem(r, "Too many commands run at the moment. Try again in a moment.");
	struct command_work *work = h2o_mem_alloc_pool(&r->pool, sizeof(*work));
	*work = (struct command_work){.r = r,
	                              .plan = plan,
	                              .output = {.pool = &r->pool},
	                              .errors = {.pool = &r->pool},
	                              .end_ms = clock_monotonic_ms() + plan->timeout_ms};
	text_append_str(&work->output, "");
	redact_stream_open(&work->redacting, &r->pool, answer_rules(r), &work->redacted);
	call_of(r)->work = work;
	work->child = child_start(mcp->spawner, &options, &EVENTS, work);
	if (input.len > 0)
		child_write(work->child, input);
	child_close_input(work->child);
	enter(work);
	r->was_sent = true;
	run_steps(r, ANSWER_STEPS); /* when it has ended */
	return STEP_WAIT;
}

static void cancel(struct request *r)
{
	if (work_of(r) != NULL)
		stop(work_of(r));
}

static void give_up(struct request *r)
{
	if (work_of(r) != NULL && work_of(r)->child != NULL)
		give_up_work(work_of(r));
}

const struct backend BACKEND_COMMAND = {
    .name = "command",
    .schema = COMMAND_PLAN_SCHEMA,
    .kinds = 1 << ITEM_TOOL,
    .load = command_plan_load,
    .run = run,
    .cancel = cancel,
    .give_up = give_up,
};
