/* SPDX-License-Identifier: Apache-2.0 */
/* The open connections. Whoever opens many of them must not keep others out: an address has a share, and where the
 * share or the whole is full, the connection that has been idle longest gives way to the new one, the address's own
 * first. A connection is idle while no request of it is being handled, so one that sends nothing, or sends it drop by
 * drop, is the first to go. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "secret.h"
#include "server_internal.h"

enum {
	ACCEPT_BATCH = 64,
	WRITE_TIMEOUT_MS = 30 * 1000,
	ENDING_MAX = 64, /* told to end and not yet closed, beyond the limit */
	PEER_CHAINS = 4096,
	NETWORK_SIZE = 8, /* of an IPv6 address: what one customer has to himself */
};

struct peer { /* an address that has connections open */
	struct peer *next;
	struct address network;
	unsigned open;       /* all of its connections */
	unsigned count;      /* those that were not told to end */
	h2o_linklist_t idle; /* stalest first */
};

static struct peer *peers[PEER_CHAINS];
static uint64_t peers_seed;

/* ---- addresses ---- */

static struct peer **chain_of(const struct address *network)
{
	if (peers_seed == 0)
		random_bytes(&peers_seed, sizeof(peers_seed));
	uint64_t hash = peers_seed;
	for (unsigned i = 0; i < network->len; i++)
		hash = (hash ^ network->bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return &peers[(hash >> 32) % PEER_CHAINS];
}

static bool same_network(const struct address *a, const struct address *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool is_proxy(const struct server *server, const struct address *address)
{
	struct address proxy;
	for (const char *const *p = server->options.proxies; p != NULL && *p != NULL; p++)
		if (address_parse(text_of(*p), &proxy) && same_network(&proxy, address))
			return true;
	return false;
}

/* NULL for whom no share is counted: our proxies, and what has no address. */
static struct peer *peer_of(const struct server *server, h2o_socket_t *socket)
{
	struct sockaddr_storage name;
	struct address network;
	if (h2o_socket_getpeername(socket, (struct sockaddr *)&name) == 0 ||
	    !address_of_sockaddr((struct sockaddr *)&name, &network) || is_proxy(server, &network))
		return NULL;
	if (network.len > NETWORK_SIZE)
		network.len = NETWORK_SIZE;
	struct peer **chain = chain_of(&network), *p = *chain;
	while (p != NULL && !same_network(&p->network, &network))
		p = p->next;
	if (p != NULL)
		return p;
	p = h2o_mem_alloc(sizeof(*p));
	memset(p, 0, sizeof(*p));
	p->network = network;
	p->next = *chain;
	h2o_linklist_init_anchor(&p->idle);
	*chain = p;
	return p;
}

static void forget_peer(struct peer *p)
{
	struct peer **at = chain_of(&p->network);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

/* ---- idle and busy ---- */

static void leave_idle(struct connection *c)
{
	if (!h2o_linklist_is_linked(&c->idle))
		return;
	h2o_linklist_unlink(&c->idle);
	if (c->peer != NULL)
		h2o_linklist_unlink(&c->idle_of_peer);
}

static void enter_idle(struct connection *c)
{
	if (c->is_ending || h2o_linklist_is_linked(&c->idle))
		return;
	h2o_linklist_insert(&c->server->idle, &c->idle);
	if (c->peer != NULL)
		h2o_linklist_insert(&c->peer->idle, &c->idle_of_peer);
}

static void on_request_done(void *slot)
{
	enter_idle(*(struct connection **)slot);
}

struct connection *server_connection_busy(h2o_req_t *req)
{
	h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
	struct connection **slot = h2o_mem_alloc_shared(&req->pool, sizeof(*slot), on_request_done);
	*slot = socket->on_close.data;
	leave_idle(*slot);
	return *slot;
}

/* h2o sees the end of the stream and closes; what was sent before is still answered. */
static void end_connection(struct connection *c)
{
	leave_idle(c);
	c->is_ending = true;
	c->server->ending_count++;
	if (c->peer != NULL)
		c->peer->count--; /* it holds no place any more */
	shutdown(h2o_socket_get_fd(c->socket), SHUT_RD);
}

static bool end_stalest(struct server *server)
{
	if (h2o_linklist_is_empty(&server->idle))
		return false;
	end_connection(H2O_STRUCT_FROM_MEMBER(struct connection, idle, server->idle.next));
	return true;
}

static bool has_share(const struct server *server, struct peer *p)
{
	if (p == NULL || p->count < server->options.connections_per_address)
		return true;
	if (h2o_linklist_is_empty(&p->idle))
		return false;
	end_connection(H2O_STRUCT_FROM_MEMBER(struct connection, idle_of_peer, p->idle.next));
	return true;
}

/* ---- accepting ---- */

void server_set_accepting(struct server *server, bool accepting)
{
	if (server->accepting == accepting)
		return;
	server->accepting = accepting;
	for (size_t i = 0; i < server->listener_count; i++) {
		struct listener *l = &server->listeners[i];
		if (l->socket == NULL)
			continue;
		if (accepting)
			h2o_socket_read_start(l->socket, server_on_accept);
		else
			h2o_socket_read_stop(l->socket);
	}
}

static void on_connection_close(void *data)
{
	struct connection *c = data;
	struct server *server = c->server;
	leave_idle(c);
	if (c->is_ending)
		server->ending_count--;
	else if (c->peer != NULL)
		c->peer->count--;
	if (c->peer != NULL && --c->peer->open == 0)
		forget_peer(c->peer);
	h2o_linklist_unlink(&c->link);
	free(c);
	server->connection_count--;
	if (server->listening)
		server_set_accepting(server, true);
}

/* False if nobody can come in now. */
static bool make_room(struct server *server)
{
	if (server->connection_count - server->ending_count < server->options.connections_max)
		return true;
	if (server->ending_count >= ENDING_MAX)
		return false; /* they are closed in this turn of the loop */
	if (end_stalest(server))
		return true;
	/* all are busy: the listener rests, an accept loop without descriptors would spin */
	server_set_accepting(server, false);
	return false;
}

static void take_connection(const struct listener *l, h2o_socket_t *socket, struct peer *peer)
{
	struct server *server = l->server;
	/* h2o has no write timeout in HTTP/1: the kernel ends a peer that does not take its bytes */
	unsigned timeout = WRITE_TIMEOUT_MS;
	setsockopt(h2o_socket_get_fd(socket), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	struct connection *c = h2o_mem_alloc(sizeof(*c));
	memset(c, 0, sizeof(*c));
	c->server = server;
	c->socket = socket;
	c->peer = peer;
	c->is_admin = l->is_admin;
	if (peer != NULL) {
		peer->count++;
		peer->open++;
	}
	h2o_linklist_insert(&server->connections, &c->link);
	enter_idle(c);
	server->connection_count++;
	socket->on_close.cb = on_connection_close;
	socket->on_close.data = c;
	h2o_accept(&server->accept, socket);
}

bool server_accept(struct listener *l)
{
	struct server *server = l->server;
	if (!make_room(server))
		return false;
	h2o_socket_t *socket = h2o_evloop_socket_accept(l->socket);
	if (socket == NULL)
		return false;
	struct peer *peer = peer_of(server, socket);
	if (has_share(server, peer)) {
		take_connection(l, socket, peer);
		return true;
	}
	h2o_socket_close(socket);
	return true;
}

void server_on_accept(h2o_socket_t *socket, const char *error)
{
	if (error != NULL)
		return;
	for (int i = 0; i < ACCEPT_BATCH; i++)
		if (!server_accept(socket->data))
			return;
}
