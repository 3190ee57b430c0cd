/* SPDX-License-Identifier: Apache-2.0 */
/* The files of upstream servers: one YAML file, one MCP server whose tools are offered as ours. Which of its tools, to
 * whom, and how it is reached stands in the file; what the tools are, in the approved definitions beside it
 * (upstream_pins.h). */
#ifndef SALLYPORT_MCP_UPSTREAM_FILE_H
#define SALLYPORT_MCP_UPSTREAM_FILE_H

#include "common/child.h"
#include "mcp/catalogue/loading.h"

struct credential;

enum { UPSTREAMS_MAX = 64, UPSTREAM_TOOLS_MAX = 512 /* of one */ };

/* What the upstream may ask of the client whose call it works on. */
enum upstream_asks { UPSTREAM_ASKS_ELICITATION = 1, UPSTREAM_ASKS_SAMPLING = 2, UPSTREAM_ASKS_ROOTS = 4 };

struct upstream_rule {
	const char *match; /* name of a tool; "*" stands for any part of it */
	const char *scope;
	enum tier tier;
	bool untrusted, acquirable;
};

struct upstream_file {
	const char *file;     /* for the operator */
	const char *name;     /* of the upstream; its file is named by it too */
	const char *prefix;   /* of the names that its tools have here */
	const char *approved; /* path of the approved definitions */
	const char *digest;   /* SHA-256 of how it is reached, hex: another one is another connection */
	/* one of them */
	const char *url;
	const struct child_options *command;
	const struct credential *credential; /* with a URL; NULL: none */
	int64_t timeout_ms;                  /* of a call */
	int64_t refresh_ms;                  /* so often its tools are listed again */
	unsigned calls;                      /* at a time; as many wait */
	size_t bytes;                        /* of one message of it */
	unsigned asks;                       /* enum upstream_asks */
	const struct upstream_rule *rules;
	size_t rule_count;
};

/* JSON Schema of such files. */
json_t *upstream_file_schema(h2o_mem_pool_t *pool);
/* Reads l->file. NULL and *error ("upstreams/x.yaml: /url: ..."). */
const struct upstream_file *upstream_file_load(struct loading *l, const struct schema *schema, const char **error);
/* The first rule that matches; NULL: the tool is not offered. */
const struct upstream_rule *upstream_file_rule(const struct upstream_file *file, const char *tool);

/* All files of the folder, by name; sets l->catalogue->upstreams. False and *error. */
bool upstream_files_load(struct loading *l, const char *folder, const char **error);
const struct upstream_file *upstream_file_find(const struct catalogue *catalogue, const char *name);

#endif
