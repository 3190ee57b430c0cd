/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_text.h"

#include <string.h>

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

unsigned sql_count_parameters(h2o_iovec_t sql, bool *gap)
{
	bool seen[SQL_PARAMETERS_MAX + 1] = {false};
	unsigned highest = 0;

	for (size_t at = 0; at < sql.len;) {
		size_t behind = skip_passive(sql, at);
		if (behind != at) {
			at = behind;
			continue;
		}
		unsigned n = sql.base[at] == '$' ? read_number(sql, at + 1) : 0;
		if (n > 0 && n <= SQL_PARAMETERS_MAX)
			seen[n] = true;
		if (n > highest)
			highest = n;
		at++;
	}
	*gap = false;
	for (unsigned n = 1; n <= highest && n <= SQL_PARAMETERS_MAX; n++)
		*gap |= !seen[n];
	return highest;
}

h2o_iovec_t sql_trim(h2o_iovec_t sql)
{
	while (sql.len > 0 && strchr("; \t\r\n", sql.base[sql.len - 1]) != NULL)
		sql.len--;
	return sql;
}

char *sql_bound_rows(h2o_mem_pool_t *pool, h2o_iovec_t sql, unsigned rows)
{
	sql = sql_trim(sql);
	/* the line break ends a comment that ends the statement */
	return text_printf(pool, "select * from (%.*s\n) as tool limit %u", (int)sql.len, sql.base, rows);
}
