/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/secret.h"
#include "verbs.h"

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
	int64_t lifetime_ms;
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
	lifetime_ms = duration_ms(text_of(expires));
	if (lifetime_ms < 1000 || lifetime_ms > 3650LL * 86400 * 1000)
		return refuse("--expires is a duration like 90d, ten years at most");
	if (!operator_read_secrets(op) || !operator_scopes(op, scope, &scopes))
		return VERB_REFUSED;
	random_bytes(key.id, sizeof(key.id));
	struct db_param params[] = {param_uuid(key.id), param_text(argv[optind]), scopes,
	                            param_int(&op->pool, lifetime_ms / 1000)};
	status = operator_do(op, "SELECT authz.admin_key_add($1, $2, $3, $4)", params, 4, "a living key has this name");
	if (status == VERB_DONE && strcmp(scope, "admin:clients") != 0)
		fputs("note: the admin REST asks for the scope admin:clients and no other\n", stderr);
	if (status == VERB_DONE)
		puts(handle_mint(&op->pool, op->secrets, HANDLE_ADMIN_KEY, &key));
	return status;
}

enum verb_status verb_admin_key_list(struct operator* op, int argc, char **argv)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc > 1 && !json)
		return VERB_USAGE;
	return operator_show(op, "SELECT * FROM authz.admin_key_list()", json);
}

enum verb_status verb_admin_key_revoke(struct operator* op, int argc, char **argv)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_do(op, "SELECT authz.admin_key_revoke($1)", params, 1, "no living key has this name");
}
