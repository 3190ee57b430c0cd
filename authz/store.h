/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that authz asks of PostgreSQL. Each verdict is one call of one function in sql/functions, which compares
 * and decides in one transaction; the daemon's database role may execute those functions and nothing else. A
 * store_<question> ends a step with WAIT; the next step begins with store_read_<question>, which gives the named
 * outcome. Readers copy what they return to the request's pool. */
#ifndef SALLYPORT_STORE_H
#define SALLYPORT_STORE_H

#include "authz/authorization.h"
#include "authz/authz.h"
#include "authz/poll_request.h"
#include "common/scope.h"
#include "common/secret.h"

/* The prepared statements, for db_open. */
extern const struct db_statement STORE_STATEMENTS[];
extern const size_t STORE_STATEMENT_COUNT;
/* For db_options. */
extern const size_t STORE_TOGETHER;
bool store_statement_reads(size_t statement);

/* How a client at /token, /introspect, /revoke or /revocations says who it is. The verdict functions compare it
 * themselves, first of all, so that the proof and the decision are one round trip: unknown, disabled, another method
 * than the registered one or a wrong secret are all CLIENT_REFUSED. */
enum auth_method {
	AUTH_NONE,
	AUTH_SECRET_BASIC,
	AUTH_SECRET_POST,
	AUTH_SECRET_JWT,
	AUTH_PRIVATE_KEY_JWT,
	AUTH_TLS,
	AUTH_SELF_SIGNED_TLS,
	AUTH_METHODS
};
extern const char
    *const AUTH_METHOD_NAMES[AUTH_METHODS]; /* "none", "client_secret_basic", ... as registered with IANA */
struct client_proof {
	const char *client_id;
	enum auth_method method;
	/* Of the form-decoded secret; zero for AUTH_NONE. Of a method that this daemon has verified: of the key
	 * material that it was verified against, so that the verdict holds for the keys of that moment only. */
	uint8_t secret_digest[SHA256_SIZE];
	uint8_t raw_secret_digest[SHA256_SIZE]; /* Basic without form encoding, as SDKs send it; equal to secret_digest
	                                           otherwise */
	bool certificate_bound;                 /* the client wants its tokens bound (RFC 8705, 3) */
	const char *certificate_thumbprint;     /* x5t#S256 of the certificate that they are bound to, or NULL */
	const char *key_thumbprint;             /* RFC 7638, of the key whose DPoP proof came along, or NULL */
};

/* ---- clients (RFC 7591) ---- */
/* Bytes of an id that may be asked about: those that were made here, or by the operator, are much shorter than the URL
 * of a document (client_document.h). */
