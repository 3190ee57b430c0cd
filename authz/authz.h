/* SPDX-License-Identifier: Apache-2.0 */
/* What the authorization server is made of: settings, keys, database. One per process; reached by authz_of(r). */
#ifndef SALLYPORT_AUTHZ_H
#define SALLYPORT_AUTHZ_H

#include "common/audit.h"
#include "common/db.h"
#include "common/egress.h"
#include "common/handle.h"
#include "common/jwk.h"
#include "common/router.h"
#include "common/server.h"
#include "common/worker.h"

struct client_document_settings { /* client_document.h */
	bool enabled;
	bool fetch; /* false: only documents that the operator has imported */
	const char *const *allow, *const
				      *deny; /* host_pattern.h, NULL-terminated; allow NULL: all but what is denied */
	size_t size_limit;                   /* bytes */
	long timeout_ms;
	int64_t stale_if_error; /* seconds that a document is used whose site does not answer */
	const struct egress_exception *exceptions;
	size_t exception_count;
};

enum registration_mode { REGISTRATION_CLOSED, REGISTRATION_TOKEN /* RFC 7591, 3 */, REGISTRATION_OPEN };
/* What an endpoint's row may count against. */
enum budget { NO_BUDGET, BUDGET_REGISTRATION, BUDGET_MANAGEMENT, BUDGET_AUTHORIZATION, BUDGET_TOKEN, BUDGETS };

struct authz_settings {                   /* of authz.yaml; durations in seconds unless said */
	const char *issuer;               /* byte for byte in every document and token */
	const char *base;                 /* path of the issuer: "" or "/t1" */
	const char *origin;               /* scheme://host[:port] of the issuer */
	bool secure;                      /* https issuer: Secure cookies with the __Host- prefix */
	const char *cookie_suffix;        /* on loopback http "_<port>", since cookies do not know ports; else "" */
	const char *templates;            /* folder */
	bool has_admin_listener;          /* the admin REST answers there and nowhere else */
	bool client_certificates;         /* the listener asks clients for certificates (RFC 8705) */
	bool client_authorities;          /* and there are authorities that are trusted with them */
	bool dpop_nonce_required;         /* RFC 9449, 8: every DPoP proof has a nonce of ours */
	int64_t code_lifetime;            /* 60 */
	int64_t access_token_lifetime;    /* 600 */
	int64_t key_rotate, key_announce; /* 90 days (0: never), 1 day: keyring_rotate_by_age */
	int64_t grant_lifetime;           /* 90 days: a refresh token's absolute end */
	int64_t refresh_retry_window;     /* 120 (design: the refresh contract) */
	int64_t request_lifetime;         /* 600: an authorization request waits for its person */
	int64_t session_idle, session_lifetime; /* 12 h, 7 days */
	enum registration_mode registration;    /* open */
	int64_t registration_lease;             /* 7 days: a registered client without any grant goes */
	uint32_t budgets[BUDGETS];              /* requests a minute (budget.c says of whom); 0: no limit */
	uint32_t argon2_memory_kib, argon2_passes;
	struct client_document_settings documents;
};

struct authz {
	struct authz_settings settings;
	h2o_mem_pool_t pool; /* lives as long as the process */
	struct handle_keys *handle_keys;
	struct db *db;
	struct workers *workers;
	struct audit *audit;     /* NULL: the operator wants none */
	bool goes_on_unrecorded; /* where it cannot be written (audit.when_full) */
	struct server *server;
	struct egress *egress;              /* the one outbound door */
	struct document_fetches *documents; /* document_fetch.h */
	struct key_sets *key_sets;          /* key_sets.h: public keys of clients */
	struct keyring *keyring;            /* keys.h: signing keys, kept fresh from the database */
	struct revocations *revocations;    /* revocations.h: polls that wait; NULL in unit tests */
	struct notices *notices;            /* notices.h: what changes in the database; NULL in unit tests */
	struct answer_cache *answers;       /* answer_cache.h; NULL keeps nothing */
	struct known_tokens *known_tokens;  /* known_tokens.h; NULL knows nothing */
	struct pages *pages;                /* page.h: compiled templates */
	struct rate_limits *rate_limits;    /* what is left of the budgets */
	h2o_iovec_t metadata;               /* metadata.h: the discovery document; made by authz_service */
};

static inline struct authz *authz_of(const struct request *r)
{
	return r->service->daemon;
}

#endif
