/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/answer.h"

#include "common/log.h"
#include "mcp/call/audit_record.h"
#include "mcp/guard/guard.h"
#include "mcp/caller/challenge.h"

step_result answer_without_record(struct request *r)
{
	static const char BEFORE[] =
	    "The audit log cannot be written, and nothing that changes anything is done without a "
	    "record. Its operator has to make room. Nothing was changed.";
	static const char AFTER[] =
	    "The tool has run, but the audit log cannot be written, so its result is withheld. Do "
	    "not ask for it again. Its operator can find out what it has changed.";
	const struct call *call = call_of(r);

	if (call->tool != NULL && call->item->tier != TIER_READ)
		return rpc_reply(r, call->message.id, answer_tool_error(r, call->is_intended ? AFTER : BEFORE));
	return fail(r, &TEMPORARILY_UNAVAILABLE, "the audit log cannot be written");
}

/* ---- envelopes ---- */

static void append_head(struct text_buffer *b, const struct request *r)
{
	text_append_str(b, call_of(r)->era == ERA_MODERN ? "{\"resultType\":\"complete\"," : "{");
}

/* 2026-07-28, basic: the server tells its name with every result. */
static void append_tail(struct text_buffer *b, const struct request *r, h2o_iovec_t meta)
{
	bool modern = call_of(r)->era == ERA_MODERN;

	if (modern || meta.base != NULL)
		text_append_str(b, ",\"_meta\":{");
	if (modern)
		text_append_printf(b, "\"io.modelcontextprotocol/serverInfo\":%s%s", mcp_of(r)->server_info,
		                   meta.base != NULL ? "," : "");
	text_append_iovec(b, meta);
	text_append_str(b, modern || meta.base != NULL ? "}}" : "}");
}

h2o_iovec_t answer_text_content(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "[{\"type\":\"text\",\"text\":");
	text_append_json(&b, text);
	text_append_str(&b, "}]");
	return h2o_iovec_init(b.base, b.len);
}

static h2o_iovec_t tool_result(struct request *r, const struct outcome *o)
{
	struct text_buffer b = {.pool = &r->pool};

	append_head(&b, r);
	text_append_str(&b, "\"content\":");
	text_append_iovec(&b, o->content);
	if (o->structured.base != NULL) {
		text_append_str(&b, ",\"structuredContent\":");
		text_append_iovec(&b, o->structured);
	}
	text_append_str(&b, o->is_error ? ",\"isError\":true" : "");
	append_tail(&b, r, o->meta);
	return h2o_iovec_init(b.base, b.len);
}

static h2o_iovec_t resource_result(struct request *r, const struct outcome *o)
{
	struct text_buffer b = {.pool = &r->pool};

	append_head(&b, r);
	text_append_str(&b, "\"contents\":");
	text_append_iovec(&b, o->content);
	/* what one may read, another may not */
	if (call_of(r)->era == ERA_MODERN)
		text_append_printf(&b, ",\"ttlMs\":%u,\"cacheScope\":\"private\"", o->ttl_ms);
	append_tail(&b, r, o->meta);
	return h2o_iovec_init(b.base, b.len);
}

static h2o_iovec_t prompt_result(struct request *r, const struct outcome *o)
{
	const char *description = call_of(r)->item->description;
	struct text_buffer b = {.pool = &r->pool};

	append_head(&b, r);
	if (description != NULL) {
		text_append_str(&b, "\"description\":");
		text_append_json(&b, text_of(description));
		text_append_str(&b, ",");
	}
	text_append_str(&b, "\"messages\":");
	text_append_iovec(&b, o->content);
	append_tail(&b, r, o->meta);
	return h2o_iovec_init(b.base, b.len);
}

static h2o_iovec_t completion_result(struct request *r, const struct outcome *o)
{
	struct text_buffer b = {.pool = &r->pool};

	append_head(&b, r);
	text_append_str(&b, "\"completion\":");
	text_append_iovec(&b, o->content);
	append_tail(&b, r, o->meta);
	return h2o_iovec_init(b.base, b.len);
}

static h2o_iovec_t result_of(struct request *r, const struct outcome *o)
{
	if (call_of(r)->completes)
		return completion_result(r, o);
	switch (call_of(r)->kind) {
	case ITEM_RESOURCE:
	case ITEM_TEMPLATE: return resource_result(r, o);
	case ITEM_PROMPT: return prompt_result(r, o);
	default: return tool_result(r, o);
	}
}

