/* SPDX-License-Identifier: Apache-2.0 */
/* From a new wire to a list of tools. server/discover first; whatever is no answer of the modern era means initialize
 * (2026-07-28, basic/transports, Backward Compatibility). */
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mcp/protocol/jsonrpc.h"
#include "mcp/backend/upstream/upstream_client_internal.h"

enum {
	PROBE_MS = 5000, /* a program of the legacy era may stay silent */
	PAGES_MAX = 64,
	LISTEN_AGAIN_MS = 5000,
};
#define LEGACY_VERSION "2025-11-25"

static void set_version(struct upstream_client *c, h2o_iovec_t version)
{
	if (version.len < sizeof(c->version))
		strcpy(c->version, version.base);
}

static void note_capabilities(struct upstream_client *c, const json_t *result)
{
	const json_t *tools = json_object_get(json_object_get(result, "capabilities"), "tools");

	c->tells_changes = json_is_true(json_object_get(tools, "listChanged"));
	c->never_listens = false;
}

/* ---- the list of tools ---- */

static void ask_for_page(struct upstream_client *c, const char *cursor);

static void end_list(struct upstream_client *c)
{
	json_t *tools = c->tools;

	c->tools = NULL;
	c->is_listing = false;
	c->listed_ms = clock_monotonic_ms();
	c->holds = false;
	c->events->on_tools(c->data, tools);
	json_decref(tools);
	client_is_ready(c);
}

static void take_page(struct upstream_client *c, const json_t *result)
{
	const json_t *tools = json_object_get(result, "tools"), *cursor = json_object_get(result, "nextCursor");

	if (!json_is_array(tools) || json_array_size(c->tools) + json_array_size(tools) > UPSTREAM_TOOLS_MAX) {
		client_fail(c, json_is_array(tools) ? "it has too many tools" : "its list of tools is none");
		return;
	}
	json_t *copy = json_deep_copy(tools);
	json_array_extend(c->tools, copy);
	json_decref(copy);
	if (!json_is_string(cursor))
		end_list(c);
	else if (++c->pages >= PAGES_MAX)
		client_fail(c, "its list of tools has no end");
	else
		ask_for_page(c, json_string_value(cursor));
}

static void on_page(void *data, const struct upstream_answer *answer)
{
	struct upstream_client *c = data;

	switch (answer->outcome) {
	case UPSTREAM_RESULT: take_page(c, answer->result); break;
	case UPSTREAM_ERROR:
		if (answer->code == RPC_METHOD_NOT_FOUND)
			end_list(c); /* it has none */
		else
			client_fail(c, "it does not list its tools");
		break;
	case UPSTREAM_TIMED_OUT: client_fail(c, "it does not list its tools in time"); break;
	case UPSTREAM_TOO_LARGE: client_fail(c, "its list of tools is too large"); break;
	default: client_fail(c, "it does not list its tools");
	}
}

static const struct upstream_call_events PAGE_EVENTS = {.on_answer = on_page};

static void ask_for_page(struct upstream_client *c, const char *cursor)
{
	json_t *params = cursor != NULL ? json_pack("{s:s}", "cursor", cursor) : json_object();

	exchange_send_internal(c, "tools/list", params, &PAGE_EVENTS, UPSTREAM_HANDSHAKE_MS);
}

void handshake_list(struct upstream_client *c)
{
	c->is_listing = true;
	c->holds = c->is_stale;
	c->is_stale = false; /* what changes from here on may not be in the list */
	c->pages = 0;
	json_decref(c->tools);
	c->tools = json_array();
	ask_for_page(c, NULL);
}

/* ---- initialize ---- */

