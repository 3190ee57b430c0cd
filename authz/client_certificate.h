/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as proof of a client (RFC 8705), of DER as TLS saw it. */
#ifndef SALLYPORT_CLIENT_CERTIFICATE_H
#define SALLYPORT_CLIENT_CERTIFICATE_H

#include "authz/key_sets.h"

/* The ways to name a client of a certificate authority (RFC 8705, 2.1.2), without "tls_client_auth_". */
enum tls_subject_kind {
	SUBJECT_DN,
	SUBJECT_SAN_DNS,
	SUBJECT_SAN_URI,
	SUBJECT_SAN_IP,
	SUBJECT_SAN_EMAIL,
	SUBJECT_KINDS
};
extern const char *const TLS_SUBJECT_KINDS[SUBJECT_KINDS];
/* NULL, or why the value can name nobody (fixed sentence about "it"). */
const char *tls_subject_problem(enum tls_subject_kind kind, h2o_iovec_t value);

/* RFC 8705, 2.1: the certificate is valid now, and has the one name that was registered, byte for byte (an address by
 * its value). That its chain leads to a trusted authority, TLS has found. */
bool certificate_has_subject(h2o_iovec_t der, const char *kind, const char *value);
/* RFC 8705, 2.2: the certificate, or its key, is one of the client's. Who signed it, and until when it is valid, says
 * nothing about a certificate that the client made. */
bool certificate_is_of(h2o_iovec_t der, const struct key_set *set);

#endif
