/* SPDX-License-Identifier: Apache-2.0 */
/* serve: from the configuration to the running daemon. Secrets are read after the process is hardened (main); a
 * database that is away delays nothing: what needs it answers 503 until it is there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "endpoints.h"
#include "keys.h"
#include "page.h"
#include "store.h"
#include "verbs.h"

enum { SWEEP_MS = 60000, HASHES_WAITING = 32 };

static char token_lifetime[24]; /* parameter of the sweep */

/* ---- the first keys ---- */

static PGresult *ask_keys(PGconn *pg)
{
	struct db_param params[] = {param_text(token_lifetime)};
	PGresult *rows =
	    operator_db_ask(pg, STORE_STATEMENTS[store_background_statement(STORE_SIGNING_KEYS)].sql, params, 1);

	return rows;
}

static bool add_first_key(struct authz *authz, PGconn *pg)
{
	struct db_param params[FIRST_KEY_PARAMS];
	PGresult *rows = NULL;

	if (key_first_params(&authz->pool, authz->handle_keys, params))
		rows =
		    operator_db_ask(pg, STORE_STATEMENTS[store_background_statement(STORE_SIGNING_KEY_ADD_FIRST)].sql,
		                    params, FIRST_KEY_PARAMS);
	PQclear(rows);
	return rows != NULL;
}

/* Before the loop runs, so that the daemon can sign from its first request on. Where that fails, the keyring goes on
 * asking. */
static void load_keys(struct authz *authz, const char *database)
{
	const char *problem = NULL;
	PGconn *pg = operator_db_try(&authz->pool, database, &problem);
	PGresult *rows;

	if (pg == NULL) {
		log_event(LOG_WARNING, "the database is away; there are no signing keys yet", "problem", problem, NULL);
		return;
	}
	rows = ask_keys(pg);
	if (rows != NULL && rows_count(rows) == 0 && add_first_key(authz, pg)) {
		PQclear(rows);
		rows = ask_keys(pg);
	}
	if (rows == NULL)
		log_event(LOG_ERROR, "the signing keys cannot be read; was the database migrated?", NULL);
	else
		keyring_take(authz->keyring, rows);
	PQclear(rows);
	PQfinish(pg);
}

/* ---- timers and signals ---- */

static void on_swept(void *data, const PGresult *rows)
{
	(void)data;
	if (rows != NULL && PQresultStatus(rows) != PGRES_TUPLES_OK)
		log_event(LOG_ERROR, "what has expired could not be deleted", "problem",
		          PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY), NULL);
}

static void sweep(void *data)
{
	struct authz *authz = data;
	struct db_param params[] = {param_text(token_lifetime)};

	db_ask_background(authz->db, store_background_statement(STORE_SWEEP), params, 1, on_swept, NULL);
}

static void on_reload(void *data)
{
	struct authz *authz = data;

	if (authz->audit != NULL)
		audit_reopen(authz->audit);
	keyring_refresh(authz->keyring);
}

static bool is_ready(void *data)
{
	return authz_is_ready(data);
}

/* ---- the parts ---- */

static const char *open_logs(struct authz *authz, const struct settings *s)
{
	if (!log_open("sallyport-authz", s->serving.log, LOG_INFO))
		return text_printf(&authz->pool, "%s: %s", s->serving.log, strerror(errno));
	if (s->serving.audit_log != NULL &&
	    (authz->audit = audit_open("sallyport-authz", s->serving.audit_log)) == NULL)
		return text_printf(&authz->pool, "%s: %s", s->serving.audit_log, strerror(errno));
	return NULL;
}

static const char *open_server(struct authz *authz, const struct settings *s)
{
	struct server_options options = serving_server_options(&s->serving);
	const char *error = NULL;

	options.on_reload = on_reload;
	options.is_ready = is_ready;
	options.data = authz;
	authz->server = server_open(&options, &error);
	return authz->server != NULL ? NULL : error;
}

static void open_database(struct authz *authz, const struct settings *s)
{
	struct db_options options = {
	    .name = "authz",
	    .conninfo = s->database,
	    .statements = STORE_STATEMENTS,
	    .statement_count = STORE_STATEMENT_COUNT,
	    .connections = s->database_connections,
	};

	snprintf(token_lifetime, sizeof(token_lifetime), "%lld", (long long)s->authz.access_token_lifetime);
	authz->db = db_open(server_context(authz->server)->loop, &options);
	authz->keyring = keyring_open(authz->handle_keys, s->authz.access_token_lifetime);
	load_keys(authz, s->database);
	keyring_keep_fresh(authz->keyring, authz->db, authz->server);
	server_every(authz->server, SWEEP_MS, sweep, authz);
}

static const char *open_parts(struct authz *authz, const struct settings *s)
{
	const char *error = open_logs(authz, s);

	if (error == NULL && (authz->pages = pages_open(&authz->pool, s->authz.templates, &error)) != NULL)
		error = open_server(authz, s);
	return error;
}

enum verb_status verb_serve(struct operator* op, int argc, char **argv)
{
	static struct authz authz; /* h2o's own structures live until the process ends */
	const char *error;

	(void)argv;
	if (argc != 1)
		return VERB_USAGE;
	if (!operator_read_secrets(op))
		return VERB_REFUSED;
	h2o_mem_init_pool(&authz.pool);
	authz.settings = op->settings->authz;
	authz.handle_keys = op->secrets;
	error = open_parts(&authz, op->settings);
	if (error != NULL) {
		refuse("%s", error); /* the text lives in the pool */
		if (authz.audit != NULL)
			audit_close(authz.audit);
		h2o_mem_clear_pool(&authz.pool);
		return VERB_REFUSED;
	}
	authz.workers = workers_start(server_context(authz.server), op->settings->workers, HASHES_WAITING);
	open_database(&authz, op->settings);
	log_event(LOG_INFO, "starting", "issuer", authz.settings.issuer, NULL);
	server_run(authz.server, authz_service(&authz));
	workers_stop(authz.workers);
	db_close(authz.db);
	keyring_close(authz.keyring);
	if (authz.audit != NULL)
		audit_close(authz.audit);
	log_flush();
	h2o_mem_clear_pool(&authz.pool);
	return VERB_DONE;
}

enum verb_status verb_check(struct operator* op, int argc, char **argv)
{
	const char *error = NULL;

	(void)argv;
	if (argc != 1)
		return VERB_USAGE;
	if (!operator_read_secrets(op))
		return VERB_REFUSED;
	error = serving_settings_problem(&op->pool, &op->settings->serving);
	if (error != NULL)
		return refuse("%s: %s", op->file, error);
	if (pages_open(&op->pool, op->settings->authz.templates, &error) == NULL)
		return refuse("%s", error);
	printf("%s is fine\n", op->file);
	return VERB_DONE;
}

enum verb_status verb_schema_config(struct operator* op, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return VERB_USAGE;
	json_dumpf(settings_schema(&op->pool), stdout, JSON_INDENT(2));
	putchar('\n');
	return VERB_DONE;
}
