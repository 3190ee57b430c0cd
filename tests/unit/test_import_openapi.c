/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/import/import_openapi.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/config.h"

static h2o_mem_pool_t pool;

static int set_up(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

#define HEAD_31 "openapi: 3.1.0\ninfo: {title: Things}\nservers: [{url: 'https://api.example.com/v1/'}]\n"
#define HEAD_30 "openapi: 3.0.3\ninfo: {title: Things}\nservers: [{url: 'https://api.example.com/v1/'}]\n"

/* One run over a document of which everything is wanted. */
static struct import_run *import(const char *text, struct import_options options)
{
	struct import_run *run = h2o_mem_alloc_pool(&pool, sizeof(*run));
	const char *error = NULL;

	*run = (struct import_run){.pool = &pool, .options = options};
	run->options.file = "api.yaml";
	if (!import_document_read(&pool, text_of(text), "api.yaml", &run->document, &error) || !import_all(run, &error))
		fail_msg("%s", error);
	return run;
}

static struct import_operation *first(const char *text)
{
	struct import_run *run = import(text, (struct import_options){.file = NULL});

	assert_true(run->count > 0);
	return &run->operations[0];
}

static const char *problem_of(const char *text)
{
	struct import_operation *op = first(text);

	assert_non_null(op->problem);
	return op->problem;
}

/* The file, read back. */
static json_t *tool(const char *text)
{
	struct import_operation *op = first(text);
	const char *error = NULL;

	if (op->problem != NULL)
		fail_msg("%s", op->problem);
	json_t *ret = yaml_parse(&pool, op->text, "tool", &error);
	assert_null(error);
	return ret;
}

static void assert_member(const json_t *object, const char *member, const char *yaml)
{
	const char *error = NULL;
	json_t *wanted = yaml_parse(&pool, text_of(text_printf(&pool, "v: %s", yaml)), "wanted", &error);
	h2o_iovec_t got = json_object_get(object, member) != NULL
	                      ? json_canonical(&pool, json_object_get(object, member))
	                      : text_of("nothing");

	assert_null(error);
	assert_string_equal(text_copy(&pool, got),
	                    text_copy(&pool, json_canonical(&pool, json_object_get(wanted, "v"))));
}

static void test_whole(void **state)
{
	(void)state;
	json_t *t = tool(
	    HEAD_31 "paths:\n"
		    "  /items/{id}:\n"
		    "    parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"
		    "    put:\n"
		    "      operationId: putItem\n"
		    "      summary: Put an item\n"
		    "      description: \"Puts\\tit \\u200bthere  \\r\\nand says so\"\n"
		    "      parameters:\n"
		    "      - {name: limit, in: query, description: How many, schema: {type: integer, format: int32}}\n"
		    "      - {name: X-Trace, in: header, schema: {type: string}}\n"
		    "      requestBody:\n"
		    "        required: true\n"
		    "        content:\n"
		    "          application/json:\n"
		    "            schema:\n"
		    "              type: object\n"
		    "              required: [id, name]\n"
		    "              properties: {id: {type: integer}, name: {type: string}, made: {type: string, "
		    "readOnly: true}}\n"
		    "      responses:\n"
		    "        200:\n"
		    "          description: fine\n"
		    "          content: {application/json: {schema: {type: object, properties: {at: {type: string, "
		    "format: date-time}}}}}\n"
		    "        400: {description: bad, content: {application/json: {schema: {type: object, properties: "
		    "{error: {type: object, properties: {message: {type: string}}}}}}}}\n");

	assert_member(t, "name", "putItem");
	assert_member(t, "title", "Put an item");
	assert_member(t, "description", "\"Puts it there\\nand says so\"");
	assert_member(t, "tier", "write");
	assert_member(t, "scope", "'things:write'");
	assert_member(t, "untrusted", "true");
	assert_member(
	    t, "input",
	    "{type: object, additionalProperties: false, required: [id, body_id, name], properties: {id: {type: "
	    "string, maxLength: 65536}, limit: {type: integer, minimum: -2147483648, maximum: 2147483647, description: "
	    "How many}, X-Trace: {type: string, maxLength: 65536}, body_id: {type: integer, minimum: "
	    "-9007199254740991, "
	    "maximum: 9007199254740991}, name: {type: string, maxLength: 65536}}}");
	assert_member(t, "output", "{type: object, properties: {at: {type: string}}}");
	assert_member(
	    t, "http",
	    "{method: PUT, url: 'https://api.example.com/v1/items/{id}', query: {limit: '{limit}'}, headers: "
	    "{X-Trace: '{X-Trace}'}, body: {json: {id: {$argument: body_id}, name: {$argument: name}}}, answers: "
	    "{error: /error/message}}");
}

#define GET(more) "paths:\n  /a:\n    get: {operationId: a, responses: {}, " more "}\n"
#define POST(schema)                                                                                                   \
	"paths:\n  /a:\n    post: {operationId: a, responses: {}, requestBody: {required: true, content: "             \
	"{application/json: {schema: " schema "}}}}\n"
#define QUERY(more) GET("parameters: [{name: q, in: query, " more "}]")

static void test_schemas_of_30(void **state)
{
	(void)state;
	json_t *t =
	    tool(HEAD_30 POST("{type: object, properties: {a: {type: string, nullable: true, enum: [x, null]}, b: "
	                      "{type: number, minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: "
	                      "false}, c: {type: boolean, nullable: true, example: true, xml: {name: c}}, d: {$ref: "
	                      "'#/components/schemas/D', description: not read}}}") "components: {schemas: {D: {type: "
	                                                                            "boolean}}}\n");

	assert_member(
	    json_object_get(t, "input"), "properties",
	    "{a: {type: [string, 'null'], enum: [x, null]}, b: {type: number, exclusiveMinimum: 1, maximum: 9}, "
	    "c: {type: [boolean, 'null'], examples: [true]}, d: {type: boolean}}");
	assert_string_equal(problem_of(HEAD_30 POST("{type: object, properties: {a: {const: 5}}}")),
	                    "a schema has const, which OpenAPI 3.0 does not know");
	assert_string_equal(problem_of(HEAD_30 POST("{type: [object, 'null']}")),
	                    "a schema has a list of types, which OpenAPI 3.0 does not know");
	assert_string_equal(problem_of(HEAD_30 POST("{type: object, properties: {a: {exclusiveMinimum: 5}}}")),
	                    "exclusiveMinimum in a schema is neither true nor false, as OpenAPI 3.0 wants it");
}

static void test_references(void **state)
{
	(void)state;
	json_t *t = tool(
	    HEAD_31 POST("{$ref: '#/components/schemas/A'}") "components: {schemas: {A: {type: object, "
							     "properties: {b: {$ref: '#/components/schemas/B~1c%20d', "
							     "description: near}, e: {$ref: "
							     "'#/components/schemas/B~1c%20d', minLength: 2}}}, 'B/c "
							     "d': {type: string, description: far}}}\n");

	assert_member(json_object_get(t, "input"), "properties",
	              "{b: {type: string, maxLength: 65536, description: near}, e: {minLength: 2, maxLength: 65536, "
	              "allOf: [{type: "
	              "string, description: far}]}}");
	assert_string_equal(
	    problem_of(HEAD_31 POST(
		"{$ref: '#/components/schemas/A'}") "components: {schemas: {A: {type: "
	                                            "object, properties: {a: {$ref: '#/components/schemas/A'}}}}}\n"),
	    "a schema holds itself: #/components/schemas/A");
	assert_string_equal(problem_of(HEAD_31 POST("{$ref: 'other.yaml#/A'}")),
	                    "a schema refers to other.yaml#/A, which is another document");
	assert_string_equal(problem_of(HEAD_31 POST("{$ref: '#/components/none'}")),
	                    "a schema refers to #/components/none, which is not in the document");
	assert_string_equal(problem_of(HEAD_31 GET("parameters: [{$ref: '#/x-p'}]") "x-p: {$ref: '#/x-p'}\n"),
	                    "a parameter refers to itself, or through more than 16 references");
}

static void test_bodies(void **state)
{
	(void)state;
	json_t *t = tool(HEAD_31 POST("{oneOf: [{type: string}, {type: array, items: {type: integer}}]}"));
	assert_member(json_object_get(t, "input"), "required", "[body]");
	assert_member(json_object_get(t, "http"), "body", "{json: {$argument: body}}");
	t = tool(HEAD_31
	         "paths:\n  /a:\n    post: {operationId: a, responses: {}, requestBody: {content: "
	         "{application/x-www-form-urlencoded: {schema: {type: object, properties: {a: {type: string}, b: "
	         "{type: array, items: {type: integer}}}}}}}}\n");
	assert_member(json_object_get(t, "http"), "body", "{form: {a: '{a}', b: '{b}'}}");
	assert_string_equal(problem_of(HEAD_31 "paths: {/a: {post: {requestBody: {content: {multipart/form-data: "
	                                       "{schema: {type: object}}}}}}}\n"),
	                    "its body is multipart/form-data, which a tool cannot send");
	assert_string_equal(problem_of(HEAD_31 "paths: {/a: {get: {requestBody: {content: {application/json: "
	                                       "{schema: {type: object}}}}}}}\n"),
	                    "it is a GET with a body");
	/* a member that looks like a mark of the template */
	assert_non_null(
	    strstr(problem_of(HEAD_31 POST("{type: object, properties: {$argument: {type: string}}}")), "loaded"));
}

static void test_parameters(void **state)
{
	static const struct {
		const char *text, *problem;
	} CASES[] = {
	    {HEAD_31 QUERY("schema: {type: object}"),
	     "the query parameter q is an object, or can be anything, which a tool cannot send"},
	    {HEAD_31 QUERY("schema: {}"),
	     "the query parameter q is an object, or can be anything, which a tool cannot send"},
	    {HEAD_31 QUERY("style: deepObject, schema: {type: string}"),
	     "the query parameter q has another style than the usual one, which a tool cannot send"},
	    {HEAD_31 QUERY("explode: false, schema: {type: array, items: {type: string}}"),
	     "the query parameter q is a list in one field (explode: false), which a tool cannot send"},
	    {HEAD_31 QUERY("schema: {type: array}"),
	     "the query parameter q is a list of what is no text, number or boolean, which a tool cannot send"},
	    {HEAD_31 QUERY("content: {application/json: {schema: {type: object}}}"),
	     "the parameter q is a document of its own (content)"},
	    {HEAD_31 QUERY("name2: x"), "the parameter q has no schema"},
	    {HEAD_31 GET("parameters: [{name: s, in: cookie, schema: {type: string}}]"),
	     "it has the cookie s, which a tool cannot send"},
	    {HEAD_31 GET("parameters: [{name: Host, in: header, schema: {type: string}}]"),
	     "it has the header Host, which a tool cannot set"},
	    {HEAD_31 GET("parameters: [{name: X-HTTP-Method-Override, in: header, schema: {type: string}}]"),
	     "it has the header X-HTTP-Method-Override, which a tool cannot set"},
	    {HEAD_31 GET("parameters: [{name: x-forwarded-host, in: header, schema: {type: string}}]"),
	     "it has the header x-forwarded-host, which a tool cannot set"},
	    {HEAD_31 GET("parameters: [{name: l, in: header, schema: {type: array, items: {type: string}}}]"),
	     "the header parameter l is a list, which a tool cannot send"},
	    {HEAD_31 GET("parameters: [{name: id, in: path, required: true, schema: {type: string}}]"),
	     "the parameter id has no place in the path"},
	    {HEAD_31 "paths: {'/a/{id}': {get: {operationId: a}}}\n",
	     "its path has a place that no parameter describes"},
	    {HEAD_31 GET("callbacks: {x: {}}"), "it has callbacks"},
	    {HEAD_31 "paths: {/a: {head: {operationId: a}}}\n", "a tool cannot send HEAD"},
	    {HEAD_31 GET("security: [{k: []}]"), "it demands a credential (k): say --credential-file"},
	    {HEAD_31 GET("servers: [{url: 'https://evil.example'}]"),
	     "it is at a server of its own, https://evil.example: import it by itself, with --server"},
	    {"openapi: 3.1.0\n" GET("deprecated: true"), "the document names no server: say --server URL"},
	    {HEAD_31 QUERY("schema: {type: string, enum: [\"a\\u200b\"]}"),
	     "/input/properties/q/enum/0 has control or invisible characters"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		assert_string_equal(problem_of(CASES[i].text), CASES[i].problem);
	json_t *t =
	    tool(HEAD_31 GET("parameters: [{name: Accept, in: header, schema: {type: string}}, {name: 'f[a]', in: "
	                     "query, schema: {type: array, items: {enum: [1, b]}}}]"));
	assert_member(json_object_get(t, "http"), "query", "{'f[a]': '{f_a}'}");
	assert_null(json_object_get(json_object_get(t, "http"), "headers"));
}

static void test_credentials(void **state)
{
	static const char TEXT[] = HEAD_31
	    "security: [{a: [], b: []}, {cookie: []}, {key: []}]\n"
	    "components: {securitySchemes: {a: {type: http, scheme: bearer}, b: {type: http, scheme: basic}, cookie: "
	    "{type: "
	    "apiKey, in: cookie, name: s}, key: {type: apiKey, in: header, name: X-Key}}}\n"
	    "paths: {/a: {get: {operationId: a}, post: {operationId: b, security: []}, put: {operationId: c, security: "
	    "[{cookie: []}]}, delete: {operationId: d, security: [{a: []}]}}}\n";
	struct import_run *run = import(TEXT, (struct import_options){.credential_file = "/etc/x/key"});

	(void)state;
	assert_int_equal(run->count, 4);
	assert_member(run->operations[0].http, "credential", "{file: /etc/x/key, as: header, header: X-Key}");
	assert_string_equal(run->operations[1].problem,
	                    "it demands a credential (cookie) that no single header carries");
	assert_null(json_object_get(run->operations[2].http, "credential"));
	assert_null(run->operations[2].problem);
	assert_member(run->operations[3].http, "credential", "{file: /etc/x/key, as: bearer}");
}

#define KEY                                                                                                            \
	"security: [{key: []}]\n"                                                                                      \
	"components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}\n"

static void test_one_place_for_the_credential(void **state)
{
	static const char TEXT[] = "openapi: 3.1.0\ninfo: {title: Things}\n" KEY "paths:\n"
				   "  /a: {get: {servers: [{url: 'https://a.example'}]}}\n"
				   "  /b: {servers: [{url: 'https://evil.example'}], get: {}, put: {security: []}}\n"
				   "  /c: {get: {servers: [{url: 'https://A.example:443/v2'}]}, put: {servers: [{url: "
				   "'https://a.example:444'}]}}\n";
	struct import_run *run = import(TEXT, (struct import_options){.credential_file = "/etc/x/key"});

	(void)state;
	assert_int_equal(run->count, 5);
	assert_null(run->operations[0].problem);
	assert_string_equal(run->operations[1].problem,
	                    "its credential would go to https://evil.example, and others' goes to https://a.example: "
	                    "import it by itself, with --server");
	assert_null(run->operations[2].problem);
	assert_null(run->operations[3].problem);
	assert_non_null(run->operations[4].problem);
}

static void test_header_of_the_credential(void **state)
{
	static const char TEXT[] = HEAD_31 KEY GET("parameters: [{name: x-key, in: header, schema: {type: string}}]");
	struct import_run *run = import(TEXT, (struct import_options){.credential_file = "/etc/x/key"});

	(void)state;
	assert_string_equal(run->operations[0].problem, "it has the header x-key, which is the credential's");
}

static void test_names(void **state)
{
	static const char TEXT[] = HEAD_31 "paths:\n"
					   "  /a/{b}/..: {get: {}, post: {operationId: 'do it!'}}\n"
					   "  /b: {get: {operationId: x}, post: {operationId: x, tags: [t]}, put: "
					   "{operationId: ..}}\n";
	struct import_run *run = import(
	    TEXT, (struct import_options){
		      .prefix = "p-", .operations = {"GET /b"}, .operation_count = 1, .tags = {"t"}, .tag_count = 1});
	static const char *const NAMES[] = {"p-get_a_b_..", "p-do_it", "p-x", "p-_", "p-x_2"};
	static const bool CHOSEN[] = {false, false, true, false, true};

	(void)state;
	assert_int_equal(run->count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(run->operations[i].name, NAMES[i]);
		assert_int_equal(run->operations[i].is_chosen, CHOSEN[i]);
	}
}

static void test_documents(void **state)
{
	static const struct {
		const char *text, *problem;
	} CASES[] = {
	    {"swagger: '2.0'\n", "f: is of Swagger 2.0; OpenAPI 3.0 and 3.1 can be read"},
	    {"a: 1\n", "f: is no OpenAPI document: it has no member openapi"},
	    {"openapi: 3.1\n", "f: openapi: must be a text such as '3.1.0', in quotes"},
	    {"openapi: 3.2.0\n", "f: openapi: OpenAPI 3.0 and 3.1 can be read, and no other"},
	    {"openapi: 3.1.0\n", "f: has no paths"},
	    {"openapi: 3.1.0\njsonSchemaDialect: http://json-schema.org/draft-07/schema#\npaths: {}\n",
	     "f: jsonSchemaDialect: only JSON Schema 2020-12 and OpenAPI's own dialect can be read"},
	    {"{\"openapi\": \"3.1.0\", \"openapi\": \"3.1.0\"}", "f:1: duplicate object key near '\"openapi\"'"},
	    {"a: {\"\\e[2J\": 1, \"\\e[2J\": 2}\n", "f:1: the key \"[2J\" is repeated"},
	    {"- a\n", "f: is no OpenAPI document: it has no member openapi"},
	};
	struct import_document document;

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const char *error = NULL;
		assert_false(import_document_read(&pool, text_of(CASES[i].text), "f", &document, &error));
		assert_string_equal(error, CASES[i].problem);
	}
	struct text_buffer deep = {.pool = &pool};
	const char *error = NULL;
	text_append_str(&deep, "{\"a\":");
	for (int i = 0; i < 200; i++)
		text_append_str(&deep, "[");
	for (int i = 0; i < 200; i++)
		text_append_str(&deep, "]");
	text_append_str(&deep, "}");
	assert_false(import_document_read(&pool, h2o_iovec_init(deep.base, deep.len), "f", &document, &error));
	assert_string_equal(error, "f: is nested too deep");
}

/* Each reference of a level stands for two of the next. */
static void test_laughs(void **state)
{
	struct text_buffer b = {.pool = &pool};

	(void)state;
	text_append_str(&b, HEAD_31 POST("{$ref: '#/x/l0'}") "x:\n  l30: {type: string}\n");
	for (int i = 0; i < 30; i++)
		text_append_printf(&b, "  l%d: {type: array, prefixItems: [{$ref: '#/x/l%d'}, {$ref: '#/x/l%d'}]}\n", i,
		                   i + 1, i + 1);
	assert_string_equal(problem_of(b.base), "a schema is larger, or nested deeper, than the file of a tool can be");
}

/* A long value, and many references to it. */
static void test_copies(void **state)
{
	static const char *const MEMBERS[] = {"example", "examples", "description", "enum"};
	char *text = h2o_mem_alloc_pool(&pool, 300001);

	(void)state;
	memset(text, 'x', 300000);
	text[300000] = '\0';
	for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++) {
		bool is_list = i == 1 || i == 3;
		struct text_buffer b = {.pool = &pool};
		text_append_str(&b, "{\"openapi\":\"3.1.0\",\"servers\":[{\"url\":\"https://a.example\"}],\"x\":"
		                    "{\"type\":\"string\",\"");
		text_append_printf(&b, "%s\":%s\"", MEMBERS[i], is_list ? "[" : "");
		text_append_str(&b, text);
		text_append_printf(&b,
		                   "\"%s},\"paths\":{\"/a\":{\"post\":{\"requestBody\":{\"content\":{"
		                   "\"application/json\":{\"schema\":{\"type\":\"array\",\"prefixItems\":[",
		                   is_list ? "]" : "");
		for (int j = 0; j < 1500; j++)
			text_append_str(&b, j > 0 ? ",{\"$ref\":\"#/x\"}" : "{\"$ref\":\"#/x\"}");
		text_append_str(&b, "]}}}}}}}}");
		assert_string_equal(problem_of(b.base), "its schemas have more than 4 MiB of text and values");
	}
}

static void test_yaml(void **state)
{
	static const char *const TEXTS[] = {
	    "",
	    "a",
	    "yes",
	    "null",
	    "1",
	    "1.5",
	    "0x1f",
	    "a: b",
	    "a:b",
	    "a:",
	    "# x",
	    "a # x",
	    "'",
	    "\"",
	    "- a",
	    "-",
	    "?",
	    " a",
	    "a ",
	    "a\nb",
	    "a\n\nb",
	    "a\n b",
	    "\na",
	    "a\n",
	    "{a}",
	    "[a]",
	    "a, b",
	    "*a",
	    "&a",
	    "!a",
	    "%a",
	    "@a",
	    "`a",
	    "|",
	    ">",
	    "<<",
	    "~",
	    "é ü",
	    "\\n",
	    "...",
	    "---",
	    "x\x01y",
	    "\xf0\x9f\x98\x80",
	    "2026-01-01",
	    "a\tb",
	    "=",
	    "a\"b'c",
	    "/a/{b}",
	    "$argument",
	    "\xe2\x80\xa8",
	};
	json_t *value = json_object(), *list = json_array(), *nested = json_array();
	const char *error = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		json_object_set_new(value, text_printf(&pool, "m%zu", i), json_string(TEXTS[i]));
		json_object_set_new(value, text_printf(&pool, "l%zu", i), json_pack("[s, s]", TEXTS[i], TEXTS[i]));
		json_object_set_new(value, text_printf(&pool, "o%zu", i), json_pack("{s:s}", TEXTS[i], TEXTS[i]));
		json_object_set_new(value, text_printf(&pool, "k%s", TEXTS[i]), json_integer(1));
		json_array_append_new(list,
		                      json_pack("{s:s, s:{s:b, s:n}, s:[]}", "a", TEXTS[i], "b", "c", 1, "d", "e"));
		json_array_append_new(nested, json_pack("[s, [{s:s, s:f}], {}]", TEXTS[i], "x", TEXTS[i], "y", 1e300));
	}
	json_object_set_new(value, "list", list);
	json_object_set_new(value, "nested", nested);
	struct text_buffer longer = {.pool = &pool};
	for (int i = 0; i < 60; i++)
		text_append_printf(&longer, "%sword%d", i > 0 ? " " : "", i);
	json_object_set_new(value, "long", json_string(longer.base));
	json_t *read = yaml_parse(&pool, import_yaml(&pool, json_keep(&pool, value)), "y", &error);
	if (read == NULL)
		fail_msg("%s", error);
	assert_true(json_equal(read, value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_schemas_of_30, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_references, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_bodies, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_parameters, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_credentials, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_one_place_for_the_credential, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_header_of_the_credential, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_copies, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_documents, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_laughs, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_yaml, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
