/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a document: what they are called, which of them are wanted. */
#include <string.h>

#include "mcp/import/import.h"

enum { LABEL_MAX = 200, SLUG_MAX = 40, COPIED_MAX = 128 * 1024 * 1024 /* bytes, of all operations */ };

static const struct {
	const char *member, *method;
} METHODS[] = {
    {"get", "GET"},   {"put", "PUT"},     {"post", "POST"},       {"delete", "DELETE"},
    {"head", "HEAD"}, {"patch", "PATCH"}, {"options", "OPTIONS"}, {"trace", "TRACE"},
};

/* ---- finding them ---- */

static const char *label_of(h2o_mem_pool_t *pool, const struct import_operation *op)
{
	const char *text = op->id != NULL ? text_printf(pool, "%s %s (%s)", op->method, op->path, op->id)
	                                  : text_printf(pool, "%s %s", op->method, op->path);

	return import_line(pool, text_of(text), LABEL_MAX);
}

static bool add_operation(struct import_run *run, const char *path, const json_t *item, size_t method)
{
	const json_t *source = json_object_get(item, METHODS[method].member);
	struct import_operation *op = &run->operations[run->count];

	if (source == NULL)
		return true;
	if (run->count == IMPORT_OPERATIONS_MAX)
		return false;
	*op = (struct import_operation){.document = &run->document,
	                                .options = &run->options,
	                                .path_item = item,
	                                .source = source,
	                                .method = METHODS[method].method,
	                                .member = METHODS[method].member,
	                                .path = path,
	                                .id = json_get_text(source, "operationId").base,
	                                .notes = json_keep(run->pool, json_array())};
	op->label = label_of(run->pool, op);
	if (!json_is_object(source))
		import_refuse(op, "it is no object");
	run->count++;
	return true;
}

static void note_skipped_path(struct import_run *run, const char *path, const char *why)
{
	const char *text = text_printf(run->pool, "the path %s is skipped: %s", path, why);

	json_array_append_new(run->notes, json_string(import_line(run->pool, text_of(text), LABEL_MAX)));
}

/* Itself, or what it refers to. NULL and noted. */
static const json_t *path_item_of(struct import_run *run, const char *path, const json_t *item)
{
	const char *reference = json_string_value(json_object_get(item, "$ref")), *problem = NULL;

	if (reference != NULL)
		item = import_find(&run->document, reference, &problem);
	if (problem == NULL && json_is_object(item) && json_object_get(item, "$ref") == NULL)
		return item;
	if (problem != NULL)
		note_skipped_path(run, path, text_printf(run->pool, "it refers to %s, %s", reference, problem));
	else
		note_skipped_path(run, path, "it is no object, or a reference that cannot be followed");
	return NULL;
}

static bool find_operations(struct import_run *run, const char **error)
{
	const char *path;
	json_t *item;

	run->operations = h2o_mem_alloc_pool(run->pool, IMPORT_OPERATIONS_MAX * sizeof(*run->operations));
	json_object_foreach (json_object_get(run->document.root, "paths"), path, item) {
		if (strncmp(path, "x-", 2) == 0)
			continue;
		const json_t *resolved = path_item_of(run, path, item);
		for (size_t i = 0; resolved != NULL && i < sizeof(METHODS) / sizeof(METHODS[0]); i++)
			if (!add_operation(run, path, resolved, i)) {
				*error = text_printf(run->pool, "%s: has more than %d operations", run->options.file,
				                     IMPORT_OPERATIONS_MAX);
				return false;
			}
	}
	return true;
}

/* ---- names ---- */

/* All of the document are named, so that what is chosen changes no name. */
static void name_operations(struct import_run *run)
{
	const char *prefix = run->options.prefix != NULL ? run->options.prefix : "";
	json_t *taken = json_keep(run->pool, json_object());

	for (size_t i = 0; i < run->count; i++) {
		struct import_operation *op = &run->operations[i];
		const char *said =
		    op->id != NULL && *op->id != '\0' ? op->id : text_printf(run->pool, "%s%s", op->member, op->path);
		const char *fitting = import_identifier(run->pool, text_of(said), IMPORT_NAME_MAX - strlen(prefix) - 6);
		const char *name = text_printf(run->pool, "%s%s", prefix, fitting);
		for (int j = 2; json_object_get(taken, name) != NULL; j++)
			name = text_printf(run->pool, "%s%s_%d", prefix, fitting, j);
		json_object_set_new(taken, name, json_true());
		op->name = name;
		if (op->id != NULL && strcmp(name + strlen(prefix), op->id) != 0)
			import_note(op, "the tool is called %s", name);
	}
}

