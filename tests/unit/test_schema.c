/* SPDX-License-Identifier: Apache-2.0 */
#include "common/schema/schema.c"

#include "tests/unit/schema_samples.h"

static void problems_of_values_are_said_in_words(void **state)
{
	static const struct sample SAMPLES[] = {
	    {"true", "1", ""},
	    {"{}", "null", ""},
	    {"false", "1", "arguments: is not allowed"},
	    {"{'type': 'string'}", "'x'", ""},
	    {"{'type': 'string'}", "1", "arguments: must be a string, not a number"},
	    {"{'type': ['string', 'null']}", "[]", "arguments: must be a string or null, not an array"},
	    {"{'type': ['integer', 'boolean', 'array']}", "{}",
	     "arguments: must be an integer, true or false or an array, not an object"},
	    {"{'type': 'integer'}", "1.0", ""},
	    {"{'type': 'integer'}", "-0.0", ""},
	    {"{'type': 'integer'}", "1.5", "arguments: must be an integer (whole, of at most 64 bits)"},
	    {"{'type': 'integer'}", "1e300", "arguments: must be an integer (whole, of at most 64 bits)"},
	    {"{'type': 'integer'}", "'1'", "arguments: must be an integer, not a string"},
	    {"{'type': 'number'}", "3", ""},
	    {"{'enum': ['a', 2, null]}", "'b'", "arguments: must be one of 'a', 2, null"},
	    {"{'enum': ['a']}", "'b'", "arguments: must be 'a'"},
	    {"{'enum': []}", "'b'", "arguments: has no value that is allowed"},
	    {"{'enum': [1]}", "1.0", ""},
	    {"{'const': {'a': [1, true]}}", "{'a': [1.0, true]}", ""},
	    {"{'const': {'a': 1}}", "{'a': 2}", "arguments: must be {'a':1}"},
	    {"{'const': false}", "0", "arguments: must be false"},
	    {"{'minimum': 3}", "2", "arguments: must be at least 3"},
	    {"{'minimum': 3}", "3.0", ""},
	    {"{'maximum': 9007199254740992}", "9007199254740993", "arguments: must be at most 9007199254740992"},
	    {"{'maximum': 9007199254740992.0}", "9007199254740993", "arguments: must be at most 9007199254740992.0"},
	    {"{'minimum': -1e300}", "-9223372036854775808", ""},
	    {"{'exclusiveMinimum': 0}", "0", "arguments: must be greater than 0"},
	    {"{'exclusiveMaximum': 2.5}", "2.5", "arguments: must be less than 2.5"},
	    {"{'multipleOf': 5}", "12", "arguments: must be a multiple of 5"},
	    {"{'multipleOf': 0.1}", "0.3", ""},
	    {"{'multipleOf': 0.01}", "19.99", ""},
	    {"{'multipleOf': 0.01}", "19.999", "arguments: must be a multiple of 0.01"},
	    {"{'multipleOf': 3}", "9223372036854775807", "arguments: must be a multiple of 3"},
	    {"{'multipleOf': 7}", "9223372036854775807", ""},
	    {"{'multipleOf': 2}", "-9223372036854775808", ""},
	    {"{'multipleOf': 1e-300}", "1e300", ""},
	    {"{'minLength': 1}", "''", "arguments: must not be empty"},
	    {"{'minLength': 3}", "'\xc3\xa4\xf0\x9f\x98\x80'", "arguments: must have at least 3 characters, not 2"},
	    {"{'minLength': 3, 'maxLength': 3}", "'123456789'", "arguments: must have at most 3 characters, not 9"},
	    {"{'minLength': 3, 'maxLength': 3}", "'abc'", ""},
	    {"{'minLength': 2, 'maxLength': 1}", "'abcde'", "arguments: must have at most 1 character, not 5"},
	    {"{'minLength': 1e18}", "'abcde'", "arguments: must have at least 1000000000000000000 characters, not 5"},
	    {"{'maxLength': 1}", "'ab'", "arguments: must have at most 1 character, not 2"},
	    {"{'maxLength': 2.0}", "'\xf0\x9f\x98\x80\xf0\x9f\x98\x80'", ""},
	    {"{'pattern': '^[a-z]+$'}", "'A'", "arguments: must match the pattern ^[a-z]+$"},
	    {"{'pattern': 'b'}", "'abc'", ""},
	    {"{'format': 'email'}", "'nobody'", ""},
	    {"{'title': 't', 'x-order': 1, '$comment': 'c', 'contentMediaType': 'text/plain', 'default': 3}", "1", ""},
	};
	(void)state;
	CHECK(SAMPLES, NULL);
}

