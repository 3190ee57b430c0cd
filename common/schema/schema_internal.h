/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the JSON Schema validator, for common/schema*.c only.
 *
 * Compiling has two passes. The first (schema_index.c) walks a document along the keywords that hold schemas, checks
 * every keyword's type, and makes a node for each schema, a resource for each $id, and the anchors. The second
 * (schema_compile.c) turns each node's keywords into rules; references are resolved there (schema_reference.c), which
 * may bring in further documents; and says of the simple ones what suffices (schema_leaf.c). Checking
 * (schema_checking.h) applies rules to values; what it needs is on the C stack. */
#ifndef SALLYPORT_SCHEMA_INTERNAL_H
#define SALLYPORT_SCHEMA_INTERNAL_H

#include "schema.h"

enum {
	SCHEMA_STEPS = 200000, /* of one check */
	SCHEMA_DEPTH = 512,    /* schemas applied inside each other */
	SCHEMA_NESTING = 100,  /* of a schema's text */
	SCHEMA_NODES = 20000,  /* of one compiled schema with all that it refers to */
	SCHEMA_PATTERN_BYTES = 4096,
	SCHEMA_SUBJECT_BYTES = 65536, /* longest text that a pattern is tried on */
	SCHEMA_LEAF_TEXTS = 64,       /* of an enum that is looked through for each value */
};

/* "integer" is a kind of "number": types_of() of a whole number has both bits. */
enum schema_type {
	SCHEMA_NULL = 1,
	SCHEMA_BOOLEAN = 2,
	SCHEMA_INTEGER = 4,
	SCHEMA_NUMBER = 8,
	SCHEMA_STRING = 16,
	SCHEMA_ARRAY = 32,
	SCHEMA_OBJECT = 64,
};

/* The vocabularies of 2020-12, as bits. */
enum schema_vocabulary {
	SCHEMA_CORE = 1,
	SCHEMA_APPLICATOR = 2,
	SCHEMA_UNEVALUATED = 4,
	SCHEMA_VALIDATION = 8,
	SCHEMA_META_DATA = 16,
	SCHEMA_FORMAT_ANNOTATION = 32,
	SCHEMA_FORMAT_ASSERTION = 64,
	SCHEMA_CONTENT = 128,
};

/* What a keyword's value must be. */
enum schema_shape {
	SHAPE_ANY,
	SHAPE_TEXT,
	SHAPE_FLAG,
	SHAPE_COUNT,
	SHAPE_NUMBER,
	SHAPE_POSITIVE,
	SHAPE_ARRAY,
	SHAPE_TYPES,
	SHAPE_TEXTS,
	SHAPE_TEXTS_MAP,
	SHAPE_FLAG_MAP,
	SHAPE_REFERENCE,
	SHAPE_NAME,
	SHAPE_SCHEMA,
	SHAPE_SCHEMAS,
	SHAPE_SCHEMA_MAP,
	SHAPE_PATTERN_MAP,
	SHAPE_DEPENDENCIES,
};

struct schema_keyword {
	const char *name;
	enum schema_shape shape;
	unsigned vocabularies; /* any of these brings the keyword */
};

struct schema_pattern;
struct schema_format;
struct schema_node;
struct schema_checker;
struct schema_frame;
struct schema_rule;

struct schema_anchor {
	const char *name;
	const struct schema_node *node;
	bool dynamic;
	struct schema_anchor *next;
};

/* A schema resource: a document's root or a schema with $id. */
struct schema_resource {
	const char *uri; /* without fragment; "" for a document without $id */
	struct schema_node *root;
	const json_t *document; /* of which it is part, and the places there */
	struct schema_anchor *anchors;
	unsigned vocabularies;
};

typedef bool schema_check_fn(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f);

struct schema_nodes {
	const struct schema_node **items;
	size_t count;
};

struct schema_named { /* "dependentSchemas", "dependencies" */
	const char *name;
	const struct schema_node *node;
};

struct schema_matched { /* "patternProperties" */
	struct schema_pattern *pattern;
	const struct schema_node *node;
};

struct schema_property {
	h2o_iovec_t name;
	const struct schema_node *node; /* NULL: of "required" only */
	bool required;
	bool alone; /* `node` has the whole say about such a member */
};

struct schema_object {                      /* properties, patternProperties, additionalProperties, required */
	struct schema_property *properties; /* in the schema's order; behind them one that no name fits */
	size_t property_count, required_count;
	uint64_t signs;  /* of the names: a bit for length and first byte, to see soon that there is none like it */
	uint32_t *slots; /* by the name's hash: place in properties + 1, or 0 */
	size_t slot_mask;
	struct schema_matched *patterns;
	size_t pattern_count;
	const struct schema_node *additional; /* or NULL */
};

struct schema_array { /* prefixItems, items, minItems, maxItems */
	struct schema_nodes prefix;
	const struct schema_node *rest; /* or NULL */
	size_t min, max;
};

