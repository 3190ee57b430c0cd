/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yaml.h"

enum { READ_FIRST = 8192 };

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
	char *buffer = NULL;
	size_t len = 0, room = READ_FIRST;
	for (;; room = room < YAML_SIZE_MAX / 2 ? 2 * room : YAML_SIZE_MAX + 1) {
		buffer = h2o_mem_realloc(buffer, room);
		len += fread(buffer + len, 1, room - len, stream);
		if (len < room || room > YAML_SIZE_MAX)
			break;
	}
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
	return text.base != NULL ? yaml_read(pool, text, file, false, places, error) : NULL;
}

/* The value, or the error, outlives the pool that it was read in: text and places take more room than it does. */
static json_t *take_over(h2o_mem_pool_t *pool, h2o_mem_pool_t *scratch, json_t *value, const char **error)
{
	if (value == NULL)
		*error = text_copy(pool, text_of(*error));
	json_keep(pool, json_incref(value));
	h2o_mem_clear_pool(scratch);
	return value;
}

json_t *yaml_load(h2o_mem_pool_t *pool, const char *file, const char **error)
{
	struct yaml_places places;
	h2o_mem_pool_t scratch;

	h2o_mem_init_pool(&scratch);
	return take_over(pool, &scratch, file_parse(&scratch, file, &places, error), error);
}

json_t *yaml_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error)
{
	struct yaml_places places;
	h2o_mem_pool_t scratch;

	h2o_mem_init_pool(&scratch);
	return take_over(pool, &scratch, yaml_read(&scratch, text, name, false, &places, error), error);
}

json_t *yaml_parse_foreign(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error)
{
	struct yaml_places places;
	h2o_mem_pool_t scratch;

	h2o_mem_init_pool(&scratch);
	return take_over(pool, &scratch, yaml_read(&scratch, text, name, true, &places, error), error);
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

struct config_document {
	h2o_mem_pool_t pool;
	const char *file;
	struct yaml_places places;
	json_t *value; /* NULL: error */
	const char *error;
};

struct config_document *config_read(const char *file)
{
	struct config_document *d = h2o_mem_alloc(sizeof(*d));

	h2o_mem_init_pool(&d->pool);
	d->error = NULL;
	d->file = text_copy(&d->pool, text_of(file));
	d->value = file_parse(&d->pool, d->file, &d->places, &d->error);
	return d;
}

static json_t *check_document(struct config_document *d, const struct schema *schema)
{
	struct schema_problems problems = {.count = 0};
	struct text_buffer text = {.pool = &d->pool};

	if (d->value == NULL || schema_check(&d->pool, schema, d->value, &problems))
		return d->value;
	for (size_t i = 0; i < problems.count; i++) {
		text_append_printf(&text, "%s%s:", i != 0 ? "; " : "", d->file);
		problem_append(&text, &d->places, &problems.items[i]);
	}
	d->error = problems.count != 0 ? text.base : text_printf(&d->pool, "%s: refused by its schema", d->file);
	return NULL;
}

json_t *config_take(h2o_mem_pool_t *pool, struct config_document *d, const struct schema *schema, const char **error)
{
	*error = NULL;
	json_t *value = check_document(d, schema);
	if (value == NULL)
		*error = d->error;
	value = take_over(pool, &d->pool, value, error);
	free(d);
	return value;
}

void config_drop(struct config_document *d)
{
	h2o_mem_clear_pool(&d->pool);
	free(d);
}

json_t *config_load(h2o_mem_pool_t *pool, const char *file, const struct schema *schema, const char **error)
{
	return config_take(pool, config_read(file), schema, error);
}

/* ---- Folders ---- */

static int is_yaml_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

const char *const *config_folder(h2o_mem_pool_t *pool, const char *folder, size_t most, size_t *count,
                                 const char **error)
{
	struct dirent **entries = NULL;
	int found = scandir(folder, &entries, is_yaml_file, alphasort);
	const char **names = NULL;

	if (found < 0) {
		*error = text_printf(pool, "%s: %s", folder, strerror(errno));
		return NULL;
	}
	*count = (size_t)found;
	if (*count > most)
		*error = text_printf(pool, "%s: has more than %zu files", folder, most);
	else
		names = h2o_mem_alloc_pool(pool, (*count + 1) * sizeof(*names));
	for (size_t i = 0; i < *count; i++) {
		if (names != NULL)
			names[i] = text_printf(pool, "%s/%s", folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return names;
}

/* ---- Values ---- */

struct unit {
	const char *name;
	int64_t factor;
};

/* A number and its unit, in the smallest one; -1 if it is none. */
static int64_t quantity(h2o_iovec_t text, const struct unit *units, size_t count)
{
	size_t digits = 0;
	int64_t number, whole;

	while (digits < text.len && text.base[digits] >= '0' && text.base[digits] <= '9')
		digits++;
	if (!text_to_int64(h2o_iovec_init(text.base, digits), &number))
		return -1;
	h2o_iovec_t unit = h2o_iovec_init(text.base + digits, text.len - digits);
	for (size_t i = 0; i < count; i++) {
		if (text_is(unit, units[i].name))
			return __builtin_mul_overflow(number, units[i].factor, &whole) ? -1 : whole;
	}
	return -1;
}

int64_t duration_ms(h2o_iovec_t text)
{
	static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

	return quantity(text, units, sizeof(units) / sizeof(units[0]));
}

int64_t size_bytes(h2o_iovec_t text)
{
	static const struct unit units[] = {{"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}};

	return quantity(text, units, sizeof(units) / sizeof(units[0]));
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

int64_t config_size(const json_t *object, const char *member, int64_t otherwise)
{
	int64_t bytes = size_bytes(json_get_text(object, member));
	return bytes >= 0 ? bytes : otherwise;
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
