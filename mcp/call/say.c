/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/clock.h"
#include "mcp/call/answer.h"
#include "mcp/call/conversation.h"
#include "mcp/methods.h"
#include "mcp/protocol/stream.h"

enum { PROGRESS_PER_SECOND = 20 };

#define META_LOG_LEVEL "io.modelcontextprotocol/logLevel"

static const char *const NAMES[SEVERITIES] = {"debug", "info",     "notice", "warning",
                                              "error", "critical", "alert",  "emergency"};

struct saying {
	double progress; /* said last */
	int64_t second_ms;
	unsigned count; /* in this second */
	int level;      /* -1: no messages */
};

enum severity severity_of(h2o_iovec_t name)
{
	enum severity severity = SEVERITY_DEBUG;

	while (severity < SEVERITIES && !text_is(name, NAMES[severity]))
		severity++;
	return severity;
}

static const json_t *meta_of(const struct request *r)
{
	return json_object_get(call_of(r)->message.params, "_meta");
}

static int level_of(struct request *r)
{
	const struct call *call = call_of(r);

	if (call->era == ERA_LEGACY)
		return session_level(&mcp_of(r)->sessions, call->session.owner);
	enum severity severity = severity_of(json_get_text(meta_of(r), META_LOG_LEVEL));
	return severity < SEVERITIES ? (int)severity : -1;
}

static struct saying *saying_of(struct request *r)
{
	struct call *call = call_of(r);

	if (call->saying != NULL)
		return call->saying;
	call->saying = h2o_mem_alloc_pool(&r->pool, sizeof(*call->saying));
	*call->saying = (struct saying){.progress = -INFINITY, .level = level_of(r)};
	return call->saying;
}

static void say(struct request *r, const char *method, const struct text_buffer *params)
{
	if (stream_begin(r))
		stream_send(call_of(r)->stream, rpc_message_text(params->pool, (h2o_iovec_t){NULL, 0}, method,
		                                                 h2o_iovec_init(params->base, params->len)));
}

bool say_takes_progress(struct request *r, double progress)
{
	const json_t *token = json_object_get(meta_of(r), "progressToken");
	struct saying *saying;
	int64_t now_ms = clock_monotonic_ms();

	if (!json_is_string(token) && !json_is_integer(token))
		return false;
	saying = saying_of(r);
	if (!(progress > saying->progress) || !isfinite(progress))
		return false;
	if (now_ms - saying->second_ms >= 1000) {
		saying->second_ms = now_ms;
		saying->count = 0;
	}
	return saying->count < PROGRESS_PER_SECOND;
}

void say_progress(struct request *r, double progress, double total, const char *message)
{
	const json_t *token = json_object_get(meta_of(r), "progressToken");
	h2o_mem_pool_t pool; /* a long call may say much */
	struct text_buffer b = {.pool = &pool};

	if (!say_takes_progress(r, progress))
		return;
	h2o_mem_init_pool(&pool);
	saying_of(r)->count++;
	saying_of(r)->progress = progress;
	text_append_str(&b, "{\"progressToken\":");
	text_append_iovec(&b, json_text(&pool, token));
	text_append_printf(&b, ",\"progress\":%.15g", progress);
	if (total >= 0 && isfinite(total))
		text_append_printf(&b, ",\"total\":%.15g", total);
	/* the first revision has no message */
	if (message != NULL) {
		text_append_str(&b, ",\"message\":");
		text_append_json(&b, redact_text(&pool, answer_rules(r), text_of(message), &call_of(r)->redacted));
	}
	text_append_str(&b, "}");
	say(r, "notifications/progress", &b);
	h2o_mem_clear_pool(&pool);
}

bool say_takes_log(struct request *r, enum severity severity)
{
	const struct saying *saying = saying_of(r);

	return saying->level >= 0 && (int)severity >= saying->level;
}

void say_log(struct request *r, enum severity severity, const char *logger, h2o_iovec_t json)
{
	h2o_mem_pool_t pool;
	struct text_buffer b = {.pool = &pool};

	if (!say_takes_log(r, severity))
		return;
	h2o_mem_init_pool(&pool);
	text_append_printf(&b, "{\"level\":\"%s\"", NAMES[severity]);
	if (logger != NULL) {
		text_append_str(&b, ",\"logger\":");
		text_append_json(&b, text_of(logger));
	}
	text_append_str(&b, ",\"data\":");
	text_append_iovec(&b, redact_json(&pool, answer_rules(r), json, (h2o_iovec_t){NULL, 0}, &call_of(r)->redacted));
	text_append_str(&b, "}");
	say(r, "notifications/message", &b);
	h2o_mem_clear_pool(&pool);
}

bool say_come_back(struct request *r, unsigned retry_ms)
{
	struct call *call = call_of(r);

	if (!stream_begin(r) || !stream_can_wait(call->stream))
		return false;
	stream_pause(call->stream, retry_ms);
	return true;
}

step_result say_set_level(struct request *r)
{
	const struct call *call = call_of(r);
	enum severity severity = severity_of(json_get_text(call->message.params, "level"));

	if (severity == SEVERITIES)
		return rpc_reply_error(r, 200, call->message.id,
		                       (struct rpc_problem){RPC_INVALID_PARAMS, "There is no such level"}, NULL);
	session_set_level(&mcp_of(r)->sessions, call->session.owner, (int)severity);
	return rpc_reply(r, call->message.id, h2o_iovec_init("{}", 2));
}
