/* SPDX-License-Identifier: Apache-2.0 */
/* {base}/admin/clients: clients over REST, for the bearer of an admin key with the scope admin:clients. */
#ifndef SALLYPORT_ADMIN_CLIENT_H
#define SALLYPORT_ADMIN_CLIENT_H

#include "authz/client_metadata.h"

extern step_fn *const admin_guard[];
/* The AS_CHALLENGE form of an error: RFC 6750, 3. */
step_result show_error_challenge(struct request *r, const struct oauth_error *error, const char *text);

struct admin_client_state {
	struct client client;
	const char *secret;
	const char *client_id; /* of the path */
	int limit;
};
extern step_fn *const admin_client_list_steps[];
extern step_fn *const admin_client_add_steps[];
extern step_fn *const admin_client_show_steps[];
extern step_fn *const admin_client_update_steps[];
extern step_fn *const admin_client_delete_steps[];

#endif
