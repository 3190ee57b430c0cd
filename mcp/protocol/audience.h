/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to hear of, and for whom. */
#ifndef SALLYPORT_MCP_AUDIENCE_H
#define SALLYPORT_MCP_AUDIENCE_H

#include "mcp/policy/view.h"

/* The lists that can change in what the server offers (enum watch_kind). */
unsigned audience_kinds(const struct catalogue *catalogue);
/* The resource, or the template, of this URI; NULL if there is none. */
const struct item *audience_find(const struct catalogue *catalogue, h2o_iovec_t uri);
bool audience_may_read(const struct view *view, h2o_iovec_t uri);

#endif
