/* SPDX-License-Identifier: Apache-2.0 */
/* Values of Mcp-Name and Mcp-Param-*: plain, or "=?base64?...?=" of UTF-8 (2026-07-28, basic/transports/
 * streamable-http, Value Encoding). */
#ifndef SALLYPORT_MCP_HEADER_VALUE_H
#define SALLYPORT_MCP_HEADER_VALUE_H

#include "common/json.h"

/* {NULL, 0} if it is not well formed. What lacks one of the two markers stands for itself. */
h2o_iovec_t header_value_decode(h2o_mem_pool_t *pool, h2o_iovec_t value);
/* True if the decoded value says what the argument says: a text as it is, a boolean as its word, an integer by its
 * number. Other arguments have no form in a header. */
bool header_value_is(h2o_iovec_t decoded, const json_t *argument);

#endif
