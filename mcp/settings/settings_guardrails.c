/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/settings/settings_parts.h"

#include "common/config.h"
#include "common/host_pattern.h"

enum { BYTES_MIN = 16 * 1024, BYTES_DEFAULT = 32 * 1024 * 1024 };

static const char SCHEMA[] =
    "  guardrails:\n"
    "    description: What is done about results on their way to a model\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      scan: {description: 'About text of strangers that reads like orders to a model; mark unless said', enum: "
    "[mark, block, off]}\n"
    "      links:\n"
    "        description: 'Hosts (a name, or *. and a name) to which text of strangers may lead without being told'\n"
    "        type: array\n"
    "        maxItems: 200\n"
    "        uniqueItems: true\n"
    "        items: {type: string, minLength: 1, maxLength: 255}\n"
    "      result_bytes: {description: 'The most that a result has; 32MiB unless said', type: string, "
    "pattern: " SIZE_PATTERN "}\n";

static const char *read_guardrails(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                                   struct mcp_settings *ret)
{
	const json_t *part = json_object_get(document, "guardrails"), *links = json_object_get(part, "links");
	const char **hosts = h2o_mem_alloc_pool(pool, (json_array_size(links) + 1) * sizeof(*hosts));
	int64_t bytes = config_size(part, "result_bytes", BYTES_DEFAULT);

	(void)with_secrets;
	for (size_t i = 0; i < json_array_size(links); i++) {
		hosts[i] = json_string_value(json_array_get(links, i));
		const char *problem = host_pattern_problem(text_of(hosts[i]));
		if (problem != NULL)
			return text_printf(pool, "guardrails.links: %s: %s", hosts[i], problem);
	}
	hosts[json_array_size(links)] = NULL;
	if (bytes < BYTES_MIN)
		return "guardrails.result_bytes: must be at least 16KiB";
	ret->guardrails =
	    (struct guardrail_settings){.scan = scan_policy_of(text_of(config_text(part, "scan", "mark"))),
	                                .links = hosts,
	                                .result_bytes = (size_t)bytes};
	return NULL;
}

const struct settings_part SETTINGS_GUARDRAILS = {SCHEMA, read_guardrails};
