/* SPDX-License-Identifier: Apache-2.0 */
/* Files on their way into the catalogue. What problems say begins with the place ("/input/type: must be object"). */
#ifndef SALLYPORT_MCP_LOADING_H
#define SALLYPORT_MCP_LOADING_H

#include "mcp/backend/backend.h"
#include "mcp/catalogue/catalogue.h"

struct config_document;

struct loading {              /* of one file */
	h2o_mem_pool_t *pool; /* lives as long as the catalogue */
	const struct mcp_settings *settings;
	struct catalogue *catalogue;      /* takes statements */
	struct schema_patterns *patterns; /* of all its schemas */
	const char *file;
	json_t *document;           /* the whole file, as its schema wants it */
	struct text_buffer digests; /* of the data that the item brings along from other files */
	const json_t *names; /* the arguments that the item takes: an object with a member for each; NULL: none */
};

/* The files of one folder: one YAML file, one item. */
struct item_file {
	const char *what;   /* "tool" */
	unsigned kinds;     /* bit 1 << ITEM_...: what its items are */
	size_t size;        /* of the structure that begins with the item */
	const char *schema; /* YAML text: JSON Schema of the file without the parts of backends */
	/* The members that all files share have been read. Sets kind, key, arguments, l->names, and whatever else the
	 * kind has. NULL, or a problem. */
	const char *(*load)(struct loading *l, struct item *item);
	/* Behind the backend's load: sets item->listed. NULL, or a problem. */
	const char *(*finish)(struct loading *l, struct item *item);
};
extern const struct item_file TOOL_FILE;     /* tool_file.c */
extern const struct item_file RESOURCE_FILE; /* resource_file.c */
extern const struct item_file PROMPT_FILE;   /* prompt_file.c */

/* ---- item_file.c ---- */

/* JSON Schema of such files, with the parts of the backends that may stand in them. */
json_t *item_file_schema(h2o_mem_pool_t *pool, const struct item_file *kind);
/* Of l->file as it was read, which is taken. NULL and *error ("tools/x.yaml: /sql/timeout: ..."). */
struct item *item_file_load(struct loading *l, const struct item_file *kind, const struct schema *schema,
                            struct config_document *read, const char **error);
/* Of l->document, which its schema has checked. NULL and *problem ("/sql/timeout: ..."). */
struct item *item_load(struct loading *l, const struct item_file *kind, const char **problem);
/* JSON of a value, which is taken, as long as the catalogue and no longer than it is. */
h2o_iovec_t loading_keep_text(struct loading *l, json_t *value);
/* Text shown to people and models has, line breaks aside, nothing that cannot be seen: it is read before an item is
 * trusted. */
bool loading_text_is_visible(h2o_iovec_t text);
/* Compiles a JSON Schema that stands in the file at `place` ("/input"). NULL and *problem. */
const struct schema *loading_compile(struct loading *l, const char *place, const json_t *schema, const char **problem);

/* ---- catalogue.c ---- */

/* The statement gets a name and is prepared in the role that reads or the one that writes; its number there. */
size_t loading_add_statement(struct loading *l, const struct catalogue_statement *statement);

#endif
