/* SPDX-License-Identifier: Apache-2.0 */
/* How and when a person must have signed in: OpenID Connect Core, 3.1.2.1 and 2; RFC 9470, 4 to 6. */
#ifndef SALLYPORT_AUTHENTICATION_H
#define SALLYPORT_AUTHENTICATION_H

#include "common/form.h"

/* What sign-ins here are, for `acr_values` and `acr`; NULL at the end. Passwords are all that there is. That a sign-in
 * is fresh is no class of its own: a token that lives on would go on saying so. `auth_time` tells when it was. */
extern const char *const AUTHENTICATION_CLASSES[];
/* The class of a sign-in by password. */
#define AUTHENTICATION_PASSWORD "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"

enum { MAX_AGE_MAX = 0x7fffffff };
/* max_age in seconds; -1 if it is not asked for. False if it is no number of seconds. */
bool authentication_read_max_age(const struct form *asked, int64_t *ret);
/* False if acr_values asks for classes of which there is none here. */
bool authentication_reaches(const struct form *asked);

#endif
