/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/session.h"

#include <string.h>

#include "mcp/caller/bearer.h"
#include "mcp/call/tasks.h"

enum {
	ENDED_MAX = 16384,
	LEVELS_MAX = 16384,
	SUBSCRIPTIONS_MAX = 65536,
	/* a session's id */
	RANDOM_SIZE = 8,
	BINDING_SIZE = SESSION_OWNER_SIZE - RANDOM_SIZE,
	/* its generation */
	VERSION_BITS = 8,
};

void sessions_open(struct sessions *sessions, h2o_mem_pool_t *pool, struct handle_keys *keys)
{
	uint8_t master[32];

	random_bytes(master, sizeof(master));
	*sessions = (struct sessions){
	    .keys = keys != NULL ? keys : handle_keys_of(pool, 0, master),
	    .ended = digest_map_open(ENDED_MAX),
	    .levels = digest_map_open(LEVELS_MAX),
	    .resources = digest_map_open(SUBSCRIPTIONS_MAX),
	};
	secret_wipe(master, sizeof(master));
	handle_keys_derive(sessions->keys, -1, "mcp-session-binding", sessions->binding, NULL);
}

void sessions_close(struct sessions *sessions)
{
	digest_map_close(sessions->ended);
	digest_map_close(sessions->levels);
	digest_map_close(sessions->resources);
}

unsigned session_abilities(const json_t *capabilities)
{
	const json_t *elicitation = json_object_get(capabilities, "elicitation"),
		     *sampling = json_object_get(capabilities, "sampling");
	bool url = json_is_object(json_object_get(elicitation, "url"));
	unsigned abilities = 0;

	/* before there were modes, and where none is named, it is the form */
	if (json_is_object(elicitation) && (!url || json_is_object(json_object_get(elicitation, "form"))))
		abilities |= CAN_ELICIT_FORM;
	abilities |= url ? CAN_ELICIT_URL : 0;
	abilities |= json_is_object(sampling) ? CAN_SAMPLE : 0;
	abilities |= json_is_object(json_object_get(sampling, "tools")) ? CAN_SAMPLE_WITH_TOOLS : 0;
	abilities |= json_is_object(json_object_get(sampling, "context")) ? CAN_SAMPLE_WITH_CONTEXT : 0;
	abilities |= json_is_object(json_object_get(capabilities, "roots")) ? CAN_LIST_ROOTS : 0;
	const json_t *extensions = json_object_get(capabilities, "extensions");
	abilities |= json_is_object(json_object_get(extensions, TASKS_EXTENSION)) ? CAN_TASKS : 0;
	return abilities;
}

enum legacy_version session_version(h2o_iovec_t text)
{
	if (text_is(text, "2025-11-25"))
		return VERSION_2025_11_25;
	if (text_is(text, "2025-06-18"))
		return VERSION_2025_06_18;
	return text_is(text, "2025-03-26") ? VERSION_2025_03_26 : 0;
}

/* ---- handles ---- */

/* Keyed, so that nobody can look for two callers that share it. */
static void bind_caller(struct request *r, uint8_t digest[SHA256_SIZE])
{
	const struct bearer *bearer = bearer_of(r);
	struct text_buffer b = {.pool = &r->pool};

	text_append(&b, bearer->subject, strlen(bearer->subject) + 1);
	text_append_str(&b, bearer->client_id);
	hmac_sha256(mcp_of(r)->sessions.binding, h2o_iovec_init(b.base, b.len), digest);
}

void session_caller(struct request *r, uint8_t caller[SESSION_OWNER_SIZE])
{
	uint8_t binding[SHA256_SIZE];

	bind_caller(r, binding);
	memcpy(caller, binding, SESSION_OWNER_SIZE);
}