static h2o_iovec_t tool_error(struct request *r, const char *text, h2o_iovec_t meta)
{
	const struct outcome outcome = {
	    .content = answer_text_content(&r->pool, text_of(text)),
	    .meta = meta,
	    .is_error = true,
	};

	return tool_result(r, &outcome);
}

h2o_iovec_t answer_tool_error(struct request *r, const char *text)
{
	return tool_error(r, text, (h2o_iovec_t){NULL, 0});
}

/* ---- ends ---- */

static void stop_running(struct request *r)
{
	call_of(r)->is_running = false;
	running_remove(r);
}

/* NULL, or what is wrong: of the result's form, never of its values. */
static const char *structure_problem(struct request *r, const struct outcome *o)
{
	const struct call *call = call_of(r);
	const struct schema *schema = call->tool != NULL && !call->completes ? call->tool->structured : NULL;
	struct schema_problems problems;

	if (schema == NULL || o->is_error)
		return NULL;
	if (o->structured.base == NULL)
		return "there is none";
	const json_t *structured = json_read(&r->pool, o->structured, NULL);
	if (structured == NULL)
		return "it is no JSON that can be checked";
	if (schema_check(&r->pool, schema, structured, &problems))
		return NULL;
	return schema_problems_text(&r->pool, &problems, "structuredContent");
}

/* It has run, but what it brought is not what its file promises: that stays here. */
static step_result withhold(struct request *r, const struct outcome *outcome, const char *problem)
{
	const struct item *item = call_of(r)->item;
	const char *text =
	    text_printf(&r->pool,
	                "The tool has run, but its result does not have the form that it must have and is "
	                "withheld. Its operator has to correct it. (request %s)",
	                r->id);

	log_event(LOG_ERROR, "a result is not what the tool's output schema allows", "request", r->id, "tool",
	          item->name, "file", item->file, "problem", problem, NULL);
	if (!audit_record_call(r, "withheld", outcome->rows))
		return answer_without_record(r);
	return rpc_reply(r, call_of(r)->message.id, answer_tool_error(r, text));
}

/* What has run, and brought what may not leave: the words say why. */
static step_result hold_back(struct request *r, size_t rows, const char *words)
{
	struct call *call = call_of(r);

	if (!audit_record_call(r, "withheld", rows))
		return answer_without_record(r);
	words = text_printf(&r->pool, "%s (request %s)", words, r->id);
	if (call->kind != ITEM_TOOL || call->completes)
		return rpc_reply_error(r, 200, call->message.id, (struct rpc_problem){RPC_INTERNAL_ERROR, words}, NULL);
	return rpc_reply(r, call->message.id, answer_tool_error(r, words));
}

step_result answer_outcome(struct request *r, const struct outcome *outcome)
{
	struct outcome guarded;
	const char *words = guard_outcome(r, outcome, &guarded);
	/* clients check it too: a mark where the schema wants a number or an address is no answer */
	const char *problem = words == NULL ? structure_problem(r, &guarded) : NULL;
	h2o_iovec_t result = result_of(r, &guarded);

	stop_running(r);
	if (words != NULL)
		return hold_back(r, outcome->rows, words);
	if (problem != NULL)
		return withhold(r, outcome, problem);
	call_of(r)->result = result;
	if (!audit_record_call(r, "allowed", outcome->rows))
		return answer_without_record(r);
	return rpc_reply(r, call_of(r)->message.id, result);
}

step_result answer_not_found(struct request *r, const char *text)
{
	const struct call *call = call_of(r);
	enum rpc_code code = call->era == ERA_MODERN || call->completes ? RPC_INVALID_PARAMS : RPC_RESOURCE_NOT_FOUND;
	struct text_buffer data = {.pool = &r->pool};

	text_append_str(&data, "{\"uri\":");
	text_append_json(&data, call->name);
	text_append_str(&data, "}");
	return rpc_reply_error(r, 200, call->message.id, (struct rpc_problem){code, text}, data.base);
}

step_result answer_absent(struct request *r)
{
	stop_running(r);
	if (!audit_record_call(r, "allowed", 0))
		return answer_without_record(r);
	return answer_not_found(r, ANSWER_NOT_FOUND);
}

