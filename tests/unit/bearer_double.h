/* SPDX-License-Identifier: Apache-2.0 */
/* In place of mcp/caller/bearer.c but for bearer_of, which is the test's own: the token of each request is alive, and
 * nobody exchanges it. */
#ifndef SALLYPORT_TESTS_BEARER_DOUBLE_H
#define SALLYPORT_TESTS_BEARER_DOUBLE_H

#include "mcp/caller/bearer.h"

enum bearer_state bearer_check_again(struct request *r, int64_t since_ms, bool ask)
{
	(void)r, (void)since_ms, (void)ask;
	return BEARER_ALIVE;
}

bool bearer_is_doubtful(struct request *r, int64_t now_ms)
{
	(void)r, (void)now_ms;
	return false;
}

h2o_iovec_t bearer_subject_token(const struct request *r)
{
	(void)r;
	return (h2o_iovec_t){NULL, 0};
}

void bearer_inherit(struct request *r, const struct request *from)
{
	r->caller = from->caller;
}

#endif
