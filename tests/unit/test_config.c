/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.c"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

static int setup(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static void gives_of(h2o_iovec_t yaml, const char *json)
{
	const char *error = NULL;
	json_t *value = yaml_parse(&pool, yaml, "f.yaml", &error);
	if (value == NULL)
		fail_msg("%s: %s", yaml.base, error);
	assert_null(error);
	assert_string_equal(json_text(&pool, value).base, json);
}

static void gives(const char *yaml, const char *json)
{
	gives_of(text_of(yaml), json);
}

static void refused_of(h2o_iovec_t yaml, const char *expected)
{
	const char *error = NULL;
	if (yaml_parse(&pool, yaml, "f.yaml", &error) != NULL)
		fail_msg("%s was read", yaml.base);
	assert_non_null(error);
	assert_string_equal(error, expected);
}

static void refused(const char *yaml, const char *expected)
{
	refused_of(text_of(yaml), expected);
}

static void plain_scalars_are_the_core_schemas(void **state)
{
	(void)state;
	gives("[null, Null, NULL, ~, ]", "[null,null,null,null]");
	gives("a:\nb: ", "{\"a\":null,\"b\":null}");
	gives("[nULL, no, No, yes, on, off, y, n, TRUe]",
	      "[\"nULL\",\"no\",\"No\",\"yes\",\"on\",\"off\",\"y\",\"n\",\"TRUe\"]");
	gives("[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]");
	gives("[0, -0, +12, -19, 007, 0o7, 0o17, 0x1F, 0xfF]", "[0,0,12,-19,7,7,15,31,255]");
	gives("[9223372036854775807, -9223372036854775808, 0x7fffffffffffffff]",
	      "[9223372036854775807,-9223372036854775808,9223372036854775807]");
	gives("[0o8, 0xg, 0x, 0o, -0x1, +, '-', 1_000, 12:30, 1.2.3, 10m, 1e, .e3, ., +.]",
	      "[\"0o8\",\"0xg\",\"0x\",\"0o\",\"-0x1\",\"+\",\"-\",\"1_000\",\"12:30\",\"1.2.3\",\"10m\",\"1e\",\"."
	      "e3\",\".\",\"+.\"]");
	gives("[0.5, -1.25, .5, 1., 1e2, 1E-2, +2.5e+3]", "[0.5,-1.25,0.5,1.0,100.0,0.01,2500.0]");
	gives("[2026-11-21, infinity, nan, inf, 0.0.0.0, 127.0.0.1:80]",
	      "[\"2026-11-21\",\"infinity\",\"nan\",\"inf\",\"0.0.0.0\",\"127.0.0.1:80\"]");
	refused("a: 9223372036854775808", "f.yaml:1: the integer does not fit 64 bits");
	refused("a:\n- -9223372036854775809", "f.yaml:2: the integer does not fit 64 bits");
	refused("0xffffffffffffffff", "f.yaml:1: the integer does not fit 64 bits");
	refused("a: 1\nb: 1e999", "f.yaml:2: the number is none of JSON's");
	refused("a: .inf", "f.yaml:1: the number is none of JSON's");
	refused("a: -.Inf", "f.yaml:1: the number is none of JSON's");
	refused("a: .NaN", "f.yaml:1: the number is none of JSON's");
}

/* Numbers do not depend on the locale of the process. */
static void numbers_are_the_same_everywhere(void **state)
{
	(void)state;
	if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) {
		print_message("the locale de_DE.UTF-8 is not installed\n");
		skip();
	}
	const char *error = NULL;
	json_t *value = yaml_parse(&pool, text_of("[1.5]"), "f", &error);
	setlocale(LC_NUMERIC, "C");
	assert_true(json_real_value(json_array_get(value, 0)) == 1.5);
}

static void quoted_scalars_are_text(void **state)
{
	(void)state;
	gives("['1', \"true\", 'null', '~', '', \"\", '1.5', \"<<\"]",
	      "[\"1\",\"true\",\"null\",\"~\",\"\",\"\",\"1.5\",\"<<\"]");
	gives("a: |\n  12\nb: >-\n  true\n", "{\"a\":\"12\\n\",\"b\":\"true\"}");
	gives("a: \"\\u00e4\\t\\x41\"", "{\"a\":\"\xc3\xa4\\tA\"}");
	gives("a: \"\\U0001F600\"", "{\"a\":\"\xf0\x9f\x98\x80\"}");
	gives("'1': x\n\"true\": y\n'': z\n'<<': w", "{\"1\":\"x\",\"true\":\"y\",\"\":\"z\",\"<<\":\"w\"}");
	gives("sql: select a,\n  b from t # where", "{\"sql\":\"select a, b from t\"}");
}

