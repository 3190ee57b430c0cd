/* SPDX-License-Identifier: Apache-2.0 */
/* Last-Event-ID: what is read is exactly what would be written of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcp/protocol/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t process;
	uint64_t number, place;
	char again[64];

	if (!replay_parse_id(h2o_iovec_init(data, size), &process, &number, &place))
		return 0;
	int len = snprintf(again, sizeof(again), "%08" PRIx32 "-%" PRIx64 "-%" PRIx64, process, number, place);
	if ((size_t)len != size || memcmp(again, data, size) != 0)
		abort();
	return 0;
}
