/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/security_event.h"

#include "authz/keys.h"
#include "common/jws.h"

#define OAUTH_EVENT "https://schemas.openid.net/secevent/oauth/event-type/" /* OpenID OAuth Event Types 1.0 */
#define CAEP_EVENT "https://schemas.openid.net/secevent/caep/event-type/"   /* OpenID CAEP 1.0, 3 */
#define SSF_EVENT "https://schemas.openid.net/secevent/ssf/event-type/"     /* OpenID SSF 1.0, 8.1.4 */

static const char TYPE[] = "secevent+jwt"; /* RFC 8417, 2.3 */

static const char *const EVENT_URIS[] = {
    [FEED_GRANT] = OAUTH_EVENT "tokens-revoked",      [FEED_TOKEN] = OAUTH_EVENT "token-revoked",
    [FEED_CLIENT] = OAUTH_EVENT "client-disabled",    [FEED_SESSION] = CAEP_EVENT "session-revoked",
    [FEED_CLAIMS] = CAEP_EVENT "token-claims-change", [FEED_VERIFICATION] = SSF_EVENT "verification",
};

static json_t *opaque(const char *id)
{
	return json_pack("{s:s, s:s}", "format", "opaque", "id", id);
}

/* Of whom or what the event speaks: RFC 9493. */
static json_t *subject_of(const struct feed_page *page, const struct feed_event *event, const char *issuer)
{
	switch (event->kind) {
	case FEED_TOKEN: return json_pack("{s:s, s:s, s:s}", "format", "jwt_id", "iss", issuer, "jti", event->id);
	case FEED_SESSION:
		return json_pack("{s:s, s:s, s:s}", "format", "iss_sub", "iss", issuer, "sub",
		                 event->detail != NULL ? event->detail : "");
	case FEED_VERIFICATION: return opaque(page->resource); /* the stream itself */
	default: return opaque(event->id);
	}
}

static json_t *payload_of(const struct feed_event *event)
{
	json_t *payload = json_object();

	if (event->kind == FEED_VERIFICATION)
		return payload;
	json_object_set_new(payload, "event_timestamp", json_integer(event->happened_at));
	if (event->kind == FEED_GRANT && event->detail != NULL)
		json_object_set_new(payload, "reason", json_string(event->detail));
	if (event->kind == FEED_CLAIMS)
		json_object_set_new(payload, "claims",
		                    json_pack("{s:s}", "scope", event->detail != NULL ? event->detail : ""));
	return payload;
}

const char *security_event_sign(struct request *r, const struct feed_page *page, const struct feed_event *event,
                                const char *jti)
{
	const char *issuer = authz_of(r)->settings.issuer;
	const struct jwk *key = keyring_signing_key(authz_of(r)->keyring, &r->pool);
	json_t *claims = json_keep(&r->pool, json_pack("{s:s, s:s, s:I, s:s, s:o, s:{s:o}}", "iss", issuer, "aud",
	                                               page->resource, "iat", (json_int_t)page->now, "jti", jti,
	                                               "sub_id", subject_of(page, event, issuer), "events",
	                                               EVENT_URIS[event->kind], payload_of(event)));

	return key == NULL ? NULL : jws_sign(&r->pool, key, TYPE, json_text(&r->pool, claims)).base;
}
