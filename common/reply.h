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

/* ---- an answer that comes in parts ----
 * Chunks with HTTP/1.1. With HTTP/1.0 an end without bytes may free the request before it returns. A reader that lags
 * behind by more than 256 KiB is taken for one that has left. */
struct reply_stream;
struct reply_stream_options {
	const char *content_type;
	h2o_iovec_t first;           /* sent with the head; not empty */
	void (*on_gone)(void *data); /* once, if the client leaves before reply_stream_end: the stream is no more */
	void (*on_sent)(void *data); /* whenever nothing waits any more; not in unit tests; may be NULL */
	void *data;
	/* The stream stays when the step that began it returns STEP_DONE; the request goes then, and the connection
	 * is used for nothing else. Its end is noticed at once; else only request_client_left and writing tell. */
	bool outlives_request;
};
/* 200 with the headers so far. NULL if the client has left already. The request counts as answered. */
struct reply_stream *reply_stream_begin(struct request *r, const struct reply_stream_options *options);
/* Copies the bytes. */
void reply_stream_send(struct reply_stream *stream, h2o_iovec_t bytes);
/* When all was sent. The stream must not be used any more. */
void reply_stream_end(struct reply_stream *stream);

/* Unit tests. The body of a stream is what was sent so far. */
int reply_test_status(const struct request *r);
h2o_iovec_t reply_test_body(const struct request *r);
const char *reply_test_header(const struct request *r, const char *lower_case_name);

#endif
