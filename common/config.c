/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "yaml.h"

/* ---- Reading ---- */

static const char *system_error(h2o_mem_pool_t *pool, const char *file)
{
	return text_printf(pool, "%s: %s", file, strerror(errno));
}

/* {NULL, 0} and *error on failure. One byte more than allowed is read, so that too large a file shows. */
static h2o_iovec_t file_read(h2o_mem_pool_t *pool, const char *file, const char **error)
{
	h2o_iovec_t text = {NULL, 0};
	FILE *stream = fopen(file, "re");

	if (stream == NULL) {
		*error = system_error(pool, file);
		return text;
	}
	char *buffer = h2o_mem_alloc(YAML_SIZE_MAX + 1);
	size_t len = fread(buffer, 1, YAML_SIZE_MAX + 1, stream);
	if (ferror(stream))
		*error = system_error(pool, file);
	else
		text = h2o_iovec_init(text_copy(pool, h2o_iovec_init(buffer, len)), len);
	free(buffer);
	fclose(stream);
	return text;
}

static json_t *file_parse(h2o_mem_pool_t *pool, const char *file, struct yaml_places *places, const char **error)
{
	h2o_iovec_t text = file_read(pool, file, error);
	return text.base != NULL ? yaml_read(pool, text, file, places, error) : NULL;
}

json_t *yaml_load(h2o_mem_pool_t *pool, const char *file, const char **error)
{
	struct yaml_places places;
	return file_parse(pool, file, &places, error);
}

json_t *yaml_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error)
{
	struct yaml_places places;
	return yaml_read(pool, text, name, &places, error);
}

/* ---- What a schema has found, for people ---- */

/* One reference token of an RFC 6901 pointer, unescaped; *pointer moves on to the next "/" or the end. */
static char *pointer_token(h2o_mem_pool_t *pool, const char **pointer)
{
	struct text_buffer token = {.pool = pool};
	const char *p = *pointer + 1;

	text_append(&token, "", 0);
	for (; *p != '\0' && *p != '/'; p++) {
		if (*p == '~' && (p[1] == '0' || p[1] == '1'))
			text_append(&token, *++p == '0' ? "~" : "/", 1);
		else
			text_append(&token, p, 1);
	}
	*pointer = p;
	return token.len != 0 ? token.base : "";
}

static bool place_is(const struct yaml_place *place, const char *token)
{
	int64_t index;

	if (place->key != NULL)
		return strcmp(place->key, token) == 0;
	return text_to_int64(text_of(token), &index) && index >= 0 && (size_t)index == place->index;
}

/* The place of a child, or 0 (which is no child's). */
static size_t place_find(const struct yaml_places *places, size_t parent, const char *token)
{
	for (size_t i = parent + 1; i < places->count; i++) {
		if (places->items[i].parent == parent && place_is(&places->items[i], token))
			return i;
	}
	return 0;
}

/* "12: lifetimes.code: must be ...", with the line of the nearest node that stands in the file. */
static void problem_append(struct text_buffer *b, const struct yaml_places *places,
                           const struct schema_problem *problem)
{
	struct text_buffer path = {.pool = b->pool};
	const char *pointer = problem->pointer;
	size_t place = 0;
	bool known = true;

	while (*pointer == '/') {
		const char *token = pointer_token(b->pool, &pointer);
		size_t next = known ? place_find(places, place, token) : 0;
		known = next != 0;
		place = known ? next : place;
		if (known && places->items[place].key == NULL)
			text_append_printf(&path, "[%s]", token);
		else
			text_append_printf(&path, "%s%s", path.len != 0 ? "." : "", token);
	}
	if (known && problem->member != NULL) {
		size_t member = place_find(places, place, problem->member);
		place = member != 0 ? member : place;
	}
	text_append_printf(b, "%d: ", places->items[place].line);
	if (path.len != 0)
		text_append_printf(b, "%s: ", path.base);
	text_append_str(b, problem->text);
}

json_t *config_load(h2o_mem_pool_t *pool, const char *file, const struct schema *schema, const char **error)
{
	struct yaml_places places;
	struct schema_problems problems = {.count = 0};
	struct text_buffer text = {.pool = pool};
	json_t *value = file_parse(pool, file, &places, error);

	if (value == NULL || schema_check(pool, schema, value, &problems))
		return value;
	for (size_t i = 0; i < problems.count; i++) {
		text_append_printf(&text, "%s%s:", i != 0 ? "; " : "", file);
		problem_append(&text, &places, &problems.items[i]);
	}
	*error = problems.count != 0 ? text.base : text_printf(pool, "%s: refused by its schema", file);
	return NULL;
}

/* ---- Values ---- */

int64_t duration_ms(h2o_iovec_t text)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	size_t digits = 0;
	int64_t number, ms;

	while (digits < text.len && text.base[digits] >= '0' && text.base[digits] <= '9')
		digits++;
	if (!text_to_int64(h2o_iovec_init(text.base, digits), &number))
		return -1;
	h2o_iovec_t unit = h2o_iovec_init(text.base + digits, text.len - digits);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text_is(unit, units[i].name))
			return __builtin_mul_overflow(number, units[i].ms, &ms) ? -1 : ms;
	}
	return -1;
}

const char *config_text(const json_t *object, const char *member, const char *otherwise)
{
	const json_t *value = json_object_get(object, member);
	return json_is_string(value) ? json_string_value(value) : otherwise;
}

int64_t config_int(const json_t *object, const char *member, int64_t otherwise)
{
	const json_t *value = json_object_get(object, member);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool config_bool(const json_t *object, const char *member, bool otherwise)
{
	const json_t *value = json_object_get(object, member);
	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

int64_t config_duration_ms(const json_t *object, const char *member, int64_t otherwise)
{
	int64_t ms = duration_ms(json_get_text(object, member));
	return ms >= 0 ? ms : otherwise;
}

char *config_path(h2o_mem_pool_t *pool, const char *file, const json_t *object, const char *member)
{
	const char *path = config_text(object, member, NULL);
	const char *slash = strrchr(file, '/');

	if (path == NULL)
		return NULL;
	if (path[0] == '/' || slash == NULL)
		return text_copy(pool, text_of(path));
	return text_printf(pool, "%.*s/%s", (int)(slash - file), file, path);
}
