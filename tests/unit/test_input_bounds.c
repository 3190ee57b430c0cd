/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/guard/input_bounds.c"
#include "mcp/guard/input_fill.c"
#include "mcp/guard/pattern_bounds.c"

#include "tests/unit/pool.h"

static struct text_buffer said;

static void note(void *data, const struct input_unbounded *place)
{
	(void)data;
	text_append_printf(&said, "%s=%u@%s ", place->argument, place->lacks, place->place);
}

/* "argument=bits@place " for each place without bounds. */
static const char *look(const char *schema)
{
	json_t *document = json_read(&pool, text_of(schema), NULL);

	assert_non_null(document);
	said = (struct text_buffer){.pool = &pool};
	text_append_str(&said, "");
	assert_true(input_bounds_walk(&pool, document, note, NULL));
	return said.base;
}

#define OBJECT(properties) "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" properties "}}"

static void test_bounded(void **state)
{
	static const char *const FINE[] = {
	    "\"a\":{\"type\":\"string\",\"maxLength\":5}",
	    "\"a\":{\"type\":\"string\",\"enum\":[\"x\"]}",
	    "\"a\":{\"const\":7}",
	    "\"a\":{\"type\":[\"boolean\",\"null\"]}",
	    "\"a\":{\"type\":\"string\",\"pattern\":\"^[a-z]{1,9}$\"}",
	    "\"a\":{\"type\":\"string\",\"format\":\"uuid\"}",
	    "\"a\":{\"type\":\"integer\",\"minimum\":0,\"exclusiveMaximum\":9}",
	    "\"a\":{\"type\":\"array\",\"maxItems\":3,\"items\":{\"type\":\"boolean\"}}",
	    "\"a\":{\"type\":\"array\",\"prefixItems\":[{\"const\":1}],\"items\":false}",
	    "\"a\":{\"allOf\":[{\"type\":\"number\",\"minimum\":1},{\"maximum\":2}]}",
	    "\"a\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\",\"maxLength\":1}]}",
	    "\"a\":{\"type\":\"string\",\"oneOf\":[{\"type\":\"integer\"},{\"maxLength\":1}]}",
	    "\"a\":{\"type\":\"string\",\"if\":{\"minLength\":2},\"then\":{\"maxLength\":9},\"else\":{\"maxLength\":1}"
	    "}",
	    "\"a\":" OBJECT("\"b\":{\"const\":1}"),
	    "\"a\":{\"type\":\"object\",\"maxProperties\":3,\"propertyNames\":{\"maxLength\":9},"
	    "\"additionalProperties\":{\"type\":\"boolean\"}}",
	    "\"a\":false",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(FINE) / sizeof(FINE[0]); i++)
		assert_string_equal(look(text_printf(&pool, OBJECT("%s"), FINE[i])), "");
}

static void test_unbounded(void **state)
{
	(void)state;
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"string\"}")), "/a=1@/properties/a ");
	assert_string_equal(look(OBJECT("\"a\":true")), "/a=63@/properties/a ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"number\",\"minimum\":1}")), "/a=4@/properties/a ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"array\"}")), "/a=24@/properties/a ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"array\",\"maxItems\":2,\"items\":{\"type\":\"string\"}}")),
	                    "/a/*=1@/properties/a/items ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"array\",\"maxItems\":2,\"items\":false,"
	                                "\"prefixItems\":[{\"type\":\"string\"}]}")),
	                    "/a/0=1@/properties/a/prefixItems/0 ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"object\"}")), "/a=32@/properties/a ");
	assert_string_equal(look(OBJECT("\"a\":" OBJECT("\"b\":{\"type\":\"string\"}"))),
	                    "/a/b=1@/properties/a/properties/b ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}")),
	                    "/a=32@/properties/a /a/*=1@/properties/a/additionalProperties ");
	assert_string_equal(look(OBJECT("\"a\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}")),
	                    "/a=1@/properties/a ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"string\",\"if\":{},\"then\":{\"maxLength\":1}}")),
	                    "/a=1@/properties/a ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"string\",\"not\":{\"maxLength\":1}}")),
	                    "/a=1@/properties/a ");
	assert_string_equal(look(OBJECT("\"a\":{\"type\":\"string\",\"format\":\"uri\"}")), "/a=1@/properties/a ");
}

