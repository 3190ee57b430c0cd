/* SPDX-License-Identifier: Apache-2.0 */
/* GET and POST {base}/consent: a person decides what a client may do, once, for one request. */
#ifndef SALLYPORT_CONSENT_H
#define SALLYPORT_CONSENT_H

#include "authz/approval.h"
#include "authz/view.h"

struct consent_state {
	struct view view;
	bool approve;
	struct approval approval;
};
extern step_fn *const consent_page_steps[]; /* struct consent_state */
extern step_fn *const consent_steps[];      /* struct consent_state */

#endif
