/* SPDX-License-Identifier: Apache-2.0 */
#include "request_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "clock.h"
#include "log.h"
#include "secret.h"

static const char *const *trusted_proxies; /* request_trust_proxies */

void request_trust_proxies(const char *const *addresses)
{
	trusted_proxies = addresses;
}

/* Unique in this process and hard to guess across processes; no kernel call for each request. */
static void make_id(char id[23])
{
	static const char digits[] = "0123456789abcdef";
	static char prefix[11];
	static uint64_t count;
	if (prefix[0] == '\0') {
		uint8_t random[5];
		random_bytes(random, sizeof(random));
		for (size_t i = 0; i < sizeof(random); i++) {
			prefix[2 * i] = digits[random[i] >> 4];
			prefix[2 * i + 1] = digits[random[i] & 15];
		}
	}
	memcpy(id, prefix, 10);
	uint64_t n = ++count;
	for (int i = 21; i >= 10; i--, n >>= 4)
		id[i] = digits[n & 15];
	id[22] = '\0';
}

struct request *request_new(const struct service *service)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct request *r = h2o_mem_alloc_pool(&pool, sizeof(*r));
	memset(r, 0, sizeof(*r));
	r->pool = pool; /* the pool holds the request itself: both go together */
	r->service = service;
	r->started_ms = clock_monotonic_ms();
	make_id(r->id);
	return r;
}

void request_free(struct request *r)
{
	PQclear(r->rows);
	h2o_mem_pool_t pool = r->pool;
	h2o_mem_clear_pool(&pool);
}

/* h2o's own request goes: it was answered, or its client left. */
static void on_h2o_request_gone(void *slot_data)
{
	struct request *r = *(struct request **)slot_data;
	if (r == NULL)
		return;
	r->h2o = NULL;
	if (!r->answered && r->on_departed != NULL) {
		void (*departed)(struct request *) = r->on_departed;
		r->on_departed = NULL;
		departed(r);
	}
	if (!r->waiting)
		request_free(r);
	/* else the late answer frees it: request_resume */
}

void request_attach(struct request *r, h2o_req_t *req)
{
	r->h2o = req;
	struct request **slot = h2o_mem_alloc_shared(&req->pool, sizeof(*slot), on_h2o_request_gone);
	*slot = r;
	r->attached = slot;
}

/* The step that began a stream has returned. */
static void leave_behind(struct request *r)
{
	*r->attached = NULL;
	request_free(r);
}

void request_run(struct request *r)
{
	while (*r->next_step != NULL) {
		step_fn *step = *r->next_step++;
		switch (step(r)) {
		case STEP_NEXT: continue;
		case STEP_WAIT: r->waiting = true; return;
		case STEP_DONE:
			if (r->is_left_behind)
				leave_behind(r);
			return;
		}
	}
	fail_internal(r, "the last step did not answer");
}

struct request *request_part_new(struct request *whole, size_t state_size, step_fn *const *steps,
                                 step_result (*on_part)(struct request *part, int status, h2o_iovec_t body))
{
	struct request *r = request_new(whole->service);

	r->whole = whole;
	r->endpoint = whole->endpoint;
	r->caller = whole->caller;
	r->on_part = on_part;
	r->next_step = steps;
	r->outlives_client = true; /* it is the whole that has a client */
	r->state = h2o_mem_alloc_pool(&r->pool, state_size);
	memset(r->state, 0, state_size);
	return r;
}

void request_part_run(struct request *part)
{
	request_run(part);
	if (!part->waiting)
		request_free(part);
}

step_result run_steps(struct request *r, step_fn *const *steps)
{
	r->next_step = steps;
	return STEP_NEXT;
}

/* True if the request goes on; it is gone otherwise. In unit tests (no endpoint's client) it goes on without h2o. */
static bool take_answer(struct request *r)
{
	r->waiting = false;
	if (r->h2o != NULL || r->is_test || r->outlives_client)
		return true;
	request_free(r);
	return false;
}

/* Nobody else frees it: h2o's request is gone already. */
static bool is_alone(const struct request *r)
{
	return r->h2o == NULL && !r->is_test;
}

static void end_if_alone(struct request *r, bool alone)
{
	if (alone && !r->waiting)
		request_free(r);
}

void request_resume(struct request *r)
{
	bool alone = is_alone(r);

	if (!take_answer(r))
		return;
	request_run(r);
	end_if_alone(r, alone);
}

void request_resume_failed(struct request *r, const struct oauth_error *error, const char *text)
{
	bool alone = is_alone(r);

	if (!take_answer(r))
		return;
	fail(r, error, text);
	end_if_alone(r, alone);
}

