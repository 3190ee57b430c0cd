/* SPDX-License-Identifier: Apache-2.0 */
/* From the member `http` of a tool's file and arguments to what goes out: nothing leaves the place that the file gives
 * it. */
#include "mcp/backend/http/http_plan.c"
#include "mcp/backend/http/http_plan_answers.c"
#include "mcp/backend/http/http_plan_body.c"
#include "mcp/backend/http/http_request.c"
#include "mcp/backend/http/http_template.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static struct mcp_settings settings;
static struct catalogue catalogue;

static const struct egress_place PLACES[] = {{.host = "api.example.com", .port = 443},
                                             {.host = "api.example.com", .port = 8443}};

static int begin(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	settings.outbound = (struct egress_places){PLACES, 2};
	return 0;
}

static int end(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static json_t *yaml(const char *text)
{
	const char *error = NULL;
	json_t *value = yaml_parse(&pool, text_of(text), "test", &error);

	if (value == NULL)
		print_error("%s\n%s\n", error, text);
	assert_non_null(value);
	return value;
}

static struct item item;

/* `input`: names and types of the arguments; those of path are required. */
static const char *load(const char *http, const struct http_plan **ret)
{
	static const char INPUT[] =
	    "input: {required: [id, other], properties: {id: {type: string}, other: {}, q: {type: "
	    "string}, n: {type: number}, list: {type: array}, object: {type: object}}}";
	struct loading l = {.pool = &pool, .settings = &settings, .catalogue = &catalogue, .file = "tools/x.yaml"};

	l.document = yaml(INPUT);
	l.names = json_object_get(json_object_get(l.document, "input"), "properties");
	item = (struct item){.kind = ITEM_TOOL};
	const char *problem = http_plan_load(&l, yaml(http), &item);
	*ret = item.plan;
	return problem;
}

static const char *make(const char *http, const char *arguments, struct http_message *ret)
{
	const struct http_plan *plan;
	const char *problem = load(http, &plan);

	if (problem != NULL)
		print_error("%s\n", problem);
	assert_null(problem);
	return http_message_make(&pool, plan, json_read(&pool, text_of(arguments), NULL), ret);
}

static const char *url_with(const char *http, const char *arguments)
{
	struct http_message message;

	assert_null(make(http, arguments, &message));
	return message.url;
}

/* ---- paths ---- */

static const char PATH[] = "{method: GET, url: 'https://api.example.com/v1/items/{id}/x'}";

static const char *fill_path(const char *value, const char **url)
{
	json_t *arguments = json_keep(&pool, json_pack("{s:s, s:s}", "id", value, "other", "o"));
	const struct http_plan *plan;
	struct http_message message;
	const char *problem;

	assert_null(load(PATH, &plan));
	problem = http_message_make(&pool, plan, arguments, &message);
	*url = message.url;
	return problem;
}

static void an_argument_stays_in_its_segment(void **state)
{
	static const char *const VALUES[] = {
	    "a",
	    "a/b",
	    "a?b=c",
	    "a#b",
	    "a%2fb",
	    "%2f",
	    "a&b=c",
	    "a b",
	    "a+b",
	    "\xc3\xa4",
	    "a@b",
	    "a:b",
	    "a;b=c",
	    "...",
	    "..a",
	    "a..",
	    ".a",
	    "a\\b",
	    "{id}",
	    "{{id}}",
	    "%",
	    "%%",
	    "%zz",
	    "%2",
	    "100%",
	    "a//b",
	    "/a",
	    "a/",
	    "//evil.example/",
	    "http://evil.example/",
	    "a=b",
	    "'\"<>",
	    "$(id)",
	    "*",
	    "~",
	    "%25",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
		const char *url, *problem = fill_path(VALUES[i], &url);
		struct uri uri;
		size_t slashes = 0;
		if (problem != NULL)
			print_error("%s: %s\n", VALUES[i], problem);
		assert_null(problem);
		assert_true(uri_parse(text_of(url), &uri));
		assert_true(text_is(uri.host, "api.example.com"));
		assert_null(uri.query.base);
		assert_false(uri.has_fragment);
		for (size_t at = 0; at < uri.path.len; at++)
			slashes += uri.path.base[at] == '/';
		assert_int_equal(slashes, 4);
		assert_true(text_starts(uri.path, "/v1/items/"));
		assert_string_equal(uri.path.base + uri.path.len - 2, "/x");
	}
	assert_string_equal(url_with(PATH, "{\"id\":\"a/b?c#d%2f\",\"other\":1}"),
	                    "https://api.example.com/v1/items/a%2Fb%3Fc%23d%252f/x");
}

/* U-1, generated: ways to say "the folder above", each encoded so often, at each place of a value. */
static void no_argument_leads_to_another_segment(void **state)
{
	static const char *const DOTS[] = {"..",   ".",   "%2e%2e", "%2E%2e",     ".%2e",         "%2e.",      "%2e",
	                                   "..;x", "..;", ".;a=b",  "%252e%252e", "%25%32%65%2e", "%2e%2e%3bx"};
	static const char *const SLASHES[] = {"/", "\\", "%2f", "%2F", "%5c", "%5C", "%252f", "%255C"};
	static const char *const ALONE[] = {"",     "\r\nX: y", "a\nb",       "a\rb", "a\tb",
	                                    "\x7f", "%0a",      "%0d%0aX: y", "%00",  "%250a"};
	size_t count = 0;
	const char *url;

	(void)state;
	for (size_t d = 0; d < sizeof(DOTS) / sizeof(DOTS[0]); d++) {
		assert_non_null(fill_path(DOTS[d], &url));
		count++;
		for (size_t s = 0; s < sizeof(SLASHES) / sizeof(SLASHES[0]); s++) {
			const char *values[] = {
			    text_printf(&pool, "%s%s", DOTS[d], SLASHES[s]),
			    text_printf(&pool, "%s%s", SLASHES[s], DOTS[d]),
			    text_printf(&pool, "a%s%s%sadmin", SLASHES[s], DOTS[d], SLASHES[s]),
			    text_printf(&pool, "%s%s%s%sadmin", DOTS[d], SLASHES[s], DOTS[d], SLASHES[s]),
			};
			for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++, count++) {
				if (fill_path(values[v], &url) == NULL)
					print_error("%s became %s\n", values[v], url);
				assert_non_null(fill_path(values[v], &url));
			}
		}
	}
	for (size_t i = 0; i < sizeof(ALONE) / sizeof(ALONE[0]); i++, count++)
		assert_non_null(fill_path(ALONE[i], &url));
	print_message("U-1: %zu values that would leave their segment\n", count);
	assert_non_null(make(PATH, "{\"id\":null,\"other\":1}", &(struct http_message){0}));
	assert_non_null(make("{method: GET, url: 'https://api.example.com/{id}{other}'}",
	                     "{\"id\":\".\",\"other\":\".\"}", &(struct http_message){0}));
	assert_non_null(make("{method: GET, url: 'https://api.example.com/{other}'}", "{\"other\":[1]}",
	                     &(struct http_message){0}));
}

