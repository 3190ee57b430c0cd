/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/child.h"
#include "common/log.h"
#include "mcp/audit/alerts.h"

enum {
	AT_ONCE = 8,
	WEBHOOK_MS = 10 * 1000,
	COMMAND_MS = 10 * 1000,
	ANSWER_MAX = 64 * 1024,
	COMMAND_CPU_S = 10,
	COMMAND_FILES = 64
};

struct alert_sender {
	struct mcp *mcp;
	h2o_linklist_t flights, children; /* under way */
	unsigned webhooks, commands;
	h2o_loop_t *loop;
	h2o_timeout_t late; /* of commands */
};

struct sending {
	h2o_linklist_t link;
	struct alert_sender *sender;
	struct egress_flight *flight;
	struct child *child;
	h2o_timeout_entry_t late;
};

static struct sending *begin(struct alert_sender *sender, h2o_linklist_t *list)
{
	struct sending *sending = h2o_mem_alloc(sizeof(*sending));

	*sending = (struct sending){.sender = sender};
	h2o_linklist_insert(list, &sending->link);
	return sending;
}

static void end(struct sending *sending)
{
	h2o_linklist_unlink(&sending->link);
	h2o_timeout_unlink(&sending->late);
	free(sending);
}

/* ---- webhook ---- */

static void on_answer(void *data, const struct egress_answer *answer)
{
	struct sending *sending = data;

	if (answer->status < 200 || answer->status > 299)
		log_event(LOG_ERROR, "an alert did not reach the webhook", "reason",
		          answer->status != 0 ? "it answered with an error" : answer->problem, NULL);
	sending->sender->webhooks--;
	end(sending);
}

static void send_to_webhook(struct alert_sender *sender, h2o_iovec_t text)
{
	const struct mcp_settings *settings = &sender->mcp->settings;
	struct egress_request request = {
	    .method = "POST",
	    .url = settings->alerts.webhook,
	    .content_type = "application/json",
	    .body = text,
	    .timeout_ms = WEBHOOK_MS,
	    .answer_limit = ANSWER_MAX,
	    .places = &settings->outbound,
	};

	if (request.url == NULL)
		return;
	if (sender->webhooks >= AT_ONCE) {
		log_event(LOG_ERROR, "an alert did not reach the webhook", "reason", "too many are under way", NULL);
		return;
	}
	sender->webhooks++;
	struct sending *sending = begin(sender, &sender->flights);
	sending->flight = egress_fetch(sender->mcp->outbound, &request, on_answer, sending);
}

/* ---- command ---- */

static void on_output(void *data, enum child_pipe pipe, h2o_iovec_t bytes)
{
	(void)data, (void)pipe, (void)bytes; /* what it says is its own */
}

static void on_end(void *data, int status)
{
	struct sending *sending = data;

	if (status != 0)
		log_event(LOG_ERROR, "the command for alerts has failed", "command",
		          sending->sender->mcp->settings.alerts.command, NULL);
	sending->sender->commands--;
	end(sending);
}

/* With all that it has started. */
static void on_late(h2o_timeout_entry_t *entry)
{
	struct sending *sending = H2O_STRUCT_FROM_MEMBER(struct sending, late, entry);

	log_event(LOG_ERROR, "the command for alerts has taken too long and is ended", "command",
	          sending->sender->mcp->settings.alerts.command, NULL);
	child_kill(sending->child);
}

static void send_to_command(struct alert_sender *sender, h2o_iovec_t text)
{
	static const struct child_events EVENTS = {on_output, on_end};
	static const char *const ENVIRONMENT[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL};
	const struct alert_settings *settings = &sender->mcp->settings.alerts;
	struct child_options options = {
	    .path = settings->command,
	    .argv = settings->arguments,
	    .environment = ENVIRONMENT,
	    .network = true,
	    .limits = {.cpu_s = COMMAND_CPU_S, .files = COMMAND_FILES},
	};

	if (options.path == NULL || sender->mcp->spawner == NULL)
		return;
	if (sender->commands >= AT_ONCE) {
		log_event(LOG_ERROR, "the command for alerts is not started", "reason", "too many are under way", NULL);
		return;
	}
	sender->commands++;
	struct sending *sending = begin(sender, &sender->children);
	sending->child = child_start(sender->mcp->spawner, &options, &EVENTS, sending);
	child_write(sending->child, text);
	child_close_input(sending->child);
	sending->late.cb = on_late;
	h2o_timeout_link(sender->loop, &sender->late, &sending->late);
}

/* ---- all ---- */

struct alert_sender *alert_sender_open(struct mcp *mcp)
{
	struct alert_sender *sender = h2o_mem_alloc(sizeof(*sender));

	*sender = (struct alert_sender){.mcp = mcp, .loop = server_context(mcp->server)->loop};
	h2o_timeout_init(sender->loop, &sender->late, COMMAND_MS);
	h2o_linklist_init_anchor(&sender->flights);
	h2o_linklist_init_anchor(&sender->children);
	return sender;
}

void alert_sender_close(struct alert_sender *sender)
{
	while (!h2o_linklist_is_empty(&sender->flights)) {
		struct sending *sending = H2O_STRUCT_FROM_MEMBER(struct sending, link, sender->flights.next);
		egress_cancel(sending->flight);
		end(sending);
	}
	while (!h2o_linklist_is_empty(&sender->children)) {
		struct sending *sending = H2O_STRUCT_FROM_MEMBER(struct sending, link, sender->children.next);
		child_forget(sending->child);
		end(sending);
	}
	h2o_timeout_dispose(sender->loop, &sender->late);
	free(sender);
}

void alert_send(struct alert_sender *sender, json_t *alert)
{
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	json_keep(&pool, alert);
	h2o_iovec_t text = json_text(&pool, alert);
	log_event(LOG_WARNING, "alert", "alert", json_get_text(alert, "alert").base, "source",
	          json_get_text(alert, "source").base, "request", json_get_text(alert, "request").base, NULL);
	if (sender->mcp->audit != NULL)
		audit_write_members(sender->mcp->audit, h2o_iovec_init(text.base + 1, text.len - 2), false);
	send_to_webhook(sender, text);
	send_to_command(sender, text);
	h2o_mem_clear_pool(&pool);
}
