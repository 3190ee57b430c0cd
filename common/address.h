/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and who may be reached at them: the IANA special-purpose address registries (RFC 6890 and what was
 * registered since). Judged is always the address that a connection would be made to, never the text of a URL. */
#ifndef SALLYPORT_ADDRESS_H
#define SALLYPORT_ADDRESS_H

#include <sys/socket.h>

#include "text.h"

struct address { /* an IPv4 address is 4 bytes, never its mapped form of 16 */
	uint8_t bytes[16];
	unsigned len;
};
struct address_range {
	struct address first;
	unsigned bits; /* of the prefix */
};

/* "192.0.2.1" and "2001:db8::1" without brackets, in the spelling of inet_pton only: no octal, no hexadecimal, no short
 * forms, no zone. An IPv6 address that maps or translates IPv4 (::ffff:0:0/96, 64:ff9b::/96) becomes the IPv4 one. */
bool address_parse(h2o_iovec_t text, struct address *ret);
/* False for families other than IPv4 and IPv6. Reduced as above. */
bool address_of_sockaddr(const struct sockaddr *sa, struct address *ret);
/* An address, or an address and a prefix length ("10.0.0.0/8"); no bit may be set behind the prefix. */
bool address_range_parse(h2o_iovec_t text, struct address_range *ret);
bool address_is_in(const struct address *a, const struct address_range *range);
/* True for unicast on the public Internet; false for everything that a registry sets apart: private, loopback,
 * link-local, shared, documentation, benchmarking, multicast, reserved, tunnels to such addresses, and all of IPv6
 * beyond 2000::/3. */
bool address_is_public(const struct address *a);

#endif
