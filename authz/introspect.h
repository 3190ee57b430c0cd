/* SPDX-License-Identifier: Apache-2.0 */
/* POST {base}/introspect: RFC 7662, for the resource server that a token is meant for. */
#ifndef SALLYPORT_INTROSPECT_H
#define SALLYPORT_INTROSPECT_H

#include "authz/access_token.h"

struct introspect_state {
	struct access_token token;
};
extern step_fn *const introspect_steps[];

#endif
