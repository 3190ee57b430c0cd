/* SPDX-License-Identifier: Apache-2.0 */
/* What binds a browser to its requests: two cookies (the browser and the person's session), the handle of an
 * authorization request in forms and URLs of our own pages, and the check that a form was sent by one of these pages.
 */
#ifndef SALLYPORT_SESSION_H
#define SALLYPORT_SESSION_H

#include "authz/authz.h"

enum cookie { COOKIE_BROWSER, COOKIE_SESSION };

/* False if the browser sent none that this daemon made. */
bool cookie_read(struct request *r, enum cookie cookie, uint8_t id[16]);
/* Sets it in the answer to come. A session's lasts as long as a session can, a browser's as long as the browser runs.
 */
void cookie_set(struct request *r, enum cookie cookie, const uint8_t id[16]);
void cookie_clear(struct request *r, enum cookie cookie);

/* "{base}/sign-in?request=..." or "{base}/consent?request=..." */
const char *request_page_url(struct request *r, const char *page, const uint8_t request_id[16]);
/* The handle for a form's hidden field. `shown` says what stood on the page that has the form, 0 nothing that matters.
 */
const char *request_handle_mint(struct request *r, const uint8_t request_id[16], uint32_t shown);
/* Reads the field `request` of a form or query: false if it is missing, repeated or not ours. `shown` may be NULL. */
bool request_handle_read(struct request *r, const struct form *f, uint8_t request_id[16], uint32_t *shown);

/* NULL if the POST may come from a page of ours, else a fixed sentence for FORBIDDEN. */
const char *form_origin_problem(struct request *r);

#endif
