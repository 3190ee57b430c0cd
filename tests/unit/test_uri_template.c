/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcp/catalogue/uri_template.c"
#include "mcp/catalogue/uri_template_match.c"
#include "mcp/catalogue/uri_template_program.c"

static h2o_mem_pool_t pool;

static int open_pool(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static const struct uri_template *compile(const char *text)
{
	const char *problem;
	const struct uri_template *template = uri_template_compile(&pool, text_of(text), &problem);

	if (template == NULL)
		fail_msg("%s %s", text, problem);
	return template;
}

/* The variables of RFC 6570, 3.2, that have one value. */
static const char *const RFC_VALUES[][2] = {
    {"dub", "me/too"},    {"hello", "Hello World!"},
    {"half", "50%"},      {"var", "value"},
    {"who", "fred"},      {"base", "http://example.com/home/"},
    {"path", "/foo/bar"}, {"v", "6"},
    {"x", "1024"},        {"y", "768"},
    {"empty", ""},
};

static h2o_iovec_t rfc_value(const char *name)
{
	for (size_t i = 0; i < sizeof(RFC_VALUES) / sizeof(RFC_VALUES[0]); i++)
		if (strcmp(RFC_VALUES[i][0], name) == 0)
			return text_of(RFC_VALUES[i][1]);
	return (h2o_iovec_t){NULL, 0};
}

/* The examples of levels 1 to 3 in RFC 6570: 1.2 and 3.2.2 to 3.2.9. */
static const char *const RFC_EXAMPLES[][2] = {
    {"{var}", "value"},
    {"{hello}", "Hello%20World%21"},
    {"{+var}", "value"},
    {"{+hello}", "Hello%20World!"},
    {"{+path}/here", "/foo/bar/here"},
    {"here?ref={+path}", "here?ref=/foo/bar"},
    {"X{#var}", "X#value"},
    {"X{#hello}", "X#Hello%20World!"},
    {"map?{x,y}", "map?1024,768"},
    {"{x,hello,y}", "1024,Hello%20World%21,768"},
    {"{+x,hello,y}", "1024,Hello%20World!,768"},
    {"{+path,x}/here", "/foo/bar,1024/here"},
    {"{#x,hello,y}", "#1024,Hello%20World!,768"},
    {"{#path,x}/here", "#/foo/bar,1024/here"},
    {"X{.var}", "X.value"},
    {"X{.x,y}", "X.1024.768"},
    {"{/var}", "/value"},
    {"{/var,x}/here", "/value/1024/here"},
    {"{;x,y}", ";x=1024;y=768"},
    {"{;x,y,empty}", ";x=1024;y=768;empty"},
    {"{?x,y}", "?x=1024&y=768"},
    {"{?x,y,empty}", "?x=1024&y=768&empty="},
    {"?fixed=yes{&x}", "?fixed=yes&x=1024"},
    {"{&x,y,empty}", "&x=1024&y=768&empty="},
    {"{half}", "50%25"},
    {"O{empty}X", "OX"},
    {"O{undef}X", "OX"},
    {"{x,y}", "1024,768"},
    {"?{x,empty}", "?1024,"},
    {"?{x,undef}", "?1024"},
    {"?{undef,y}", "?768"},
    {"{+half}", "50%25"},
    {"{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"},
    {"{+base}index", "http://example.com/home/index"},
    {"O{+empty}X", "OX"},
    {"O{+undef}X", "OX"},
    {"up{+path}{var}/here", "up/foo/barvalue/here"},
    {"{#var}", "#value"},
    {"{#half}", "#50%25"},
    {"foo{#empty}", "foo#"},
    {"foo{#undef}", "foo"},
    {"{.who}", ".fred"},
    {"{.who,who}", ".fred.fred"},
    {"{.half,who}", ".50%25.fred"},
    {"X{.empty}", "X."},
    {"X{.undef}", "X"},
    {"{/who}", "/fred"},
    {"{/who,who}", "/fred/fred"},
    {"{/half,who}", "/50%25/fred"},
    {"{/who,dub}", "/fred/me%2Ftoo"},
    {"{/var,empty}", "/value/"},
    {"{/var,undef}", "/value"},
    {"{;who}", ";who=fred"},
    {"{;half}", ";half=50%25"},
    {"{;empty}", ";empty"},
    {"{;v,empty,who}", ";v=6;empty;who=fred"},
    {"{;v,bar,who}", ";v=6;who=fred"},
    {"{;x,y,undef}", ";x=1024;y=768"},
    {"{?who}", "?who=fred"},
    {"{?half}", "?half=50%25"},
    {"{?x,y,undef}", "?x=1024&y=768"},
    {"{&who}", "&who=fred"},
    {"{&half}", "&half=50%25"},
    {"{&x,y,undef}", "&x=1024&y=768"},
};

static void the_examples_of_the_rfc_expand(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(RFC_EXAMPLES) / sizeof(RFC_EXAMPLES[0]); i++) {
		const struct uri_template *template = compile(RFC_EXAMPLES[i][0]);
		h2o_iovec_t values[URI_TEMPLATE_VARIABLES_MAX];
		for (size_t j = 0; j < uri_template_variable_count(template); j++)
			values[j] = rfc_value(uri_template_variable(template, j));
		h2o_iovec_t expanded = uri_template_expand(&pool, template, values);
		if (!text_is(expanded, RFC_EXAMPLES[i][1]))
			fail_msg("%s: %s", RFC_EXAMPLES[i][0], expanded.base);
	}
}

