/* SPDX-License-Identifier: Apache-2.0 */
/* Where an operation is. The document says it, or the operator; a credential goes to one place only, so an operation
 * that the document has elsewhere is imported by itself. */
#include <ctype.h>
#include <string.h>

#include "common/host_pattern.h"
#include "common/uri.h"
#include "mcp/import/import.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* ---- the text ---- */

static const char *variable(const json_t *variables, const char *name)
{
	return json_string_value(json_object_get(json_object_get(variables, name), "default"));
}

/* With the defaults of its variables. NULL: one has none. */
static const char *fill_variables(h2o_mem_pool_t *pool, const json_t *server, const char *url)
{
	const json_t *variables = json_object_get(server, "variables");
	struct text_buffer b = {.pool = pool};

	text_append(&b, "", 0);
	for (const char *brace; (brace = strchr(url, '{')) != NULL;) {
		const char *end = strchr(brace, '}');
		const char *value =
		    end != NULL
			? variable(variables, text_copy(pool, h2o_iovec_init(brace + 1, (size_t)(end - brace - 1))))
			: NULL;
		if (value == NULL)
			return NULL;
		text_append(&b, url, (size_t)(brace - url));
		text_append_str(&b, value);
		url = end + 1;
	}
	text_append_str(&b, url);
	return b.base;
}

static char *lower(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	char *ret = text_copy(pool, text);

	for (char *c = ret; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return ret;
}

/* NULL, or a problem. */
static const char *read_base(h2o_mem_pool_t *pool, const char *url, struct import_server *ret)
{
	struct uri uri;
	int64_t port;

	if (!uri_parse(text_of(url), &uri) || uri.host.len == 0)
		return "is no URL such as https://api.example.com/v1; say --server URL";
	if (uri.has_fragment || uri.query.base != NULL)
		return "has a query or a fragment, which no server has";
	if (strpbrk(url, "{}") != NULL)
		return "has braces";
	ret->plain = text_is_nocase(uri.scheme, "http");
	if (!ret->plain && !text_is_nocase(uri.scheme, "https"))
		return "is neither https nor http";
	port = ret->plain ? HTTP_PORT : HTTPS_PORT;
	text_to_int64(uri.port, &port);
	ret->port = (unsigned)port;
	ret->host = lower(pool, uri.host);
	if (host_pattern_problem(text_of(ret->host)) != NULL)
		return "has a host that outbound.hosts of the configuration cannot name";
	ret->origin = text_printf(pool, "%s://%s%s%.*s", ret->plain ? "http" : "https", ret->host,
	                          uri.port.len > 0 ? ":" : "", (int)uri.port.len, uri.port.base);
	while (uri.path.len > 0 && uri.path.base[uri.path.len - 1] == '/')
		uri.path.len--;
	ret->base = text_printf(pool, "%s%.*s", ret->origin, (int)uri.path.len, uri.path.base);
	return NULL;
}

/* ---- whose ---- */

/* The first of the list. NULL: there is none, or refused. */
static const char *first_url(struct import_operation *op, const json_t *servers)
{
	const json_t *first = json_array_get(servers, 0);
	const char *url = json_string_value(json_object_get(first, "url"));

	if (first == NULL)
		return NULL;
	url = url != NULL ? fill_variables(op->document->pool, first, url) : NULL;
	if (url == NULL)
		import_refuse(op, "its server has no url, or a variable without a default");
	return url;
}

static bool read_server(struct import_operation *op, const char *url, struct import_server *ret)
{
	const char *problem = read_base(op->document->pool, url, ret);

	return problem == NULL || import_refuse(op, "the server %s %s", url, problem);
}

/* The nearest list that is there (3.1.1, 4.8.10.1); an empty one is none. */
static const json_t *own_servers(const struct import_operation *op)
{
	const json_t *own = json_object_get(op->source, "servers");

	return json_array_size(own) > 0 ? own : json_object_get(op->path_item, "servers");
}

bool import_operation_server(struct import_operation *op)
{
	const char *said = op->options->server, *own, *general;
	struct import_server common;

	if (said != NULL)
		return read_server(op, said, &op->server);
	own = first_url(op, own_servers(op));
	general = first_url(op, json_object_get(op->document->root, "servers"));
	if (op->problem != NULL)
		return false;
	if (general == NULL && own == NULL)
		return import_refuse(op, "the document names no server: say --server URL");
	if (!read_server(op, own != NULL ? own : general, &op->server))
		return false;
	if (own == NULL || general == NULL)
		return true;
	if (read_server(op, general, &common) && strcmp(common.origin, op->server.origin) == 0)
		return true;
	return import_refuse(op, "it is at a server of its own, %s: import it by itself, with --server", own);
}
