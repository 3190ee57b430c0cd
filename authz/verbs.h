/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's verbs, and what they share. A verb gives the exit status; what it needs (settings, secrets, database)
 * is opened when it asks. */
#ifndef SALLYPORT_VERBS_H
#define SALLYPORT_VERBS_H

#include "authz/operator_db.h"
#include "authz/settings.h"
#include "common/handle.h"

enum verb_status { VERB_DONE, VERB_REFUSED /* one line was written to standard error */, VERB_USAGE };

struct operator
{
	h2o_mem_pool_t pool; /* as long as the process */
	const char *file;    /* authz.yaml */
	struct settings *settings;
	struct handle_keys *secrets;
	PGconn *pg;
};
/* argv[0] is the last word of the verb's name, so getopt_long can be used at once. */
typedef enum verb_status verb_fn(struct operator* op, int argc, char **argv);

verb_fn verb_audit, verb_audit_retention;
verb_fn verb_serve, verb_check, verb_schema_config, verb_schema_client, verb_migrate, verb_secret_new;
verb_fn verb_person_add, verb_person_list, verb_person_disable, verb_person_enable, verb_person_password,
    verb_person_scope, verb_person_roles, verb_person_groups, verb_person_consents, verb_person_forget;
verb_fn verb_person_claims, verb_person_show;
verb_fn verb_role_put, verb_role_list, verb_role_delete, verb_group_put, verb_group_list, verb_group_delete;
verb_fn verb_client_add, verb_client_list, verb_client_disable, verb_client_enable, verb_client_delete;
verb_fn verb_client_import, verb_client_refresh;
verb_fn verb_resource_put, verb_resource_list;
verb_fn verb_revoke_all;
verb_fn verb_key_rotate, verb_key_withdraw, verb_key_list;
verb_fn verb_admin_key_add, verb_admin_key_list, verb_admin_key_revoke;
verb_fn verb_api_key_add, verb_api_key_list, verb_api_key_revoke;
verb_fn verb_registration_token_add, verb_registration_token_list, verb_registration_token_revoke;

/* Writes the line and gives VERB_REFUSED. */
enum verb_status refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* False after a line on standard error. */
bool operator_read_settings(struct operator* op);
bool operator_read_secrets(struct operator* op);
/* Rows of one question to admin_database (PQclear), or NULL after a line on standard error. */
PGresult *operator_ask(struct operator* op, const char *sql, const struct db_param *params, size_t count);
/* Asks a function that gives true or false; `otherwise` is the line for false. */
enum verb_status operator_do(struct operator* op, const char *sql, const struct db_param *params, size_t count,
                             const char *otherwise);
/* All rows of a question: a table for people, or a JSON array of objects. */
enum verb_status operator_show(struct operator* op, const char *sql, const struct db_param *params, size_t count,
                               bool as_json);
/* The verb of a list: no arguments but perhaps --json. */
enum verb_status operator_list(struct operator* op, int argc, char **argv, const char *sql);
/* Seconds of the option --expires, a second to ten years; 0 after a line on standard error, which says `example`. */
int64_t operator_expiry(const char *text, const char *example);
/* A line on standard error for scopes that no resource has. */
void operator_note_unknown_scopes(struct operator* op, const struct db_param *scopes);
/* A text[] of blank-separated scopes, sorted; false after a line on standard error. */
bool operator_scopes(struct operator* op, const char *text, struct db_param *ret);

#endif
