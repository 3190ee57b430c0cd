/* SPDX-License-Identifier: Apache-2.0 */
/* Reads many YAML files at once: reading is the longer half of loading a catalogue, and the half that needs nothing of
 * it. A few threads run ahead of the one that asks for the documents, in the order of the files. */
#ifndef SALLYPORT_MCP_READ_AHEAD_H
#define SALLYPORT_MCP_READ_AHEAD_H

#include "common/config.h"

struct read_ahead;

/* The paths must live as long. Few files are read by no thread, but when they are asked for. */
struct read_ahead *read_ahead_open(const char *const *files, size_t count);
/* The next one; it is the caller's. */
struct config_document *read_ahead_next(struct read_ahead *ahead);
/* Also while documents are left. */
void read_ahead_close(struct read_ahead *ahead);

#endif
