/* SPDX-License-Identifier: Apache-2.0 */
/* A backend runs an item with checked arguments. Each is one file, backend_*.c, and stands in backends.c; the member of
 * an item's file that has its name is its part. Who may run the item, whether its arguments are valid, and the record
 * of the call are not its business (invoke.h), nor are the envelopes of answers (answer.h). */
#ifndef SALLYPORT_MCP_BACKEND_H
#define SALLYPORT_MCP_BACKEND_H

#include "common/request.h"
#include "mcp/item.h"

struct loading;

struct backend {
	const char *name;   /* the member of the file with its part: "sql", "static" */
	const char *schema; /* YAML text: JSON Schema of that member; part of `sallyport-mcp schema` */
	unsigned kinds;     /* bit 1 << ITEM_...: where it may stand */
	/* NULL, or a problem that begins with the place ("/sql/timeout: ..."). Sets item->plan. */
	const char *(*load)(struct loading *l, const json_t *part, struct item *item);
	/* Runs call_of(r)->plan with call_of(r)->arguments and ends with one of the answers of answer.h. */
	step_result (*run)(struct request *r);
	/* Stops as soon as it can, and its answer comes; may be called again. NULL where it never waits. */
	void (*cancel)(struct request *r);
	/* It does not stop: the call ends, now. False if there is nothing to end. NULL where it never waits. */
	bool (*give_up)(struct request *r);
};

extern const struct backend *const BACKENDS[]; /* backends.c, NULL at the end: the one place that names them */

#endif
