/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator does behind the restore of a backup. */
#include <stdio.h>

#include "authz/keys.h"
#include "authz/verbs.h"

enum verb_status verb_revoke_all(struct operator* op, int argc, char **argv)
{
	static const char *const WHAT[][2] = {
	    {"sessions", "sessions"},
	    {"grants", "grants"},
	    {"consents", "remembered consents"},
	    {"api_keys", "API keys"},
	    {"admin_keys", "admin keys"},
	    {"registration_tokens", "initial access tokens"},
	    {"signing_keys", "signing keys"},
	};
	struct db_param params[FIRST_KEY_PARAMS];

	(void)argv;
	if (argc > 1)
		return VERB_USAGE;
	if (!operator_read_secrets(op))
		return VERB_REFUSED;
	if (!key_first_params(&op->pool, op->secrets, params))
		return refuse("a key could not be made");
	PGresult *rows = operator_ask(op, "SELECT * FROM authz.revoke_all($1, $2, $3, $4)", params, FIRST_KEY_PARAMS);
	if (rows == NULL)
		return VERB_REFUSED;
	for (size_t i = 0; i < sizeof(WHAT) / sizeof(WHAT[0]); i++)
		printf("%lld %s ended\n", (long long)rows_int(rows, 0, WHAT[i][0]), WHAT[i][1]);
	printf("new signing key: %s\n", params[0].value);
	PQclear(rows);
	return VERB_DONE;
}
