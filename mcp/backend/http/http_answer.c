/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken of a service's answer, and in which words it fails. Nothing of why a service cannot be reached is told:
 * whether a name exists, a port is open or an address is refused is nobody's business who can only ask (U-3). */
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "common/encoding.h"
#include "common/json_pointer.h"
#include "common/log.h"
#include "mcp/call/answer.h"
#include "mcp/backend/http/http_plan.h"
#include "mcp/guard/untrusted.h"

enum { WORDS_MAX = 500 /* code points of the service's own */, RETRY_MAX_S = 86400 };

#define UNREACHABLE "The service behind the tool cannot be reached, or does not work at the moment."
#define UNUSABLE "The answer of the service is not one that the tool can use. Its operator has to look into it."

/* ---- failures ---- */

static const char *refusal_text(int status)
{
	switch (status) {
	case 400:
	case 422: return "The service cannot use the arguments.";
	case 401: return "The service does not take the credential of the tool. Its operator has to look into it.";
	case 403: return "The service does not allow this.";
	case 404:
	case 410: return "The service has nothing of this kind.";
	case 409:
	case 412: return "What was asked for contradicts what the service has, for example by a name that is taken.";
	case 413:
	case 414:
	case 431: return "The arguments are longer than the service takes.";
	case 423: return "What was asked for is locked at the moment.";
	case 429: return "The service was asked too often.";
	default: return "The service refuses the request.";
	}
}

/* RFC 9110, 10.2.3: seconds or a date. 0: it does not say. */
static int64_t retry_seconds(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	int64_t seconds = 0;

	if (text.len == 0 || text.len > 64)
		return 0;
	if (!text_to_int64(text, &seconds)) {
		time_t when = curl_getdate(text_copy(pool, text), NULL);
		seconds = when != -1 ? (int64_t)when - time(NULL) : 0;
	}
	return seconds > RETRY_MAX_S ? RETRY_MAX_S : seconds > 0 ? seconds : 0;
}

static void append_retry(struct text_buffer *b, const struct http_answer *answer)
{
	int64_t seconds =
	    answer->status == 429 || answer->status == 503 ? retry_seconds(b->pool, answer->retry_after) : 0;

	if (seconds > 0)
		text_append_printf(b, " Try again in %lld second%s.", (long long)seconds, seconds == 1 ? "" : "s");
}

/* The first code points of a text. */
static h2o_iovec_t bounded(h2o_iovec_t text)
{
	size_t points = 0;

	for (size_t at = 0; at < text.len; at++) {
		bool begins = ((unsigned char)text.base[at] & 0xc0) != 0x80;
		if (begins && points++ == WORDS_MAX)
			return h2o_iovec_init(text.base, at);
	}
	return text;
}

/* Bounded, of the service's own; base NULL: none. */
static h2o_iovec_t words_of(h2o_mem_pool_t *pool, const struct http_plan *plan, const struct http_answer *answer)
{
	const h2o_iovec_t nothing = {NULL, 0};

	if (!plan->answers.has_error || answer->body.len == 0 || !text_is_utf8(answer->body))
		return nothing;
	const json_t *json = json_read(pool, answer->body, NULL);
	h2o_iovec_t text = json_scalar_text(pool, json_pointer_find(json, plan->answers.error));
	return text.len > 0 ? bounded(text) : nothing;
}

static void note(struct request *r, const struct http_answer *answer, const char *problem)
{
	const struct item *item = call_of(r)->item;
	char status[16];

	snprintf(status, sizeof(status), "%d", answer->status);
	log_event(LOG_WARNING, "a service failed a tool", "request", r->id, item_kind_name(item->kind), item->name,
	          "status", answer->status != 0 ? status : NULL, "problem", problem, NULL);
}

static step_result fail_with(struct request *r, const struct http_answer *answer, const char *text, const char *problem)
{
	note(r, answer, problem);
	return answer_problem_after(r, text, answer->effect);
}

static step_result refuse(struct request *r, const struct http_plan *plan, const struct http_answer *answer)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_str(&b, refusal_text(answer->status));
	append_retry(&b, answer);
	note(r, answer, "the service refuses");
	return answer_problem_said(r, b.base, words_of(&r->pool, plan, answer), answer->effect);
}

/* No answer, one that says that the service does not work, one that never came: all the same. */
static step_result unreachable(struct request *r, const struct http_answer *answer)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_str(&b, UNREACHABLE);
	append_retry(&b, answer);
	return fail_with(r, answer, b.base, answer->status != 0 ? "the service fails" : answer->problem);
}

/* ---- types ---- */

static bool is_type_taken(const struct http_answers *answers, h2o_iovec_t type)
{
	for (const char *const *one = answers->types; text_is_media_type(type) && *one != NULL; one++) {
		size_t len = strlen(*one);
		bool all = (*one)[len - 1] == '/';
		if (text_is_nocase(all && type.len > len ? h2o_iovec_init(type.base, len) : type, *one))
			return true;
	}
	return false;
}

/* Only what is UTF-8 anyway. */
static bool is_charset_fine(h2o_iovec_t parameters)
{
	while (parameters.base != NULL) {
		h2o_iovec_t value = text_cut(&parameters, ';'), name = text_cut(&value, '=');
		if (!text_is_nocase(name, "charset"))
			continue;
		if (value.len > 2 && value.base[0] == '"' && value.base[value.len - 1] == '"')
			value = h2o_iovec_init(value.base + 1, value.len - 2);
		if (!text_is_nocase(value, "utf-8") && !text_is_nocase(value, "utf8") &&
		    !text_is_nocase(value, "us-ascii"))
			return false;
	}
	return true;
}