enum { CLIENT_ID_MAX = 1024, CLIENT_ID_HERE_MAX = 128 };
struct client {
	const char *client_id;
	const char *name; /* never NULL; "" if none was given */
	const char **redirect_uris;
	size_t redirect_uri_count;
	const char **grant_types;
	size_t grant_type_count;
	enum auth_method auth_method;
	const char *scope;            /* registered scope; "" if none */
	const char *application_type; /* "native" or "web" */
	const char *client_uri, *logo_uri, *tos_uri, *policy_uri, *software_id, *software_version; /* NULL if absent */
	const char *contacts;         /* JSON array text or NULL */
	const char *resource;         /* a resource server's own resource (RFC 7662 callers), else NULL */
	const char *consent;          /* "explicit", or "implicit": an application of the house; NULL: as it is */
	const char *default_resource; /* for requests that name none; NULL: everybody's */
	const char *origin; /* "dynamic" (RFC 7591), "admin", "document" (the id is the URL of its metadata) */
	bool enabled;
	int64_t created_at, last_used_at, last_granted_at; /* 0: never */
	const char *jwks;                                  /* JSON text of its public keys, or NULL; never both */
	const char *jwks_uri;
	const char *assertion_algorithm; /* token_endpoint_auth_signing_alg, or NULL */
	const char
	    *tls_subject_kind; /* RFC 8705, 2.1.2 without "tls_client_auth_": subject_dn, san_dns, ...; or NULL */
	const char *tls_subject;
	bool certificate_bound; /* tls_client_certificate_bound_access_tokens */
	bool key_bound;         /* dpop_bound_access_tokens */
	bool shared;            /* handed out to more than one registrant */
	bool has_registration;  /* registration_id is set */
	uint8_t registration_id[16];
	/* to be written only, never read back */
	h2o_iovec_t sealed_secret; /* of AUTH_SECRET_JWT; base NULL otherwise */
	int sealed_with;
	const uint8_t *metadata_digest; /* SHA256_SIZE bytes, or NULL */
};
/* `secret_digest` (struct client_proof) NULL without secret. Answer as store_read_client; false: the id is taken. */
step_result store_client_add(struct request *r, const struct client *c, const uint8_t *secret_digest);
step_result store_client_get(struct request *r, const char *client_id);
/* False if there is none (then *ret is untouched). A disabled one is returned with enabled false. */
bool store_read_client(struct request *r, struct client *ret);
/* Up to `limit` clients behind `after` ("" at first) in client_id order; store_read_clients gives the row's. */
step_result store_client_list(struct request *r, const char *after, int limit);
size_t store_read_clients(struct request *r, struct client **ret);
/* Replaces name, redirect URIs, grant types, scope, keys, optional members, resource and enabled; not id, origin,
 * method and shared secret. `consent` NULL: it and the default resource stay, too. Answer as store_read_client. */
step_result store_client_update(struct request *r, const struct client *c);
/* Deletes the client and revokes all its grants; store_read_deleted: false if there was none. */
step_result store_client_delete(struct request *r, const char *client_id);
bool store_read_deleted(struct request *r);

/* Registration by a client itself (RFC 7591). A public client's twin within `same_within` seconds is the same client,
 * which nobody can change or delete from then on by its registration access token. */
struct registration {
	struct client client;          /* with a fresh id, registration id and metadata digest */
	const uint8_t *secret_digest;  /* NULL without secret */
	const uint8_t *initial_access; /* id of an initial access token, or NULL */
	int64_t same_within, lease;    /* seconds; lease: until a client without any grant goes */
};
step_result store_client_register(struct request *r, const struct registration *registration);
enum client_register { REGISTER_TOKEN_REFUSED, REGISTER_KNOWN, REGISTER_ADDED };
/* *ret is the row, unless the token was refused. */
enum client_register store_read_client_register(struct request *r, struct client *ret);
/* RFC 7592: the client that a registration access token is for; answer as store_read_client. False: it is not there,
 * disabled, or not the token's. */
step_result store_client_registered(struct request *r, const uint8_t registration_id[16], const char *client_id);
/* Replaces what the client of c->client_id and c->registration_id registered. `secret_digest`, unless NULL, must be
 * that of its secret. */
step_result store_client_replace(struct request *r, const struct client *c, const uint8_t *secret_digest);
enum client_replace {
	REPLACE_UNKNOWN,
	REPLACE_SHARED,
	REPLACE_METHOD_DIFFERS,
	REPLACE_SECRET_DIFFERS,
	REPLACE_DONE /* *ret is the row */
};
enum client_replace store_read_client_replace(struct request *r, struct client *ret);
step_result store_client_unregister(struct request *r, const uint8_t registration_id[16], const char *client_id);
enum client_unregister { UNREGISTER_UNKNOWN, UNREGISTER_SHARED, UNREGISTER_DONE };
enum client_unregister store_read_client_unregister(struct request *r);