static void problems_of_objects_and_arrays_are_said_in_words(void **state)
{
	static const struct sample SAMPLES[] = {
	    {"{'required': ['a', 'b']}", "{'b': 1}", "arguments: the required member 'a' is missing"},
	    {"{'properties': {'b': {}, 'a': {}}, 'additionalProperties': false}", "{'x': 1}",
	     "arguments: unknown member 'x' (known: 'a', 'b')"},
	    {"{'additionalProperties': false}", "{'x': 1}", "arguments: unknown member 'x'"},
	    {"{'properties': {'a': false}}", "{'a': 1}", "arguments: the member 'a' is not allowed here"},
	    {"{'properties': {'a': {'items': {'properties': {'n m': {'type': 'null'}}}}}}", "{'a': [{}, {'n m': 1}]}",
	     "arguments.a[1]['n m']: must be null, not a number"},
	    {"{'additionalProperties': {'type': 'null'}}", "{'a/b': 1, 'c~d': 1, '': 1, '7': 1}",
	     "arguments['a/b']: must be null, not a number; arguments['c~d']: must be null, not a number; "
	     "arguments['']: must be null, not a number; arguments[7]: must be null, not a number"},
	    {"{'patternProperties': {'^n': {'type': 'number'}}, 'additionalProperties': false}", "{'n1': 1, 'nn': ''}",
	     "arguments.nn: must be a number, not a string"},
	    {"{'minProperties': 1}", "{}", "arguments: must have at least 1 member, not 0"},
	    {"{'maxProperties': 1}", "{'a': 1, 'b': 2}", "arguments: must have at most 1 member, not 2"},
	    {"{'propertyNames': {'maxLength': 2}}", "{'abc': 1}",
	     "arguments: the member name 'abc' must have at most 2 characters, not 3"},
	    {"{'propertyNames': false}", "{'abc': 1}", "arguments: the member name 'abc' is not allowed"},
	    {"{'dependentRequired': {'a': ['b']}}", "{'a': 1}",
	     "arguments: the member 'b' is missing, which 'a' requires"},
	    {"{'dependencies': {'a': ['b'], 'c': {'required': ['d']}}}", "{'a': 1, 'c': 1}",
	     "arguments: the member 'b' is missing, which 'a' requires; "
	     "arguments: the required member 'd' is missing"},
	    {"{'dependentSchemas': {'a': {'required': ['b']}}}", "{'a': 1}",
	     "arguments: the required member 'b' is missing"},
	    {"{'unevaluatedProperties': false, 'allOf': [{'properties': {'a': true}}]}", "{'a': 1, 'b': 1}",
	     "arguments: unknown member 'b'"},
	    {"{'unevaluatedProperties': false, 'anyOf': [{'required': ['a'], 'properties': {'a': {}}}, "
	     "{'required': ['b'], 'properties': {'b': {}}}]}",
	     "{'a': 1, 'b': 1}", ""},
	    {"{'unevaluatedProperties': {'type': 'null'}}", "{'a': 1}", "arguments.a: must be null, not a number"},
	    {"{'minItems': 2}", "[1]", "arguments: must have at least 2 items, not 1"},
	    {"{'maxItems': 1}", "[1, 2]", "arguments: must have at most 1 item, not 2"},
	    {"{'uniqueItems': true}", "[1, 'a', {'b': 1}, {'b': 1.0}]",
	     "arguments: items [2] and [3] are equal, but all must be different"},
	    {"{'uniqueItems': true}", "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,false,3.0]",
	     "arguments: items [3] and [19] are equal, but all must be different"},
	    {"{'uniqueItems': true}", "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,false,'3']", ""},
	    {"{'prefixItems': [{}], 'items': false}", "[1, 2]", "arguments: must have at most 1 item, not 2"},
	    {"{'items': {'type': 'string'}}", "['', 1, 2]",
	     "arguments[1]: must be a string, not a number; arguments[2]: must be a string, not a number"},
	    {"{'contains': {'type': 'string'}}", "[1]",
	     "arguments: must contain at least 1 item of the required form, not 0"},
	    {"{'contains': {'type': 'string'}, 'minContains': 0}", "[1]", ""},
	    {"{'contains': true, 'maxContains': 1}", "[1, 2]",
	     "arguments: must contain at most 1 item of the limited form, not 2"},
	    {"{'prefixItems': [{}], 'unevaluatedItems': false}", "[1, 2]", "arguments[1]: is not allowed"},
	};
	(void)state;
	CHECK(SAMPLES, NULL);
}

