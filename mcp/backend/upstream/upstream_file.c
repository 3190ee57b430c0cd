/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/encoding.h"
#include "common/secret.h"
#include "common/serving_settings.h"
#include "common/uri.h"
#include "mcp/backend/command/command_program.h"
#include "mcp/backend/http/credential.h"

enum {
	TIMEOUT_MS = 10 * 1000,
	TIMEOUT_MAX_MS = 5 * 60 * 1000,
	REFRESH_MS = 60 * 1000,
	REFRESH_MIN_MS = 1000,
	CALLS = 16,
	BYTES = 1024 * 1024,
	BYTES_MIN = 1024,
	BYTES_MAX = 8 * 1024 * 1024
};

static const char SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: An upstream server of sallyport-mcp\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [name, tools]\n"
    "oneOf: [{required: [command]}, {required: [url]}]\n"
    "dependentRequired: {credential: [url]}\n"
    "$defs:\n"
    "  text: {type: string, pattern: '^[^\\x00]*$', maxLength: 4096}\n"
    "properties:\n"
    "  name: {description: That of the file too, type: string, pattern: '^[a-z0-9][a-z0-9_-]{0,31}$'}\n"
    "  prefix: {description: 'Of the names of its tools here; NAME_ unless said', type: string, pattern: "
    "'^[A-Za-z0-9_.-]{0,64}$'}\n"
    "  url: {description: Of its MCP endpoint, type: string, minLength: 1, maxLength: 2048}\n"
    "  command:\n"
    "    description: A program that speaks MCP by its standard input and output\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [path]\n"
    "    properties:\n"
    "      arguments: {type: array, items: {$ref: '#/$defs/text'}, maxItems: 256}\n" COMMAND_PROGRAM_PROPERTIES(
	"      ") "  credential: " CREDENTIAL_SCHEMA "\n"
		  "  timeout: {description: 'Of a call; 10s unless said', type: string, pattern: " DURATION_PATTERN
		  "}\n"
		  "  refresh: {description: 'So often its tools are listed again; 60s unless said', type: string, "
		  "pattern: " DURATION_PATTERN "}\n"
		  "  calls: {description: At a time, type: integer, minimum: 1, maximum: 256}\n"
		  "  bytes: {description: Of one of its messages at most, type: string, pattern: " SIZE_PATTERN "}\n"
		  "  asks:\n"
		  "    description: What it may ask of the client whose call it works on; nothing unless said\n"
		  "    type: array\n"
		  "    items: {enum: [elicitation, sampling, roots]}\n"
		  "    uniqueItems: true\n"
		  "  tools:\n"
		  "    description: 'The first that matches says who may use a tool; what none matches is not "
		  "offered'\n"
		  "    type: array\n"
		  "    minItems: 1\n"
		  "    maxItems: 512\n"
		  "    items:\n"
		  "      type: object\n"
		  "      additionalProperties: false\n"
		  "      required: [match, scope, tier]\n"
		  "      properties:\n"
		  "        match: {description: 'Name of a tool; * stands for any part of it', type: string, pattern: "
		  "'^[A-Za-z0-9_.*-]{1,128}$'}\n"
		  "        scope: {type: string, pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$', maxLength: 128}\n"
		  "        tier: {enum: [read, write, destroy]}\n"
		  "        untrusted: {description: Results are marked as the text of strangers; true unless said, "
		  "type: boolean}\n"
		  "        acquirable: {type: boolean}\n";

json_t *upstream_file_schema(h2o_mem_pool_t *pool)
{
	const char *error = NULL;
	json_t *document = yaml_parse(pool, text_of(SCHEMA), "upstream schema", &error);

	if (document == NULL)
		h2o__fatal(error); /* it is built in */
	return document;
}

/* ---- one file ---- */

static const char **texts_of(h2o_mem_pool_t *pool, const char *first, const json_t *array)
{
	size_t count = 0, size = json_array_size(array) + 2;
	const char **list = h2o_mem_alloc_pool(pool, size * sizeof(*list));

	if (first != NULL)
		list[count++] = first;
	for (size_t i = 0; i < json_array_size(array); i++)
		list[count++] = json_string_value(json_array_get(array, i));
	list[count] = NULL;
	return list;
}

