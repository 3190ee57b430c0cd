/* SPDX-License-Identifier: Apache-2.0 */
/* GET and POST {base}/consent: a person decides what a client may do, once, for one request. */
#ifndef SALLYPORT_CONSENT_H
#define SALLYPORT_CONSENT_H

#include "authz/approval.h"
#include "authz/view.h"

/* A tool as its resource server registered it, for a page. A new reference; NULL if it has no name. */
json_t *consent_tool_json(const json_t *tool);

struct consent_state {
	struct view view;
	bool approve;
	struct approval approval;
};
extern step_fn *const consent_page_steps[]; /* struct consent_state */
extern step_fn *const consent_steps[];      /* struct consent_state */

#endif
