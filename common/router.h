/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint table is the architecture: each daemon has one, and 404, 405 with Allow, CORS, body limits, the proof of
 * the caller and the form of errors all follow from its rows. */
#ifndef SALLYPORT_ROUTER_H
#define SALLYPORT_ROUTER_H

#include "request.h"

enum caller { ANYONE, CLIENT, BEARER, ADMIN, REGISTRANT /* of a client, RFC 7592 */, CALLERS };
enum body { NO_BODY, FORM, JSON }; /* what the router reads; NO_BODY leaves r->body as raw bytes */
/* OAuth JSON; a page; a redirect to the client (a page until its URI is proved); OAuth JSON with a Bearer challenge;
 * JSON-RPC */
enum errors_as { AS_JSON, AS_PAGE, AS_REDIRECT, AS_CHALLENGE, AS_JSON_RPC, ERROR_FORMS };
enum cors { SAME_ORIGIN, ANY_ORIGIN }; /* ANY_ORIGIN: "*" without credentials, preflight answered */

struct endpoint { /* a row of the table */
	const char *method;
	const char
	    *path; /* "{base}" stands for the path of the issuer or resource; "/{id}" at the end for one more segment */
	enum caller caller; /* proved before the steps run */
	enum body body;
	enum errors_as errors_as;
	enum cors cors;
	step_fn *const *steps; /* in order, NULL at the end */
	size_t state_size;     /* zeroed bytes at r->state */
	size_t body_limit;     /* bytes; 0: 16 KiB */
	unsigned budget;       /* what the request counts against, in the daemon's own numbers; 0: nothing */
	const char *about;     /* for whoever reads the table */
};

struct service {
	const char *name; /* "authz" */
	const struct endpoint *endpoints;
	size_t endpoint_count;
	const char *base;                /* path of the issuer or resource: "" or "/t1" */
	step_fn *const *guards[CALLERS]; /* steps that prove the caller; NULL for ANYONE */
	step_result (*show_error[ERROR_FORMS])(struct request *, const struct oauth_error *, const char *text);
	/* Called first for every request, e.g. Host and Origin checks; NULL if none. STEP_NEXT to go on. */
	step_result (*admit)(struct request *);
	/* Called for a row with a budget when the caller is known, before the row's own steps; NULL if none has one.
	 * STEP_NEXT to go on. */
	step_result (*spend)(struct request *);
	bool has_admin_listener; /* rows of ADMIN answer there, and all others elsewhere */
	void *daemon;            /* struct authz or struct mcp */
};

struct router;
/* Expands the paths. The process ends if a row demands a caller that no guard proves, or if two rows of one method and
 * path differ (with a base of "" a row may come twice). */
struct router *router_build(h2o_mem_pool_t *pool, const struct service *service);
/* The largest body that any row takes, in bytes. */
size_t router_body_limit(const struct router *router);
/* Runs the request from its head on; r->method, path, query, body are set. */
void router_run(struct router *router, struct request *r);

/* OAuth JSON: {"error", "error_description"}, no-store. The AS_JSON form of both daemons. */
step_result show_error_json(struct request *r, const struct oauth_error *error, const char *text);

/* Unit tests: a request without a connection. After router_run, the reply stands in the getters of reply.h. */
struct request *request_test(const struct service *service, const struct endpoint *endpoint);
void request_test_header(struct request *r, const char *lower_case_name, const char *value);
void request_test_free(struct request *r);

#endif
