/* SPDX-License-Identifier: Apache-2.0 */
/* What the authorization server is made of: settings, keys, database. One per process; reached by authz_of(r). */
#ifndef SALLYPORT_AUTHZ_H
#define SALLYPORT_AUTHZ_H

#include "common/audit.h"
#include "common/db.h"
#include "common/handle.h"
#include "common/jwk.h"
#include "common/router.h"
#include "common/server.h"
#include "common/worker.h"

struct authz_settings {                /* of authz.yaml; durations in seconds unless said */
	const char *issuer;            /* byte for byte in every document and token */
	const char *base;              /* path of the issuer: "" or "/t1" */
	const char *origin;            /* scheme://host[:port] of the issuer */
	bool secure;                   /* https issuer: Secure cookies with the __Host- prefix */
	const char *cookie_suffix;     /* on loopback http "_<port>", since cookies do not know ports; else "" */
	const char *templates;         /* folder */
	int64_t code_lifetime;         /* 60 */
	int64_t access_token_lifetime; /* 600 */
	int64_t grant_lifetime;        /* 90 days: a refresh token's absolute end */
	int64_t refresh_retry_window;  /* 120 (design: the refresh contract) */
	int64_t request_lifetime;      /* 600: an authorization request waits for its person */
	int64_t session_idle, session_lifetime; /* 12 h, 7 days */
	bool registration_open;                 /* RFC 7591 without an initial access token */
	uint32_t argon2_memory_kib, argon2_passes;
};

struct authz {
	struct authz_settings settings;
	h2o_mem_pool_t pool; /* lives as long as the process */
	struct handle_keys *handle_keys;
	struct db *db;
	struct workers *workers;
	struct audit *audit;
	struct server *server;
	struct keyring *keyring; /* keys.h: signing keys, kept fresh from the database */
	struct pages *pages;     /* page.h: compiled templates */
	h2o_iovec_t metadata;    /* metadata.h: the discovery document; made by authz_service */
};

static inline struct authz *authz_of(const struct request *r)
{
	return r->service->daemon;
}

#endif