struct schema_contains {
	const struct schema_node *node;
	size_t min, max; /* max SIZE_MAX: none */
};

struct schema_condition {
	const struct schema_node *test, *yes, *no; /* yes and no may be NULL */
};

struct schema_number {
	bool is_integer;
	json_int_t integer;
	double real;
};

struct schema_rule {
	schema_check_fn *check;
	const json_t *value;   /* the keyword's own */
	bool last;             /* needs what the other rules evaluated */
	bool merged;           /* another rule does its work; only problems are said by this one */
	bool exclusive, upper; /* of a number's or a count's limit */
	union {
		size_t count;
		struct schema_number number;
		struct schema_pattern *pattern;
		const struct schema_format *format;
		struct {
			const struct schema_node *node;
			const char *dynamic; /* name to look up in the dynamic scope, or NULL */
		} reference;
		struct schema_nodes nodes;
		struct schema_object object;
		struct schema_array array;
		struct schema_contains contains;
		struct schema_condition condition;
		struct {
			struct schema_named *items;
			size_t count;
		} named;
	};
};

/* What suffices for a value to fit, by its type: most schemas within a schema say no more than this. */
struct schema_leaf {
	unsigned kinds; /* where all is said here: a bit for each of jansson's types */
	unsigned any;   /* of these, where each value fits */
	bool of_text;   /* more than a length is said of a text */
	json_int_t min, max;
	size_t min_len, max_len;    /* of a text, in code points */
	size_t sure_len, sure_more; /* so many bytes, and at most so many more, are surely of that length */
	const h2o_iovec_t *texts;   /* one of these, or NULL */
	size_t text_count;
	struct schema_pattern *pattern; /* that must match, or NULL */
	const struct schema_format *format;
};

struct schema_node {
	const struct schema_node *through; /* itself, or what it refers to if it says nothing else */
	uint64_t signs; /* of its members' names (schema_name_sign): to see soon that there is no such keyword */
	struct schema_leaf leaf; /* of `through` */
	const json_t *source;
	const char *place; /* "/properties/a", or "URI#/properties/a" outside the first document */
	struct schema_resource *resource;
	struct schema_rule *rules;
	size_t rule_count;
	const struct schema_rule **needed;                         /* those that are not merged; NULL at the end */
	unsigned types;                                            /* accepted; 0: all */
	unsigned kinds;                                            /* the same as a bit for each of jansson's types */
	bool always, never;                                        /* the schemas true (or {}) and false */
	bool watches_items, watches_members;                       /* has unevaluatedItems, unevaluatedProperties */
	bool is_plain;                                             /* none of the last four */
	enum { SCHEMA_UNSEEN, SCHEMA_ENTERED, SCHEMA_LEFT } visit; /* of the search for endless references */
};

struct schema {
	const struct schema_node *root;
};

/* --- compiling --- */

struct schema_compiler {
	h2o_mem_pool_t *pool;
	const struct schema_options *options;
	const char *error;
	struct schema_node **nodes;
	size_t node_count, node_capacity;
	json_t *by_place; /* place -> number of the node */
	json_t *by_uri;   /* URI -> number of the resource */
	struct schema_resource **resources;
	size_t resource_count, resource_capacity;
	bool is_dynamic; /* there is a $dynamicRef that depends on the way to it */
};

