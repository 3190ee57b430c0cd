/* SPDX-License-Identifier: Apache-2.0 */
/* The two representations of an introspection's answer: JSON (RFC 7662), and a signed JWT for a caller whose Accept
 * header names it (RFC 9701). What they say is the same text. */
#ifndef SALLYPORT_INTROSPECT_ANSWER_H
#define SALLYPORT_INTROSPECT_ANSWER_H

#include "authz/access_token.h"

/* True if the Accept header names application/token-introspection+jwt, and not with a quality of 0. */
bool introspection_is_signed(h2o_iovec_t accept);

/* The answer about a living token as JSON text. */
h2o_iovec_t introspection_active(struct request *r, const struct access_token *t, const struct introspected *i);
/* RFC 7662, 2.2: nothing else is said. */
extern const h2o_iovec_t INTROSPECTION_INACTIVE;
/* Sends `answer`, which lives in the request's pool or is static, to the caller `client_id`. */
step_result reply_introspection(struct request *r, const char *client_id, h2o_iovec_t answer);

#endif