static void problems_of_alternatives_are_said_in_words(void **state)
{
	static const struct sample SAMPLES[] = {
	    {"{'anyOf': [{'type': 'null'}, {'type': 'string', 'minLength': 1}]}", "''", "arguments: must not be empty"},
	    {"{'anyOf': [{'type': 'null'}, {'$ref': '#/$defs/a'}], '$defs': {'a': {'type': 'object', 'required': "
	     "['b']}}}",
	     "{}", "arguments: the required member 'b' is missing"},
	    {"{'anyOf': [{'required': ['a']}, {'properties': {'b': {'type': 'null'}}}]}", "{'b': 1}",
	     "arguments: fits none of 2 alternatives: (1) the required member 'a' is missing "
	     "(2) b: must be null, not a number"},
	    {"{'oneOf': [{'type': 'null'}, {'type': 'string'}]}", "1",
	     "arguments: fits none of 2 alternatives: (1) must be null, not a number (2) must be a string, not a "
	     "number"},
	    {"{'oneOf': [{'minimum': 1}, {'maximum': 0}, {'maximum': 3}]}", "2",
	     "arguments: must fit exactly one of 3 alternatives, but fits (1) and (3)"},
	    {"{'anyOf': [false, false]}", "2",
	     "arguments: fits none of 2 alternatives: (1) is not allowed (2) is not allowed"},
	    {"{'anyOf': [{'const':1},{'const':2},{'const':3},{'const':4},{'const':5}]}", "0",
	     "arguments: fits none of 5 alternatives: (1) must be 1 (2) must be 2 (3) must be 3 (4) must be 4 and 1 "
	     "more"},
	    {"{'allOf': [{'minimum': 3}, {'multipleOf': 2}]}", "1",
	     "arguments: must be at least 3; arguments: must be a multiple of 2"},
	    {"{'not': {'required': ['a']}}", "{'a': 1}", "arguments: must not have the member 'a'"},
	    {"{'not': {'enum': ['root', 'admin']}}", "'root'", "arguments: must not be 'root', 'admin'"},
	    {"{'not': {'type': 'null'}}", "null", "arguments: has a form that is excluded"},
	    {"{'if': {'minimum': 5}, 'then': {'multipleOf': 5}, 'else': {'const': 1}}", "6",
	     "arguments: must be a multiple of 5"},
	    {"{'if': {'minimum': 5}, 'then': {'multipleOf': 5}, 'else': {'const': 1}}", "2", "arguments: must be 1"},
	};
	(void)state;
	CHECK(SAMPLES, NULL);
}