/* Keeps the first error, "PLACE: text". Returns false. */
bool schema_refuse(struct schema_compiler *k, const char *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* PLACE/token, the token escaped (RFC 6901). */
char *schema_place(h2o_mem_pool_t *pool, const char *place, const char *token);
char *schema_place_index(h2o_mem_pool_t *pool, const char *place, size_t index);

/* NULL if unknown. */
const struct schema_keyword *schema_find_keyword(const char *name);
/* NULL, or what the value must be: "must be a non-negative integer". */
const char *schema_shape_problem(enum schema_shape shape, const json_t *value);

/* Makes a resource and the nodes of a document that was found under this URI. NULL on refusal. */
struct schema_node *schema_index_document(struct schema_compiler *k, const json_t *document, const char *uri,
                                          const char *place);
/* The nodes of one schema in the middle of a document. */
struct schema_node *schema_index_part(struct schema_compiler *k, const json_t *source, const char *place,
                                      struct schema_resource *resource);
struct schema_node *schema_node_at(const struct schema_compiler *k, const char *place);
struct schema_resource *schema_resource_of(const struct schema_compiler *k, const char *uri);
const struct schema_anchor *schema_find_anchor(const struct schema_resource *resource, const char *name);
/* The vocabularies that a schema's $schema brings; 0 and an error if it is not 2020-12 or built on it. */
unsigned schema_vocabularies_of(struct schema_compiler *k, const json_t *dialect, const char *place);

/* The node that a reference at `place` names. *dynamic: the anchor's name if the reference found a $dynamicAnchor, else
 * NULL. */
const struct schema_node *schema_resolve(struct schema_compiler *k, const struct schema_resource *base,
                                         const char *reference, const char *place, const char **dynamic);
/* RFC 3986, 5.2; no fragment in the result. */
char *schema_uri_resolve(h2o_mem_pool_t *pool, const char *base, const char *reference);
/* The text of a document of the standard, or NULL. */
const char *schema_standard_document(const char *uri);

/* Rules for every node, those included that references bring in. */
bool schema_compile_nodes(struct schema_compiler *k);
/* When all rules are there: each node's `through` and `leaf`. */
void schema_compile_leaves(struct schema_compiler *k);
/* The places of an object's properties by name. */
void schema_object_index(h2o_mem_pool_t *pool, struct schema_object *object);
const struct schema_property *schema_object_look_up(const struct schema_object *object, h2o_iovec_t name);
/* False if a schema applies itself to the same value again and again. */
bool schema_refuse_endless(struct schema_compiler *k);

/* --- patterns and formats --- */

/* NULL and *error (in the pool) for what is no ECMA-262 pattern, or none that can be run here. */
struct schema_pattern *schema_pattern_compile(h2o_mem_pool_t *pool, const char *text, size_t len, const char **error);
const char *schema_pattern_text(const struct schema_pattern *p);
/* The same, compiled at most once. */
struct schema_pattern *schema_patterns_get(struct schema_patterns *all, const char *text, size_t len,
                                           const char **error);
enum schema_match { SCHEMA_MATCHES, SCHEMA_DIFFERS, SCHEMA_UNDECIDED };
/* Undecided when `budget` is used up, or the text is too long. *steps gets what the match is charged. */
enum schema_match schema_pattern_match(struct schema_pattern *p, h2o_iovec_t text, size_t budget, size_t *steps);
/* ECMA-262 to PCRE2; NULL and *error if it is not ECMA-262. *unbounded: something in it repeats without limit. */
char *schema_pattern_translate(h2o_mem_pool_t *pool, const char *text, size_t len, bool *unbounded, const char **error);
/* The short name of a General_Category, or the name itself. */
const char *schema_category_short(const char *name);
/* True for the syntax of ECMA-262, patterns that cannot be run here (variable lookbehind) included. */
bool schema_pattern_is_valid(h2o_iovec_t text);

const struct schema_format *schema_find_format(const char *name);
bool schema_format_fits(const struct schema_format *format, h2o_iovec_t text);
const char *schema_format_words(const struct schema_format *format); /* "an e-mail address" */

bool schema_format_date_time(h2o_iovec_t t);
bool schema_format_date(h2o_iovec_t t);
bool schema_format_time(h2o_iovec_t t);
bool schema_format_duration(h2o_iovec_t t);
bool schema_format_email(h2o_iovec_t t);
bool schema_format_idn_email(h2o_iovec_t t);
bool schema_format_hostname(h2o_iovec_t t);
bool schema_format_idn_hostname(h2o_iovec_t t);
bool schema_format_ipv4(h2o_iovec_t t);
bool schema_format_ipv6(h2o_iovec_t t);
bool schema_format_uri(h2o_iovec_t t);
bool schema_format_uri_reference(h2o_iovec_t t);
bool schema_format_iri(h2o_iovec_t t);
bool schema_format_iri_reference(h2o_iovec_t t);
bool schema_format_uri_template(h2o_iovec_t t);
bool schema_format_pointer(h2o_iovec_t t);
bool schema_format_relative_pointer(h2o_iovec_t t);
bool schema_format_uuid(h2o_iovec_t t);
/* A label in Unicode, which must be valid UTF-8 (RFC 5892, contextual rules included; unstable characters only by their
 * blocks). */
bool schema_idn_label_is_valid(h2o_iovec_t label);
/* RFC 5893: whether the label makes its domain a Bidi domain, and whether it may stand in one. */
bool schema_idn_label_is_bidi(h2o_iovec_t label);
bool schema_idn_label_fits_bidi(h2o_iovec_t label);
/* RFC 3492, without "xn--". Both return the length, or 0 if the text is wrong or does not fit. */
size_t schema_punycode_encode(h2o_iovec_t utf8, char *ret, size_t size);
size_t schema_punycode_decode(h2o_iovec_t text, char *utf8, size_t size);

/* --- values --- */

unsigned schema_types_of(const json_t *value);
struct schema_number schema_number_of(const json_t *value);
int schema_number_compare(struct schema_number a, struct schema_number b);
/* In decimals: 0.3 is a multiple of 0.1. */
bool schema_number_is_multiple(struct schema_number a, struct schema_number divisor);
/* JSON Schema's equality: 1 equals 1.0. *steps grows by the work. */
bool schema_equal(const json_t *a, const json_t *b, size_t *steps);
/* Equal values have equal hashes. */
uint64_t schema_hash(const json_t *value, size_t *steps);

#endif