/* What a proof by keys or a certificate is verified against, before a verdict is asked for. */
struct client_keys {
	const char *client_id;
	enum auth_method method;
	uint8_t digest[SHA256_SIZE];             /* what the verdict compares with a proof's secret_digest */
	const char *jwks, *jwks_uri, *algorithm; /* as in struct client */
	h2o_iovec_t sealed_secret;
	int sealed_with;
	const char *tls_subject_kind, *tls_subject;
	bool certificate_bound;
};
step_result store_client_keys(struct request *r, const char *client_id);
/* False: unknown or disabled. */
bool store_read_client_keys(struct request *r, struct client_keys *ret);
/* RFC 7523, 3: an assertion counts once. store_read_assertion_use: false if it was used before or has expired. */
step_result store_assertion_use(struct request *r, const char *client_id, const uint8_t jti_digest[SHA256_SIZE],
                                int64_t expires_at);
bool store_read_assertion_use(struct request *r);
/* RFC 9449, 11.1: a DPoP proof counts once in `lifetime` seconds. store_read_proof_use: false if it was used before. */
step_result store_proof_use(struct request *r, const uint8_t digest[SHA256_SIZE], int64_t lifetime);
bool store_read_proof_use(struct request *r);

/* ---- resources and scopes ---- */
struct scope_row {
	const char *name;
	bool is_open; /* the client can be granted it: an administrator may have limited the client */
};

/* ---- authorization requests ---- */
/* What a request is checked against: where the client's answers may go, and the resource and scopes that the request
 * may name. resource NULL: the client's default one, else everybody's. */
step_result store_authorize_lookup(struct request *r, const char *client_id, const char *resource);
enum authorize_lookup { LOOKUP_NO_CLIENT, LOOKUP_NO_RESOURCE /* the client was read */, LOOKUP_FOUND };
struct terms {
	enum authorize_lookup found;
	const char **redirect_uris;
	size_t redirect_uri_count;
	bool may_use_codes;   /* the client is registered for authorization_code */
	const char *resource; /* from here on: LOOKUP_FOUND only */
	struct scope_row *scopes;
	size_t scope_count;
};
void store_read_authorize_lookup(struct request *r, struct terms *ret);
/* The same for a client whose id is the URL of its document (client_document.h), with what is kept of that;
 * store_read_document reads the same answer. */
step_result store_document_lookup(struct request *r, const char *client_id, const char *resource);
enum document_state {
	KEPT_NONE,
	KEPT_DISABLED /* the client, by the operator */,
	KEPT_IMPORTED /* the operator's copy: never fetched */,
	KEPT_FRESH,
	KEPT_STALE,
	KEPT_WITHDRAWN /* its site has had something else there since */
};
struct document_kept {
	enum document_state state;
	int64_t age;                      /* seconds since its site gave or confirmed it */
	const char *etag, *last_modified; /* to ask again with; NULL if absent */
};
void store_read_document(struct request *r, struct document_kept *ret);
struct document_put {
	uint8_t digest[SHA256_SIZE]; /* of the document's bytes */
	int64_t lifetime;            /* seconds that it stays fresh */
	const char *etag, *last_modified;
};
/* Keeps a document that came as one client, or says of the kept one that it stays good; both answer as
 * store_authorize_lookup. Of one that the operator imported, nothing changes. */
step_result store_document_put(struct request *r, const struct client *c, const struct document_put *d,
                               const char *resource);
step_result store_document_confirm(struct request *r, const char *client_id, int64_t lifetime, const char *resource);
/* Nothing new begins with the kept document until one comes again. No answer to read. */
step_result store_document_withdraw(struct request *r, const char *client_id);
/* What the sign-in and consent pages show: the request if it is alive, undecided and of this browser; the person if the
 * session (NULL: none) is alive. */
enum page_state { PAGE_NO_REQUEST, PAGE_SIGN_IN, PAGE_CONSENT };
struct scope_shown {
	const char *name, *title, *tools;
	bool allowed; /* the person may have it */
	bool kept;    /* allowed before: living grants open it */
};
struct page_view {
	struct authorization request;
	struct scope_shown *scopes;
	size_t scope_count;
	const char *username, *display_name; /* PAGE_CONSENT */
	int64_t auth_time;
	bool grantable;    /* approval gives something of what was asked */
	bool silent;       /* nobody needs to be asked, as far as can be seen now: the decision judges it again */
	bool can_remember; /* what is allowed now need not be asked again */
	const char *client_described; /* digest of what describes the client today; consent is bound to it */
};
step_result store_page_view(struct request *r, const uint8_t request_id[16], const uint8_t browser_id[16],
                            const uint8_t *session_id);
