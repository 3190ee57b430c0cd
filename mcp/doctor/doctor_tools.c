/* SPDX-License-Identifier: Apache-2.0 */
/* What the token opens: both eras of the protocol, the list of tools in each, and the calls that were asked for. */
#include <string.h>

#include "common/encoding.h"
#include "mcp/doctor/doctor_flow.h"

#define MODERN "2026-07-28"
#define LEGACY "2025-11-25"

enum { PAGES_MAX = 50, HEADERS_MAX = 12 };

struct session {
	const char *access;
	bool modern;                                 /* which era the next requests speak */
	const char *legacy_version, *legacy_session; /* of initialize; NULL before */
	const json_t *names;                         /* of the tools that were listed; NULL before */
	int id;
};

struct rpc {
	struct doctor_answer answer;
	const json_t *result, *error; /* one of them unless the body is no JSON-RPC answer */
};

/* The JSON of an answer: the body, or the event of a stream that answers (the last one with data). */
static json_t *answer_json(struct doctor *d, const struct doctor_answer *a)
{
	json_t *ret = NULL;

	if (strcmp(a->content_type, "text/event-stream") != 0)
		return json_read(d->pool, a->body, NULL);
	for (const char *p = a->body.base; *p != '\0';) {
		size_t len = strcspn(p, "\r\n");

		if (len > 5 && strncmp(p, "data:", 5) == 0) {
			json_t *event = json_read(d->pool, h2o_iovec_init(p + 5, len - 5), NULL);

			ret = json_object_get(event, "id") != NULL ? event : ret;
		}
		p += len + (p[len] != '\0');
	}
	return ret;
}

static void add_meta(json_t *params)
{
	json_object_set_new(params, "_meta",
	                    json_pack("{s:s, s:{}, s:{s:s, s:s}}", "io.modelcontextprotocol/protocolVersion", MODERN,
	                              "io.modelcontextprotocol/clientCapabilities",
	                              "io.modelcontextprotocol/clientInfo", "name", "sallyport-doctor", "version",
	                              "1"));
}

/* A name that a header cannot carry as it is goes as base64 (MCP: Mcp-Name). */
static const char *header_name(struct doctor *d, const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p < 0x21 || *p > 0x7e)
			return text_printf(d->pool, "=?base64?%s?=", base64_encode(d->pool, name, strlen(name)).base);
	return name;
}

static void fill_headers(struct doctor *d, const struct session *s, const char *method, const json_t *params,
                         const char *ret[HEADERS_MAX])
{
	const char *name = json_string_value(json_object_get(params, "name"));
	size_t n = 0;

	ret[n++] = "Content-Type: application/json";
	ret[n++] = "Accept: application/json, text/event-stream";
	ret[n++] = text_printf(d->pool, "Authorization: Bearer %s", s->access);
	if (s->modern) {
		ret[n++] = "MCP-Protocol-Version: " MODERN;
		ret[n++] = text_printf(d->pool, "Mcp-Method: %s", method);
	} else if (s->legacy_version != NULL) {
		ret[n++] = text_printf(d->pool, "MCP-Protocol-Version: %s", s->legacy_version);
	}
	if (s->modern && name != NULL)
		ret[n++] = text_printf(d->pool, "Mcp-Name: %s", header_name(d, name));
	if (!s->modern && s->legacy_session != NULL)
		ret[n++] = text_printf(d->pool, "Mcp-Session-Id: %s", s->legacy_session);
	ret[n] = NULL;
}

