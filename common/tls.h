/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_TLS_H
#define SALLYPORT_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct tls_options { /* PEM files */
	const char *certificate, *key;
	bool ask_certificate;  /* clients may present any certificate; whether it proves anything is decided later */
	const char *client_ca; /* authorities of client certificates; NULL: none is trusted */
};
/* A server context of TLS 1.2 and 1.3 with tickets, HTTP/1.1 only. NULL and *error (static) on failure. */
SSL_CTX *tls_server_context(const struct tls_options *options, const char **error);

/* NULL, or why the file holds no certificates to trust (static). */
const char *tls_ca_problem(const char *file);

#endif
