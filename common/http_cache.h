/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP answer says about keeping it (RFC 9111) and asking again (RFC 9110, 13), as a private cache reads it. */
#ifndef SALLYPORT_HTTP_CACHE_H
#define SALLYPORT_HTTP_CACHE_H

#include "text.h"

enum { HTTP_ETAG_MAX = 256, HTTP_DATE_MAX = 29, HTTP_LIFETIME_MAX = 365 * 86400 };

struct http_cache {                            /* start zeroed */
	char etag[HTTP_ETAG_MAX + 1];          /* with its quotes, weak or strong; "" if there is none to send back */
	char last_modified[HTTP_DATE_MAX + 1]; /* "" if absent */
	bool has_max_age, forbids;             /* forbids: no-store, no-cache, or directives that contradict */
	int64_t max_age, age, date, expires;   /* seconds; date and expires 0 if absent, expires -1 if long ago */
};

/* One line of the answer's head, with or without its end. A status line starts anew: what an interim answer said is
 * not about the last one. */
void http_cache_read(struct http_cache *c, h2o_iovec_t line);
/* Seconds that the answer stays fresh from now, HTTP_LIFETIME_MAX at most; 0: it must be asked for again; -1: the
 * answer does not say. */
int64_t http_cache_lifetime(const struct http_cache *c);

#endif