static void on_initialized(void *data, const struct upstream_answer *answer)
{
	static const char *const KNOWN[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
	struct upstream_client *c = data;
	h2o_iovec_t version = json_get_text(answer->result, "protocolVersion");
	size_t i = 0;

	if (answer->outcome != UPSTREAM_RESULT) {
		client_fail(c,
		            answer->outcome == UPSTREAM_TIMED_OUT ? "it does not answer" : "it refuses to initialize");
		return;
	}
	while (i < sizeof(KNOWN) / sizeof(KNOWN[0]) && !text_is(version, KNOWN[i]))
		i++;
	if (i == sizeof(KNOWN) / sizeof(KNOWN[0])) {
		client_fail(c, "it speaks no version that is known here");
		return;
	}
	set_version(c, version);
	note_capabilities(c, answer->result);
	exchange_notify(c, "notifications/initialized", json_object());
	handshake_list(c);
}

static const struct upstream_call_events INITIALIZE_EVENTS = {.on_answer = on_initialized};

static void initialize(struct upstream_client *c)
{
	json_t *params = json_pack("{s:s, s:o, s:{s:s, s:s}}", "protocolVersion", LEGACY_VERSION, "capabilities",
	                           upstream_capabilities(c->reach->file->asks), "clientInfo", "name", "sallyport-mcp",
	                           "version", PACKAGE_VERSION);

	c->era = UPSTREAM_LEGACY;
	c->probing = false;
	c->version[0] = '\0';
	exchange_send_internal(c, "initialize", params, &INITIALIZE_EVENTS, UPSTREAM_HANDSHAKE_MS);
}

/* ---- server/discover ---- */

static bool lists(const json_t *versions, bool modern)
{
	const json_t *version;
	size_t i;

	json_array_foreach ((json_t *)versions, i, version) {
		h2o_iovec_t text = text_of(json_string_value(version));
		if (modern ? text_is(text, UPSTREAM_MODERN_VERSION)
		           : text.base != NULL && strcmp(text.base, LEGACY_VERSION) <= 0)
			return true;
	}
	return false;
}

static void take_versions(struct upstream_client *c, const json_t *versions, const json_t *discovered)
{
	if (discovered != NULL && lists(versions, true)) {
		note_capabilities(c, discovered);
		handshake_list(c);
	} else if (lists(versions, false)) {
		initialize(c);
	} else {
		client_fail(c, "it speaks no version that is known here");
	}
}

static bool is_modern_error(int64_t code)
{
	return code == RPC_UNSUPPORTED_VERSION || code == RPC_HEADER_MISMATCH || code == RPC_MISSING_CAPABILITY;
}

static void take_error(struct upstream_client *c, const struct upstream_answer *answer)
{
	const json_t *supported = json_object_get(json_object_get(answer->error, "data"), "supported");

	if (answer->code == RPC_UNSUPPORTED_VERSION && json_is_array(supported))
		take_versions(c, supported, NULL);
	else if (is_modern_error(answer->code))
		client_fail(c, "it refuses to say what it is");
	else
		initialize(c);
}

static void take_refusal(struct upstream_client *c, int64_t status)
{
	if (status == 401 || status == 403)
		client_fail(c, "it does not take our credential");
	else if (status >= 400 && status < 500)
		initialize(c);
	else
		client_fail(c, "it answers with a status that is no success");
}

static void on_probed(void *data, const struct upstream_answer *answer)
{
	struct upstream_client *c = data;
	bool stdio = !c->wire->kind->tells_requests_apart;
	const json_t *versions = json_object_get(answer->result, "supportedVersions");

	switch (answer->outcome) {
	case UPSTREAM_RESULT:
		c->probing = false;
		if (json_is_array(versions))
			take_versions(c, versions, answer->result);
		else
			initialize(c);
		return;
	case UPSTREAM_ERROR:
		c->probing = false;
		take_error(c, answer);
		return;
	case UPSTREAM_REFUSED: take_refusal(c, answer->code); return;
	case UPSTREAM_GARBAGE:
	case UPSTREAM_TOO_LARGE: initialize(c); return;
	case UPSTREAM_TIMED_OUT:
		if (stdio) {
			initialize(c);
			return;
		}
		break;
	default: break;
	}
	client_fail(c, "it cannot be reached");
}

static const struct upstream_call_events PROBE_EVENTS = {.on_answer = on_probed};

void handshake_begin(struct upstream_client *c)
{
	if (c->skips_probe) {
		initialize(c);
		return;
	}
	c->era = UPSTREAM_MODERN;
	strcpy(c->version, UPSTREAM_MODERN_VERSION);
	c->probing = true;
	exchange_send_internal(c, "server/discover", json_object(), &PROBE_EVENTS, PROBE_MS);
}

/* ---- notices ---- */

static void on_listen_ended(void *data, const struct upstream_answer *answer)
{
	struct upstream_client *c = data;

	/* a server need not have it: its list is then asked for at intervals */
	if (answer->outcome == UPSTREAM_ERROR || answer->outcome == UPSTREAM_REFUSED)
		c->never_listens = true;
	c->listen_ms = clock_monotonic_ms() + LISTEN_AGAIN_MS;
}

static const struct upstream_call_events LISTEN_EVENTS = {.on_answer = on_listen_ended};

void handshake_listen(struct upstream_client *c, int64_t now_ms)
{
	bool stdio = !c->wire->kind->tells_requests_apart;

	if (!c->tells_changes || c->never_listens || c->listening != NULL || now_ms < c->listen_ms)
		return;
	if (c->era == UPSTREAM_LEGACY && stdio)
		return; /* they come by themselves */
	if (c->era == UPSTREAM_LEGACY)
		c->listening = exchange_send_internal(c, NULL, json_object(), &LISTEN_EVENTS, 0);
	else
		c->listening = exchange_send_internal(c, "subscriptions/listen",
		                                      json_pack("{s:{s:b}}", "notifications", "toolsListChanged", 1),
		                                      &LISTEN_EVENTS, 0);
}