step_result fail(struct request *r, const struct oauth_error *error, const char *text)
{
	char status[12];
	snprintf(status, sizeof(status), "%d", error->status);
	log_event(error->status >= 500 ? LOG_WARNING : LOG_INFO, "request refused", "request", r->id, "path",
	          r->endpoint != NULL ? r->endpoint->path : NULL, "status", status, "error", error->code, "reason",
	          text, NULL);
	enum errors_as form = r->endpoint != NULL ? r->endpoint->errors_as : AS_JSON;
	step_result (*show)(struct request *, const struct oauth_error *, const char *) = r->service->show_error[form];
	return show != NULL ? show(r, error, text) : show_error_json(r, error, text);
}

step_result fail_internal(struct request *r, const char *detail)
{
	log_event(LOG_ERROR, "internal error", "request", r->id, "detail", detail, NULL);
	return fail(r, &SERVER_ERROR, "the server met an unexpected condition");
}

h2o_iovec_t request_header(struct request *r, const char *name, bool *repeats)
{
	const struct request *asked = r->whole != NULL ? r->whole : r;
	const h2o_headers_t *headers = asked->h2o != NULL ? &asked->h2o->headers : asked->test_headers;
	h2o_iovec_t value = {NULL, 0};
	if (repeats != NULL)
		*repeats = false;
	if (headers == NULL)
		return value;
	size_t len = strlen(name);
	ssize_t at = h2o_find_header_by_str(headers, name, len, -1);
	if (at == -1)
		return value;
	h2o_iovec_t found = headers->entries[at].value;
	value.base = text_copy(&r->pool, found);
	value.len = found.len;
	if (repeats != NULL)
		*repeats = h2o_find_header_by_str(headers, name, len, at) != -1;
	return value;
}

static bool is_trusted_proxy(h2o_iovec_t address)
{
	for (size_t i = 0; trusted_proxies != NULL && trusted_proxies[i] != NULL; i++)
		if (text_is(address, trusted_proxies[i]))
			return true;
	return false;
}

/* A proxy may write a line of its own behind those that came: all lines are one list (RFC 9110, 5.3). */
static h2o_iovec_t forwarded_list(struct request *r)
{
	const h2o_headers_t *headers = &r->h2o->headers;
	struct text_buffer b = {.pool = &r->pool};
	ssize_t at = -1;
	while ((at = h2o_find_header_by_str(headers, H2O_STRLIT("x-forwarded-for"), at)) != -1) {
		if (b.len > 0)
			text_append_str(&b, ",");
		text_append_iovec(&b, headers->entries[at].value);
	}
	return h2o_iovec_init(b.base, b.len);
}

bool request_client_left(const struct request *r)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (r->whole != NULL)
		return request_client_left(r->whole);
	if (r->h2o == NULL)
		return !r->is_test;
	h2o_socket_t *socket = r->h2o->conn->callbacks->get_socket(r->h2o->conn);
	return getsockopt(h2o_socket_get_fd(socket), IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state != TCP_ESTABLISHED;
}

/* The right-most address that is not one of our proxies: what stands left of it anybody can write. */
static h2o_iovec_t forwarded_address(struct request *r, h2o_iovec_t peer)
{
	h2o_iovec_t list = forwarded_list(r);
	h2o_iovec_t address = peer;
	while (list.len > 0 && is_trusted_proxy(address)) {
		size_t start = list.len;
		while (start > 0 && list.base[start - 1] != ',')
			start--;
		h2o_iovec_t hop = text_trim(h2o_iovec_init(list.base + start, list.len - start));
		if (hop.len == 0 || hop.len > 45)
			break;
		address = hop;
		list.len = start > 0 ? start - 1 : 0;
	}
	return address;
}

const char *request_address(struct request *r)
{
	if (r->h2o == NULL)
		return "";
	struct sockaddr_storage peer;
	char text[NI_MAXHOST];
	socklen_t len = r->h2o->conn->callbacks->get_peername(r->h2o->conn, (struct sockaddr *)&peer);
	size_t text_len = len == 0 ? SIZE_MAX : h2o_socket_getnumerichost((struct sockaddr *)&peer, len, text);
	if (text_len == SIZE_MAX)
		return "";
	h2o_iovec_t address = h2o_iovec_init(text, text_len);
	if (is_trusted_proxy(address))
		address = forwarded_address(r, address);
	return text_copy(&r->pool, address);
}

h2o_iovec_t request_network(struct request *r)
{
	const char *text = request_address(r);
	struct address *a = h2o_mem_alloc_pool(&r->pool, sizeof(*a));

	if (!address_parse(text_of(text), a))
		return text_of(text);
	return h2o_iovec_init(a->bytes, a->len == 16 ? 8 : a->len);
}
