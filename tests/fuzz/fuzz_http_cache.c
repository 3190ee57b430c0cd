/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer, line by line: lifetimes stay in their bounds, and what is sent back can stand in a header. */
#include <stdlib.h>
#include <string.h>

#include "common/http_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_field(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_cache cache = {0};

	while (size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end != NULL ? (size_t)(end - data) + 1 : size;

		http_cache_read(&cache, h2o_iovec_init(data, len));
		data += len;
		size -= len;
	}
	int64_t lifetime = http_cache_lifetime(&cache);

	if (lifetime < -1 || lifetime > HTTP_LIFETIME_MAX)
		abort();
	check_field(cache.etag);
	check_field(cache.last_modified);
	return 0;
}
