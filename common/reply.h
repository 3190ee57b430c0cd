/* SPDX-License-Identifier: Apache-2.0 */
/* Answers. Each function that answers ends the request and returns STEP_DONE; it may be called once. Where the client
 * has left, nothing is sent. */
#ifndef SALLYPORT_REPLY_H
#define SALLYPORT_REPLY_H

#include "request.h"

/* A header of the answer to come; values are copied; CR, LF and NUL end the process (they cannot come from outside
 * unchecked). */
void reply_header(struct request *r, const char *lower_case_name, const char *value);
/* JSON, UTF-8, Cache-Control: no-store unless another one was set before. Takes the reference. */
step_result reply_json(struct request *r, int status, json_t *value);
/* Any body; it must live in the request's pool or be static (is not copied). NULL type with len 0: no body. */
step_result reply_body(struct request *r, int status, const char *content_type, h2o_iovec_t body);
/* 303 See Other. */
step_result reply_redirect(struct request *r, const char *uri);

/* Unit tests. */
int reply_test_status(const struct request *r);
h2o_iovec_t reply_test_body(const struct request *r);
const char *reply_test_header(const struct request *r, const char *lower_case_name);

#endif
