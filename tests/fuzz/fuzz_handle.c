/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/encoding.h"
#include "common/handle.h"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

/* As a text: opens only if it is what would be minted. As bytes: the id and generation come back, and
 * no change of one character opens. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t master[32] = "thirty-two bytes for the fuzzer";
	h2o_mem_pool_t pool;
	struct handle h = {{0}, 0}, back;
	h2o_mem_init_pool(&pool);
	struct handle_keys *keys = handle_keys_of(&pool, 0, master);
	for (int type = 0; type < HANDLE_TYPES; type++)
		if (handle_open(keys, type, h2o_iovec_init(data, size), &back))
			demand(text_is(h2o_iovec_init(data, size), handle_mint(&pool, keys, type, &back)));
	if (size >= 23) {
		enum handle_type type = data[0] % HANDLE_TYPES;
		memcpy(h.id, data + 1, 16);
		memcpy(&h.generation, data + 17, 4);
		char *text = handle_mint(&pool, keys, type, &h);
		size_t len = strlen(text), at = data[21] % len;
		demand(handle_open(keys, type, h2o_iovec_init(text, len), &back));
		demand(memcmp(back.id, h.id, 16) == 0 && back.generation == h.generation);
		demand(!handle_open(keys, (type + 1) % HANDLE_TYPES, h2o_iovec_init(text, len), &back));
		text[at] ^= (char)data[22];
		demand(handle_open(keys, type, h2o_iovec_init(text, len), &back) == (data[22] == 0));
	}
	base64url_decode(&pool, h2o_iovec_init(data, size));
	base64_decode(&pool, h2o_iovec_init(data, size));
	h2o_mem_clear_pool(&pool);
	return 0;
}
