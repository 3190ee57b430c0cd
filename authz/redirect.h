/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization responses: what goes back to the client through the browser (RFC 6749, 4.1.2; RFC 9207). */
#ifndef SALLYPORT_REDIRECT_H
#define SALLYPORT_REDIRECT_H

#include "authz/authz.h"

/* 303 to redirect_uri?code=...&state=...&iss=... */
step_result redirect_with_code(struct request *r, const char *redirect_uri, const char *state, const char *code);
/* 303 to redirect_uri?error=...&error_description=...&state=...&iss=... `state` may be NULL. */
step_result redirect_with_error(struct request *r, const char *redirect_uri, const char *state,
                                const struct oauth_error *error, const char *text);

#endif