/* What the examples expand to gives the values back, where it has one reading. */
static void the_examples_of_the_rfc_match(void **state)
{
	size_t matched = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(RFC_EXAMPLES) / sizeof(RFC_EXAMPLES[0]); i++) {
		const struct uri_template *template = compile(RFC_EXAMPLES[i][0]);
		h2o_iovec_t values[URI_TEMPLATE_VARIABLES_MAX];
		if (uri_template_problem(template) != NULL ||
		    !uri_template_match(&pool, template, text_of(RFC_EXAMPLES[i][1]), values))
			continue;
		matched++;
		for (size_t j = 0; j < uri_template_variable_count(template); j++) {
			h2o_iovec_t value = rfc_value(uri_template_variable(template, j));
			assert_true(text_equal(values[j], value));
			assert_true((values[j].base == NULL) == (value.base == NULL));
		}
	}
	assert_int_equal(matched, 44);
}

static void what_is_no_template_is_refused(void **state)
{
	static const char *const BAD[] = {
	    "{",     "x{a",     "x}",    "{}",       "{a,}",  "{,a}",
	    "{a:3}", "{a*}",    "{=a}",  "{!a}",     "{|a}",  "{a b}",
	    "{a.}",  "{.a..b}", "a b",   "a\"",      "a'",    "%",
	    "%4",    "%zz",     "\x01",  "\xC3\xA4", "a<",    "a\\",
	    "a^",    "a`",      "{%41}", "{a}}",     "{{a}}", "{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q}",
	};
	const char *problem;

	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		if (uri_template_compile(&pool, text_of(BAD[i]), &problem) != NULL)
			fail_msg("%s was taken", BAD[i]);
		assert_non_null(problem);
	}
	char *longest = h2o_mem_alloc_pool(&pool, URI_TEMPLATE_SIZE_MAX + 1);
	memset(longest, 'a', URI_TEMPLATE_SIZE_MAX + 1);
	assert_non_null(uri_template_compile(&pool, h2o_iovec_init(longest, URI_TEMPLATE_SIZE_MAX), &problem));
	assert_null(uri_template_compile(&pool, h2o_iovec_init(longest, URI_TEMPLATE_SIZE_MAX + 1), &problem));
}

/* Template, URI, and the values one after another with a blank behind each; "-" for one that is missing; NULL: does
 * not match. */