enum page_state store_read_page_view(struct request *r, struct page_view *ret);

/* ---- people and sessions ---- */
/* The password hash to compare with; an unknown or disabled person, or one whose failures are too many from this
 * address, has none (the caller compares with a dummy of the same cost). `username` is canonicalised (lower case) by
 * the function. */
step_result store_person_for_sign_in(struct request *r, const char *username, const char *address);
struct person_sign_in {
	uint8_t person_id[16];
	const char *password_hash;
	bool throttled;
};
bool store_read_person_for_sign_in(struct request *r, struct person_sign_in *ret);
/* After the comparison with `compared_hash`. Success starts a session (the id was made by the caller) in place of
 * `old_session_id` (may be NULL), which ends; `new_hash` NULL unless the password was hashed again with today's
 * parameters. A person disabled meanwhile, or with another password by now, gets no session. */
step_result store_sign_in(struct request *r, const uint8_t person_id[16], const uint8_t session_id[16],
                          const uint8_t *old_session_id, const char *compared_hash, const char *new_hash, int64_t idle,
                          int64_t lifetime);
bool store_read_sign_in(struct request *r);
step_result store_sign_out(struct request *r, const uint8_t session_id[16]);

/* ---- the decision ---- */
/* Consent: decides the request exactly once. Approval makes a code (id made by the caller) for the scopes that were
 * asked, are known and the person may have, with those that living grants kept; a denial needs no session (NULL).
 * DECIDE_SILENTLY approves if nobody needs to be asked, and else changes nothing (DECIDED_ASK). */
enum decide_how { DECIDE_DENY, DECIDE_APPROVE, DECIDE_SILENTLY };
step_result store_decide(struct request *r, const uint8_t request_id[16], const uint8_t browser_id[16],
                         const uint8_t *session_id, enum decide_how how, const uint8_t code_id[16],
                         int64_t code_lifetime);
enum decision {
	DECIDED_NO_REQUEST /* unknown, expired, decided before, or of another browser */,
	DECIDED_NO_SESSION,
	DECIDED_DENIED,
	DECIDED_NO_SCOPE,
	DECIDED_ASK,
	DECIDED_APPROVED
};
struct decided {
	const char *redirect_uri, *state, *client_id, *resource;
	const char *username; /* NULL if it was refused without anybody's name */
	const char *scope;    /* DECIDED_APPROVED: blank-separated */
	const char *consent;  /* DECIDED_APPROVED: "asked", "remembered" or "implicit" */
};
enum decision store_read_decide(struct request *r, struct decided *ret);
/* A checked request: decided at once if the person is signed in and nobody needs to be asked; else (and not with
 * prompt=none, which has no page) kept for `request_lifetime` seconds, bound to a browser, for the pages to decide. All
 * ids were made by the caller (random); `session_id` NULL: nobody is signed in. Whatever /authorize has checked of what
 * it may have remembered is checked again. */
struct authorize_ids {
	const uint8_t *request, *browser, *session, *code;
};
step_result store_authorize(struct request *r, const struct authorization *a, const struct authorize_ids *ids,
                            int64_t request_lifetime, int64_t code_lifetime);
enum authorize {
	AUTHORIZE_GONE /* the client, its redirect URI or the resource */,
	AUTHORIZE_NO_SESSION,
	AUTHORIZE_ASK,
	AUTHORIZE_APPROVED /* *ret has username, scope and consent */
};
enum authorize store_read_authorize(struct request *r, struct decided *ret);

