/* SPDX-License-Identifier: Apache-2.0 */
/* Approved definitions of an upstream's tools. A definition is what a model is told of a tool: name, title,
 * description, schemas and annotations; its digest is SHA-256 of its canonical JSON. Only what `sallyport-mcp approve`
 * has written down is ever offered, however the upstream describes its tools today. */
#ifndef SALLYPORT_MCP_UPSTREAM_PINS_H
#define SALLYPORT_MCP_UPSTREAM_PINS_H

#include "common/json.h"

enum { PIN_SIZE_MAX = 128 * 1024 /* of a definition */, PINS_SIZE_MAX = 8 * 1024 * 1024 /* of the file */ };

/* The definition in what an upstream lists; kept by the pool. NULL if it is none: no name that could be offered, a part
 * of the wrong type, or too large. *name: its name, for the operator, even then (base NULL if there is none). */
const json_t *pins_definition(h2o_mem_pool_t *pool, const json_t *listed, h2o_iovec_t *name);
/* Lower case hex. */
const char *pins_digest(h2o_mem_pool_t *pool, const json_t *definition);

/* The approved ones: tool -> {"sha256", "approved", "definition"}; an empty object if the file is not there. NULL and
 * *problem: it is not what approve has written. */
const json_t *pins_load(h2o_mem_pool_t *pool, const char *path, const char *upstream, const char **problem);
/* Writes the file beside itself and puts it in its place. NULL, or what went wrong. */
const char *pins_save(h2o_mem_pool_t *pool, const char *path, const char *upstream, const json_t *pins);
/* What pins_save writes of one tool; a new reference. */
json_t *pins_entry(h2o_mem_pool_t *pool, const json_t *definition, const char *time);

/* tool -> digest of all definitions in a list of tools; kept by the pool. */
json_t *pins_digests(h2o_mem_pool_t *pool, const json_t *tools);

#endif
