/* SPDX-License-Identifier: Apache-2.0 */
/* client import, client refresh: clients that are described by a document at the URL that is their id. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "authz/client_document.h"
#include "authz/store_statements.h"
#include "authz/verbs.h"
#include "common/secret.h"

enum { FILE_MAX = 65536 };

/* "-" is standard input. */
static bool read_file(struct operator* op, const char *name, h2o_iovec_t *ret)
{
	bool is_stdin = strcmp(name, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(name, "re");

	if (file == NULL) {
		refuse("%s: %s", name, strerror(errno));
		return false;
	}
	ret->base = h2o_mem_alloc_pool(&op->pool, FILE_MAX + 1);
	ret->len = fread(ret->base, 1, FILE_MAX + 1, file);
	if (!is_stdin)
		fclose(file);
	if (ret->len <= FILE_MAX)
		return true;
	refuse("%s: a document has at most %d bytes", name, FILE_MAX);
	return false;
}

static enum verb_status import(struct operator* op, const char *url, h2o_iovec_t body)
{
	static const char SQL[] = "SELECT NOT EXISTS (SELECT FROM authz.client_get($1) AS c WHERE c.origin <> "
				  "'document')";
	struct db_param id = param_text(url), params[DOCUMENT_PUT_PARAMS];
	struct document_put put = {.lifetime = 0};
	const char *problem;
	enum verb_status status;
	struct client c;
	PGresult *rows;

	if (!client_document_read(&op->pool, body, url, &c, &problem))
		return refuse("%s", problem);
	status = operator_do(op, SQL, &id, 1, "the id is that of another client");
	if (status != VERB_DONE)
		return status;
	sha256(body, put.digest);
	store_document_params(&op->pool, &c, &put, true, params);
	rows = operator_ask(op, STORE_STATEMENTS[STATEMENT_DOCUMENT_PUT].sql, params, DOCUMENT_PUT_PARAMS);
	if (rows == NULL)
		return VERB_REFUSED;
	PQclear(rows);
	return VERB_DONE;
}

enum verb_status verb_client_import(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"id", required_argument, NULL, 'i'}, {NULL, 0, NULL, 0}};
	const char *url = NULL, *problem;
	h2o_iovec_t body;
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'i')
			return VERB_USAGE;
		url = optarg;
	}
	if (url == NULL || optind + 1 != argc)
		return VERB_USAGE;
	problem = client_document_url_problem(text_of(url));
	if (problem != NULL)
		return refuse("%s: %s", url, problem);
	if (!operator_read_settings(op))
		return VERB_REFUSED;
	problem = client_document_refused(&op->settings->authz.documents, url);
	if (problem != NULL)
		return refuse("%s: %s", url, problem);
	return read_file(op, argv[optind], &body) ? import(op, url, body) : VERB_REFUSED;
}

enum verb_status verb_client_refresh(struct operator* op, int argc, char **argv)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_do(op, "SELECT authz.client_document_expire($1)", params, 1,
	                   "there is no document of this URL that was fetched");
}
