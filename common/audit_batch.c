/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_batch.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit_line.h"
#include "clock.h"
#include "json.h"

/* pg_type.oid of text, uuid, bigint, bytea, timestamptz */
enum { TEXT = 25, UUID = 2950, BIGINT = 20, BYTEA = 17, TIMESTAMPTZ = 1184 };
static const uint32_t TYPES[AUDIT_COLUMNS] = {
    [AUDIT_LINE] = TEXT,   [AUDIT_PROGRAM] = TEXT,     [AUDIT_CHAIN] = UUID,   [AUDIT_SEQ] = BIGINT,
    [AUDIT_PREV] = BYTEA,  [AUDIT_TIME] = TIMESTAMPTZ, [AUDIT_EVENT] = TEXT,   [AUDIT_USERNAME] = TEXT,
    [AUDIT_CLIENT] = TEXT, [AUDIT_ITEM] = TEXT,        [AUDIT_OUTCOME] = TEXT,
};

enum { HEAD = 5 * sizeof(uint32_t) }; /* dimensions, whether there are NULLs, type, length, first index */

/* ---- members ---- */

struct reader {
	const char *at, *end;
};

/* Behind its first quotation mark; *ret_escaped: there is an escape in it. False if it has no end. */
static bool take_string(struct reader *in, h2o_iovec_t *ret, bool *ret_escaped)
{
	const char *start = in->at;

	*ret_escaped = false;
	while (in->at < in->end && *in->at != '"') {
		*ret_escaped = *ret_escaped || *in->at == '\\';
		in->at += *in->at == '\\' && in->end - in->at > 1 ? 2 : 1;
	}
	*ret = h2o_iovec_init(start, (size_t)(in->at - start));
	return in->at++ < in->end;
}

/* What is no string: up to the comma behind it. */
static bool skip_value(struct reader *in)
{
	h2o_iovec_t string;
	unsigned depth = 0;
	bool escaped;

	while (in->at < in->end && (depth > 0 || *in->at != ',')) {
		char c = *in->at++;
		if (c == '"' && !take_string(in, &string, &escaped))
			return false;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth-- == 0)
			return false;
	}
	return true;
}

static h2o_iovec_t without_escapes(h2o_mem_pool_t *pool, h2o_iovec_t string)
{
	json_t *array = json_read(pool, text_of(text_printf(pool, "[\"%.*s\"]", (int)string.len, string.base)), NULL);
	const char *text = json_string_value(json_array_get(array, 0));

	return text_of(text);
}

/* Which column the member fills; those of both programs, which name some otherwise. */
static enum audit_column column_of(h2o_iovec_t name)
{
	static const struct {
		const char *name;
		enum audit_column column;
	} NAMES[] = {{"event", AUDIT_EVENT},   {"outcome", AUDIT_OUTCOME},  {"username", AUDIT_USERNAME},
	             {"client", AUDIT_CLIENT}, {"client_id", AUDIT_CLIENT}, {"tool", AUDIT_ITEM},
	             {"resource", AUDIT_ITEM}, {"prompt", AUDIT_ITEM}};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if (text_is(name, NAMES[i].name))
			return NAMES[i].column;
	return AUDIT_LINE;
}

/* The first of each; as far as the members can be read. */
static void read_members(h2o_mem_pool_t *pool, h2o_iovec_t members, h2o_iovec_t values[AUDIT_COLUMNS])
{
	struct reader in = {members.base, members.base + members.len};
	h2o_iovec_t name, value;
	bool escaped;

	while (in.at < in.end && *in.at++ == '"') {
		if (!take_string(&in, &name, &escaped) || in.at >= in.end || *in.at++ != ':' || in.at >= in.end)
			return;
		if (*in.at != '"') {
			if (!skip_value(&in))
				return;
		} else {
			in.at++;
			if (!take_string(&in, &value, &escaped))
				return;
			enum audit_column column = column_of(name);
			if (column != AUDIT_LINE && values[column].base == NULL)
				values[column] = escaped ? without_escapes(pool, value) : value;
		}
		if (in.at < in.end && *in.at++ != ',')
			return;
	}
}

/* ---- arrays ---- */

static void append_number(struct text_buffer *b, uint32_t number)
{
	uint32_t bytes = htonl(number);

	text_append(b, &bytes, sizeof(bytes));
}

