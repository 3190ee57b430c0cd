/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7800: what the claim cnf demands of whoever presents a token. */
#ifndef SALLYPORT_CONFIRMATION_H
#define SALLYPORT_CONFIRMATION_H

#include "request.h"
#include "secret.h"

enum confirmation {
	CONFIRMATION_NONE,        /* an ordinary bearer token: no cnf */
	CONFIRMATION_CERTIFICATE, /* RFC 8705, 3.1: the certificate of this thumbprint, and nothing else */
	CONFIRMATION_OTHER        /* another proof, more than one, or none that can be read: nobody here can take it */
};

/* Of the claims of a token, or of an answer to its introspection. The thumbprint is zeroed unless there is one. */
enum confirmation confirmation_read(const json_t *claims, uint8_t ret_thumbprint[SHA256_SIZE]);
/* True if the client of this very connection presented the certificate of this SHA-256 thumbprint with TLS. */
bool request_certificate_is(struct request *r, const uint8_t thumbprint[SHA256_SIZE]);

#endif