static void formats_are_asserted_on_request(void **state)
{
	static const struct sample SAMPLES[] = {
	    {"{'format': 'email'}", "'nobody'", "arguments: must be an e-mail address"},
	    {"{'format': 'email'}", "'a@example.com'", ""},
	    {"{'format': 'email'}", "3", ""},
	    {"{'format': 'date'}", "'2026-02-29'", "arguments: must be a date such as 2026-01-31"},
	    {"{'format': 'uuid'}", "'x'", "arguments: must be a UUID such as 01234567-89ab-cdef-0123-456789abcdef"},
	    {"{'format': 'uri'}", "'/a'", "arguments: must be an absolute URI such as https://example.com/"},
	    {"{'format': 'ipv4'}", "'127.1'", "arguments: must be an IPv4 address such as 192.0.2.1"},
	    {"{'format': 'hostname'}", "'a\\u0000b'", "arguments: must be a host name"},
	};
	const struct schema_options options = {.assert_formats = true};
	(void)state;
	CHECK(SAMPLES, &options);
	assert_string_equal(compile_error("{'items': {'format': 'colour'}}", &options),
	                    "/items/format: the format is not known");
	assert_null(compile_error("{'format': 'colour'}", NULL));
}

static void wrong_schemas_are_refused(void **state)
{
	static const struct {
		const char *schema, *error;
	} SAMPLES[] = {
	    {"3", "/: must be a schema (an object, true or false)"},
	    {"{'properties': {'a': {'minLength': -1}}}", "/properties/a/minLength: must be a non-negative integer"},
	    {"{'properties': {'a': {'minLength': '1'}}}", "/properties/a/minLength: must be a non-negative integer"},
	    {"{'minimum': '1'}", "/minimum: must be a number"},
	    {"{'multipleOf': 0}", "/multipleOf: must be a number greater than 0"},
	    {"{'type': 'text'}", "/type: must be one of null, boolean, integer, number, string, array, object, or an "
	                         "array of different ones"},
	    {"{'type': []}", "/type: must be one of null, boolean, integer, number, string, array, object, or an "
	                     "array of different ones"},
	    {"{'required': ['a', 'a']}", "/required: must be an array of different texts"},
	    {"{'required': true}", "/required: must be an array of different texts"},
	    {"{'dependentRequired': {'a': 1}}", "/dependentRequired: must be an object of arrays of different texts"},
	    {"{'enum': 1}", "/enum: must be an array"},
	    {"{'uniqueItems': 1}", "/uniqueItems: must be true or false"},
	    {"{'items': [{}]}", "/items: must be a schema (an object, true or false)"},
	    {"{'allOf': []}", "/allOf: must be an array of one schema or more"},
	    {"{'allOf': [1]}", "/allOf/0: must be a schema (an object, true or false)"},
	    {"{'properties': []}", "/properties: must be an object of schemas"},
	    {"{'properties': {'a/b': 1}}", "/properties/a~1b: must be a schema (an object, true or false)"},
	    {"{'title': 1}", "/title: must be text"},
	    {"{'$anchor': '1a'}", "/$anchor: must be a name of letters, digits, '-', '_' and '.' that begins with "
	                          "a letter or '_'"},
	    {"{'$ref': 'a b'}", "/$ref: must be a URI reference"},
	    {"{'$id': 'http://a/#x'}", "/$id: must not have a fragment"},
	    {"{'minLenght': 1}", "/: the keyword 'minLenght' is not known"},
	    {"{'items': {'nullable': true}}", "/items: the keyword 'nullable' is not known"},
	    {"{'additionalItems': false}", "/: the keyword 'additionalItems' is not known"},
	    {"{'pattern': '('}", "/pattern: is no pattern that can be used: an opening parenthesis has no closing one"},
	    {"{'patternProperties': {'a**': {}}}",
	     "/patternProperties/a**: is no pattern that can be used: there is nothing to repeat"},
	    {"{'$schema': 'http://json-schema.org/draft-07/schema#'}",
	     "/: $schema: only https://json-schema.org/draft/2020-12/schema is supported"},
	    {"{'items': {'$schema': 'https://json-schema.org/draft/2020-12/schema'}}",
	     "/items: $schema: belongs to the root of a schema resource"},
	    {"{'properties': {'a': {'$ref': 'https://example.com/s.json'}}}",
	     "/properties/a/$ref: refers to 'https://example.com/s.json', which is not at hand (nothing is ever "
	     "fetched)"},
	    {"{'$ref': 'file:///etc/passwd'}",
	     "/$ref: refers to 'file:///etc/passwd', which is not at hand (nothing is ever fetched)"},
	    {"{'$ref': '#/$defs/a'}", "/$ref: refers to a place that does not exist"},
	    {"{'$ref': '#/%'}", "/$ref: must be a URI reference"},
	    {"{'$ref': '#a'}", "/$ref: refers to an anchor that does not exist"},
	    {"{'$dynamicRef': '#a'}", "/$dynamicRef: refers to an anchor that does not exist"},
	    {"{'title': 'x', '$ref': '#/title'}", "/title: must be a schema (an object, true or false)"},
	    {"{'$defs': {'a': {'$anchor': 'x'}, 'b': {'$anchor': 'x'}}}",
	     "/$defs/b: $anchor: another schema here has the same anchor"},
	    {"{'$defs': {'a': {'$id': 'x'}, 'b': {'$id': 'x'}}}", "/$defs/b: $id: another schema has the same URI"},
	    {"{'$ref': '#'}", "/: leads back to itself without end"},
	    {"{'$defs': {'a': {'allOf': [{'$ref': '#/$defs/b'}]}, 'b': {'if': {'$ref': '#/$defs/a'}}}}",
	     "/$defs/a: leads back to itself without end"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(SAMPLES) / sizeof(SAMPLES[0]); i++) {
		const char *error = compile_error(SAMPLES[i].schema, NULL);
		char *wanted = text_copy(&pool, text_of(SAMPLES[i].error));
		for (char *c = wanted; *c != '\0'; c++)
			*c = *c == '\'' ? '"' : *c;
		if (error == NULL || strcmp(error, wanted) != 0)
			fail_msg("%s:\n  is     %s\n  wanted %s", SAMPLES[i].schema, error, wanted);
	}
}

static void unknown_keywords_are_ignored_on_request(void **state)
{
	const struct schema_options options = {.allow_unknown_keywords = true};
	(void)state;
	assert_string_equal(problems_with("{'nullable': true, 'type': 'null'}", parse("null"), &options), "");
	assert_string_equal(problems_with("{'format': 'colour'}", parse("'x'"), &options), "");
}

static void references_reach_what_was_handed_in(void **state)
{
	const struct schema_options options = {
	    .documents =
		parse("{'https://example.com/a': {'$id': 'b', '$defs': {'n': {'$anchor': 'n', 'type': 'null'}}, "
	              "'$ref': '#n'}, 'https://example.com/wrong': {'items': {'minItems': true}}}")};
	(void)state;
	assert_string_equal(problems_with("{'$ref': 'https://example.com/a'}", parse("1"), &options),
	                    "arguments: must be null, not a number");
	assert_string_equal(problems_with("{'$ref': 'https://example.com/a#/$defs/n'}", parse("null"), &options), "");
	assert_string_equal(compile_error("{'$ref': 'https://example.com/wrong'}", &options),
	                    "https://example.com/wrong#/items/minItems: must be a non-negative integer");
	/* a recursive schema, as long as it goes into the value */
	assert_string_equal(problems_with("{'properties': {'next': {'$ref': '#'}}, 'additionalProperties': false}",
	                                  parse("{'next': {'next': {'nxet': 1}}}"), NULL),
	                    "arguments.next.next: unknown member \"nxet\" (known: \"next\")");
}

static void a_value_can_be_checked_to_be_a_schema(void **state)
{
	static const struct sample SAMPLES[] = {
	    {"{'$ref': 'https://json-schema.org/draft/2020-12/schema'}", "{'properties': {'a': {'minLength': 1}}}", ""},
	    {"{'$ref': 'https://json-schema.org/draft/2020-12/schema'}", "{'properties': {'a': {'minLength': -1}}}",
	     "arguments.properties.a.minLength: must be at least 0"},
	    {"{'$ref': 'https://json-schema.org/draft/2020-12/schema'}", "{'items': {'type': 'text'}}",
	     "arguments.items.type: must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', "
	     "'string'"},
	};
	const struct schema_options options = {.assert_formats = true};
	(void)state;
	CHECK(SAMPLES, &options);
}

static void patterns_are_those_of_ecma_262(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} SAMPLES[] = {
	    {"^\\\\S+@\\\\S+$", "'a@b'", true},
	    {"^\\\\S+$", "'a\\u00a0b'", false},
	    {"^[\\\\s]$", "'\\ufeff'", true},
	    {"^[^\\\\s]$", "'\\u2028'", false},
	    {"^[\\\\S]$", "'x'", true},
	    {"^[\\\\S]$", "'\\u3000'", false},
	    {"^.$", "'\\u2028'", false},
	    {"^.$", "'\\u0085'", true},
	    {"^.$", "'\\ud83d\\ude00'", true},
	    {"a$", "'a\\n'", false},
	    {"^\\\\u0041$", "'A'", true},
	    {"^\\\\ud83d\\\\ude00$", "'\\ud83d\\ude00'", true},
	    {"^\\\\u{1f600}$", "'\\ud83d\\ude00'", true},
	    {"^\\\\x41\\\\-\\\\/$", "'A-/'", true},
	    {"^[[:alpha:]]$", "':]'", true},
	    {"^[a\\\\-z]$", "'b'", false},
	    {"^[]$", "''", false},
	    {"^[^]$", "'\\n'", true},
	    {"^(?<y>a)\\\\k<y>$", "'aa'", true},
	    {"^(a)|\\\\1b$", "'b'", true},
	    {"^a{2,3}?$", "'aaa'", true},
	    {"^{a}$", "'{a}'", true},
	    {"^\\\\v$", "'\\u000b'", true},
	    {"^\\\\v$", "'\\n'", false},
	    {"^\\\\p{Script=Greek}$", "'\\u03c0'", true},
	    {"^\\\\P{Lu}\\\\p{gc=Decimal_Number}$", "'a1'", true},
	    {"^(?=a)(?!ab)(?<!x)a", "'ac'", true},
	    {"^#a b$", "'#a b'", true},
	    {"^\\\\0$", "'\\u0000'", true},
	    {"", "'x'", true},
	};
	static const char *const WRONG[] = {
	    "a++",       "*",
	    "(*UTF)a",   "(?i)a",
	    "(?#c)",     "(?>a)",
	    "(?P<n>a)",  "\\\\Qa",
	    "\\\\A",     "\\\\K",
	    "\\\\C",     "\\\\R",
	    "[a",        "a)",
	    "\\\\",      "\\\\u12",
	    "\\\\ud800", "\\\\p{Nonsense}",
	    "\\\\p",     "\\\\2",
	    "(?<=a+)b",  "[z-a]",
	    "^*",        "\\\\c1",
	    "\\\\01",    "((a{1000}){1000}){1000}",
	    "\\\\k<x>",  "(?<1>a)",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(SAMPLES) / sizeof(SAMPLES[0]); i++) {
		const char *schema = text_printf(&pool, "{'pattern': '%s'}", SAMPLES[i].pattern);
		bool valid = *problems_with(schema, parse(SAMPLES[i].text), NULL) == '\0';
		if (valid != SAMPLES[i].matches)
			fail_msg("%s with %s", SAMPLES[i].pattern, SAMPLES[i].text);
	}
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		const char *schema = text_printf(&pool, "{'pattern': '%s'}", WRONG[i]);
		if (compile_error(schema, NULL) == NULL)
			fail_msg("%s is accepted", WRONG[i]);
	}
}

