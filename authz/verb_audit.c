/* SPDX-License-Identifier: Apache-2.0 */
/* audit: common/audit_command.h, with what authz.yaml says; audit retention: how long PostgreSQL keeps lines. */
#include <stdio.h>

#include "authz/verbs.h"
#include "common/audit_command.h"

static const char *defaults(void *data, h2o_mem_pool_t *pool, struct audit_defaults *ret)
{
	struct operator* op = data;

	if (!operator_read_settings(op))
		return "the configuration cannot be read";
	ret->log = op->settings->serving.audit_log;
	if (op->settings->serving.audit_key != NULL)
		ret->public_key = text_printf(pool, "%s.pub", op->settings->serving.audit_key);
	return NULL;
}

enum verb_status verb_audit(struct operator* op, int argc, char **argv)
{
	const struct audit_program program = {"sallyport-authz", defaults, NULL, op};

	return (enum verb_status)audit_command(&program, argc, argv);
}

enum verb_status verb_audit_retention(struct operator* op, int argc, char **argv)
{
	int64_t days = 0;

	if (argc > 2 || (argc == 2 && (!text_to_int64(text_of(argv[1]), &days) || days < 1 || days > 36500)))
		return VERB_USAGE;
	struct db_param param = argc == 2 ? param_int(&op->pool, days) : param_text(NULL);
	PGresult *rows = operator_ask(op, "SELECT mcp.audit_retain($1) AS days", &param, 1);
	if (rows == NULL)
		return VERB_REFUSED;
	printf("audit lines are kept for %lld days in the database\n", (long long)rows_int(rows, 0, "days"));
	PQclear(rows);
	return VERB_DONE;
}
