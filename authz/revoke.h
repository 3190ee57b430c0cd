/* SPDX-License-Identifier: Apache-2.0 */
/* POST {base}/revoke: RFC 7009. A refresh token takes its whole grant with it, an access token only itself. */
#ifndef SALLYPORT_REVOKE_H
#define SALLYPORT_REVOKE_H

#include "authz/access_token.h"

struct revoke_state {
	uint8_t grant_id[16];
	const char *jti; /* NULL: the grant itself */
	bool keys_reread;
};
extern step_fn *const revoke_steps[];

#endif