static void numbers_and_booleans_are_texts(void **state)
{
	(void)state;
	assert_string_equal(url_with("{method: GET, url: 'https://api.example.com/v{other}.json?fixed=1'}",
	                             "{\"id\":\"x\",\"other\":5.0}"),
	                    "https://api.example.com/v5.json?fixed=1");
	assert_string_equal(url_with("{method: GET, url: 'https://api.example.com:8443/{other}'}", "{\"other\":true}"),
	                    "https://api.example.com:8443/true");
	assert_string_equal(url_with("{method: GET, url: 'https://api.example.com'}", "{}"), "https://api.example.com");
}

/* ---- queries ---- */

static void a_query_value_stays_one(void **state)
{
	static const char HTTP[] =
	    "{method: GET, url: 'https://api.example.com/s?f=1', query: {q: '{q}', 'a&b': 'x {n}', "
	    "l: '{list}', fixed: 'a=b&c'}}";

	(void)state;
	assert_string_equal(url_with(HTTP, "{}"), "https://api.example.com/s?f=1&fixed=a%3Db%26c");
	assert_string_equal(
	    url_with(HTTP, "{\"q\":\"a&b=c#d+e f%00\",\"n\":1.5,\"list\":[1,\"a&l=2\",true]}"),
	    "https://api.example.com/s?f=1&q=a%26b%3Dc%23d%2Be%20f%2500&a%26b=x%201.5&l=1&l=a%26l%3D2&l="
	    "true&fixed=a%3Db%26c");
	assert_string_equal(url_with(HTTP, "{\"q\":\"\",\"n\":null,\"list\":[]}"),
	                    "https://api.example.com/s?f=1&q=&fixed=a%3Db%26c");
	assert_non_null(make(HTTP, "{\"list\":[[1]]}", &(struct http_message){0}));
	assert_non_null(make(HTTP, "{\"list\":{\"a\":1}}", &(struct http_message){0}));
	assert_non_null(make(HTTP, "{\"q\":\"a\\r\\nHost: b\"}", &(struct http_message){0}));
	char *long_one = text_printf(&pool, "{\"q\":\"%02100d\"}", 0);
	assert_non_null(make(HTTP, long_one, &(struct http_message){0}));
}