/* ---- grants ---- */
struct granted {
	uint8_t grant_id[16];
	uint32_t generation; /* of the refresh token to hand out; 0: none (client without the refresh_token grant) */
	const char *subject; /* person id as text */
	const char *client_id, *resource, *scope; /* blank-separated */
	int64_t auth_time, now;                   /* by the database's clock */
	const char **roles, **groups;             /* of the person; a client's own grant has none */
	size_t role_count, group_count;
	const char *nonce;    /* of a redeemed code: what its request gave, or NULL */
	const char *approval; /* the same: authorization_details for the token, once */
};
enum redeem {
	REDEEM_CLIENT_REFUSED,
	REDEEM_UNAUTHORIZED_CLIENT /* grant type not registered */,
	REDEEM_INVALID /* unknown, expired, of another client, revoked */,
	REDEEM_REPLAYED /* the grant has just been revoked */,
	REDEEM_REDIRECT_MISMATCH,
	REDEEM_VERIFIER_MISMATCH,
	REDEEM_TARGET_MISMATCH,
	REDEEM_KEY_MISSING /* the client is one whose tokens are bound to keys */,
	REDEEM_KEY_MISMATCH /* the code is for another key */,
	REDEEM_LIMITED /* r->retry_after_s was set, and it would have been granted: nothing was consumed */,
	REDEEM_GRANTED
};
/* redirect_uri and resource may be NULL (absent). A failed redemption consumes nothing; a replay that is otherwise
 * valid revokes the grant. */
step_result store_redeem_code(struct request *r, const struct client_proof *proof, const uint8_t code_id[16],
                              const char *redirect_uri, const char *code_challenge /* S256 of the verifier */,
                              const char *resource, int64_t grant_lifetime);
enum redeem store_read_redeem_code(struct request *r, struct granted *ret);

enum refresh {
	REFRESH_CLIENT_REFUSED,
	REFRESH_UNAUTHORIZED_CLIENT,
	REFRESH_INVALID,
	REFRESH_REUSED /* the grant has just been revoked */,
	REFRESH_TARGET_MISMATCH,
	REFRESH_SCOPE_EXCEEDED,
	REFRESH_KEY_MISSING,
	REFRESH_KEY_MISMATCH /* the grant is bound to another key */,
	REFRESH_LIMITED /* r->retry_after_s was set, and it would have been granted: nothing was changed */,
	REFRESH_ROTATED,
	REFRESH_RETRIED /* n-1 inside the window */,
	REFRESH_STALE /* older inside its window */
};
/* `scope` (may be NULL) narrows the access token only; `resource` may be NULL. */
step_result store_refresh(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                          uint32_t generation, const struct scopes *scope, const char *resource, int64_t window);
enum refresh store_read_refresh(struct request *r, struct granted *ret);

/* client_credentials: OAuth 2.1, 4.2. `scope` (may be NULL) narrows the token, `resource` NULL is the default one. The
 * grant is the client's own, without a person: generation and auth_time are 0, the subject is the client. */
enum own_grant {
	OWN_CLIENT_REFUSED,
	OWN_UNAUTHORIZED_CLIENT,
	OWN_TARGET_UNKNOWN,
	OWN_SCOPE_EXCEEDED /* or nothing is registered */,
	OWN_KEY_MISSING,
	OWN_GRANTED
};
step_result store_client_credentials(struct request *r, const struct client_proof *proof, const struct scopes *scope,
                                     const char *resource);
enum own_grant store_read_client_credentials(struct request *r, struct granted *ret);

/* RFC 7662: of an access token (jti text, grant id). Active only if the
 * caller is a resource server whose resource is the grant's, the grant is alive, person and client are enabled and the
 * jti was not revoked. */
struct introspected {
	bool client_refused, active;
	const char *username, *scope, *client_id, *subject;
	const char *grantable_scope; /* what the person (of a client's own grant: the client) could be granted for this
	                                resource */
	int64_t expires_in;          /* seconds that the grant lives at most */
	const char **roles, **groups;
	size_t role_count, group_count;
	const char *claims; /* what the operator says of the person: JSON of an object; NULL of a client */
	/* of an API key */
	const char *resource;
	int64_t issued_at, expires_at;
};
step_result store_introspect(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                             const char *jti);
void store_read_introspect(struct request *r, struct introspected *ret);
/* The same of an API key, of which nothing is known but its id: the answer also says what a token's claims would. */
step_result store_introspect_api_key(struct request *r, const struct client_proof *proof, const uint8_t key_id[16]);
void store_read_introspect_api_key(struct request *r, struct introspected *ret);

