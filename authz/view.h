/* SPDX-License-Identifier: Apache-2.0 */
/* What the sign-in and consent pages have in common: the authorization request that a browser is about to decide. */
#ifndef SALLYPORT_VIEW_H
#define SALLYPORT_VIEW_H

#include "authz/session.h"
#include "authz/store.h"

struct view {
	uint8_t request_id[16], browser_id[16], session_id[16];
	bool has_session; /* the browser sent a session's handle; whether it lives, the database knows */
	uint32_t shown;   /* of the form's handle: what its page had said (view_shown) */
	struct page_view page;
	enum page_state state;
};

/* Asks for the view of the request that `f` names, as this browser sees it. Ends with an error page if there can be
 * none. */
step_result view_ask(struct request *r, const struct form *f, struct view *v);
/* As the next step. STEP_DONE if the request is gone (an error page was answered), else STEP_NEXT with v->page and
 * v->state. */
step_result view_read(struct request *r, struct view *v);
/* The page for a request that is not there (any more) for this browser. */
step_result view_fail_gone(struct request *r);
/* A POST's step zero: STEP_DONE if another site's page sent the form. */
step_result view_check_form(struct request *r);
/* Who asks and for what, for a page: client, where it returns to, resource. A new reference. */
json_t *view_json(struct request *r, const struct view *v);
/* What a consent page says to whom, in short: this session's person and what approval opens. A form that was made for
 * another session or for other scopes does not have it. Never 0. */
uint32_t view_shown(struct request *r, const struct view *v);
/* 303 to the sign-in page of the same request. */
step_result view_redirect_to_sign_in(struct request *r, const struct view *v);

#endif
