/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the caller beside its scopes: an object that rules point into (rules.h) and that the databases of
 * tools are told. It is made once for each token, of what the token and its issuer's answer say. */
#ifndef SALLYPORT_MCP_CLAIMS_H
#define SALLYPORT_MCP_CLAIMS_H

#include "common/json.h"

struct bearer_facts;

enum { CLAIMS_MAX = 8 * 1024 /* JSON text of all of them */ };

/* Known without being named in the configuration: sub, username, client_id, scope, iss, roles, groups, auth_time, acr,
 * authorization_details. */
bool claims_is_built_in(const char *name);

struct claims_sources {
	const char *issuer;    /* who vouches for the caller */
	bool is_foreign;       /* another than our authorization server: its roles and groups are its own */
	const json_t *answer;  /* of the introspection; NULL if nobody was asked */
	const json_t *token;   /* claims that were verified here; NULL if there are none */
	const json_t *members; /* {name: ...}: others that the configuration wants; may be NULL */
};
/* JSON text in the pool. Who the caller is stands in it as in `facts`, whatever the sources call it; of all else the
 * answer is newer than the token. NULL if they are longer than CLAIMS_MAX: nothing may be left out, for what a rule
 * asks about could be what is missing. Roles and groups of a foreign issuer stand behind the issuer and a blank, as its
 * names do, or are `true` where they are no names: nothing that it says is a role of ours. */
const char *claims_text(h2o_mem_pool_t *pool, const struct bearer_facts *facts, const struct claims_sources *sources);

/* What an RFC 6901 pointer ("/repos") points to; borrowed. NULL if there is nothing, or null. */
json_t *claims_at(const json_t *claims, const char *pointer);
/* The claim that a pointer begins with, in the pool; NULL if it is no pointer to one. */
const char *claims_name(h2o_mem_pool_t *pool, const char *pointer);

#endif
