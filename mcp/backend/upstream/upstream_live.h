/* SPDX-License-Identifier: Apache-2.0 */
/* What the living upstreams say of their tools, by digest (upstream_pins.h). The loop writes it down; the loader of the
 * catalogue, a thread of its own, reads it: a tool that is not what was approved is not in the catalogue. What nobody
 * has said anything about yet is taken as approved; no call goes to it before it has been compared. */
#ifndef SALLYPORT_MCP_UPSTREAM_LIVE_H
#define SALLYPORT_MCP_UPSTREAM_LIVE_H

#include "common/json.h"

struct upstream_live;

enum upstream_liveness {
	LIVE_UNKNOWN, /* the upstream has not listed its tools yet */
	LIVE_SAME,
	LIVE_CHANGED,
	LIVE_GONE
};

struct upstream_live *upstream_live_open(void);
void upstream_live_close(struct upstream_live *live);
/* `digests`: tool -> digest, all that the upstream lists; copied. `reached`: upstream_file's digest. True if it said
 * something else before, or nothing. */
bool upstream_live_set(struct upstream_live *live, const char *upstream, const char *reached, const json_t *digests);
/* NULL for `live`: LIVE_UNKNOWN. */
enum upstream_liveness upstream_live_compare(struct upstream_live *live, const char *upstream, const char *reached,
                                             const char *tool, const char *digest);

#endif
