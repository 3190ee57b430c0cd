/* SPDX-License-Identifier: Apache-2.0 */
#include "oauth_error.h"

/* OAuth has no codes of its own for what HTTP says already: there the status tells, and the code is
 * the nearest one of the registry, which every client knows. */
const struct oauth_error INVALID_REQUEST = {"invalid_request", 400};
const struct oauth_error INVALID_CLIENT = {"invalid_client", 401};
const struct oauth_error INVALID_GRANT = {"invalid_grant", 400};
const struct oauth_error UNAUTHORIZED_CLIENT = {"unauthorized_client", 400};
const struct oauth_error UNSUPPORTED_GRANT_TYPE = {"unsupported_grant_type", 400};
const struct oauth_error UNSUPPORTED_RESPONSE_TYPE = {"unsupported_response_type", 400};
const struct oauth_error INVALID_SCOPE = {"invalid_scope", 400};
const struct oauth_error INVALID_TARGET = {"invalid_target", 400};
const struct oauth_error INVALID_AUTHORIZATION_DETAILS = {"invalid_authorization_details", 400};
const struct oauth_error ACCESS_DENIED = {"access_denied", 403};
const struct oauth_error LOGIN_REQUIRED = {"login_required", 403};
const struct oauth_error CONSENT_REQUIRED = {"consent_required", 403};
const struct oauth_error UNMET_AUTHENTICATION_REQUIREMENTS = {"unmet_authentication_requirements", 403};
const struct oauth_error REQUEST_NOT_SUPPORTED = {"request_not_supported", 400};
const struct oauth_error REQUEST_URI_NOT_SUPPORTED = {"request_uri_not_supported", 400};
const struct oauth_error INVALID_REDIRECT_URI = {"invalid_redirect_uri", 400};
const struct oauth_error INVALID_CLIENT_METADATA = {"invalid_client_metadata", 400};
const struct oauth_error INVALID_TOKEN = {"invalid_token", 401};
const struct oauth_error INVALID_DPOP_PROOF = {"invalid_dpop_proof", 400};
const struct oauth_error USE_DPOP_NONCE = {"use_dpop_nonce", 400};
const struct oauth_error DPOP_PROOF_REFUSED = {"invalid_dpop_proof", 401};
const struct oauth_error DPOP_NONCE_DEMANDED = {"use_dpop_nonce", 401};
const struct oauth_error INSUFFICIENT_SCOPE = {"insufficient_scope", 403};
const struct oauth_error INSUFFICIENT_USER_AUTHENTICATION = {"insufficient_user_authentication", 401};
const struct oauth_error INSUFFICIENT_AUTHORIZATION_DETAILS = {"insufficient_authorization_details", 403};
const struct oauth_error NOT_FOUND = {"invalid_request", 404};
const struct oauth_error METHOD_NOT_ALLOWED = {"invalid_request", 405};
const struct oauth_error CONTENT_TOO_LARGE = {"invalid_request", 413};
const struct oauth_error UNSUPPORTED_MEDIA_TYPE = {"invalid_request", 415};
const struct oauth_error FORBIDDEN = {"access_denied", 403};
const struct oauth_error CONFLICT = {"invalid_request", 409};
const struct oauth_error TOO_MANY_REQUESTS = {"temporarily_unavailable", 429};
const struct oauth_error SERVER_ERROR = {"server_error", 500};
const struct oauth_error TEMPORARILY_UNAVAILABLE = {"temporarily_unavailable", 503};