char *session_mint(struct request *r, enum legacy_version version, unsigned abilities)
{
	uint8_t binding[SHA256_SIZE];
	struct handle handle = {.generation = (uint32_t)version | abilities << VERSION_BITS};

	bind_caller(r, binding);
	random_bytes(handle.id, RANDOM_SIZE);
	memcpy(handle.id + RANDOM_SIZE, binding, BINDING_SIZE);
	return handle_mint(&r->pool, mcp_of(r)->sessions.keys, HANDLE_MCP_SESSION, &handle);
}

static void digest_of(const uint8_t owner[SESSION_OWNER_SIZE], h2o_iovec_t uri, uint8_t digest[SHA256_SIZE])
{
	uint8_t key[SHA256_SIZE] = {0};

	memcpy(key, owner, SESSION_OWNER_SIZE);
	hmac_sha256(key, uri, digest);
}

static bool has_ended(struct sessions *sessions, const uint8_t id[SESSION_OWNER_SIZE])
{
	uint8_t digest[SHA256_SIZE];

	digest_of(id, (h2o_iovec_t){"", 0}, digest);
	return digest_map_get(sessions->ended, digest) != NULL;
}

bool session_read(struct request *r, struct session *ret)
{
	struct sessions *sessions = &mcp_of(r)->sessions;
	uint8_t binding[SHA256_SIZE];
	struct handle handle;
	bool repeats;
	h2o_iovec_t text = request_header(r, "mcp-session-id", &repeats),
		    version = request_header(r, "mcp-protocol-version", NULL);

	/* 2025-06-18, basic/transports: nothing said means the version before there was the header */
	*ret = (struct session){.version = version.base != NULL ? session_version(version) : VERSION_2025_03_26};
	bind_caller(r, binding);
	memcpy(ret->owner, binding, SESSION_OWNER_SIZE);
	if (text.base == NULL)
		return true;
	if (repeats || !handle_open(sessions->keys, HANDLE_MCP_SESSION, text, &handle) ||
	    !secret_equal(handle.id + RANDOM_SIZE, binding, BINDING_SIZE) || has_ended(sessions, handle.id))
		return false;
	ret->is_open = true;
	ret->version = (enum legacy_version)(handle.generation & ((1u << VERSION_BITS) - 1));
	ret->abilities = handle.generation >> VERSION_BITS;
	memcpy(ret->owner, handle.id, SESSION_OWNER_SIZE);
	return true;
}

void session_end(struct request *r, const struct session *session)
{
	uint8_t digest[SHA256_SIZE];

	digest_of(session->owner, (h2o_iovec_t){"", 0}, digest);
	digest_map_put(mcp_of(r)->sessions.ended, digest, 1);
	digest_map_remove(mcp_of(r)->sessions.levels, digest);
}

/* ---- what a session has set ---- */

void session_set_level(struct sessions *sessions, const uint8_t owner[SESSION_OWNER_SIZE], int level)
{
	uint8_t digest[SHA256_SIZE];

	digest_of(owner, (h2o_iovec_t){"", 0}, digest);
	*(int *)digest_map_put(sessions->levels, digest, sizeof(int)) = level;
}

int session_level(struct sessions *sessions, const uint8_t owner[SESSION_OWNER_SIZE])
{
	uint8_t digest[SHA256_SIZE];

	digest_of(owner, (h2o_iovec_t){"", 0}, digest);
	const int *level = digest_map_get(sessions->levels, digest);
	return level != NULL ? *level : -1;
}

void session_subscribe(struct sessions *sessions, const uint8_t owner[SESSION_OWNER_SIZE], h2o_iovec_t uri, bool on)
{
	uint8_t digest[SHA256_SIZE];

	digest_of(owner, uri, digest);
	if (on)
		digest_map_put(sessions->resources, digest, 1);
	else
		digest_map_remove(sessions->resources, digest);
}

bool session_subscribes(struct sessions *sessions, const uint8_t owner[SESSION_OWNER_SIZE], h2o_iovec_t uri)
{
	uint8_t digest[SHA256_SIZE];

	digest_of(owner, uri, digest);
	return digest_map_get(sessions->resources, digest) != NULL;
}
