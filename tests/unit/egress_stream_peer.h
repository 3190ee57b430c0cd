/* SPDX-License-Identifier: Apache-2.0 */
/* A server in a thread of the program that sends what the test wrote, byte for byte; a resolver of names that tests
 * choose; and a reader of the answer while it comes. */
#ifndef SALLYPORT_TESTS_EGRESS_STREAM_PEER_H
#define SALLYPORT_TESTS_EGRESS_STREAM_PEER_H

#include "common/egress.c"
#include "common/egress_guard.c"
#include "common/egress_loop.c"

#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"

enum { WAIT_MS = 20000 };

/* --- the server ---------------------------------------------------------------------------- */

static struct {
	int listener, port;
	pthread_t thread;
	atomic_int accepted, asked, gone;
	atomic_bool stops;
	atomic_int unanswered; /* so many questions are read, and then the connection is closed */
	char last[8192];
	const char *bytes; /* the answer */
	size_t len;
	bool stays; /* open behind it */
} server;

static void serve_peer(int fd)
{
	for (;;) {
		size_t len = 0;
		server.last[0] = '\0';
		while (strstr(server.last, "\r\n\r\n") == NULL) {
			struct pollfd one = {.fd = fd, .events = POLLIN};
			if (atomic_load(&server.stops))
				return;
			if (poll(&one, 1, 20) == 0)
				continue;
			ssize_t n = read(fd, server.last + len, sizeof(server.last) - 1 - len);
			if (n <= 0) {
				atomic_fetch_add(&server.gone, 1);
				return;
			}
			len += (size_t)n;
			server.last[len] = '\0';
		}
		atomic_fetch_add(&server.asked, 1);
		if (atomic_load(&server.unanswered) > 0) {
			atomic_fetch_sub(&server.unanswered, 1);
			return;
		}
		for (size_t sent = 0; sent < server.len;) {
			ssize_t n = send(fd, server.bytes + sent, server.len - sent, MSG_NOSIGNAL);
			if (n <= 0)
				break;
			sent += (size_t)n;
		}
		if (!server.stays)
			return;
	}
}

static void *serve(void *data)
{
	while (!atomic_load(&server.stops)) {
		struct pollfd one = {.fd = server.listener, .events = POLLIN};
		if (poll(&one, 1, 20) == 0)
			continue;
		int fd = accept(server.listener, NULL, NULL);
		if (fd == -1)
			continue;
		atomic_fetch_add(&server.accepted, 1);
		serve_peer(fd);
		close(fd);
	}
	return data;
}

static void answer_bytes(const void *bytes, size_t len, bool stays)
{
	server.bytes = bytes;
	server.len = len;
	server.stays = stays;
}

static void answer_text(const char *text, bool stays)
{
	answer_bytes(text, strlen(text), stays);
}

/* --- the resolver ---------------------------------------------------------------------------- */

static struct {
	const char *first, *second; /* what "rebind.test" leads to: now, and from then on */
	atomic_bool is_slow;        /* somebody waits for "slow.test" */
	atomic_bool answers;        /* that may get it */
} resolver;

/* libcurl's: of the names that the tests make up, and any other as ever. */
int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict ret)
{
	typedef int function(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	function *real = (function *)dlsym(RTLD_NEXT, "getaddrinfo");

	if (strcmp(node, "rebind.test") == 0) {
		node = resolver.first;
		resolver.first = resolver.second;
	} else if (strcmp(node, "slow.test") == 0) {
		atomic_store(&resolver.is_slow, true);
		for (int i = 0; i < WAIT_MS / 10 && !atomic_load(&resolver.answers); i++)
			poll(NULL, 0, 10);
		atomic_store(&resolver.is_slow, false);
		return EAI_NONAME;
	}
	return real(node, service, hints, ret);
}

/* --- the client ---------------------------------------------------------------------------- */

static h2o_context_t context;
static struct egress *egress;
static struct address_range loopback;

static int begin(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	memset(&server, 0, sizeof(server));
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server.listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server.listener, 64), 0);
	assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &len), 0);
	server.port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
	if (context.loop == NULL)
		context.loop = h2o_evloop_create();
	egress = egress_open(&context, NULL);
	assert_true(address_range_parse(text_of("127.0.0.0/8"), &loopback));
	return 0;
}

