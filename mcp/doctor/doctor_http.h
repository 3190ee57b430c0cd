/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's HTTP: libcurl, blocking, one question at a time. Redirects are never followed here. Proxies of the
 * environment are used except for loopback. */
#ifndef SALLYPORT_DOCTOR_HTTP_H
#define SALLYPORT_DOCTOR_HTTP_H

#include "common/text.h"

struct doctor_http;

/* A browser keeps cookies, a client has none. */
enum doctor_role { DOCTOR_CLIENT, DOCTOR_BROWSER };

struct doctor_answer {
	long status;              /* 0: there was no answer */
	const char *trouble;      /* why there was none, in words; NULL if there was one */
	h2o_iovec_t head;         /* header lines of the last response, each "Name: value\r\n" */
	h2o_iovec_t body;         /* NUL-terminated, at most 4 MiB */
	const char *content_type; /* without parameters, lower case; "" if absent */
};

/* `ca_file` may be NULL: the system's certificates. NULL if libcurl cannot start. Freed with doctor_http_close. */
struct doctor_http *doctor_http_open(h2o_mem_pool_t *pool, const char *ca_file);
void doctor_http_close(struct doctor_http *http);
/* The next person comes with an empty cookie jar. */
void doctor_http_forget_cookies(struct doctor_http *http);

/* `headers`: full lines, NULL at the end; may be NULL. `body` NULL base: none. */
struct doctor_answer doctor_http_ask(struct doctor_http *http, enum doctor_role role, const char *method,
                                     const char *url, const char *const *headers, h2o_iovec_t body);
/* A header's value, several of one name joined by ", "; NULL if absent. */
const char *doctor_http_header(h2o_mem_pool_t *pool, const struct doctor_answer *answer, const char *name);

/* `reference` seen from `base` (RFC 3986, 5); NULL unless it becomes an http(s) or other valid URL. */
const char *doctor_http_resolve(h2o_mem_pool_t *pool, const char *base, const char *reference);
/* "scheme://host[:port]" and path ("/" at least) of a URL; NULL if it is none. */
const char *doctor_http_origin(h2o_mem_pool_t *pool, const char *url);
const char *doctor_http_path(h2o_mem_pool_t *pool, const char *url);

#endif
