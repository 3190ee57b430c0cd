/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/consent.h"

#include <string.h>

#include "authz/event.h"
#include "authz/page_reply.h"
#include "authz/redirect.h"
#include "common/reply.h"
#include "common/secret.h"

/* ---- GET ---- */

static step_result ask_view(struct request *r)
{
	struct consent_state *s = r->state;
	return view_ask(r, &r->parameters, &s->view);
}

/* What a tier means to a person. */
static const char *tier_words(const char *tier)
{
	if (strcmp(tier, "write") == 0)
		return "changes data";
	return strcmp(tier, "destroy") == 0 ? "deletes data" : "reads";
}

static json_t *tools_json(struct request *r, const char *text)
{
	json_t *tools = json_array(), *tool;
	json_t *rows = json_read(&r->pool, text_of(text), NULL);
	size_t i;
	json_array_foreach (rows, i, tool) {
		const char *name = json_get_text(tool, "name").base, *title = json_get_text(tool, "title").base;
		const char *tier = json_get_text(tool, "tier").base;
		if (name == NULL)
			continue;
		if (tier == NULL)
			tier = "read";
		bool changes = strcmp(tier, "read") != 0;
		json_array_append_new(tools, json_pack("{s:s, s:s, s:s, s:b}", "tool_title",
		                                       title != NULL && *title != '\0' ? title : name, "tool_name",
		                                       name, "tier_words", tier_words(tier), "changes", changes));
	}
	return tools;
}

/* Two lists: what approval opens, and what was asked for but cannot be given to this person. */
static void add_scopes(struct request *r, const struct page_view *page, json_t *data)
{
	json_t *allowed = json_array(), *refused = json_array();
	for (size_t i = 0; i < page->scope_count; i++) {
		const struct scope_shown *scope = &page->scopes[i];
		const char *title = scope->title != NULL && *scope->title != '\0' ? scope->title : scope->name;
		json_t *row = json_pack("{s:s, s:s, s:o}", "scope_title", title, "scope_name", scope->name, "tools",
		                        tools_json(r, scope->tools));
		json_array_append_new(scope->allowed ? allowed : refused, row);
	}
	json_object_set_new(data, "allowed_any", json_boolean(json_array_size(allowed) > 0));
	json_object_set_new(data, "refused_any", json_boolean(json_array_size(refused) > 0));
	json_object_set_new(data, "allowed", allowed);
	json_object_set_new(data, "refused", refused);
}

static step_result show_consent(struct request *r)
{
	struct consent_state *s = r->state;
	if (view_read(r, &s->view) != STEP_NEXT)
		return STEP_DONE;
	if (s->view.state == PAGE_SIGN_IN)
		return view_redirect_to_sign_in(r, &s->view);
	const struct page_view *page = &s->view.page;
	const char *display = page->display_name;
	json_t *data = view_json(r, &s->view);
	json_object_set_new(data, "title", json_string("Allow access?"));
	json_object_set_new(data, "username", json_string(page->username));
	json_object_set_new(data, "display_name",
	                    json_string(display != NULL && *display != '\0' ? display : page->username));
	add_scopes(r, page, data);
	return reply_page(r, 200, "consent", data, page->request.redirect_uri);
}

/* ---- POST ---- */

static step_result read_decision(struct request *r)
{
	static const char *const NAMES[] = {"decision", NULL};
	struct consent_state *s = r->state;
	if (view_check_form(r) != STEP_NEXT)
		return STEP_DONE;
	h2o_iovec_t decision = form_get(&r->form, "decision");
	s->approve = text_is(decision, "approve");
	if (form_repeats(&r->form, NAMES) || (!s->approve && !text_is(decision, "deny")))
		return fail(r, &INVALID_REQUEST, "the form does not say what was decided");
	return view_ask(r, &r->form, &s->view);
}

/* The view is for the record of what was decided; the decision itself checks everything again in one transaction. */
static step_result decide(struct request *r)
{
	struct consent_state *s = r->state;
	if (view_read(r, &s->view) != STEP_NEXT)
		return STEP_DONE;
	if (s->view.state == PAGE_SIGN_IN && s->approve) /* to refuse, nobody must be somebody */
		return view_redirect_to_sign_in(r, &s->view);
	/* What somebody else was shown, or with other scopes, nobody has agreed to: it is shown again as it is now. */
	if (s->approve && s->view.shown != view_shown(r, &s->view))
		return reply_redirect(r, request_page_url(r, "consent", s->view.request_id));
	random_bytes(s->code_id, sizeof(s->code_id));
	return store_decide(r, s->view.request_id, s->view.browser_id, s->view.session_id, s->approve, s->code_id,
	                    authz_of(r)->settings.code_lifetime);
}

static void record(struct request *r, const char *event)
{
	const struct consent_state *s = r->state;
	const struct page_view *page = &s->view.page;
	json_t *scopes = json_array();
	for (size_t i = 0; i < page->scope_count; i++)
		if (page->scopes[i].allowed)
			json_array_append_new(scopes, json_string(page->scopes[i].name));
	json_t *members =
	    json_pack("{s:s?, s:s, s:s, s:s, s:o, s:o}", "username", page->username, "client_id",
	              page->request.client_id, "redirect_uri", page->request.redirect_uri, "resource",
	              page->request.resource, "scopes", scopes, "authorization", event_id(s->view.request_id));
	if (s->approve)
		json_object_set_new(members, "code", event_id(s->code_id));
	event_write(r, event, members);
}

static step_result answer_approved(struct request *r, const struct decided *d)
{
	const struct consent_state *s = r->state;
	struct handle h = {.generation = 0};
	memcpy(h.id, s->code_id, sizeof(h.id));
	record(r, "authorization.approved");
	return redirect_with_code(r, d->redirect_uri, d->state,
	                          handle_mint(&r->pool, authz_of(r)->handle_keys, HANDLE_CODE, &h));
}

static step_result answer_decision(struct request *r)
{
	struct consent_state *s = r->state;
	struct decided d = {0};
	switch (store_read_decide(r, &d)) {
	case DECIDED_NO_REQUEST: return view_fail_gone(r);
	case DECIDED_NO_SESSION: return view_redirect_to_sign_in(r, &s->view);
	case DECIDED_DENIED:
		record(r, "authorization.denied");
		return redirect_with_error(r, d.redirect_uri, d.state, &ACCESS_DENIED, "the person refused");
	case DECIDED_NO_SCOPE:
		record(r, "authorization.nothing_to_grant");
		return redirect_with_error(r, d.redirect_uri, d.state, &ACCESS_DENIED,
		                           "the person may have none of the scopes");
	case DECIDED_APPROVED: return answer_approved(r, &d);
	}
	return fail_internal(r, "a decision that does not exist");
}

step_fn *const consent_page_steps[] = {ask_view, show_consent, NULL};
step_fn *const consent_steps[] = {read_decision, decide, answer_decision, NULL};
