/* SPDX-License-Identifier: Apache-2.0 */
/* What /authorize checks a request against, before it asks for the verdict: asked of the database, or as it was asked
 * before if no notice has told of a change since. That there is no such client or resource is never remembered. */
#ifndef SALLYPORT_TERMS_H
#define SALLYPORT_TERMS_H

#include "authz/answer_cache.h"

struct terms_asked { /* zeroed at first */
	struct terms terms;
	const char *client_id, *resource; /* as asked */
	bool is_kept; /* they were remembered: a change of this very moment may be missing, so nobody is refused for it
	               */
	bool may_be_kept;
	uint8_t key[SHA256_SIZE];
	struct answer_mark mark;
};

/* As store_authorize_lookup, or STEP_NEXT if they are remembered. */
step_result terms_ask(struct request *r, struct terms_asked *t, const char *client_id, const char *resource);
/* The same question, of the database. */
step_result terms_ask_afresh(struct request *r, struct terms_asked *t);
/* In the next step: reads what came into t->terms, and remembers it. Also reads what another question brought that
 * answers like store_authorize_lookup; that is not remembered. */
void terms_read(struct request *r, struct terms_asked *t);

#endif
