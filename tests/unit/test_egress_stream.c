/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are read while they come, requests that are confined to places, and what ends a flight. The server is a
 * thread of this program: it sends what the test wrote, byte for byte. */
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

static bool has_pieces(const struct got *got)
{
	return got->pieces > 0;
}

static bool has_head(const struct got *got)
{
	return got->heads > 0;
}

static bool was_asked(const struct got *got)
{
	(void)got;
	return atomic_load(&server.asked) > 0;
}

static bool is_peer_gone(const struct got *got)
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

/* --- reading while it comes ------------------------------------------------------------------ */

#define CHUNKED                                                                                                        \
	"HTTP/1.1 200 OK\r\nX-Session: one\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static void a_stream_tells_its_head_and_pieces(void **state)
{
	struct egress_request request = get();
	struct got got = {0};

	(void)state;
	answer_text("HTTP/1.1 103 Early Hints\r\nX-Session: early\r\n\r\n" CHUNKED "3\r\nabc\r\n", true);
	request.stream = &READER;
	request.answer_limit = 1; /* is the reader's business */
	request.timeout_ms = 0;
	struct egress_flight *flight = egress_fetch(egress, &request, on_done, &got);
	turn_until(has_pieces, &got);
	assert_int_equal(got.heads, 1);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.field, "one");
	assert_string_equal(got.seen, "abc");
	assert_int_equal(got.calls, 0);
	egress_cancel(flight);
	turn_until(is_peer_gone, &got);
	assert_int_equal(got.calls, 0); /* nobody is told */
}

static void a_stream_that_ends_is_done(void **state)
{
	struct egress_request request = get();
	struct got got = {0};

	(void)state;
	answer_text(CHUNKED "3\r\nabc\r\n3\r\ndef\r\n0\r\nX-Trailer: x\r\n\r\n", true);
	request.stream = &READER;
	egress_fetch(egress, &request, on_done, &got);
	turn_until(is_done, &got);
	assert_string_equal(got.seen, "abcdef");
	assert_int_equal(got.heads, 1);
	assert_int_equal(got.status, 200);
	assert_int_equal(got.failure, EGRESS_FINE);
	assert_int_equal(got.len, 0); /* it was all read */
}

static void a_stream_that_breaks_says_so(void **state)
{
	struct egress_request request = get();
	struct got got = {0};

	(void)state;
	answer_text(CHUNKED "3\r\nabc\r\n", false);
	request.stream = &READER;
	egress_fetch(egress, &request, on_done, &got);
	turn_until(is_done, &got);
	assert_string_equal(got.seen, "abc");
	assert_int_equal(got.status, 200);
	assert_int_equal(got.failure, EGRESS_LOST);
}

static void the_reader_may_end_it(void **state)
{
	struct egress_request request = get();
	struct got got = {.end_at_piece = 1};

	(void)state;
	answer_text(CHUNKED "3\r\nabc\r\n", true);
	request.stream = &READER;
	egress_fetch(egress, &request, on_done, &got);
	turn_until(is_done, &got);
	assert_int_equal(got.failure, EGRESS_ENDED);
	turn_until(is_peer_gone, &got);
	assert_int_equal(got.calls, 1);
}

static void the_reader_may_cancel_and_ask_anew(void **state)
{
	struct egress_request request = get();
	struct got at_head = {.cancel_at_head = 1}, other = {0}, at_piece = {.cancel_at_piece = 1};

	(void)state;
	answer_text(CHUNKED "3\r\nabc\r\n", true);
	request.stream = &READER;
	egress_fetch(egress, &request, on_done, &at_head);
	turn_until(has_head, &at_head);
	turn_until(is_peer_gone, &at_head);
	assert_int_equal(at_head.pieces, 0);
	atomic_store(&server.gone, 0);
	at_piece.other = &other;
	at_piece.fetch_at_piece = 1;
	egress_fetch(egress, &request, on_done, &at_piece);
	turn_until(has_pieces, &at_piece);
	turn_until(is_peer_gone, &at_piece);
	answer_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false);
	turn_until(is_done, &other);
	assert_int_equal(at_head.calls + at_piece.calls, 0);
	assert_int_equal(other.calls, 1);
}

