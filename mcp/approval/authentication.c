/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/approval/authentication.h"

#include "common/clock.h"
#include "common/config.h"
#include "common/jws.h"
#include "mcp/call/answer.h"
#include "mcp/call/audit_record.h"
#include "mcp/call/invoke.h"
#include "mcp/caller/challenge.h"

/* A person needs a while from the sign-in to the call. */
enum { MAX_AGE_MIN_S = 30, MAX_AGE_MAX_S = 365 * 24 * 3600 };

const char AUTHENTICATION_FILE_SCHEMA[] =
    "description: How and when the person must have signed in\n"
    "type: object\n"
    "additionalProperties: false\n"
    "minProperties: 1\n"
    "properties:\n"
    "  max_age: {description: 'Of the sign-in, 30s at least', type: string, pattern: '^[0-9]{1,9}(s|m|h|d)$'}\n"
    "  acr:\n"
    "    description: Authentication context classes, the one that is liked most first\n"
    "    type: array\n"
    "    minItems: 1\n"
    "    maxItems: 10\n"
    "    uniqueItems: true\n"
    "    items: {type: string, pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$', maxLength: 256}\n";

const struct authentication *authentication_file_read(struct loading *l, const char **problem)
{
	const json_t *part = json_object_get(l->document, "authentication");

	*problem = NULL;
	if (part == NULL)
		return NULL;
	struct authentication *wanted = h2o_mem_alloc_pool(l->pool, sizeof(*wanted));
	*wanted = (struct authentication){.classes = json_object_get(part, "acr"),
	                                  .max_age = config_duration_ms(part, "max_age", 0) / 1000};
	if (json_object_get(part, "max_age") != NULL &&
	    (wanted->max_age < MAX_AGE_MIN_S || wanted->max_age > MAX_AGE_MAX_S))
		*problem = "/authentication/max_age: must be 30s to 365d";
	return wanted;
}

/* ---- the caller ---- */

static bool is_of_class(const struct authentication *wanted, h2o_iovec_t acr)
{
	for (size_t i = 0; i < json_array_size(wanted->classes); i++)
		if (text_is(acr, json_string_value(json_array_get(wanted->classes, i))))
			return true;
	return wanted->classes == NULL;
}

/* RFC 9470, 6: who does not say when or how, has not signed in so. */
static bool fits(const struct authentication *wanted, const json_t *claims)
{
	const json_t *auth_time = json_object_get(claims, "auth_time");

	if (!is_of_class(wanted, json_get_text(claims, "acr")))
		return false;
	if (wanted->max_age == 0)
		return true;
	int64_t since = json_is_integer(auth_time) ? json_integer_value(auth_time) : 0, now = clock_now();
	return since > 0 && since <= now + CLOCK_SKEW_S && now - since <= wanted->max_age;
}

static const char *class_words(h2o_mem_pool_t *pool, const struct authentication *wanted)
{
	struct text_buffer b = {.pool = pool};

	for (size_t i = 0; i < json_array_size(wanted->classes); i++)
		text_append_printf(&b, "%s%s", i > 0 ? " " : "", json_string_value(json_array_get(wanted->classes, i)));
	return b.base;
}

step_result authentication_demand(struct request *r)
{
	struct call *call = call_of(r);
	const struct authentication *wanted = call->tool != NULL ? call->tool->authentication : NULL;

	if (wanted == NULL || fits(wanted, bearer_claims(bearer_of(r))))
		return STEP_NEXT;
	call->rule = "authentication";
	if (!audit_record_call(r, "denied", 0))
		return answer_without_record(r);
	struct scopes scopes = invoke_challenge_scopes(r);
	return challenge_authentication(r, class_words(&r->pool, wanted), wanted->max_age, &scopes);
}
