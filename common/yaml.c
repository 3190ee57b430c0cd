/* SPDX-License-Identifier: Apache-2.0 */
/* YAML 1.2 as JSON: the reading half of config.h. libfyaml parses; what it reads becomes JSON here. */
#include "yaml.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

enum {
	NODES_MAX = 100000,          /* after aliases were filled in */
	BYTES_MAX = 8 * 1024 * 1024, /* likewise */
	FOREIGN = 10,                /* times that, where the file is not ours */
	DEPTH_MAX = JSON_DEPTH_LIMIT
};

/* A collection that is being read. */
struct level {
	json_t *value;      /* borrowed: hangs on its parent or on yaml.root */
	const char *key;    /* of a mapping: the member that comes next; NULL: a key comes next */
	const char *anchor; /* NULL if none */
	size_t place;
	int64_t nodes, bytes; /* read before it, for the weight of its anchor */
	int height;           /* of what it has inside */
};

struct yaml {
	h2o_mem_pool_t *pool;
	const char *name;
	const char *error;
	bool foreign;
	struct yaml_places *places;
	struct fy_parser *parser;
	json_t *root;    /* NULL before the first node */
	json_t *anchors; /* name -> [value, nodes, bytes, height]; null while the value is being read */
	int64_t nodes, bytes;
	int line; /* of the last event */
	struct level levels[DEPTH_MAX];
	int depth;
};

/* Lines count from 1; 0 if the place is unknown. Always false. */
static bool yaml_fail(struct yaml *y, int line, const char *text)
{
	if (line > 0)
		y->error = text_printf(y->pool, "%s:%d: %s", y->name, line, text);
	else
		y->error = text_printf(y->pool, "%s: %s", y->name, text);
	return false;
}

/* An empty node has no place of its own: it gets that of the event before. */
static int event_line(struct yaml *y, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	if (mark != NULL)
		y->line = mark->line + 1;
	return y->line;
}

/* ---- Scalars ---- */

/* The text of a scalar, NUL-terminated; "" for an empty node; NULL after a failure. */
static const char *scalar_text(struct yaml *y, struct fy_event *event)
{
	size_t len = 0;
	struct fy_token *token = event->scalar.value;
	const char *base = token != NULL ? fy_token_get_text(token, &len) : "";
	h2o_iovec_t text = h2o_iovec_init(base, len);

	if (base == NULL || !text_is_utf8(text)) { /* "\0" and "\ud800" can be written in double quotes */
		yaml_fail(y, event_line(y, event), "the text has NUL or something outside Unicode");
		return NULL;
	}
	y->bytes += (int64_t)len;
	return text_copy(y->pool, text);
}

static bool scalar_is_plain(struct fy_event *event)
{
	struct fy_token *token = event->scalar.value;
	return token == NULL || fy_scalar_token_get_style(token) == FYSS_PLAIN;
}

/* ---- Nodes ---- */

static size_t place_add(struct yaml *y, int line)
{
	struct yaml_places *places = y->places;
	const struct level *parent = y->depth > 0 ? &y->levels[y->depth - 1] : NULL;

	if (places->count == places->capacity) {
		size_t capacity = places->capacity == 0 ? 64 : places->capacity * 2;
		struct yaml_place *grown = h2o_mem_alloc_pool(y->pool, capacity * sizeof(*grown));
		if (places->count != 0)
			memcpy(grown, places->items, places->count * sizeof(*grown));
		places->items = grown;
		places->capacity = capacity;
	}
	places->items[places->count] = (struct yaml_place){
	    .parent = parent != NULL ? parent->place : 0,
	    .key = parent != NULL ? parent->key : NULL,
	    .index = parent != NULL && json_is_array(parent->value) ? json_array_size(parent->value) : 0,
	    .line = line,
	};
	return places->count++;
}

/* Hangs a value (taken over) on its parent. */
static bool node_attach(struct yaml *y, json_t *value)
{
	if (y->depth == 0) {
		y->root = value;
		return true;
	}
	struct level *parent = &y->levels[y->depth - 1];
	if (json_is_array(parent->value))
		return json_array_append_new(parent->value, value) == 0;
	const char *key = parent->key;
	parent->key = NULL;
	return json_object_set_new_nocheck(parent->value, key, value) == 0;
}

static bool node_count(struct yaml *y, int line, int64_t nodes, int64_t bytes)
{
	int64_t times = y->foreign ? FOREIGN : 1;

	y->nodes += nodes;
	y->bytes += bytes;
	if (y->nodes <= NODES_MAX * times && y->bytes <= BYTES_MAX * times)
		return true;
	return yaml_fail(y, line, "the document is too large with its aliases filled in");
}

