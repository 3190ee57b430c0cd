/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a request, for what serves it: request.c, router.c, reply*.c, server.c, peer_certificate.c. */
#ifndef SALLYPORT_REQUEST_INTERNAL_H
#define SALLYPORT_REQUEST_INTERNAL_H

#include "reply.h"
#include "router.h"

/* A zeroed request in a pool of its own. */
struct request *request_new(const struct service *service);
/* Ends it; only while nothing is under way for it and h2o knows nothing of it. */
void request_free(struct request *r);
/* Ties it to h2o's request: from here on it is freed when that goes, or later when a late answer has come. */
void request_attach(struct request *r, h2o_req_t *req);
/* Runs steps until one waits or answers. */
void request_run(struct request *r);
/* Status and headers go out with what the generator sends first. */
void reply_start(struct request *r, int status, const char *content_type, size_t content_length,
                 h2o_generator_t *generator);
/* Unit tests: a stream, and what it sends. */
void reply_test_begin(struct request *r, const char *content_type);
void reply_test_append(struct request *r, h2o_iovec_t bytes);
/* Peers whose X-Forwarded-For is believed; NULL-terminated, lives as long as the process. */
void request_trust_proxies(const char *const *addresses);

struct reply_header {
	const char *name, *value;
	size_t name_len, value_len;
	struct reply_header *next;
};

#endif
