/* SPDX-License-Identifier: Apache-2.0 */
/* What the server offers is files: one YAML file, one item. All are read, checked and compiled before any is offered; a
 * file that is wrong in any way refuses the whole, for a tool that is half understood is not a tool that was allowed.
 * A catalogue never changes: another one takes its place (reload.h). */
#ifndef SALLYPORT_MCP_CATALOGUE_H
#define SALLYPORT_MCP_CATALOGUE_H

#include "common/db.h"
#include "mcp/catalogue/item.h"
#include "mcp/settings/settings.h"

enum { FILES_MAX = 20000 /* in a folder */, ITEM_NAME_MAX = 128, ITEM_KEY_MAX = 2048 };

struct authentication;

/* Of clients that know tasks, each call becomes one; of others it runs while they wait, or is refused. */
enum tool_task { TASK_NEVER, TASK_POSSIBLE, TASK_REQUIRED };

struct tool {
	struct item item;
	const json_t *input, *output;       /* JSON Schemas as they stand in the file; output: NULL if there is none */
	const struct schema *structured;    /* output, compiled */
	enum tool_task task;                /* whether its calls become tasks */
	const struct tool_headers *headers; /* tool_headers.h; NULL if there are none */
	enum approval_how approval;         /* approval.h */
	const struct authentication *authentication; /* authentication.h; NULL: whatever the token says will do */
	unsigned characters;                         /* that arguments may have beside what is seen: input_text.h */
};

static inline const struct tool *tool_of(const struct item *item)
{
	return item != NULL && item->kind == ITEM_TOOL ? (const struct tool *)item : NULL;
}

struct databases;
struct rules;
struct upstream_file;

/* What a backend wants to ask of a database, whose first statements set the bounds of a call. */
struct catalogue_statement {
	const char *file, *place; /* for the operator: "/sql/statement" */
	const char *name;         /* for the log: the item's */
	const char *sql;          /* with $1 ... */
	size_t parameter_count;
	const char *const *columns; /* that it has to give, if it gives any */
	size_t column_count;
	bool write; /* in the role that may write */
};
enum {
	CATALOGUE_BOUNDS, /* $1: statement_timeout in milliseconds */
	CATALOGUE_CLAIMS, /* the same, and $2, $3: who asks (sql_claims_bind) */
	CATALOGUE_FIRST   /* those of items are from here on */
};

struct catalogue {
	const struct mcp_settings *settings;
	struct item **items; /* tools first, then resources, templates, prompts, each by key: a stable order */
	size_t count;
	const struct rules *rules;     /* rules.h; NULL if there are none */
	struct redactor *redactor;     /* redact.h: of its items; knows the secrets of its files */
	size_t firsts[ITEM_KINDS + 1]; /* items of a kind: from firsts[kind] to below firsts[kind + 1] */
	struct catalogue_statement *statements;
	size_t statement_count, statement_capacity;
	/* What the two databases prepare. */
	struct db_statement *read_statements, *write_statements;
	size_t read_count, write_count;
	const struct upstream_file **upstreams; /* upstream_file.h: by name */
	size_t upstream_count;
	bool has_queries;             /* of callers: sql_query */
	struct databases *databases;  /* databases.h: retired with the catalogue; NULL where it only looks at files */
	uint8_t secrets[SHA256_SIZE]; /* stands for all secrets of its files, and stays here */
	h2o_mem_pool_t pool;
};

/* A reference (h2o_mem_release_shared): views have others. NULL and *error ("tools/x.yaml: /sql/timeout: ...") in the
 * pool. The settings must live as long. */
struct catalogue *catalogue_load(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const char **error);
/* By key, exact bytes; NULL if there is none. */
const struct item *catalogue_find(const struct catalogue *catalogue, enum item_kind kind, h2o_iovec_t key);
/* How many of a kind. */
static inline size_t catalogue_count(const struct catalogue *catalogue, enum item_kind kind)
{
	return catalogue->firsts[kind + 1] - catalogue->firsts[kind];
}

#endif
