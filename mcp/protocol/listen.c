/* SPDX-License-Identifier: Apache-2.0 */
/* How clients ask to hear of changes: subscriptions/listen (2026-07-28, basic/patterns/subscriptions), and
 * resources/subscribe of the legacy era, whose notifications come on the GET stream. */
#include <stdlib.h>
#include <string.h>

#include "mcp/protocol/audience.h"
#include "mcp/catalogue/catalogue.h"
#include "mcp/call/invoke.h"
#include "mcp/methods.h"
#include "mcp/protocol/stream.h"
#include "mcp/policy/view.h"
#include "mcp/protocol/watch.h"

enum { SUBSCRIPTIONS_MAX = 64 };

static step_result refuse(struct request *r, int status, const char *text)
{
	return rpc_reply_error(r, status, call_of(r)->message.id, (struct rpc_problem){RPC_INVALID_PARAMS, text}, NULL);
}

/* ---- the filter ---- */

static const struct {
	const char *member;
	unsigned kind;
} FILTERS[] = {
    {"toolsListChanged", WATCH_TOOLS},
    {"promptsListChanged", WATCH_PROMPTS},
    {"resourcesListChanged", WATCH_RESOURCES},
};
enum { FILTER_COUNT = sizeof(FILTERS) / sizeof(FILTERS[0]) };

static const char *filter_problem(const json_t *filter)
{
	const json_t *uris = json_object_get(filter, "resourceSubscriptions"), *uri;
	size_t i;

	if (!json_is_object(filter))
		return "params must have notifications, an object";
	for (i = 0; i < FILTER_COUNT; i++) {
		const json_t *wanted = json_object_get(filter, FILTERS[i].member);
		if (wanted != NULL && !json_is_boolean(wanted))
			return "A member of notifications must be a boolean";
	}
	if (uris != NULL && (!json_is_array(uris) || json_array_size(uris) > SUBSCRIPTIONS_MAX))
		return "resourceSubscriptions must be an array of at most 64 URIs";
	json_array_foreach (uris, i, uri)
		if (!json_is_string(uri) || json_string_length(uri) > ITEM_KEY_MAX)
			return "resourceSubscriptions must be URIs";
	return NULL;
}

static unsigned honoured_kinds(const struct view *view, const json_t *filter)
{
	unsigned offered = audience_kinds(view->catalogue), kinds = 0;

	for (size_t i = 0; i < FILTER_COUNT; i++)
		if (json_is_true(json_object_get(filter, FILTERS[i].member)))
			kinds |= FILTERS[i].kind & offered;
	return kinds;
}

/* Those that the caller may read; one that is hidden from him is left out like one that does not exist. */
static void honour_uris(const struct view *view, const json_t *filter, struct watch_options *options)
{
	const json_t *uris = json_object_get(filter, "resourceSubscriptions"), *uri;
	size_t i, count = json_array_size(uris);

	if (count == 0)
		return;
	options->uris = h2o_mem_alloc(count * sizeof(*options->uris));
	json_array_foreach (uris, i, uri)
		if (audience_may_read(view, text_of(json_string_value(uri))))
			options->uris[options->uri_count++] = strdup(json_string_value(uri));
}

static h2o_iovec_t acknowledgement(struct request *r, const struct watch_options *options)
{
	struct text_buffer b = {.pool = &r->pool};
	const char *comma = "";

	text_append_str(&b, "{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":");
	text_append_iovec(&b, options->id);
	text_append_str(&b, "},\"notifications\":{");
	for (size_t i = 0; i < FILTER_COUNT; i++)
		if ((options->kinds & FILTERS[i].kind) != 0) {
			text_append_printf(&b, "%s\"%s\":true", comma, FILTERS[i].member);
			comma = ",";
		}
	for (size_t i = 0; i < options->uri_count; i++) {
		text_append_str(&b, i > 0 ? "," : comma);
		text_append_str(&b, i > 0 ? "" : "\"resourceSubscriptions\":[");
		text_append_json(&b, text_of(options->uris[i]));
	}
	text_append_str(&b, options->uri_count > 0 ? "]}}" : "}}");
	return rpc_message_text(&r->pool, (h2o_iovec_t){NULL, 0}, "notifications/subscriptions/acknowledged",
	                        h2o_iovec_init(b.base, b.len));
}

step_result listen_open(struct request *r)
{
	const struct call *call = call_of(r);
	const json_t *filter = json_object_get(call->message.params, "notifications");
	struct watch_options options = {.id = call->message.id};
	const char *problem = filter_problem(filter);

	if (problem != NULL)
		return refuse(r, 200, problem);
	if (!stream_possible(r))
		return refuse(r, 406, "The answer is text/event-stream, which Accept does not list");
	if (!watch_may_open(r))
		return STEP_DONE;
	options.kinds = honoured_kinds(view_of(r), filter);
	honour_uris(view_of(r), filter, &options);
	options.first = acknowledgement(r, &options);
	return watch_open(r, &options);
}

/* ---- resources/subscribe ---- */

static step_result set_subscription(struct request *r, bool on)
{
	struct call *call = call_of(r);

	call->kind = ITEM_RESOURCE;
	call->name = json_get_text(call->message.params, "uri");
	if (call->name.base == NULL || call->name.len > ITEM_KEY_MAX)
		return refuse(r, 200, "params must have uri");
	if (on && invoke_admit(r, audience_find(view_of(r)->catalogue, call->name)) == STEP_DONE)
		return STEP_DONE;
	session_subscribe(&mcp_of(r)->sessions, call->session.owner, call->name, on);
	return rpc_reply(r, call->message.id, h2o_iovec_init("{}", 2));
}

step_result listen_subscribe(struct request *r)
{
	return set_subscription(r, true);
}

step_result listen_unsubscribe(struct request *r)
{
	return set_subscription(r, false);
}
