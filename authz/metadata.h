/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery documents, made once when the daemon starts. */
#ifndef SALLYPORT_METADATA_H
#define SALLYPORT_METADATA_H

#include "authz/authz.h"

/* RFC 8414, 2, in the members that OpenID Connect Discovery 1.0 demands too. Lives in the daemon's pool. */
h2o_iovec_t metadata_build(struct authz *authz);

extern step_fn *const metadata_steps[];
extern step_fn *const jwks_steps[];

#endif
