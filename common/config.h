/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: one YAML file (libfyaml), read into JSON and checked by the project's own schema validator before any
 * value is used. */
#ifndef SALLYPORT_CONFIG_H
#define SALLYPORT_CONFIG_H

#include "schema/schema.h"

/* NULL and *error ("authz.yaml:12: listen: must be ...") on failure. Kept by the pool. Anchors are fine, tags and
 * several documents are not; plain scalars become JSON by the YAML 1.2 core schema. At most 1 MiB. */
json_t *yaml_load(h2o_mem_pool_t *pool, const char *file, const char **error);
json_t *yaml_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error);
/* A document that was not written for this program: at most 8 MiB, and keys may look like numbers ("200:"). */
json_t *yaml_parse_foreign(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error);
/* yaml_load and a check against a compiled schema with formats asserted. */
json_t *config_load(h2o_mem_pool_t *pool, const char *file, const struct schema *schema, const char **error);
/* Its two halves: the first, which is the longer one, is of any thread. `file` is copied. */
struct config_document;
struct config_document *config_read(const char *file);
/* Frees the document. */
json_t *config_take(h2o_mem_pool_t *pool, struct config_document *document, const struct schema *schema,
                    const char **error);
void config_drop(struct config_document *document);
/* The paths of the *.yaml files of a folder that are not hidden, in the order of their names, in the pool. NULL and
 * *error, which names the folder: it cannot be read, or has more than `most`. */
const char *const *config_folder(h2o_mem_pool_t *pool, const char *folder, size_t most, size_t *count,
                                 const char **error);
/* "500ms", "30s", "10m", "12h", "90d" to milliseconds; -1 if it is none. */
int64_t duration_ms(h2o_iovec_t text);
/* "512B", "256KiB", "1MiB", "2GiB" to bytes; -1 if it is none. */
int64_t size_bytes(h2o_iovec_t text);
/* Of both, for schemas. How much may be said there, the reader checks. */
#define DURATION_PATTERN "'^[0-9]{1,9}(ms|s|m|h|d)$'"
#define SIZE_PATTERN "'^[1-9][0-9]{0,8}(B|KiB|MiB|GiB)$'"
/* Values of a checked object, with the default for an absent member. Durations are milliseconds. */
const char *config_text(const json_t *object, const char *member, const char *otherwise);
int64_t config_int(const json_t *object, const char *member, int64_t otherwise);
bool config_bool(const json_t *object, const char *member, bool otherwise);
int64_t config_size(const json_t *object, const char *member, int64_t otherwise);
int64_t config_duration_ms(const json_t *object, const char *member, int64_t otherwise);
/* The member as a path: relative ones are relative to the configuration file's folder. NULL if absent. */
char *config_path(h2o_mem_pool_t *pool, const char *file, const json_t *object, const char *member);

#endif
