/* SPDX-License-Identifier: Apache-2.0 */
/* What the token opens: both eras of the protocol, and the list of tools in each. The calls are in doctor_call.c. */
#include <string.h>

#include "mcp/doctor/doctor_rpc.h"

enum { PAGES_MAX = 50 };

/* Names of all pages of tools/list, sorted as they came. NULL when a step has failed. */
static json_t *list_tools(struct doctor *d, struct doctor_session *session, struct report_step *s)
{
	json_t *names = json_keep(d->pool, json_array());
	const char *cursor = NULL;

	for (int page = 0; page < PAGES_MAX; page++) {
		json_t *params = json_object(), *tool;
		size_t i;

		if (cursor != NULL)
			json_object_set_new(params, "cursor", json_string(cursor));
		struct doctor_rpc r = doctor_rpc_ask(d, session, "tools/list", params);

		if (!doctor_has_result(d, s, &r))
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

static json_t *see_tools(struct doctor *d, struct doctor_session *session)
{
	struct report_step s = {.name = session->modern ? "Tools (" DOCTOR_MODERN ")" : "Tools (initialize)",
	                        .asked = "tools/list"};
	json_t *names = list_tools(d, session, &s);

	if (names == NULL)
		return NULL;
	session->names = names;
	s.got = text_printf(d->pool, "%zu: %s", json_array_size(names), doctor_join_names(d, names));
	if (json_array_size(names) == 0)
		doctor_noted(d, &s, "This person sees no tool.", "Give the person a scope that opens one.");
	else
		doctor_passed(d, &s, "These are the tools of this person.");
	return names;
}

static bool modern_hello(struct doctor *d, struct doctor_session *session)
{
	struct report_step s = {.name = "Hello (" DOCTOR_MODERN ")", .asked = "server/discover"};
	struct doctor_rpc r = doctor_rpc_ask(d, session, "server/discover", json_object());

	if (r.answer.status >= 400 && r.answer.status < 500 && r.answer.status != 401 && r.answer.status != 403) {
		s.got = r.error != NULL ? doctor_error_words(d, &r) : text_printf(d->pool, "%ld", r.answer.status);
		doctor_noted(d, &s, "It does not speak this version; clients fall back to initialize.", NULL);
		return false;
	}
	if (!doctor_has_result(d, &s, &r))
		return false;
	const json_t *versions = json_object_get(r.result, "supportedVersions");

	s.got = text_printf(d->pool, "versions %s", doctor_join_names(d, versions));
	if (!doctor_has(versions, DOCTOR_MODERN))
		return doctor_failed(d, &s, "It answers, but does not name this version.",
		                     "supportedVersions must list " DOCTOR_MODERN ".");
	return doctor_passed(d, &s, "It speaks this version.");
}

static bool legacy_hello(struct doctor *d, struct doctor_session *session)
{
	struct report_step s = {.name = "Hello (initialize)",
	                        .asked = "initialize with " DOCTOR_LEGACY ", then notifications/initialized"};
	struct doctor_rpc r =
	    doctor_rpc_ask(d, session, "initialize",
	                   json_pack("{s:s, s:{}, s:{s:s, s:s}}", "protocolVersion", DOCTOR_LEGACY, "capabilities",
	                             "clientInfo", "name", "sallyport-doctor", "version", "1"));

	if (!doctor_has_result(d, &s, &r))
		return false;
	session->legacy_version = json_get_text(r.result, "protocolVersion").base;
	session->legacy_session = doctor_http_header(d->pool, &r.answer, "Mcp-Session-Id");
	if (session->legacy_version == NULL)
		return doctor_failed(d, &s, "There is no protocolVersion in the answer.", NULL);
	struct doctor_rpc notified = doctor_rpc_ask(d, session, "notifications/initialized", json_object());

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

void doctor_use_tools(struct doctor *d, const struct doctor_tokens *tokens)
{
	struct doctor_session modern = {.access = tokens->access, .modern = true}, legacy = {.access = tokens->access};
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
		doctor_call_tool(d, speaks_modern ? &modern : &legacy, &d->calls[i]);
}
