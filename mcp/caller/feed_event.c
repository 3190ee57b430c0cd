/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/feed_event.h"

#include <string.h>

#include "common/clock.h"
#include "common/jws.h"

/* RFC 8417, 2.2: an event is named by a URI; its subject is a subject identifier of RFC 9493. */
static const struct event_type {
	const char *uri;
	enum feed_event_kind kind;
	const char *format, *member; /* of the subject identifier; NULL: any */
} EVENT_TYPES[] = {
    {"https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked", FEED_GRANT_DEAD, "opaque", "id"},
    {"https://schemas.openid.net/secevent/oauth/event-type/token-revoked", FEED_TOKEN_DEAD, "jwt_id", "jti"},
    {"https://schemas.openid.net/secevent/oauth/event-type/client-disabled", FEED_CLIENT_DEAD, "opaque", "id"},
    {"https://schemas.openid.net/secevent/caep/event-type/token-claims-change", FEED_GRANT_CHANGED, "opaque", "id"},
    {"https://schemas.openid.net/secevent/ssf/event-type/verification", FEED_EVERYTHING, NULL, NULL},
};

static const struct event_type *type_of(const char *uri)
{
	for (size_t i = 0; i < sizeof(EVENT_TYPES) / sizeof(EVENT_TYPES[0]); i++)
		if (strcmp(uri, EVENT_TYPES[i].uri) == 0)
			return &EVENT_TYPES[i];
	return NULL;
}

/* RFC 8417, 2.2. A SET has no exp: what happened does not cease to have happened. */
static const char *claims_problem(const json_t *claims, const char *issuer, const char *resource, h2o_iovec_t jti)
{
	const json_t *iat = json_object_get(claims, "iat");

	if (!text_is(json_get_text(claims, "iss"), issuer))
		return "iss is another one";
	if (!jwt_audience_has(json_object_get(claims, "aud"), resource))
		return "aud is another one";
	if (!json_is_integer(iat) || json_integer_value(iat) > clock_now() + CLOCK_SKEW_S)
		return "iat is missing or in the future";
	if (jti.len == 0 || !text_equal(json_get_text(claims, "jti"), jti))
		return "jti is not that of its delivery";
	/* RFC 8417, 4.1 to 4.4: what is no SET must not pass for one, nor the other way round */
	if (json_object_get(claims, "exp") != NULL)
		return "exp is not of an event";
	if (json_object_size(json_object_get(claims, "events")) == 0)
		return "events is missing or empty";
	return NULL;
}

static bool add_event(const struct event_type *type, const json_t *subject, const char *issuer,
                      struct feed_event *event)
{
	struct feed_event found = {.kind = type->kind};

	if (type->format != NULL) {
		if (!text_is(json_get_text(subject, "format"), type->format))
			return false;
		found.id = json_get_text(subject, type->member);
		if (found.id.len == 0)
			return false;
	}
	/* RFC 9493, 3.2.8: a jti says something together with its issuer only */
	if (type->kind == FEED_TOKEN_DEAD && !text_is(json_get_text(subject, "iss"), issuer))
		return false;
	if (event->kind != FEED_NOTHING)
		found = (struct feed_event){.kind = FEED_EVERYTHING};
	*event = found;
	return true;
}

bool feed_event_read(const json_t *claims, const char *issuer, const char *resource, h2o_iovec_t jti,
                     struct feed_event *ret, const char **why)
{
	const char *uri;
	json_t *event;

	*ret = (struct feed_event){.kind = FEED_NOTHING};
	*why = claims_problem(claims, issuer, resource, jti);
	if (*why != NULL)
		return false;
	json_object_foreach (json_object_get(claims, "events"), uri, event) {
		const struct event_type *type = type_of(uri);

		*why = "an event is no object";
		if (!json_is_object(event))
			return false;
		*why = "the subject does not fit the event";
		if (type != NULL && !add_event(type, json_object_get(claims, "sub_id"), issuer, ret))
			return false;
	}
	*why = NULL;
	return true;
}

bool feed_event_verify(h2o_mem_pool_t *pool, const struct jwk_set *keys, const char *issuer, const char *resource,
                       h2o_iovec_t jti, h2o_iovec_t set, struct feed_event *ret, const char **why)
{
	*ret = (struct feed_event){.kind = FEED_NOTHING};
	if (set.len > JWS_SIZE_MAX) {
		*why = "the SET is too long";
		return false;
	}
	const json_t *claims = jws_verify(pool, keys, "secevent+jwt", set, why);
	return claims != NULL && feed_event_read(claims, issuer, resource, jti, ret, why);
}

bool feed_answer_read(h2o_mem_pool_t *pool, h2o_iovec_t body, struct feed_answer *ret, const char **why)
{
	const json_t *document = json_read(pool, body, NULL);
	const json_t *more = json_object_get(document, "moreAvailable");
	const char *jti;
	json_t *set;

	*ret = (struct feed_answer){json_object_get(document, "sets"), json_is_true(more)};
	*why = "the answer is no list of events";
	if (!json_is_object(ret->sets) || (more != NULL && !json_is_boolean(more)))
		return false;
	json_object_foreach ((json_t *)ret->sets, jti, set)
		if (jti[0] == '\0' || !json_is_string(set))
			return false;
	*why = NULL;
	return true;
}
