/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a catalogue to the databases. Its statements are prepared there, so each catalogue has its own. */
#ifndef SALLYPORT_MCP_DATABASES_H
#define SALLYPORT_MCP_DATABASES_H

#include "mcp/catalogue.h"

struct databases {
	struct db *read, *write; /* NULL where no statement needs one */
	/* its own */
	size_t references; /* of catalogues */
	struct databases **retired, *next;
};

/* Begins to connect. `retired`: where databases_retire puts it. */
struct databases *databases_open(h2o_loop_t *loop, const struct catalogue *catalogue,
                                 const struct mcp_settings *settings, struct databases **retired);
/* The same ones where `catalogue` has the statements of `before`, else others. */
struct databases *databases_open_like(const struct catalogue *before, h2o_loop_t *loop,
                                      const struct catalogue *catalogue, const struct mcp_settings *settings,
                                      struct databases **retired);
/* The catalogue asks no more. With the last one they are not closed here, for the last answer of theirs may be what led
 * to this. */
void databases_retire(struct databases *databases);
/* For a timer or the end: closes what was retired. */
void databases_close(struct databases **retired);

bool databases_ready(const struct databases *databases);

#endif
