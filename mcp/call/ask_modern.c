/* SPDX-License-Identifier: Apache-2.0 */
/* Multi round-trip requests (2026-07-28, basic/patterns/mrtr). The server keeps nothing: what was asked, the answers so
 * far and the backend's state travel in requestState, and the client's retry may come to any process. */
#include "common/encoding.h"
#include "mcp/approval/approval.h"
#include "mcp/call/answer.h"
#include "mcp/call/ask.h"
#include "mcp/backend/backend.h"
#include "mcp/call/input_response.h"
#include "mcp/call/request_state.h"

json_t *ask_questions(const struct request *r)
{
	const struct asking *asking = call_of(r)->asking;
	json_t *questions = json_object();

	for (const struct question *q = asking->questions; q != NULL; q = q->next)
		json_object_set_new(questions, q->key,
		                    json_pack("{s:s, s:O}", "method", q->method, "params", q->params));
	return questions;
}

bool ask_was_asked(const struct call *call)
{
	return call->asking != NULL && call->asking->was_asked;
}

step_result ask_modern(struct request *r)
{
	struct asking *asking = call_of(r)->asking;
	json_t *questions = json_keep(&r->pool, ask_questions(r));
	struct text_buffer b = {.pool = &r->pool};

	json_t *value = json_pack("{s:O, s:O, s:s}", "questions", questions, "answers", asking->answers, "state",
	                          base64url_encode(&r->pool, asking->state.bytes, asking->state.len).base);
	json_t *ticket = approval_ticket_make(r);
	if (ticket != NULL)
		json_object_set_new(value, "ticket", ticket);
	h2o_iovec_t state = request_state_seal(r, json_keep(&r->pool, value));
	if (state.base == NULL)
		return answer_problem(r, "There is too much to remember until the client has answered.");
	text_append_str(&b, "{\"resultType\":\"input_required\",\"inputRequests\":");
	text_append_iovec(&b, json_text(&r->pool, questions));
	text_append_printf(&b, ",\"requestState\":\"%s\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}}",
	                   state.base, mcp_of(r)->server_info);
	asking->was_asked = true;
	return answer_asks(r, h2o_iovec_init(b.base, b.len));
}

/* What was asked is in the state, so an answer is checked before the backend sees it. Missing ones are asked for again,
 * others are nobody's. */
static const char *take_answers(struct request *r, const json_t *questions, const json_t *responses)
{
	struct asking *asking = asking_of(r);
	const char *key, *problem;
	json_t *question;

	json_object_foreach ((json_t *)questions, key, question) {
		json_t *response = json_object_get(responses, key);
		if (response == NULL)
			continue;
		problem = input_response_problem(&r->pool, json_get_text(question, "method").base,
		                                 json_object_get(question, "params"), response);
		if (problem != NULL)
			return text_printf(&r->pool, "inputResponses.%s: %s", key, problem);
		json_object_set(asking->answers, key, response);
	}
	return NULL;
}

const char *ask_retry_problem(struct request *r)
{
	const struct call *call = call_of(r);
	const json_t *responses = json_object_get(call->message.params, "inputResponses"),
		     *text = json_object_get(call->message.params, "requestState");

	if (call->era != ERA_MODERN)
		return NULL;
	if (responses != NULL && !json_is_object(responses))
		return "inputResponses must be an object";
	if (text == NULL)
		return NULL; /* nothing was asked of this request */
	const json_t *value =
	    request_state_open(r, h2o_iovec_init((char *)json_string_value(text), json_string_length(text)));
	if (value == NULL)
		return "The requestState is not valid, not of this request, or too old";
	struct asking *asking = asking_of(r);
	asking->ticket = json_object_get(value, "ticket");
	json_object_update(asking->answers, json_object_get(value, "answers"));
	h2o_iovec_t state = base64url_decode(&r->pool, json_get_text(value, "state"));
	if (state.base != NULL)
		asking->state = secret_copy(&r->pool, state.base, state.len);
	return take_answers(r, json_object_get(value, "questions"), responses);
}
