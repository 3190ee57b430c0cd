/* SPDX-License-Identifier: Apache-2.0 */
/* {base}/admin/clients: clients over REST, for the bearer of an admin key with the scope admin:clients. */
#ifndef SALLYPORT_ADMIN_CLIENT_H
#define SALLYPORT_ADMIN_CLIENT_H

#include "authz/client_metadata.h"

#define ADMIN_SCOPE "admin:clients"
extern step_fn *const admin_guard[];

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
