/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_HEAD_CHECK_H
#define SALLYPORT_HEAD_CHECK_H

#include "text.h"

/* h2o reads some HTTP/1 heads that two parties could read differently (request smuggling): repeated Host,
 * Content-Length or Transfer-Encoding, length together with a coding, a coding other than "chunked" or on HTTP/1.0,
 * folded lines, bare line feeds, no Host on 1.1. RFC 9112, 2.2, 3.2, 5.2, 6.1, 6.3. NULL if the raw head (from the
 * request line to the blank line; more may follow) has none of them, else a fixed sentence. *is_chunked (may be NULL)
 * is set for a head without problem. */
const char *head_problem(h2o_iovec_t raw, bool is_http_1_0, bool *is_chunked);

#endif
