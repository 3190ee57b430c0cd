/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/audit_deliver.h"
#include "common/dpop_nonce.h"
#include "common/log.h"
#include "mcp/audit/alerts.h"
#include "mcp/caller/bearer.h"
#include "mcp/approval/store_approval.h"
#include "mcp/backend/command/commands.h"
#include "mcp/backend/file/file_pool.h"
#include "mcp/backend/http/credential.h"
#include "mcp/catalogue/databases.h"
#include "mcp/database.h"
#include "mcp/policy/mixture.h"
#include "mcp/endpoints.h"
#include "mcp/caller/feed.h"
#include "mcp/caller/introspection.h"
#include "mcp/caller/jwks.h"
#include "mcp/caller/possession.h"
#include "mcp/catalogue/reload.h"
#include "mcp/caller/revocation.h"
#include "mcp/call/tasks.h"
#include "mcp/caller/token_source.h"
#include "mcp/backend/upstream/upstreams.h"
#include "mcp/caller/used_proofs.h"
#include "mcp/quota/quota_exchange.h"
#include "mcp/verbs/verbs.h"

enum {
	TICK_MS = 1000,
	DRAIN_MS = 10 * 1000,
	CONNECTIONS_MAX = 10000,        /* besides those that listen */
	CALLS_END_MS = DRAIN_MS - 1000, /* what is left is for their answers */
};

static int refuse(const char *error)
{
	fprintf(stderr, "sallyport-mcp: %s\n", error);
	return 1;
}

static char *server_info_text(h2o_mem_pool_t *pool, const char *name)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "{\"name\":\"sallyport-mcp\",\"title\":");
	text_append_json(&b, text_of(name));
	text_append_str(&b, ",\"version\":\"" PACKAGE_VERSION "\"}");
	return b.base;
}

/* Without any, what this process makes is unknown to others and to the next start: clients then begin anew. */
static struct handle_keys *handle_keys_or_random(h2o_mem_pool_t *pool, struct handle_keys *keys)
{
	uint8_t master[32];

	if (keys != NULL)
		return keys;
	random_bytes(master, sizeof(master));
	keys = handle_keys_of(pool, 0, master);
	secret_wipe(master, sizeof(master));
	return keys;
}

/* What only reads files: nothing is open to the world yet. */
static bool load(struct mcp *mcp, const char *file, struct spawner *forked, const char **lacks, const char **error)
{
	struct mcp_settings *s = &mcp->settings;

	if (!settings_load(&mcp->pool, file, true, s, error))
		return false;
	*error = commands_allow(&mcp->pool, s, forked, &mcp->spawner, lacks);
	if (*error != NULL)
		return false;
	mcp->handle_keys = handle_keys_or_random(&mcp->pool, s->secrets);
	s->upstream_live = upstream_live_open();
	struct catalogue *catalogue = catalogue_load(&mcp->pool, s, error);
	if (catalogue == NULL)
		return false;
	reload_adopt(mcp, catalogue);
	const char *mixture = mixture_words(&mcp->pool, catalogue);
	if (mixture != NULL)
		log_event(LOG_WARNING, "strangers may speak to tools that send", "words", mixture, NULL);
	mcp->metadata_url = metadata_url(&mcp->pool, s);
	mcp->server_info = server_info_text(&mcp->pool, s->name);
	return true;
}

static bool open_logs(struct mcp *mcp, const char **error)
{
	const struct mcp_settings *s = &mcp->settings;

	if (!log_open("sallyport-mcp", s->serving.log, LOG_INFO)) {
		*error = text_printf(&mcp->pool, "%s: %s", s->serving.log, strerror(errno));
		return false;
	}
	mcp->audit = serving_open_audit(&mcp->pool, &s->serving, "sallyport-mcp", error);
	return mcp->audit != NULL;
}

enum { TOKEN_CACHE_SIZE = 16384 }; /* living tokens */

static void open_authorization(struct mcp *mcp)
{
	const struct mcp_settings *s = &mcp->settings;
	struct introspection_options options = {
	    .egress = mcp->egress,
	    .issuer = s->issuer,
	    .jwks = jwks_open(mcp->egress, s->issuer, true),
	    .tokens = token_cache_open(TOKEN_CACHE_SIZE),
	    .resource = s->resource,
	    .client_id = s->client_id,
	    .client_secret = s->client_secret,
	    .cache_ms = s->introspection_cache_ms,
	    .claims = s->claims,
	};

	mcp->jwks = options.jwks;
	mcp->tokens = options.tokens;
	mcp->introspection = introspection_open(&options);
	mcp->sources = token_sources_open(mcp);
	mcp->approvals = approvals_open();
	mcp->used_proofs = used_proofs_open(USED_PROOFS_MAX, DPOP_NONCE_LIFETIME_S * 1000);
}

