/* SPDX-License-Identifier: Apache-2.0 */
#include "egress.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "egress_flight.h"
#include "secret.h"

enum { HEAD_LIMIT = 65536 };

/* --- answers ------------------------------------------------------------------------------- */

static void free_flight(struct egress_flight *t)
{
	if (t->guarded)
		egress_guard_leave(&t->egress->guard, &t->errand);
	if (t->easy != NULL)
		curl_easy_cleanup(t->easy);
	for (struct curl_slist *h = t->headers; h != NULL; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	curl_slist_free_all(t->headers);
	if (t->sent != NULL)
		secret_wipe(t->sent, t->sent_len);
	free(t->sent);
	if (t->body != NULL)
		secret_wipe(t->body, t->body_capacity);
	free(t->body);
	free(t);
}

static const char *describe_problem(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST: return "the name cannot be resolved";
	case CURLE_COULDNT_CONNECT: return "the connection was refused";
	case CURLE_OPERATION_TIMEDOUT: return "timed out";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE: return "the certificate is not trusted";
	case CURLE_SSL_CONNECT_ERROR: return "TLS cannot be set up";
	default: return "no valid HTTP answer";
	}
}

static enum egress_failure failure_of(const struct egress_flight *t, CURLcode code)
{
	if (t->failure != EGRESS_FINE || code == CURLE_OK)
		return t->failure;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return EGRESS_TIMED_OUT;
	return t->was_sent ? EGRESS_LOST : EGRESS_UNSENT;
}

static bool is_streamed(const struct egress_flight *t)
{
	return t->stream != NULL && t->stream->on_data != NULL;
}

static struct egress_answer answer_of(const struct egress_flight *t, CURLcode code)
{
	struct egress_answer answer = {.failure = failure_of(t, code), .over_budget = t->errand.over_budget};
	char *type = NULL;

	if (answer.failure == EGRESS_FINE || (is_streamed(t) && t->has_head)) {
		answer.status = egress_status(t);
		curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
		answer.content_type = text_of(type);
		answer.cache = t->cache;
	}
	if (answer.failure == EGRESS_FINE)
		answer.body = h2o_iovec_init(t->body != NULL ? t->body : "", t->body_len);
	else
		answer.problem = t->problem != NULL ? t->problem : describe_problem(code);
	return answer;
}

static void leave_curl(struct egress_flight *t)
{
	if (t->easy != NULL)
		curl_multi_remove_handle(t->egress->on.multi, t->easy);
	egress_line_leave(&t->egress->line, &t->turn);
	/* Not found by egress_close any more, should `done` lead there. */
	h2o_linklist_unlink(&t->link);
	if (h2o_linklist_is_linked(&t->news))
		h2o_linklist_unlink(&t->news);
}

static void finish_flight(struct egress_flight *t, CURLcode code)
{
	struct egress_answer answer = answer_of(t, code);

	leave_curl(t);
	t->is_read = true;
	t->done(t->data, &answer);
	free_flight(t);
}

static void on_easy_finished(CURL *easy, CURLcode code)
{
	char *t = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
	finish_flight((struct egress_flight *)(void *)t, code);
}

static void on_refused(h2o_timeout_entry_t *entry)
{
	struct egress *egress = H2O_STRUCT_FROM_MEMBER(struct egress, refused_timer, entry);
	h2o_linklist_t now;

	h2o_linklist_init_anchor(&now);
	h2o_linklist_insert_list(&now, &egress->refused);
	while (!h2o_linklist_is_empty(&now))
		finish_flight(H2O_STRUCT_FROM_MEMBER(struct egress_flight, link, now.next), CURLE_OK);
}

bool egress_was_sent(const struct egress_flight *flight)
{
	return flight->was_sent;
}

