/* SPDX-License-Identifier: Apache-2.0 */
/* Text as an address and as a range: an address lies in the range of itself, and what is public is nowhere special. */
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/host_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const INSIDE[] = {"127.0.0.0/8",   "10.0.0.0/8",    "169.254.0.0/16", "192.168.0.0/16",
	                                     "fc00::/7",      "fe80::/10",     "::/96",          "ff00::/8",
	                                     "172.16.0.0/12", "100.64.0.0/10", "2001::/23"};
	h2o_iovec_t text = h2o_iovec_init(data, size);
	struct address_range range;
	struct address address;

	host_pattern_problem(text);
	if (address_range_parse(text, &range) &&
	    (!address_is_in(&range.first, &range) || range.bits > range.first.len * 8))
		abort();
	if (!address_parse(text, &address))
		return 0;
	if (!address_range_parse(text, &range) || !address_is_in(&address, &range))
		abort();
	for (size_t i = 0; address_is_public(&address) && i < sizeof(INSIDE) / sizeof(INSIDE[0]); i++)
		if (!address_range_parse(text_of(INSIDE[i]), &range) || address_is_in(&address, &range))
			abort();
	return 0;
}
