/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a catalogue to the databases. Its statements are prepared there, each with the first call that
 * asks it, so each catalogue has its own. */
#ifndef SALLYPORT_MCP_DATABASES_H
#define SALLYPORT_MCP_DATABASES_H

#include "mcp/catalogue/catalogue.h"

struct databases {
	struct db *read, *write, *analyst; /* NULL where no statement needs one */
	/* its own */
	size_t references;      /* of catalogues */
	struct databases *next; /* in the list of all */
};

/* Begins to connect. `all`: the list of all of them, where it is put. */
struct databases *databases_open(h2o_loop_t *loop, const struct catalogue *catalogue,
                                 const struct mcp_settings *settings, struct databases **all);
/* The same ones where `catalogue` has the statements of `before`, else others. */
struct databases *databases_open_like(const struct catalogue *before, h2o_loop_t *loop,
                                      const struct catalogue *catalogue, const struct mcp_settings *settings,
                                      struct databases **all);
/* The catalogue asks no more. With the last one they are not closed here, for the last answer of theirs may be what led
 * to this. */
void databases_retire(struct databases *databases);
/* For a timer: closes those that nobody asks any more. */
void databases_close(struct databases **all);
/* The server ends: closes the connections of all of them, also those that an old catalogue still has, so that whoever
 * waits for an answer gets to her end. */
void databases_end(struct databases *all);

bool databases_ready(const struct databases *databases);

#endif
