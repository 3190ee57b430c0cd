/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_TLS_H
#define SALLYPORT_TLS_H

#include <openssl/ssl.h>

/* A server context of TLS 1.2 and 1.3 with tickets, HTTP/1.1 only, from PEM files. NULL and *error (static) on failure.
 */
SSL_CTX *tls_server_context(const char *certificate, const char *key, const char **error);

/* NULL, or why the file holds no certificates to trust (static). */
const char *tls_ca_problem(const char *file);

#endif