static void structures_keep_their_order(void **state)
{
	(void)state;
	gives("z: {y: [1, {x: w}], v: []}\na:\n- b: c\n  d: e\n- {}\n",
	      "{\"z\":{\"y\":[1,{\"x\":\"w\"}],\"v\":[]},\"a\":[{\"b\":\"c\",\"d\":\"e\"},{}]}");
	gives("# only\n---\na: 1\n...\n# after\n", "{\"a\":1}");
	gives("%YAML 1.2\n---\na: 1\n", "{\"a\":1}");
	gives("{\"json\": [1, 2.5, null, true, \"x\"]}", "{\"json\":[1,2.5,null,true,\"x\"]}");
	gives("a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}");
	gives("\xef\xbb\xbf"
	      "a: 1",
	      "{\"a\":1}");
	gives("text", "\"text\"");
	gives("---\n", "null");
}

static void aliases_are_filled_in(void **state)
{
	(void)state;
	gives("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]",
	      "{\"a\":{\"b\":[1,2]},\"c\":{\"b\":[1,2]},\"d\":[{\"b\":[1,2]},{\"b\":[1,2]}]}");
	gives("- &a 1\n- *a\n- &a x\n- *a\n- &b\n- *b", "[1,1,\"x\",\"x\",null,null]");
	gives("- &a [&b {c: d}]\n- *b\n- *a", "[[{\"c\":\"d\"}],{\"c\":\"d\"},[{\"c\":\"d\"}]]");
	refused("a: *x", "f.yaml:1: the alias names no anchor before it");
	refused("a: *x\nb: &x 1", "f.yaml:1: the alias names no anchor before it");
	refused("a: &x\n- *x", "f.yaml:2: the alias stands inside of what it names");
	refused("a: &x 1\n? *x\n: 2", "f.yaml:2: a key must be a text without anchor");
	refused("&x a: 1", "f.yaml:1: a key must be a text without anchor");
	/* each is a value of its own */
	const char *error = NULL;
	json_t *value = yaml_parse(&pool, text_of("a: &x {b: 1}\nc: *x"), "f", &error);
	json_object_set_new(json_object_get(value, "c"), "b", json_integer(2));
	assert_int_equal(config_int(json_object_get(value, "a"), "b", 0), 1);
}

static void aliases_cannot_explode(void **state)
{
	static const char why[] = "f.yaml:%d: the document is too large with its aliases filled in";
	struct text_buffer laughs = {.pool = &pool}, texts = {.pool = &pool}, deep = {.pool = &pool};
	(void)state;
	text_append_str(&laughs, "- &l0 [x]\n");
	for (int i = 1; i < 30; i++)
		text_append_printf(&laughs, "- &l%d [*l%d, *l%d, *l%d]\n", i, i - 1, i - 1, i - 1);
	const char *error = NULL;
	assert_null(yaml_parse(&pool, text_of(laughs.base), "f.yaml", &error));
	assert_string_equal(strrchr(error, ':'), strrchr(why, ':'));

	/* a hundred times 100 kB */
	text_append_str(&texts, "- &t ");
	for (int i = 0; i < 100000; i++)
		text_append(&texts, "x", 1);
	for (int i = 0; i < 100; i++)
		text_append_str(&texts, "\n- *t");
	assert_null(yaml_parse(&pool, text_of(texts.base), "f.yaml", &error));
	assert_string_equal(strrchr(error, ':'), strrchr(why, ':'));

	/* each level alone is shallow */
	text_append_str(&deep, "- &l0 [x]\n");
	for (int i = 1; i < 70; i++)
		text_append_printf(&deep, "- &l%d [*l%d]\n", i, i - 1);
	refused(deep.base, "f.yaml:64: the document is nested too deep");
}