static const char *read_command(struct loading *l, struct upstream_file *f)
{
	/* it serves as long as this process does: what it takes at a time is bounded, computing time is not */
	static const struct child_limits DEFAULTS = {.files = 1024, .processes = 256};
	const json_t *command = json_object_get(l->document, "command");
	struct child_options *options = h2o_mem_alloc_pool(l->pool, sizeof(*options));
	const char *problem;

	if (command == NULL)
		return NULL;
	*options = (struct child_options){.path = NULL};
	problem = command_program_load(l->pool, l->settings, command, "/command", &DEFAULTS, options);
	options->argv = texts_of(l->pool, options->path, json_object_get(command, "arguments"));
	f->command = options;
	return problem;
}

static const char *read_url(struct loading *l, struct upstream_file *f)
{
	struct uri uri;

	f->url = config_text(l->document, "url", NULL);
	if (f->url == NULL)
		return NULL;
	if (!uri_parse(text_of(f->url), &uri) || uri.has_fragment || uri.host.len == 0)
		return "/url: is not the URL of an endpoint";
	if (!egress_places_allow(&l->settings->outbound, text_of(f->url)))
		return "/url: is no URL of a host in outbound.hosts of the configuration";
	return NULL;
}

/* A connection is shared by all callers, so it proves who we are; a token in the name of one caller cannot do that. */
static const char *read_credential(struct loading *l, struct upstream_file *f)
{
	const json_t *part = json_object_get(l->document, "credential");
	const char *problem;

	if (json_object_get(part, "exchange") != NULL)
		return "/credential/exchange: cannot be had for a connection that all callers share";
	f->credential = credential_load(l, part, "/credential", &problem);
	return problem;
}

static const char *read_rules(struct loading *l, struct upstream_file *f)
{
	const json_t *tools = json_object_get(l->document, "tools");
	struct upstream_rule *rules = h2o_mem_alloc_pool(l->pool, json_array_size(tools) * sizeof(*rules));

	f->rules = rules;
	for (size_t i = 0; i < json_array_size(tools); i++) {
		const json_t *tool = json_array_get(tools, i);
		rules[i] = (struct upstream_rule){
		    .match = config_text(tool, "match", NULL),
		    .scope = config_text(tool, "scope", NULL),
		    .tier = tier_of(json_get_text(tool, "tier")),
		    .untrusted = config_bool(tool, "untrusted", true),
		    .acquirable = config_bool(tool, "acquirable", false),
		};
		if (json_object_get(l->settings->scopes, rules[i].scope) == NULL)
			return text_printf(l->pool, "/tools/%zu/scope: %s is not among the scopes of the configuration",
			                   i, rules[i].scope);
		f->rule_count = i + 1;
	}
	return NULL;
}

static unsigned asks_of(const json_t *names)
{
	unsigned asks = 0;

	for (size_t i = 0; i < json_array_size(names); i++) {
		h2o_iovec_t name = text_of(json_string_value(json_array_get(names, i)));
		asks |= text_is(name, "elicitation") ? UPSTREAM_ASKS_ELICITATION
		        : text_is(name, "sampling")  ? UPSTREAM_ASKS_SAMPLING
		                                     : UPSTREAM_ASKS_ROOTS;
	}
	return asks;
}

static const char *read_bounds(struct loading *l, struct upstream_file *f)
{
	f->timeout_ms = config_duration_ms(l->document, "timeout", TIMEOUT_MS);
	if (f->timeout_ms < 1 || f->timeout_ms > TIMEOUT_MAX_MS)
		return "/timeout: must be between 1ms and 5m";
	f->refresh_ms = config_duration_ms(l->document, "refresh", REFRESH_MS);
	if (f->refresh_ms < REFRESH_MIN_MS)
		return "/refresh: must be at least 1s";
	f->calls = (unsigned)config_int(l->document, "calls", CALLS);
	f->bytes = (size_t)config_size(l->document, "bytes", BYTES);
	if (f->bytes < BYTES_MIN || f->bytes > BYTES_MAX)
		return "/bytes: must be between 1KiB and 8MiB";
	f->asks = asks_of(json_object_get(l->document, "asks"));
	return NULL;
}