/* ---- results ---- */

static step_result answer_content(struct request *r, h2o_iovec_t content, h2o_iovec_t structured)
{
	struct outcome outcome = {.content = content, .structured = structured, .rows = 1};

	if (call_of(r)->item->untrusted)
		outcome.meta = text_of(UNTRUSTED_META);
	return answer_outcome(r, &outcome);
}

static h2o_iovec_t text_content(struct request *r, h2o_iovec_t text)
{
	if (call_of(r)->item->untrusted)
		text = untrusted_wrap(&r->pool, text);
	return answer_text_content(&r->pool, text);
}

/* What the plan picks; kept by the pool. NULL: it is not there. Of several, those that are not there are left out. */
static const json_t *picked(h2o_mem_pool_t *pool, const struct http_answers *answers, const json_t *json)
{
	json_t *all;

	if (answers->pick_count == 0)
		return json;
	if (answers->picks[0].name == NULL)
		return json_pointer_find(json, answers->picks[0].pointer);
	all = json_keep(pool, json_object());
	for (size_t i = 0; i < answers->pick_count; i++) {
		const json_t *value = json_pointer_find(json, answers->picks[i].pointer);
		if (value != NULL)
			json_object_set(all, answers->picks[i].name, (json_t *)value);
	}
	return all;
}

static step_result answer_json(struct request *r, const struct http_plan *plan, const struct http_answer *answer)
{
	const json_t *json = json_read(&r->pool, answer->body, NULL), *value;
	h2o_iovec_t structured = {NULL, 0}, text;

	if (json == NULL)
		return fail_with(r, answer, UNUSABLE, "the answer is no JSON, or more of it than can be read");
	value = picked(&r->pool, &plan->answers, json);
	if (value == NULL)
		return fail_with(r, answer, UNUSABLE, "what the tool picks is not in the answer");
	text = json_is_string(value) ? h2o_iovec_init(json_string_value(value), json_string_length(value))
	                             : json_text(&r->pool, value);
	if (json_is_object(value))
		structured = text;
	return answer_content(r, text_content(r, text), structured);
}

static step_result answer_data(struct request *r, const struct http_plan *plan, const struct http_answer *answer,
                               h2o_iovec_t type)
{
	struct text_buffer b = {.pool = &r->pool};
	h2o_iovec_t data = base64_encode(&r->pool, answer->body.base, answer->body.len);

	if (plan->answers.as == HTTP_AS_BLOB)
		text_append_printf(
		    &b, "[{\"type\":\"resource\",\"resource\":{\"uri\":\"urn:sallyport:%s:%s\",\"mimeType\":",
		    call_of(r)->item->name, r->id);
	else
		text_append_printf(
		    &b, "[{\"type\":\"%s\",\"mimeType\":", plan->answers.as == HTTP_AS_IMAGE ? "image" : "audio");
	text_append_json(&b, type);
	text_append_str(&b, plan->answers.as == HTTP_AS_BLOB ? ",\"blob\":\"" : ",\"data\":\"");
	text_append_iovec(&b, data);
	text_append_str(&b, plan->answers.as == HTTP_AS_BLOB ? "\"}}]" : "\"}]");
	return answer_content(r, h2o_iovec_init(b.base, b.len), h2o_iovec_init(NULL, 0));
}

static step_result answer_fine(struct request *r, const struct http_plan *plan, const struct http_answer *answer)
{
	h2o_iovec_t parameters = answer->type, type = text_cut(&parameters, ';');
	bool is_text = plan->answers.as == HTTP_AS_JSON || plan->answers.as == HTTP_AS_TEXT;

	if (answer->body.len == 0)
		return answer_content(
		    r, answer_text_content(&r->pool, text_of("The service has done it, and says nothing more.")),
		    h2o_iovec_init(NULL, 0));
	if (!is_type_taken(&plan->answers, type))
		return fail_with(r, answer, UNUSABLE, "the answer has a media type that the tool does not take");
	if (is_text && (!is_charset_fine(parameters) || !text_is_utf8(answer->body)))
		return fail_with(r, answer, UNUSABLE, "the answer is not UTF-8");
	if (plan->answers.as == HTTP_AS_JSON)
		return answer_json(r, plan, answer);
	if (plan->answers.as == HTTP_AS_TEXT)
		return answer_content(r, text_content(r, answer->body), h2o_iovec_init(NULL, 0));
	return answer_data(r, plan, answer, type);
}

step_result http_answer_take(struct request *r, const struct http_plan *plan, const struct http_answer *answer)
{
	if (answer->failure == EGRESS_TOO_LARGE)
		return fail_with(r, answer, "The answer of the service is larger than the tool may take. Ask for less.",
		                 "the answer is too large");
	if (answer->status == 0 || answer->status >= 500)
		return unreachable(r, answer);
	if (answer->status >= 400)
		return refuse(r, plan, answer);
	if (answer->status >= 300 || answer->status < 200)
		return fail_with(
		    r, answer,
		    "The service answers from another place, which the tool does not follow. Its operator has to "
		    "look into it.",
		    "a redirection");
	return answer_fine(r, plan, answer);
}
