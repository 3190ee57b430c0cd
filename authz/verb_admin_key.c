/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "authz/admin_client.h"
#include "authz/verbs.h"
#include "common/secret.h"

enum verb_status verb_admin_key_add(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"scope", required_argument, NULL, 's'},
	    {"expires", required_argument, NULL, 'e'},
	    {NULL, 0, NULL, 0},
	};
	const char *scope = NULL, *expires = "90d";
	struct handle key = {.generation = 0};
	enum verb_status status;
	struct db_param scopes;
	int64_t lifetime; /* seconds */
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 's')
			scope = optarg;
		else if (option == 'e')
			expires = optarg;
		else
			return VERB_USAGE;
	}
	if (scope == NULL || optind != argc - 1)
		return VERB_USAGE;
	lifetime = operator_expiry(expires, "90d");
	if (lifetime == 0 || !operator_read_secrets(op) || !operator_scopes(op, scope, &scopes))
		return VERB_REFUSED;
	random_bytes(key.id, sizeof(key.id));
	struct db_param params[] = {param_uuid(key.id), param_text(argv[optind]), scopes,
	                            param_int(&op->pool, lifetime)};
	status = operator_do(op, "SELECT authz.admin_key_add($1, $2, $3, $4)", params, 4, "a living key has this name");
	if (status == VERB_DONE && strcmp(scope, ADMIN_SCOPE) != 0)
		fputs("note: the admin REST asks for the scope " ADMIN_SCOPE " and no other\n", stderr);
	if (status == VERB_DONE)
		puts(handle_mint(&op->pool, op->secrets, HANDLE_ADMIN_KEY, &key));
	return status;
}

enum verb_status verb_admin_key_list(struct operator* op, int argc, char **argv)
{
	return operator_list(op, argc, argv, "SELECT * FROM authz.admin_key_list()");
}

enum verb_status verb_admin_key_revoke(struct operator* op, int argc, char **argv)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_do(op, "SELECT authz.admin_key_revoke($1)", params, 1, "no living key has this name");
}