static const char *event_anchor(struct yaml *y, struct fy_event *event)
{
	size_t len = 0;
	struct fy_token *token = fy_event_get_anchor_token(event);
	const char *text = token != NULL ? fy_token_get_text(token, &len) : NULL;

	return text != NULL ? text_copy(y->pool, h2o_iovec_init(text, len)) : NULL;
}

static void anchor_define(struct yaml *y, const char *name, json_t *value, int64_t nodes, int64_t bytes, int height)
{
	if (name == NULL)
		return;
	json_t *entry = json_pack("[O,I,I,i]", value, (json_int_t)nodes, (json_int_t)bytes, height);
	json_object_set_new(y->anchors, name, entry);
}

static void level_note_height(struct yaml *y, int height)
{
	if (y->depth > 0 && y->levels[y->depth - 1].height < height)
		y->levels[y->depth - 1].height = height;
}

/* A scalar where a mapping wants its next key. */
static bool take_key(struct yaml *y, struct fy_event *event, int line)
{
	struct level *level = &y->levels[y->depth - 1];
	const char *why = NULL;

	if (event->type != FYET_SCALAR || fy_event_get_anchor_token(event) != NULL)
		return yaml_fail(y, line, "a key must be a text without anchor");
	const char *text = scalar_text(y, event);
	if (text == NULL)
		return false;
	if (scalar_is_plain(event) && !yaml_plain_is_text(text)) {
		json_t *meaning = yaml_plain_value(text, &why);
		bool is_text = json_is_string(meaning);
		json_decref(meaning);
		if (!is_text && !y->foreign)
			return yaml_fail(y, line,
			                 text_printf(y->pool, "the key \"%s\" is no text: put it in quotes", text));
	}
	if (scalar_is_plain(event) && strcmp(text, "<<") == 0)
		return yaml_fail(y, line, "merge keys (<<) are not supported");
	if (json_object_get(level->value, text) != NULL)
		return yaml_fail(y, line, text_printf(y->pool, "the key \"%s\" is repeated", text));
	level->key = text;
	place_add(y, line);
	return true;
}

static bool take_scalar(struct yaml *y, struct fy_event *event, int line)
{
	const char *why = NULL;
	const char *text = scalar_text(y, event);

	if (text == NULL || !node_count(y, line, 1, 0))
		return false;
	json_t *value = scalar_is_plain(event) ? yaml_plain_value(text, &why) : json_string_nocheck(text);
	if (value == NULL)
		return yaml_fail(y, line, why);
	anchor_define(y, event_anchor(y, event), value, 1, (int64_t)strlen(text), 0);
	return node_attach(y, value);
}

static bool take_alias(struct yaml *y, struct fy_event *event, int line)
{
	size_t len = 0;
	const char *base = fy_token_get_text(event->alias.anchor, &len);
	const char *name = text_copy(y->pool, h2o_iovec_init(base, base != NULL ? len : 0));
	const json_t *entry = json_object_get(y->anchors, name);

	if (!json_is_array(entry))
		return yaml_fail(y, line,
		                 entry != NULL ? "the alias stands inside of what it names"
		                               : "the alias names no anchor before it");
	int height = (int)json_integer_value(json_array_get(entry, 3));
	if (y->depth + height > DEPTH_MAX)
		return yaml_fail(y, line, "the document is nested too deep");
	if (!node_count(y, line, json_integer_value(json_array_get(entry, 1)),
	                json_integer_value(json_array_get(entry, 2))))
		return false;
	level_note_height(y, height);
	return node_attach(y, json_deep_copy(json_array_get(entry, 0)));
}

static bool take_start(struct yaml *y, struct fy_event *event, int line, size_t place)
{
	json_t *value = event->type == FYET_MAPPING_START ? json_object() : json_array();
	const char *anchor = event_anchor(y, event);
	struct level level = {.value = value, .anchor = anchor, .place = place, .nodes = y->nodes, .bytes = y->bytes};

	node_attach(y, value);
	if (y->depth == DEPTH_MAX)
		return yaml_fail(y, line, "the document is nested too deep");
	if (anchor != NULL)
		json_object_set_new(y->anchors, anchor, json_null());
	y->levels[y->depth++] = level;
	return node_count(y, line, 1, 0);
}

static bool take_end(struct yaml *y)
{
	const struct level *level = &y->levels[--y->depth];
	int height = level->height + 1;

	anchor_define(y, level->anchor, level->value, y->nodes - level->nodes, y->bytes - level->bytes, height);
	level_note_height(y, height);
	return true;
}

