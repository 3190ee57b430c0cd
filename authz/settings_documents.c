/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/settings_documents.h"

#include "authz/client_document.h"
#include "common/config.h"
#include "common/host_pattern.h"

enum { TIMEOUT_MS = 5000, TIMEOUT_LEAST_MS = 100, TIMEOUT_MOST_MS = 30000, HTTPS_PORT = 443 };
static const int64_t STALE_MS = 7 * 86400 * 1000LL, STALE_MOST_MS = 90 * 86400 * 1000LL;

static const char *read_hosts(h2o_mem_pool_t *pool, const char *file, const json_t *object, const char *member,
                              const char *const **ret)
{
	const json_t *list = json_object_get(object, member);
	size_t count = json_array_size(list);
	const char **hosts;

	*ret = NULL;
	if (list == NULL)
		return NULL;
	hosts = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*hosts));
	for (size_t i = 0; i < count; i++) {
		const char *problem;

		hosts[i] = json_string_value(json_array_get(list, i));
		problem = host_pattern_problem(text_of(hosts[i]));
		if (problem != NULL)
			return text_printf(pool, "%s: client_documents.%s: %s: %s", file, member, hosts[i], problem);
	}
	hosts[count] = NULL;
	*ret = hosts;
	return NULL;
}

static const char *read_ranges(h2o_mem_pool_t *pool, const char *file, const json_t *list, struct egress_exception *e)
{
	size_t count = json_array_size(list);
	struct address_range *ranges = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*ranges));

	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!address_range_parse(text_of(text), &ranges[i]))
			return text_printf(pool,
			                   "%s: client_documents.exceptions: %s: it must be an address, or an "
			                   "address range such as 10.1.0.0/16",
			                   file, text);
	}
	e->ranges = ranges;
	e->range_count = count;
	return NULL;
}

static const char *read_exceptions(h2o_mem_pool_t *pool, const char *file, const json_t *list,
                                   struct client_document_settings *ret)
{
	size_t count = json_array_size(list);
	struct egress_exception *exceptions = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*exceptions));

	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		const char *problem;

		exceptions[i] = (struct egress_exception){
		    .host = config_text(item, "host", NULL),
		    .port = (unsigned)config_int(item, "port", HTTPS_PORT),
		    .ca_file = config_path(pool, file, item, "ca_file"),
		};
		problem = host_pattern_problem(text_of(exceptions[i].host));
		if (problem != NULL)
			return text_printf(pool, "%s: client_documents.exceptions: %s: %s", file, exceptions[i].host,
			                   problem);
		problem = read_ranges(pool, file, json_object_get(item, "addresses"), &exceptions[i]);
		if (problem != NULL)
			return problem;
	}
	ret->exceptions = exceptions;
	ret->exception_count = count;
	return NULL;
}

static const char *read_limits(h2o_mem_pool_t *pool, const char *file, const json_t *object,
                               struct client_document_settings *ret)
{
	int64_t stale_ms = config_duration_ms(object, "stale_if_error", STALE_MS);

	ret->enabled = config_bool(object, "enabled", true);
	ret->fetch = config_bool(object, "fetch", true);
	ret->size_limit = (size_t)config_int(object, "size_limit", DOCUMENT_SIZE_MAX);
	ret->timeout_ms = (long)config_duration_ms(object, "timeout", TIMEOUT_MS);
	ret->stale_if_error = stale_ms / 1000;
	if (ret->timeout_ms < TIMEOUT_LEAST_MS || ret->timeout_ms > TIMEOUT_MOST_MS)
		return text_printf(pool, "%s: client_documents.timeout: must be from 100ms to 30s", file);
	if (stale_ms > STALE_MOST_MS)
		return text_printf(pool, "%s: client_documents.stale_if_error: must be at most 90d", file);
	return NULL;
}

const char *settings_documents_read(h2o_mem_pool_t *pool, const char *file, const json_t *values,
                                    struct client_document_settings *ret)
{
	const json_t *object = json_object_get(values, "client_documents");
	const char *problem;

	*ret = (struct client_document_settings){0};
	problem = read_limits(pool, file, object, ret);
	if (problem == NULL)
		problem = read_hosts(pool, file, object, "allow", &ret->allow);
	if (problem == NULL)
		problem = read_hosts(pool, file, object, "deny", &ret->deny);
	if (problem == NULL)
		problem = read_exceptions(pool, file, json_object_get(object, "exceptions"), ret);
	return problem;
}
