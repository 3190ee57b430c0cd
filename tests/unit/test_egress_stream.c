/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are read while they come, their codings, and what ends a flight. */
#include "tests/unit/egress_stream_peer.h"

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
	    TEST(no_connection_means_unsent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
