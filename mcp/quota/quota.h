/* SPDX-License-Identifier: Apache-2.0 */
/* How often calls may come: token buckets of a person, of each of her clients, and of tools; and how many calls of a
 * tool run at a time. Each process decides by itself, in memory; about once a second it exchanges with the others what
 * was used (quota_exchange.h), so that together they hold to one budget. contrib/doc/limits.md says what that means. */
#ifndef SALLYPORT_MCP_QUOTA_H
#define SALLYPORT_MCP_QUOTA_H

#include "common/rate_limit.h"
#include "common/request.h"

struct item;

struct quota_settings {     /* of mcp.yaml; a minute; 0: no limit */
	uint32_t person;    /* calls of one person, by whatever clients */
	uint32_t client;    /* calls of one client of one person */
	uint32_t sql_query; /* calls of one person, of each tool that takes free queries */
	uint32_t requests;  /* of any kind, of one client of one person */
};

struct quota_limits {            /* of an item's file */
	uint64_t number;         /* of its name: the same in all processes and after each loading */
	uint32_t per_minute;     /* calls of one person; 0: no limit */
	uint32_t all_per_minute; /* of all persons; 0: no limit */
	unsigned at_once;        /* calls under way, of all persons, each with a share (shares.h); 0: any number */
};

struct quota;
struct quota_turns; /* calls of one tool under way */

/* Lives as long as the process. `resource`: servers of another one have other budgets. */
struct quota *quota_open(h2o_mem_pool_t *pool, const struct quota_settings *settings, const char *resource);
void quota_close(struct quota *quota);

/* ---- for invoke.c ---- */

/* The call of call_of(r) takes one from each of its budgets, or from none: then it is answered, and on record as
 * `limited`. */
step_result quota_take(struct request *r);
/* The same for a message of whatever kind, which is answered 429. */
step_result quota_take_request(struct request *r);
/* The item of the call has as many under way as it may, or the caller her share of them. */
bool quota_is_busy(const struct request *r);

/* ---- for running.c ---- */

/* The call is under way. NULL: its item has no such limit. */
struct quota_turns *quota_enter(struct request *r);
void quota_leave(struct quota_turns *turns, uint64_t who);

/* ---- for quota_exchange.c ---- */

/* Buckets that somebody asked since they were listed last, `max` at most; they are not listed any more. */
size_t quota_list(struct quota *quota, struct rate_bucket **ret, size_t max);
struct rate_limits *quota_buckets(struct quota *quota);

/* ---- for people ---- */

/* "100 calls a minute of one client of a person, ...": the limits of the settings, of the item, or of both (NULL: not
 * those). NULL: there are none. */
const char *quota_words(h2o_mem_pool_t *pool, const struct quota_settings *settings, const struct item *item);
/* The same as an object: {"client": 100, ...}. A new reference. */
json_t *quota_json(const struct quota_settings *settings, const struct item *item);

#endif
