/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the options of a server can be said before it is opened: for server_open and for the verb `check`.
 */
#include "listener.h"
#include "server.h"
#include "tls.h"

static const char *address_problem(h2o_mem_pool_t *pool, const struct server_options *o, const char *address)
{
	bool loopback;
	const char *problem = listener_problem(address, &loopback);

	if (problem == NULL && !loopback && o->certificate == NULL && !o->tls_terminated_by_proxy)
		problem =
		    "plain HTTP is served on loopback only; set tls, or say with proxy.terminates_tls that a proxy "
		    "terminates TLS";
	return problem != NULL ? text_printf(pool, "listen: %s: %s", address, problem) : NULL;
}

static const char *listen_problem(h2o_mem_pool_t *pool, const struct server_options *o, const json_t *listen)
{
	if (json_is_string(listen))
		return address_problem(pool, o, json_string_value(listen));
	size_t i;
	json_t *address;
	json_array_foreach (listen, i, address) {
		const char *problem = address_problem(pool, o, json_string_value(address));
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

const char *server_options_problem(h2o_mem_pool_t *pool, const struct server_options *options)
{
	const char *problem = listen_problem(pool, options, options->listen);

	if (problem == NULL)
		problem = listen_problem(pool, options, options->admin_listen);
	if (problem != NULL || options->certificate == NULL)
		return problem;
	if (options->ask_certificate && (options->proxies != NULL || options->tls_terminated_by_proxy))
		return "tls.client_certificates: a proxy cannot stand in front, the certificates would be its own";
	if (options->client_ca != NULL && !options->ask_certificate)
		return "tls.client_ca: is for tls.client_certificates: request";
	struct tls_options files = {options->certificate, options->key, options->ask_certificate, options->client_ca};
	SSL_CTX_free(tls_server_context(&files, &problem));
	return problem;
}