static void limits_hold(void **state)
{
	struct text_buffer deep = {.pool = &pool}, wide = {.pool = &pool};
	(void)state;
	for (int i = 0; i < JSON_DEPTH_LIMIT; i++)
		text_append(&deep, "[", 1);
	char *inner = text_copy(&pool, h2o_iovec_init(deep.base, deep.len));
	for (int i = 0; i < JSON_DEPTH_LIMIT; i++)
		text_append(&deep, "]", 1);
	gives(deep.base, deep.base);
	refused(text_printf(&pool, "%s[", inner), "f.yaml:1: the document is nested too deep");

	text_append_str(&wide, "[");
	for (int i = 0; i < 100000; i++)
		text_append_str(&wide, "1,");
	refused(text_printf(&pool, "%s]", wide.base), "f.yaml:1: the document is too large with its aliases filled in");
	char *large = h2o_mem_alloc_pool(&pool, YAML_SIZE_MAX + 1);
	memset(large, '#', YAML_SIZE_MAX + 1);
	refused_of(h2o_iovec_init(large, YAML_SIZE_MAX + 1), "f.yaml: the file is larger than 1 MiB");
}

static void what_is_not_supported_is_refused(void **state)
{
	(void)state;
	refused("a: !!str 1", "f.yaml:1: tags (!) are not supported");
	refused("a: 1\nb: !x {}", "f.yaml:2: tags (!) are not supported");
	refused("!!map {a: 1}", "f.yaml:1: tags (!) are not supported");
	refused("a: 1\n!!str b: 2", "f.yaml:2: tags (!) are not supported");
	refused("a: ! 12", "f.yaml:1: tags (!) are not supported");
	refused("a: &x {b: 1}\nc:\n  <<: *x", "f.yaml:3: merge keys (<<) are not supported");
	refused("a: 1\n---\nb: 2", "f.yaml:2: only one document is allowed");
	refused("%YAML 1.1\n---\na: yes", "f.yaml:2: only YAML 1.2 is supported");
	refused("a: 1\nb: 2\na: 3", "f.yaml:3: the key \"a\" is repeated");
	refused("{a: 1, 'a': 2}", "f.yaml:1: the key \"a\" is repeated");
	refused("1: x", "f.yaml:1: the key \"1\" is no text: put it in quotes");
	refused("a: 1\ntrue: x", "f.yaml:2: the key \"true\" is no text: put it in quotes");
	refused("~: x", "f.yaml:1: the key \"~\" is no text: put it in quotes");
	refused(": x", "f.yaml:1: the key \"\" is no text: put it in quotes");
	refused("99999999999999999999: x", "f.yaml:1: the key \"99999999999999999999\" is no text: put it in quotes");
	refused("? [a]\n: x", "f.yaml:1: a key must be a text without anchor");
	refused("? {a: 1}\n: x", "f.yaml:1: a key must be a text without anchor");
	refused("", "f.yaml: the file is empty");
	refused("# nothing\n", "f.yaml: the file is empty");
	refused("a: \"x\\0y\"", "f.yaml:1: the text has NUL or something outside Unicode");
	refused_of(h2o_iovec_init(H2O_STRLIT("a: \0")), "f.yaml: the file is not UTF-8 text");
	refused("a: \xff", "f.yaml: the file is not UTF-8 text");
	refused("\xff\xfe"
	        "a",
	        "f.yaml: the file is not UTF-8 text");
}

static void syntax_errors_name_their_line(void **state)
{
	static const struct {
		const char *yaml, *start;
	} cases[] = {
	    {"a: 1\nb: [1, 2\n", "f.yaml:3: "}, {"a: 1\n\tb: 2\n", "f.yaml:1: "},
	    {"a: b: c\n", "f.yaml:1: "},        {"a: 'x\n", "f.yaml:"},
	    {"a: 1\n b: 2\n", "f.yaml:1: "},    {"a: 1\n]\n", "f.yaml:2: "},
	    {"a: @x\n", "f.yaml:1: "},          {"a: \"\\q\"\n", "f.yaml:1: "},
	    {"a: 1\nb\n", "f.yaml:"},
	};
	(void)state;
	/* nothing may be printed */
	int saved = dup(STDERR_FILENO);
	FILE *printed = tmpfile();
	dup2(fileno(printed), STDERR_FILENO);
	const char *errors[sizeof(cases) / sizeof(cases[0])];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_null(yaml_parse(&pool, text_of(cases[i].yaml), "f.yaml", &errors[i]));
	dup2(saved, STDERR_FILENO);
	close(saved);
	fseek(printed, 0, SEEK_END);
	assert_int_equal(ftell(printed), 0);
	fclose(printed);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strncmp(errors[i], cases[i].start, strlen(cases[i].start)) != 0)
			fail_msg("%s: %s", cases[i].yaml, errors[i]);
		assert_null(strchr(errors[i], '\n'));
	}
}

