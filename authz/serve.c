/* SPDX-License-Identifier: Apache-2.0 */
/* serve: from the configuration to the running daemon. Secrets are read after the process is hardened (main); a
 * database that is away delays nothing: what needs it answers 503 until it is there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authz/answer_cache.h"
#include "authz/budget.h"
#include "authz/client_metadata_schema.h"
#include "authz/document_fetch.h"
#include "authz/endpoints.h"
#include "authz/key_sets.h"
#include "authz/keys.h"
#include "authz/known_tokens.h"
#include "authz/notices.h"
#include "authz/page.h"
#include "authz/revocations.h"
#include "authz/store.h"
#include "authz/verbs.h"
#include "common/audit_deliver.h"
#include "common/log.h"
#include "common/rate_limit.h"

enum {
	AUDIT_TICK_MS = 1000,
	SWEEP_MS = 10000,
	CLIENTS_SWEEP_MS = 60000,
	HASHES_WAITING = 32,
	ANSWERS_KEPT = 4096,
	TOKENS_KNOWN = 4096
};

/* parameters of the sweeps */
static char token_lifetime[24], registration_lease[24];
static const char CLIENTS_AT_ONCE[] = "500";

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

static void sweep_clients(void *data)
{
	struct authz *authz = data;
	struct db_param lease[] = {param_text(registration_lease), param_text(CLIENTS_AT_ONCE)};

	db_ask_background(authz->db, store_background_statement(STORE_SWEEP_CLIENTS), lease, 2, on_swept, NULL);
}

static void on_reload(void *data)
{
	struct authz *authz = data;

	if (authz->audit != NULL)
		audit_reopen(authz->audit);
	keyring_refresh(authz->keyring);
}

static void on_drain(void *data)
{
	struct authz *authz = data;

	if (authz->revocations != NULL)
		revocations_drain(authz->revocations);
}

/* Asked again and again until the listeners open. The keys are asked for as soon as there is a connection, so that the
 * daemon can sign from its first request on; where that fails, the keyring goes on asking. */
static bool is_ready(void *data)
{
	static bool asked;
	struct authz *authz = data;

	if (!asked && db_ready(authz->db)) {
		asked = true;
		keyring_refresh(authz->keyring);
	}
	return authz_is_ready(authz);
}

/* ---- the parts ---- */

static const char *open_logs(struct authz *authz, const struct settings *s)
{
	const char *error = NULL;

	authz->goes_on_unrecorded = s->serving.audit_stops_writes_only;
	if (!log_open("sallyport-authz", s->serving.log, LOG_INFO))
		return text_printf(&authz->pool, "%s: %s", s->serving.log, strerror(errno));
	if (s->serving.audit_log != NULL &&
	    (authz->audit = serving_open_audit(&authz->pool, &s->serving, "sallyport-authz", &error)) == NULL)
		return error;
	return NULL;
}

static const char *open_server(struct authz *authz, const struct settings *s)
{
	struct server_options options = serving_server_options(&s->serving);
	const char *error = NULL;

	options.on_reload = on_reload;
	options.on_drain = on_drain;
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
	    .early = 1, /* the signing keys */
	    .reads = store_statement_reads,
	    .together = STORE_TOGETHER,
	};

	snprintf(token_lifetime, sizeof(token_lifetime), "%lld", (long long)s->authz.access_token_lifetime);
	snprintf(registration_lease, sizeof(registration_lease), "%lld", (long long)s->authz.registration_lease);
	authz->db = db_open(server_context(authz->server)->loop, &options);
	authz->notices = notices_open(authz, s->database);
	authz->revocations = revocations_open(authz);
	authz->answers = answer_cache_open(authz->notices, ANSWERS_KEPT);
	authz->known_tokens = known_tokens_open(TOKENS_KNOWN);
	authz->keyring = keyring_open(authz->handle_keys, s->authz.access_token_lifetime);
	keyring_rotate_by_age(authz->keyring, s->authz.key_rotate, s->authz.key_announce);
	keyring_keep_fresh(authz->keyring, authz->db, authz->server, authz->notices);
	server_every(authz->server, SWEEP_MS, sweep, authz);
	server_every(authz->server, CLIENTS_SWEEP_MS, sweep_clients, authz);
}

static void open_egress(struct authz *authz)
{
	const struct client_document_settings *documents = &authz->settings.documents;

	authz->egress = egress_open(server_context(authz->server), NULL);
	egress_set_exceptions(authz->egress, documents->exceptions, documents->exception_count);
	authz->documents = document_fetches_open(authz->egress);
	authz->key_sets = key_sets_open(authz->egress);
}

/* Whoever waits for an answer gets none, before what he belongs to goes. */
static void close_egress(struct authz *authz)
{
	egress_close(authz->egress);
	document_fetches_close(authz->documents);
	key_sets_close(authz->key_sets);
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
	struct audit_delivery *delivery = NULL;
	const char *error;

	(void)argv;
	if (argc != 1)
		return VERB_USAGE;
	if (!operator_read_secrets(op))
		return VERB_REFUSED;
	h2o_mem_init_pool(&authz.pool);
	authz.settings = op->settings->authz;
	authz.rate_limits = rate_limits_make(&authz.pool, BUDGET_PLACES);
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
	if (authz.audit != NULL) {
		delivery = audit_deliver_start(op->settings->serving.audit_log, op->settings->database, false);
		audit_serve(authz.audit, server_context(authz.server), op->settings->serving.audit_checkpoint_ms);
		server_every(authz.server, AUDIT_TICK_MS, audit_tick, authz.audit);
	}
	open_egress(&authz);
	open_database(&authz, op->settings);
	log_event(LOG_INFO, "starting", "issuer", authz.settings.issuer, NULL);
	server_run(authz.server, authz_service(&authz));
	close_egress(&authz);
	workers_stop(authz.workers);
	revocations_close(authz.revocations);
	notices_close(authz.notices);
	answer_cache_close(authz.answers);
	known_tokens_close(authz.known_tokens);
	db_close(authz.db);
	keyring_close(authz.keyring);
	if (authz.audit != NULL)
		audit_close(authz.audit);
	audit_deliver_stop(delivery);
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

static enum verb_status print_schema(const json_t *schema, int argc)
{
	if (argc != 1)
		return VERB_USAGE;
	json_dumpf(schema, stdout, JSON_INDENT(2));
	putchar('\n');
	return VERB_DONE;
}

enum verb_status verb_schema_config(struct operator* op, int argc, char **argv)
{
	(void)argv;
	return print_schema(settings_schema(&op->pool), argc);
}

/* With what only administrators say. */
enum verb_status verb_schema_client(struct operator* op, int argc, char **argv)
{
	(void)argv;
	return print_schema(client_metadata_document(&op->pool), argc);
}
