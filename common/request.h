/* SPDX-License-Identifier: Apache-2.0 */
/* A request is a list of small steps on one event loop. The runner calls them in order; a step that has asked something
 * of the database, a worker or another server returns WAIT, and the next step runs when the answer is there. No step
 * blocks. */
#ifndef SALLYPORT_REQUEST_H
#define SALLYPORT_REQUEST_H

#include <libpq-fe.h>

#include "form.h"
#include "json.h"
#include "oauth_error.h"

struct endpoint;
struct service;
struct request;
struct reply_header;
struct reply_test;

typedef enum { STEP_NEXT, STEP_WAIT, STEP_DONE } step_result;
typedef step_result step_fn(struct request *r);

struct request {
	h2o_mem_pool_t
	    pool;       /* everything of the request lives here, until it is answered or its late answer has come */
	h2o_req_t *h2o; /* NULL once the client has left; NULL in unit tests */
	const struct service *service;
	const struct endpoint *endpoint;
	step_fn *const *next_step;       /* NULL-terminated */
	void *state;                     /* endpoint->state_size zeroed bytes */
	void *caller;                    /* what the guard proved; the daemon's own type */
	h2o_iovec_t method, path, query; /* copies; query base NULL if absent */
	h2o_iovec_t path_id;             /* last segment where the endpoint's path ends in "/{id}" */
	h2o_iovec_t body;                /* raw bytes, also of a NO_BODY row; in the pool, wiped with it */
	struct form form;                /* of a FORM body */
	struct form parameters;          /* of the query string */
	json_t *json;                    /* of a JSON body; kept by the pool */
	PGresult *rows;                  /* answer of the last question; freed with the pool */
	bool waiting, answered;
	bool rows_are_cut;     /* there were more than db_ask_bounded was to keep */
	bool was_sent;         /* the last question has left for the database, the call for its program or upstream */
	bool outlives_client;  /* the steps go on when the client has left; their answer goes nowhere */
	bool is_left_behind;   /* its stream goes on without it (reply.h) */
	struct request *whole; /* of which it is a part (request_part_new); NULL: of none */
	step_result (*on_part)(struct request *part, int status, h2o_iovec_t body); /* takes a part's answer */
	struct request **attached;             /* where h2o's request knows it from */
	uint64_t share;                        /* whose part of what is scarce it uses (db.h); 0: nobody's */
	unsigned retry_after_s;                /* the budget is spent: seconds to wait; 0: it is not */
	int64_t started_ms;                    /* clock_monotonic_ms */
	char id[23];                           /* random, for the log and the X-Request-Id header */
	void (*on_departed)(struct request *); /* called once if the client left before the answer; may be NULL */
	struct reply_header *headers;          /* of the answer to come (reply.h) */
	struct reply_test *test;               /* unit tests: what was answered */
	h2o_headers_t *test_headers;           /* unit tests: what was asked with */
	h2o_iovec_t test_certificate;          /* unit tests: what the client presented */
	bool test_certificate_trusted;
	bool at_admin_listener; /* it came to server_options.admin_listen */
	bool is_test;
};

/* Value of a request header (lower-case name) copied to the pool and NUL-terminated; {NULL, 0} if absent or the client
 * has left. *repeats (may be NULL) says whether there was more than one. In unit tests: request_test_header sets them.
 */
h2o_iovec_t request_header(struct request *r, const char *lower_case_name, bool *repeats);
/* Numeric address of the client: the peer, or what a configured proxy forwarded. */
const char *request_address(struct request *r);
/* Whom budgets of an address count for: an IPv4 address, or the /64 that an IPv6 customer has to himself; bytes in the
 * request's pool, empty if there is no address. */
h2o_iovec_t request_network(struct request *r);
/* True if the client has closed its side of the connection. h2o itself does not read an HTTP/1 connection while a
 * request is handled, so for a long call somebody has to ask now and then. One system call. */
bool request_client_left(const struct request *r);

/* The certificate that the client presented with TLS, in DER; {NULL, 0} if there is none or it was not asked for.
 * *ret_trusted (may be NULL): its chain leads to an authority that the server was told to trust with clients. */
h2o_iovec_t request_certificate(struct request *r, bool *ret_trusted);

/* A request of its own that is a part of another one: of the same caller, with the same headers. Its answer goes to
 * on_part, once, after which it is freed; the whole has to wait until then. request_part_run runs its steps. */
struct request *request_part_new(struct request *whole, size_t state_size, step_fn *const *steps,
                                 step_result (*on_part)(struct request *part, int status, h2o_iovec_t body));
void request_part_run(struct request *part);

/* Continues with another list in place of the rest of this one: return run_steps(r, steps). */
step_result run_steps(struct request *r, step_fn *const *steps);
/* For whoever made the request wait: the answer has come. Frees the request if the client has left, else runs the next
 * steps. */
void request_resume(struct request *r);
/* For whoever made the request wait: as request_resume, but ends the request with the error. */
void request_resume_failed(struct request *r, const struct oauth_error *error, const char *text);

/* Ends a step with an error: code and status from the constant, the form from the endpoint's row (errors_as). `text` is
 * fixed English without user data: it goes to the log and to error_description. Always STEP_DONE. */
step_result fail(struct request *r, const struct oauth_error *error, const char *text);
/* Internal trouble: 500 with a fixed text; the detail goes to the log only. */
step_result fail_internal(struct request *r, const char *detail);

#endif