/* "pets:read", of the document's title. */
static const char *usual_scope(h2o_mem_pool_t *pool, const char *title, const char *what)
{
	struct text_buffer b = {.pool = pool};

	for (const char *c = title; *c != '\0' && b.len < SLUG_MAX; c++) {
		char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
		if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9'))
			text_append(&b, &lower, 1);
		else if (b.len > 0 && b.base[b.len - 1] != '-')
			text_append_str(&b, "-");
	}
	while (b.len > 0 && b.base[b.len - 1] == '-')
		b.len--;
	return text_printf(pool, "%.*s:%s", b.len > 0 ? (int)b.len : 3, b.len > 0 ? b.base : "api", what);
}

/* ---- choice ---- */

static bool has_tag(const struct import_operation *op, const char *tag)
{
	const json_t *tags = json_object_get(op->source, "tags");

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *one = json_string_value(json_array_get(tags, i));
		if (one != NULL && strcmp(one, tag) == 0)
			return true;
	}
	return false;
}

/* By its operationId, its tool's name, or "GET /items". */
static bool is_named(const struct import_operation *op, const char *name)
{
	size_t len = strlen(op->method);

	return (op->id != NULL && strcmp(op->id, name) == 0) || strcmp(op->name, name) == 0 ||
	       (strncmp(name, op->method, len) == 0 && name[len] == ' ' && strcmp(name + len + 1, op->path) == 0);
}

/* False: none of them fits. */
static bool choose(struct import_run *run, bool (*fits)(const struct import_operation *, const char *),
                   const char *choice)
{
	bool any = false;

	for (size_t i = 0; i < run->count; i++) {
		bool chosen = fits(&run->operations[i], choice);
		run->operations[i].is_chosen = run->operations[i].is_chosen || chosen;
		any = any || chosen;
	}
	return any;
}

static bool choose_all(struct import_run *run, const char **error)
{
	const struct import_options *o = &run->options;

	for (size_t i = 0; i < run->count; i++)
		run->operations[i].is_chosen = o->operation_count + o->tag_count == 0;
	for (size_t i = 0; i < o->operation_count; i++)
		if (!choose(run, is_named, o->operations[i])) {
			*error = text_printf(run->pool, "%s: has no operation %s", o->file, o->operations[i]);
			return false;
		}
	for (size_t i = 0; i < o->tag_count; i++)
		if (!choose(run, has_tag, o->tags[i])) {
			*error = text_printf(run->pool, "%s: no operation has the tag %s", o->file, o->tags[i]);
			return false;
		}
	return true;
}

/* ---- the whole ---- */

static void note_document(struct import_run *run)
{
	const json_t *root = run->document.root;

	if (json_object_size(json_object_get(root, "webhooks")) > 0)
		json_array_append_new(run->notes, json_string("webhooks are left out: nobody here listens for them"));
	if (run->options.server == NULL && json_array_size(json_object_get(root, "servers")) > 1)
		json_array_append_new(run->notes,
		                      json_string("the document names several servers; the first is taken"));
}

bool import_all(struct import_run *run, const char **error)
{
	struct import_options *o = &run->options;
	struct import_checker *checker = import_checker_open(run->pool);
	size_t copied = 0;

	run->notes = json_keep(run->pool, json_array());
	if (o->scope_read == NULL)
		o->scope_read = usual_scope(run->pool, run->document.title, "read");
	if (o->scope_write == NULL)
		o->scope_write = usual_scope(run->pool, run->document.title, "write");
	if (!find_operations(run, error))
		return false;
	name_operations(run);
	if (!choose_all(run, error))
		return false;
	note_document(run);
	for (size_t i = 0; i < run->count; i++) {
		struct import_operation *op = &run->operations[i];
		if (!op->is_chosen || op->problem != NULL)
			continue;
		if (copied > COPIED_MAX)
			import_refuse(op, "those before it have too much: choose fewer with --operation or --tag");
		else
			import_tool(checker, op);
		copied += op->copied;
	}
	return true;
}
