/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: one h2o loop, listeners, TLS, drain. */
#ifndef SALLYPORT_SERVER_H
#define SALLYPORT_SERVER_H

#include "router.h"

struct server_options {
	const json_t *listen;             /* text or array of "address:port" ("[::1]:8443"); port 0 picks a free one */
	const json_t *admin_listen;       /* likewise; what comes there is at_admin_listener (request.h); NULL: none */
	const char *certificate, *key;    /* PEM files; both or neither */
	bool ask_certificate;             /* clients may present a certificate (request_certificate) */
	const char *client_ca;            /* PEM file of those whose client certificates are trusted; NULL: none */
	const char *const *proxies;       /* addresses whose X-Forwarded-For is believed, NULL-terminated; NULL: none */
	bool tls_terminated_by_proxy;     /* plain HTTP on an address that is not loopback is refused without it */
	unsigned connections_max;         /* accepted at a time; default 10,000 or what RLIMIT_NOFILE allows */
	unsigned connections_per_address; /* proxies have no such limit; default 512 */
	int64_t header_timeout_ms;        /* head and body; default 10 s */
	int64_t drain_timeout_ms;         /* default 10 s */
	void (*on_reload)(void *data);    /* SIGHUP, after certificates and logs were read again */
	void (*on_drain)(void *data); /* the drain begins: requests that only wait are to be answered; NULL: nothing */
	bool (*is_ready)(void *data); /* asked before the listeners open, for a few seconds at most; NULL: at once */
	void *data;
};

/* What server_open would refuse whatever the machine does at the moment: the form of an address, plain HTTP elsewhere
 * than on loopback, a certificate or key that cannot be used. NULL, or a sentence in the pool. */
const char *server_options_problem(h2o_mem_pool_t *pool, const struct server_options *options);

struct server;
/* Binds and loads certificates. NULL and *error. SO_REUSEPORT, so a second instance can take over. */
struct server *server_open(const struct server_options *options, const char **error);
h2o_context_t *server_context(struct server *server);
/* Starts to accept and serves until SIGTERM or SIGINT, then drains: listeners closed, running requests answered, idle
 * connections ended. Where another instance listens at the same addresses, no request is lost. */
void server_run(struct server *server, const struct service *service);
/* Calls fn(data) on the loop every interval, first after one interval. */
void server_every(struct server *server, int64_t interval_ms, void (*fn)(void *data), void *data);

#endif
