/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "authz/keys.h"
#include "authz/verbs.h"
#include "common/encoding.h"
#include "common/secret.h"

enum { PUBLISHED_FIRST_S = 300 }; /* resource servers fetch a JWKS every few minutes */

enum verb_status verb_key_rotate(struct operator* op, int argc, char **argv)
{
	struct db_param params[FIRST_KEY_PARAMS + 1];
	bool now = argc == 2 && strcmp(argv[1], "--now") == 0;
	enum verb_status status;

	if (argc > 1 && !now)
		return VERB_USAGE;
	if (!operator_read_secrets(op))
		return VERB_REFUSED;
	if (!key_first_params(&op->pool, op->secrets, params))
		return refuse("a key could not be made");
	params[FIRST_KEY_PARAMS] = param_int(&op->pool, now ? 0 : PUBLISHED_FIRST_S);
	status = operator_do(op,
	                     "SELECT CASE WHEN authz.signing_key_add_first($1, $2, $3, $4) THEN true "
	                     "ELSE authz.signing_key_add($1, $2, $3, $4, $5) END",
	                     params, 5, "the key could not be added");
	if (status == VERB_DONE)
		printf("%s is published%s\n", params[0].value,
		       now ? " and signs" : ", and signs after five minutes (at once if it is the first)");
	return status;
}

/* Of a key that others may have got hold of. The one that signs is replaced in the same transaction. */
enum verb_status verb_key_withdraw(struct operator* op, int argc, char **argv)
{
	struct db_param params[FIRST_KEY_PARAMS + 1];
	const char *outcome;
	PGresult *rows;

	if (argc != 2)
		return VERB_USAGE;
	if (!operator_read_secrets(op))
		return VERB_REFUSED;
	if (!key_first_params(&op->pool, op->secrets, params + 1))
		return refuse("a key could not be made");
	params[0] = param_text(argv[1]);
	rows = operator_ask(op, "SELECT authz.signing_key_withdraw($1, $2, $3, $4, $5)", params, FIRST_KEY_PARAMS + 1);
	if (rows == NULL)
		return VERB_REFUSED;
	outcome = text_copy(&op->pool, text_of(PQgetvalue(rows, 0, 0)));
	PQclear(rows);
	if (strcmp(outcome, "unknown") == 0)
		return refuse("there is no such key");
	printf("%s is withdrawn, with all tokens that it signed\n", argv[1]);
	if (strcmp(outcome, "replaced") == 0)
		printf("%s signs\n", params[1].value);
	return VERB_DONE;
}

enum verb_status verb_key_list(struct operator* op, int argc, char **argv)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc > 1 && !json)
		return VERB_USAGE;
	if (!operator_read_settings(op))
		return VERB_REFUSED;
	struct db_param params[] = {param_int(&op->pool, op->settings->authz.access_token_lifetime)};
	return operator_show(op,
	                     "SELECT kid, algorithm, signs, secret_id, to_timestamp(created_at) AS created_at, "
	                     "to_timestamp(signs_from) AS signs_from FROM authz.signing_keys($1)",
	                     params, 1, json);
}

/* An id that the secrets file does not have yet; 1 if there is no such file. */
static int free_secret_id(struct operator* op)
{
	struct handle_keys *secrets = NULL;
	const char *error = NULL;
	uint8_t unused[32];
	int id = 1;

	op->settings = settings_load(&op->pool, op->file, &error);
	if (op->settings != NULL)
		secrets = master_secrets_load(&op->pool, &op->settings->secrets, &error);
	while (secrets != NULL && id < 255 && handle_keys_derive(secrets, id, "new", unused, NULL))
		id++;
	secret_wipe(unused, sizeof(unused));
	return id;
}

enum verb_status verb_secret_new(struct operator* op, int argc, char **argv)
{
	uint8_t *secret = secret_alloc(&op->pool, 32);

	(void)argv;
	if (argc != 1)
		return VERB_USAGE;
	random_bytes(secret, 32);
	printf("%d %s\n", free_secret_id(op), base64url_encode(&op->pool, secret, 32).base);
	return VERB_DONE;
}