step_result answer_problem_said(struct request *r, const char *text, h2o_iovec_t said, enum call_effect effect)
{
	static const char *const WORDS[] = {
	    [EFFECT_NONE] = "",
	    [EFFECT_COMMITTED] = " What was asked for has been done all the same. Do not ask for it again.",
	    [EFFECT_UNKNOWN] = " Whether it has changed anything is not known. Find out before trying again.",
	};
	struct call *call = call_of(r);
	struct guarded_words words = {{NULL, 0}, {NULL, 0}};
	h2o_iovec_t seen = redact_text(&r->pool, answer_rules(r), text_of(text), &call->redacted);
	struct text_buffer b = {.pool = &r->pool};

	text_append_iovec(&b, seen);
	if (said.base != NULL) {
		guard_words(r, said, &words);
		text_append_str(&b, " The service says:\n");
		text_append_iovec(&b, words.text);
		text_append_str(&b, "\n");
	}
	text_append_printf(&b, "%s (request %s)", WORDS[effect], r->id);
	stop_running(r);
	call->effect = effect;
	if (!audit_record_call(r, effect == EFFECT_UNKNOWN ? "unknown" : "failed", 0))
		return answer_without_record(r);
	if (call->kind != ITEM_TOOL)
		return rpc_reply_error(r, 200, call->message.id, (struct rpc_problem){RPC_INTERNAL_ERROR, b.base},
		                       words.meta.base != NULL
		                           ? text_printf(&r->pool, "{%.*s}", (int)words.meta.len, words.meta.base)
		                           : NULL);
	return rpc_reply(r, call->message.id, tool_error(r, b.base, words.meta));
}

step_result answer_problem_after(struct request *r, const char *text, enum call_effect effect)
{
	return answer_problem_said(r, text, (h2o_iovec_t){NULL, 0}, effect);
}

step_result answer_problem(struct request *r, const char *text)
{
	return answer_problem_after(r, text, EFFECT_NONE);
}

step_result answer_refused(struct request *r, const char *text)
{
	stop_running(r);
	if (!audit_record_call(r, "denied", 0))
		return answer_without_record(r);
	return rpc_reply(r, call_of(r)->message.id, answer_tool_error(r, text));
}

step_result answer_error(struct request *r, int status, struct rpc_problem problem, const char *data)
{
	stop_running(r);
	if (!audit_record_call(r, "failed", 0))
		return answer_without_record(r);
	return rpc_reply_error(r, status, call_of(r)->message.id, problem, data);
}

static step_result answer_meanwhile(struct request *r, const char *decision, h2o_iovec_t result)
{
	stop_running(r);
	if (!audit_record_call(r, decision, 0))
		return answer_without_record(r);
	return rpc_reply(r, call_of(r)->message.id, result);
}

step_result answer_asks(struct request *r, h2o_iovec_t result)
{
	return answer_meanwhile(r, "asked", result);
}

step_result answer_task(struct request *r, h2o_iovec_t result)
{
	return answer_meanwhile(r, "task", result);
}

step_result answer_cancelled(struct request *r, enum call_effect effect)
{
	struct call *call = call_of(r);

	stop_running(r);
	call->effect = effect;
	if (!audit_record_call(r, "cancelled", 0))
		return answer_without_record(r);
	if (call->running.end == RUNNING_CANCELLED)
		return rpc_no_reply(r);
	if (call->running.end == RUNNING_REVOKED && call->stream == NULL)
		return challenge_invalid(r, call->running.reason);
	if (call->running.end == RUNNING_SERVER_ENDS)
		return fail(r, &TEMPORARILY_UNAVAILABLE, call->running.reason);
	if (call->running.end == RUNNING_REVOKED) /* the status has been sent */
		return rpc_reply_error(
		    r, 401, call->message.id,
		    (struct rpc_problem){RPC_INVALID_REQUEST, "The access token is not active any more"}, NULL);
	return rpc_reply_error(
	    r, 400, call->message.id,
	    (struct rpc_problem){RPC_INVALID_REQUEST, "The client closed its side of the connection"}, NULL);
}

step_result answer_failed(struct request *r)
{
	struct call *call = call_of(r);

	if (!call->is_running)
		return STEP_NEXT;
	/* a connection that breaks under a change does not say whether it was committed */
	bool unknown = r->was_sent && call->is_intended && call->item->tier != TIER_READ;
	if (call->running.end != RUNNING_ON)
		return answer_cancelled(r, unknown ? EFFECT_UNKNOWN : EFFECT_NONE);
	stop_running(r);
	audit_record_call(r, unknown ? "unknown" : "failed", 0);
	return STEP_NEXT;
}
