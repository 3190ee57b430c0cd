/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "mcp/settings/settings_parts.h"

enum {
	COUNT_DEFAULT = 20,
	WITHIN_DEFAULT_MS = 5 * 60 * 1000,
	QUIET_DEFAULT_MS = 15 * 60 * 1000,
	DAY_MINUTES = 24 * 60
};

static const char SCHEMA[] =
    "  alerts:\n"
    "    description: What of the calls is told to the log, to a webhook and to a command\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [rules]\n"
    "    properties:\n"
    "      rules:\n"
    "        type: array\n"
    "        minItems: 1\n"
    "        maxItems: 50\n"
    "        items:\n"
    "          type: object\n"
    "          additionalProperties: false\n"
    "          required: [name, when]\n"
    "          properties:\n"
    "            name: {type: string, pattern: '^[A-Za-z0-9_.-]{1,64}$'}\n"
    "            when: {enum: [failures, calls, destroy, out_of_hours, new_tool]}\n"
    "            by: {description: Whose are counted together, enum: [person, client, address]}\n"
    "            count: {type: integer, minimum: 1, maximum: 1000000}\n"
    "            within: {$ref: '#/$defs/duration'}\n"
    "            quiet: {description: 'So long the same is not told again', $ref: '#/$defs/duration'}\n"
    "            from: {description: Working hours in UTC, type: string, pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$'}\n"
    "            to: {type: string, pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$'}\n"
    "            days: {type: array, items: {enum: [sun, mon, tue, wed, thu, fri, sat]}, uniqueItems: true, minItems: "
    "1}\n"
    "            reads: {description: 'Out of hours, what only reads too', type: boolean}\n"
    "      webhook:\n"
    "        type: object\n"
    "        additionalProperties: false\n"
    "        required: [url]\n"
    "        properties: {url: {description: At a host of outbound, type: string, maxLength: 2048}}\n"
    "      command:\n"
    "        type: object\n"
    "        additionalProperties: false\n"
    "        required: [path]\n"
    "        properties:\n"
    "          path: {description: One of commands.allowed, type: string, maxLength: 1024}\n"
    "          arguments: {type: array, items: {type: string, maxLength: 1024}, maxItems: 32}\n";

static unsigned minutes_of(const char *text)
{
	unsigned hours = 0, minutes = 0;

	sscanf(text, "%2u:%2u", &hours, &minutes);
	return hours * 60 + minutes;
}

static size_t place_of(const char *const *words, const char *word)
{
	size_t i = 0;

	while (strcmp(words[i], word) != 0)
		i++;
	return i;
}

static unsigned read_days(const json_t *rule)
{
	static const char *const DAYS[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
	const json_t *list = json_object_get(rule, "days"), *day;
	unsigned days = 0;
	size_t i;

	json_array_foreach (list, i, day)
		days |= 1u << place_of(DAYS, json_string_value(day));
	return list != NULL ? days : 0x7F;
}

static struct alert_rule read_rule(const json_t *rule)
{
	static const char *const WHEN[] = {"failures", "calls", "destroy", "out_of_hours", "new_tool"};
	static const char *const BY[] = {"person", "client", "address"};

	return (struct alert_rule){
	    .name = config_text(rule, "name", NULL),
	    .when = (enum alert_when)place_of(WHEN, config_text(rule, "when", NULL)),
	    .by = (enum alert_by)place_of(BY, config_text(rule, "by", "person")),
	    .count = (unsigned)config_int(rule, "count", COUNT_DEFAULT),
	    .within_ms = config_duration_ms(rule, "within", WITHIN_DEFAULT_MS),
	    .quiet_ms = config_duration_ms(rule, "quiet", QUIET_DEFAULT_MS),
	    .from = minutes_of(config_text(rule, "from", "00:00")),
	    .to = json_object_get(rule, "to") != NULL ? minutes_of(config_text(rule, "to", NULL)) : DAY_MINUTES,
	    .days = read_days(rule),
	    .reads = config_bool(rule, "reads", false),
	};
}

static const char *rule_problem(const struct alert_rule *rules, size_t i, const struct mcp_settings *settings)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(rules[k].name, rules[i].name) == 0)
			return "name: stands here twice";
	if (rules[i].when == ALERT_NEW_TOOL && settings->database.conninfo == NULL)
		return "when: new_tool needs `database`, which knows what was used before";
	if (rules[i].when == ALERT_OUT_OF_HOURS && rules[i].from >= rules[i].to)
		return "from: must be before `to`";
	return NULL;
}

static bool is_allowed(const char *const *allowed, const char *path)
{
	while (allowed != NULL && *allowed != NULL && strcmp(*allowed, path) != 0)
		allowed++;
	return allowed != NULL && *allowed != NULL;
}

static const char *read_targets(h2o_mem_pool_t *pool, const json_t *alerts, struct mcp_settings *settings)
{
	const json_t *command = json_object_get(alerts, "command"), *arguments = json_object_get(command, "arguments");
	struct alert_settings *ret = &settings->alerts;

	ret->webhook = config_text(json_object_get(alerts, "webhook"), "url", NULL);
	if (ret->webhook != NULL && !egress_places_allow(&settings->outbound, text_of(ret->webhook)))
		return "alerts.webhook.url: is at no host of outbound.hosts";
	ret->command = config_text(command, "path", NULL);
	if (ret->command == NULL)
		return NULL;
	if (!is_allowed(settings->commands.allowed, ret->command))
		return "alerts.command.path: is none of commands.allowed";
	const char **argv = h2o_mem_alloc_pool(pool, (json_array_size(arguments) + 2) * sizeof(*argv));
	argv[0] = ret->command;
	for (size_t i = 0; i < json_array_size(arguments); i++)
		argv[i + 1] = json_string_value(json_array_get(arguments, i));
	argv[json_array_size(arguments) + 1] = NULL;
	ret->arguments = argv;
	return NULL;
}

static const char *read_alerts(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                               struct mcp_settings *settings)
{
	const json_t *alerts = json_object_get(document, "alerts"), *list = json_object_get(alerts, "rules");
	struct alert_rule *rules = h2o_mem_alloc_pool(pool, (json_array_size(list) + 1) * sizeof(*rules));

	(void)with_secrets;
	settings->alerts = (struct alert_settings){.rules = rules, .count = json_array_size(list)};
	for (size_t i = 0; i < settings->alerts.count; i++) {
		rules[i] = read_rule(json_array_get(list, i));
		const char *problem = rule_problem(rules, i, settings);
		if (problem != NULL)
			return text_printf(pool, "alerts.rules[%zu].%s", i, problem);
	}
	return read_targets(pool, alerts, settings);
}

const struct settings_part SETTINGS_ALERTS = {SCHEMA, read_alerts};