static const char *const MATCHES[][3] = {
    {"s://t/{id}", "s://t/5", "5 "},
    {"s://t/{id}", "s://t/", NULL},
    {"s://t/{id}", "s://t/a/b", NULL},
    {"s://t/{id}", "s://t/a%2Fb", "a/b "},
    {"s://t/{id}", "s://t/a%2fb", "a/b "},
    {"s://t/{id}", "S://t/5", NULL},
    {"s://t/{id}", "s://t/5?x", NULL},
    {"s://t/{id}", "s://t/5#", NULL},
    {"s://t/{id}", "s://t/a b", NULL},
    {"s://t/{id}", "s://t/%", NULL},
    {"s://t/{id}", "s://t/%4", NULL},
    {"s://t/{id}", "s://t/%4g", NULL},
    {"s://t/{id}", "s://t/%00", NULL},
    {"s://t/{id}", "s://t/%0a", NULL},
    {"s://t/{id}", "s://t/%7F", NULL},
    {"s://t/{id}", "s://t/%C2%85", NULL},
    {"s://t/{id}", "s://t/%C3%85", "\xC3\x85 "},
    {"s://t/{id}", "s://t/%C3", NULL},
    {"s://t/{id}", "s://t/%FF", NULL},
    {"s://t/{id}", "s://t/%ED%A0%80", NULL},
    {"s://t/{id}", "s://t/\xC3\xA4", NULL},
    {"s://t/{id}", "s://t/(it's)", "(it's) "},
    {"s://t/{id}/data", "s://t/123/data", "123 "},
    {"s://t/{id}/data", "s://t/123/data/", NULL},
    {"s://t/{file}.json", "s://t/a.json.json", "a.json "},
    {"s://t/{file}{.type}", "s://t/a.b.c", "a.b c "},
    {"s://t/{a,b}", "s://t/1,2", "1 2 "},
    {"s://t/{a,b}", "s://t/1", NULL},
    {"s:{+path}", "s:/a/b?c#d", "/a/b?c#d "},
    {"s:{+path}", "s:a%20b", "a b "},
    {"s://t{/a,b}", "s://t/1/2", "1 2 "},
    {"s://t{/a,b}", "s://t/1", NULL},
    {"s://t{#f}", "s://t#x/y", "x/y "},
    {"s://t{?a,b}", "s://t", "- - "},
    {"s://t{?a,b}", "s://t?a=1", "1 - "},
    {"s://t{?a,b}", "s://t?b=2", "- 2 "},
    {"s://t{?a,b}", "s://t?a=1&b=2", "1 2 "},
    {"s://t{?a,b}", "s://t?a=&b=", "  "},
    {"s://t{?a,b}", "s://t?b=2&a=1", NULL},
    {"s://t{?a,b}", "s://t?", NULL},
    {"s://t{?a,b}", "s://t?a", NULL},
    {"s://t{?a,b}", "s://t&a=1", NULL},
    {"s://t{?a,b}", "s://t?a=1&b=2&", NULL},
    {"s://t{?a,b}", "s://t?a=1&a=1", NULL},
    {"s://t?x=y{&a}", "s://t?x=y&a=%26", "& "},
    {"s://t{;a,b}", "s://t;a;b=2", " 2 "},
    {"s://t{;a,b}", "s://t;a=;b=2", NULL},
    {"s://t{?a,ab}", "s://t?ab=1", "- 1 "},
    {"s://fixed", "s://fixed", ""},
};

static void uris_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(MATCHES) / sizeof(MATCHES[0]); i++) {
		const struct uri_template *template = compile(MATCHES[i][0]);
		h2o_iovec_t values[URI_TEMPLATE_VARIABLES_MAX];
		struct text_buffer b = {.pool = &pool};
		assert_null(uri_template_problem(template));
		bool matches = uri_template_match(&pool, template, text_of(MATCHES[i][1]), values);
		if (matches != (MATCHES[i][2] != NULL))
			fail_msg("%s: %s", MATCHES[i][0], MATCHES[i][1]);
		text_append_str(&b, "");
		for (size_t j = 0; matches && j < uri_template_variable_count(template); j++)
			text_append_printf(&b, "%s ", values[j].base != NULL ? values[j].base : "-");
		if (matches)
			assert_string_equal(b.base, MATCHES[i][2]);
	}
}

