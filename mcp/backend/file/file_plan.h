/* SPDX-License-Identifier: Apache-2.0 */
/* The part `file` of an item's file. */
#ifndef SALLYPORT_MCP_FILE_PLAN_H
#define SALLYPORT_MCP_FILE_PLAN_H

#include "mcp/catalogue/loading.h"
#include "mcp/catalogue/path_template.h"

enum file_action { FILE_READ, FILE_LIST, FILE_WRITE };
enum file_writing {
	FILE_CREATE,  /* a file of this name must not be there */
	FILE_REPLACE, /* what is there goes, in one step */
	FILE_APPEND
};

struct file_plan {
	enum file_action action;
	enum file_writing writing;
	int root; /* descriptor of the folder; the catalogue's */
	const char *root_path;
	const struct path_template *path;
	bool hidden;    /* names that begin with a dot count */
	size_t bytes;   /* of what is read, of what a file may have after it was written */
	size_t entries; /* of a list */
	int64_t timeout_ms;
	const char *first_line, *lines; /* names of arguments; NULL: all lines */
	const char *text;               /* name of the argument that is written */
	const char *const *endings;     /* that a name must have, NULL-terminated; NULL: any */
};

extern const char FILE_PLAN_SCHEMA[];
/* The load function of the backend. */
const char *file_plan_load(struct loading *l, const json_t *part, struct item *item);

#endif
