/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of uri_template.h: the parsed text, and the automaton that matches it. */
#ifndef SALLYPORT_MCP_URI_TEMPLATE_INTERNAL_H
#define SALLYPORT_MCP_URI_TEMPLATE_INTERNAL_H

#include "mcp/catalogue/uri_template.h"

/* RFC 6570, appendix A. */
struct uri_operator {
	char sign; /* '\0': simple */
	const char *first, *separator;
	bool named;
	const char *if_empty; /* named: what follows the name of an empty value */
	bool reserved;        /* reserved characters stand for themselves */
};

struct uri_part { /* a literal, or an expression */
	h2o_iovec_t literal;
	const struct uri_operator *operator; /* NULL: a literal */
	uint8_t variables[URI_TEMPLATE_VARIABLES_MAX];
	size_t count;
};

/* One instruction of the automaton. The two that take a character go on with the next instruction. */
enum uri_op {
	URI_CHARACTER, /* takes `character` */
	URI_SET,       /* takes one of `set` */
	URI_BRANCH,    /* goes on at the next one and at `target` */
	URI_JUMP,      /* goes on at `target` */
	URI_BEGIN,     /* the value of `variable` begins */
	URI_END,       /* and ends */
	URI_MATCHED    /* at the end of the URI only */
};
enum uri_set { URI_SET_VALUE, URI_SET_LABEL, URI_SET_RESERVED, URI_SETS };

struct uri_instruction {
	uint8_t op; /* enum uri_op */
	uint8_t set;
	char character;
	uint8_t variable;
	uint16_t target;
};

/* A named variable stands in the program twice: as the first one of its expression, and behind another. */
enum { URI_PROGRAM_MAX = 4 * URI_TEMPLATE_SIZE_MAX };

struct uri_template {
	struct uri_part *parts;
	size_t part_count;
	const char *variables[URI_TEMPLATE_VARIABLES_MAX];
	size_t variable_count;
	bool repeats; /* a variable stands in it twice */
	struct uri_instruction *program;
	size_t length;
};

/* uri_template_program.c */
void uri_template_build(h2o_mem_pool_t *pool, struct uri_template *template);
bool uri_set_has(enum uri_set set, char c);

#endif
