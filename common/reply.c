/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include <stdlib.h>
#include <string.h>

#include "request_internal.h"

struct reply_test {
	int status;
	const char *content_type;
	h2o_iovec_t body;
	struct text_buffer stream;
};

void reply_header(struct request *r, const char *name, const char *value)
{
	if (strpbrk(value, "\r\n") != NULL)
		h2o_fatal("a reply header with a line break");
	struct reply_header *h = h2o_mem_alloc_pool(&r->pool, sizeof(*h));
	*h = (struct reply_header){
	    .name = name,
	    .name_len = strlen(name),
	    .value = text_copy(&r->pool, text_of(value)),
	    .value_len = strlen(value),
	};
	struct reply_header **end = &r->headers;
	while (*end != NULL)
		end = &(*end)->next;
	*end = h;
}

static bool has_header(const struct request *r, const char *name)
{
	for (const struct reply_header *h = r->headers; h != NULL; h = h->next)
		if (strcmp(h->name, name) == 0)
			return true;
	return false;
}

static const char *reason_of(int status)
{
	switch (status) {
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 409: return "Conflict";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 421: return "Misdirected Request";
	case 429: return "Too Many Requests";
	case 500: return "Internal Server Error";
	case 503: return "Service Unavailable";
	default: return "Status";
	}
}

static step_result record_test_reply(struct request *r, int status, const char *content_type, h2o_iovec_t body)
{
	r->test = h2o_mem_alloc_pool(&r->pool, sizeof(*r->test));
	*r->test = (struct reply_test){.status = status, .content_type = content_type, .body = body};
	return STEP_DONE;
}

void reply_test_begin(struct request *r, const char *content_type)
{
	record_test_reply(r, 200, content_type, (h2o_iovec_t){NULL, 0});
	r->test->stream.pool = &r->pool;
}

void reply_test_append(struct request *r, h2o_iovec_t bytes)
{
	text_append_iovec(&r->test->stream, bytes);
	r->test->body = h2o_iovec_init(r->test->stream.base, r->test->stream.len);
}

void reply_start(struct request *r, int status, const char *content_type, size_t content_length,
                 h2o_generator_t *generator)
{
	h2o_req_t *req = r->h2o;

	req->res.status = status;
	req->res.reason = reason_of(status);
	req->res.content_length = content_length;
	if (content_type != NULL)
		h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type,
		               strlen(content_type));
	for (const struct reply_header *h = r->headers; h != NULL; h = h->next)
		h2o_add_header_by_str(&req->pool, &req->res.headers, h->name, h->name_len, 1, NULL, h->value,
		                      h->value_len);
	h2o_start_response(req, generator);
}

step_result reply_body(struct request *r, int status, const char *content_type, h2o_iovec_t body)
{
	static h2o_generator_t generator = {NULL, NULL};
	if (r->answered)
		h2o_fatal("a request was answered twice");
	r->answered = true;
	if (r->is_test)
		return record_test_reply(r, status, content_type, body);
	if (r->on_part != NULL)
		return r->on_part(r, status, body);
	if (r->h2o == NULL)
		return STEP_DONE;

	reply_start(r, status, content_type, body.len, &generator);
	bool no_body = body.len == 0 || h2o_memis(r->h2o->method.base, r->h2o->method.len, H2O_STRLIT("HEAD"));
	h2o_send(r->h2o, &body, no_body ? 0 : 1, H2O_SEND_STATE_FINAL);
	return STEP_DONE;
}

step_result reply_json(struct request *r, int status, json_t *value)
{
	h2o_iovec_t body = json_text(&r->pool, value);
	json_decref(value);
	if (!has_header(r, "cache-control"))
		reply_header(r, "cache-control", "no-store");
	return reply_body(r, status, "application/json", body);
}

step_result reply_redirect(struct request *r, const char *uri)
{
	reply_header(r, "location", uri);
	if (!has_header(r, "cache-control"))
		reply_header(r, "cache-control", "no-store");
	return reply_body(r, 303, NULL, (h2o_iovec_t){NULL, 0});
}

int reply_test_status(const struct request *r)
{
	return r->test != NULL ? r->test->status : 0;
}

h2o_iovec_t reply_test_body(const struct request *r)
{
	return r->test != NULL ? r->test->body : (h2o_iovec_t){NULL, 0};
}

const char *reply_test_header(const struct request *r, const char *name)
{
	if (r->test != NULL && strcmp(name, "content-type") == 0)
		return r->test->content_type;
	for (const struct reply_header *h = r->headers; h != NULL; h = h->next)
		if (strcmp(h->name, name) == 0)
			return h->value;
	return NULL;
}