int egress_status(const struct egress_flight *flight)
{
	long status = 0;

	if (flight->easy != NULL && flight->has_head)
		curl_easy_getinfo(flight->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

h2o_iovec_t egress_field(const struct egress_flight *flight, const char *name)
{
	struct curl_header *field;

	if (flight->easy == NULL || !flight->has_head ||
	    curl_easy_header(flight->easy, name, 0, CURLH_HEADER, -1, &field) != CURLHE_OK)
		return h2o_iovec_init(NULL, 0);
	return text_of(field->value);
}

void egress_cancel(struct egress_flight *flight)
{
	flight->cancelled = true;
	if (flight->is_read)
		return; /* whoever calls the reader sees to it */
	leave_curl(flight);
	free_flight(flight);
}

/* --- answers that are read while they come ---------------------------------------------------- */

static void deliver(struct egress_flight *t)
{
	bool goes_on = true;

	t->is_read = true;
	if (t->head_is_new && t->stream->on_head != NULL)
		t->stream->on_head(t->data, t);
	t->head_is_new = false;
	if (!t->cancelled && is_streamed(t) && t->body_len > 0)
		goes_on = t->stream->on_data(t->data, t, h2o_iovec_init(t->body, t->body_len));
	t->is_read = false;
	if (is_streamed(t))
		t->body_len = 0;
	if (t->cancelled) {
		egress_cancel(t);
	} else if (!goes_on) {
		t->problem = "the reader wants no more";
		t->failure = EGRESS_ENDED;
		finish_flight(t, CURLE_OK);
	}
}

/* Outside of curl, so that the reader may do anything. */
static void on_news(struct egress_loop *on)
{
	struct egress *egress = H2O_STRUCT_FROM_MEMBER(struct egress, on, on);

	while (!h2o_linklist_is_empty(&egress->news)) {
		struct egress_flight *t = H2O_STRUCT_FROM_MEMBER(struct egress_flight, news, egress->news.next);

		h2o_linklist_unlink(&t->news);
		deliver(t);
	}
}

static void announce(struct egress_flight *t)
{
	if (t->stream != NULL && !h2o_linklist_is_linked(&t->news))
		h2o_linklist_insert(&t->egress->news, &t->news);
}

/* --- one flight -------------------------------------------------------------------------- */

/* Fails what curl is doing for it. */
static void give_up(struct egress_flight *t, enum egress_failure failure, const char *problem)
{
	t->failure = failure;
	t->problem = problem;
}

static void grow_body(struct egress_flight *t, size_t len)
{
	size_t capacity = (t->body_len + len + 1) * 2;
	char *grown;

	if (t->body_len + len + 1 <= t->body_capacity)
		return;
	grown = h2o_mem_alloc(capacity);
	if (t->body != NULL) {
		memcpy(grown, t->body, t->body_len);
		secret_wipe(t->body, t->body_capacity);
		free(t->body);
	}
	t->body = grown;
	t->body_capacity = capacity;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct egress_flight *t = data;
	size_t len = size * count;

	if (!is_streamed(t) && len > t->body_limit - t->body_len) {
		give_up(t, EGRESS_TOO_LARGE, "the answer is too large");
		return 0;
	}
	grow_body(t, len);
	memcpy(t->body + t->body_len, bytes, len);
	t->body_len += len;
	t->body[t->body_len] = '\0';
	announce(t);
	return len;
}

/* One that curl undoes within the memory that it always takes: a list of codings multiplies what a small answer becomes
 * on the way, and others choose the size of their window themselves. */
static bool is_coding_known(h2o_iovec_t line)
{
	static const char *const KNOWN[] = {"gzip", "x-gzip", "deflate", "identity", ""};
	h2o_iovec_t rest = line, name = text_cut(&rest, ':');

	if (rest.base == NULL || !text_is_nocase(name, "Content-Encoding"))
		return true;
	while (rest.len > 0 && strchr("\r\n", rest.base[rest.len - 1]) != NULL)
		rest.len--;
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++)
		if (text_is_nocase(text_trim(rest), KNOWN[i]))
			return true;
	return false;
}

static bool is_blank_line(h2o_iovec_t line)
{
	return text_is(line, "\r\n") || text_is(line, "\n");
}

static void end_head(struct egress_flight *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->has_head || status < 200)
		return; /* trailers, or an interim answer */
	t->has_head = t->head_is_new = true;
	announce(t);
}

static size_t on_head(char *bytes, size_t size, size_t count, void *data)
{
	struct egress_flight *t = data;
	h2o_iovec_t line = h2o_iovec_init(bytes, size * count);

	t->head_len += line.len;
	http_cache_read(&t->cache, line);
	if (t->head_len > HEAD_LIMIT)
		give_up(t, EGRESS_TOO_LARGE, "the answer is too large");
	else if (t->decodes && !is_coding_known(line))
		give_up(t, EGRESS_LOST, "the answer has a coding that is not known");
	if (t->failure != EGRESS_FINE)
		return 0;
	if (is_blank_line(line))
		end_head(t);
	return line.len;
}

