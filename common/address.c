/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { IPV4_SIZE = 4, IPV6_SIZE = 16, ISATAP_AT = 8 };

struct prefix {
	uint8_t bytes[IPV6_SIZE];
	unsigned bits;
};

/* IANA IPv4 Special-Purpose Address Registry, and multicast (RFC 5771). */
static const struct prefix IPV4_SPECIAL[] = {
    {{0}, 8},             /* RFC 791: this network */
    {{10}, 8},            /* RFC 1918 */
    {{100, 64}, 10},      /* RFC 6598: shared */
    {{127}, 8},           /* RFC 1122: loopback */
    {{169, 254}, 16},     /* RFC 3927: link-local, with the metadata services of clouds */
    {{172, 16}, 12},      /* RFC 1918 */
    {{192, 0, 0}, 24},    /* RFC 6890: protocol assignments */
    {{192, 0, 2}, 24},    /* RFC 5737: documentation */
    {{192, 31, 196}, 24}, /* RFC 7535: AS112 */
    {{192, 52, 193}, 24}, /* RFC 7450: AMT */
    {{192, 88, 99}, 24},  /* RFC 7526: 6to4 relays */
    {{192, 168}, 16},     /* RFC 1918 */
    {{192, 175, 48}, 24}, /* RFC 7534: AS112 */
    {{198, 18}, 15},      /* RFC 2544: benchmarking */
    {{198, 51, 100}, 24}, /* RFC 5737: documentation */
    {{203, 0, 113}, 24},  /* RFC 5737: documentation */
    {{224}, 4},           /* RFC 5771: multicast */
    {{240}, 4},           /* RFC 1112: reserved, with the broadcast address */
};

/* What lies in 2000::/3 and is not public; beyond it nothing is. IANA IPv6 Special-Purpose Address Registry. */
static const struct prefix IPV6_PUBLIC = {{0x20}, 3};
static const struct prefix IPV6_SPECIAL[] = {
    {{0x20, 0x01}, 23},                         /* RFC 2928: protocol assignments, with Teredo and ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},             /* RFC 3849: documentation */
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* RFC 7534: AS112 */
    {{0x3f, 0xff}, 20},                         /* RFC 9637: documentation */
};
static const struct prefix IPV6_6TO4 = {{0x20, 0x02}, 16};                   /* RFC 3056: IPv4 in bytes 2 to 5 */
static const struct prefix IPV6_MAPPED = {{[10] = 0xff, [11] = 0xff}, 96};   /* RFC 4291, 2.5.5.2 */
static const struct prefix IPV6_TRANSLATED = {{0x00, 0x64, 0xff, 0x9b}, 96}; /* RFC 6052, 2.1 */

static bool has_prefix(const uint8_t *bytes, const struct prefix *p)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	return memcmp(bytes, p->bytes, whole) == 0 &&
	       (rest == 0 || (bytes[whole] ^ p->bytes[whole]) >> (8 - rest) == 0);
}

static struct address ipv4_of(const uint8_t bytes[IPV4_SIZE])
{
	struct address a = {.len = IPV4_SIZE};

	memcpy(a.bytes, bytes, IPV4_SIZE);
	return a;
}

/* Where the kernel or a translator in the network goes on with IPv4, the IPv4 address is what counts. */
static struct address ipv6_of(const uint8_t bytes[IPV6_SIZE])
{
	struct address a = {.len = IPV6_SIZE};

	if (has_prefix(bytes, &IPV6_MAPPED) || has_prefix(bytes, &IPV6_TRANSLATED))
		return ipv4_of(bytes + 12);
	memcpy(a.bytes, bytes, IPV6_SIZE);
	return a;
}