/* Takes over the reference of `params`. A method that starts with "notifications/" has no id. */
static struct rpc rpc_ask(struct doctor *d, struct session *s, const char *method, json_t *params)
{
	const char *headers[HEADERS_MAX];
	json_t *message = json_keep(d->pool, json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method", method));

	if (strncmp(method, "notifications/", 14) != 0)
		json_object_set_new(message, "id", json_integer(++s->id));
	if (s->modern)
		add_meta(params);
	fill_headers(d, s, method, params, headers);
	json_object_set_new(message, "params", params);
	struct rpc ret = {
	    .answer = doctor_http_ask(d->http, DOCTOR_CLIENT, "POST", d->url, headers, json_text(d->pool, message))};
	const json_t *doc = ret.answer.trouble == NULL ? answer_json(d, &ret.answer) : NULL;

	ret.result = json_object_get(doc, "result");
	ret.error = json_object_get(doc, "error");
	return ret;
}

static const char *error_words(struct doctor *d, const struct rpc *r)
{
	return text_printf(d->pool, "%ld, error %lld: %s", r->answer.status,
	                   (long long)json_integer_value(json_object_get(r->error, "code")),
	                   doctor_quote(d, json_string_value(json_object_get(r->error, "message"))));
}

/* False, and the step has failed, unless there is a result. */
static bool has_result(struct doctor *d, struct report_step *s, const struct rpc *r)
{
	if (!doctor_answered(d, s, &r->answer))
		return false;
	if (r->answer.status == 401) {
		s->got = text_printf(d->pool, "401, WWW-Authenticate: %s",
		                     doctor_quote(d, doctor_http_header(d->pool, &r->answer, "WWW-Authenticate")));
		return doctor_failed(d, s, "The server does not accept the token that was just made for it.",
		                     "Compare issuer, audience, keys (JWKS), introspection credentials and clocks of "
		                     "the two servers; its log names the reason.");
	}
	if (r->answer.status == 403)
		return doctor_failed(d, s, "The server refuses this token here.",
		                     "Look at the scopes, and at the allowed hosts and origins.");
	if (json_is_object(r->result))
		return true;
	if (r->error != NULL)
		s->got = error_words(d, r);
	return doctor_failed(
	    d, s, r->error != NULL ? "The server refuses the request." : "It is not a JSON-RPC answer.", NULL);
}

/* Names of all pages of tools/list, sorted as they came. NULL when a step has failed. */
static json_t *list_tools(struct doctor *d, struct session *session, struct report_step *s)
{
	json_t *names = json_keep(d->pool, json_array());
	const char *cursor = NULL;

	for (int page = 0; page < PAGES_MAX; page++) {
		json_t *params = json_object(), *tool;
		size_t i;

		if (cursor != NULL)
			json_object_set_new(params, "cursor", json_string(cursor));
		struct rpc r = rpc_ask(d, session, "tools/list", params);

		if (!has_result(d, s, &r))
			return NULL;
		json_array_foreach (json_object_get(r.result, "tools"), i, tool)
			json_array_append_new(names, json_string(json_get_text(tool, "name").base));
		cursor = json_get_text(r.result, "nextCursor").base;
		if (cursor == NULL)
			return names;
	}
	doctor_failed(d, s, "The list does not end.", "nextCursor must be absent on the last page.");
	return NULL;
}

static const char *join_names(struct doctor *d, const json_t *names)
{
	struct text_buffer b = {.pool = d->pool};
	size_t i;
	json_t *name;

	json_array_foreach (names, i, name)
		text_append_printf(&b, "%s%s", i > 0 ? ", " : "", doctor_quote(d, json_string_value(name)));
	return b.base != NULL ? b.base : "none";
}

static json_t *see_tools(struct doctor *d, struct session *session)
{
	struct report_step s = {.name = session->modern ? "Tools (" MODERN ")" : "Tools (initialize)",
	                        .asked = "tools/list"};
	json_t *names = list_tools(d, session, &s);

	if (names == NULL)
		return NULL;
	session->names = names;
	s.got = text_printf(d->pool, "%zu: %s", json_array_size(names), join_names(d, names));
	if (json_array_size(names) == 0)
		doctor_noted(d, &s, "This person sees no tool.", "Give the person a scope that opens one.");
	else
		doctor_passed(d, &s, "These are the tools of this person.");
	return names;
}

static bool modern_hello(struct doctor *d, struct session *session)
{
	struct report_step s = {.name = "Hello (" MODERN ")", .asked = "server/discover"};
	struct rpc r = rpc_ask(d, session, "server/discover", json_object());

	if (r.answer.status >= 400 && r.answer.status < 500 && r.answer.status != 401 && r.answer.status != 403) {
		s.got = r.error != NULL ? error_words(d, &r) : text_printf(d->pool, "%ld", r.answer.status);
		doctor_noted(d, &s, "It does not speak this version; clients fall back to initialize.", NULL);
		return false;
	}
	if (!has_result(d, &s, &r))
		return false;
	const json_t *versions = json_object_get(r.result, "supportedVersions");

	s.got = text_printf(d->pool, "versions %s", join_names(d, versions));
	if (!doctor_has(versions, MODERN))
		return doctor_failed(d, &s, "It answers, but does not name this version.",
		                     "supportedVersions must list " MODERN ".");
	return doctor_passed(d, &s, "It speaks this version.");
}

static bool legacy_hello(struct doctor *d, struct session *session)
{
	struct report_step s = {.name = "Hello (initialize)",
	                        .asked = "initialize with " LEGACY ", then notifications/initialized"};
	struct rpc r = rpc_ask(d, session, "initialize",
	                       json_pack("{s:s, s:{}, s:{s:s, s:s}}", "protocolVersion", LEGACY, "capabilities",
	                                 "clientInfo", "name", "sallyport-doctor", "version", "1"));

	if (!has_result(d, &s, &r))
		return false;
	session->legacy_version = json_get_text(r.result, "protocolVersion").base;
	session->legacy_session = doctor_http_header(d->pool, &r.answer, "Mcp-Session-Id");
	if (session->legacy_version == NULL)
		return doctor_failed(d, &s, "There is no protocolVersion in the answer.", NULL);
	struct rpc notified = rpc_ask(d, session, "notifications/initialized", json_object());

	if (!doctor_answered(d, &s, &notified.answer))
		return false;
	s.got = text_printf(
	    d->pool, "version %s, server %s; then %ld", doctor_quote(d, session->legacy_version),
	    doctor_quote(d, json_string_value(json_object_get(json_object_get(r.result, "serverInfo"), "name"))),
	    notified.answer.status);
	if (notified.answer.status != 202)
		return doctor_failed(d, &s, "A notification must be answered with 202.", NULL);
	return doctor_passed(d, &s, "It speaks the older versions.");
}

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

static bool is_listed(const struct session *session, const char *tool)
{
	size_t i;
	json_t *name;

	json_array_foreach (session->names, i, name)
		if (strcmp(json_string_value(name), tool) == 0)
			return true;
	return false;
}

/* A refusal is an answer too: it is what least privilege looks like. Only trouble makes a step fail. */
static void call_tool(struct doctor *d, struct session *session, const struct doctor_call *call)
{
	const char *arguments = report_clean(d->pool, json_text(d->pool, call->arguments), 200);
	struct report_step s = {.name = text_printf(d->pool, "Call %s", doctor_quote(d, call->tool)),
	                        .asked =
	                            text_printf(d->pool, "tools/call %s %s", doctor_quote(d, call->tool), arguments)};
	struct rpc r = rpc_ask(d, session, "tools/call",
	                       json_pack("{s:s, s:O}", "name", call->tool, "arguments", call->arguments));
	const char *challenge =
	    r.answer.trouble == NULL ? doctor_http_header(d->pool, &r.answer, "WWW-Authenticate") : NULL;
	enum call_outcome outcome = CALL_FAILED;

	if (r.answer.status == 403 && challenge != NULL && strstr(challenge, "insufficient_scope") != NULL) {
		outcome = CALL_REFUSED;
		s.got = text_printf(d->pool, "403, %s", doctor_quote(d, challenge));
		doctor_passed(d, &s, "Refused: it takes a scope that this token does not have.");
	} else if (json_integer_value(json_object_get(r.error, "code")) == -32602) {
		outcome = CALL_REFUSED;
		s.got = error_words(d, &r);
		if (!is_listed(session, call->tool))
			s.got = text_printf(
			    d->pool, "%s (the tool is not this person's, so it answers as if there were none)", s.got);
		doctor_passed(d, &s, "Refused.");
	} else if (has_result(d, &s, &r)) {
		outcome = json_is_true(json_object_get(r.result, "isError")) ? CALL_REFUSED : CALL_ANSWER;
		s.got = result_words(d, r.result);
		doctor_passed(d, &s, outcome == CALL_ANSWER ? "Answered." : "The tool says that it could not do it.");
	}
	report_call(d->report, call->tool, arguments, outcome, s.got);
}

void doctor_use_tools(struct doctor *d, const struct doctor_tokens *tokens)
{
	struct session modern = {.access = tokens->access, .modern = true}, legacy = {.access = tokens->access};
	bool speaks_modern = modern_hello(d, &modern);
	json_t *names = speaks_modern ? see_tools(d, &modern) : NULL;
	json_t *older = legacy_hello(d, &legacy) ? see_tools(d, &legacy) : NULL;

	if (names != NULL && older != NULL && !json_equal(names, older)) {
		struct report_step s = {.name = "Both eras agree", .asked = "the two lists of tools"};

		doctor_failed(d, &s, "The two protocol versions show different tools.",
		              "One function must decide for both.");
	}
	if (names != NULL || older != NULL)
		report_tools(d->report, names != NULL ? names : older);
	for (size_t i = 0; i < d->call_count; i++)
		call_tool(d, speaks_modern ? &modern : &legacy, &d->calls[i]);
}
