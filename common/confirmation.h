/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7800: what the claim cnf demands of whoever presents a token. */
#ifndef SALLYPORT_CONFIRMATION_H
#define SALLYPORT_CONFIRMATION_H

#include "request.h"
#include "secret.h"

struct confirmation {                /* neither: an ordinary bearer token */
	bool by_certificate, by_key; /* both: he must have both */
	uint8_t
	    certificate[SHA256_SIZE]; /* RFC 8705, 3.1: thumbprint of the TLS certificate; zeroed if none is demanded */
	uint8_t key[SHA256_SIZE];     /* RFC 9449, 6: thumbprint of the key */
};

/* Of the claims of a token, or of an answer to its introspection. False: bound to something else too, or to nothing
 * that can be read: nobody here can prove that; *ret is then zeroed. */
bool confirmation_read(const json_t *claims, struct confirmation *ret);
bool confirmation_equal(const struct confirmation *a, const struct confirmation *b);
/* True if the client of this very connection presented the certificate of this SHA-256 thumbprint with TLS. */
bool request_certificate_is(struct request *r, const uint8_t thumbprint[SHA256_SIZE]);

#endif
