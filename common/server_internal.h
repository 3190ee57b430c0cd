/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the server, for its own files. */
#ifndef SALLYPORT_SERVER_INTERNAL_H
#define SALLYPORT_SERVER_INTERNAL_H

#include "address.h"
#include "server.h"
#include "tls.h"

enum { LISTENERS_MAX = 16 };

struct listener {
	struct server *server;
	int fd;
	h2o_socket_t *socket;
	bool is_admin; /* of admin_listen */
};

struct peer;
struct connection {
	struct server *server;
	h2o_socket_t *socket;
	h2o_linklist_t link;
	bool read_side_shut;
	struct peer *peer;                 /* whose share it takes; NULL: nobody's */
	h2o_linklist_t idle, idle_of_peer; /* linked while no request of it is handled */
	bool is_ending;                    /* it was told to make room */
	bool is_admin;                     /* it came to a listener of admin_listen */
	struct reply_stream *stream;       /* reply_stream.c: whose reader this is */
	SSL *ssl;                          /* where client certificates are asked for, once the handshake is done */
};

struct server {
	h2o_globalconf_t config;
	h2o_context_t context;
	h2o_accept_ctx_t accept;
	struct server_options options;
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	h2o_linklist_t connections;
	h2o_linklist_t idle; /* connections, stalest first */
	unsigned connection_count, ending_count;
	bool accepting, listening;
	int64_t drain_ms; /* when the drain began; 0: it did not */
	int signal_fd;
	h2o_socket_t *signal_socket;
	struct router *router;
	const struct service *service;
	h2o_mem_pool_t pool;
};

/* The options' files as they are now. NULL and *error. */
SSL_CTX *server_tls_context(struct server *server, const char **error);
/* Lets request_certificate find the certificates of this context's connections. */
void peer_certificate_watch(struct server *server, SSL_CTX *context);

/* Takes one connection of the listener; false if none waits or there are too many. */
bool server_accept(struct listener *l);
void server_on_accept(h2o_socket_t *socket, const char *error);
void server_set_accepting(struct server *server, bool accepting);
/* Until h2o's request goes, its connection, which this is, is not idle. */
struct connection *server_connection_busy(h2o_req_t *req);
/* SIGTERM: ends the server, in steps that server_go_on_draining takes (every few milliseconds). */
void server_drain(struct server *server);
void server_go_on_draining(struct server *server);
bool server_is_drained(const struct server *server);

#endif
