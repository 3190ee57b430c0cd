/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in parts: against a server in a process of its own, read by plain sockets. */
#include "common/reply_stream.c"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#include "common/log.h"

/* ---- the server ---- */

static struct server *server;
static struct reply_stream *idle;
static unsigned gone;

static void on_gone(void *data)
{
	gone++;
	if (data == &idle)
		idle = NULL;
}

static step_result begin_idle(struct request *r)
{
	struct reply_stream_options options = {
	    .content_type = "text/event-stream",
	    .first = text_of(": hello\n\n"),
	    .on_gone = on_gone,
	    .data = &idle,
	    .outlives_request = true,
	};

	reply_header(r, "x-accel-buffering", "no");
	idle = reply_stream_begin(r, &options);
	return STEP_DONE;
}

static step_result say_to_idle(struct request *r)
{
	if (idle != NULL)
		reply_stream_send(idle, r->body);
	return reply_body(r, 200, "text/plain", text_of(idle != NULL ? "said" : "nobody"));
}

static step_result end_idle(struct request *r)
{
	if (idle != NULL)
		reply_stream_end(idle);
	idle = NULL;
	return reply_body(r, 200, "text/plain", text_of("ended"));
}

static step_result count_gone(struct request *r)
{
	return reply_body(r, 200, "text/plain", text_of(text_printf(&r->pool, "%u", gone)));
}

/* Parts of one answer, and then the connection serves the next request. */
static step_result send_parts(struct request *r)
{
	struct reply_stream_options options = {
	    .content_type = "text/plain", .first = text_of("one "), .on_gone = on_gone};
	struct reply_stream *s = reply_stream_begin(r, &options);

	reply_stream_send(s, text_of("two "));
	reply_stream_send(s, text_of("three"));
	reply_stream_end(s);
	return STEP_DONE;
}

static step_fn *const IDLE[] = {begin_idle, NULL}, *const SAY[] = {say_to_idle, NULL}, *const END[] = {end_idle, NULL},
		      *const GONE[] = {count_gone, NULL}, *const PARTS[] = {send_parts, NULL};
static const struct endpoint ENDPOINTS[] = {
    {.method = "GET", .path = "/idle", .steps = IDLE},
    {.method = "POST", .path = "/say", .steps = SAY, .body_limit = 1024 * 1024},
    {.method = "POST", .path = "/end", .steps = END},
    {.method = "GET", .path = "/gone", .steps = GONE},
    {.method = "GET", .path = "/parts", .steps = PARTS},
};
static const struct service SERVICE = {
    .name = "test",
    .endpoints = ENDPOINTS,
    .endpoint_count = sizeof(ENDPOINTS) / sizeof(ENDPOINTS[0]),
    .base = "",
    .show_error = {[AS_JSON] = show_error_json},
};

static void end_on_drain(void *data)
{
	(void)data;
	if (idle != NULL)
		reply_stream_end(idle);
	idle = NULL;
}

static pid_t child;
static uint16_t port;

static int start_server(void **state)
{
	const char *error = NULL;
	json_t *listen = json_string("127.0.0.1:0");
	struct server_options options = {.listen = listen, .on_drain = end_on_drain};
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	(void)state;
	server = server_open(&options, &error);
	assert_non_null(server);
	getsockname(server->listeners[0].fd, (struct sockaddr *)&address, &len);
	port = ntohs(address.sin_port);
	child = fork();
	if (child == 0) {
		log_open("test", "/dev/null", LOG_ERROR);
		server_run(server, &SERVICE);
		_exit(0);
	}
	json_decref(listen);
	return 0;
}

static int stop_server(void **state)
{
	int status;

	(void)state;
	kill(child, SIGTERM);
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int kill_server(void **state)
{
	(void)state;
	kill(child, SIGKILL); /* where a test has failed before the drain */
	waitpid(child, NULL, 0);
	return 0;
}

/* ---- a client ---- */

static int dial(void)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = 10};
	int fd = -1;

	/* the child listens as soon as it runs */
	for (int i = 0; i < 500; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			break;
		close(fd);
		usleep(10 * 1000);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void ask(int fd, const char *method, const char *path, const char *body)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method,
	                   path, strlen(body), body);

	assert_int_equal(write(fd, text, (size_t)len), len);
}

