/* SPDX-License-Identifier: Apache-2.0 */
/* Initial access tokens (RFC 7591, 3): who may let clients register where registration is not open. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/secret.h"
#include "verbs.h"

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
	int64_t lifetime_ms, uses = 0;
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
	lifetime_ms = duration_ms(text_of(expires));
	if (lifetime_ms < 1000 || lifetime_ms > 3650LL * 86400 * 1000)
		return refuse("--expires is a duration like 7d, ten years at most");
	if (!operator_read_secrets(op))
		return VERB_REFUSED;
	random_bytes(token.id, sizeof(token.id));
	struct db_param params[] = {param_uuid(token.id), param_text(argv[optind]),
	                            param_int(&op->pool, lifetime_ms / 1000),
	                            uses > 0 ? param_int(&op->pool, uses) : param_text(NULL)};
	status = operator_do(op, "SELECT authz.initial_access_add($1, $2, $3, $4)", params, 4,
	                     "a living token has this name");
	if (status == VERB_DONE)
		puts(handle_mint(&op->pool, op->secrets, HANDLE_INITIAL_ACCESS, &token));
	return status;
}

enum verb_status verb_registration_token_list(struct operator* op, int argc, char **argv)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc > 1 && !json)
		return VERB_USAGE;
	return operator_show(op, "SELECT * FROM authz.initial_access_list()", json);
}

enum verb_status verb_registration_token_revoke(struct operator* op, int argc, char **argv)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_do(op, "SELECT authz.initial_access_revoke($1)", params, 1, "no living token has this name");
}
