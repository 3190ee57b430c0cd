/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/doctor/doctor_rpc.h"

#include <string.h>

#include "common/encoding.h"

enum { HEADERS_MAX = 12 };

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

/* The doctor says that its person can be asked, so that it sees what a server would ask; it answers nothing. */
static void add_meta(json_t *params)
{
	json_object_set_new(
	    params, "_meta",
	    json_pack("{s:s, s:{s:{s:{}, s:{}}}, s:{s:s, s:s}}", "io.modelcontextprotocol/protocolVersion",
	              DOCTOR_MODERN, "io.modelcontextprotocol/clientCapabilities", "elicitation", "form", "url",
	              "io.modelcontextprotocol/clientInfo", "name", "sallyport-doctor", "version", "1"));
}

/* A name that a header cannot carry as it is goes as base64 (MCP: Mcp-Name). */
static const char *header_name(struct doctor *d, const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p < 0x21 || *p > 0x7e)
			return text_printf(d->pool, "=?base64?%s?=", base64_encode(d->pool, name, strlen(name)).base);
	return name;
}

static void fill_headers(struct doctor *d, const struct doctor_session *s, const char *method, const json_t *params,
                         const char *ret[HEADERS_MAX])
{
	const char *name = json_string_value(json_object_get(params, "name"));
	size_t n = 0;

	ret[n++] = "Content-Type: application/json";
	ret[n++] = "Accept: application/json, text/event-stream";
	ret[n++] = text_printf(d->pool, "Authorization: Bearer %s", s->access);
	if (s->modern) {
		ret[n++] = "MCP-Protocol-Version: " DOCTOR_MODERN;
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

struct doctor_rpc doctor_rpc_ask(struct doctor *d, struct doctor_session *s, const char *method, json_t *params)
{
	const char *headers[HEADERS_MAX];
	json_t *message = json_keep(d->pool, json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method", method));

	if (strncmp(method, "notifications/", 14) != 0)
		json_object_set_new(message, "id", json_integer(++s->id));
	if (s->modern)
		add_meta(params);
	fill_headers(d, s, method, params, headers);
	json_object_set_new(message, "params", params);
	struct doctor_rpc ret = {
	    .answer = doctor_http_ask(d->http, DOCTOR_CLIENT, "POST", d->url, headers, json_text(d->pool, message))};
	const json_t *doc = ret.answer.trouble == NULL ? answer_json(d, &ret.answer) : NULL;

	ret.result = json_object_get(doc, "result");
	ret.error = json_object_get(doc, "error");
	return ret;
}

const char *doctor_rpc_challenge(struct doctor *d, const struct doctor_rpc *r)
{
	return r->answer.trouble == NULL ? doctor_http_header(d->pool, &r->answer, "WWW-Authenticate") : NULL;
}

const char *doctor_error_words(struct doctor *d, const struct doctor_rpc *r)
{
	return text_printf(d->pool, "%ld, error %lld: %s", r->answer.status,
	                   (long long)json_integer_value(json_object_get(r->error, "code")),
	                   doctor_quote(d, json_string_value(json_object_get(r->error, "message"))));
}

bool doctor_has_result(struct doctor *d, struct report_step *s, const struct doctor_rpc *r)
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
		s->got = doctor_error_words(d, r);
	return doctor_failed(
	    d, s, r->error != NULL ? "The server refuses the request." : "It is not a JSON-RPC answer.", NULL);
}
