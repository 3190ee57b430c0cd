/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_ENDPOINTS_H
#define SALLYPORT_ENDPOINTS_H

#include "authz/authz.h"

/* The daemon as the server sees it: the endpoint table with its guards and error forms. Builds the discovery document.
 * Lives in the daemon's pool. */
const struct service *authz_service(struct authz *authz);
/* Database and signing key are there. */
bool authz_is_ready(struct authz *authz);

#endif