void audit_batch_open(struct audit_batch *batch, h2o_mem_pool_t *pool)
{
	*batch = (struct audit_batch){.count = 0};
	for (size_t i = 0; i < AUDIT_COLUMNS; i++)
		batch->columns[i].pool = pool;
}

void audit_batch_begin(struct audit_batch *batch)
{
	static const char NOTHING[HEAD] = {0};

	batch->count = 0;
	for (size_t i = 0; i < AUDIT_COLUMNS; i++) {
		batch->columns[i].len = 0;
		text_append(&batch->columns[i], NOTHING, sizeof(NOTHING));
	}
}

static void unhex(h2o_iovec_t digits, uint8_t *bytes)
{
	for (size_t i = 0; i < digits.len; i++) {
		char c = digits.base[i];
		uint8_t value = (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		bytes[i / 2] = (uint8_t)(i % 2 == 0 ? value << 4 : bytes[i / 2] | value);
	}
}

/* Microseconds since 2000, as PostgreSQL counts. False if it is not as our lines have it. */
static bool read_time(h2o_iovec_t text, int64_t *ret)
{
	enum { SECONDS_2000 = 946684800 };
	char copy[CLOCK_TEXT_SIZE];
	struct tm tm = {.tm_isdst = 0};

	if (text.len != CLOCK_TEXT_SIZE - 1)
		return false;
	memcpy(copy, text.base, text.len);
	copy[text.len] = '\0';
	const char *rest = strptime(copy, "%Y-%m-%dT%H:%M:%S.", &tm);
	if (rest == NULL || strspn(rest, "0123456789") != 3 || strcmp(rest + 3, "Z") != 0)
		return false;
	*ret = ((int64_t)timegm(&tm) - SECONDS_2000) * 1000000 + strtol(rest, NULL, 10) * 1000;
	return true;
}

struct head { /* as PostgreSQL has them */
	uint8_t chain[(AUDIT_CHAIN_SIZE - 1) / 2], prev[(AUDIT_DIGEST_SIZE - 1) / 2];
	int64_t seq, time;
};

static bool read_head(const struct audit_line *line, struct head *head, h2o_iovec_t values[AUDIT_COLUMNS])
{
	if (!read_time(line->time, &head->time))
		return false;
	unhex(line->chain, head->chain);
	unhex(line->prev, head->prev);
	head->seq = (int64_t)htobe64((uint64_t)line->seq);
	head->time = (int64_t)htobe64((uint64_t)head->time);
	values[AUDIT_LINE] = line->text;
	values[AUDIT_PROGRAM] = line->program;
	values[AUDIT_CHAIN] = h2o_iovec_init((char *)head->chain, sizeof(head->chain));
	values[AUDIT_SEQ] = h2o_iovec_init((char *)&head->seq, sizeof(head->seq));
	values[AUDIT_PREV] = h2o_iovec_init((char *)head->prev, sizeof(head->prev));
	values[AUDIT_TIME] = h2o_iovec_init((char *)&head->time, sizeof(head->time));
	return true;
}

void audit_batch_add(struct audit_batch *batch, h2o_iovec_t text)
{
	h2o_iovec_t values[AUDIT_COLUMNS] = {{NULL, 0}}, piece;
	struct audit_line line;
	h2o_mem_pool_t pool;
	struct head head;

	if (!audit_line_find(text, &line, &piece) || !text_is_utf8(line.text) || !read_head(&line, &head, values))
		return; /* it is nobody's of us */
	h2o_mem_init_pool(&pool);
	read_members(&pool, line.members, values);
	for (size_t i = 0; i < AUDIT_COLUMNS; i++) {
		append_number(&batch->columns[i], values[i].base != NULL ? (uint32_t)values[i].len : UINT32_MAX);
		text_append_iovec(&batch->columns[i], values[i]);
	}
	batch->count++;
	h2o_mem_clear_pool(&pool);
}

void audit_batch_end(struct audit_batch *batch)
{
	for (size_t i = 0; i < AUDIT_COLUMNS; i++) {
		uint32_t head[] = {htonl(1), htonl(1), htonl(TYPES[i]), htonl((uint32_t)batch->count), htonl(1)};
		memcpy(batch->columns[i].base, head, sizeof(head));
	}
}
