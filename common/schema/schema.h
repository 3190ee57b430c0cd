/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schema 2020-12 (json-schema.org/draft/2020-12). A schema is compiled once and then checks any number of
 * instances. It checks tool arguments, tool files and both daemons' configuration. Nothing is ever
 * fetched: a $ref that leaves the document (or the documents handed in) is refused when the schema is compiled, and so
 * is a keyword that is not supported. */
#ifndef SALLYPORT_SCHEMA_H
#define SALLYPORT_SCHEMA_H

#include "common/json.h"

struct schema;
struct schema_patterns;

struct schema_options {
	bool assert_formats;         /* `format` refuses, else it only annotates */
	bool allow_unknown_keywords; /* default: an unknown keyword is refused, "x-..." members and $comment aside */
	/* Documents that $ref may name by their URI: an object of URI -> schema, or NULL. */
	const json_t *documents;
	/* Shared by schemas of one pool, that of schema_patterns_open: equal patterns are compiled once. NULL: by none.
	 */
	struct schema_patterns *patterns;
};
struct schema_patterns *schema_patterns_open(h2o_mem_pool_t *pool);

/* NULL and *error (a sentence in the pool that names the place, e.g. "/properties/a/pattern: ...") if the schema is
 * refused. The compiled schema lives in the pool and holds a reference to `document`. */
const struct schema *schema_compile(h2o_mem_pool_t *pool, const json_t *document, const struct schema_options *options,
                                    const char **error);

/* What an instance breaks: the first few problems, in words that the sender (a person or a model) can act on. */
enum { SCHEMA_PROBLEMS_MAX = 8 };
struct schema_problem {
	const char *pointer; /* RFC 6901 pointer into the instance, "" for the root */
	const char *text;    /* "must match the pattern ^[a-z]+$"; never the value itself */
	const char *member; /* of the instance's object, where one that should not be there is the problem; else NULL */
};
struct schema_problems {
	struct schema_problem items[SCHEMA_PROBLEMS_MAX];
	size_t count;
};

/* True if the instance is valid; `ret` may be NULL. Texts of problems are made in the pool. Nothing is allocated on the
 * accepting path but, in the pool, by unevaluated* and uniqueItems of more than 256 members or items; a pattern that is
 * not regular may take memory of PCRE2's, and a host name that is not ASCII does; and a pattern that meets its first
 * text makes its table, in the pool of the schema. An integer is one that fits int64. So a compiled schema, and all
 * that share patterns with it, are used by one thread at a time. A step budget bounds the work: an instance that
 * exhausts it is invalid with a problem that says so. */
bool schema_check(h2o_mem_pool_t *pool, const struct schema *schema, const json_t *instance,
                  struct schema_problems *ret);
/* "arguments.email: must match ...; arguments: unknown member \"x\"": one line for people, root named `root`. */
char *schema_problems_text(h2o_mem_pool_t *pool, const struct schema_problems *problems, const char *root);

#endif
