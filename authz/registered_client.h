/* SPDX-License-Identifier: Apache-2.0 */
/* GET, PUT and DELETE {base}/register/{id}: what a client registered is managed by whoever holds its registration
 * access token (RFC 7592). */
#ifndef SALLYPORT_REGISTERED_CLIENT_H
#define SALLYPORT_REGISTERED_CLIENT_H

#include "authz/client_metadata.h"

/* The guard of REGISTRANT rows: the token must be the one of this very client, which must be there and enabled. */
extern step_fn *const registrant_guard[];

struct registered_client_state {
	struct client client; /* as it shall be */
};
extern step_fn *const registered_client_show_steps[];
extern step_fn *const registered_client_replace_steps[];
extern step_fn *const registered_client_delete_steps[];

#endif
