/* SPDX-License-Identifier: Apache-2.0 */
/* Which hosts tools and upstream servers may reach: the member `outbound` of mcp.yaml. Without it: none. */
#include <string.h>

#include "common/config.h"
#include "common/host_pattern.h"
#include "common/tls.h"
#include "mcp/settings/settings_parts.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

static const char SCHEMA[] =
    "  outbound:\n"
    "    description: What tools and upstream servers may reach\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [hosts]\n"
    "    properties:\n"
    "      hosts:\n"
    "        type: array\n"
    "        maxItems: 200\n"
    "        items:\n"
    "          type: object\n"
    "          additionalProperties: false\n"
    "          required: [host]\n"
    "          dependentRequired: {plain: [addresses]}\n"
    "          properties:\n"
    "            host: {description: 'A name, *. and a name, or an IPv4 address', type: string, maxLength: 255}\n"
    "            port: {description: '443, or 80 where it is plain, unless said', type: integer, minimum: 1, maximum: "
    "65535}\n"
    "            addresses:\n"
    "              description: 'Where the name may lead to, and nowhere else; absent: to public addresses'\n"
    "              type: array\n"
    "              minItems: 1\n"
    "              maxItems: 64\n"
    "              items: {description: An address or 10.0.0.0/8, type: string, maxLength: 64}\n"
    "            plain: {description: By http and not https, type: boolean}\n"
    "            ca_file: {description: Certificates to trust for it, $ref: '#/$defs/path'}\n";

static const char *read_ranges(h2o_mem_pool_t *pool, const json_t *list, struct egress_place *place)
{
	size_t count = json_array_size(list);
	struct address_range *ranges = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*ranges));

	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!address_range_parse(text_of(text), &ranges[i]))
			return text_printf(
			    pool, "addresses: %s: must be an address, or an address range such as 10.1.0.0/16", text);
	}
	place->ranges = ranges;
	place->range_count = count;
	return NULL;
}

static const char *place_problem(h2o_mem_pool_t *pool, const struct egress_place *place)
{
	const char *problem = host_pattern_problem(text_of(place->host));
	struct egress_place one = *place;
	struct egress_places places = {&one, 1};

	if (problem != NULL)
		return text_printf(pool, "host: %s: %s", place->host, problem);
	if (place->ca_file != NULL && tls_ca_problem(place->ca_file) != NULL)
		return text_printf(pool, "ca_file: %s: %s", place->ca_file, tls_ca_problem(place->ca_file));
	if (place->host[0] == '*')
		return NULL;
	/* an address that its own entry does not allow, or a spelling of one that nobody takes */
	if (!egress_places_allow(&places, text_of(text_printf(pool, "%s://%s:%u/", place->plain ? "http" : "https",
	                                                      place->host, place->port))))
		return text_printf(pool, "host: %s: is no host that can be reached by this entry", place->host);
	return NULL;
}

static bool is_taken(const struct egress_place *list, size_t count, const struct egress_place *place)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].port == place->port && strcmp(list[i].host, place->host) == 0)
			return true;
	return false;
}

static const char *read_outbound(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                                 struct mcp_settings *settings)
{
	const json_t *hosts = json_object_get(json_object_get(document, "outbound"), "hosts"), *host;
	struct egress_place *list = h2o_mem_alloc_pool(pool, (json_array_size(hosts) + 1) * sizeof(*list));
	size_t i;

	(void)with_secrets;
	settings->outbound = (struct egress_places){list, json_array_size(hosts)};
	json_array_foreach (hosts, i, host) {
		bool plain = config_bool(host, "plain", false);
		list[i] = (struct egress_place){
		    .host = config_text(host, "host", NULL),
		    .port = (unsigned)config_int(host, "port", plain ? HTTP_PORT : HTTPS_PORT),
		    .plain = plain,
		    .ca_file = config_path(pool, settings->file, host, "ca_file"),
		};
		const char *problem = read_ranges(pool, json_object_get(host, "addresses"), &list[i]);
		if (problem == NULL)
			problem = place_problem(pool, &list[i]);
		if (problem == NULL && is_taken(list, i, &list[i]))
			problem = text_printf(pool, "host: %s: stands here twice with this port", list[i].host);
		if (problem != NULL)
			return text_printf(pool, "outbound.hosts[%zu].%s", i, problem);
	}
	return NULL;
}

const struct settings_part SETTINGS_OUTBOUND = {SCHEMA, read_outbound};
