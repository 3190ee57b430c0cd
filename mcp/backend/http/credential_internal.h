/* SPDX-License-Identifier: Apache-2.0 */
/* Private to credential*.c. */
#ifndef SALLYPORT_MCP_CREDENTIAL_INTERNAL_H
#define SALLYPORT_MCP_CREDENTIAL_INTERNAL_H

#include "common/secret.h"
#include "mcp/backend/http/credential.h"

struct exchange { /* RFC 8693, 2.1 */
	const char *token_endpoint;
	const char *audience, *resource, *scope; /* NULL if absent */
	struct secret authorization;             /* "Basic ..." with its NUL */
	uint8_t identity[SHA256_SIZE];           /* of all of it: the same for equal ones */
};

struct credential {
	struct credential_header header; /* lives in secrets of the pool */
	const struct exchange *exchange; /* NULL: the header is known */
};

struct credential_wait *exchange_begin(struct request *r, const struct exchange *exchange, long timeout_ms,
                                       struct credential_header *ret, credential_fn *done, void *data);
void exchange_forget(struct request *r, const struct exchange *exchange);

#endif
