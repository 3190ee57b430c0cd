/* SPDX-License-Identifier: Apache-2.0 */
/* Between server.c and server_drain.c. */
#ifndef SALLYPORT_SERVER_INTERNAL_H
#define SALLYPORT_SERVER_INTERNAL_H

#include "server.h"

enum { LISTENERS_MAX = 8 };

struct listener {
	struct server *server;
	int fd;
	h2o_socket_t *socket;
};

struct connection {
	struct server *server;
	h2o_socket_t *socket;
	h2o_linklist_t link;
	bool read_side_shut;
};

struct server {
	h2o_globalconf_t config;
	h2o_context_t context;
	h2o_accept_ctx_t accept;
	struct server_options options;
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	h2o_linklist_t connections;
	unsigned connection_count;
	bool accepting, listening;
	int64_t drain_ms; /* when the drain began; 0: it did not */
	int signal_fd;
	h2o_socket_t *signal_socket;
	struct router *router;
	const struct service *service;
	h2o_mem_pool_t pool;
};

/* Takes one connection of the listener; false if none waits or there are too many. */
bool server_accept(struct listener *l);
/* SIGTERM: ends the server, in steps that server_go_on_draining takes (every few milliseconds). */
void server_drain(struct server *server);
void server_go_on_draining(struct server *server);
bool server_is_drained(const struct server *server);

#endif
