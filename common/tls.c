/* SPDX-License-Identifier: Apache-2.0 */
#include "tls.h"

#include <h2o.h>
#include <openssl/err.h>
#include <stdbool.h>

static const h2o_iovec_t HTTP_1_ONLY[] = {{H2O_STRLIT("http/1.1")}, {NULL, 0}};

static const char *load_files(SSL_CTX *context, const struct tls_options *options)
{
	if (SSL_CTX_use_certificate_chain_file(context, options->certificate) != 1)
		return "tls.certificate cannot be read as a PEM certificate";
	if (SSL_CTX_use_PrivateKey_file(context, options->key, SSL_FILETYPE_PEM) != 1)
		return "tls.key cannot be read as a PEM private key, or does not belong to tls.certificate";
	if (options->client_ca != NULL && SSL_CTX_load_verify_file(context, options->client_ca) != 1)
		return "tls.client_ca cannot be read as PEM certificates";
	return NULL;
}

/* The handshake goes on whatever the certificate is: one that its owner signed himself proves who he is to whoever
 * knows its key (RFC 8705, 2.2). What the check found stays as the connection's verify result. */
static int accept_any(int fine, X509_STORE_CTX *store)
{
	(void)fine, (void)store;
	return 1;
}

SSL_CTX *tls_server_context(const struct tls_options *options, const char **error)
{
	static const unsigned char session_context[] = "sallyport";
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (context == NULL)
		h2o_fatal("no TLS context");
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* forward secrecy and authenticated encryption only (RFC 9325, 4.2) */
	SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
	SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1);
	h2o_ssl_register_alpn_protocols(context, HTTP_1_ONLY);
	/* No list of authorities goes out: it would keep those with a certificate of their own from presenting it. */
	if (options->ask_certificate)
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, accept_any);
	*error = load_files(context, options);
	ERR_clear_error();
	if (*error == NULL)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

const char *tls_ca_problem(const char *file)
{
	X509_STORE *store = X509_STORE_new();
	bool fine = store != NULL && X509_STORE_load_file(store, file) == 1;

	X509_STORE_free(store);
	ERR_clear_error();
	return fine ? NULL : "cannot be read as PEM certificates";
}
