/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that a program of ours chose. */
#include "tests/unit/egress_peer.h"

static void an_answer_comes_with_type_and_body(void **state)
{
	struct egress *egress = open_egress();
	struct got got = fetch_url(egress, url_of("/fine"));

	(void)state;
	assert_int_equal(got.status, 200);
	assert_string_equal(got.type, "application/json");
	assert_string_equal(got.body, "{\"a\":1}");
	assert_asked("GET /fine HTTP/1.1\r\n", true);
	assert_asked("User-Agent: sallyport\r\n", true);
	assert_asked("Accept: application/json\r\n", true);
	got = fetch_url(egress, url_of("/nothing"));
	assert_int_equal(got.status, 204);
	assert_int_equal(got.body_len, 0);
	/* The cookie of the first answer does not come back. */
	assert_asked("Cookie", false);
	got = fetch_url(egress, url_of("/refused"));
	assert_int_equal(got.status, 401);
	assert_string_equal(got.body, "no");
	close_egress(egress);
}

static void a_body_and_headers_are_sent(void **state)
{
	struct egress *egress = open_egress();
	char body[] = "token=abc", type[] = "application/x-www-form-urlencoded", authorization[] = "Basic eDp5";
	struct egress_request request = {
	    .method = "POST",
	    .url = url_of("/fine"),
	    .content_type = type,
	    .accept = "text/plain",
	    .authorization = authorization,
	    .body = h2o_iovec_init(body, sizeof(body) - 1),
	    .timeout_ms = 10000,
	    .answer_limit = 7,
	};
	struct got got = {0};

	(void)state;
	egress_fetch(egress, &request, on_done, &got);
	/* All of it was copied. */
	memset(body, 'x', sizeof(body) - 1);
	memset(type, 'x', sizeof(type) - 1);
	memset(authorization, 'x', sizeof(authorization) - 1);
	run(&got);
	assert_int_equal(got.status, 200);
	assert_asked("POST /fine HTTP/1.1\r\n", true);
	assert_asked("Content-Type: application/x-www-form-urlencoded\r\n", true);
	assert_asked("Accept: text/plain\r\n", true);
	assert_asked("Authorization: Basic eDp5\r\n", true);
	assert_asked("Content-Length: 9\r\n", true);
	assert_asked("\r\n\r\ntoken=abc", true);
	assert_asked("Expect", false);
	request.method = "DELETE";
	request.content_type = request.authorization = NULL;
	request.body = h2o_iovec_init(NULL, 0);
	got = fetch(egress, &request);
	assert_int_equal(got.status, 200);
	assert_asked("DELETE /fine HTTP/1.1\r\n", true);
	assert_asked("Content-", false);
	close_egress(egress);
}

static void one_connection_serves_many(void **state)
{
	struct egress *egress = open_egress();
	int accepted = atomic_load(&server.accepted);

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(fetch_url(egress, url_of("/fine")).status, 200);
	assert_int_equal(atomic_load(&server.accepted), accepted + 1);
	close_egress(egress);
}

static void many_at_once(void **state)
{
	enum { ALL = 100 };
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/fine"));
	static struct got got[ALL];

	(void)state;
	for (int i = 0; i < ALL; i++)
		egress_fetch(egress, &request, on_done, &got[i]);
	for (int i = 0; i < ALL; i++) {
		run(&got[i]);
		assert_int_equal(got[i].status, 200);
		assert_int_equal(got[i].calls, 1);
	}
	close_egress(egress);
}

/* A host that hangs has all the connections that it can have, and no other host less. */
static void a_host_that_hangs_holds_up_no_other(void **state)
{
	enum { ALL = LINE_RUNNING_MAX + 8, TIME_MS = 1500 };
	static struct got got[ALL];
	struct egress *egress = egress_open(&context, ca_file);
	struct egress_request slow = get(url_of("/slow")), soon = slow;
	struct got last = {0};
	int64_t begun_ms = clock_monotonic_ms();

	(void)state;
	slow.timeout_ms = TIME_MS;
	for (int i = 0; i < ALL; i++)
		egress_fetch(egress, &slow, on_done, &got[i]);
	assert_int_equal(fetch_url(egress, secure_url("127.0.0.1", "/fine")).status, 200);
	assert_true(clock_monotonic_ms() - begun_ms < TIME_MS);
	/* what waits is over when its own time is */
	soon.timeout_ms = 1;
	egress_fetch(egress, &soon, on_done, &last);
	run(&last);
	assert_string_equal(last.problem, "timed out");
	assert_true(clock_monotonic_ms() - begun_ms < TIME_MS);
	for (int i = 0; i < ALL; i++) {
		run(&got[i]);
		assert_string_equal(got[i].problem, "timed out");
		assert_int_equal(got[i].calls, 1);
	}
	assert_true(clock_monotonic_ms() - begun_ms < 2 * TIME_MS);
	/* and then everybody's turn comes again */
	assert_int_equal(fetch_url(egress, url_of("/fine")).status, 200);
	assert_true(h2o_linklist_is_empty(&egress->line.hosts));
	close_egress(egress);
}