/* ---- headers ---- */

static void a_header_holds_no_line_break(void **state)
{
	static const char HTTP[] =
	    "{method: GET, url: 'https://api.example.com/', headers: {X-Trace: 'a-{q}', X-N: '{n}'}}";
	static const char *const BAD[] = {"\\r\\nX: y", "\\n", "\\r", "\\u0001", "\\u007f", "a\\tb"};
	struct http_message message;

	(void)state;
	assert_null(make(HTTP, "{\"q\":\"b\\u00e4\",\"n\":2}", &message));
	assert_string_equal(message.headers[0], "X-Trace: a-b\xc3\xa4");
	assert_string_equal(message.headers[1], "X-N: 2");
	assert_null(message.headers[2]);
	assert_null(message.headers[3]);
	assert_null(make(HTTP, "{}", &message));
	assert_null(message.headers[0]);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_non_null(make(HTTP, text_printf(&pool, "{\"q\":\"%s\"}", BAD[i]), &message));
}

/* ---- bodies ---- */

static const char *body_of(const char *body, const char *arguments)
{
	struct http_message message;
	const char *http = text_printf(&pool, "{method: POST, url: 'https://api.example.com/', body: %s}", body);

	assert_null(make(http, arguments, &message));
	return text_copy(&pool, message.body);
}

static void a_json_body_takes_values_whole(void **state)
{
	static const char TEMPLATE[] =
	    "{json: {name: {$argument: q}, deep: [{$argument: n}, 1, {x: {$argument: object}}], "
	    "kept: '{q}'}}";

	(void)state;
	assert_string_equal(
	    body_of(TEMPLATE, "{\"q\":\"a\\\"}{\\\"b\",\"n\":1,\"object\":{\"$argument\":\"q\"}}"),
	    "{\"name\":\"a\\\"}{\\\"b\",\"deep\":[1,1,{\"x\":{\"$argument\":\"q\"}}],\"kept\":\"{q}\"}");
	assert_string_equal(body_of(TEMPLATE, "{}"), "{\"deep\":[1,{}],\"kept\":\"{q}\"}");
	assert_string_equal(body_of("{json: {$arguments: true}}", "{\"q\":\"x\",\"n\":[null]}"),
	                    "{\"q\":\"x\",\"n\":[null]}");
	assert_string_equal(body_of("{json: {$argument: q}}", "{}"), "null");
}

static void forms_and_texts_are_filled(void **state)
{
	(void)state;
	assert_string_equal(
	    body_of("{form: {a: '{q}', b: '{n}', l: '{list}'}}", "{\"q\":\"x&b=2\\r\\n\",\"list\":[1,2]}"),
	    "a=x%26b%3D2%0D%0A&l=1&l=2");
	assert_string_equal(body_of("{text: 'say {q}, {{q}}: {n}'}", "{\"q\":\"{n}\"}"), "say {n}, {q}: ");
}

