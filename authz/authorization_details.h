/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9396: authorization_details of the one type that there is, a person's approval of one call of a tool:
 *   {"type": "mcp_approval", "locations": [RESOURCE], "tool": NAME, "arguments": {...}}
 * The person is shown these arguments and no description of them, and the token holds the digest of just these: nobody
 * can show her something else than what she approves. */
#ifndef SALLYPORT_AUTHORIZATION_DETAILS_H
#define SALLYPORT_AUTHORIZATION_DETAILS_H

#include "authz/store.h"

#define AUTHORIZATION_DETAIL_APPROVAL "mcp_approval"

enum { APPROVAL_ARGUMENTS_MAX = 4096 /* JSON text of them */, APPROVAL_LIFETIME_S = 5 * 60 /* of the token */ };

/* What was asked for, into a->details (to show) and a->approval (for the token), of a->resource; both NULL where
 * nothing was. NULL, or why it cannot be granted. */
const char *authorization_details_read(h2o_mem_pool_t *pool, const char *text, struct authorization *a);

/* For the consent page: the tool by its name and title, what it does, and each argument as a line of JSON in which
 * nothing is hidden. A new reference; NULL if approval opens no such tool. */
json_t *authorization_details_json(struct request *r, const struct page_view *page);

#endif
