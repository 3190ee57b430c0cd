/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that were asked for, and what came of each. That somebody is refused, or asked first, is what least
 * privilege looks like: a note. What the tool itself cannot do is a failure. */
#include <string.h>

#include "mcp/doctor/doctor_rpc.h"

enum { RPC_UNKNOWN_TOOL = -32602, RPC_URL_ELICITATION = -32042 /* 2025-11-25, client/elicitation */ };

/* What a tool said: structured content, or its texts. */
static const char *result_words(struct doctor *d, const json_t *result)
{
	const json_t *structured = json_object_get(result, "structuredContent");
	struct text_buffer b = {.pool = d->pool};
	size_t i;
	json_t *item;

	if (structured != NULL)
		return report_clean(d->pool, json_text(d->pool, structured), 400);
	json_array_foreach (json_object_get(result, "content"), i, item) {
		const char *text = json_get_text(item, "text").base;

		text_append_printf(&b, "%s%s", i > 0 ? " " : "", text != NULL ? text : "[not text]");
	}
	return report_clean(d->pool, text_of(b.base != NULL ? b.base : ""), 400);
}

/* The message of the first of the questions, which the doctor leaves unanswered. */
static const char *question_words(struct doctor *d, const json_t *result)
{
	json_t *questions = json_object_get(result, "inputRequests");
	const json_t *first = json_object_iter_value(json_object_iter(questions));

	return doctor_quote(d, json_get_text(json_object_get(first, "params"), "message").base);
}

static bool is_listed(const struct doctor_session *session, const char *tool)
{
	size_t i;
	json_t *name;

	json_array_foreach (session->names, i, name)
		if (strcmp(json_string_value(name), tool) == 0)
			return true;
	return false;
}

static enum call_outcome noted(struct doctor *d, struct report_step *s, enum call_outcome outcome, const char *words)
{
	doctor_noted(d, s, words, NULL);
	return outcome;
}

/* A result: what the tool gave, a question to the person, or the tool's own refusal. */
static enum call_outcome judge_result(struct doctor *d, struct report_step *s, const json_t *result)
{
	if (text_is(json_get_text(result, "resultType"), "input_required")) {
		s->got = question_words(d, result);
		return noted(d, s, CALL_ASKED,
		             "It asks first, and goes on when the person has answered. The doctor answers nothing.");
	}
	s->got = result_words(d, result);
	if (json_is_true(json_object_get(result, "isError"))) {
		doctor_failed(
		    d, s, "The tool answers with an error.",
		    "Read its words above. If the arguments are refused, `sallyport-mcp explain` says by what; "
		    "if its backend has trouble, the server's log says which.");
		return CALL_FAILED;
	}
	doctor_passed(d, s, "Answered.");
	return CALL_ANSWER;
}

/* What the person would have to approve first (draft-ietf-oauth-rar-metadata-remediation); NULL: nothing. */
static const char *details_wanted(struct doctor *d, const struct doctor_rpc *r, const char *challenge)
{
	if (r->answer.status != 403 || challenge == NULL ||
	    strstr(challenge, "insufficient_authorization_details") == NULL)
		return NULL;
	const json_t *details = json_object_get(json_read(d->pool, r->answer.body, NULL), "authorization_details");
	return json_is_array(details) ? json_text(d->pool, details).base : NULL;
}

static enum call_outcome judge(struct doctor *d, const struct doctor_session *session, const char *tool,
                               struct report_step *s, const struct doctor_rpc *r)
{
	const char *challenge = doctor_rpc_challenge(d, r);
	json_int_t code = json_integer_value(json_object_get(r->error, "code"));

	if (challenge != NULL)
		s->got = text_printf(d->pool, "%ld, %s", r->answer.status, doctor_quote(d, challenge));
	if (r->answer.status == 403 && challenge != NULL && strstr(challenge, "insufficient_scope") != NULL)
		return noted(d, s, CALL_REFUSED,
		             "Refused: it takes a scope that this token does not have (--scope asks for more).");
	if (r->answer.status == 401 && challenge != NULL &&
	    strstr(challenge, "insufficient_user_authentication") != NULL) /* RFC 9470, 3 */
		return noted(d, s, CALL_ASKED, "It asks for a stronger or a newer sign-in first.");
	if (details_wanted(d, r, challenge) != NULL)
		return noted(d, s, CALL_ASKED, "Its person has to approve this very call at the authorization server.");
	if (r->error != NULL)
		s->got = doctor_error_words(d, r);
	if (code == RPC_URL_ELICITATION)
		return noted(d, s, CALL_ASKED, "It asks the person to visit a page first.");
	if (code == RPC_UNKNOWN_TOOL && !is_listed(session, tool))
		return noted(d, s, CALL_REFUSED,
		             "Refused: this person has no such tool; one of other people answers in the same way.");
	if (code == RPC_UNKNOWN_TOOL)
		return noted(d, s, CALL_REFUSED, "Refused.");
	return doctor_has_result(d, s, r) ? judge_result(d, s, r->result) : CALL_FAILED;
}

static struct doctor_rpc ask_tool(struct doctor *d, struct doctor_session *session, const struct doctor_call *call)
{
	return doctor_rpc_ask(d, session, "tools/call",
	                      json_pack("{s:s, s:O}", "name", call->tool, "arguments", call->arguments));
}

/* Nothing else is approved than what was asked for with --call, whatever the server would like. */
static bool is_of_call(struct doctor *d, const char *details, const struct doctor_call *call)
{
	const json_t *all = json_read(d->pool, text_of(details), NULL), *entry = json_array_get(all, 0);

	return json_array_size(all) == 1 && text_is(json_get_text(entry, "tool"), call->tool) &&
	       json_equal(json_object_get(entry, "arguments"), call->arguments);
}

/* She was named, and the call was: her word is the doctor's to give, on the page where she would read it. */
static enum call_outcome approve_and_call(struct doctor *d, const struct doctor_session *session,
                                          const struct doctor_call *call, struct report_step *s, const char *details)
{
	struct doctor_tokens tokens = {NULL, NULL};
	struct doctor_session approved = *session;
	enum call_outcome outcome = CALL_FAILED;

	d->details = details;
	if (doctor_sign_in(d, d->person, &tokens)) {
		struct report_step again = {.name = text_printf(d->pool, "%s, approved", s->name), .asked = s->asked};
		approved.access = tokens.access;
		struct doctor_rpc r = ask_tool(d, &approved, call);
		outcome = judge(d, &approved, call->tool, &again, &r);
		s->got = outcome == CALL_ANSWER ? text_printf(d->pool, "approved; %s", again.got) : again.got;
	}
	d->details = NULL;
	if (tokens.access != NULL || tokens.refresh != NULL)
		doctor_revoke(d, &tokens);
	return outcome;
}

void doctor_call_tool(struct doctor *d, struct doctor_session *session, const struct doctor_call *call)
{
	const char *arguments = report_clean(d->pool, json_text(d->pool, call->arguments), 200);
	const char *tool = doctor_quote(d, call->tool);
	struct report_step s = {.name = text_printf(d->pool, "Call %s", tool),
	                        .asked = text_printf(d->pool, "tools/call %s %s", tool, arguments)};
	struct doctor_rpc r = ask_tool(d, session, call);
	enum call_outcome outcome = judge(d, session, call->tool, &s, &r);
	const char *details = details_wanted(d, &r, doctor_rpc_challenge(d, &r));

	if (details != NULL && is_of_call(d, details, call))
		outcome = approve_and_call(d, session, call, &s, details);
	report_call(d->report, call->tool, arguments, outcome, s.got);
}
