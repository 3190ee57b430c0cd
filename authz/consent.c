/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/consent.h"

#include <string.h>

#include "authz/authorization_details.h"
#include "authz/page_reply.h"
#include "authz/redirect.h"
#include "common/reply.h"

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

json_t *consent_tool_json(const json_t *tool)
{
	const char *name = json_get_text(tool, "name").base, *title = json_get_text(tool, "title").base;
	const char *tier = json_get_text(tool, "tier").base;
	if (name == NULL)
		return NULL;
	if (tier == NULL)
		tier = "read";
	return json_pack("{s:s, s:s, s:s, s:b}", "tool_title", title != NULL && *title != '\0' ? title : name,
	                 "tool_name", name, "tier_words", tier_words(tier), "changes", strcmp(tier, "read") != 0);
}

static json_t *tools_json(struct request *r, const char *text)
{
	json_t *tools = json_array(), *tool;
	json_t *rows = json_read(&r->pool, text_of(text), NULL);
	size_t i;
	json_array_foreach (rows, i, tool)
		json_array_append_new(tools, consent_tool_json(tool)); /* ignores NULL */
	return tools;
}

static json_t *scope_json(struct request *r, const struct scope_shown *scope)
{
	const char *title = scope->title != NULL && *scope->title != '\0' ? scope->title : scope->name;
	return json_pack("{s:s, s:s, s:o}", "scope_title", title, "scope_name", scope->name, "tools",
	                 tools_json(r, scope->tools));
}

static void add_list(json_t *data, const char *name, const char *any, json_t *list)
{
	json_object_set_new(data, any, json_boolean(json_array_size(list) > 0));
	json_object_set_new(data, name, list);
}

/* Three lists: what approval opens, what was allowed before and stays, and what was asked for but cannot be given to
 * this person. */
static void add_scopes(struct request *r, const struct page_view *page, json_t *data)
{
	json_t *allowed = json_array(), *kept = json_array(), *refused = json_array();
	for (size_t i = 0; i < page->scope_count; i++) {
		const struct scope_shown *scope = &page->scopes[i];
		json_t *list = !scope->allowed ? refused : scope->kept ? kept : allowed;
		json_array_append_new(list, scope_json(r, scope));
	}
	json_object_set_new(data, "grantable", json_boolean(page->grantable));
	add_list(data, "allowed", "allowed_any", allowed);
	add_list(data, "kept", "kept_any", kept);
	add_list(data, "refused", "refused_any", refused);
}

/* Nothing that this person can allow opens the tool. */
static step_result refuse_details(struct request *r)
{
	const struct consent_state *s = r->state;
	const struct authorization *a = &s->view.page.request;
	return redirect_with_error(r, a->redirect_uri, a->state, &INVALID_AUTHORIZATION_DETAILS,
	                           "what can be granted does not open the tool");
}

static step_result reply_consent(struct request *r)
{
	const struct consent_state *s = r->state;
	const struct page_view *page = &s->view.page;
	const char *display = page->display_name;
	json_t *approval = page->request.details != NULL ? authorization_details_json(r, page) : json_null();
	if (approval == NULL)
		return refuse_details(r);
	json_t *data = view_json(r, &s->view);
	json_object_set_new(data, "approval", approval);
	json_object_set_new(data, "title", json_string("Allow access?"));
	json_object_set_new(data, "username", json_string(page->username));
	json_object_set_new(data, "display_name",
	                    json_string(display != NULL && *display != '\0' ? display : page->username));
	json_object_set_new(data, "can_remember", json_boolean(page->can_remember));
	add_scopes(r, page, data);
	return reply_page(r, 200, "consent", data, page->request.redirect_uri);
}

/* The page that was looked at says nothing any more if the answer is another by now. */
static step_result answer_silently(struct request *r)
{
	const struct consent_state *s = r->state;
	struct decided d = {0};
	switch (store_read_decide(r, &d)) {
	case DECIDED_APPROVED: return approval_answer(r, &s->approval, &d);
	case DECIDED_NO_SESSION: return view_redirect_to_sign_in(r, &s->view);
	case DECIDED_ASK: return reply_consent(r);
	default: return view_fail_gone(r);
	}
}

static step_fn *const silent_steps[] = {answer_silently, NULL};

static step_result show_consent(struct request *r)
{
	struct consent_state *s = r->state;
	const struct view *v = &s->view;
	if (view_read(r, &s->view) != STEP_NEXT)
		return STEP_DONE;
	if (v->state == PAGE_SIGN_IN)
		return view_redirect_to_sign_in(r, v);
	/* Behind the sign-in: what was allowed before needs no second answer. A HEAD decides nothing. */
	if (!v->page.silent || text_is(r->method, "HEAD"))
		return reply_consent(r);
	run_steps(r, silent_steps);
	return approval_ask(r, &s->approval, v->request_id, v->browser_id, v->session_id, DECIDE_SILENTLY);
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

/* The view tells whether the person decides what was shown; the decision itself checks everything again in one
 * transaction. */
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
	if (s->approve && s->view.page.request.details != NULL) {
		json_t *approval = json_keep(&r->pool, authorization_details_json(r, &s->view.page));
		if (approval == NULL)
			return refuse_details(r);
	}
	return approval_ask(r, &s->approval, s->view.request_id, s->view.browser_id,
	                    s->view.has_session ? s->view.session_id : NULL, s->approve ? DECIDE_APPROVE : DECIDE_DENY);
}

static step_result answer_decision(struct request *r)
{
	struct consent_state *s = r->state;
	struct decided d = {0};
	switch (store_read_decide(r, &d)) {
	case DECIDED_NO_REQUEST: return view_fail_gone(r);
	case DECIDED_NO_SESSION: return view_redirect_to_sign_in(r, &s->view);
	case DECIDED_DENIED:
		d.username = s->view.page.username;
		approval_record(r, &s->approval, &d, "authorization.denied");
		return redirect_with_error(r, d.redirect_uri, d.state, &ACCESS_DENIED, "the person refused");
	case DECIDED_NO_SCOPE:
		approval_record(r, &s->approval, &d, "authorization.nothing_to_grant");
		return redirect_with_error(r, d.redirect_uri, d.state, &ACCESS_DENIED,
		                           "the person may have none of the scopes");
	case DECIDED_APPROVED: return approval_answer(r, &s->approval, &d);
	case DECIDED_ASK: break; /* is the answer to DECIDE_SILENTLY only */
	}
	return fail_internal(r, "a decision that does not exist");
}

step_fn *const consent_page_steps[] = {ask_view, show_consent, NULL};
step_fn *const consent_steps[] = {read_decision, decide, answer_decision, NULL};
