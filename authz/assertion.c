/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/assertion.h"

#include <math.h>
#include <string.h>

#include "authz/store.h"
#include "common/jws.h"

enum { JTI_MAX = 512 };

const char ASSERTION_TYPE[] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/* The second one: draft-ietf-oauth-rfc7523bis, 4. */
const char *const ASSERTION_JWT_TYPS[] = {"JWT", "client-authentication+jwt", NULL};

const char *assertion_peek(h2o_mem_pool_t *pool, h2o_iovec_t text, struct assertion_peek *ret)
{
	struct jws_parts parts;
	const char *problem = jws_split(text, ASSERTION_SIZE_MAX, &parts);
	if (problem != NULL)
		return problem;
	const json_t *header = jws_part_read(pool, parts.header), *claims = jws_part_read(pool, parts.payload);
	h2o_iovec_t algorithm = json_get_text(header, "alg"), subject = json_get_text(claims, "sub");
	enum jws_algorithm a = JWS_ALGORITHMS;
	ret->is_mac = text_is(algorithm, "HS256");
	if (!ret->is_mac && !jws_algorithm_of(algorithm, &a))
		return "the assertion's alg is not one that is taken";
	if (subject.len == 0 || subject.len > CLIENT_ID_MAX)
		return "the assertion has no sub";
	ret->algorithm = ret->is_mac ? "HS256" : jws_algorithm_name(a);
	ret->client_id = text_copy(pool, subject);
	return NULL;
}

static bool text_claim_is(const json_t *claims, const char *name, const char *text)
{
	const json_t *value = json_object_get(claims, name);
	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* This server alone, by the one name that no other server has: an assertion that could be shown to two servers could be
 * taken from the one to the other (draft-ietf-oauth-rfc7523bis; FAPI 2.0 Security Profile, 5.3.2.1). */
static bool audience_is(const json_t *claims, const char *issuer)
{
	const json_t *aud = json_object_get(claims, "aud");
	if (json_is_array(aud) && json_array_size(aud) == 1)
		aud = json_array_get(aud, 0);
	return json_is_string(aud) && strcmp(json_string_value(aud), issuer) == 0;
}

/* RFC 7519, 2: NumericDate may have a fraction. */
static bool time_claim(const json_t *claims, const char *name, int64_t otherwise, int64_t *ret)
{
	const json_t *value = json_object_get(claims, name);
	double number = json_number_value(value);
	*ret = otherwise;
	if (value == NULL)
		return true;
	if (!json_is_number(value) || !(fabs(number) < 1e12))
		return false;
	*ret = (int64_t)floor(number);
	return true;
}

static const char *times_problem(const json_t *claims, int64_t now, int64_t *ret_expires_at)
{
	int64_t issued_at, not_before;
	if (!time_claim(claims, "exp", 0, ret_expires_at) || !time_claim(claims, "iat", now, &issued_at) ||
	    !time_claim(claims, "nbf", now, &not_before))
		return "exp, iat or nbf is no time";
	if (*ret_expires_at <= now)
		return "the assertion has expired, or says no exp";
	if (*ret_expires_at > now + ASSERTION_LIFETIME_MAX + CLOCK_SKEW_S)
		return "the assertion lives too long";
	if (issued_at > now + CLOCK_SKEW_S || not_before > now + CLOCK_SKEW_S)
		return "the assertion is of the future";
	return NULL;
}

const char *assertion_problem(const json_t *claims, const char *client_id, const char *issuer, int64_t now,
                              struct assertion *ret)
{
	h2o_iovec_t jti = json_get_text(claims, "jti");
	if (!text_claim_is(claims, "iss", client_id) || !text_claim_is(claims, "sub", client_id))
		return "iss and sub are not both the client";
	if (!audience_is(claims, issuer))
		return "aud is not this server alone";
	if (jti.len == 0 || jti.len > JTI_MAX)
		return "jti is missing or too long";
	sha256(jti, ret->jti_digest);
	return times_problem(claims, now, &ret->expires_at);
}