static void open_feed(struct mcp *mcp)
{
	struct feed_options options = {
	    .loop = server_context(mcp->server)->loop,
	    .egress = mcp->egress,
	    .jwks = mcp->jwks,
	    .issuer = mcp->settings.issuer,
	    .resource = mcp->settings.resource,
	    .authorization = introspection_authorization(mcp->introspection),
	    .on_event = revocation_apply,
	    .data = mcp,
	};

	running_open(&mcp->running, options.loop, mcp->settings.calls_per_person);
	mcp->feed = feed_open(&options);
}

/* Whoever listens holds a connection: no more than half of what this process may have open. */
static size_t stream_limit(const struct mcp_settings *s)
{
	struct rlimit files;
	bool known = getrlimit(RLIMIT_NOFILE, &files) == 0;

	return known && files.rlim_cur / 2 < s->streams ? files.rlim_cur / 2 : s->streams;
}

static void open_conversation(struct mcp *mcp)
{
	const struct mcp_settings *s = &mcp->settings;

	sessions_open(&mcp->sessions, &mcp->pool, mcp->handle_keys);
	streams_open(&mcp->streams);
	replays_open(&mcp->replays);
	tasks_open(&mcp->tasks);
	watches_open(&mcp->watches, stream_limit(s), s->streams_per_caller);
	server_every(mcp->server, TICK_MS, streams_tick, &mcp->streams);
	server_every(mcp->server, TICK_MS, watches_tick, mcp);
	server_every(mcp->server, TICK_MS, tasks_tick, &mcp->tasks);
}

static void on_reload(void *data)
{
	struct mcp *mcp = data;

	audit_reopen(mcp->audit);
	if (mcp->reload != NULL)
		reload_start(mcp->reload);
}

static void on_drain(void *data)
{
	struct mcp *mcp = data;

	running_end_after(&mcp->running, CALLS_END_MS);
	watch_end_all(mcp);
	tasks_end_all(&mcp->tasks);
}

static void on_upstreams_changed(void *data)
{
	struct mcp *mcp = data;

	reload_start(mcp->reload);
}

static void open_upstreams(struct mcp *mcp)
{
	const struct upstreams_options options = {
	    .loop = server_context(mcp->server)->loop,
	    .egress = mcp->outbound,
	    .places = &mcp->settings.outbound,
	    .spawner = mcp->spawner,
	    .live = mcp->settings.upstream_live,
	    .on_changed = on_upstreams_changed,
	    .data = mcp,
	};

	mcp->upstreams = upstreams_open(&options);
	upstreams_switch(mcp->upstreams, mcp->catalogue);
}

static bool is_ready(void *data)
{
	return endpoints_ready(data);
}

static bool open_server(struct mcp *mcp, const char **error)
{
	const struct mcp_settings *s = &mcp->settings;
	struct server_options options = serving_server_options(&s->serving);

	options.on_reload = on_reload;
	options.on_drain = on_drain;
	options.drain_timeout_ms = DRAIN_MS;
	options.connections_max = CONNECTIONS_MAX + s->streams;
	options.is_ready = is_ready;
	options.data = mcp;
	mcp->server = server_open(&options, error);
	return mcp->server != NULL;
}

/* With secrets that the processes share, a list that one has begun goes on at another one. */
static void make_cursor_key(struct mcp *mcp)
{
	const struct handle_keys *secrets = mcp->settings.secrets;
	uint8_t master[32];
	bool shared = secrets != NULL && handle_keys_derive(secrets, -1, "cursors", master, NULL);

	cursor_key_make(&mcp->cursor_key, shared ? master : NULL);
	secret_wipe(master, sizeof(master));
}

/* No call is under way any more, and none finds what is gone. */
static void close_outbound(struct mcp *mcp)
{
	upstreams_close(mcp->upstreams);
	mcp->upstreams = NULL;
	egress_close(mcp->outbound);
	mcp->outbound = NULL;
	exchanges_close(mcp->exchanges);
	mcp->exchanges = NULL;
}

static struct audit_delivery *start_delivery(const struct mcp_settings *s)
{
	const char *conninfo = s->database.conninfo;