static bool take_node(struct yaml *y, struct fy_event *event)
{
	struct level *parent = y->depth > 0 ? &y->levels[y->depth - 1] : NULL;
	int line = event_line(y, event);
	size_t place;

	if (fy_event_get_tag_token(event) != NULL)
		return yaml_fail(y, line, "tags (!) are not supported");
	if (parent != NULL && json_is_object(parent->value)) {
		if (parent->key == NULL)
			return take_key(y, event, line);
		place = y->places->count - 1; /* a member's place is that of its key */
	} else {
		place = place_add(y, line);
	}
	if (event->type == FYET_SCALAR)
		return take_scalar(y, event, line);
	if (event->type == FYET_ALIAS)
		return take_alias(y, event, line);
	return take_start(y, event, line, place);
}

/* ---- Documents ---- */

static bool take_document(struct yaml *y, struct fy_event *event)
{
	const struct fy_version *version = fy_document_start_event_version(event);

	if (y->root != NULL)
		return yaml_fail(y, event_line(y, event), "only one document is allowed");
	if (version != NULL && (version->major != 1 || version->minor != 2))
		return yaml_fail(y, event_line(y, event), "only YAML 1.2 is supported");
	return true;
}

static bool take_event(struct yaml *y, struct fy_event *event)
{
	switch (event->type) {
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END: return true;
	case FYET_DOCUMENT_START: return take_document(y, event);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END: return take_end(y);
	case FYET_MAPPING_START:
	case FYET_SEQUENCE_START:
	case FYET_SCALAR:
	case FYET_ALIAS: return take_node(y, event);
	default: return yaml_fail(y, 0, "something unknown");
	}
}

/* The first error that the library collected. */
static bool syntax_fail(struct yaml *y, struct fy_diag *diag)
{
	void *position = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &position);

	if (error == NULL)
		return yaml_fail(y, 0, "cannot be read as YAML");
	return yaml_fail(y, error->line, error->msg);
}

static bool events_read(struct yaml *y, struct fy_diag *diag, h2o_iovec_t text)
{
	bool fine = fy_parser_set_string(y->parser, text.base, text.len) == 0;

	while (fine) {
		struct fy_event *event = fy_parser_parse(y->parser);
		if (event == NULL)
			break;
		fine = take_event(y, event);
		fy_parser_event_free(y->parser, event);
	}
	if (y->error != NULL)
		return false;
	if (!fine || fy_parser_get_stream_error(y->parser))
		return syntax_fail(y, diag);
	return y->root != NULL || yaml_fail(y, 0, "the file is empty");
}

/* Everything that the library has to say is collected, nothing is printed. */
static struct fy_diag *diag_create(void)
{
	struct fy_diag_cfg config;

	fy_diag_cfg_default(&config);
	config.fp = NULL;
	config.colorize = false;
	struct fy_diag *diag = fy_diag_create(&config);
	if (diag != NULL)
		fy_diag_set_collect_errors(diag, true);
	return diag;
}

static bool size_check(struct yaml *y, size_t len)
{
	if (len > (y->foreign ? YAML_FOREIGN_SIZE_MAX : YAML_SIZE_MAX))
		return yaml_fail(y, 0, y->foreign ? "the file is larger than 8 MiB" : "the file is larger than 1 MiB");
	return true;
}

json_t *yaml_read(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, bool foreign, struct yaml_places *places,
                  const char **error)
{
	struct yaml *y = h2o_mem_alloc(sizeof(*y));
	struct fy_diag *diag = diag_create();
	struct fy_parse_cfg config = {.flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE | FYPCF_COLLECT_DIAG,
	                              .diag = diag};

	*y = (struct yaml){
	    .pool = pool, .name = name, .foreign = foreign, .places = places, .anchors = json_object(), .line = 1};
	*places = (struct yaml_places){NULL, 0, 0};
	bool fine = size_check(y, text.len);
	fine = fine && (text_is_utf8(text) || yaml_fail(y, 0, "the file is not UTF-8 text"));
	if (fine && diag != NULL)
		y->parser = fy_parser_create(&config);
	fine = fine && (y->parser != NULL || yaml_fail(y, 0, "out of memory")) && events_read(y, diag, text);
	if (y->parser != NULL)
		fy_parser_destroy(y->parser);
	if (diag != NULL)
		fy_diag_destroy(diag);
	json_decref(y->anchors);
	json_keep(pool, y->root);
	json_t *root = fine ? y->root : NULL;
	*error = y->error;
	free(y);
	return root;
}
