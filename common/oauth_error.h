/* SPDX-License-Identifier: Apache-2.0 */
/* The errors that the endpoints speak, as constants: code of the registry and HTTP status. */
#ifndef SALLYPORT_OAUTH_ERROR_H
#define SALLYPORT_OAUTH_ERROR_H

struct oauth_error {
	const char *code;
	int status;
};

extern const struct oauth_error INVALID_REQUEST;               /* RFC 6749, 5.2: 400 */
extern const struct oauth_error INVALID_CLIENT;                /* RFC 6749, 5.2: 401 */
extern const struct oauth_error INVALID_GRANT;                 /* 400 */
extern const struct oauth_error UNAUTHORIZED_CLIENT;           /* 400 */
extern const struct oauth_error UNSUPPORTED_GRANT_TYPE;        /* 400 */
extern const struct oauth_error UNSUPPORTED_RESPONSE_TYPE;     /* RFC 6749, 4.1.2.1 */
extern const struct oauth_error INVALID_SCOPE;                 /* 400 */
extern const struct oauth_error INVALID_TARGET;                /* RFC 8707, 2: 400 */
extern const struct oauth_error INVALID_AUTHORIZATION_DETAILS; /* RFC 9396, 5: 400 */
extern const struct oauth_error ACCESS_DENIED;                 /* RFC 6749, 4.1.2.1: 403 where it is not a redirect */
extern const struct oauth_error LOGIN_REQUIRED;                /* OpenID Connect Core, 3.1.2.6 */
extern const struct oauth_error CONSENT_REQUIRED;
extern const struct oauth_error UNMET_AUTHENTICATION_REQUIREMENTS; /* RFC 9470, 5 */
extern const struct oauth_error REQUEST_NOT_SUPPORTED;
extern const struct oauth_error REQUEST_URI_NOT_SUPPORTED;
extern const struct oauth_error INVALID_REDIRECT_URI;    /* RFC 7591, 3.2.2: 400 */
extern const struct oauth_error INVALID_CLIENT_METADATA; /* RFC 7591, 3.2.2: 400 */
extern const struct oauth_error INVALID_TOKEN;           /* RFC 6750, 3.1: 401 */
extern const struct oauth_error INVALID_DPOP_PROOF;      /* RFC 9449, 5: 400, at the token endpoint */
extern const struct oauth_error USE_DPOP_NONCE;          /* RFC 9449, 8: 400 */
extern const struct oauth_error DPOP_PROOF_REFUSED;      /* invalid_dpop_proof at a resource: RFC 9449, 7.1: 401 */
extern const struct oauth_error DPOP_NONCE_DEMANDED;     /* use_dpop_nonce there: RFC 9449, 9: 401 */
extern const struct oauth_error INSUFFICIENT_SCOPE;      /* RFC 6750, 3.1: 403 */
extern const struct oauth_error INSUFFICIENT_USER_AUTHENTICATION; /* RFC 9470, 3: 401 */
/* draft-ietf-oauth-rar-metadata-remediation: 403 */
extern const struct oauth_error INSUFFICIENT_AUTHORIZATION_DETAILS;
extern const struct oauth_error NOT_FOUND;               /* 404 */
extern const struct oauth_error METHOD_NOT_ALLOWED;      /* 405 */
extern const struct oauth_error CONTENT_TOO_LARGE;       /* 413 */
extern const struct oauth_error UNSUPPORTED_MEDIA_TYPE;  /* 415 */
extern const struct oauth_error FORBIDDEN;               /* 403: cross-site form, foreign Origin or Host */
extern const struct oauth_error CONFLICT;                /* 409, admin REST */
extern const struct oauth_error TOO_MANY_REQUESTS;       /* 429: over its budget; the same request may succeed later */
extern const struct oauth_error SERVER_ERROR;            /* 500 */
extern const struct oauth_error TEMPORARILY_UNAVAILABLE; /* 503: an outage of ours; clients keep what they hold */

#endif
