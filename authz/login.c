/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/login.h"

#include <string.h>

#include "authz/event.h"
#include "authz/page_reply.h"
#include "common/reply.h"
#include "common/secret.h"

enum { USERNAME_MAX = 256, RETRY_AFTER_S = 60 };

/* ---- GET ---- */

static step_result ask_view(struct request *r)
{
	struct sign_in_state *s = r->state;
	return view_ask(r, &r->parameters, &s->view);
}

static step_result reply_sign_in(struct request *r, int status, const char *problem)
{
	const struct sign_in_state *s = r->state;
	json_t *data = view_json(r, &s->view);
	json_object_set_new(data, "title", json_string("Sign in"));
	json_object_set_new(data, "username", s->username != NULL ? json_string(s->username) : json_null());
	json_object_set_new(data, "problem", problem != NULL ? json_string(problem) : json_null());
	/* Behind the sign-in the consent page answers, or the client at once if nobody needs to be asked: browsers hold
	 * every redirect that follows a form to its page's policy. */
	return reply_page(r, status, "sign_in", data, s->view.page.request.redirect_uri);
}

static step_result show_sign_in(struct request *r)
{
	struct sign_in_state *s = r->state;
	if (view_read(r, &s->view) != STEP_NEXT)
		return STEP_DONE;
	if (s->view.state == PAGE_CONSENT)
		return reply_redirect(r, request_page_url(r, "consent", s->view.request_id));
	return reply_sign_in(r, 200, NULL);
}

/* ---- POST ---- */

static step_result read_form(struct request *r)
{
	static const char *const NAMES[] = {"username", "password", NULL};
	struct sign_in_state *s = r->state;
	if (view_check_form(r) != STEP_NEXT)
		return STEP_DONE;
	if (form_repeats(&r->form, NAMES))
		return fail(r, &INVALID_REQUEST, "a field of the form is given twice");
	s->username = form_get(&r->form, "username").base;
	s->password = form_get(&r->form, "password");
	return view_ask(r, &r->form, &s->view);
}

/* The same page, status and words whoever was meant, known or not (ASVS 6.3.8). */
static step_result reply_wrong(struct request *r)
{
	return reply_sign_in(r, 403, "The name or the password is not right.");
}

static bool username_acceptable(const char *username)
{
	return username != NULL && *username != '\0' && strlen(username) <= USERNAME_MAX;
}

/* The request must be alive before a password costs any work. */
static step_result ask_person(struct request *r)
{
	struct sign_in_state *s = r->state;
	if (view_read(r, &s->view) != STEP_NEXT)
		return STEP_DONE;
	if (!username_acceptable(s->username)) {
		s->username = NULL;
		return reply_wrong(r);
	}
	if (!password_acceptable(s->password))
		return reply_wrong(r);
	return store_person_for_sign_in(r, s->username, request_address(r));
}

static void compare_password(void *data)
{
	struct password_job *job = data;
	job->matches = password_verify(job->password, job->hash, &job->cost);
	if (job->matches && password_needs_rehash(job->hash, &job->cost))
		job->has_new_hash = password_hash(job->password, &job->cost, job->new_hash);
}

/* A name that nobody has may be a password in the wrong field: only names of people are recorded. */
static json_t *attempt_json(struct request *r)
{
	const struct sign_in_state *s = r->state;
	json_t *members = json_pack("{s:s}", "client_id", s->view.page.request.client_id);
	if (s->person_is_known)
		json_object_set_new(members, "username", json_string(s->username));
	else
		json_object_set_new(members, "username_digest", event_digest(r, text_of(s->username)));
	return members;
}

static step_result reply_throttled(struct request *r)
{
	event_write(r, "sign_in.throttled", attempt_json(r));
	reply_header(r, "retry-after", text_printf(&r->pool, "%d", RETRY_AFTER_S));
	return reply_sign_in(r, 429, "Too many attempts failed. Please wait a minute and try again.");
}

static step_result compare(struct request *r)
{
	struct sign_in_state *s = r->state;
	const struct authz *authz = authz_of(r);
	s->person_is_known = store_read_person_for_sign_in(r, &s->person);
	if (s->person.throttled)
		return reply_throttled(r);
	struct password_job *job = secret_alloc(&r->pool, sizeof(*job));
	job->password = s->password;
	job->hash = s->person_is_known ? s->person.password_hash : NULL;
	job->cost = (struct password_cost){authz->settings.argon2_memory_kib, authz->settings.argon2_passes};
	s->job = job;
	return worker_run(r, authz->workers, compare_password, job);
}

static step_result answer_failed(struct request *r)
{
	event_write(r, "sign_in.failed", attempt_json(r));
	return reply_wrong(r);
}

static step_result keep_session(struct request *r)
{
	struct sign_in_state *s = r->state;
	const struct authz_settings *settings = &authz_of(r)->settings;
	if (!s->job->matches)
		return answer_failed(r); /* the attempt was counted before it was compared */
	if (event_demand_record(r) == STEP_DONE)
		return STEP_DONE;
	/* Always a new id: what an attacker may have put into the browser before is worth nothing (session fixation).
	 */
	random_bytes(s->new_session_id, sizeof(s->new_session_id));
	return store_sign_in(r, s->person.person_id, s->new_session_id, s->view.has_session ? s->view.session_id : NULL,
	                     s->person.password_hash, s->job->has_new_hash ? s->job->new_hash : NULL,
	                     settings->session_idle, settings->session_lifetime);
}

static step_result answer_signed_in(struct request *r)
{
	struct sign_in_state *s = r->state;
	if (!store_read_sign_in(r))
		return answer_failed(r);
	json_t *members = attempt_json(r);
	json_object_set_new(members, "person", event_id(s->person.person_id));
	if (!event_write(r, "sign_in.succeeded", members))
		return fail_unrecorded(r);
	cookie_set(r, COOKIE_SESSION, s->new_session_id);
	return reply_redirect(r, request_page_url(r, "consent", s->view.request_id));
}

/* ---- sign-out ---- */

static step_result answer_signed_out(struct request *r)
{
	const struct sign_out_state *s = r->state;
	cookie_clear(r, COOKIE_SESSION);
	if (s->has_request)
		return reply_redirect(r, request_page_url(r, "sign-in", s->request_id));
	return reply_notice(r, 200, "Signed out", "You are signed out of this browser.");
}

static step_result record_signed_out(struct request *r)
{
	event_write(r, "session.ended", NULL);
	return answer_signed_out(r);
}

static step_fn *const signed_out_steps[] = {record_signed_out, NULL};

static step_result end_session(struct request *r)
{
	struct sign_out_state *s = r->state;
	if (view_check_form(r) != STEP_NEXT)
		return STEP_DONE;
	s->has_request = request_handle_read(r, &r->form, s->request_id, NULL);
	if (!cookie_read(r, COOKIE_SESSION, s->session_id))
		return answer_signed_out(r);
	run_steps(r, signed_out_steps);
	return store_sign_out(r, s->session_id);
}

step_fn *const sign_in_page_steps[] = {ask_view, show_sign_in, NULL};
step_fn *const sign_in_steps[] = {read_form, ask_person, compare, keep_session, answer_signed_in, NULL};
step_fn *const sign_out_steps[] = {end_session, NULL};
