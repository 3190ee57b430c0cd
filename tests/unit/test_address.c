/* SPDX-License-Identifier: Apache-2.0 */
#include "common/address.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool is_public(const char *text)
{
	struct address a;

	if (!address_parse(text_of(text), &a))
		fail_msg("%s is no address", text);
	return address_is_public(&a);
}

static void public_addresses_are_public(void **state)
{
	static const char *const PUBLIC[] = {
	    "1.1.1.1",          "8.8.8.8",          "9.255.255.255",   "11.0.0.0",           "100.63.255.255",
	    "100.128.0.0",      "126.255.255.255",  "128.0.0.1",       "169.253.255.255",    "169.255.0.0",
	    "172.15.255.255",   "172.32.0.0",       "192.0.1.0",       "192.0.3.0",          "192.167.255.255",
	    "192.169.0.0",      "198.17.255.255",   "198.20.0.0",      "198.51.99.255",      "203.0.112.255",
	    "203.0.114.0",      "223.255.255.255",  "2600::1",         "2a00:1450:4001::e",  "2001:200::1",
	    "2001:4860::8888",  "3ffe::1",          "3fff:1000::1",    "2620:4f:7fff::1",    "::ffff:8.8.8.8",
	    "64:ff9b::8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "2600::5efe:8.8.8.8", "2600::200:5efe:8.8.8.8",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(PUBLIC) / sizeof(PUBLIC[0]); i++)
		if (!is_public(PUBLIC[i]))
			fail_msg("%s", PUBLIC[i]);
}

static void special_addresses_are_not(void **state)
{
	static const char *const SPECIAL[] = {
	    "0.0.0.0",
	    "0.1.2.3",
	    "10.0.0.0",
	    "10.255.255.255",
	    "100.64.0.0",
	    "100.127.255.255",
	    "127.0.0.1",
	    "127.255.255.255",
	    "169.254.0.1",
	    "169.254.169.254",
	    "172.16.0.0",
	    "172.31.255.255",
	    "192.0.0.1",
	    "192.0.0.170",
	    "192.0.2.1",
	    "192.31.196.1",
	    "192.52.193.1",
	    "192.88.99.1",
	    "192.168.0.0",
	    "192.168.255.255",
	    "192.175.48.1",
	    "198.18.0.0",
	    "198.19.255.255",
	    "198.51.100.1",
	    "203.0.113.1",
	    "224.0.0.1",
	    "239.255.255.255",
	    "240.0.0.1",
	    "255.255.255.255",
	    /* IPv6 */
	    "::",
	    "::1",
	    "::2",
	    "100::1",
	    "100:0:0:1::1",
	    "2001::1",
	    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
	    "2001:1::1",
	    "2001:2::1",
	    "2001:10::1",
	    "2001:20::1",
	    "2001:1ff:ffff::1",
	    "2001:db8::1",
	    "3fff::1",
	    "3fff:fff:ffff::1",
	    "5f00::1",
	    "fc00::1",
	    "fd00:ec2::254",
	    "fdff::1",
	    "fe80::1",
	    "febf::1",
	    "fec0::1",
	    "ff02::1",
	    "ffff::1",
	    "4000::1",
	    "1fff::1",
	    "64:ff9b:1::1",
	    "64:ff9b:1::808:808",
	    "2620:4f:8000::1",
	    /* IPv4 in IPv6 */
	    "::ffff:127.0.0.1",
	    "::ffff:7f00:1",
	    "::ffff:10.0.0.1",
	    "::ffff:a9fe:a9fe",
	    "::ffff:0.0.0.0",
	    "::127.0.0.1",
	    "::8.8.8.8",
	    "::7f00:1",
	    "64:ff9b::127.0.0.1",
	    "64:ff9b::a00:1",
	    "64:ff9b::a9fe:a9fe",
	    "2002:7f00:1::",
	    "2002:a00:1::1",
	    "2002:a9fe:a9fe::",
	    "2002:c0a8:101::1",
	    "2002::1",
	    "2600::5efe:10.0.0.1",
	    "2600::200:5efe:127.0.0.1",
	    "fe80::5efe:8.8.8.8",
	    "::ffff:0:8.8.8.8",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(SPECIAL) / sizeof(SPECIAL[0]); i++)
		if (is_public(SPECIAL[i]))
			fail_msg("%s", SPECIAL[i]);
}

static void only_plain_spellings_are_addresses(void **state)
{
	static const char *const OTHERS[] = {
	    "",
	    "2130706433",
	    "017700000001",
	    "0x7f000001",
	    "0177.0.0.1",
	    "0x7f.0.0.1",
	    "127.1",
	    "127.0.1",
	    "0",
	    "127.0.0.1.",
	    "127.0.0.256",
	    "127.0.0.01",
	    " 127.0.0.1",
	    "127.0.0.1 ",
	    "[::1]",
	    "::1%lo",
	    "fe80::1%25eth0",
	    "::ffff:127.1",
	    "::ffff:0x7f000001",
	    "1:2:3:4:5:6:7:8:9",
	    "::1::",
	    "localhost",
	    "127.0.0.1/8",
	    "0000:0000:0000:0000:0000:0000:0000:0000:00001",
	};
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
		if (address_parse(text_of(OTHERS[i]), &a))
			fail_msg("%s", OTHERS[i]);
	assert_false(address_parse(h2o_iovec_init("127.0.0.1\0x", 11), &a));
	assert_false(address_parse(h2o_iovec_init(NULL, 0), &a));
}

static bool is_in(const char *range, const char *address)
{
	struct address_range r;
	struct address a;

	assert_true(address_range_parse(text_of(range), &r));
	assert_true(address_parse(text_of(address), &a));
	return address_is_in(&a, &r);
}

static void ranges_hold_what_they_say(void **state)
{
	(void)state;
	assert_true(is_in("10.0.0.0/8", "10.255.0.1"));
	assert_false(is_in("10.0.0.0/8", "11.0.0.1"));
	assert_true(is_in("10.1.2.3", "10.1.2.3"));
	assert_false(is_in("10.1.2.3", "10.1.2.2"));
	assert_true(is_in("192.168.4.0/22", "192.168.7.255"));
	assert_false(is_in("192.168.4.0/22", "192.168.8.0"));
	assert_true(is_in("::1", "::1"));
	assert_true(is_in("fd00::/8", "fdff::1"));
	assert_false(is_in("fd00::/8", "fc00::1"));
	assert_true(is_in("0.0.0.0/0", "203.0.113.9"));
	assert_false(is_in("::/0", "203.0.113.9"));
	assert_false(is_in("0.0.0.0/0", "2600::1"));
	/* The same address, however it is written or reached. */
	assert_true(is_in("127.0.0.0/8", "::ffff:127.0.0.1"));
	assert_true(is_in("::ffff:127.0.0.0/104", "127.0.0.1"));
	assert_true(is_in("64:ff9b::a00:0/104", "10.2.3.4"));
}

static void broken_ranges_are_refused(void **state)
{
	static const char *const BROKEN[] = {"",           "10.0.0.0/33", "10.0.0.0/",  "10.0.0.0/-1", "10.0.0.0/08",
	                                     "10.0.0.1/8", "::/129",      "fd00::1/8",  "/8",          "10.0.0.0/8/8",
	                                     "10/8",       "example.com", "10.0.0.0 /8"};
	struct address_range r;

	(void)state;
	for (size_t i = 0; i < sizeof(BROKEN) / sizeof(BROKEN[0]); i++)
		if (address_range_parse(text_of(BROKEN[i]), &r))
			fail_msg("%s", BROKEN[i]);
}

static void socket_addresses_are_reduced(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr other = {.sa_family = AF_UNIX};
	struct address a;

	(void)state;
	assert_true(address_of_sockaddr((struct sockaddr *)&in, &a));
	assert_int_equal(a.len, 4);
	assert_true(address_is_public(&a));
	assert_int_equal(inet_pton(AF_INET6, "::ffff:169.254.169.254", &in6.sin6_addr), 1);
	assert_true(address_of_sockaddr((struct sockaddr *)&in6, &a));
	assert_int_equal(a.len, 4);
	assert_false(address_is_public(&a));
	assert_int_equal(inet_pton(AF_INET6, "2600::1", &in6.sin6_addr), 1);
	assert_true(address_of_sockaddr((struct sockaddr *)&in6, &a));
	assert_true(address_is_public(&a));
	assert_false(address_of_sockaddr(&other, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(public_addresses_are_public),        cmocka_unit_test(special_addresses_are_not),
	    cmocka_unit_test(only_plain_spellings_are_addresses), cmocka_unit_test(ranges_hold_what_they_say),
	    cmocka_unit_test(broken_ranges_are_refused),          cmocka_unit_test(socket_addresses_are_reduced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