static int end(void **state)
{
	(void)state;
	egress_close(egress);
	h2o_evloop_run(context.loop, 0);
	atomic_store(&server.stops, true);
	pthread_join(server.thread, NULL);
	close(server.listener);
	return 0;
}

struct got {
	int calls, heads, pieces, status;
	enum egress_failure failure;
	char problem[80], seen[4096], field[64], whole[4096];
	size_t len;
	/* what the reader does */
	int cancel_at_head, cancel_at_piece, end_at_piece, fetch_at_piece;
	struct got *other;
};

static struct egress_request get(void);
static const struct egress_stream READER;

static void on_stream_head(void *data, struct egress_flight *flight)
{
	struct got *got = data;
	h2o_iovec_t field = egress_field(flight, "x-session");

	got->heads++;
	got->status = egress_status(flight);
	snprintf(got->field, sizeof(got->field), "%.*s", (int)field.len, field.base != NULL ? field.base : "");
	if (got->cancel_at_head)
		egress_cancel(flight);
}

static void on_done(void *data, const struct egress_answer *answer)
{
	struct got *got = data;

	got->calls++;
	got->status = answer->status;
	got->failure = answer->failure;
	got->len = answer->body.len;
	assert_true((answer->failure == EGRESS_FINE) == (answer->problem == NULL));
	snprintf(got->problem, sizeof(got->problem), "%s", answer->problem != NULL ? answer->problem : "");
	if (answer->body.len > 0)
		snprintf(got->whole, sizeof(got->whole), "%.*s", (int)answer->body.len, answer->body.base);
}

static bool on_stream_data(void *data, struct egress_flight *flight, h2o_iovec_t bytes)
{
	struct got *got = data;
	size_t len = strlen(got->seen);

	assert_true(bytes.len > 0);
	got->pieces++;
	snprintf(got->seen + len, sizeof(got->seen) - len, "%.*s", (int)bytes.len, bytes.base);
	if (got->fetch_at_piece == got->pieces) {
		struct egress_request request = get();
		egress_fetch(egress, &request, on_done, got->other);
	}
	if (got->cancel_at_piece == got->pieces)
		egress_cancel(flight);
	return got->end_at_piece != got->pieces;
}

static const struct egress_stream READER = {.on_head = on_stream_head, .on_data = on_stream_data};

static struct egress_request get(void)
{
	static char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", server.port);
	return (struct egress_request){.method = "GET", .url = url, .timeout_ms = WAIT_MS, .answer_limit = 200};
}

static void turn_until(bool (*is_so)(const struct got *), const struct got *got)
{
	int64_t until = clock_monotonic_ms() + WAIT_MS;

	while (!is_so(got)) {
		assert_true(clock_monotonic_ms() < until);
		h2o_evloop_run(context.loop, 10);
	}
}

static bool is_done(const struct got *got)
{
	return got->calls > 0;
}

static inline bool has_pieces(const struct got *got)
{
	return got->pieces > 0;
}

static inline bool has_head(const struct got *got)
{
	return got->heads > 0;
}

static inline bool was_asked(const struct got *got)
{
	(void)got;
	return atomic_load(&server.asked) > 0;
}

static inline bool is_peer_gone(const struct got *got)
{
	(void)got;
	return atomic_load(&server.gone) > 0;
}

static struct got fetch(const struct egress_request *request)
{
	struct got got = {0};

	egress_fetch(egress, request, on_done, &got);
	assert_int_equal(got.calls, 0);
	turn_until(is_done, &got);
	h2o_evloop_run(context.loop, 0);
	assert_int_equal(got.calls, 1);
	return got;
}

#endif