static void who_waits_goes_when_another_is_through(void **state)
{
	enum { ALL = LINE_RUNNING_MAX + LINE_WAITING_MAX + 1 };
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/fine"));
	static struct got got[ALL];

	(void)state;
	for (int i = 0; i < ALL; i++)
		egress_fetch(egress, &request, on_done, &got[i]);
	for (int i = 0; i < ALL; i++) {
		run(&got[i]);
		assert_int_equal(got[i].status, i < ALL - 1 ? 200 : 0);
		assert_int_equal(got[i].calls, 1);
	}
	assert_string_equal(got[ALL - 1].problem, "too many requests wait for the host");
	for (int i = 0; i < LINE_RUNNING_MAX + 2; i++)
		egress_fetch(egress, &request, on_done, &got[i]);
	close_egress(egress); /* whoever waits hears of that, too */
	for (int i = 0; i < LINE_RUNNING_MAX + 2; i++)
		assert_int_equal(got[i].calls, 2);
}

/* one person with many requests to a host leaves connections to everybody else. */
static void nobody_has_all_connections_to_a_host(void **state)
{
	enum { MINE = LINE_RUNNING_MAX + 10 };
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/slow"));
	static struct got mine[MINE];
	struct got other = {0};

	(void)state;
	request.who = 1;
	memset(mine, 0, sizeof(mine));
	for (int i = 0; i < MINE; i++)
		egress_fetch(egress, &request, on_done, &mine[i]);
	request.who = 2;
	request.url = url_of("/fine");
	egress_fetch(egress, &request, on_done, &other);
	run(&other);
	assert_int_equal(other.status, 200);
	for (int i = 0; i < MINE; i++)
		assert_int_equal(mine[i].calls, 0);
	close_egress(egress);
}

static void an_answer_beyond_its_limit_is_none(void **state)
{
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/fine"));
	struct got got;

	(void)state;
	request.answer_limit = 7;
	assert_int_equal(fetch(egress, &request).status, 200);
	request.answer_limit = 6;
	got = fetch(egress, &request);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the answer is too large");
	got = fetch_url(egress, url_of("/large"));
	assert_int_equal(got.status, 0);
	assert_int_equal(got.body_len, 0);
	assert_string_equal(got.problem, "the answer is too large");
	got = fetch_url(egress, url_of("/head"));
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the answer is too large");
	close_egress(egress);
}

static void a_slow_answer_times_out(void **state)
{
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/slow"));
	int64_t before = clock_monotonic_ms();
	struct got got;

	(void)state;
	request.timeout_ms = 80;
	got = fetch(egress, &request);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "timed out");
	assert_true(clock_monotonic_ms() - before >= 75);
	assert_true(clock_monotonic_ms() - before < 5000);
	close_egress(egress);
}

static void a_redirect_is_an_answer(void **state)
{
	struct egress *egress = open_egress();
	int asked = atomic_load(&server.asked);

	(void)state;
	assert_int_equal(fetch_url(egress, url_of("/moved")).status, 302);
	assert_int_equal(atomic_load(&server.asked), asked + 1);
	close_egress(egress);
}

static void broken_answers_are_none(void **state)
{
	struct egress *egress = open_egress();
	int port;
	int listener = listen_free(&port);
	char url[64];
	struct got got;

	(void)state;
	assert_int_equal(fetch_url(egress, url_of("/garbage")).status, 0);
	got = fetch_url(egress, url_of("/cut"));
	assert_int_equal(got.status, 0);
	assert_int_equal(got.body_len, 0);
	close(listener);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the connection was refused");
	close_egress(egress);
}

static void what_may_not_go_out_is_refused(void **state)
{
	static const char *const urls[] = {
	    "http://example.com/",
	    "http://169.254.169.254/latest",
	    "http://127.0.0.1.example.com/",
	    "ftp://127.0.0.1/",
	    "file:///etc/passwd",
	    "http://user@127.0.0.1/",
	    "gopher://127.0.0.1:70/_x",
	    "HTTP://[::2]/",
	    "",
	    "not a url",
	    "https://",
	    "http://127.0.0.1/#x",
	};
	struct egress *egress = open_egress();
	struct egress_request request;
	int accepted = atomic_load(&server.accepted);

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_int_equal(fetch_url(egress, urls[i]).status, 0);
	request = get(url_of("/fine"));
	request.authorization = "Bearer a\r\nX-Other: b";
	assert_int_equal(fetch(egress, &request).status, 0);
	request = get(url_of("/fine"));
	request.method = "GET / HTTP/1.1\r\nX: y";
	assert_int_equal(fetch(egress, &request).status, 0);
	assert_int_equal(atomic_load(&server.accepted), accepted);
	close_egress(egress);
}

