/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <h2o/http1.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "head_check.h"
#include "listener.h"
#include "log.h"
#include "request_internal.h"
#include "secret.h"
#include "server_internal.h"

enum {
	RESERVED_FDS = 128, /* database, files, outbound */
	LOOP_WAIT_MS = 1000,
	BUSY_WAIT_MS = 50, /* while starting or draining */
	READY_WAIT_MS = 3000,
};

struct timer {
	h2o_timeout_t timeout;
	h2o_timeout_entry_t entry;
	struct server *server;
	void (*fn)(void *);
	void *data;
};

struct handler {
	h2o_handler_t super;
	struct server *server;
};

/* ---- requests ---- */

static h2o_iovec_t copy_to(h2o_mem_pool_t *pool, h2o_iovec_t a)
{
	return h2o_iovec_init(text_copy(pool, a), a.len);
}

static void take_head(struct request *r, h2o_req_t *req)
{
	size_t path_len = req->query_at != SIZE_MAX ? req->query_at : req->path.len;
	h2o_iovec_t target = copy_to(&r->pool, req->input.path);
	r->method = copy_to(&r->pool, req->input.method);
	r->path = h2o_iovec_init(target.base, path_len);
	if (req->query_at != SIZE_MAX)
		r->query = h2o_iovec_init(target.base + path_len + 1, target.len - path_len - 1);
	r->body =
	    h2o_iovec_init(secret_alloc(&r->pool, req->entity.len + 1), req->entity.len); /* forms carry passwords */
	if (req->entity.len > 0)
		memcpy(r->body.base, req->entity.base, req->entity.len);
}

static const char *raw_head_problem(h2o_req_t *req, bool *is_chunked)
{
	*is_chunked = false;
	if (req->version >= 0x200)
		return NULL;
	h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
	return head_problem(h2o_iovec_init(socket->input->bytes, socket->input->size), req->version < 0x101,
	                    is_chunked);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
	struct server *server = ((struct handler *)self)->server;
	struct request *r = request_new(server->service);
	r->at_admin_listener = server_connection_busy(req)->is_admin;
	request_attach(r, req);
	bool is_chunked;
	const char *problem = raw_head_problem(req, &is_chunked);
	if (problem != NULL) {
		req->http1_is_persistent = 0; /* nobody can say where the next request begins */
		fail(r, &INVALID_REQUEST, problem);
		return 0;
	}
	/* h2o reads chunks leniently ("0x5" is its last one), and what it read is gone: a proxy in front may have seen
	 * another end of this request, so what follows is not taken for the next one */
	if (is_chunked)
		req->http1_is_persistent = 0;
	take_head(r, req);
	router_run(server->router, r);
	return 0;
}

/* ---- signals ---- */

SSL_CTX *server_tls_context(struct server *server, const char **error)
{
	const struct server_options *o = &server->options;
	struct tls_options files = {o->certificate, o->key, o->ask_certificate, o->client_ca};
	SSL_CTX *context = tls_server_context(&files, error);

	if (context != NULL && o->ask_certificate)
		peer_certificate_watch(server, context);
	return context;
}

static void reload(struct server *server)
{
	const char *error;
	log_reopen();
	if (server->options.certificate != NULL) {
		SSL_CTX *fresh = server_tls_context(server, &error);
		if (fresh == NULL) {
			log_event(LOG_ERROR, "certificate not reloaded, the old one stays", "reason", error, NULL);
		} else {
			SSL_CTX_free(server->accept.ssl_ctx); /* living connections hold their own reference */
			server->accept.ssl_ctx = fresh;
		}
	}
	if (server->options.on_reload != NULL)
		server->options.on_reload(server->options.data);
}

static void on_signal(h2o_socket_t *socket, const char *error)
{
	struct server *server = socket->data;
	struct signalfd_siginfo info;
	if (error != NULL)
		return;
	while (read(server->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(server);
		else
			server_drain(server);
	}
}

static void open_signals(struct server *server)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	server->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (server->signal_fd < 0)
		h2o_fatal("no signalfd");
	server->signal_socket =
	    h2o_evloop_socket_create(server->context.loop, server->signal_fd, H2O_SOCKET_FLAG_DONT_READ);
	server->signal_socket->data = server;
	h2o_socket_read_start(server->signal_socket, on_signal);
}

/* ---- timers ---- */

static void on_timer(h2o_timeout_entry_t *entry)
{
	struct timer *t = H2O_STRUCT_FROM_MEMBER(struct timer, entry, entry);
	h2o_timeout_link(t->server->context.loop, &t->timeout, &t->entry);
	t->fn(t->data);
}

void server_every(struct server *server, int64_t interval_ms, void (*fn)(void *data), void *data)
{
	struct timer *t = h2o_mem_alloc_pool(&server->pool, sizeof(*t));
	memset(t, 0, sizeof(*t));
	t->server = server;
	t->fn = fn;
	t->data = data;
	t->entry.cb = on_timer;
	h2o_timeout_init(server->context.loop, &t->timeout, (uint64_t)interval_ms);
	h2o_timeout_link(server->context.loop, &t->timeout, &t->entry);
}

/* ---- start ---- */