static void test_references(void **state)
{
	static const char SHARED[] =
	    "{\"$defs\":{\"t\":{\"type\":\"string\"},\"s\":{\"type\":\"string\",\"maxLength\":9}},"
	    "\"properties\":{\"a\":{\"$ref\":\"#/$defs/t\"},\"b\":{\"$ref\":\"#/$defs/s\"},"
	    "\"c\":{\"$ref\":\"#/$defs/t\",\"maxLength\":3}}}";
	static const char TREE[] = "{\"properties\":{\"root\":{\"$ref\":\"#/$defs/node\"}},\"$defs\":{\"node\":"
				   "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
				   "\"left\":{\"$ref\":\"#/$defs/node\"},\"right\":{\"$ref\":\"#/$defs/node\"},"
				   "\"text\":{\"type\":\"string\"}}}}}";

	(void)state;
	assert_string_equal(look(SHARED), "/a=1@/properties/a ");
	assert_non_null(strstr(look(TREE), "/root/text=1@/$defs/node/properties/text "));
	/* with an $id of its own, a part may mean another document by "#" */
	assert_string_equal(look("{\"$defs\":{\"s\":{\"maxLength\":1},\"p\":{\"$id\":\"urn:p\"}},\"properties\":"
	                         "{\"a\":{\"type\":\"string\",\"$ref\":\"#/$defs/s\"}}}"),
	                    "/a=1@/properties/a ");
}

static void test_branches(void **state)
{
	(void)state;
	/* what a branch says of a known argument only restricts it; what it adds needs bounds */
	assert_string_equal(
	    look("{\"properties\":{\"a\":{\"type\":\"string\",\"maxLength\":9}},\"anyOf\":[{\"properties\":"
	         "{\"a\":{\"minLength\":3}}},{\"properties\":{\"b\":{\"type\":\"string\"}}}]}"),
	    "/b=1@/anyOf/1/properties/b ");
	assert_string_equal(look("{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}}},{\"properties\":"
	                         "{\"a\":{\"maxLength\":3}}}]}"),
	                    "");
	assert_string_equal(look("{\"dependentSchemas\":{\"a\":{\"properties\":{\"b\":{\"type\":\"integer\"}}}}}"),
	                    "/b=6@/dependentSchemas/a/properties/b ");
	assert_string_equal(look("{\"if\":{},\"then\":{\"properties\":{\"c\":{}}}}"), "/c=63@/then/properties/c ");
}

static void test_patterns(void **state)
{
	static const char *const FINE[] = {"^[a-z]{1,9}$", "^(a|b)$", "^a\\+b\\*?$", "^[*+]{3}$",
	                                   "^x{2,4}y$",    "^$",      "^[^\\]]$"};
	static const char *const ENDLESS[] = {"[a-z]{1,9}", "^a*$",  "^a+$",   "^a{2,}$", "^a|b$",  "a$",
	                                      "^a\\$",      "^[a$]", "^(a+)$", "^",       "$",      "",
	                                      "^(?:ab)*$",  "^a[$",  "^a(b$",  "^.*$",    "^x{2,4}"};

	(void)state;
	for (size_t i = 0; i < sizeof(FINE) / sizeof(FINE[0]); i++)
		assert_true(pattern_is_bounded(text_of(FINE[i])));
	for (size_t i = 0; i < sizeof(ENDLESS) / sizeof(ENDLESS[0]); i++)
		assert_false(pattern_is_bounded(text_of(ENDLESS[i])));
}

static void test_fill(void **state)
{
	static const char *const OPEN[] = {
	    OBJECT("\"a\":{\"type\":\"string\"},\"b\":true,\"c\":{},\"d\":{\"type\":\"array\"}"),
	    OBJECT(
		"\"a\":{\"type\":\"object\"},\"b\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}"),
	    OBJECT("\"a\":{\"type\":\"array\",\"items\":true},\"b\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":"
	           "\"number\"}]}"),
	    OBJECT("\"a\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}"),
	    OBJECT("\"a\":{\"type\":\"object\",\"patternProperties\":{\"^x\":{\"type\":\"string\"}}}"),
	    "{\"$defs\":{\"t\":{\"type\":\"string\"}},\"properties\":{\"a\":{\"$ref\":\"#/$defs/t\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(OPEN) / sizeof(OPEN[0]); i++) {
		json_t *schema = json_read(&pool, text_of(OPEN[i]), NULL), *notes = json_keep(&pool, json_array());
		assert_true(input_bounds_fill(&pool, schema, notes));
		assert_true(json_array_size(notes) > 0);
		assert_string_equal(look(json_text(&pool, schema).base), "");
	}
	json_t *schema = json_read(&pool, text_of(OBJECT("\"a\":{\"type\":\"string\"}")), NULL);
	json_t *notes = json_keep(&pool, json_array());
	assert_true(input_bounds_fill(&pool, schema, notes));
	assert_string_equal(json_string_value(json_array_get(notes, 0)), "/a: maxLength 65536");
	/* what is bounded stays */
	json_t *again = json_keep(&pool, json_array());
	assert_true(input_bounds_fill(&pool, schema, again));
	assert_int_equal(json_array_size(again), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_bounded, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_unbounded, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_references, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_branches, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_patterns, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_fill, open_pool, close_pool),
	};

	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