/* As if a name such as localhost led elsewhere. */
static void http_stays_on_loopback_whatever_the_resolver_says(void **state)
{
	struct egress_flight t = {.loopback_only = true};
	struct curl_sockaddr address = {.family = AF_INET, .socktype = SOCK_STREAM};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address.addr;
	curl_socket_t fd;

	(void)state;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0x0a000001);
	assert_int_equal(on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
	assert_non_null(t.problem);
	t.problem = NULL;
	in->sin_addr.s_addr = htonl(0x7f000001);
	fd = on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address);
	assert_int_not_equal(fd, CURL_SOCKET_BAD);
	close(fd);
	address.family = AF_UNIX;
	assert_int_equal(on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
}

static void localhost_is_found(void **state)
{
	struct egress *egress = open_egress();
	char url[64];

	(void)state;
	snprintf(url, sizeof(url), "http://localhost:%d/fine", server.port);
	assert_int_equal(fetch_url(egress, url).status, 200);
	close_egress(egress);
}

static void a_certificate_must_be_trusted(void **state)
{
	struct egress *egress = open_egress();
	char url[64];
	struct got got;

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/fine", server.tls_port);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the certificate is not trusted");
	close_egress(egress);

	egress = egress_open(&context, ca_file);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "{\"a\":1}");
	/* Trusted, but made for another name. */
	snprintf(url, sizeof(url), "https://localhost:%d/fine", server.tls_port);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the certificate is not trusted");
	close_egress(egress);
}

static void old_tls_is_refused(void **state)
{
	struct egress *egress = egress_open(&context, ca_file);
	char url[64];
	struct got got;

	(void)state;
	SSL_CTX_set_security_level(server.tls, 0);
	SSL_CTX_set_min_proto_version(server.tls, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(server.tls, TLS1_1_VERSION);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/fine", server.tls_port);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 0);
	SSL_CTX_set_max_proto_version(server.tls, 0);
	close_egress(egress);
}

static void closing_answers_what_waits(void **state)
{
	struct egress *egress = open_egress();
	struct egress_request slow = get(url_of("/slow")), bad = get("http://example.com/");
	struct got a = {0}, b = {0};
	int asked = atomic_load(&server.asked);

	(void)state;
	egress_fetch(egress, &slow, on_done, &a);
	while (atomic_load(&server.asked) == asked)
		h2o_evloop_run(context.loop, 10);
	egress_fetch(egress, &bad, on_done, &b);
	assert_int_equal(a.calls + b.calls, 0);
	close_egress(egress);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 1);
	assert_int_equal(a.status + b.status, 0);
}

static void what_the_head_says_of_caching_is_told(void **state)
{
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/fine"));
	struct got got;

	(void)state;
	request.if_none_match = "\"x\"";
	request.if_modified_since = "Sat, 21 Nov 2026 10:00:00 GMT";
	got = fetch(egress, &request);
	assert_int_equal(got.status, 200);
	assert_int_equal(got.lifetime, 60);
	assert_string_equal(got.etag, "\"x\"");
	assert_asked("If-None-Match: \"x\"\r\n", true);
	assert_asked("If-Modified-Since: Sat, 21 Nov 2026 10:00:00 GMT\r\n", true);
	request.if_none_match = "\"x\"\r\nA: b";
	assert_int_equal(fetch(egress, &request).status, 0);
	close_egress(egress);
}

struct chain {
	struct egress *egress;
	struct egress_request request;
	int left;
	struct got got;
};

static void fetch_next(void *data, const struct egress_answer *answer_)
{
	struct chain *chain = data;

	assert_int_equal(answer_->status, 200);
	if (--chain->left > 0)
		egress_fetch(chain->egress, &chain->request, fetch_next, chain);
	else
		on_done(&chain->got, answer_);
}

static void an_answer_may_ask_again(void **state)
{
	struct chain chain = {.egress = open_egress(), .request = get(url_of("/fine")), .left = 10};

	(void)state;
	egress_fetch(chain.egress, &chain.request, fetch_next, &chain);
	run(&chain.got);
	close_egress(chain.egress);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_comes_with_type_and_body),
	    cmocka_unit_test(a_body_and_headers_are_sent),
	    cmocka_unit_test(one_connection_serves_many),
	    cmocka_unit_test(many_at_once),
	    cmocka_unit_test(a_host_that_hangs_holds_up_no_other),
	    cmocka_unit_test(who_waits_goes_when_another_is_through),
	    cmocka_unit_test(nobody_has_all_connections_to_a_host),
	    cmocka_unit_test(an_answer_beyond_its_limit_is_none),
	    cmocka_unit_test(a_slow_answer_times_out),
	    cmocka_unit_test(a_redirect_is_an_answer),
	    cmocka_unit_test(broken_answers_are_none),
	    cmocka_unit_test(what_may_not_go_out_is_refused),
	    cmocka_unit_test(http_stays_on_loopback_whatever_the_resolver_says),
	    cmocka_unit_test(localhost_is_found),
	    cmocka_unit_test(a_certificate_must_be_trusted),
	    cmocka_unit_test(old_tls_is_refused),
	    cmocka_unit_test(closing_answers_what_waits),
	    cmocka_unit_test(an_answer_may_ask_again),
	    cmocka_unit_test(what_the_head_says_of_caching_is_told),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
