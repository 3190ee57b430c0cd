/* SPDX-License-Identifier: Apache-2.0 */
/* What a catalogue offers to whom, as JSON: printed by `sallyport-mcp catalogue --json`, written by serve for what it
 * has loaded, and compared. */
#ifndef SALLYPORT_MCP_CATALOGUE_PICTURE_H
#define SALLYPORT_MCP_CATALOGUE_PICTURE_H

#include "mcp/catalogue/catalogue.h"

/* A new reference: {"resource", "scopes": {name: {...}}, "items": {"tool x": {...}}, "rules": {name: {...}}}. */
json_t *catalogue_picture(const struct catalogue *catalogue);
/* Into the file, in one step. False with errno. */
bool catalogue_picture_write(const json_t *picture, const char *path);

struct catalogue_difference {
	const char *const *lines; /* "+ tool x: scope a, tier read" */
	size_t count;
	bool widens; /* somebody may be able to do more than before; what cannot be told to be less counts as more */
};
/* What the second has more, less and otherwise than the first. Texts live in the pool. */
struct catalogue_difference catalogue_compare(h2o_mem_pool_t *pool, const json_t *before, const json_t *after);

#endif