/* ---- what is refused at load ---- */

static void a_wrong_file_is_refused(void **state)
{
	static const char *const WRONG[] = {
	    "{method: GET, url: 'https://other.example/'}",
	    "{method: GET, url: 'https://api.example.com:444/'}",
	    "{method: GET, url: 'http://api.example.com/'}",
	    "{method: GET, url: 'https://api.example.com.evil.example/'}",
	    "{method: GET, url: 'https://{id}.example.com/'}",
	    "{method: GET, url: 'https://api.example.com{id}/'}",
	    "{method: GET, url: 'https://api.example.com:{id}/'}",
	    "{method: GET, url: '{id}://api.example.com/'}",
	    "{method: GET, url: 'https://user@api.example.com/'}",
	    "{method: GET, url: 'https://api.example.com/?q={q}'}",
	    "{method: GET, url: 'https://api.example.com/#x'}",
	    "{method: GET, url: 'https://api.example.com#x'}",
	    "{method: GET, url: 'https://api.example.com/../x'}",
	    "{method: GET, url: 'https://api.example.com/a b'}",
	    "{method: GET, url: 'https://api.example.com/{id'}",
	    "{method: GET, url: 'https://api.example.com/id}'}",
	    "{method: GET, url: 'https://api.example.com/{nobody}'}",
	    "{method: GET, url: 'https://api.example.com/{q}'}",    /* not required */
	    "{method: GET, url: 'https://api.example.com/{list}'}", /* no text */
	    "{method: GET, url: 'https://127.0.0.1/'}",
	    "{method: GET, url: 'https://2130706433/'}",
	    "{method: GET, url: 'file:///etc/passwd'}",
	    "{method: GET, url: ''}",
	    "{method: PUT, url: 'https://api.example.com/'}", /* of tier read */
	    "{method: GET, url: 'https://api.example.com/', body: {text: x}}",
	    "{method: GET, url: 'https://api.example.com/', query: {q: '{nobody}'}}",
	    "{method: GET, url: 'https://api.example.com/', query: {q: 'a{list}'}}",
	    "{method: GET, url: 'https://api.example.com/', query: {q: '{object}'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {Host: x}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {Authorization: '{q}'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {Content-Length: '1'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {'X Y': '1'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {\"X\\r\\nY\": '1'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {X: \"a\\r\\nY: b\"}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {X: '1', x: '2'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {X: '{list}'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {X-HTTP-Method-Override: DELETE}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {x-http-method: DELETE}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {X_Method_Override: '{q}'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {Forwarded: '{q}'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {x-forwarded-for: '{q}'}}",
	    "{method: GET, url: 'https://api.example.com/', headers: {X-Real-IP: '{q}'}}",
	    "{method: POST, url: 'https://api.example.com/', body: {json: {a: {$argument: nobody}}}}",
	    "{method: POST, url: 'https://api.example.com/', body: {json: {a: {$argument: q, b: 1}}}}",
	    "{method: POST, url: 'https://api.example.com/', body: {json: {$arguments: 1}}}",
	    "{method: POST, url: 'https://api.example.com/', body: {text: '{list}'}}",
	    "{method: GET, url: 'https://api.example.com/', timeout: 6m}",
	    "{method: GET, url: 'https://api.example.com/', timeout: 0s}",
	    "{method: GET, url: 'https://api.example.com/', bytes: 9MiB}",
	    "{method: GET, url: 'https://api.example.com/', answers: {pick: data}}",
	    "{method: GET, url: 'https://api.example.com/', answers: {pick: {a: data}}}",
	    "{method: GET, url: 'https://api.example.com/', answers: {error: '/~'}}",
	    "{method: GET, url: 'https://api.example.com/', answers: {as: blob}}",
	    "{method: GET, url: 'https://api.example.com/', answers: {as: image, types: [text/html]}}",
	    "{method: GET, url: 'https://api.example.com/', answers: {as: text, pick: /a}}",
	    "{method: GET, url: 'https://api.example.com/', credential: {file: missing}}",
	    "{method: GET, url: 'https://api.example.com/', credential: {environment: SALLYPORT_NOT_THERE}}",
	    "{method: GET, url: 'https://api.example.com', credential: {exchange: {token_endpoint: x}}}",
	};
	const struct http_plan *plan;

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		const char *problem = load(WRONG[i], &plan);
		if (problem == NULL)
			print_error("%s is taken\n", WRONG[i]);
		assert_non_null(problem);
		assert_true(strncmp(problem, "/http", 5) == 0);
	}
}

