/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/request_state.h"

#include <string.h>

#include "common/clock.h"
#include "common/encoding.h"
#include "common/secret.h"

enum { LIFETIME_S = 10 * 60, SEALED_OVERHEAD = 12 + 16 };

static const char PURPOSE[] = "mcp-request-state", UNTIL[] = "until";

/* What it is bound to. The params are those of the request alone: a retry adds its answers, and its _meta may differ.
 */
static h2o_iovec_t context_of(struct request *r, uint8_t key_id)
{
	const struct call *call = call_of(r);
	const struct bearer *bearer = bearer_of(r);
	json_t *params = json_keep(&r->pool, json_copy((json_t *)call->message.params));
	struct text_buffer b = {.pool = &r->pool};
	uint8_t digest[SHA256_SIZE];

	json_object_del(params, "_meta");
	json_object_del(params, "inputResponses");
	json_object_del(params, "requestState");
	sha256(json_canonical(&r->pool, params), digest);
	text_append(&b, &key_id, 1);
	text_append(&b, bearer->subject, strlen(bearer->subject) + 1);
	text_append(&b, bearer->client_id, strlen(bearer->client_id) + 1);
	text_append(&b, call->message.method.base, call->message.method.len + 1);
	text_append(&b, digest, sizeof(digest));
	return h2o_iovec_init(b.base, b.len);
}

h2o_iovec_t request_state_seal(struct request *r, json_t *value)
{
	uint8_t key[32];
	int key_id = 0;
	struct text_buffer b = {.pool = &r->pool};

	json_object_set_new(value, UNTIL, json_integer(clock_now() + LIFETIME_S));
	h2o_iovec_t plain = json_text(&r->pool, value);
	if (plain.len > REQUEST_STATE_SIZE_MAX / 4 * 3 - SEALED_OVERHEAD - 1)
		return (h2o_iovec_t){NULL, 0};
	handle_keys_derive(mcp_of(r)->sessions.keys, -1, PURPOSE, key, &key_id);
	uint8_t id = (uint8_t)key_id;
	h2o_iovec_t sealed = secret_seal(&r->pool, key, context_of(r, id), plain);
	secret_wipe(key, sizeof(key));
	text_append(&b, &id, 1);
	text_append_iovec(&b, sealed);
	return base64url_encode(&r->pool, b.base, b.len);
}

const json_t *request_state_open(struct request *r, h2o_iovec_t text)
{
	uint8_t key[32];

	if (text.len == 0 || text.len > REQUEST_STATE_SIZE_MAX)
		return NULL;
	h2o_iovec_t bytes = base64url_decode(&r->pool, text);
	if (bytes.base == NULL || bytes.len <= SEALED_OVERHEAD + 1)
		return NULL;
	uint8_t id = (uint8_t)bytes.base[0];
	if (!handle_keys_derive(mcp_of(r)->sessions.keys, id, PURPOSE, key, NULL))
		return NULL;
	struct secret plain =
	    secret_open(&r->pool, key, context_of(r, id), h2o_iovec_init(bytes.base + 1, bytes.len - 1));
	secret_wipe(key, sizeof(key));
	if (plain.bytes == NULL)
		return NULL;
	const json_t *value = json_read(&r->pool, h2o_iovec_init((char *)plain.bytes, plain.len), NULL);
	return json_integer_value(json_object_get(value, UNTIL)) > clock_now() ? value : NULL;
}