static void the_head_alone_may_be_read(void **state)
{
	static const struct egress_stream HEAD_ONLY = {.on_head = on_stream_head};
	struct egress_request request = get();
	struct got got;

	(void)state;
	answer_text(CHUNKED "3\r\nabc\r\n0\r\n\r\n", false);
	request.stream = &HEAD_ONLY;
	got = fetch(&request);
	assert_int_equal(got.heads, 1);
	assert_string_equal(got.whole, "abc");
	request.answer_limit = 2;
	got = fetch(&request);
	assert_int_equal(got.status, 0);
	assert_int_equal(got.failure, EGRESS_TOO_LARGE);
}

static void what_is_cancelled_says_nothing(void **state)
{
	struct egress_request request = get(), bad = get();
	struct got waiting = {0}, refused = {0};

	(void)state;
	answer_text("", true); /* never */
	struct egress_flight *flight = egress_fetch(egress, &request, on_done, &waiting);
	turn_until(was_asked, &waiting);
	egress_cancel(flight);
	turn_until(is_peer_gone, &waiting);
	bad.url = "ftp://127.0.0.1/";
	egress_cancel(egress_fetch(egress, &bad, on_done, &refused));
	h2o_evloop_run(context.loop, 10);
	assert_int_equal(waiting.calls + refused.calls, 0);
}

/* --- what goes out -------------------------------------------------------------------------- */

