/* SPDX-License-Identifier: Apache-2.0 */
/* Any Cookie header: the pairs lie inside it, one after the other. */
#include "authz/session.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	memcpy(copy, data, size);
	h2o_iovec_t rest = h2o_iovec_init(copy, size), name, value;
	const char *last = copy;
	while (next_pair(&rest, &name, &value)) {
		if (name.base < last || name.base + name.len > copy + size || value.base + value.len > copy + size)
			abort();
		last = value.base + value.len;
	}
	free(copy);
	return 0;
}