/* A name with one forbidden address is not asked at any other either. */
static curl_socket_t on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct egress_flight *t = data;
	const char *problem = t->problem;

	if (problem == NULL && (purpose != CURLSOCKTYPE_IPCXN || address->addr.sa_family != address->family))
		problem = "the connection is of no known kind";
	if (problem == NULL)
		problem = egress_address_problem(t, &address->addr);
	if (problem != NULL) {
		give_up(t, EGRESS_FORBIDDEN, problem);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Before the request is sent on a connection, a new one or one that was kept: that may have been made under other
 * rules, before they were loaded anew. Curl comes here again when a kept one was dead and it would send once more. */
static int on_sending(void *data, char *address, char *local, int port, int local_port)
{
	struct egress_flight *t = data;
	const char *problem;

	(void)local, (void)port, (void)local_port;
	if (t->was_sent && t->once) {
		give_up(t, EGRESS_LOST, "the connection broke");
		return CURL_PREREQFUNC_ABORT;
	}
	problem = egress_peer_problem(t, address);
	if (problem != NULL) {
		give_up(t, EGRESS_FORBIDDEN, problem);
		return CURL_PREREQFUNC_ABORT;
	}
	t->was_sent = true;
	return CURL_PREREQFUNC_OK;
}

static void on_turn(struct egress_turn *turn)
{
	struct egress_flight *t = H2O_STRUCT_FROM_MEMBER(struct egress_flight, turn, turn);
	int64_t left_ms = turn->due_ms - clock_monotonic_ms();

	if (turn->host != NULL && turn->due_ms != INT64_MAX) /* what it waited is part of its time */
		curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, left_ms > 0 ? (long)left_ms : 1L);
	if (curl_multi_add_handle(t->egress->on.multi, t->easy) != CURLM_OK)
		h2o_fatal("libcurl takes no request");
}

static void on_due(struct egress_turn *turn)
{
	struct egress_flight *t = H2O_STRUCT_FROM_MEMBER(struct egress_flight, turn, turn);

	give_up(t, EGRESS_UNSENT, "timed out");
	finish_flight(t, CURLE_OK);
}

static void start_flight(struct egress_flight *t, const struct egress_request *request)
{
	egress_loop_begin(&t->egress->on);
	t->easy = curl_easy_init();
	if (t->easy == NULL)
		h2o_fatal("no memory");
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_sending);
	curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	egress_request_set(t, request);
	h2o_linklist_insert(&t->egress->flights, &t->link);
	if (!t->turn.waits)
		on_turn(&t->turn);
}

struct egress_flight *egress_fetch(struct egress *egress, const struct egress_request *request, egress_done_fn *done,
                                   void *data)
{
	struct egress_flight *t = h2o_mem_alloc(sizeof(*t));

	*t = (struct egress_flight){
	    .egress = egress,
	    .done = done,
	    .data = data,
	    .stream = request->stream,
	    .once = request->once,
	    .decodes = request->decodes,
	    .body_limit = request->answer_limit,
	};
	t->problem = egress_request_problem(t, request);
	if (t->problem == NULL) {
		start_flight(t, request);
		return t;
	}
	if (t->failure == EGRESS_FINE)
		t->failure = EGRESS_FORBIDDEN;
	h2o_linklist_insert(&egress->refused, &t->link);
	if (!h2o_timeout_is_linked(&egress->refused_timer))
		h2o_timeout_link(egress->on.loop, &egress->on.soon, &egress->refused_timer);
	return t;
}

/* --- opening and closing ------------------------------------------------------------------- */

struct egress *egress_open(h2o_context_t *context, const char *ca_file)
{
	struct egress *egress = h2o_mem_alloc(sizeof(*egress));

	memset(egress, 0, sizeof(*egress));
	egress_loop_init(&egress->on, context->loop, on_easy_finished);
	egress->on.on_news = on_news;
	egress->refused_timer.cb = on_refused;
	egress_line_init(&egress->line, context->loop, &egress->on.far, on_turn, on_due);
	if (ca_file != NULL)
		egress->ca_file = h2o_strdup(NULL, ca_file, SIZE_MAX).base;
	h2o_linklist_init_anchor(&egress->flights);
	h2o_linklist_init_anchor(&egress->refused);
	h2o_linklist_init_anchor(&egress->news);
	return egress;
}

void egress_set_exceptions(struct egress *egress, const struct egress_exception *exceptions, size_t count)
{
	egress->guard.exceptions = exceptions;
	egress->guard.exception_count = count;
}

/* Hands "no answer" to everybody who waits. */
static void end_flights(h2o_linklist_t *list)
{
	while (!h2o_linklist_is_empty(list)) {
		struct egress_flight *t = H2O_STRUCT_FROM_MEMBER(struct egress_flight, link, list->next);

		give_up(t, EGRESS_ENDED, "the server is going down");
		finish_flight(t, CURLE_OK);
	}
}

void egress_close(struct egress *egress)
{
	end_flights(&egress->flights);
	end_flights(&egress->refused);
	h2o_timeout_unlink(&egress->refused_timer);
	egress_line_dispose(&egress->line);
	egress_loop_dispose(&egress->on);
	free(egress->ca_file);
	free(egress);
}
