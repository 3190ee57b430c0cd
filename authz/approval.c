/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/approval.h"

#include <string.h>

#include "authz/event.h"
#include "authz/redirect.h"
#include "common/secret.h"

step_result approval_ask(struct request *r, struct approval *a, const uint8_t request_id[16],
                         const uint8_t browser_id[16], const uint8_t *session_id, enum decide_how how)
{
	if (how != DECIDE_DENY && event_demand_record(r) == STEP_DONE)
		return STEP_DONE;
	memcpy(a->request_id, request_id, sizeof(a->request_id));
	memcpy(a->browser_id, browser_id, sizeof(a->browser_id));
	if (session_id != NULL)
		memcpy(a->session_id, session_id, sizeof(a->session_id));
	a->how = how;
	random_bytes(a->code_id, sizeof(a->code_id));
	return store_decide(r, a->request_id, a->browser_id, session_id != NULL ? a->session_id : NULL, how, a->code_id,
	                    authz_of(r)->settings.code_lifetime);
}

static json_t *scopes_json(struct request *r, const char *text)
{
	json_t *array = json_array();
	struct scopes scopes;
	if (text != NULL && scopes_parse(&r->pool, text_of(text), &scopes))
		for (size_t i = 0; i < scopes.count; i++)
			json_array_append_new(array, json_string(scopes.names[i]));
	return array;
}

bool approval_record(struct request *r, const struct approval *a, const struct decided *d, const char *event)
{
	json_t *members = json_pack("{s:s?, s:s?, s:s?, s:s?, s:o, s:o}", "username", d->username, "client_id",
	                            d->client_id, "redirect_uri", d->redirect_uri, "resource", d->resource, "scopes",
	                            scopes_json(r, d->scope), "authorization", event_id(a->request_id));
	if (d->consent != NULL) {
		json_object_set_new(members, "consent", json_string(d->consent));
		json_object_set_new(members, "code", event_id(a->code_id));
	}
	return event_write(r, event, members);
}

step_result approval_answer(struct request *r, const struct approval *a, const struct decided *d)
{
	struct handle h = {.generation = 0};
	memcpy(h.id, a->code_id, sizeof(h.id));
	if (!approval_record(r, a, d, "authorization.approved"))
		return fail_unrecorded(r);
	return redirect_with_code(r, d->redirect_uri, d->state,
	                          handle_mint(&r->pool, authz_of(r)->handle_keys, HANDLE_CODE, &h));
}
