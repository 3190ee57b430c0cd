/* SPDX-License-Identifier: Apache-2.0 */
/* The raw head of an HTTP/1 request. A head that is accepted ends in a blank line and has no line that h2o could read
 * in two ways. */
#include <stdlib.h>
#include <string.h>

#include "common/head_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1); /* exact bounds for AddressSanitizer */
	memcpy(copy, data, size);
	const char *problem = head_problem(h2o_iovec_init(copy, size), size % 2 == 0, NULL);
	if (problem == NULL && memmem(copy, size, "\r\n\r\n", 4) == NULL)
		abort();
	free(copy);
	return 0;
}
