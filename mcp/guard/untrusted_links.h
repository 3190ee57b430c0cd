/* SPDX-License-Identifier: Apache-2.0 */
/* Where text of strangers leads: an image that a client fetches carries away what its address says (O-4). */
#ifndef SALLYPORT_MCP_UNTRUSTED_LINKS_H
#define SALLYPORT_MCP_UNTRUSTED_LINKS_H

#include "common/text.h"

enum { LINK_HOSTS_MAX = 8, LINK_HOST_SIZE = 254 };

struct untrusted_links {
	unsigned links, images; /* that lead to hosts which are not allowed; images: of Markdown or HTML */
	char hosts[LINK_HOSTS_MAX][LINK_HOST_SIZE];
	size_t host_count;
};
/* In JSON text. `allowed`: host patterns, NULL-terminated, or NULL; `own` (base NULL: none): an address that is ours.
 */
void untrusted_find_links(struct untrusted_links *links, h2o_iovec_t json, const char *const *allowed, h2o_iovec_t own);
/* {"links":1,"images":1,"hosts":["..."]} appended; nothing if there is none: false. */
bool untrusted_append_links(struct text_buffer *b, const struct untrusted_links *links);

#endif
