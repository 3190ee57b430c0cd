/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are confined to places, whatever a name or the spelling of an address says. */
#include "tests/unit/egress_stream_peer.h"

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
	    TEST(a_confined_request_goes_to_its_places_only),
	    TEST(a_place_is_left_by_no_name),
	    TEST(a_kept_connection_is_judged_again),
	    TEST(a_name_that_is_bound_anew_leads_nowhere),
	    TEST(a_slow_name_holds_nobody),
	    TEST(every_spelling_of_an_inner_address_is_refused),
	    TEST(no_name_leads_to_an_inner_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
