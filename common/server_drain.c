/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "clock.h"
#include "listener.h"
#include "log.h"
#include "server_internal.h"

enum {
	HANDSHAKES_END_MS = 300, /* a round trip; less than the second after which a client tries again */
	SILENCE_MS = 1000,       /* then a connection without a request is idle */
};

/* Nothing that a client has sent or is about to send may be lost: a listener that is closed resets what the kernel
 * accepted for it, half-made connections too. So first they come to their end. */
void server_drain(struct server *server)
{
	if (server->drain_ms != 0)
		return;
	log_event(LOG_INFO, "draining", NULL);
	server->drain_ms = clock_monotonic_ms();
	for (size_t i = 0; i < server->listener_count; i++)
		listener_end_handshakes(server->listeners[i].fd);
	h2o_context_request_shutdown(&server->context); /* every answer from now on says that the connection ends */
	if (server->options.on_drain != NULL)
		server->options.on_drain(server->options.data);
}

static void close_listeners(struct server *server)
{
	server->listening = false;
	for (size_t i = 0; i < server->listener_count; i++) {
		struct listener *l = &server->listeners[i];
		while (server_accept(l))
			;
		shutdown(l->fd, SHUT_RD); /* at once: nothing may come in between */
		h2o_socket_close(l->socket);
		l->socket = NULL;
	}
}

/* h2o keeps idle connections; with their read side shut it sees their end, while requests that are being handled are
 * not read and still get their answer. A connection that has just come, or just said something, is not idle: its
 * request may be on the way. */
static void end_idle_connections(struct server *server)
{
	for (h2o_linklist_t *n = server->connections.next; n != &server->connections; n = n->next) {
		struct connection *c = H2O_STRUCT_FROM_MEMBER(struct connection, link, n);
		int fd = h2o_socket_get_fd(c->socket);
		struct tcp_info info;
		socklen_t len = sizeof(info);
		if (c->read_side_shut || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
		    info.tcpi_last_data_recv < SILENCE_MS)
			continue;
		shutdown(fd, SHUT_RD);
		c->read_side_shut = true;
	}
}

void server_go_on_draining(struct server *server)
{
	if (server->listening && clock_monotonic_ms() >= server->drain_ms + HANDSHAKES_END_MS)
		close_listeners(server);
	end_idle_connections(server);
}

bool server_is_drained(const struct server *server)
{
	if (server->drain_ms == 0 || server->listening)
		return false;
	return server->connection_count == 0 ||
	       clock_monotonic_ms() >= server->drain_ms + server->options.drain_timeout_ms;
}
