/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

/* Depth of values that the program made itself; beyond it there is a cycle. */
enum { WRITE_DEPTH_LIMIT = 1024, UNLIMITED = -1 };

void json_init(void)
{
	size_t seed;
	random_bytes(&seed, sizeof(seed));
	json_object_seed(seed | 1); /* 0 would let jansson choose */
}

/* Behind the closing quote of the string that begins at i, or the end of the text. */
static size_t skip_string(h2o_iovec_t text, size_t i)
{
	for (i++; i < text.len && text.base[i] != '"'; i++)
		i += text.base[i] == '\\';
	return i + 1;
}

/* One pass that allocates nothing, before jansson allocates for every value: limits only, the
 * grammar is jansson's. */
static enum json_problem check_limits(h2o_iovec_t text)
{
	int commas_left[JSON_DEPTH_LIMIT + 1] = {UNLIMITED};
	size_t depth = 0, containers = 0;
	for (size_t i = 0; i < text.len;) {
		switch (text.base[i]) {
		case '"': i = skip_string(text, i); continue;
		case '{':
		case '[':
			if (depth == JSON_DEPTH_LIMIT)
				return JSON_TOO_DEEP;
			if (++containers > JSON_CONTAINERS_LIMIT)
				return JSON_TOO_MANY_MEMBERS;
			commas_left[++depth] = text.base[i] == '{' ? JSON_MEMBERS_LIMIT - 1 : UNLIMITED;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return JSON_BAD_SYNTAX;
			depth--;
			break;
		case ',':
			if (commas_left[depth] == 0)
				return JSON_TOO_MANY_MEMBERS;
			commas_left[depth] -= commas_left[depth] > 0;
			break;
		}
		i++;
	}
	return JSON_FINE;
}

static enum json_problem problem_of(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_duplicate_key: return JSON_DUPLICATE_MEMBER;
	case json_error_numeric_overflow: return JSON_NUMBER_RANGE;
	case json_error_stack_overflow: return JSON_TOO_DEEP;
	default: return JSON_BAD_SYNTAX;
	}
}

json_t *json_read(h2o_mem_pool_t *pool, h2o_iovec_t text, enum json_problem *problem)
{
	enum json_problem ignored;
	json_error_t error;
	if (problem == NULL)
		problem = &ignored;
	*problem = text.len == 0 || !text_is_utf8(text) ? JSON_BAD_SYNTAX : check_limits(text);
	if (*problem != JSON_FINE)
		return NULL;
	/* jansson refuses \u0000 and lone surrogates (RFC 8259, 8.2) by itself. */
	json_t *value = json_loadb(text.base, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value == NULL)
		*problem = problem_of(&error);
	return json_keep(pool, value);
}

static void release_kept(void *data)
{
	json_decref(*(json_t **)data);
}

json_t *json_keep(h2o_mem_pool_t *pool, json_t *value)
{
	if (value == NULL)
		return NULL;
	json_t **kept = h2o_mem_alloc_shared(pool, sizeof(*kept), release_kept);
	*kept = value;
	return value;
}

/* jansson's own writer keeps a table of the containers that it is in and writes 0.1 with 17 digits;
 * this one does neither. */
struct writer {
	struct text_buffer text;
	bool sorted;
	unsigned depth;
};

static void write_value(struct writer *w, const json_t *value);

/* The shortest text that reads back as the same number; always with a point or an exponent, so
 * that it stays a real. The locale is never set, so the point is one. */
static void write_real(struct writer *w, double number)
{
	char text[32];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	text_append_str(&w->text, text);
	if (strpbrk(text, ".en") == NULL)
		text_append_str(&w->text, ".0");
}

static void write_integer(struct writer *w, json_int_t number)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, number);
	text_append(&w->text, text, (size_t)len);
}

static void write_array(struct writer *w, const json_t *array)
{
	size_t count = json_array_size(array);
	text_append(&w->text, "[", 1);
	for (size_t i = 0; i < count; i++) {
		if (i != 0)
			text_append(&w->text, ",", 1);
		write_value(w, json_array_get(array, i));
	}
	text_append(&w->text, "]", 1);
}

