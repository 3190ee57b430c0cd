/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of questions and readers of answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "encoding.h"

/* --- parameters ---------------------------------------------------------------------------- */

struct db_param param_text(const char *value)
{
	return (struct db_param){.value = value};
}

struct db_param param_bytes(const void *bytes, size_t len)
{
	if (len > INT32_MAX)
		h2o_fatal("a parameter is too long for the database");
	return (struct db_param){.value = bytes, .length = (int)len, .format = 1};
}

struct db_param param_uuid(const uint8_t id[16])
{
	return param_bytes(id, 16);
}

struct db_param param_int(h2o_mem_pool_t *pool, int64_t value)
{
	return param_text(text_printf(pool, "%lld", (long long)value));
}

struct db_param param_bool(bool value)
{
	return param_text(value ? "t" : "f");
}

/* Every element in quotes, so that NULL, blanks and braces in it are just text. */
struct db_param param_text_array(h2o_mem_pool_t *pool, const char *const *values, size_t count)
{
	struct text_buffer literal = {.pool = pool};

	text_append_str(&literal, "{");
	for (size_t i = 0; i < count; i++) {
		text_append_str(&literal, i == 0 ? "\"" : ",\"");
		for (const char *s = values[i]; *s != '\0'; s++) {
			if (*s == '"' || *s == '\\')
				text_append(&literal, "\\", 1);
			text_append(&literal, s, 1);
		}
		text_append_str(&literal, "\"");
	}
	text_append_str(&literal, "}");
	return param_text(literal.base);
}

/* --- readers ------------------------------------------------------------------------------- */

/* A column that the statement does not return is a mistake in the program. To read it as NULL would be an answer, and
 * maybe the wrong one ("not revoked"), so the process ends. */
static int find_column(const PGresult *rows, const char *column)
{
	static int found; /* last; columns are read in about the order that they have, so it is near */
	int count = PQnfields(rows), number = found < count ? found : 0;

	for (int i = 0; i < count; i++) {
		if (strcmp(PQfname(rows, number), column) == 0)
			return found = number;
		number = number + 1 < count ? number + 1 : 0;
	}
	fprintf(stderr, "no column \"%s\" in an answer of the database\n", column);
	h2o_fatal("a statement does not return a column that is read");
}

size_t rows_count(const PGresult *rows)
{
	return rows != NULL ? (size_t)PQntuples(rows) : 0;
}

const char *rows_text(const PGresult *rows, size_t row, const char *column)
{
	int number;

	if (row >= rows_count(rows))
		return NULL;
	number = find_column(rows, column);
	if (PQgetisnull(rows, (int)row, number))
		return NULL;
	return PQgetvalue(rows, (int)row, number);
}

bool rows_is_null(const PGresult *rows, size_t row, const char *column)
{
	return rows_text(rows, row, column) == NULL;
}

int64_t rows_int(const PGresult *rows, size_t row, const char *column)
{
	const char *text = rows_text(rows, row, column);

	return text != NULL ? strtoll(text, NULL, 10) : 0;
}

bool rows_bool(const PGresult *rows, size_t row, const char *column)
{
	const char *text = rows_text(rows, row, column);

	return text != NULL && strcmp(text, "t") == 0;
}

bool rows_uuid(const PGresult *rows, size_t row, const char *column, uint8_t ret[16])
{
	const char *text = rows_text(rows, row, column);

	return text != NULL && uuid_parse(text_of(text), ret);
}

h2o_iovec_t rows_bytes(h2o_mem_pool_t *pool, const PGresult *rows, size_t row, const char *column)
{
	const char *text = rows_text(rows, row, column);
	unsigned char *bytes;
	char *copy;
	size_t len;

	if (text == NULL)
		return h2o_iovec_init(NULL, 0);
	bytes = PQunescapeBytea((const unsigned char *)text, &len);
	if (bytes == NULL)
		h2o_fatal("no memory");
	copy = h2o_mem_alloc_pool(pool, len + 1);
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	h2o_mem_set_secure(bytes, 0, len);
	PQfreemem(bytes);
	return h2o_iovec_init(copy, len);
}

/* --- text[] -------------------------------------------------------------------------------- */

static bool is_null_word(const char *element, size_t len)
{
	return len == 4 && strncasecmp(element, "NULL", 4) == 0;
}

/* Reads the element at *at into *to (never longer than its literal) and leaves *at at the comma or brace behind it. */
static bool read_element(const char **at, char **to, const char **ret)
{
	const char *in = *at;
	bool quoted = *in == '"';
	char *out = *to;

	in += quoted;
	while (*in != '\0' && (quoted ? *in != '"' : *in != ',' && *in != '}')) {
		if (!quoted && (*in == '{' || *in == '"'))
			return false;
		if (*in == '\\' && *++in == '\0')
			return false;
		*out++ = *in++;
	}
	if (quoted && *in++ != '"')
		return false;
	if (*in != ',' && *in != '}')
		return false;
	*ret = *to;
	if (!quoted && is_null_word(*to, (size_t)(out - *to)))
		*ret = NULL;
	*out++ = '\0';
	*at = in;
	*to = out;
	return true;
}

/* PostgreSQL, 8.15.6: one dimension, from 1 on; anything else gives NULL and 0 like a NULL column. */
const char **rows_text_array(h2o_mem_pool_t *pool, const PGresult *rows, size_t row, const char *column,
                             size_t *ret_count)
{
	const char *at = rows_text(rows, row, column);
	const char **elements;
	char *to;
	size_t len, most = 1, count = 0;

	*ret_count = 0;
	if (at == NULL || *at != '{')
		return NULL;
	len = strlen(at);
	for (const char *s = at; *s != '\0'; s++)
		most += *s == ',';
	elements = h2o_mem_alloc_pool(pool, sizeof(*elements) * most);
	if (strcmp(at, "{}") == 0)
		return elements;
	/* An element takes one byte more than it has characters: the comma or brace behind it makes up for it. */
	to = h2o_mem_alloc_pool(pool, len + 1);
	do {
		at++;
		if (!read_element(&at, &to, &elements[count]))
			return NULL;
		count++;
	} while (*at == ',');
	if (at[1] != '\0')
		return NULL;
	*ret_count = count;
	return elements;
}
