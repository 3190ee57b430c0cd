/* SPDX-License-Identifier: Apache-2.0 */
/* requestState: no text opens that was not sealed; what was sealed comes back, and no change of one character opens. */
#include <stdlib.h>
#include <string.h>

#include "mcp/call/request_state.h"

static struct bearer caller = {.subject = "person", .client_id = "client"};

const struct bearer *bearer_of(const struct request *r)
{
	(void)r;
	return &caller;
}

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static struct mcp *server(void)
{
	static const uint8_t master[32] = "thirty-two bytes for the fuzzer";
	static struct mcp mcp;

	if (mcp.sessions.keys != NULL)
		return &mcp;
	h2o_mem_init_pool(&mcp.pool);
	mcp.sessions.keys = handle_keys_of(&mcp.pool, 1, master);
	return &mcp;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct service service = {.name = "mcp", .daemon = server()};
	const struct endpoint endpoint = {.method = "POST", .state_size = sizeof(struct call)};
	struct request *r = request_test(&service, &endpoint);
	h2o_iovec_t text = h2o_iovec_init(data, size);

	call_of(r)->message.method = text_of("tools/call");
	call_of(r)->message.params = json_keep(&r->pool, json_pack("{s:s}", "name", "a"));
	demand(request_state_open(r, text) == NULL);
	json_t *value = json_read(&r->pool, text, NULL);
	if (json_is_object(value) && size > 0) {
		h2o_iovec_t sealed = request_state_seal(r, value);
		demand(sealed.base != NULL && json_equal(request_state_open(r, sealed), value));
		size_t at = data[size - 1] % sealed.len;
		sealed.base[at] = sealed.base[at] == 'A' ? 'B' : 'A';
		demand(request_state_open(r, sealed) == NULL);
	}
	request_test_free(r);
	return 0;
}
