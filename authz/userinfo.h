/* SPDX-License-Identifier: Apache-2.0 */
/* {base}/userinfo: OpenID Connect Core, 5.3. */
#ifndef SALLYPORT_USERINFO_H
#define SALLYPORT_USERINFO_H

#include "authz/access_token.h"

/* The guard of BEARER rows: an access token of this server in the Authorization header (RFC 6750, 2.1). */
extern step_fn *const bearer_guard[];
extern step_fn *const userinfo_steps[];

#endif