static void no_argument_stands_beside_the_credential(void **state)
{
	static const char *const NAMES[] = {"X-API-Key", "x-api-key", "X_Api_Key"};
	static const char HTTP[] = "{method: GET, url: 'https://api.example.com/', headers: {%s: '{q}'}, credential: "
				   "{environment: SALLYPORT_TEST_SECRET, as: header, header: X-API-Key}}";
	const struct http_plan *plan;

	(void)state;
	setenv("SALLYPORT_TEST_SECRET", "abc", 1);
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		assert_string_equal(load(text_printf(&pool, HTTP, NAMES[i]), &plan),
		                    text_printf(&pool, "/http/headers/%s: is the header of the credential", NAMES[i]));
	assert_null(load(text_printf(&pool, HTTP, "X-API-Keys"), &plan));
}

static void a_credential_becomes_a_header(void **state)
{
	static const struct {
		const char *as, *secret, *authorization, *line; /* both NULL: refused */
	} CASES[] = {
	    {"", "abc", "Bearer abc", NULL},
	    {", as: bearer", "a b", NULL, NULL},
	    {", as: bearer", "a\r\nX: y", NULL, NULL},
	    {", as: basic", "u:p", "Basic dTpw", NULL},
	    {", as: basic", "up", NULL, NULL},
	    {", as: header, header: X-API-Key", "k e y", NULL, "X-API-Key: k e y"},
	    {", as: header, header: X-API-Key", "k\ny", NULL, NULL},
	    {", as: header, header: Host", "x", NULL, NULL},
	    {", as: header, header: \"X:y\"", "x", NULL, NULL},
	    {", as: header", "x", NULL, NULL},
	    {", header: X-API-Key", "x", NULL, NULL},
	    {"", "", NULL, NULL},
	};
	const struct http_plan *plan;

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct credential_header header = {NULL, NULL};
		uint8_t before[SHA256_SIZE];
		memcpy(before, catalogue.secrets, sizeof(before));
		setenv("SALLYPORT_TEST_SECRET", CASES[i].secret, 1);
		const char *problem = load(text_printf(&pool,
		                                       "{method: GET, url: 'https://api.example.com/', credential: "
		                                       "{environment: SALLYPORT_TEST_SECRET%s}}",
		                                       CASES[i].as),
		                           &plan);
		bool fine = CASES[i].authorization != NULL || CASES[i].line != NULL;
		assert_int_equal(problem == NULL, fine);
		assert_true(problem == NULL || *CASES[i].secret == '\0' || strlen(CASES[i].secret) < 3 ||
		            strstr(problem, CASES[i].secret) == NULL);
		if (!fine)
			continue;
		assert_memory_not_equal(before, catalogue.secrets, sizeof(before));
		assert_null(credential_get(NULL, plan->credential, 1, &header, NULL, NULL));
		assert_true(text_equal(text_of(header.authorization), text_of(CASES[i].authorization)));
		assert_true(text_equal(text_of(header.line), text_of(CASES[i].line)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_argument_stays_in_its_segment),
	    cmocka_unit_test(no_argument_leads_to_another_segment),
	    cmocka_unit_test(numbers_and_booleans_are_texts),
	    cmocka_unit_test(a_query_value_stays_one),
	    cmocka_unit_test(a_header_holds_no_line_break),
	    cmocka_unit_test(a_json_body_takes_values_whole),
	    cmocka_unit_test(forms_and_texts_are_filled),
	    cmocka_unit_test(a_wrong_file_is_refused),
	    cmocka_unit_test(a_credential_becomes_a_header),
	    cmocka_unit_test(no_argument_stands_beside_the_credential),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
