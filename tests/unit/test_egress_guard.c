/* SPDX-License-Identifier: Apache-2.0 */
/* Guarded requests: somebody else chose the URL. */
#include "tests/unit/egress_peer.h"

/* --- guarded requests: somebody else chose the URL ------------------------------------------ */

static struct got fetch_guarded(struct egress *egress, const char *url)
{
	struct egress_request request = get(url);

	request.guarded = true;
	return fetch(egress, &request);
}

static void a_guarded_url_is_https_by_name_at_443(void **state)
{
	static const char *const urls[] = {
	    "http://127.0.0.1/",
	    "http://example.com/",
	    "http://localhost/",
	    "https://localhost/",
	    "https://intranet/",
	    "https://127.0.0.1/",
	    "https://8.8.8.8/",
	    "https://[::1]/",
	    "https://[::ffff:8.8.8.8]/",
	    "https://[fe80::1%25lo]/",
	    "https://2130706433/",
	    "https://0x7f000001/",
	    "https://0177.0.0.1/",
	    "https://017700000001/",
	    "https://127.1/",
	    "https://0/",
	    "https://0x7f.1/",
	    "https://127.0.0.1./",
	    "https://example.com:8443/",
	    "https://example.com:80/",
	    "https://user@example.com/",
	    "https://example.com\\@127.0.0.1/",
	    "https://example.com#@127.0.0.1/",
	    "file:///etc/passwd",
	    "gopher://example.com/",
	};
	struct egress *egress = open_egress();

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_int_equal(fetch_guarded(egress, urls[i]).status, 0);
		assert_null(egress->on.multi); /* refused before libcurl hears of it */
	}
	assert_int_equal(egress->guard.running, 0);
	close_egress(egress);
}

/* libcurl itself says that a name below localhost is this machine: no resolver is needed for the test. */
static void a_name_that_leads_inside_is_refused(void **state)
{
	struct address_range ranges[2];
	struct egress_exception exceptions[] = {
	    {.host = "a.localhost", .port = (unsigned)server.tls_port, .ca_file = ca_file},
	    {.host = "*.b.localhost",
	     .port = (unsigned)server.tls_port,
	     .ca_file = ca_file,
	     .ranges = ranges,
	     .range_count = 2},
	    {.host = "c.localhost",
	     .port = (unsigned)server.tls_port,
	     .ca_file = ca_file,
	     .ranges = ranges,
	     .range_count = 1},
	};
	struct egress *egress = open_egress();
	int accepted = atomic_load(&server.accepted);
	struct got got;

	(void)state;
	assert_true(address_range_parse(text_of("127.0.0.0/8"), &ranges[0]));
	assert_true(address_range_parse(text_of("::1"), &ranges[1]));
	egress_set_exceptions(egress, exceptions, 3);
	got = fetch_guarded(egress, secure_url("a.localhost", "/fine"));
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the name leads to an address that is not public");
	assert_int_equal(fetch_guarded(egress, secure_url("b.localhost", "/fine")).status, 0);
	got = fetch_guarded(egress, "https://d.localhost/");
	assert_string_equal(got.problem, "the name leads to an address that is not public");
	assert_int_equal(atomic_load(&server.accepted), accepted);
	/* The exception opens the way; TLS still wants the right certificate. */
	got = fetch_guarded(egress, secure_url("x.b.localhost", "/fine"));
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "{\"a\":1}");
	assert_int_equal(atomic_load(&server.accepted), accepted + 1);
	/* Nothing is shared with the next one. */
	assert_int_equal(fetch_guarded(egress, secure_url("X.B.localhost", "/moved")).status, 302);
	assert_int_equal(atomic_load(&server.accepted), accepted + 2);
	assert_int_equal(egress->guard.running, 0);
	close_egress(egress);
}

/* A host that somebody else chose, of which there is no more to fear than where it leads to. */
static void a_host_of_others_is_not_inside(void **state)
{
	struct egress *egress = egress_open(&context, ca_file);
	int accepted = atomic_load(&server.accepted);
	const char *const hosts[] = {"127.0.0.1", "localhost", "x.localhost", "[::1]", "10.0.0.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct egress_request request = get(secure_url(hosts[i], "/fine"));
		request.public_only = true;
		struct got got = fetch(egress, &request);
		assert_int_equal(got.status, 0);
		assert_string_equal(got.problem, "the name leads to an address that is not public");
	}
	struct egress_request request = get(url_of("/fine"));
	request.public_only = true;
	assert_string_equal(fetch(egress, &request).problem, "the URL is neither https nor http to loopback");
	assert_int_equal(atomic_load(&server.accepted), accepted);
	assert_int_equal(fetch_url(egress, secure_url("127.0.0.1", "/fine")).status, 200);
	close_egress(egress);
}