static bool open_listener(struct server *server, const char *address, bool is_admin, const char **error)
{
	if (server->listener_count == LISTENERS_MAX) {
		*error = "listen: too many addresses";
		return false;
	}
	const char *problem = NULL;
	int fd = listener_open(address, &problem);
	if (fd < 0) {
		*error = text_printf(&server->pool, "listen: %s: %s", address, problem);
		return false;
	}
	server->listeners[server->listener_count++] =
	    (struct listener){.server = server, .fd = fd, .is_admin = is_admin};
	return true;
}

static bool open_listeners(struct server *server, const json_t *listen, bool is_admin, const char **error)
{
	if (json_is_string(listen))
		return open_listener(server, json_string_value(listen), is_admin, error);
	size_t i;
	json_t *address;
	json_array_foreach (listen, i, address)
		if (!open_listener(server, json_string_value(address), is_admin, error))
			return false;
	return true;
}

static void set_defaults(struct server_options *o)
{
	struct rlimit files;
	if (o->connections_max == 0)
		o->connections_max = 10000;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		if (files.rlim_cur < (rlim_t)o->connections_max + RESERVED_FDS)
			o->connections_max =
			    files.rlim_cur > 2 * RESERVED_FDS ? (unsigned)files.rlim_cur - RESERVED_FDS : RESERVED_FDS;
	}
	if (o->connections_per_address == 0)
		o->connections_per_address = 512;
	if (o->header_timeout_ms == 0)
		o->header_timeout_ms = 10 * 1000;
	if (o->drain_timeout_ms == 0)
		o->drain_timeout_ms = 10 * 1000;
}

static void open_h2o(struct server *server)
{
	h2o_config_init(&server->config);
	server->config.server_name = h2o_iovec_init(H2O_STRLIT("sallyport"));
	server->config.http1.req_timeout = (uint64_t)server->options.header_timeout_ms;
	server->config.http1.upgrade_to_http2 = 0;
	server->config.handshake_timeout = (uint64_t)server->options.header_timeout_ms;
	h2o_hostconf_t *host = h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
	struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof(*handler));
	handler->super.on_req = on_request;
	handler->server = server;
	h2o_context_init(&server->context, h2o_evloop_create(), &server->config);
	server->accept.ctx = &server->context;
	server->accept.hosts = server->config.hosts;
}

/* Gives back what was opened; the sentence outlives the pool that it was written in. */
static struct server *abandon(struct server *server, const char **error)
{
	static char kept[512];
	snprintf(kept, sizeof(kept), "%s", *error);
	*error = kept;
	for (size_t i = 0; i < server->listener_count; i++)
		close(server->listeners[i].fd);
	h2o_mem_clear_pool(&server->pool);
	free(server);
	return NULL;
}

struct server *server_open(const struct server_options *options, const char **error)
{
	struct server *server = h2o_mem_alloc(sizeof(*server));
	memset(server, 0, sizeof(*server));
	h2o_mem_init_pool(&server->pool);
	h2o_linklist_init_anchor(&server->connections);
	h2o_linklist_init_anchor(&server->idle);
	server->options = *options;
	set_defaults(&server->options);
	*error = server_options_problem(&server->pool, options);
	if (*error != NULL || !open_listeners(server, options->listen, false, error) ||
	    !open_listeners(server, options->admin_listen, true, error))
		return abandon(server, error);
	SSL_CTX *tls = NULL;
	if (options->certificate != NULL) {
		tls = server_tls_context(server, error);
		if (tls == NULL)
			return abandon(server, error);
	}
	open_h2o(server);
	server->accept.ssl_ctx = tls;
	open_signals(server);
	request_trust_proxies(options->proxies);
	return server;
}

h2o_context_t *server_context(struct server *server)
{
	return &server->context;
}

static void start_listeners(struct server *server)
{
	for (size_t i = 0; i < server->listener_count; i++) {
		struct listener *l = &server->listeners[i];
		if (!listener_start(l->fd))
			h2o_fatal("a bound address cannot be listened on");
		l->socket = h2o_evloop_socket_create(server->context.loop, l->fd, H2O_SOCKET_FLAG_DONT_READ);
		l->socket->data = l;
	}
	server->listening = true;
	server_set_accepting(server, true);
}

/* Until then the kernel gives every connection to an older instance, if there is one. */
static void wait_until_ready(struct server *server)
{
	const struct server_options *o = &server->options;
	int64_t until_ms = clock_monotonic_ms() + READY_WAIT_MS;
	while (o->is_ready != NULL && !o->is_ready(o->data) && server->drain_ms == 0 &&
	       clock_monotonic_ms() < until_ms) {
		h2o_evloop_run(server->context.loop, BUSY_WAIT_MS);
		log_flush();
	}
}

void server_run(struct server *server, const struct service *service)
{
	server->service = service;
	server->router = router_build(&server->pool, service);
	/* h2o keeps a whole body before anybody is asked who sends it: no more than what the router can still refuse by
	 * name */
	server->config.max_request_entity_size = 2 * router_body_limit(server->router);
	wait_until_ready(server);
	if (server->drain_ms == 0) {
		start_listeners(server);
		log_event(LOG_INFO, "serving", NULL);
		log_flush();
	}
	while (!server_is_drained(server)) {
		/* -1 on EINTR: go on */
		h2o_evloop_run(server->context.loop, server->drain_ms != 0 ? BUSY_WAIT_MS : LOOP_WAIT_MS);
		if (server->drain_ms != 0)
			server_go_on_draining(server);
		log_flush();
	}
	log_event(LOG_INFO, "stopped", NULL);
	log_flush();
}
