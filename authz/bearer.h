/* SPDX-License-Identifier: Apache-2.0 */
/* What comes with the scheme Bearer (RFC 6750, 2.1): access tokens of ours, and handles that work like one. */
#ifndef SALLYPORT_AUTHZ_BEARER_H
#define SALLYPORT_AUTHZ_BEARER_H

#include "authz/authz.h"

/* What follows "Bearer " in the Authorization header; {NULL, 0} if there is none or it has another scheme. *repeats:
 * there is more than one header, and none of them is to be believed. */
h2o_iovec_t bearer_text(struct request *r, bool *repeats);
/* The same of "DPoP " (RFC 9449, 7.1). */
h2o_iovec_t dpop_text(struct request *r, bool *repeats);
/* The handle of an Authorization header with a bearer. False: there is none, several, or it is not of this type. */
bool bearer_handle(struct request *r, enum handle_type type, struct handle *ret);
/* The AS_CHALLENGE form of an error: RFC 6750, 3. */
step_result show_error_challenge(struct request *r, const struct oauth_error *error, const char *text);

#endif
