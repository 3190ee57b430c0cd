/* SPDX-License-Identifier: Apache-2.0 */
/* ID tokens (OpenID Connect Core, 2): who signed in, for the client alone. */
#ifndef SALLYPORT_ID_TOKEN_H
#define SALLYPORT_ID_TOKEN_H

#include "authz/store.h"

/* True if the grant's scope has openid: its token response then carries an ID token (OpenID Connect Core, 3.1.3.3). */
bool id_token_is_due(struct request *r, const struct granted *g);
/* In the request's pool; NULL if there is no key to sign with (answer 503). */
const char *id_token_mint(struct request *r, const struct granted *g);

#endif
