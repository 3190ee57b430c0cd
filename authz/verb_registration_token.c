/* SPDX-License-Identifier: Apache-2.0 */
/* Initial access tokens (RFC 7591, 3): who may let clients register where registration is not open. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"
#include "common/secret.h"

enum verb_status verb_registration_token_add(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"expires", required_argument, NULL, 'e'},
	    {"uses", required_argument, NULL, 'u'},
	    {NULL, 0, NULL, 0},
	};
	const char *expires = "7d";
	struct handle token = {.generation = 0};
	enum verb_status status;
	int64_t lifetime, uses = 0; /* lifetime: seconds */
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 'e')
			expires = optarg;
		else if (option != 'u')
			return VERB_USAGE;
		else if (!text_to_int64(text_of(optarg), &uses) || uses < 1 || uses > INT_MAX)
			return refuse("--uses is a number from 1");
	}
	if (optind != argc - 1)
		return VERB_USAGE;
	lifetime = operator_expiry(expires, "7d");
	if (lifetime == 0 || !operator_read_secrets(op))
		return VERB_REFUSED;
	random_bytes(token.id, sizeof(token.id));
	struct db_param params[] = {param_uuid(token.id), param_text(argv[optind]), param_int(&op->pool, lifetime),
	                            uses > 0 ? param_int(&op->pool, uses) : param_text(NULL)};
	status = operator_do(op, "SELECT authz.initial_access_add($1, $2, $3, $4)", params, 4,
	                     "a living token has this name");
	if (status == VERB_DONE)
		puts(handle_mint(&op->pool, op->secrets, HANDLE_INITIAL_ACCESS, &token));
	return status;
}

enum verb_status verb_registration_token_list(struct operator* op, int argc, char **argv)
{
	return operator_list(op, argc, argv, "SELECT * FROM authz.initial_access_list()");
}

enum verb_status verb_registration_token_revoke(struct operator* op, int argc, char **argv)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_do(op, "SELECT authz.initial_access_revoke($1)", params, 1, "no living token has this name");
}