/* OpenID Connect Core, 5.3. `scope`: the token's. False: the token is dead, or was not granted openid. */
struct userinfo {
	const char *subject;
	const char *username, *display_name; /* NULL without the scope profile */
};
step_result store_userinfo(struct request *r, const uint8_t grant_id[16], const char *jti, const struct scopes *scope);
bool store_read_userinfo(struct request *r, struct userinfo *ret);

/* RFC 7009. A refresh token (jti NULL) revokes its grant; an access token only itself, until it has expired. Of another
 * client: nothing happens. */
step_result store_revoke(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                         const char *jti, int64_t token_expires_at);
enum revoke { REVOKE_CLIENT_REFUSED, REVOKE_NOTHING, REVOKE_DONE };
enum revoke store_read_revoke(struct request *r);
/* Only proves the client (a revocation of garbage, an introspection of garbage): answer as store_read_revoke with
 * REVOKE_NOTHING for a good proof. `needs_resource`: also refused unless it is a resource server. */
step_result store_prove_client(struct request *r, const struct client_proof *proof, bool needs_resource);

/* ---- the revocation feed (RFC 8936; sql/functions/feed.sql) ---- */
/* Up to `limit` events behind a position (NULL: none) that concern the caller's own resource. */
step_result store_feed_poll(struct request *r, const struct client_proof *proof, const struct feed_position *position,
                            int limit);
enum feed {
	FEED_CLIENT_REFUSED,
	FEED_RESET /* the position is none to go on from: here is that of now */,
	FEED_NOTHING,
	FEED_EVENTS
};
enum feed_kind { FEED_GRANT, FEED_TOKEN, FEED_CLIENT, FEED_SESSION, FEED_CLAIMS, FEED_VERIFICATION };
struct feed_event {
	int64_t event_id;
	enum feed_kind kind;
	const char *id;     /* of the grant, token, client or session */
	const char *detail; /* FEED_GRANT: why; FEED_CLAIMS: the scope of today; FEED_SESSION: the person; or NULL */
	int64_t happened_at;
};
struct feed_page {
	const char *resource;
	struct feed_position position; /* with an event's id as `after`: the position behind that event */
	struct feed_event *events;
	size_t count;
	bool more;
	int64_t now; /* by the database's clock */
};
enum feed store_read_feed_poll(struct request *r, struct feed_page *ret);

/* ---- admin ---- */
step_result store_admin_key(struct request *r, const uint8_t key_id[16]);
/* False: unknown, revoked, expired. */
bool store_read_admin_key(struct request *r, struct scopes *ret, const char **ret_name);

/* ---- signing keys (background) ---- */
enum store_background {
	STORE_SIGNING_KEYS,
	STORE_SIGNING_KEY_ADD_FIRST,
	STORE_SIGNING_KEY_ROTATE,
	STORE_SWEEP,
	STORE_SWEEP_CLIENTS
};
/* Statement number of db_ask_background; rows of STORE_SIGNING_KEYS: kid, algorithm, sealed (bytea), secret_id, signs
 * (bool), created_at. STORE_SWEEP deletes what has expired (requests, codes, sessions, revoked jtis, old sign-in
 * failures). Parameter of both: seconds that an access token lives at most. STORE_SWEEP_CLIENTS deletes clients that
 * nobody uses (lease in seconds, how many to look at). STORE_SIGNING_KEY_ADD_FIRST (kid,
 * algorithm, sealed, secret_id) adds a key if there is none; STORE_SIGNING_KEY_ROTATE (the same, and after how many
 * seconds a key is replaced and how many the new one is published before) if the newest is too old. */
size_t store_background_statement(enum store_background which);

#endif
