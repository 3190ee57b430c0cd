/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a catalogue while the server serves: in a thread of its own, for many files take longer than any request should
 * wait. */
#ifndef SALLYPORT_MCP_CATALOGUE_LOADER_H
#define SALLYPORT_MCP_CATALOGUE_LOADER_H

#include "mcp/catalogue/catalogue.h"

struct catalogue_loader;
/* On the loop: the catalogue (its reference is the callee's), or NULL and why not. */
typedef void catalogue_loaded_fn(void *data, struct catalogue *catalogue, const char *error);

/* Signals must be blocked. The settings must live as long. */
struct catalogue_loader *catalogue_loader_open(h2o_loop_t *loop, const struct mcp_settings *settings,
                                               catalogue_loaded_fn *on_loaded, void *data);
/* What is asked for while one is being loaded is loaded behind it: the first one may have missed it. */
void catalogue_loader_start(struct catalogue_loader *loader);
/* Waits for a load that is under way. */
void catalogue_loader_close(struct catalogue_loader *loader);

#endif
