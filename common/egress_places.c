/* SPDX-License-Identifier: Apache-2.0 */
#include "egress_flight.h"
#include "host_pattern.h"
#include "uri.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

const struct egress_place *egress_places_find(const struct egress_places *places, const struct uri *url)
{
	bool plain = text_is_nocase(url->scheme, "http");
	int64_t port = plain ? HTTP_PORT : HTTPS_PORT;

	if (!plain && !text_is_nocase(url->scheme, "https"))
		return NULL;
	text_to_int64(url->port, &port);
	for (size_t i = 0; i < places->count; i++) {
		const struct egress_place *place = &places->list[i];

		if (place->port == port && place->plain == plain && (!plain || place->range_count > 0) &&
		    host_pattern_fits(place->host, url->host))
			return place;
	}
	return NULL;
}

bool egress_place_allows(const struct egress_place *place, const struct address *address)
{
	if (place->range_count == 0)
		return address_is_public(address);
	for (size_t i = 0; i < place->range_count; i++)
		if (address_is_in(address, &place->ranges[i]))
			return true;
	return false;
}

bool egress_host_is_address(h2o_iovec_t host, struct address *ret)
{
	if (host.len > 2 && host.base[0] == '[')
		host = h2o_iovec_init(host.base + 1, host.len - 2);
	return address_parse(host, ret);
}

bool egress_places_allow(const struct egress_places *places, h2o_iovec_t url)
{
	const struct egress_place *place;
	struct address literal;
	struct uri uri;

	if (!uri_parse(url, &uri) || uri.has_fragment || uri.host.len == 0)
		return false;
	place = egress_places_find(places, &uri);
	return place != NULL && (!egress_host_is_address(uri.host, &literal) || egress_place_allows(place, &literal));
}
