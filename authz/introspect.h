/* SPDX-License-Identifier: Apache-2.0 */
/* POST {base}/introspect: RFC 7662, for the resource server that a token is meant for. */
#ifndef SALLYPORT_INTROSPECT_H
#define SALLYPORT_INTROSPECT_H

#include "authz/access_token.h"
#include "authz/answer_cache.h"

struct introspect_state {
	struct access_token token;
	struct handle api_key;
	uint8_t key[SHA256_SIZE]; /* of the answer, where it can be kept */
	struct answer_mark mark;
	int64_t asked_at;
	bool keys_reread;
};
extern step_fn *const introspect_steps[];

#endif
