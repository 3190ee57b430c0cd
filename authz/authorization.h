/* SPDX-License-Identifier: Apache-2.0 */
/* An authorization request: what a client asks for, and whatever is decided, is decided about this. */
#ifndef SALLYPORT_AUTHORIZATION_H
#define SALLYPORT_AUTHORIZATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct authorization {
	const char *client_id, *client_name, *client_uri;
	const char *redirect_uri, *resource, *resource_name, *state /* NULL if absent */, *code_challenge, *prompt;
	bool client_is_dynamic, loopback_only; /* loopback_only: every registered redirect URI is loopback */
	const char **scopes;
	size_t scope_count;         /* requested and known for the resource */
	const char *nonce;          /* of OpenID Connect; NULL if absent */
	const char *key_thumbprint; /* dpop_jkt; NULL if absent */
	int64_t max_age;            /* seconds since the person signed in; -1: as long as a session lives */
	const char *details;        /* of an approval, as it was asked for (authorization_details.h); NULL if absent */
	const char *approval;       /* and as the token will have it */
	const char *came; /* "site": from a page of this one; "itself": from none that could be seen; else NULL */
};

#endif
