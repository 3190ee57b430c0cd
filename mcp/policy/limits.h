/* SPDX-License-Identifier: Apache-2.0 */
/* What limits one caller beside its scopes: the rules that are about it, and the authorization details (RFC 9396) that
 * its token carries. Made once for each token and catalogue; policy.c asks it. Schemas that a caller's claims fill in
 * are compiled when a call first needs them, and no more than LIMITS_COMPILED_MAX are kept in all. */
#ifndef SALLYPORT_MCP_LIMITS_H
#define SALLYPORT_MCP_LIMITS_H

#include "common/scope.h"
#include "mcp/policy/rules.h"

enum { LIMITS_COMPILED_MAX = 2048 };

struct catalogue;
struct limits;
/* A reference (h2o_mem_release_shared); NULL: nothing limits this caller. `claims` are kept by a reference of its own;
 * it is asked only while the catalogue lives. */
struct limits *limits_make(const struct catalogue *catalogue, const json_t *claims, const struct scopes *granted);

/* The rules that name the item. */
struct rule_list limits_rules(const struct limits *limits, const struct item *item);
/* Whether the rule is about the caller. */
bool limits_applies(const struct limits *limits, const struct rule *rule);

/* What keeps arguments from being let through. */
struct limit_problem {
	const char *claim; /* pointer to one that is missing or of a wrong kind; NULL: it is none of that */
	struct schema_problems problems;
};
/* Whether the arguments are as a rule that applies wants them. */
bool limits_hold(h2o_mem_pool_t *pool, struct limits *limits, const struct rule *rule, const json_t *arguments,
                 struct limit_problem *ret);

enum details { DETAILS_NONE, DETAILS_FINE, DETAILS_MALFORMED };
/* Whether the token carries authorization details. */
enum details limits_details(const struct limits *limits);
/* Whether one of them is about the item; true where there are none. */
bool limits_details_cover(const struct limits *limits, const struct item *item);
/* Whether one of them lets these arguments through. */
bool limits_details_hold(h2o_mem_pool_t *pool, struct limits *limits, const struct item *item, const json_t *arguments,
                         struct limit_problem *ret);

/* How many compiled schemas are kept. */
size_t limits_compiled(void);

#endif