static void one_forbidden_address_refuses_all(void **state)
{
	struct egress_flight t = {.guarded = true};
	struct curl_sockaddr address = {.family = AF_INET, .socktype = SOCK_STREAM};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address.addr;
	curl_socket_t fd;

	(void)state;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0x08080808);
	fd = on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address);
	assert_int_not_equal(fd, CURL_SOCKET_BAD);
	close(fd);
	in->sin_addr.s_addr = htonl(0xa9fea9fe);
	assert_int_equal(on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
	in->sin_addr.s_addr = htonl(0x08080808);
	assert_int_equal(on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
	assert_non_null(t.problem);
}

/* Goes in and out again until it may not; how often it could. */
static int errands(struct egress *egress, const char *url, const char *asker, int most, const char **problem)
{
	struct uri uri;
	struct egress_errand errand = {.url = &uri, .asker = text_of(asker)};
	int i;

	assert_true(uri_parse(text_of(url), &uri));
	for (i = 0; i < most; i++) {
		*problem = egress_guard_enter(&egress->guard, &errand);
		if (*problem != NULL)
			break;
		egress_guard_leave(&egress->guard, &errand);
	}
	assert_int_equal(errand.over_budget, i < most);
	return i;
}

static void a_host_is_asked_a_few_times_a_minute(void **state)
{
	struct egress *egress = open_egress();
	const char *problem = NULL;
	int begun = 0;

	(void)state;
	assert_in_range(errands(egress, "https://Example.com/a", "a", 100, &problem), 1, HOST_OF_ASKER_PER_MINUTE);
	assert_string_equal(problem, "one address sends us there too often");
	assert_int_equal(errands(egress, "https://example.com/b", "a", 1, &problem), 0);
	/* Somebody else is not kept out by that (of a few: some may share a budget with the first one). */
	for (int i = 0; i < 40 && begun == 0; i++) {
		char asker[16];

		snprintf(asker, sizeof(asker), "b%d", i);
		begun = errands(egress, "https://example.com/a", asker, 1, &problem);
	}
	assert_int_equal(begun, 1);
	assert_int_equal(egress->guard.running, 0);
	close_egress(egress);
}

static void a_host_is_not_asked_more_by_many_askers(void **state)
{
	struct egress *egress = open_egress();
	const char *problem = NULL;
	int begun = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		char asker[16];

		snprintf(asker, sizeof(asker), "b%d", i);
		begun += errands(egress, "https://example.com/a", asker, 1, &problem);
	}
	assert_in_range(begun, HOST_PER_MINUTE / 2, HOST_PER_MINUTE); /* some share a budget */
	close_egress(egress);
}

static void one_asker_has_a_share_of_all(void **state)
{
	struct egress *egress = open_egress();
	const char *problem = NULL;
	int begun = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char url[64];

		snprintf(url, sizeof(url), "https://h%d.example/", i);
		begun += errands(egress, url, "a", 1, &problem);
	}
	assert_in_range(begun, ASKER_PER_MINUTE / 2, ASKER_PER_MINUTE);
	close_egress(egress);
}

static int errands_at_once(struct egress *egress, int askers)
{
	struct egress_errand errand;
	struct uri uri;
	int begun = 0;

	for (int i = 0; i < 200; i++) {
		char url[64], asker[16];

		snprintf(url, sizeof(url), "https://h%d.example/", i);
		snprintf(asker, sizeof(asker), "a%d", i % askers);
		assert_true(uri_parse(text_of(url), &uri));
		errand = (struct egress_errand){.url = &uri, .asker = text_of(asker)};
		begun += egress_guard_enter(&egress->guard, &errand) == NULL;
	}
	memset(&egress->guard, 0, sizeof(egress->guard));
	return begun;
}

static void few_are_fetched_at_once(void **state)
{
	struct egress *egress = open_egress();

	(void)state;
	assert_int_equal(errands_at_once(egress, 1), RUNNING_OF_ASKER);
	assert_int_equal(errands_at_once(egress, 3), 3 * RUNNING_OF_ASKER);
	assert_int_equal(errands_at_once(egress, 100), GUARD_RUNNING_MAX);
	close_egress(egress);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_guarded_url_is_https_by_name_at_443),
	    cmocka_unit_test(a_name_that_leads_inside_is_refused),
	    cmocka_unit_test(a_host_of_others_is_not_inside),
	    cmocka_unit_test(one_forbidden_address_refuses_all),
	    cmocka_unit_test(a_host_is_asked_a_few_times_a_minute),
	    cmocka_unit_test(a_host_is_not_asked_more_by_many_askers),
	    cmocka_unit_test(one_asker_has_a_share_of_all),
	    cmocka_unit_test(few_are_fetched_at_once),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
