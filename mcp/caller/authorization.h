/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_MCP_AUTHORIZATION_H
#define SALLYPORT_MCP_AUTHORIZATION_H

#include "common/text.h"

/* The token of an Authorization header: scheme in any case, one run of blanks, one b64token (RFC 6750, 2.1; RFC 9449,
 * 7.1). */
enum bearer_form { BEARER_FINE, BEARER_WITH_KEY /* scheme DPoP */, BEARER_OTHER_SCHEME, BEARER_MALFORMED };
enum bearer_form bearer_read(h2o_iovec_t header, h2o_iovec_t *ret_token);

#endif