	return conninfo != NULL ? audit_deliver_start(s->serving.audit_log, conninfo, true) : NULL;
}

static void serve(struct mcp *mcp, const char *lacks)
{
	h2o_loop_t *loop = server_context(mcp->server)->loop;
	struct service service = endpoints_service(mcp);
	struct audit_delivery *delivery = start_delivery(&mcp->settings);

	audit_serve(mcp->audit, server_context(mcp->server), mcp->settings.serving.audit_checkpoint_ms);
	server_every(mcp->server, TICK_MS, audit_tick, mcp->audit);
	mcp->egress = egress_open(server_context(mcp->server), mcp->settings.ca_file);
	mcp->outbound = egress_open(server_context(mcp->server), NULL);
	mcp->exchanges = exchanges_open(mcp->outbound, &mcp->settings.outbound);
	mcp->catalogue->databases = databases_open(loop, mcp->catalogue, &mcp->settings, &mcp->databases);
	mcp->database = database_open(loop, &mcp->settings);
	mcp->quota = quota_open(&mcp->pool, &mcp->settings.quota, mcp->settings.resource);
	if (mcp->database != NULL)
		mcp->exchange = quota_exchange_open(&mcp->pool, mcp->quota, mcp->database);
	make_cursor_key(mcp);
	mcp->views = views_open(mcp->server_info, &mcp->cursor_key);
	views_switch(mcp->views, mcp->catalogue);
	commands_open(mcp, loop);
	if (lacks != NULL)
		log_event(LOG_WARNING, "programs run without some protections", "missing", lacks, NULL);
	open_authorization(mcp);
	open_feed(mcp);
	mcp->reload = reload_open(mcp, loop);
	server_every(mcp->server, TICK_MS, reload_tick, mcp->reload);
	open_conversation(mcp);
	open_upstreams(mcp);
	server_every(mcp->server, TICK_MS, jwks_tick, mcp->jwks);
	server_every(mcp->server, TICK_MS, token_sources_tick, mcp->sources);
	server_every(mcp->server, TICK_MS, feed_tick, mcp->feed);
	server_every(mcp->server, TICK_MS, revocation_tick, mcp);
	mcp->alerts = alerts_open(mcp, database_ask_known);
	if (mcp->exchange != NULL)
		server_every(mcp->server, TICK_MS, quota_exchange_tick, mcp->exchange);
	reload_write_picture(mcp);
	log_event(LOG_INFO, "starting", "resource", mcp->settings.resource, "authorization_server",
	          mcp->settings.issuer, NULL);
	server_run(mcp->server, &service);
	reload_close(mcp->reload);
	feed_stop(mcp->feed);
	egress_close(mcp->egress); /* who waits for it may go on to a backend */
	running_end_all(&mcp->running);
	alerts_close(mcp->alerts);
	mcp->alerts = NULL;
	close_outbound(mcp);
	commands_close(mcp);
	databases_end(mcp->databases);
	if (mcp->files != NULL)
		file_pool_close(mcp->files);
	running_close(&mcp->running);
	replays_close(&mcp->replays);
	tasks_close(&mcp->tasks);
	quota_close(mcp->quota);
	sessions_close(&mcp->sessions);
	feed_close(mcp->feed);
	token_sources_close(mcp->sources);
	introspection_close(mcp->introspection);
	jwks_close(mcp->jwks);
	token_cache_close(mcp->tokens);
	used_proofs_close(mcp->used_proofs);
	approvals_close(mcp->approvals);
	views_close(mcp->views);
	h2o_mem_release_shared(mcp->catalogue);
	upstream_live_close(mcp->settings.upstream_live);
	databases_close(&mcp->databases);
	if (mcp->database != NULL)
		db_close(mcp->database);
	audit_close(mcp->audit);
	audit_deliver_stop(delivery);
	log_flush();
}

int serve_main(const char *file, int argc, char **argv)
{
	static struct mcp mcp; /* h2o's own structures live until the process ends */
	const char *error = NULL, *lacks = NULL;

	(void)argv;
	if (argc != 1)
		return 2;
	struct spawner *forked = spawner_fork(); /* it must have seen nothing */
	json_init();
	h2o_mem_init_pool(&mcp.pool);
	if (!load(&mcp, file, forked, &lacks, &error) || !open_logs(&mcp, &error) || !open_server(&mcp, &error))
		return refuse(error);
	serve(&mcp, lacks);
	return 0;
}
