/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/command/command_plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/config.h"

enum { TIMEOUT_DEFAULT_MS = 10 * 1000, TIMEOUT_MAX_MS = 5 * 60 * 1000 };
enum { BYTES_DEFAULT = 256 * 1024, BYTES_MAX = 4 * 1024 * 1024 };

static const struct child_limits LIMITS = {
    .cpu_s = 60, .memory = 1ul << 30, .file_size = 64ul << 20, .files = 64, .processes = 32};

const char COMMAND_PLAN_SCHEMA[] =
    "description: A program that is run for each call, without a shell\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [path, arguments]\n"
    "properties:\n" COMMAND_PROGRAM_PROPERTIES(
	"  ") "  arguments:\n"
	      "    description: 'Each is one argument of the program; {x} in it stands for one of the tool, {x...} for "
	      "the items "
	      "of an array, {{ and }} for braces'\n"
	      "    type: array\n"
	      "    items: {type: string, maxLength: 4096, pattern: '^[^\\x00]*$'}\n"
	      "    maxItems: 128\n"
	      "  input: {description: 'Its standard input: {x}, or {...} for all arguments as JSON', type: string, "
	      "pattern: "
	      "'^[{]([A-Za-z0-9_.-]{1,128}|[.]{3})[}]$'}\n"
	      "  timeout: {type: string, pattern: " DURATION_PATTERN "}\n"
	      "  bytes: {description: Of output, type: string, pattern: " SIZE_PATTERN "}\n"
	      "  output: {description: 'What it writes: json becomes structuredContent, lines an array in it', enum: "
	      "[text, json, "
	      "lines]}\n"
	      "  success: {description: Exit statuses, type: array, items: {type: integer, minimum: 0, maximum: 255}, "
	      "uniqueItems: true, minItems: 1, maxItems: 256}\n"
	      "  failures:\n"
	      "    description: What other exit statuses mean, for the model\n"
	      "    type: object\n"
	      "    propertyNames: {pattern: '^(0|[1-9][0-9]{0,2})$'}\n"
	      "    additionalProperties: {type: string, minLength: 1, maxLength: 500}\n"
	      "    maxProperties: 256\n"
	      "  stream: {description: 'Output goes to the client at once, as log messages and progress, where it asks "
	      "for them', "
	      "type: boolean}\n";

static enum command_output output_of(const json_t *part)
{
	const char *name = config_text(part, "output", "text");

	if (strcmp(name, "json") == 0)
		return COMMAND_JSON;
	return strcmp(name, "lines") == 0 ? COMMAND_LINES : COMMAND_TEXT;
}

static const char *output_problem(const struct loading *l, const struct command_plan *plan)
{
	const char *name;
	json_t *words;

	if (plan->output == COMMAND_TEXT && json_object_get(l->document, "output") != NULL)
		return "/output: a command has structuredContent only with output json or lines";
	json_object_foreach ((json_t *)plan->failures, name, words) {
		unsigned long status = strtoul(name, NULL, 10);
		if (status > 255 || plan->success[status] != 0)
			return text_printf(l->pool, "/command/failures: %s is %s", name,
			                   status > 255 ? "no exit status" : "among success");
		if (!loading_text_is_visible(text_of(json_string_value(words))))
			return "/command/failures: a text has control or invisible characters";
	}
	return NULL;
}

static const char *bounds_problem(const struct item *item, const struct command_plan *plan)
{
	if (plan->timeout_ms < 1 || plan->timeout_ms > TIMEOUT_MAX_MS)
		return "/command/timeout: must be between 1ms and 5m";
	if (plan->bytes > BYTES_MAX)
		return "/command/bytes: must be at most 4MiB";
	if (item->tier == TIER_READ && plan->program.writable != NULL && plan->program.writable[0] != NULL)
		return "/command/writable: a tool of tier read must not write";
	return NULL;
}

static void read_success(const json_t *part, struct command_plan *plan)
{
	const json_t *success = json_object_get(part, "success");

	if (success == NULL)
		plan->success[0] = 1;
	for (size_t i = 0; i < json_array_size(success); i++)
		plan->success[(uint8_t)json_integer_value(json_array_get(success, i))] = 1;
}

const char *command_plan_load(struct loading *l, const json_t *part, struct item *item)
{
	struct command_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	const char *problem;

	*plan = (struct command_plan){
	    .timeout_ms = config_duration_ms(part, "timeout", TIMEOUT_DEFAULT_MS),
	    .bytes = (size_t)config_size(part, "bytes", BYTES_DEFAULT),
	    .output = output_of(part),
	    .streams = config_bool(part, "stream", false),
	    .stops_at_bytes = item->tier == TIER_READ,
	    .failures = json_object_get(part, "failures"),
	    .untrusted = item->untrusted,
	};
	read_success(part, plan);
	problem = command_program_load(l->pool, l->settings, part, "/command", &LIMITS, &plan->program);
	if (problem == NULL)
		problem = bounds_problem(item, plan);
	if (problem == NULL)
		problem = output_problem(l, plan);
	if (problem == NULL)
		problem = command_arguments_load(l, part, plan);
	item->plan = plan;
	item->sends = item->sends || config_bool(part, "network", false);
	return problem;
}
