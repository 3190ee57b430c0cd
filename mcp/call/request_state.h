/* SPDX-License-Identifier: Apache-2.0 */
/* requestState of the modern era: what the server must know again when the client retries, carried by the client
 * itself. Sealed (AES-256-GCM), and good only for the same person, client, method and params, for ten minutes. */
#ifndef SALLYPORT_MCP_REQUEST_STATE_H
#define SALLYPORT_MCP_REQUEST_STATE_H

#include "mcp/call/call.h"

enum { REQUEST_STATE_SIZE_MAX = 128 * 1024 };

/* `value`: an object, to which the time is added. NUL-terminated text; {NULL, 0} if it is too much. */
h2o_iovec_t request_state_seal(struct request *r, json_t *value);
/* The object, kept by the request's pool; NULL for anything that was not sealed for this request, or too long ago. */
const json_t *request_state_open(struct request *r, h2o_iovec_t text);

#endif
