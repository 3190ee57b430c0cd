/* SPDX-License-Identifier: Apache-2.0 */
/* GET and POST {base}/sign-in, POST {base}/sign-out. */
#ifndef SALLYPORT_LOGIN_H
#define SALLYPORT_LOGIN_H

#include "authz/password.h"
#include "authz/view.h"

/* A comparison in a worker: it has copies of its own and touches nothing of the request. */
struct password_job {
	h2o_iovec_t password;
	const char *hash; /* NULL: nobody's; the same work is done */
	struct password_cost cost;
	bool matches, has_new_hash;
	char new_hash[PASSWORD_HASH_SIZE];
};

struct sign_in_state {
	struct view view;
	const char *username;
	h2o_iovec_t password;
	struct person_sign_in person;
	bool person_is_known;
	struct password_job *job;
	uint8_t new_session_id[16];
};
struct sign_out_state {
	uint8_t request_id[16], session_id[16];
	bool has_request; /* go on with it afterwards */
};

extern step_fn *const sign_in_page_steps[]; /* struct sign_in_state */
extern step_fn *const sign_in_steps[];      /* struct sign_in_state */
extern step_fn *const sign_out_steps[];     /* struct sign_out_state */

#endif
