/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that a client presented, from the connection of its request. h2o has no way to its SSL object:
 * OpenSSL tells when a handshake is done, and the data of the BIO that h2o made is h2o's socket, whose on_close.data is
 * ours. */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "log.h"
#include "request_internal.h"
#include "server_internal.h"

static bool is_connection_of(const struct server *server, const void *socket)
{
	for (const h2o_linklist_t *n = server->connections.next; n != &server->connections; n = n->next)
		if (H2O_STRUCT_FROM_MEMBER(struct connection, link, n)->socket == socket)
			return true;
	return false;
}

static void on_tls_event(const SSL *ssl, int where, int ret)
{
	static enum { NOT_KNOWN, TRUE, FALSE } bio_data_is_socket; /* seen at the first handshake */

	(void)ret;
	if ((where & SSL_CB_HANDSHAKE_DONE) == 0)
		return;
	struct server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	h2o_socket_t *socket = BIO_get_data(SSL_get_rbio(ssl));
	if (bio_data_is_socket == NOT_KNOWN) {
		bio_data_is_socket = is_connection_of(server, socket) ? TRUE : FALSE;
		if (bio_data_is_socket == FALSE)
			log_event(LOG_ERROR, "client certificates cannot be read with this libh2o", NULL);
	}
	if (bio_data_is_socket == TRUE)
		((struct connection *)socket->on_close.data)->ssl = (SSL *)ssl;
}

void peer_certificate_watch(struct server *server, SSL_CTX *context)
{
	SSL_CTX_set_app_data(context, server);
	SSL_CTX_set_info_callback(context, on_tls_event);
}

static h2o_iovec_t der_of(h2o_mem_pool_t *pool, X509 *certificate)
{
	int len = i2d_X509(certificate, NULL);
	if (len <= 0) {
		ERR_clear_error();
		return (h2o_iovec_t){NULL, 0};
	}
	h2o_iovec_t der = h2o_iovec_init(h2o_mem_alloc_pool(pool, (size_t)len), (size_t)len);
	uint8_t *end = (uint8_t *)der.base;
	i2d_X509(certificate, &end);
	return der;
}

h2o_iovec_t request_certificate(struct request *r, bool *ret_trusted)
{
	if (ret_trusted != NULL)
		*ret_trusted = r->test_certificate_trusted;
	if (r->h2o == NULL)
		return r->test_certificate;
	const struct connection *c = r->h2o->conn->callbacks->get_socket(r->h2o->conn)->on_close.data;
	X509 *certificate = c->ssl != NULL ? SSL_get0_peer_certificate(c->ssl) : NULL;
	if (certificate == NULL)
		return (h2o_iovec_t){NULL, 0};
	if (ret_trusted != NULL)
		*ret_trusted = c->server->options.client_ca != NULL && SSL_get_verify_result(c->ssl) == X509_V_OK;
	return der_of(&r->pool, certificate);
}