static void other_methods_and_headers_go_out(void **state)
{
	const char *const headers[] = {"X-One: 1", "X-Empty:", "X-Two:  a b", NULL};
	struct egress_request request = get();

	(void)state;
	answer_text("HTTP/1.1 204 No Content\r\n\r\n", false);
	request.headers = headers;
	request.method = "PUT";
	assert_int_equal(fetch(&request).status, 204);
	assert_non_null(strstr(server.last, "PUT /x HTTP/1.1\r\n"));
	assert_non_null(strstr(server.last, "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(server.last, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(server.last, "\r\nX-Two: a b\r\n"));
	assert_non_null(strstr(server.last, "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(server.last, "Content-Type"));
	request.method = "PATCH";
	request.content_type = "application/merge-patch+json";
	request.body = text_of("{}");
	assert_int_equal(fetch(&request).status, 204);
	assert_non_null(strstr(server.last, "PATCH /x HTTP/1.1\r\n"));
	assert_non_null(strstr(server.last, "\r\nContent-Type: application/merge-patch+json\r\n"));
}

static void a_header_that_is_none_stops_the_request(void **state)
{
	static const char *const BAD[] = {
	    "X-A: b\r\nX-C: d",  "X-A: b\nX-C: d",
	    "X-A: b\rX-C: d",    "X-A: \x01",
	    "X-A: \x7f",         "X A: b",
	    "X-A : b",           ": b",
	    "no colon",          "X-\r\nA: b",
	    "Host: evil",        "host: evil",
	    "Content-Length: 3", "Transfer-Encoding: chunked",
	    "Connection: close", "Authorization: Bearer x",
	    "Cookie: a=b",       "X-\xc3\xa4: b",
	    "TE: trailers",
	};
	struct egress_request request = get();

	(void)state;
	answer_text("HTTP/1.1 204 No Content\r\n\r\n", false);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		const char *const headers[] = {"X-Fine: 1", BAD[i], NULL};
		request.headers = headers;
		struct got got = fetch(&request);
		assert_int_equal(got.status, 0);
		assert_int_equal(got.failure, EGRESS_FORBIDDEN);
	}
	assert_int_equal(atomic_load(&server.accepted), 0);
}

/* A kept connection that dies under the request: curl sends it once more on its own, unless it must not. */
static void once_is_once(void **state)
{
	struct egress_request request = get();
	struct got got;

	(void)state;
	answer_text("HTTP/1.1 204 No Content\r\n\r\n", true);
	request.method = "POST";
	assert_int_equal(fetch(&request).status, 204);
	atomic_store(&server.unanswered, 1);
	request.once = true;
	got = fetch(&request);
	assert_int_equal(got.status, 0);
	assert_int_equal(got.failure, EGRESS_LOST);
	assert_int_equal(atomic_load(&server.asked), 2);
	assert_int_equal(fetch(&request).status, 204);
	atomic_store(&server.unanswered, 1);
	request.once = false;
	assert_int_equal(fetch(&request).status, 204);
	assert_int_equal(atomic_load(&server.asked), 5);
}

/* --- codings ---------------------------------------------------------------------------------- */

struct bits {
	struct text_buffer *b;
	unsigned held, count;
};

static void put(struct bits *bits, unsigned value, unsigned count)
{
	bits->held |= value << bits->count;
	for (bits->count += count; bits->count >= 8; bits->count -= 8, bits->held >>= 8)
		text_append(bits->b, &(uint8_t){(uint8_t)bits->held}, 1);
}

/* Huffman codes begin with their highest bit (RFC 1951, 3.1.1). */
static void put_code(struct bits *bits, unsigned code, unsigned count)
{
	while (count-- > 0)
		put(bits, code >> count & 1, 1);
}

static void put_number(struct bits *bits, uint32_t number)
{
	put(bits, number & 0xffff, 16);
	put(bits, number >> 16, 16);
}

/* RFC 1952, 8 */
static uint32_t crc_of_zeros(size_t zeros)
{
	uint32_t crc = 0xffffffff;

	while (zeros-- > 0) {
		crc ^= '0';
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
	}
	return ~crc;
}

/* So many characters "0": as literals, and as repetitions of 258 of them. */
static void zip(struct text_buffer *b, size_t zeros)
{
	struct bits bits = {.b = b};
	size_t left = zeros;

	text_append(b, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
	put(&bits, 1 | 1 << 1, 3); /* the last block, with the fixed codes */
	for (; left > 0 && (left == zeros || left < 258); left--)
		put_code(&bits, 0x30 + '0', 8);
	for (; left >= 258; left -= 258) {
		put_code(&bits, 0xc0 + 285 - 280, 8);
		put_code(&bits, 0, 5); /* the one before */
	}
	for (; left > 0; left--)
		put_code(&bits, 0x30 + '0', 8);
	put_code(&bits, 0, 7);
	put(&bits, 0, bits.count > 0 ? 8 - bits.count : 0);
	put_number(&bits, crc_of_zeros(zeros));
	put_number(&bits, (uint32_t)zeros);
}

/* An answer whose body is so many of them, as they are or in gzip. */
static h2o_iovec_t zipped(h2o_mem_pool_t *pool, size_t zeros, bool zips, const char *coding)
{
	struct text_buffer b = {.pool = pool}, body = {.pool = pool};

	if (zips)
		zip(&body, zeros);
	for (size_t i = 0; !zips && i < zeros; i++)
		text_append_str(&body, "0");
	text_append_printf(&b, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", coding,
	                   body.len);
	text_append(&b, body.base, body.len);
	return h2o_iovec_init(b.base, b.len);
}

static struct got fetch_zipped(h2o_mem_pool_t *pool, size_t zeros, bool zips, const char *coding)
{
	h2o_iovec_t answer = zipped(pool, zeros, zips, coding);
	struct egress_request request = get();

	answer_bytes(answer.base, answer.len, false);
	request.decodes = true;
	return fetch(&request);
}

/* U-2 */
static void the_limit_counts_decoded_bytes(void **state)
{
	h2o_mem_pool_t pool;
	struct got got;

	(void)state;
	h2o_mem_init_pool(&pool);
	got = fetch_zipped(&pool, 200, true, "gzip");
	assert_int_equal(got.status, 200);
	assert_int_equal(got.len, 200);
	assert_non_null(strstr(server.last, "Accept-Encoding: gzip, deflate\r\n"));
	assert_int_equal(fetch_zipped(&pool, 201, true, "gzip").failure, EGRESS_TOO_LARGE);
	assert_int_equal(fetch_zipped(&pool, 50000000, true, "GZip").failure, EGRESS_TOO_LARGE);
	assert_int_equal(fetch_zipped(&pool, 100, true, "gzip, gzip").failure, EGRESS_LOST);
	assert_int_equal(fetch_zipped(&pool, 100, true, "zstd").failure, EGRESS_LOST);
	assert_int_equal(fetch_zipped(&pool, 100, true, "br").failure, EGRESS_LOST);
	assert_int_equal(fetch_zipped(&pool, 100, true, "compress").failure, EGRESS_LOST);
	assert_int_equal(fetch_zipped(&pool, 100, false, "gzip").failure, EGRESS_LOST); /* it is none */
	assert_int_equal(fetch_zipped(&pool, 100, false, "identity").len, 100);
	h2o_mem_clear_pool(&pool);
}

/* --- places ----------------------------------------------------------------------------------- */

static struct got fetch_at(const struct egress_places *places, const char *url)
{
	struct egress_request request = get();

	request.url = url;
	request.places = places;
	return fetch(&request);
}

static const char *url_of(const char *format)
{
	static char url[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(url, sizeof(url), format, server.port);
#pragma GCC diagnostic pop
	return url;
}

static void a_confined_request_goes_to_its_places_only(void **state)
{
	static const char *const ELSEWHERE[] = {
	    "https://127.0.0.1:%d/x",   "http://127.0.0.2:%d/x",   "http://127.0.0.1/x",
	    "http://localhost:%d/x",    "http://b.localhost:%d/x", "ftp://127.0.0.1:%d/x",
	    "https://example.com/",     "http://[::1]:%d/x",       "http://127.1:%d/x",
	    "http://127.0.0.1:%d/../x", "http://127.0.0.1.:%d/x",  "http://user@127.0.0.1:%d/x",
	};
	const struct egress_place list[] = {
	    {.host = "127.0.0.1", .port = (unsigned)server.port, .plain = true, .ranges = &loopback, .range_count = 1},
	    {.host = "a.localhost",
	     .port = (unsigned)server.port,
	     .plain = true,
	     .ranges = &loopback,
	     .range_count = 1},
	};
	const struct egress_places places = {list, 2}, none = {list, 0};

	(void)state;
	answer_text("HTTP/1.1 204 No Content\r\n\r\n", false);
	assert_int_equal(fetch_at(&places, url_of("http://127.0.0.1:%d/x")).status, 204);
	assert_int_equal(fetch_at(&places, url_of("http://a.localhost:%d/x")).status, 204);
	assert_true(egress_places_allow(&places, text_of(url_of("http://127.0.0.1:%d/x"))));
	assert_int_equal(atomic_load(&server.accepted), 2);
	for (size_t i = 0; i < sizeof(ELSEWHERE) / sizeof(ELSEWHERE[0]); i++) {
		struct got got = fetch_at(&places, url_of(ELSEWHERE[i]));
		assert_int_equal(got.status, 0);
		assert_int_equal(got.failure, EGRESS_FORBIDDEN);
		assert_false(egress_places_allow(&places, text_of(url_of(ELSEWHERE[i]))));
	}
	assert_int_equal(fetch_at(&none, url_of("http://127.0.0.1:%d/x")).status, 0);
	assert_int_equal(atomic_load(&server.accepted), 2);
}

/* U-1: what the name leads to is judged, and that when it is used. */
static void a_place_is_left_by_no_name(void **state)
{
	struct address_range ten;
	const struct egress_place open[] = {{.host = "*.localhost", .port = 443}};
	const struct egress_place inside[] = {
	    {.host = "*.localhost", .port = (unsigned)server.port, .plain = true, .ranges = &ten, .range_count = 1},
	    {.host = "127.0.0.1", .port = (unsigned)server.port, .plain = true, .ranges = &ten, .range_count = 1},
	    {.host = "127.0.0.1", .port = 80, .plain = true},
	};
	const struct egress_places public_ones = {open, 1}, ones_of_ten = {inside, 3};
	struct got got;

	(void)state;
	assert_true(address_range_parse(text_of("10.0.0.0/8"), &ten));
	got = fetch_at(&public_ones, "https://a.localhost/");
	assert_int_equal(got.failure, EGRESS_FORBIDDEN);
	assert_string_equal(got.problem, "the name leads to an address that is not allowed");
	got = fetch_at(&ones_of_ten, url_of("http://a.localhost:%d/x"));
	assert_int_equal(got.failure, EGRESS_FORBIDDEN);
	got = fetch_at(&ones_of_ten, url_of("http://127.0.0.1:%d/x"));
	assert_int_equal(got.failure, EGRESS_FORBIDDEN);
	assert_false(egress_places_allow(&ones_of_ten, text_of(url_of("http://127.0.0.1:%d/x"))));
	/* http without addresses that it is for is none */
	got = fetch_at(&ones_of_ten, "http://127.0.0.1/");
	assert_int_equal(got.failure, EGRESS_FORBIDDEN);
	assert_int_equal(atomic_load(&server.accepted), 0);
}

/* U-1: a connection that was kept is judged by the rules of today. */
static void a_kept_connection_is_judged_again(void **state)
{
	struct address_range other;
	struct egress_place place = {
	    .host = "a.localhost", .port = (unsigned)server.port, .plain = true, .ranges = &loopback, .range_count = 1};
	const struct egress_places places = {&place, 1};
	struct got got;

	(void)state;
	answer_text("HTTP/1.1 204 No Content\r\n\r\n", true);
	assert_int_equal(fetch_at(&places, url_of("http://a.localhost:%d/x")).status, 204);
	assert_int_equal(fetch_at(&places, url_of("http://a.localhost:%d/x")).status, 204);
	assert_int_equal(atomic_load(&server.accepted), 1);
	assert_true(address_range_parse(text_of("127.0.0.2"), &other));
	place.ranges = &other;
	got = fetch_at(&places, url_of("http://a.localhost:%d/x"));
	assert_int_equal(got.failure, EGRESS_FORBIDDEN);
	assert_int_equal(atomic_load(&server.asked), 2);
}

static void no_connection_means_unsent(void **state)
{
	struct egress_request request = get();
	struct got got;

	(void)state;
	request.url = "http://127.0.0.1:1/";
	got = fetch(&request);
	assert_int_equal(got.failure, EGRESS_UNSENT);
	answer_text("nonsense\r\n\r\n", false);
	got = fetch(&(struct egress_request){.method = "GET", .url = get().url, .timeout_ms = WAIT_MS});
	assert_int_equal(got.failure, EGRESS_LOST);
	answer_text("", true);
	request = get();
	request.timeout_ms = 50;
	assert_int_equal(fetch(&request).failure, EGRESS_TIMED_OUT);
}

/* U-1: the name is asked for each connection, and what counts is where that one leads. */
static void a_name_that_is_bound_anew_leads_nowhere(void **state)
{
	struct address_range one;
	const struct egress_place place = {
	    .host = "rebind.test", .port = (unsigned)server.port, .plain = true, .ranges = &one, .range_count = 1};
	const struct egress_places places = {&place, 1};
	struct got got;

	(void)state;
	assert_true(address_range_parse(text_of("127.0.0.1"), &one));
	answer_text("HTTP/1.1 204 No Content\r\n\r\n", false);
	resolver.first = "127.0.0.1";
	resolver.second = "127.0.0.2";
	assert_int_equal(fetch_at(&places, url_of("http://rebind.test:%d/x")).status, 204);
	egress_close(egress); /* with its memory of names */
	egress = egress_open(&context, NULL);
	got = fetch_at(&places, url_of("http://rebind.test:%d/x"));
	assert_int_equal(got.failure, EGRESS_FORBIDDEN);
	assert_string_equal(got.problem, "the name leads to an address that is not allowed");
	assert_int_equal(atomic_load(&server.accepted), 1);
}

/* --- U-1: every spelling of an address ------------------------------------------------------------ */

static const uint8_t INSIDE[][4] = {
    {127, 0, 0, 1},       {127, 255, 255, 254}, {0, 0, 0, 0},     {0, 1, 2, 3},         {10, 0, 0, 1},
    {172, 16, 0, 1},      {172, 31, 255, 255},  {192, 168, 1, 1}, {169, 254, 169, 254}, {100, 64, 0, 1},
    {100, 100, 100, 200}, {192, 0, 0, 192},     {198, 18, 0, 1},  {203, 0, 113, 7},     {224, 0, 0, 1},
    {240, 0, 0, 1},       {255, 255, 255, 255},
};
static const char *const INSIDE6[] = {
    "::1",         "::",      "0:0:0:0:0:0:0:1", "fe80::1", "febf::1",
    "fec0::1",     "fc00::1", "fd00:ec2::254",   "ff02::1", "ff0e::1",
    "2001:db8::1", "3fff::1", "2001:10::1",      "100::1",  "::ffff:0:127.0.0.1",
    "5f00::1",     "4000::1",
};

struct spellings {
	h2o_mem_pool_t pool;
	const char *hosts[2000];
	size_t count;
};

__attribute__((format(printf, 2, 3))) static void spell(struct spellings *s, const char *format, ...)
{
	va_list arguments;

	assert_true(s->count < sizeof(s->hosts) / sizeof(s->hosts[0]));
	va_start(arguments, format);
	s->hosts[s->count++] = text_vprintf(&s->pool, format, arguments);
	va_end(arguments);
}

static void spell_numbers(struct spellings *s, const uint8_t a[4])
{
	unsigned number = (unsigned)a[0] << 24 | (unsigned)a[1] << 16 | (unsigned)a[2] << 8 | a[3];
	unsigned low3 = number & 0xffffff, low2 = number & 0xffff;

	spell(s, "%u", number);
	spell(s, "0%o", number);
	spell(s, "0x%x", number);
	spell(s, "0X%08X", number);
	spell(s, "%llu", number + 4294967296ULL);
	spell(s, "%u.%u", a[0], low3);
	spell(s, "0x%x.%u", a[0], low3);
	spell(s, "%u.%u.%u", a[0], a[1], low2);
	spell(s, "0%o.0%o.0%o.0%o", a[0], a[1], a[2], a[3]);
	spell(s, "0x%x.0x%x.0x%x.0x%x", a[0], a[1], a[2], a[3]);
	spell(s, "0x%x.0%o.%u.%u", a[0], a[1], a[2], a[3]);
	spell(s, "%03u.%03u.%03u.%03u", a[0], a[1], a[2], a[3]);
	spell(s, "%u.%u.%u.%u", a[0] + 256U, a[1], a[2], a[3]);
}

static void spell_texts(struct spellings *s, const uint8_t a[4])
{
	const char *plain = text_printf(&s->pool, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);

	spell(s, "%s", plain);
	spell(s, "%s.", plain);
	spell(s, "%s..", plain);
	spell(s, "%%3%c%s", plain[0], plain + 1);
	spell(s, "%u%%2e%u%%2E%u.%u", a[0], a[1], a[2], a[3]);
	spell(s, "%u\xe3\x80\x82%u.%u.%u", a[0], a[1], a[2], a[3]); /* an ideographic full stop */
	spell(s, "\xef\xbc\x91%s", plain);                          /* a fullwidth digit */
	spell(s, "x@%s", plain);
	spell(s, "api.example.com@%s", plain);
	spell(s, "api.example.com:443@%s", plain);
	spell(s, "%s#@api.example.com", plain);
	spell(s, "%s\\@api.example.com", plain);
	spell(s, "%s ", plain);
	spell(s, " %s", plain);
	spell(s, "%s\t", plain);
	spell(s, "%s\r\nX: y", plain);
	spell(s, "[%s]", plain);
}

static void spell_embedded(struct spellings *s, const uint8_t a[4])
{
	unsigned high = (unsigned)a[0] << 8 | a[1], low = (unsigned)a[2] << 8 | a[3];
	const char *plain = text_printf(&s->pool, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);

	spell(s, "[::ffff:%s]", plain);
	spell(s, "[::FFFF:%s]", plain);
	spell(s, "[::ffff:%x:%x]", high, low);
	spell(s, "[0:0:0:0:0:ffff:%x:%x]", high, low);
	spell(s, "[::%s]", plain);
	spell(s, "[::ffff:0:%s]", plain);
	spell(s, "[64:ff9b::%s]", plain);
	spell(s, "[64:ff9b::%x:%x]", high, low);
	spell(s, "[64:ff9b:1::%x:%x]", high, low);
	spell(s, "[2002:%x:%x::]", high, low);
	spell(s, "[2002:%x:%x::1]", high, low);
	spell(s, "[2001:0:%x:%x::]", high, low);
	spell(s, "[2001:0:53aa:64c:0:0:%x:%x]", ~high & 0xffff, ~low & 0xffff);
	spell(s, "[fe80::5efe:%s]", plain);
	spell(s, "[::ffff:%s%%25lo]", plain);
}

static void spell_all(struct spellings *s)
{
	for (size_t i = 0; i < sizeof(INSIDE) / sizeof(INSIDE[0]); i++) {
		spell_numbers(s, INSIDE[i]);
		spell_texts(s, INSIDE[i]);
		spell_embedded(s, INSIDE[i]);
	}
	for (size_t i = 0; i < sizeof(INSIDE6) / sizeof(INSIDE6[0]); i++) {
		spell(s, "[%s]", INSIDE6[i]);
		spell(s, "[%s%%25lo]", INSIDE6[i]);
		spell(s, "[%s%%lo]", INSIDE6[i]);
		spell(s, "[%s%%251]", INSIDE6[i]);
		spell(s, "[%s].", INSIDE6[i]);
		spell(s, "%s", INSIDE6[i]);
	}
}

/* Even an operator who names such a host does not open it by that: it takes its addresses. */
static void every_spelling_of_an_inner_address_is_refused(void **state)
{
	static const char *const FORMS[] = {"https://%s/", "http://%s/", "https://%s:443/x", "HTTPS://%s/"};
	static const struct egress_place NAMED[] = {{.host = "api.example.com", .port = 443},
	                                            {.host = "*.example.com", .port = 443}};
	const struct egress_places named = {NAMED, 2};
	static struct spellings s;
	size_t count = 0;

	(void)state;
	h2o_mem_init_pool(&s.pool);
	spell_all(&s);
	for (size_t i = 0; i < s.count; i++) {
		const struct egress_place itself[] = {{.host = s.hosts[i], .port = 443},
		                                      {.host = s.hosts[i], .port = 80, .plain = true}};
		const struct egress_places open = {itself, 2};
		for (size_t f = 0; f < sizeof(FORMS) / sizeof(FORMS[0]); f++, count++) {
			const char *rest = strstr(FORMS[f], "%s");
			const char *url =
			    text_printf(&s.pool, "%.*s%s%s", (int)(rest - FORMS[f]), FORMS[f], s.hosts[i], rest + 2);
			if (egress_places_allow(&named, text_of(url)) || egress_places_allow(&open, text_of(url)))
				print_error("%s is allowed\n", url);
			assert_false(egress_places_allow(&named, text_of(url)));
			assert_false(egress_places_allow(&open, text_of(url)));
			assert_int_equal(fetch_at(&open, url).failure, EGRESS_FORBIDDEN);
		}
	}
	assert_null(egress->on.multi); /* libcurl has heard of none of them */
	print_message("U-1: %zu URLs of inner addresses in all spellings\n", count);
	h2o_mem_clear_pool(&s.pool);
}

/* A name that leads there, in whatever form its resolver says so. */
static void no_name_leads_to_an_inner_address(void **state)
{
	static const struct egress_place PLACE = {.host = "rebind.test", .port = 443};
	static const char *const EMBEDDED[] = {"::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::10.0.0.1",
	                                       "2002:7f00:1::",    "2001:0:a00:1::",   "::127.0.0.1"};
	const struct egress_places places = {&PLACE, 1};
	const char *leads[64];
	size_t count = 0, judged = 0;
	h2o_mem_pool_t pool;

	(void)state;
	h2o_mem_init_pool(&pool);
	for (size_t i = 0; i < sizeof(INSIDE) / sizeof(INSIDE[0]); i++)
		leads[count++] =
		    text_printf(&pool, "%u.%u.%u.%u", INSIDE[i][0], INSIDE[i][1], INSIDE[i][2], INSIDE[i][3]);
	for (size_t i = 0; i < sizeof(INSIDE6) / sizeof(INSIDE6[0]); i++)
		leads[count++] = INSIDE6[i];
	for (size_t i = 0; i < sizeof(EMBEDDED) / sizeof(EMBEDDED[0]); i++)
		leads[count++] = EMBEDDED[i];
	for (size_t i = 0; i < count; i++) {
		resolver.first = resolver.second = leads[i];
		struct got got = fetch_at(&places, "https://rebind.test/");
		/* a machine without IPv6 may find no address at all */
		assert_true(got.failure == EGRESS_FORBIDDEN || got.failure == EGRESS_UNSENT);
		assert_true(got.failure == EGRESS_FORBIDDEN || strcmp(got.problem, "the name cannot be resolved") == 0);
		judged += got.failure == EGRESS_FORBIDDEN;
		egress_close(egress); /* with its memory of names */
		egress = egress_open(&context, NULL);
	}
	assert_true(judged >= sizeof(INSIDE) / sizeof(INSIDE[0]));
	print_message("U-1: %zu inner addresses behind a name\n", judged);
	h2o_mem_clear_pool(&pool);
}

/* A name server that does not answer holds a thread, and nobody else. */
static void a_slow_name_holds_nobody(void **state)
{
	const struct egress_place place = {.host = "slow.test", .port = 443};
	const struct egress_places places = {&place, 1};
	struct egress_request request = get();
	struct got got, cancelled = {0};

	(void)state;
	request.url = "https://slow.test/";
	request.places = &places;
	request.timeout_ms = 50;
	got = fetch(&request);
	assert_int_equal(got.failure, EGRESS_TIMED_OUT);
	assert_true(atomic_load(&resolver.is_slow));
	request.timeout_ms = WAIT_MS;
	struct egress_flight *flight = egress_fetch(egress, &request, on_done, &cancelled);
	h2o_evloop_run(context.loop, 10);
	egress_cancel(flight);
	assert_true(atomic_load(&resolver.is_slow));
	atomic_store(&resolver.answers, true);
	while (atomic_load(&resolver.is_slow))
		poll(NULL, 0, 1);
	assert_int_equal(cancelled.calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_stream_tells_its_head_and_pieces),
	    TEST(a_stream_that_ends_is_done),
	    TEST(a_stream_that_breaks_says_so),
	    TEST(the_reader_may_end_it),
	    TEST(the_reader_may_cancel_and_ask_anew),
	    TEST(the_head_alone_may_be_read),
	    TEST(what_is_cancelled_says_nothing),
	    TEST(other_methods_and_headers_go_out),
	    TEST(a_header_that_is_none_stops_the_request),
	    TEST(once_is_once),
	    TEST(the_limit_counts_decoded_bytes),
	    TEST(a_confined_request_goes_to_its_places_only),
	    TEST(a_place_is_left_by_no_name),
	    TEST(a_kept_connection_is_judged_again),
	    TEST(no_connection_means_unsent),
	    TEST(a_name_that_is_bound_anew_leads_nowhere),
	    TEST(a_slow_name_holds_nobody),
	    TEST(every_spelling_of_an_inner_address_is_refused),
	    TEST(no_name_leads_to_an_inner_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
