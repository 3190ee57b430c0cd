/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "mcp/bearer.h"
#include "mcp/endpoints.h"
#include "mcp/feed.h"
#include "mcp/introspection.h"
#include "mcp/jwks.h"
#include "mcp/revocation.h"
#include "mcp/verbs.h"

enum {
	TICK_MS = 1000,
	CALLS_WAITING_MAX = 256,
	DRAIN_MS = 10 * 1000,
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

/* What only reads files: nothing is open to the world yet. */
static bool load(struct mcp *mcp, const char *file, const char **error)
{
	struct mcp_settings *s = &mcp->settings;

	if (!settings_load(&mcp->pool, file, true, s, error))
		return false;
	mcp->catalogue = catalogue_load(&mcp->pool, s, error);
	if (mcp->catalogue == NULL)
		return false;
	if (!s->has_initial_scopes)
		s->initial_scopes = policy_read_scopes(&mcp->pool, mcp->catalogue);
	mcp->metadata = metadata_document(&mcp->pool, s);
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
	mcp->audit = audit_open("sallyport-mcp", s->serving.audit_log);
	if (mcp->audit == NULL)
		*error = text_printf(&mcp->pool, "%s: %s", s->serving.audit_log, strerror(errno));
	return mcp->audit != NULL;
}

static struct db *open_database(struct mcp *mcp, const char *name, const struct mcp_database *database,
                                const struct db_statement *statements, size_t count)
{
	struct db_options options = {
	    .name = name,
	    .conninfo = database->conninfo,
	    .statements = statements,
	    .statement_count = count,
	    .connections = database->connections,
	    .in_flight = 1, /* a tool's statement may be slow: none waits behind it */
	    .early = 1,     /* the bounds of a call */
	    .line = CALLS_WAITING_MAX,
	    .cancels = true,
	};

	/* the first statement sets the bounds of a call: with it alone there is no tool */
	return count > 1 ? db_open(server_context(mcp->server)->loop, &options) : NULL;
}

enum { TOKEN_CACHE_SIZE = 16384 }; /* living tokens */

static void open_authorization(struct mcp *mcp)
{
	const struct mcp_settings *s = &mcp->settings;
	struct introspection_options options = {
	    .egress = mcp->egress,
	    .jwks = jwks_open(mcp->egress, s->issuer),
	    .tokens = token_cache_open(TOKEN_CACHE_SIZE),
	    .catalogue = mcp->catalogue,
	    .lists = tool_lists_open(&mcp->pool, mcp->catalogue, mcp->server_info),
	    .resource = s->resource,
	    .client_id = s->client_id,
	    .client_secret = s->client_secret,
	    .cache_ms = s->introspection_cache_ms,
	};

	mcp->jwks = options.jwks;
	mcp->tokens = options.tokens;
	mcp->introspection = introspection_open(&options);
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

	running_open(&mcp->running, options.loop);
	mcp->feed = feed_open(&options);
}

static void on_reload(void *data)
{
	audit_reopen(((struct mcp *)data)->audit);
}

static void on_drain(void *data)
{
	running_end_after(&((struct mcp *)data)->running, CALLS_END_MS);
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
	options.is_ready = is_ready;
	options.data = mcp;
	mcp->server = server_open(&options, error);
	return mcp->server != NULL;
}

static void serve(struct mcp *mcp)
{
	const struct catalogue *c = mcp->catalogue;
	struct service service = endpoints_service(mcp);

	mcp->egress = egress_open(server_context(mcp->server), mcp->settings.ca_file);
	mcp->read_db = open_database(mcp, "tools-read", &mcp->settings.read, c->read_statements, c->read_count);
	mcp->write_db = open_database(mcp, "tools-write", &mcp->settings.write, c->write_statements, c->write_count);
	open_authorization(mcp);
	open_feed(mcp);
	server_every(mcp->server, TICK_MS, jwks_tick, mcp->jwks);
	server_every(mcp->server, TICK_MS, feed_tick, mcp->feed);
	log_event(LOG_INFO, "starting", "resource", mcp->settings.resource, "authorization_server",
	          mcp->settings.issuer, NULL);
	server_run(mcp->server, &service);
	feed_stop(mcp->feed);
	egress_close(mcp->egress); /* who waits for it may go on to a database */
	if (mcp->read_db != NULL)
		db_close(mcp->read_db);
	if (mcp->write_db != NULL)
		db_close(mcp->write_db);
	running_close(&mcp->running);
	feed_close(mcp->feed);
	introspection_close(mcp->introspection);
	jwks_close(mcp->jwks);
	token_cache_close(mcp->tokens);
	audit_close(mcp->audit);
	log_flush();
}

int serve_main(const char *file, int argc, char **argv)
{
	static struct mcp mcp; /* h2o's own structures live until the process ends */
	const char *error = NULL;

	(void)argv;
	if (argc != 1)
		return 2;
	json_init();
	h2o_mem_init_pool(&mcp.pool);
	if (!load(&mcp, file, &error) || !open_logs(&mcp, &error) || !open_server(&mcp, &error))
		return refuse(error);
	serve(&mcp);
	return 0;
}
