/* SPDX-License-Identifier: Apache-2.0 */
/* The upstreams of this process: one client for each that the catalogue names, whatever happens to the catalogue. What
 * they list is compared with what was approved; when they list something else, the catalogue is loaded again. */
#ifndef SALLYPORT_MCP_UPSTREAMS_H
#define SALLYPORT_MCP_UPSTREAMS_H

#include "mcp/backend/upstream/upstream_client.h"
#include "mcp/backend/upstream/upstream_live.h"

struct upstreams;
struct catalogue;

struct upstreams_options {
	h2o_loop_t *loop;
	struct egress *egress;
	const struct egress_places *places;
	struct spawner *spawner;    /* NULL: programs cannot be started */
	struct upstream_live *live; /* the loader's too */
	/* What an upstream lists has changed, and with it what may be offered. NULL: nobody cares. */
	void (*on_changed)(void *data);
	/* For verbs; NULL: nobody cares. `tools` NULL: it is away, for this reason. */
	void (*on_tools)(void *data, const struct upstream_file *file, const json_t *tools, const char *problem);
	void *data;
};

struct upstreams *upstreams_open(const struct upstreams_options *options);
/* The loop ends too; calls that were cancelled end with it. */
void upstreams_close(struct upstreams *upstreams);
/* From now on it is those of this catalogue, of which references are taken. */
void upstreams_switch(struct upstreams *upstreams, struct catalogue *catalogue);
/* NULL: there is none of this name that is reached in this way (upstream_file's digest). */
struct upstream_client *upstreams_find(struct upstreams *upstreams, const char *name, const char *reached);
struct upstream_live *upstreams_live(struct upstreams *upstreams);
h2o_loop_t *upstreams_loop(struct upstreams *upstreams);
/* For what is to happen in the next turn of the loop. */
h2o_timeout_t *upstreams_soon(struct upstreams *upstreams);

/* ---- upstream_parked.c: calls that wait, without a request of ours, for what their client answers ---- */

struct parked_calls;
struct parked_calls *upstreams_parked(struct upstreams *upstreams);

#endif