/* Of all that says how it is reached and what it is told of us; who may use its tools is not part of it. */
static const char *digest_of(struct loading *l)
{
	json_t *reach = json_keep(l->pool, json_copy(l->document));
	uint8_t digest[SHA256_SIZE];

	json_object_del(reach, "tools");
	json_object_del(reach, "prefix");
	sha256(json_canonical(l->pool, reach), digest);
	return hex_encode(l->pool, digest, sizeof(digest));
}

static const char *name_problem(struct loading *l, const char *name)
{
	const char *base = strrchr(l->file, '/');
	h2o_iovec_t stem = text_of(base != NULL ? base + 1 : l->file);

	stem.len -= strlen(".yaml");
	return text_is(stem, name)
	           ? NULL
	           : text_printf(l->pool, "/name: must be that of the file, %s", text_copy(l->pool, stem));
}

const struct upstream_file *upstream_file_load(struct loading *l, const struct schema *schema, const char **error)
{
	struct upstream_file *f = h2o_mem_alloc_pool(l->pool, sizeof(*f));
	const char *problem;

	l->document = config_load(l->pool, l->file, schema, error);
	if (l->document == NULL)
		return NULL;
	*f = (struct upstream_file){.file = l->file, .name = config_text(l->document, "name", NULL)};
	f->prefix = config_text(l->document, "prefix", text_printf(l->pool, "%s_", f->name));
	f->approved = text_printf(l->pool, "%.*s.approved.json", (int)(strlen(l->file) - strlen(".yaml")), l->file);
	f->digest = digest_of(l);
	problem = name_problem(l, f->name);
	if (problem == NULL)
		problem = read_command(l, f);
	if (problem == NULL)
		problem = read_url(l, f);
	if (problem == NULL)
		problem = read_credential(l, f);
	if (problem == NULL)
		problem = read_bounds(l, f);
	if (problem == NULL)
		problem = read_rules(l, f);
	if (problem == NULL)
		return f;
	*error = text_printf(l->pool, "%s: %s", l->file, problem);
	return NULL;
}

/* ---- rules ---- */

/* "*" matches any text; no other character means anything. Linear in the product of the lengths at worst. */
static bool matches(const char *pattern, const char *name)
{
	const char *star = NULL, *again = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			again = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star + 1;
			name = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

const struct upstream_rule *upstream_file_rule(const struct upstream_file *file, const char *tool)
{
	for (size_t i = 0; i < file->rule_count; i++)
		if (matches(file->rules[i].match, tool))
			return &file->rules[i];
	return NULL;
}

/* ---- the folder ---- */

static bool load_files(struct loading *l, const char *const *files, size_t count, const char **error)
{
	const struct schema *schema = serving_schema_compile(l->pool, upstream_file_schema(l->pool));
	const struct upstream_file **list = h2o_mem_alloc_pool(l->pool, (count + 1) * sizeof(*list));

	l->catalogue->upstreams = list;
	for (size_t i = 0; i < count; i++) {
		l->file = files[i];
		list[i] = upstream_file_load(l, schema, error);
		if (list[i] == NULL)
			return false;
		l->catalogue->upstream_count = i + 1;
	}
	return true;
}

bool upstream_files_load(struct loading *l, const char *folder, const char **error)
{
	size_t count = 0;
	const char *const *files = config_folder(l->pool, folder, UPSTREAMS_MAX, &count, error);

	return files != NULL && load_files(l, files, count, error);
}

const struct upstream_file *upstream_file_find(const struct catalogue *catalogue, const char *name)
{
	for (size_t i = 0; i < catalogue->upstream_count; i++)
		if (strcmp(catalogue->upstreams[i]->name, name) == 0)
			return catalogue->upstreams[i];
	return NULL;
}
