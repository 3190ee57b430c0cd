/* SPDX-License-Identifier: Apache-2.0 */
#include "tls.h"

#include <h2o.h>
#include <openssl/err.h>
#include <stdbool.h>

static const h2o_iovec_t HTTP_1_ONLY[] = {{H2O_STRLIT("http/1.1")}, {NULL, 0}};

static const char *load_files(SSL_CTX *context, const char *certificate, const char *key)
{
	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
		return "tls.certificate cannot be read as a PEM certificate";
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return "tls.key cannot be read as a PEM private key, or does not belong to tls.certificate";
	return NULL;
}

SSL_CTX *tls_server_context(const char *certificate, const char *key, const char **error)
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
	*error = load_files(context, certificate, key);
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