static bool read_plain(h2o_iovec_t text, uint8_t bytes[IPV6_SIZE], unsigned *len)
{
	char copy[INET6_ADDRSTRLEN + 1];

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.base, '\0', text.len) != NULL)
		return false; /* inet_pton would read up to the NUL only */
	memcpy(copy, text.base, text.len);
	copy[text.len] = '\0';
	*len = IPV4_SIZE;
	if (inet_pton(AF_INET, copy, bytes) == 1)
		return true;
	*len = IPV6_SIZE;
	return inet_pton(AF_INET6, copy, bytes) == 1;
}

bool address_parse(h2o_iovec_t text, struct address *ret)
{
	uint8_t bytes[IPV6_SIZE];
	unsigned len;

	if (!read_plain(text, bytes, &len))
		return false;
	*ret = len == IPV4_SIZE ? ipv4_of(bytes) : ipv6_of(bytes);
	return true;
}

bool address_of_sockaddr(const struct sockaddr *sa, struct address *ret)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		*ret = ipv4_of((const uint8_t *)&in->sin_addr);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)sa;

		*ret = ipv6_of(in->sin6_addr.s6_addr);
		return true;
	}
	return false;
}

bool address_range_parse(h2o_iovec_t text, struct address_range *ret)
{
	const char *slash = text.base != NULL ? memchr(text.base, '/', text.len) : NULL;
	h2o_iovec_t head = slash != NULL ? h2o_iovec_init(text.base, (size_t)(slash - text.base)) : text;
	struct address_range range = {0};
	int64_t bits;

	if (!read_plain(head, range.first.bytes, &range.first.len))
		return false;
	bits = range.first.len * 8;
	if (slash != NULL &&
	    (!text_to_int64(h2o_iovec_init(slash + 1, text.len - head.len - 1), &bits) || bits > range.first.len * 8))
		return false;
	range.bits = (unsigned)bits;
	for (unsigned i = range.bits; i < range.first.len * 8; i++)
		if ((range.first.bytes[i / 8] >> (7 - i % 8) & 1) != 0)
			return false;
	/* A range of mapped addresses is meant as the IPv4 range, which is what addresses are reduced to. */
	if (range.first.len == IPV6_SIZE && range.bits >= 96) {
		struct address reduced = ipv6_of(range.first.bytes);

		if (reduced.len == IPV4_SIZE)
			range.bits -= 96;
		range.first = reduced;
	}
	*ret = range;
	return true;
}

bool address_is_in(const struct address *a, const struct address_range *range)
{
	struct prefix p = {.bits = range->bits};

	memcpy(p.bytes, range->first.bytes, IPV6_SIZE);
	return a->len == range->first.len && has_prefix(a->bytes, &p);
}

static bool ipv4_is_public(const uint8_t *bytes)
{
	for (size_t i = 0; i < sizeof(IPV4_SPECIAL) / sizeof(IPV4_SPECIAL[0]); i++)
		if (has_prefix(bytes, &IPV4_SPECIAL[i]))
			return false;
	return true;
}

/* RFC 5214, 6.1: the interface identifier of a tunnel's end holds its IPv4 address. */
static bool is_isatap(const uint8_t *bytes)
{
	static const uint8_t MARK[] = {0x00, 0x00, 0x5e, 0xfe};

	return (bytes[ISATAP_AT] & ~0x02) == MARK[0] && memcmp(bytes + ISATAP_AT + 1, MARK + 1, 3) == 0;
}

static bool ipv6_is_public(const uint8_t *bytes)
{
	if (!has_prefix(bytes, &IPV6_PUBLIC))
		return false;
	for (size_t i = 0; i < sizeof(IPV6_SPECIAL) / sizeof(IPV6_SPECIAL[0]); i++)
		if (has_prefix(bytes, &IPV6_SPECIAL[i]))
			return false;
	if (has_prefix(bytes, &IPV6_6TO4) && !ipv4_is_public(bytes + 2))
		return false;
	return !is_isatap(bytes) || ipv4_is_public(bytes + 12);
}

bool address_is_public(const struct address *a)
{
	return a->len == IPV4_SIZE ? ipv4_is_public(a->bytes) : a->len == IPV6_SIZE && ipv6_is_public(a->bytes);
}
