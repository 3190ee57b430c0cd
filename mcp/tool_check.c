/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/config.h"
#include "mcp/catalogue.h"

enum { TIMEOUT_MAX_MS = 5 * 60 * 1000 };

/* Past a quoted text that begins at `at`; a doubled quote inside is two texts side by side, which comes to the same. */
static size_t skip_quoted(h2o_iovec_t sql, size_t at, char quote)
{
	for (at++; at < sql.len; at++)
		if (sql.base[at] == quote)
			return at + 1;
	return at;
}

static size_t skip_block_comment(h2o_iovec_t sql, size_t at)
{
	unsigned depth = 0; /* PostgreSQL's nest */

	for (; at + 1 < sql.len; at++) {
		if (sql.base[at] == '/' && sql.base[at + 1] == '*')
			depth++, at++;
		else if (sql.base[at] == '*' && sql.base[at + 1] == '/')
			depth--, at++;
		if (depth == 0)
			return at + 1;
	}
	return sql.len;
}

/* Past what holds no parameter, or `at` itself. */
static size_t skip_passive(h2o_iovec_t sql, size_t at)
{
	char c = sql.base[at], next = at + 1 < sql.len ? sql.base[at + 1] : '\0';

	if (c == '\'' || c == '"')
		return skip_quoted(sql, at, c);
	if (c == '/' && next == '*')
		return skip_block_comment(sql, at);
	if (c != '-' || next != '-')
		return at;
	const char *end = memchr(sql.base + at, '\n', sql.len - at);
	return end != NULL ? (size_t)(end - sql.base) + 1 : sql.len;
}

static unsigned read_number(h2o_iovec_t sql, size_t at)
{
	unsigned n = 0;

	while (at < sql.len && sql.base[at] >= '0' && sql.base[at] <= '9' && n < 1000)
		n = n * 10 + (unsigned)(sql.base[at++] - '0');
	return n;
}

unsigned tool_statement_parameters(h2o_iovec_t sql, bool *gap)
{
	bool seen[TOOL_PARAMETERS_MAX + 1] = {false};
	unsigned highest = 0;

	for (size_t at = 0; at < sql.len;) {
		size_t behind = skip_passive(sql, at);
		if (behind != at) {
			at = behind;
			continue;
		}
		unsigned n = sql.base[at] == '$' ? read_number(sql, at + 1) : 0;
		if (n > 0 && n <= TOOL_PARAMETERS_MAX)
			seen[n] = true;
		if (n > highest)
			highest = n;
		at++;
	}
	*gap = false;
	for (unsigned n = 1; n <= highest && n <= TOOL_PARAMETERS_MAX; n++)
		*gap |= !seen[n];
	return highest;
}

/* Text shown to people and models: line breaks aside nothing that cannot be seen (a description is read before a tool
 * is trusted). */
static bool has_hidden_text(h2o_iovec_t text)
{
	while (text.len > 0) {
		const char *end = memchr(text.base, '\n', text.len);
		size_t len = end != NULL ? (size_t)(end - text.base) : text.len;
		if (text_has_invisible(h2o_iovec_init(text.base, len)))
			return true;
		size_t step = end != NULL ? len + 1 : len;
		text.base += step;
		text.len -= step;
	}
	return false;
}

static const char *words_problem(const json_t *document)
{
	if (has_hidden_text(json_get_text(document, "title")))
		return "/title: has control or invisible characters";
	if (has_hidden_text(json_get_text(document, "description")))
		return "/description: has control or invisible characters";
	return NULL;
}

static const char *scope_problem(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const json_t *document)
{
	const char *scope = json_get_text(document, "scope").base;

	if (json_object_get(settings->scopes, scope) != NULL)
		return NULL;
	return text_printf(pool, "/scope: %s is not among the scopes of the configuration", scope);
}

static const char *tier_problem(const struct mcp_settings *settings, const json_t *document)
{
	const json_t *sql = json_object_get(document, "sql");
	bool is_read = text_is(json_get_text(document, "tier"), "read");
	bool write = config_bool(sql, "write", false);

	if (is_read && write)
		return "/sql/write: a tool of tier read must not write";
	if (!is_read && !write)
		return "/sql/write: a tool of tier write or destroy must say true";
	if (write && settings->write.conninfo == NULL)
		return "/sql/write: the configuration has no databases.write";
	if (!write && settings->read.conninfo == NULL)
		return "/sql: the configuration has no databases.read";
	int64_t timeout = config_duration_ms(sql, "timeout", 1);
	if (timeout < 1 || timeout > TIMEOUT_MAX_MS)
		return "/sql/timeout: must be between 1ms and 5m";
	return NULL;
}

static const char *sql_problem(h2o_mem_pool_t *pool, const json_t *document)
{
	const json_t *sql = json_object_get(document, "sql");
	const json_t *properties = json_object_get(json_object_get(document, "input"), "properties");
	const json_t *parameters = json_object_get(sql, "parameters");
	bool gap;
	unsigned used = tool_statement_parameters(json_get_text(sql, "statement"), &gap);

	if (gap || used != json_array_size(parameters))
		return text_printf(pool, "/sql/parameters: names %zu arguments, but the statement has %u%s",
		                   json_array_size(parameters), used, gap ? " with gaps" : "");
	for (size_t i = 0; i < json_array_size(parameters); i++) {
		const char *name = json_string_value(json_array_get(parameters, i));
		if (json_object_get(properties, name) == NULL)
			return text_printf(pool, "/sql/parameters/%zu: %s is no property of input", i, name);
	}
	/* names are unique, so equal numbers mean that every property reaches the statement */
	if (json_object_size(properties) != json_array_size(parameters))
		return "/input/properties: has a member that the statement does not use";
	return NULL;
}

/* A keyword that asks for headers beside the arguments, which this server does not compare: refused, never ignored. */
static bool has_header_annotation(const json_t *value)
{
	const char *name;
	json_t *member;
	size_t i;

	json_object_foreach ((json_t *)value, name, member)
		if (strcmp(name, "x-mcp-header") == 0 || has_header_annotation(member))
			return true;
	json_array_foreach (value, i, member)
		if (has_header_annotation(member))
			return true;
	return false;
}

static const char *input_problem(const json_t *document)
{
	const json_t *input = json_object_get(document, "input");

	if (!text_is(json_get_text(input, "type"), "object"))
		return "/input/type: must be object";
	if (!json_is_false(json_object_get(input, "additionalProperties")))
		return "/input/additionalProperties: must be false, so that nothing unknown reaches the statement";
	const json_t *properties = json_object_get(input, "properties");
	if (properties != NULL && !json_is_object(properties))
		return "/input/properties: must be an object";
	if (has_header_annotation(input))
		return "/input: x-mcp-header is not supported";
	return NULL;
}

const char *tool_problem(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const json_t *document)
{
	const char *problem = words_problem(document);

	if (problem == NULL)
		problem = scope_problem(pool, settings, document);
	if (problem == NULL)
		problem = tier_problem(settings, document);
	if (problem == NULL)
		problem = input_problem(document);
	return problem != NULL ? problem : sql_problem(pool, document);
}
