/* SPDX-License-Identifier: Apache-2.0 */
/* GET and POST {base}/authorize: OAuth 2.1, 4.1.1 with RFC 7636 (S256 only), RFC 8707 and RFC 9207. */
#ifndef SALLYPORT_AUTHORIZE_H
#define SALLYPORT_AUTHORIZE_H

#include "authz/approval.h"
#include "authz/authorize_document.h"
#include "authz/session.h"
#include "authz/terms.h"

enum { STATE_SIZE_MAX = 1024 };

struct authorize_state {
	const struct form *asked;            /* the query, or the form of a POST */
	bool target_is_ambiguous;            /* several resources were named */
	struct authorize_document *document; /* of a client_id that is a URL, else NULL */
	const char *advice;                  /* for the person, on an error page; NULL: what the status advises */
	const char *redirect_uri; /* NULL until it is proved to be the client's: until then errors are pages */
	const char *state;        /* goes back byte for byte; NULL if absent */
	struct terms_asked lookup;
	struct authorization authorization;
	bool page_forbidden; /* prompt=none: an answer without any page, or an error */
	bool browser_is_new; /* it has no cookie yet: it gets one with a page */
	struct approval approval;
};
extern step_fn *const authorize_steps[];

/* The AS_REDIRECT form of an error: to the client once its redirect URI is proved, else a page. */
step_result show_error_redirect(struct request *r, const struct oauth_error *error, const char *text);

#endif