/* Not one piece of a document makes the reader stumble. */
static void cut_documents_are_survived(void **state)
{
	static const char yaml[] =
	    "%YAML 1.2\n---\na: &x {b: [1, 'q', \"d\\n\"], ? c : *y}\n? k\n: |\n  t\n- !t z\n<<: *x\n...\n--- >\n f\n";
	const char *error;
	(void)state;
	for (size_t start = 0; start < sizeof(yaml); start++) {
		for (size_t len = 0; start + len < sizeof(yaml); len++) {
			h2o_mem_pool_t piece;
			h2o_mem_init_pool(&piece);
			error = NULL;
			json_t *value = yaml_parse(&piece, h2o_iovec_init((char *)yaml + start, len), "f", &error);
			assert_true((value == NULL) == (error != NULL));
			h2o_mem_clear_pool(&piece);
		}
	}
}

/* ---- Files and schemas ---- */

static char *file_with(const char *text)
{
	char *path =
	    text_printf(&pool, "%s/sallyport-config-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static const struct schema *schema_of(const char *text)
{
	const char *error = NULL;
	struct schema_options options = {.assert_formats = true};
	const struct schema *schema =
	    schema_compile(&pool, yaml_parse(&pool, text_of(text), "schema", &error), &options, &error);
	if (schema == NULL)
		fail_msg("%s", error);
	return schema;
}

static const char schema_text[] =
    "type: object\n"
    "additionalProperties: false\n"
    "required: [listen]\n"
    "properties:\n"
    "  listen: {type: string}\n"
    "  proxies: {type: array, items: {type: string, maxLength: 5}}\n"
    "  lifetimes: {type: object, properties: {code: {type: string}, a/b~c: {type: integer}}}\n";

static void files_are_checked(void **state)
{
	(void)state;
	const struct schema *schema = schema_of(schema_text);
	const char *error = NULL;
	char *path = file_with("# settings\nlisten: x\nproxies: [a, b]\n");
	json_t *value = config_load(&pool, path, schema, &error);
	unlink(path);
	assert_non_null(value);
	assert_null(error);
	assert_string_equal(config_text(value, "listen", NULL), "x");
}

/* Where the schema says `place`, the message begins with file, line and place. */
static void problem_names(const char *yaml, const char *place)
{
	const struct schema *schema = schema_of(schema_text);
	const char *error = NULL;
	char *path = file_with(yaml);
	json_t *value = config_load(&pool, path, schema, &error);
	unlink(path);
	assert_null(value);
	char *expected = text_printf(&pool, "%s:%s", path, place);
	if (strncmp(error, expected, strlen(expected)) != 0)
		fail_msg("%s instead of %s", error, expected);
}

static void schema_problems_name_file_line_and_place(void **state)
{
	(void)state;
	problem_names("# c\n\nlisten: 5\n", "3: listen: ");
	problem_names("listen: x\nproxies:\n- a\n- toolong\n", "4: proxies[1]: ");
	problem_names("listen: x\nlifetimes:\n  code: 60s\n  a/b~c: x\n", "4: lifetimes.a/b~c: ");
	problem_names("x: &x [a, 5]\nlisten: x\nproxies: *x\n", "");
	problem_names("listen: x\n\nproxies: {a: &x [1]}\n", "3: proxies: ");
	problem_names("proxies: []\n", "1: ");
	problem_names("listen: x\nlifetimes:\n  code: 60s\nmade_up: 1\n", "4: unknown member \"made_up\"");
	/* inside of what an alias fills in: the line of the alias */
	problem_names("lifetimes: {code: x, y: &x [a, 5]}\nlisten: x\nproxies: *x\n", "3: proxies.1: ");
}

static void unreadable_files_are_named(void **state)
{
	const char *error = NULL;
	(void)state;
	assert_null(yaml_load(&pool, "/nonexistent/sallyport.yaml", &error));
	assert_string_equal(error, "/nonexistent/sallyport.yaml: No such file or directory");
	assert_null(yaml_load(&pool, "/", &error));
	assert_string_equal(error, "/: Is a directory");
	char *large = h2o_mem_alloc_pool(&pool, YAML_SIZE_MAX + 2);
	memset(large, '#', YAML_SIZE_MAX + 1);
	large[YAML_SIZE_MAX + 1] = '\0';
	char *path = file_with(large);
	assert_null(yaml_load(&pool, path, &error));
	unlink(path);
	assert_string_equal(error, text_printf(&pool, "%s: the file is larger than 1 MiB", path));
}

/* ---- Values ---- */

static void durations_carry_a_unit(void **state)
{
	static const char *const bad[] = {"",
	                                  "s",
	                                  "10",
	                                  "-1s",
	                                  "+1s",
	                                  "1.5s",
	                                  "1 s",
	                                  " 1s",
	                                  "1s ",
	                                  "1S",
	                                  "1w",
	                                  "1mss",
	                                  "01s",
	                                  "1s1",
	                                  "99999999999999999999d",
	                                  "9223372036854775807s"};
	(void)state;
	assert_int_equal(size_bytes(text_of("512B")), 512);
	assert_int_equal(size_bytes(text_of("256KiB")), 262144);
	assert_int_equal(size_bytes(text_of("1MiB")), 1048576);
	assert_int_equal(size_bytes(text_of("2GiB")), INT64_C(2) << 30);
	assert_int_equal(size_bytes(text_of("1MB")), -1);
	assert_int_equal(size_bytes(text_of("1")), -1);
	assert_int_equal(size_bytes(text_of("99999999999999999MiB")), -1);
	assert_int_equal(duration_ms(text_of("500ms")), 500);
	assert_int_equal(duration_ms(text_of("30s")), 30000);
	assert_int_equal(duration_ms(text_of("10m")), 600000);
	assert_int_equal(duration_ms(text_of("12h")), 43200000);
	assert_int_equal(duration_ms(text_of("90d")), 7776000000);
	assert_int_equal(duration_ms(text_of("0s")), 0);
	assert_int_equal(duration_ms(h2o_iovec_init(H2O_STRLIT("1s\0"))), -1);
	assert_int_equal(duration_ms(h2o_iovec_init(NULL, 0)), -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (duration_ms(text_of(bad[i])) != -1)
			fail_msg("\"%s\" is a duration", bad[i]);
	}
}

static void values_have_defaults(void **state)
{
	const char *error = NULL;
	(void)state;
	json_t *o = yaml_parse(&pool, text_of("{t: x, i: 5, b: true, d: 2m, rel: a/b, abs: /a, n: ~}"), "f", &error);
	assert_string_equal(config_text(o, "t", "y"), "x");
	assert_string_equal(config_text(o, "no", "y"), "y");
	assert_null(config_text(o, "n", NULL));
	assert_null(config_text(NULL, "t", NULL));
	assert_int_equal(config_int(o, "i", 7), 5);
	assert_int_equal(config_int(o, "no", 7), 7);
	assert_true(config_bool(o, "b", false));
	assert_true(config_bool(o, "no", true));
	assert_int_equal(config_duration_ms(o, "d", 1), 120000);
	assert_int_equal(config_duration_ms(o, "no", 1), 1);
	assert_string_equal(config_path(&pool, "/etc/sallyport/authz.yaml", o, "rel"), "/etc/sallyport/a/b");
	assert_string_equal(config_path(&pool, "/authz.yaml", o, "rel"), "/a/b");
	assert_string_equal(config_path(&pool, "conf/authz.yaml", o, "rel"), "conf/a/b");
	assert_string_equal(config_path(&pool, "authz.yaml", o, "rel"), "a/b");
	assert_string_equal(config_path(&pool, "/etc/authz.yaml", o, "abs"), "/a");
	assert_null(config_path(&pool, "/etc/authz.yaml", o, "no"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(plain_scalars_are_the_core_schemas, setup, teardown),
	    cmocka_unit_test_setup_teardown(numbers_are_the_same_everywhere, setup, teardown),
	    cmocka_unit_test_setup_teardown(quoted_scalars_are_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(structures_keep_their_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(aliases_are_filled_in, setup, teardown),
	    cmocka_unit_test_setup_teardown(aliases_cannot_explode, setup, teardown),
	    cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_not_supported_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(syntax_errors_name_their_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(cut_documents_are_survived, setup, teardown),
	    cmocka_unit_test_setup_teardown(files_are_checked, setup, teardown),
	    cmocka_unit_test_setup_teardown(schema_problems_name_file_line_and_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(unreadable_files_are_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(durations_carry_a_unit, setup, teardown),
	    cmocka_unit_test_setup_teardown(values_have_defaults, setup, teardown),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
