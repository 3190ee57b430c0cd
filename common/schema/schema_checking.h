/* SPDX-License-Identifier: Apache-2.0 */
/* Applying a compiled schema, for common/schema*.c only. It is done twice at most: quietly, which ends at the first
 * rule that is broken; and if one is, again to find the words for it. Only the second time says problems and makes
 * texts. */
#ifndef SALLYPORT_SCHEMA_CHECKING_H
#define SALLYPORT_SCHEMA_CHECKING_H

#include "schema_internal.h"
#include "schema_walk.h"

struct schema_path {
	const struct schema_path *up;
	const char *key; /* NULL: index */
	size_t index;
};

struct schema_scope { /* the resources that were entered, innermost first */
	const struct schema_resource *resource;
	const struct schema_scope *outer;
};

/* Members or items, by their place, that some rule has looked at: a bit each. A branch that may fail marks its own,
 * which are merged if it fits. It holds a pointer into itself, so it stays where it was opened. */
enum { MARKS_OWN_WORDS = 4 };
struct schema_marks {
	size_t words;
	uint64_t *bits, own[MARKS_OWN_WORDS];
};

struct schema_frame {
	const json_t *value;
	const struct schema_path *path;
	const struct schema_scope *scope;
	struct schema_marks *marks; /* NULL: nobody asks */
};

struct schema_checker {
	h2o_mem_pool_t *pool;
	struct schema_problems *problems;
	unsigned quiet; /* > 0: no problem is kept, and the first one ends the branch */
	size_t steps, depth;
	h2o_iovec_t name;      /* the text of SCHEMA_NAME */
	const char *exhausted; /* why the check was given up, or NULL */
};

/* Stands for a member's name where that is checked as a value. */
extern const json_t SCHEMA_NAME;

static inline h2o_iovec_t schema_text(const struct schema_checker *c, const json_t *string)
{
	return string == &SCHEMA_NAME ? c->name : schema_string(string);
}

/* The reason that is given first is kept; and the budget is used up. Returns false. */
bool schema_give_up(struct schema_checker *c, const char *why);

/* False if the budget is used up, which ends the check. */
static inline bool schema_spend(struct schema_checker *c, size_t steps)
{
	c->steps += steps;
	return c->steps <= SCHEMA_STEPS || schema_give_up(c, "is too large or too intricate to be checked");
}

bool schema_leaf_fits_text(struct schema_checker *c, const struct schema_leaf *leaf, h2o_iovec_t text);

static inline uint64_t schema_name_sign(h2o_iovec_t name)
{
	return 1ull << ((name.len * 8 + (unsigned char)*name.base) % 64);
}

/* The properties' entry of this name, or NULL. *next: the one that comes next if members keep the schema's order. */
static inline const struct schema_property *schema_find_property(const struct schema_object *object, h2o_iovec_t name,
                                                                 const struct schema_property **next)
{
	const struct schema_property *ret = *next;
	if (!schema_same_text(ret->name, name)) {
		if (!(object->signs & schema_name_sign(name)) || (ret = schema_object_look_up(object, name)) == NULL)
			return NULL;
	}
	*next = ret + 1;
	return ret;
}

static inline bool schema_fits_leaf_text(struct schema_checker *c, const struct schema_leaf *leaf, const json_t *string)
{
	if (leaf->of_text || string == &SCHEMA_NAME)
		return schema_leaf_fits_text(c, leaf, schema_text(c, string));
	if (json_string_length(string) - leaf->sure_len <= leaf->sure_more)
		return true;
	return schema_leaf_fits_text(c, leaf, schema_string(string));
}

/* True if the value surely fits; else its rules decide. */
static inline bool schema_fits_at_once(struct schema_checker *c, const struct schema_node *node, const json_t *value)
{
	const struct schema_leaf *leaf = &node->leaf;
	json_type type = json_typeof(value);
	if (leaf->any >> type & 1)
		return true;
	if (!(leaf->kinds >> type & 1))
		return false;
	if (type == JSON_STRING)
		return schema_fits_leaf_text(c, leaf, value);
	json_int_t number = json_integer_value(value);
	return number >= leaf->min && number <= leaf->max;
}

bool schema_check_node(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f);
/* The same for a value that has been found not to fit at once. */
bool schema_check_rules(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f);
/* Quietly; marks are kept only if it fits. */
bool schema_try_node(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f);
/* Runs a pattern on a text of this frame's value; what cannot be decided ends the check. */
bool schema_check_text(struct schema_checker *c, struct schema_pattern *pattern, h2o_iovec_t text);
/* Keeps a problem of this frame's value. Returns false. */
bool schema_fail(struct schema_checker *c, const struct schema_frame *f, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* False if the budget is used up. */
bool schema_marks_open(struct schema_checker *c, struct schema_marks *m, const json_t *value);
void schema_marks_merge(struct schema_marks *into, const struct schema_marks *from);

static inline void schema_mark(struct schema_marks *m, size_t place)
{
	if (m != NULL)
		m->bits[place / 64] |= 1ull << (place % 64);
}

static inline bool schema_is_marked(const struct schema_marks *m, size_t place)
{
	return m->bits[place / 64] >> (place % 64) & 1;
}

schema_check_fn schema_check_enum, schema_check_const, schema_check_limit, schema_check_multiple, schema_check_length,
    schema_check_pattern, schema_check_format, schema_check_member_count, schema_check_required,
    schema_check_dependent_required, schema_check_dependent_schemas, schema_check_object, schema_check_property_names,
    schema_check_unevaluated_members, schema_check_item_count, schema_check_unique, schema_check_array,
    schema_check_contains, schema_check_unevaluated_items, schema_check_reference, schema_check_all_of,
    schema_check_any_of, schema_check_one_of, schema_check_not, schema_check_if;

/* --- words --- */

char *schema_pointer(h2o_mem_pool_t *pool, const struct schema_path *path);
char *schema_words_types(h2o_mem_pool_t *pool, unsigned types);       /* "a string or null" */
char *schema_words_values(h2o_mem_pool_t *pool, const json_t *array); /* "\"a\", \"b\" or 3", shortened */
char *schema_words_value(h2o_mem_pool_t *pool, const json_t *value);
char *schema_words_member(h2o_mem_pool_t *pool, const char *name); /* quoted, shortened */
char *schema_words_members(h2o_mem_pool_t *pool, const struct schema_object *object);

#endif
