/* SPDX-License-Identifier: Apache-2.0 */
/* Tools are files: one YAML file, one tool. All are read, checked and compiled at start; a file that is wrong in any
 * way refuses the start, for a tool that is half understood is not a tool that was allowed. */
#ifndef SALLYPORT_MCP_CATALOGUE_H
#define SALLYPORT_MCP_CATALOGUE_H

#include "common/db.h"
#include "common/schema.h"
#include "mcp/settings.h"

enum tier { TIER_READ, TIER_WRITE, TIER_DESTROY };
const char *tier_name(enum tier tier);

enum { TOOLS_MAX = 500, TOOL_NAME_MAX = 128, TOOL_PARAMETERS_MAX = 32, CATALOGUE_STATEMENT_TIMEOUT = 0 };

struct tool {
	size_t index; /* place in the catalogue: tools are sorted by name */
	const char *file;
	const char *name, *title, *description, *scope;
	enum tier tier;
	bool acquirable;     /* shown to a person who could be granted the scope */
	bool untrusted;      /* the result holds text of strangers */
	const json_t *input; /* JSON Schema as it stands in the file */
	const struct schema *arguments;
	const char *sql;         /* statement as it is prepared, with the row limit around it */
	size_t statement;        /* its number in the read or write database */
	const char **parameters; /* names of the arguments for $1 ... */
	size_t parameter_count;
	const char **columns; /* kept ones, in this order */
	size_t column_count;
	unsigned rows;
	char timeout[16];   /* milliseconds as text */
	h2o_iovec_t listed; /* JSON of the tool in tools/list */
	const char *digest; /* SHA-256 of the whole definition, hex: what exactly was called, in the audit log */
};

struct catalogue {
	struct tool *tools;
	size_t count;
	/* What the two databases prepare; number 0 sets the bounds of a call. */
	struct db_statement *read_statements, *write_statements;
	size_t read_count, write_count;
};

/* NULL and *error ("tools/x.yaml: /sql/timeout: ..."). Lives in the pool. */
struct catalogue *catalogue_load(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const char **error);
/* Exact bytes; NULL if there is none. */
const struct tool *catalogue_find(const struct catalogue *catalogue, h2o_iovec_t name);

/* tool_check.c: what the JSON Schema of tool files cannot say. NULL, or a sentence that begins with the place. */
const char *tool_problem(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const json_t *document);
/* Number of the highest $n outside of literals and comments; *gap is set if one below it is missing. */
unsigned tool_statement_parameters(h2o_iovec_t sql, bool *gap);

#endif
