/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `import openapi`: an OpenAPI 3.1 or 3.0 document becomes tool files of the backend `http`, one for each
 * operation that can be expressed whole. Everything in a document is a stranger's: texts are bounded and shown without
 * what cannot be seen, references stay inside of it, and nothing is fetched. Each function below that returns a bool
 * has said why it returns false (import_refuse). */
#ifndef SALLYPORT_MCP_IMPORT_H
#define SALLYPORT_MCP_IMPORT_H

#include "common/egress.h"
#include "common/json.h"

enum { IMPORT_OPERATIONS_MAX = 2000, IMPORT_CHOICES_MAX = 256, IMPORT_NAME_MAX = 128 };

struct import_options {
	const char *file, *into, *prefix, *server, *scope_read, *scope_write, *credential_file; /* NULL: not said */
	const char *operations[IMPORT_CHOICES_MAX], *tags[IMPORT_CHOICES_MAX];
	size_t operation_count, tag_count;
	bool force, dry_run, json;
};

struct import_document {
	h2o_mem_pool_t *pool;
	const json_t *root;
	const char *title; /* one visible line */
	bool is_30;        /* OpenAPI 3.0, whose schemas are of a kind of their own */
};

/* Where an operation is: a host for outbound.hosts of mcp.yaml. */
struct import_server {
	const char *base;   /* URL without a slash at its end */
	const char *origin; /* "https://api.example.com" */
	const char *host;   /* in lower case */
	unsigned port;
	bool plain;
};

enum import_state { IMPORT_MADE, IMPORT_WRITTEN, IMPORT_UNCHANGED, IMPORT_DIFFERS };

struct import_operation { /* all of it lives in the document's pool */
	const struct import_document *document;
	const struct import_options *options;
	const json_t *path_item, *source;
	const char *method, *member, *path; /* "GET", "get" */
	const char *id;                     /* operationId, as it is; NULL: it has none */
	const char *label;                  /* for people: "GET /items (listItems)" */
	const char *name;                   /* of the tool and its file */
	bool is_chosen;
	const char *problem; /* NULL, or why it is skipped */
	json_t *notes;       /* texts: what is not as the document has it */
	struct import_server server;
	json_t *names; /* of path parameters: name in the path -> argument */
	json_t *input, *output, *http;
	size_t copied;    /* bytes of schemas, about */
	h2o_iovec_t text; /* the file */
	enum import_state state;
};

struct import_run {
	h2o_mem_pool_t *pool;
	struct import_options options;
	struct import_document document;
	struct import_operation *operations;
	size_t count;
	json_t *notes; /* about the document */
};

/* ---- import_text.c: texts of strangers ---- */

/* One line, without what cannot be seen, of at most `max` characters. */
const char *import_line(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t max);
/* The same with its lines; *what becomes "cut" or "without invisible characters", or NULL if it is all there. */
h2o_iovec_t import_prose(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t max, const char **what);
/* Fits ^[A-Za-z0-9_.-]{1,max}$ and begins with no dot. */
char *import_identifier(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t max);
/* Always false. The first problem stays. */
bool import_refuse(struct import_operation *op, const char *format, ...) __attribute__((format(printf, 2, 3)));
void import_note(struct import_operation *op, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A place of a value with a text that has what cannot be seen, or NULL. */
const char *import_find_invisible(h2o_mem_pool_t *pool, const json_t *value);

/* ---- import_document.c ---- */

/* False and *error. */
bool import_document_load(h2o_mem_pool_t *pool, const char *file, struct import_document *ret, const char **error);
bool import_document_read(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, struct import_document *ret,
                          const char **error);
/* What "#/components/..." names. NULL and *problem. */
const json_t *import_find(const struct import_document *document, const char *reference, const char **problem);
/* The value, or what it refers to, through several references. NULL and refused: `what` is it. */
const json_t *import_resolve(struct import_operation *op, const json_t *value, const char *what);

/* ---- import_schema.c, import_schema_30.c, import_types.c ---- */

enum import_direction { IMPORT_ARGUMENTS, IMPORT_ANSWER };
/* JSON Schema 2020-12 that says the same, with references filled in; a new reference. NULL and refused. */
json_t *import_schema(struct import_operation *op, const json_t *schema, enum import_direction direction);
/* In place: what 3.0 says in its own way. */
bool import_schema_from_30(struct import_operation *op, json_t *schema);

enum import_type {
	IMPORT_NULL = 1,
	IMPORT_BOOLEAN = 2,
	IMPORT_NUMBER = 4,
	IMPORT_STRING = 8,
	IMPORT_ARRAY = 16,
	IMPORT_OBJECT = 32,
	IMPORT_SCALAR = IMPORT_BOOLEAN | IMPORT_NUMBER | IMPORT_STRING
};
/* Which types a translated schema lets through; never too few. */
unsigned import_types(const json_t *schema);
/* Each item of each array that it lets through is one text, number or boolean. */
bool import_items_are_scalar(const json_t *schema);

/* ---- import_server.c, import_security.c ---- */

/* Sets op->server. */
bool import_operation_server(struct import_operation *op);
/* Sets the member `credential` of op->http where the operation demands one. */
bool import_credential(struct import_operation *op);

/* ---- import_input.c, import_body.c, import_answers.c ---- */

/* An argument for a member of the request ("query", "path", "header", "body"); takes `schema`. Its name, which is
 * another one where that is taken or does not fit. */
const char *import_add_argument(struct import_operation *op, const char *name, const char *place, json_t *schema,
                                bool required);
/* Parameters: op->input, op->names, members query and headers of op->http. */
bool import_parameters(struct import_operation *op);
/* The member `body`. */
bool import_body(struct import_operation *op);
/* The member `answers`, and op->output. */
bool import_answers(struct import_operation *op);
/* "application/json" and what ends in +json. */
bool import_is_json_type(h2o_iovec_t type);

/* ---- import_tool.c, import_yaml.c, import_openapi.c ---- */

/* Makes op->text, of a tool that the server would load as it is; or refuses. */
struct import_checker;
struct import_checker *import_checker_open(h2o_mem_pool_t *pool);
bool import_tool(struct import_checker *checker, struct import_operation *op);
/* The value as a YAML document in block style. */
h2o_iovec_t import_yaml(h2o_mem_pool_t *pool, const json_t *value);
/* All operations of run->document, the chosen ones made. False and *error. */
bool import_all(struct import_run *run, const char **error);

/* ---- import_files.c, import_report.c ---- */

/* Writes all that is made, or nothing. Sets the states. False and *error; files that differ have none. */
bool import_write(struct import_run *run, const char **error);
/* True if standard output took it. */
bool import_report(const struct import_run *run);

#endif