/* Where the types of members and items end that are marked without memory of the pool. */
static void many_members_are_watched_too(void **state)
{
	json_t *value = json_keep(&pool, json_object());
	(void)state;
	for (int i = 0; i < 300; i++)
		json_object_set_new(value, text_printf(&pool, "a%d", i), json_integer(i));
	assert_string_equal(problems_with("{'anyOf': [{'patternProperties': {'^a': {'type': 'integer'}}}], "
	                                  "'unevaluatedProperties': false}",
	                                  value, NULL),
	                    "");
	json_object_set_new(value, "b", json_null());
	assert_string_equal(problems_with("{'anyOf': [{'patternProperties': {'^a': {'type': 'integer'}}}], "
	                                  "'unevaluatedProperties': false}",
	                                  value, NULL),
	                    "arguments: unknown member \"b\"");
}

static void names_from_outside_are_shown_with_care(void **state)
{
	json_t *value = json_keep(&pool, json_object());
	(void)state;
	json_object_set_new(value, "a\xe2\x80\xaex", json_null());
	assert_string_equal(problems_with("{'additionalProperties': false}", value, NULL),
	                    "arguments: unknown member (a name with invisible characters)");
	json_object_clear(value);
	json_object_set_new(value, json_string_value(repeated_text("long", 100, "")), json_null());
	assert_string_equal(
	    problems_with("{'additionalProperties': false}", value, NULL),
	    "arguments: unknown member \"longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglong\"...");
	/* at most so many problems, and never the value */
	json_t *many = json_keep(&pool, json_array());
	for (int i = 0; i < 20; i++)
		json_array_append_new(many, json_string("secret"));
	const char *text = problems_with("{'items': {'type': 'null'}}", many, NULL);
	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "[7]"));
	assert_null(strstr(text, "[8]"));
}

