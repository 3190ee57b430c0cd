/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/command/command_arguments.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

static int open_pool(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static const char INPUT[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"a\",\"l\"],\"properties\":{"
    "\"a\":{\"type\":\"string\"},\"o\":{\"type\":[\"string\",\"number\",\"boolean\"]},"
    "\"l\":{\"type\":\"array\"}}}";

/* The plan of a template (JSON of the part) with these of the arguments a, o and l; NULL and *problem. */
static struct command_plan *load(const char *part, const char *names, const char **problem)
{
	json_t *document = json_keep(&pool, json_pack("{s:o}", "input", json_loads(INPUT, 0, NULL)));
	json_t *properties = json_object_get(json_object_get(document, "input"), "properties");
	struct loading l = {.pool = &pool, .document = document, .names = properties};
	struct command_plan *plan = h2o_mem_alloc_pool(&pool, sizeof(*plan));

	*plan = (struct command_plan){.program.path = "/p"};
	for (const char *all = "aol"; *all != '\0'; all++)
		if (strchr(names, *all) == NULL)
			json_object_del(properties, (const char[]){*all, '\0'});
	*problem = command_arguments_load(&l, json_read(&pool, text_of(part), NULL), plan);
	return *problem == NULL ? plan : NULL;
}

static void refused(const char *template, const char *names, const char *words)
{
	const char *problem = "", *part = text_printf(&pool, "{\"arguments\":%s}", template);

	assert_null(load(part, names, &problem));
	if (strstr(problem, words) == NULL)
		fail_msg("%s: %s, not %s", template, problem, words);
}

static void test_refused_templates(void **state)
{
	(void)state;
	refused("[\"{b}\"]", "", "b is no argument");
	refused("[\"{a\"]", "a", "a brace that stands alone");
	refused("[\"a}\"]", "", "a brace that stands alone");
	refused("[\"{}\"]", "a", "a brace that stands alone");
	refused("[\"{a}{a}\"]", "a", "more than one slot");
	refused("[\"{a}\",\"{a}\"]", "a", "a fills more than one slot");
	refused("[\"x\"]", "a", "/input/properties/a: the command does not use it");
	/* letters behind it would be more options; a name would be another one */
	refused("[\"-n{a}\"]", "a", "an option takes its value");
	refused("[\"--{a}\"]", "a", "an option takes its value");
	refused("[\"-{a}\"]", "a", "an option takes its value");
	refused("[\"--\",\"-{a}\"]", "a", "an option takes its value");
	/* what is missing moves the others */
	refused("[\"-n\",\"{o}\"]", "o", "o must be required");
	refused("[\"--\",\"{o}\",\"{a}\"]", "ao", "o must be required");
	refused("[\"{l...}\"]", "l", "must stand behind a fixed --");
	refused("[\"--x={l...}\"]", "l", "nothing can stand beside them");
	refused("[\"--\",\"{l}\"]", "l", "l must not be an array");
	refused("[\"--\",\"{a...}\"]", "a", "a must be an array");
	refused("[\"x\\u0007\"]", "", "control or invisible");
	refused("[\"x\\u202e\"]", "", "control or invisible");
	refused("[],\"input\":\"{b}\"", "", "b is no argument");
	refused("[\"{a}\"],\"input\":\"{a}\"", "a", "more than one slot");
}

/* The arguments of the program between bars, or the problem. */
static const char *filled(const char *part, const char *names, const char *arguments)
{
	const char *problem;
	struct command_plan *plan = load(part, names, &problem);
	struct text_buffer b = {.pool = &pool};

	assert_non_null(plan);
	const char *const *argv =
	    command_arguments_fill(&pool, plan, json_read(&pool, text_of(arguments), NULL), &problem);
	if (argv == NULL)
		return problem;
	text_append_str(&b, "");
	for (size_t i = 1; argv[i] != NULL; i++)
		text_append_printf(&b, "%s|", argv[i]);
	return b.base;
}

static void test_filled(void **state)
{
	static const char ALL[] = "{\"arguments\":[\"log\",\"--n={o}\",\"x{{y}}\",\"--\",\"{a}\",\"{l...}\"]}";

	(void)state;
	assert_string_equal(filled(ALL, "aol", "{\"a\":\"-a\",\"o\":\"-o\",\"l\":[\"-l\",1,true]}"),
	                    "log|--n=-o|x{y}|--|-a|-l|1|true|");
	assert_string_equal(filled(ALL, "aol", "{\"a\":\"a b;$(c) `d` {o}\",\"l\":[]}"),
	                    "log|x{y}|--|a b;$(c) `d` {o}|");
	assert_string_equal(filled(ALL, "aol", "{\"a\":\"\",\"o\":2.0,\"l\":[\"\"]}"), "log|--n=2|x{y}|--|||");
	assert_string_equal(filled("{\"arguments\":[\"--\",\"{a}\",\"{o}\"]}", "ao", "{\"a\":\"x\"}"), "--|x|");
	assert_string_equal(filled("{\"arguments\":[],\"input\":\"{a}\"}", "a", "{\"a\":\"x\"}"), "");
	assert_string_equal(filled("{\"arguments\":[],\"input\":\"{...}\"}", "aol", "{\"a\":\"x\"}"), "");
	assert_non_null(strstr(filled(ALL, "aol", "{\"a\":\"x\",\"l\":[\"y\",[]]}"), "arguments.l: must be a text"));
	/* what stands behind the slot */
	assert_string_equal(filled("{\"arguments\":[\"{a}-z\"]}", "a", "{\"a\":\"x\"}"), "x-z|");
	assert_non_null(
	    strstr(filled("{\"arguments\":[\"{a}-z\"]}", "a", "{\"a\":\"\"}"), "arguments.a: must not be empty"));
	assert_string_equal(filled("{\"arguments\":[\"--\",\"{a}-z\"]}", "a", "{\"a\":\"\"}"), "--|-z|");
	assert_non_null(strstr(filled(ALL, "aol", "{\"a\":null,\"l\":[]}"), "arguments.a: must be a text"));
}

static void test_input(void **state)
{
	const char *problem;
	const json_t *arguments;

	(void)state;
	arguments = json_read(&pool, text_of("{\"a\":\"x\\ny\",\"o\":5,\"l\":[1]}"), NULL);
	struct command_plan *plan = load("{\"arguments\":[],\"input\":\"{a}\"}", "a", &problem);
	assert_true(text_is(command_input(&pool, plan, arguments), "x\ny"));
	plan = load("{\"arguments\":[],\"input\":\"{...}\"}", "aol", &problem);
	assert_true(text_is(command_input(&pool, plan, arguments), "{\"a\":\"x\\ny\",\"o\":5,\"l\":[1]}"));
	plan = load("{\"arguments\":[]}", "", &problem);
	assert_null(command_input(&pool, plan, arguments).base);
}

/* ---- arguments that try to be more ---- */

static const char *const OPENINGS[] = {"",
                                       "-",
                                       "--",
                                       "---",
                                       "-x",
                                       "--x=",
                                       "--upload-pack=",
                                       "-o",
                                       "-oProxyCommand=",
                                       "\xe2\x88\x92" /* minus */,
                                       "\xe2\x80\x93" /* dash */,
                                       "\xef\xbc\x8d" /* wide */,
                                       "\xef\xbb\xbf-",
                                       " -",
                                       "\t-",
                                       "\n-",
                                       "\r-",
                                       "\x0b-",
                                       "\x1b-",
                                       "\x7f-",
                                       "\xc2\x85-",
                                       "\xc2\xa0-",
                                       "'-",
                                       "\"-",
                                       "\\-",
                                       "{a}",
                                       "{l...}",
                                       "%s-",
                                       "@-"};
static const char *const PAYLOADS[] = {"",
                                       "x",
                                       "help",
                                       "exec=/bin/sh",
                                       "; touch /tmp/x",
                                       "&& id",
                                       "| id",
                                       "$(id)",
                                       "`id`",
                                       "${IFS}id",
                                       "\nid",
                                       "\r\nid",
                                       ("\xc2\x9b"
                                        "31m"),
                                       "' -- '",
                                       "\" -- \"",
                                       "-- -x",
                                       "../../etc/passwd",
                                       "%n%n%n",
                                       "{o}",
                                       "~root",
                                       "*",
                                       "x=y -z",
                                       "\xf0\x9f\x98\x80"};

/* The value comes out as the one argument that it is, or not at all; as an option never. */
static void look(const struct command_plan *plan, size_t slot, size_t count, bool is_free, const char *value)
{
	const char *problem;
	const json_t *arguments = json_keep(&pool, json_pack("{s:s, s:s, s:[s]}", "a", value, "o", value, "l", value));
	const char *const *argv = command_arguments_fill(&pool, plan, arguments, &problem);
	size_t found = 0;

	if (has_control(value) || (value[0] == '-' && !is_free)) {
		assert_null(argv);
		return;
	}
	assert_non_null(argv);
	while (argv[found] != NULL)
		found++;
	assert_int_equal(found, count);
	const char *stands = argv[slot];
	if (strncmp(stands, "--o=", 4) == 0)
		stands += 4;
	assert_string_equal(stands, value);
}

static void test_generated(void **state)
{
	static const struct {
		const char *part, *names;
		size_t slot, count;
		bool is_free;
	} TEMPLATES[] = {
	    {"{\"arguments\":[\"{a}\"]}", "a", 1, 2, false},
	    {"{\"arguments\":[\"-n\",\"{a}\",\"z\"]}", "a", 2, 4, false},
	    {"{\"arguments\":[\"--\",\"{a}\"]}", "a", 2, 3, true},
	    {"{\"arguments\":[\"--o={o}\",\"z\"]}", "o", 1, 3, true},
	    {"{\"arguments\":[\"z\",\"--\",\"{l...}\"]}", "l", 3, 4, true},
	};
	size_t count = 0;

	(void)state;
	for (size_t t = 0; t < sizeof(TEMPLATES) / sizeof(TEMPLATES[0]); t++) {
		const char *problem;
		struct command_plan *plan = load(TEMPLATES[t].part, TEMPLATES[t].names, &problem);
		assert_non_null(plan);
		for (size_t i = 0; i < sizeof(OPENINGS) / sizeof(OPENINGS[0]); i++)
			for (size_t k = 0; k < sizeof(PAYLOADS) / sizeof(PAYLOADS[0]); k++, count++)
				look(plan, TEMPLATES[t].slot, TEMPLATES[t].count, TEMPLATES[t].is_free,
				     text_printf(&pool, "%s%s", OPENINGS[i], PAYLOADS[k]));
	}
	printf("# %zu generated arguments\n", count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_refused_templates, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_filled, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_input, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_generated, open_pool, close_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
