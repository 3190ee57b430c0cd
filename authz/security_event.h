/* SPDX-License-Identifier: Apache-2.0 */
/* Security event tokens (RFC 8417) for the resource servers: type secevent+jwt, signed as access tokens are. */
#ifndef SALLYPORT_SECURITY_EVENT_H
#define SALLYPORT_SECURITY_EVENT_H

#include "authz/store.h"

/* The token of one event of a page, with the id (jti) that was made for it. NULL if there is no key to sign with. */
const char *security_event_sign(struct request *r, const struct feed_page *page, const struct feed_event *event,
                                const char *jti);

#endif
