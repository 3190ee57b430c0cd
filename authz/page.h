/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for people: a small language of templates. {{name}} is the value, escaped for HTML (there is no other form);
 * {{#name}}...{{/name}} stands once for true or an object (whose members are then seen first), once per element for an
 * array, never for false, null, "" or an empty array; {{^name}}...{{/name}} the other way round; {{.}} is the element
 * itself; {{!...}} is a comment. Each page is compiled into layout.html at {{>content}} when the daemon starts. */
#ifndef SALLYPORT_PAGE_H
#define SALLYPORT_PAGE_H

#include "common/json.h"

struct pages;

/* Compiles every page of the folder and reads style.css. NULL and *error (names file and line) on failure. */
struct pages *pages_open(h2o_mem_pool_t *pool, const char *folder, const char **error);
/* The page filled in; in `pool`. The page must exist: "sign_in", "consent" or "error". */
h2o_iovec_t page_render(const struct pages *pages, h2o_mem_pool_t *pool, const char *name, const json_t *data);
h2o_iovec_t pages_style(const struct pages *pages);
/* Digest of the style sheet, for its URL and ETag. */
const char *pages_style_version(const struct pages *pages);

#endif
