/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"
#include "common/secret.h"

struct new_key {
	const char *name, *person, *client, *resource, *scope, *expires;
};

static bool parse_options(int argc, char **argv, struct new_key *ret)
{
	static const struct option OPTIONS[] = {
	    {"person", required_argument, NULL, 'p'},   {"client", required_argument, NULL, 'c'},
	    {"resource", required_argument, NULL, 'r'}, {"scope", required_argument, NULL, 's'},
	    {"expires", required_argument, NULL, 'e'},  {NULL, 0, NULL, 0},
	};
	int option;

	*ret = (struct new_key){.expires = "90d"};
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 'p')
			ret->person = optarg;
		else if (option == 'c')
			ret->client = optarg;
		else if (option == 'r')
			ret->resource = optarg;
		else if (option == 's')
			ret->scope = optarg;
		else if (option == 'e')
			ret->expires = optarg;
		else
			return false;
	}
	if (optind != argc - 1 || (ret->person == NULL) == (ret->client == NULL))
		return false;
	ret->name = argv[optind];
	return ret->resource != NULL && ret->scope != NULL;
}

static enum verb_status refuse_for(const char *outcome)
{
	static const struct {
		const char *outcome, *line;
	} LINES[] = {
	    {"taken", "a living key has this name"},
	    {"no_person", "there is no enabled person of this name"},
	    {"no_client", "there is no enabled client of this id"},
	    {"no_resource", "there is no such resource"},
	    {"no_scope", "the resource does not have all of these scopes"},
	    {"scope_exceeded", "these scopes are more than the owner of the key may have"},
	};

	for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++)
		if (strcmp(LINES[i].outcome, outcome) == 0)
			return refuse("%s", LINES[i].line);
	return refuse("the key was not added: %s", outcome);
}

enum verb_status verb_api_key_add(struct operator* op, int argc, char **argv)
{
	struct new_key n;
	struct handle key = {.generation = 0};
	struct db_param scopes;

	if (!parse_options(argc, argv, &n))
		return VERB_USAGE;
	int64_t lifetime = operator_expiry(n.expires, "90d");
	if (lifetime == 0 || !operator_read_secrets(op) || !operator_scopes(op, n.scope, &scopes))
		return VERB_REFUSED;
	random_bytes(key.id, sizeof(key.id));
	struct db_param params[] = {
	    param_uuid(key.id),
	    param_text(n.name),
	    param_text(n.person),
	    param_text(n.client),
	    param_text(n.resource),
	    scopes,
	    param_int(&op->pool, lifetime),
	};
	PGresult *rows = operator_ask(op, "SELECT authz.api_key_add($1, $2, $3, $4, $5, $6, $7) AS outcome", params, 7);
	if (rows == NULL)
		return VERB_REFUSED;
	const char *outcome = rows_text(rows, 0, "outcome");
	enum verb_status status = strcmp(outcome, "added") == 0 ? VERB_DONE : refuse_for(outcome);
	PQclear(rows);
	if (status == VERB_DONE)
		puts(handle_mint(&op->pool, op->secrets, HANDLE_API_KEY, &key));
	return status;
}

enum verb_status verb_api_key_list(struct operator* op, int argc, char **argv)
{
	return operator_list(op, argc, argv, "SELECT * FROM authz.api_key_list()");
}

enum verb_status verb_api_key_revoke(struct operator* op, int argc, char **argv)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_do(op, "SELECT authz.api_key_revoke($1)", params, 1, "no living key has this name");
}