struct member {
	h2o_iovec_t name;
	const json_t *value;
};

static void write_member(struct writer *w, const struct member *member, bool first)
{
	if (!first)
		text_append(&w->text, ",", 1);
	text_append_json(&w->text, member->name);
	text_append(&w->text, ":", 1);
	write_value(w, member->value);
}

static int compare_members(const void *a, const void *b)
{
	const struct member *one = a, *other = b;
	size_t len = one->name.len < other->name.len ? one->name.len : other->name.len;
	int order = memcmp(one->name.base, other->name.base, len);
	return order != 0 ? order : (one->name.len > other->name.len) - (one->name.len < other->name.len);
}

static struct member member_at(void *iterator)
{
	h2o_iovec_t name = {(char *)json_object_iter_key(iterator), json_object_iter_key_len(iterator)};
	return (struct member){name, json_object_iter_value(iterator)};
}

static void write_members_sorted(struct writer *w, json_t *object)
{
	size_t count = 0;
	struct member *members = h2o_mem_alloc_pool(w->text.pool, json_object_size(object) * sizeof(*members));
	for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i))
		members[count++] = member_at(i);
	if (count != 0)
		qsort(members, count, sizeof(*members), compare_members);
	for (size_t i = 0; i < count; i++)
		write_member(w, &members[i], i == 0);
}

static void write_object(struct writer *w, const json_t *value)
{
	json_t *object = (json_t *)value; /* jansson's iterators do not know const */
	bool first = true;
	text_append(&w->text, "{", 1);
	if (w->sorted) {
		write_members_sorted(w, object);
	} else {
		for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
			struct member member = member_at(i);
			write_member(w, &member, first);
			first = false;
		}
	}
	text_append(&w->text, "}", 1);
}

static void write_value(struct writer *w, const json_t *value)
{
	if (++w->depth > WRITE_DEPTH_LIMIT)
		h2o_fatal("a JSON value holds itself");
	switch (json_typeof(value)) {
	case JSON_OBJECT: write_object(w, value); break;
	case JSON_ARRAY: write_array(w, value); break;
	case JSON_STRING:
		text_append_json(&w->text, h2o_iovec_init(json_string_value(value), json_string_length(value)));
		break;
	case JSON_INTEGER: write_integer(w, json_integer_value(value)); break;
	case JSON_REAL: write_real(w, json_real_value(value)); break;
	case JSON_TRUE: text_append(&w->text, "true", 4); break;
	case JSON_FALSE: text_append(&w->text, "false", 5); break;
	case JSON_NULL: text_append(&w->text, "null", 4); break;
	}
	w->depth--;
}

static h2o_iovec_t write_text(h2o_mem_pool_t *pool, const json_t *value, bool sorted)
{
	struct writer w = {.text = {.pool = pool}, .sorted = sorted};
	write_value(&w, value);
	return h2o_iovec_init(w.text.base, w.text.len);
}

h2o_iovec_t json_text(h2o_mem_pool_t *pool, const json_t *value)
{
	return write_text(pool, value, false);
}

h2o_iovec_t json_canonical(h2o_mem_pool_t *pool, const json_t *value)
{
	return write_text(pool, value, true);
}

/* Every number of this size is written without an exponent, exactly. */
static const double WHOLE_MAX = 9007199254740992.0;

h2o_iovec_t json_scalar_text(h2o_mem_pool_t *pool, const json_t *value)
{
	double number = json_real_value(value);

	if (json_is_string(value))
		return h2o_iovec_init(json_string_value(value), json_string_length(value));
	if (json_is_real(value) && fabs(number) <= WHOLE_MAX && number == floor(number))
		return text_of(text_printf(pool, "%.0f", number));
	if (json_is_boolean(value) || json_is_number(value))
		return json_text(pool, value);
	return h2o_iovec_init(NULL, 0);
}

h2o_iovec_t json_get_text(const json_t *object, const char *member)
{
	const json_t *value = json_object_get(object, member);
	if (!json_is_string(value))
		return h2o_iovec_init(NULL, 0);
	return h2o_iovec_init(json_string_value(value), json_string_length(value));
}
