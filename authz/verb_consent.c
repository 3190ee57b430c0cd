/* SPDX-License-Identifier: Apache-2.0 */
/* What a person has allowed, and its withdrawal. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"

enum verb_status verb_person_consents(struct operator* op, int argc, char **argv)
{
	bool json = argc == 3 && strcmp(argv[2], "--json") == 0;

	if (argc < 2 || (argc > 2 && !json))
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_show(op, "SELECT * FROM authz.consent_list($1)", params, 1, json);
}

enum verb_status verb_person_forget(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"revoke", no_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	bool revoke = false;
	PGresult *rows;
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'r')
			return VERB_USAGE;
		revoke = true;
	}
	if (optind >= argc || argc - optind > 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[optind]), param_text(argc - optind == 2 ? argv[optind + 1] : NULL),
	                            param_bool(revoke)};
	rows = operator_ask(op, "SELECT * FROM authz.consent_forget($1, $2, $3)", params, 3);
	if (rows == NULL)
		return VERB_REFUSED;
	bool done = strcmp(rows_text(rows, 0, "outcome"), "done") == 0;
	if (done)
		printf("%lld consents withdrawn, %lld grants revoked\n", (long long)rows_int(rows, 0, "forgotten"),
		       (long long)rows_int(rows, 0, "revoked"));
	PQclear(rows);
	return done ? VERB_DONE : refuse("there is nobody of this name");
}
