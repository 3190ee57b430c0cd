/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/budget.h"

#include <string.h>

#include "authz/bearer.h"
#include "authz/parameter.h"
#include "authz/session.h"
#include "authz/token_client.h"
#include "common/clock.h"
#include "common/rate_limit.h"

step_result fail_limited(struct request *r)
{
	return fail(r, &TOO_MANY_REQUESTS, "too many requests; try again after the time that Retry-After says");
}

static h2o_iovec_t id_key(struct request *r, const uint8_t id[16])
{
	return h2o_iovec_init(text_copy(&r->pool, h2o_iovec_init(id, 16)), 16);
}

static h2o_iovec_t registration_key(struct request *r)
{
	struct handle token;

	return bearer_handle(r, HANDLE_INITIAL_ACCESS, &token) ? id_key(r, token.id) : request_network(r);
}

static h2o_iovec_t authorization_key(struct request *r)
{
	uint8_t session[16];

	return cookie_read(r, COOKIE_SESSION, session) ? id_key(r, session) : request_network(r);
}

/* A code or refresh token stands for one client and one person, whoever presents it from wherever. Anything else is as
 * good as a name that somebody gave himself, so the address is part of it: no stranger can use up the budget of a
 * client whose id he knows. */
static h2o_iovec_t token_key(struct request *r, const char *grant_type)
{
	static const struct {
		const char *grant_type, *parameter;
		enum handle_type type;
	} HANDLES[] = {{"authorization_code", "code", HANDLE_CODE}, {"refresh_token", "refresh_token", HANDLE_REFRESH}};
	const struct client_proof *proof = client_of(r);
	struct handle handle;

	for (size_t i = 0; i < sizeof(HANDLES) / sizeof(HANDLES[0]); i++)
		if (strcmp(grant_type, HANDLES[i].grant_type) == 0 &&
		    handle_open(authz_of(r)->handle_keys, HANDLES[i].type,
		                text_of(parameter(&r->form, HANDLES[i].parameter)), &handle))
			return id_key(r, handle.id);
	h2o_iovec_t address = request_network(r);
	struct text_buffer b = {.pool = &r->pool};
	text_append_str(&b, grant_type);
	text_append(&b, "", 1);
	text_append_str(&b, proof != NULL && proof->client_id != NULL ? proof->client_id : "");
	text_append(&b, "", 1);
	text_append_iovec(&b, address);
	return h2o_iovec_init(b.base, b.len);
}

static h2o_iovec_t key_of(struct request *r, enum budget budget)
{
	const char *grant_type = parameter(&r->form, "grant_type");

	switch (budget) {
	case BUDGET_REGISTRATION: return registration_key(r);
	case BUDGET_MANAGEMENT: return r->path_id; /* proved by the row's guard */
	case BUDGET_AUTHORIZATION: return authorization_key(r);
	case BUDGET_TOKEN: return token_key(r, grant_type != NULL ? grant_type : "");
	case NO_BUDGET:
	case BUDGETS: break;
	}
	return text_of("");
}

step_result budget_spend(struct request *r)
{
	struct authz *authz = authz_of(r);
	enum budget budget = (enum budget)r->endpoint->budget;
	uint32_t per_minute = authz->settings.budgets[budget];

	if (per_minute == 0 || authz->rate_limits == NULL)
		return STEP_NEXT;
	r->retry_after_s =
	    rate_limit_take(authz->rate_limits, budget, key_of(r, budget), per_minute, clock_monotonic_ms());
	if (r->retry_after_s == 0 || budget == BUDGET_TOKEN)
		return STEP_NEXT;
	return fail_limited(r);
}