static void a_template_with_two_readings_has_a_problem(void **state)
{
	static const char *const AMBIGUOUS[] = {
	    "s:{a}{b}",  "s:{a}-{b}",   "s:{+a}/{+b}", "s:{+a,b}",  "s:{#a,b}",  "s:{a}/{a}", "s:{+a}{?b}",
	    "s:{a}x{b}", "s:{a}%20{b}", "s:{?a}{?a}",  "s:{+a}{b}", "s:{a}{+b}", "s:{.a}{b}", "s:{;a}{+b}",
	};
	static const char *const FINE[] = {
	    "s:{a}",     "s:{a}/{b}",       "s:{a,b}",    "s:{/a,b,c}",  "s:{.a,b}",     "s:{a}{.b}",
	    "s:{a}{/b}", "s:{a}{?b,c}{#d}", "s:{a}.json", "s:{+a}.json", "s:{?a,b,c,d}", "s:{;a}{?b}",
	    "s:",        "s:{?a}{&b}",      "s:{?a}{?b}", "s:{+a}/{b}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(AMBIGUOUS) / sizeof(AMBIGUOUS[0]); i++)
		if (uri_template_problem(compile(AMBIGUOUS[i])) == NULL)
			fail_msg("%s has no problem", AMBIGUOUS[i]);
	for (size_t i = 0; i < sizeof(FINE) / sizeof(FINE[0]); i++)
		if (uri_template_problem(compile(FINE[i])) != NULL)
			fail_msg("%s has a problem", FINE[i]);
}

static void templates_overlap(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} PAIRS[] = {
	    {"s://t/{id}", "s://t/{name}", true},       {"s://t/{id}", "s://u/{id}", false},
	    {"s://t/{id}", "s://t/{id}/more", false},   {"s://t/{+path}", "s://t/{id}/more", true},
	    {"s://t/{id}", "s://t/{id}{?level}", true}, {"s://t/{id}", "s://t/fixed", true},
	    {"s://t/{id}.a", "s://t/{id}.b", false},    {"s://t/a{x}", "s://t/{y}b", true},
	    {"s://t{/a,b}", "s://t{/a}", false},        {"s://t/{a,b}", "s://t/{a}", false},
	    {"s://t{?a}", "s://t{?b}", true},           {"s://t?x{&a}", "s://t{?b}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(PAIRS) / sizeof(PAIRS[0]); i++) {
		const struct uri_template *a = compile(PAIRS[i].a), *b = compile(PAIRS[i].b);
		if (uri_template_overlaps(a, b) != PAIRS[i].overlap || uri_template_overlaps(b, a) != PAIRS[i].overlap)
			fail_msg("%s and %s", PAIRS[i].a, PAIRS[i].b);
	}
}

/* The largest template and the longest URI: bounded work and memory. */
static void the_largest_ones_are_read(void **state)
{
	struct text_buffer template = {.pool = &pool}, uri = {.pool = &pool};
	h2o_iovec_t values[URI_TEMPLATE_VARIABLES_MAX];

	(void)state;
	text_append_str(&template, "s:{?");
	for (char c = 'a'; c < 'a' + URI_TEMPLATE_VARIABLES_MAX; c++)
		text_append_printf(&template, "%s%c%027d", c > 'a' ? "," : "", c, 0);
	text_append_str(&template, "}");
	const struct uri_template *largest = compile(template.base);
	assert_null(uri_template_problem(largest));
	text_append_printf(&uri, "s:?a%027d=", 0);
	while (uri.len < URI_SIZE_MAX)
		text_append_str(&uri, "x");
	assert_true(uri_template_match(&pool, largest, h2o_iovec_init(uri.base, uri.len), values));
	assert_int_equal(values[0].len, URI_SIZE_MAX - 32);
	text_append_str(&uri, "x");
	assert_false(uri_template_match(&pool, largest, h2o_iovec_init(uri.base, uri.len), values));
	assert_false(uri_template_match(&pool, largest, (h2o_iovec_t){NULL, 0}, values));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_examples_of_the_rfc_expand, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(the_examples_of_the_rfc_match, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(what_is_no_template_is_refused, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(uris_match, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(a_template_with_two_readings_has_a_problem, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(templates_overlap, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(the_largest_ones_are_read, open_pool, close_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
