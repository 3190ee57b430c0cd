/* SPDX-License-Identifier: Apache-2.0 */
/* A new catalogue without a new process: when files change, and at SIGHUP, it is loaded beside the one that serves, and
 * takes its place once the databases have prepared its statements. One that is wrong in any way is refused, and the old
 * one serves on. Requests under way keep the catalogue that they began with; tokens are looked at anew, but nobody is
 * asked about them. */
#ifndef SALLYPORT_MCP_RELOAD_H
#define SALLYPORT_MCP_RELOAD_H

#include "mcp/catalogue/catalogue.h"

struct mcp;
struct reload;

/* Begins to watch the folders, if the settings say so. Signals must be blocked. */
struct reload *reload_open(struct mcp *mcp, h2o_loop_t *loop);
void reload_close(struct reload *reload);
/* Loads the catalogue again. */
void reload_start(struct reload *reload);
/* Every second. */
void reload_tick(void *reload);

/* What is offered from now on; takes the reference. The first one is put in its place by this too. */
void reload_adopt(struct mcp *mcp, struct catalogue *catalogue);
/* Writes what serves into the file that the settings name, if they do. */
void reload_write_picture(const struct mcp *mcp);
/* Bits 1 << ITEM_... of the kinds in which the two differ. */
unsigned reload_compare(const struct catalogue *a, const struct catalogue *b);

#endif
