/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: of which trace of the client's a call is a part. */
#ifndef SALLYPORT_MCP_TRACE_CONTEXT_H
#define SALLYPORT_MCP_TRACE_CONTEXT_H

#include "mcp/call/call.h"

/* The trace-id (32 digits) of the `traceparent` in the message's _meta, or else in the request's header; base NULL if
 * there is none or it is malformed. */
h2o_iovec_t trace_context_id(struct request *r);

#endif