static void pointers_are_those_of_rfc_6901(void **state)
{
	const char *error;
	struct schema_problems problems;
	const struct schema *schema =
	    schema_compile(&pool, parse("{'properties': {'a/b': {'items': {'type': 'null'}}}}"), NULL, &error);
	(void)state;
	assert_false(schema_check(&pool, schema, parse("{'a/b': [null, 1]}"), &problems));
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.items[0].pointer, "/a~1b/1");
	assert_string_equal(problems.items[0].text, "must be null, not a number");
	assert_string_equal(schema_problems_text(&pool, &problems, ""), "[\"a/b\"][1]: must be null, not a number");
}

/* Its table must be in order. */
static void keywords_of_the_standard_are_known(void **state)
{
	static const char *const PARTS[] = {"core",      "applicator", "unevaluated",      "validation",
	                                    "meta-data", "content",    "format-annotation"};
	const char *name;
	json_t *unused;
	(void)state;
	for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
		const char *uri = text_printf(&pool, "https://json-schema.org/draft/2020-12/meta/%s", PARTS[i]);
		json_t *document = json_read(&pool, text_of(schema_standard_document(uri)), NULL);
		json_object_foreach (json_object_get(document, "properties"), name, unused) {
			assert_non_null(schema_find_keyword(name));
			assert_string_equal(schema_find_keyword(name)->name, name);
		}
	}
	assert_null(schema_find_keyword("minimums"));
	assert_null(schema_find_keyword(""));
}

