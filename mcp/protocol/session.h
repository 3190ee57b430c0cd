/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the legacy era. A session is a handle (common/handle.h) that says what initialize agreed upon: the
 * version and what the client can do, bound to the person and the client. So it takes no memory, and every process with
 * the same secrets knows it. It helps and proves nothing: every request proves its caller by its token.
 *
 * What a session has set (a log level, subscriptions) and which ones have ended is remembered here, in bounded tables:
 * what is forgotten costs a notification. */
#ifndef SALLYPORT_MCP_SESSION_H
#define SALLYPORT_MCP_SESSION_H

#include "common/digest_map.h"
#include "common/handle.h"
#include "common/request.h"

enum { SESSION_OWNER_SIZE = 16 };

enum legacy_version { VERSION_2025_03_26 = 1, VERSION_2025_06_18, VERSION_2025_11_25 };

/* What a client can do when it is asked. */
enum client_ability {
	CAN_ELICIT_FORM = 1,
	CAN_ELICIT_URL = 2,
	CAN_SAMPLE = 4,
	CAN_SAMPLE_WITH_TOOLS = 8,
	CAN_SAMPLE_WITH_CONTEXT = 16,
	CAN_LIST_ROOTS = 32,
	CAN_TASKS = 64 /* modern era only */
};
/* Of the ClientCapabilities of either era; NULL: none. */
unsigned session_abilities(const json_t *capabilities);

struct session {                           /* of a request of the legacy era */
	bool is_open;                      /* it named one */
	enum legacy_version version;       /* agreed upon, or what the header says */
	unsigned abilities;                /* enum client_ability; 0 without a session */
	uint8_t owner[SESSION_OWNER_SIZE]; /* its id; else of the person and the client */
};

struct sessions { /* of one process */
	struct handle_keys *keys;
	uint8_t binding[32];          /* key of the digests of person and client */
	struct digest_map *ended;     /* by id */
	struct digest_map *levels;    /* by owner: int */
	struct digest_map *resources; /* by owner and URI: subscriptions */
};

/* Takes the keys, NULL for random ones of this process. */
void sessions_open(struct sessions *sessions, h2o_mem_pool_t *pool, struct handle_keys *keys);
void sessions_close(struct sessions *sessions);

/* A new session's handle, for the caller of r. */
char *session_mint(struct request *r, enum legacy_version version, unsigned abilities);
/* The session that the headers name. False if it is unknown, another's, or has ended. */
bool session_read(struct request *r, struct session *ret);
void session_end(struct request *r, const struct session *session);

/* Of the caller of r: the same for the same person and client. */
void session_caller(struct request *r, uint8_t caller[SESSION_OWNER_SIZE]);

/* 0 to 7 (debug to emergency); -1: none was set. */
void session_set_level(struct sessions *sessions, const uint8_t owner[SESSION_OWNER_SIZE], int level);
int session_level(struct sessions *sessions, const uint8_t owner[SESSION_OWNER_SIZE]);
void session_subscribe(struct sessions *sessions, const uint8_t owner[SESSION_OWNER_SIZE], h2o_iovec_t uri, bool on);
bool session_subscribes(struct sessions *sessions, const uint8_t owner[SESSION_OWNER_SIZE], h2o_iovec_t uri);

/* 0 if it is none of the legacy era. */
enum legacy_version session_version(h2o_iovec_t text);

#endif
