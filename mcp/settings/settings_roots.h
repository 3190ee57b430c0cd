/* SPDX-License-Identifier: Apache-2.0 */
/* The member `roots` of mcp.yaml: the folders that tools and resources may look into, each by a name. */
#ifndef SALLYPORT_MCP_SETTINGS_ROOTS_H
#define SALLYPORT_MCP_SETTINGS_ROOTS_H

#include "common/json.h"

struct root {
	const char *name;
	const char *path; /* of a folder */
	bool writable;    /* tools of tier write may change what is in it */
};

struct roots {
	struct root *list;
	size_t count;
};

/* NULL if there is none of this name. */
const struct root *settings_root(const struct roots *roots, const char *name);

#endif
