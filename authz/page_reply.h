/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are pages: the headers that every page carries, and the page for an error. */
#ifndef SALLYPORT_PAGE_REPLY_H
#define SALLYPORT_PAGE_REPLY_H

#include "authz/authz.h"

/* Answers with a page. Takes the reference of `data` and adds `base` and `style` to it. `form_target` (may be NULL) is
 * a redirect URI that a form of this page leads to: browsers demand that the policy names it, and what comes after. */
step_result reply_page(struct request *r, int status, const char *page, json_t *data, const char *form_target);
/* A page that says one thing and offers nothing. */
step_result reply_notice(struct request *r, int status, const char *title, const char *text);
/* The AS_PAGE form of an error: what is wrong, and what a person can do about it. */
step_result show_error_page(struct request *r, const struct oauth_error *error, const char *text);
/* The same with an advice of one's own: one fixed sentence. NULL: what the status advises. */
step_result show_error_page_advising(struct request *r, const struct oauth_error *error, const char *text,
                                     const char *advice);
/* A CSP source expression that matches a redirect URI, e.g. "https://app.example", "com.example.app:". */
const char *page_csp_source(h2o_mem_pool_t *pool, const char *redirect_uri);

/* GET {base}/style.css */
extern step_fn *const style_steps[];

#endif