static void texts_are_compared_by_all_their_bytes(void **state)
{
	char a[40], b[40];
	(void)state;
	for (size_t len = 0; len <= sizeof(a); len++) {
		memset(a, 'x', sizeof(a));
		memcpy(b, a, sizeof(b));
		assert_true(schema_same_text(h2o_iovec_init(a, len), h2o_iovec_init(b, len)));
		assert_true(len == 0 || !schema_same_text(h2o_iovec_init(a, len), h2o_iovec_init(b, len - 1)));
		for (size_t i = 0; i < len; i++) {
			b[i] = 'y';
			assert_false(schema_same_text(h2o_iovec_init(a, len), h2o_iovec_init(b, len)));
			b[i] = 'x';
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(problems_of_values_are_said_in_words, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(problems_of_objects_and_arrays_are_said_in_words, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(problems_of_alternatives_are_said_in_words, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(formats_are_asserted_on_request, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(wrong_schemas_are_refused, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(unknown_keywords_are_ignored_on_request, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(references_reach_what_was_handed_in, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(a_value_can_be_checked_to_be_a_schema, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(patterns_are_those_of_ecma_262, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(many_members_are_watched_too, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(names_from_outside_are_shown_with_care, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(pointers_are_those_of_rfc_6901, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(keywords_of_the_standard_are_known, open_pool, close_pool),
	    cmocka_unit_test(texts_are_compared_by_all_their_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