/* Reads until what came has the text, or the end. */
static bool read_until(int fd, const char *text, char *got, size_t size)
{
	size_t len = 0;

	got[0] = '\0';
	while (strstr(got, text) == NULL) {
		ssize_t n = read(fd, got + len, size - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		got[len] = '\0';
	}
	return true;
}

/* Names of headers have no case. */
static bool has_header(char *got, const char *header)
{
	h2o_strtolower(got, strlen(got));
	return strstr(got, header) != NULL;
}

/* One exchange on a connection of its own. */
static void exchange(const char *method, const char *path, const char *body, const char *wanted)
{
	char got[4096];
	int fd = dial();

	ask(fd, method, path, body);
	assert_true(read_until(fd, wanted, got, sizeof(got)));
	close(fd);
}

static bool has_come_to_pass(const char *method, const char *path, const char *wanted)
{
	char got[4096];
	bool passed = false;

	for (int i = 0; i < 500 && !passed; i++) {
		int fd = dial();
		ask(fd, method, path, "");
		assert_true(read_until(fd, "\r\n\r\n", got, sizeof(got)));
		passed = has_header(got, wanted);
		close(fd);
		if (!passed)
			usleep(10 * 1000);
	}
	return passed;
}

/* ---- tests ---- */

static void parts_make_one_answer_and_the_connection_stays(void **state)
{
	char got[4096];
	int fd = dial();

	(void)state;
	for (int i = 0; i < 2; i++) {
		ask(fd, "GET", "/parts", "");
		assert_true(read_until(fd, "\r\n0\r\n\r\n", got, sizeof(got)));
		assert_non_null(strstr(got, "transfer-encoding: chunked"));
		assert_non_null(strstr(got, "one "));
		assert_non_null(strstr(got, "two three"));
	}
	close(fd);
}

static void an_old_reader_gets_the_bytes_alone(void **state)
{
	static const char HEAD[] = "GET /parts HTTP/1.0\r\nHost: x\r\n\r\n";
	char got[4096];
	int fd = dial();

	(void)state;
	assert_int_equal(write(fd, HEAD, sizeof(HEAD) - 1), sizeof(HEAD) - 1);
	assert_true(read_until(fd, "one two three", got, sizeof(got)));
	assert_null(strstr(got, "chunked"));
	assert_int_equal(read(fd, got, sizeof(got)), 0);
	close(fd);
}

static void an_idle_stream_hears_what_is_said_later(void **state)
{
	char got[4096];
	int fd = dial();

	(void)state;
	ask(fd, "GET", "/idle", "");
	assert_true(read_until(fd, ": hello\n\n", got, sizeof(got)));
	assert_non_null(strstr(got, "x-accel-buffering: no"));
	assert_true(has_header(got, "connection: close"));
	exchange("POST", "/say", "data: 1\n\n", "said");
	assert_true(read_until(fd, "data: 1\n\n", got, sizeof(got)));
	assert_int_equal(write(fd, "noise", 5), 5); /* nobody minds */
	exchange("POST", "/say", "data: 2\n\n", "said");
	assert_true(read_until(fd, "data: 2\n\n", got, sizeof(got)));
	exchange("POST", "/end", "", "ended");
	assert_true(read_until(fd, "0\r\n\r\n", got, sizeof(got)));
	assert_int_equal(read(fd, got, sizeof(got)), 0);
	close(fd);
	exchange("GET", "/gone", "", "\r\n\r\n0");
}

static void a_reader_that_leaves_is_noticed(void **state)
{
	char got[4096];
	int fd = dial();

	(void)state;
	ask(fd, "GET", "/idle", "");
	assert_true(read_until(fd, ": hello\n\n", got, sizeof(got)));
	close(fd);
	assert_true(has_come_to_pass("POST", "/say", "content-length: 6")); /* nobody */
	exchange("GET", "/gone", "", "\r\n\r\n1");
}

static void a_reader_that_does_not_read_is_cut_off(void **state)
{
	static char much[64 * 1024];
	char head[128], got[4096];
	int fd = dial(), small = 4096, other = dial();

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	ask(fd, "GET", "/idle", "");
	assert_true(read_until(fd, ": hello\n\n", got, sizeof(got)));
	memset(much, 'x', sizeof(much));
	bool cut_off = false;
	for (int i = 0; i < 500 && !cut_off; i++) {
		int len = snprintf(head, sizeof(head), "POST /say HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
		                   sizeof(much));
		assert_int_equal(write(other, head, (size_t)len), len);
		assert_int_equal(write(other, much, sizeof(much)), sizeof(much));
		assert_true(read_until(other, "\r\n\r\n", got, sizeof(got)));
		cut_off = has_header(got, "content-length: 6");
	}
	assert_true(cut_off);
	close(other);
	close(fd);
}

static void a_drain_ends_streams_well(void **state)
{
	char got[4096];
	int fd = dial();

	ask(fd, "GET", "/idle", "");
	assert_true(read_until(fd, ": hello\n\n", got, sizeof(got)));
	assert_int_equal(stop_server(state), 0);
	assert_true(read_until(fd, "0\r\n\r\n", got, sizeof(got)));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parts_make_one_answer_and_the_connection_stays),
	    cmocka_unit_test(an_old_reader_gets_the_bytes_alone),
	    cmocka_unit_test(an_idle_stream_hears_what_is_said_later),
	    cmocka_unit_test(a_reader_that_leaves_is_noticed),
	    cmocka_unit_test(a_reader_that_does_not_read_is_cut_off),
	    cmocka_unit_test(a_drain_ends_streams_well),
	};

	signal(SIGPIPE, SIG_IGN);
	json_init();
	return cmocka_run_group_tests(tests, start_server, kill_server);
}
