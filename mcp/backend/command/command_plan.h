/* SPDX-License-Identifier: Apache-2.0 */
/* The part `command` of a tool's file. */
#ifndef SALLYPORT_MCP_COMMAND_PLAN_H
#define SALLYPORT_MCP_COMMAND_PLAN_H

#include "mcp/backend/command/command_program.h"
#include "mcp/catalogue/loading.h"

enum { COMMAND_ARGUMENTS_MAX = 500 };
enum command_output { COMMAND_TEXT, COMMAND_JSON, COMMAND_LINES };

/* One element of the template. Without a name it is one argument of the program as it stands. */
struct command_element {
	const char *before, *after; /* fixed text around the slot */
	const char *name;           /* of the argument that fills the slot; NULL: there is none */
	bool is_list;               /* an array, each item an argument of its own */
	bool is_option_free;        /* a fixed "--" stands before it, or fixed text in it */
};

struct command_plan {
	struct child_options program; /* without argv */
	struct command_element *elements;
	size_t count;
	const char *input; /* name of the argument that is its standard input; NULL: none */
	bool input_is_all; /* all arguments are, as JSON */
	int64_t timeout_ms;
	size_t bytes;
	enum command_output output;
	bool streams, stops_at_bytes;
	uint8_t success[256];   /* exit statuses that are one */
	const json_t *failures; /* {"3": "words for the model"} or NULL */
	bool untrusted;
};

extern const char COMMAND_PLAN_SCHEMA[];
/* The load function of the backend. */
const char *command_plan_load(struct loading *l, const json_t *part, struct item *item);

/* ---- command_arguments.c ---- */

/* The template `arguments`, checked against the input schema of the tool's file. */
const char *command_arguments_load(struct loading *l, const json_t *part, struct command_plan *plan);
/* argv, NULL-terminated, in the pool; texts are those of `arguments`. NULL and *problem: words for the model. */
const char *const *command_arguments_fill(h2o_mem_pool_t *pool, const struct command_plan *plan,
                                          const json_t *arguments, const char **problem);
/* What is its standard input; {NULL, 0}: nothing. */
h2o_iovec_t command_input(h2o_mem_pool_t *pool, const struct command_plan *plan, const json_t *arguments);

#endif
