/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

#define T(literal) ((h2o_iovec_t){(char *)literal, sizeof(literal) - 1})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void refused_as(h2o_iovec_t text, enum json_problem expected)
{
	enum json_problem problem;
	char *exact = malloc(text.len + 1);
	memcpy(exact, text.base == NULL ? "" : text.base, text.len);
	exact = realloc(exact, text.len == 0 ? 1 : text.len);
	json_t *value = json_read(&pool, h2o_iovec_init(exact, text.len), &problem);
	if (value != NULL)
		fail_msg("accepted: %.*s", (int)text.len, exact);
	if (problem != expected)
		fail_msg("problem %d, not %d: %.*s", (int)problem, (int)expected, (int)text.len, exact);
	assert_null(json_read(&pool, h2o_iovec_init(exact, text.len), NULL));
	free(exact);
}

static json_t *read_fine(h2o_iovec_t text)
{
	enum json_problem problem = JSON_BAD_SYNTAX;
	json_t *value = json_read(&pool, text, &problem);
	if (value == NULL)
		fail_msg("problem %d: %.*s", (int)problem, (int)text.len, text.base);
	assert_int_equal(problem, JSON_FINE);
	return value;
}

static void reads(void **state)
{
	(void)state;
	json_t *value = read_fine(T(" {\"a\":\"x\\ny\",\"b\":[1,-2,1.5,true,false,null],\"c\":{}} \n"));
	h2o_iovec_t a = json_get_text(value, "a");
	assert_int_equal(a.len, 3);
	assert_string_equal(a.base, "x\ny");
	assert_null(json_get_text(value, "b").base);
	assert_null(json_get_text(value, "absent").base);
	assert_null(json_get_text(NULL, "a").base);
	assert_null(json_get_text(json_object_get(value, "b"), "a").base);
	assert_true(json_is_string(read_fine(T("\"x\""))));
	assert_true(json_is_null(read_fine(T("null"))));
	assert_true(json_is_integer(read_fine(T("-0"))));
	assert_true(json_integer_value(read_fine(T("9223372036854775807"))) == INT64_MAX);
	assert_true(json_integer_value(read_fine(T("-9223372036854775808"))) == INT64_MIN);
	assert_true(json_is_real(read_fine(T("1e5"))));
	read_fine(T("\"\\ud83d\\ude00 \xf0\x9f\x98\x80\""));
	read_fine(T("{\"a\":1,\"A\":1,\"\":1}"));
	read_fine(T("[\"{[,\\\"]}\",\"\\\\\"]"));
}

static void refuses(void **state)
{
	(void)state;
	static const h2o_iovec_t bad[] = {
	    T(""),
	    T(" "),
	    T("{"),
	    T("}"),
	    T("["),
	    T("]"),
	    T("[}"),
	    T("{]"),
	    T("[1,]"),
	    T("{\"a\":1,}"),
	    T("{,}"),
	    T(","),
	    T("[,]"),
	    T("{\"a\"}"),
	    T("{a:1}"),
	    T("{'a':1}"),
	    T("\"a"),
	    T("\"a\\"),
	    T("\"\\\""),
	    T("01"),
	    T("+1"),
	    T(".5"),
	    T("1."),
	    T("1e"),
	    T("-"),
	    T("NaN"),
	    T("Infinity"),
	    T("tru"),
	    T("True"),
	    T("nullx"),
	    T("1 2"),
	    T("{} {}"),
	    T("[]]"),
	    T("// c\n1"),
	    T("/*c*/1"),
	    T("\"\t\""),
	    T("\"\n\""),
	    T("\"\\x\""),
	    T("\"\\u12\""),
	    T("\"\\u0000\""),
	    T("{\"\\u0000\":1}"),
	    T("\"\0\""),
	    T("1\0"),
	    T("\0"),
	    T("{\"a\":1}\0"),
	    T("\xef\xbb\xbf{}"),
	    T("\"\xff\""),
	    T("\"\xc0\x80\""),
	    T("\"\xed\xa0\x80\""),
	    T("\"\xf4\x90\x80\x80\""),
	    T("\"\\ud800\""),
	    T("\"\\udc00\""),
	    T("\"\\ud800\\u0041\""),
	    T("\"\\ud83dx\""),
	    T("{\0}"),
	    T("{\"a\":1 \"b\":2}"),
	    T("[1 2]"),
	    T("{1:2}"),
	    T("\xa0[]"),
	    T("\"a\"\"b\""),
	};
	for (size_t i = 0; i < COUNT(bad); i++)
		refused_as(bad[i], JSON_BAD_SYNTAX);
	refused_as(text_of(NULL), JSON_BAD_SYNTAX);
	refused_as(T("{\"a\":1,\"a\":1}"), JSON_DUPLICATE_MEMBER);
	refused_as(T("{\"a\":1,\"\\u0061\":2}"), JSON_DUPLICATE_MEMBER);
	refused_as(T("[{\"b\":{\"a\":1,\"c\":2,\"a\":null}}]"), JSON_DUPLICATE_MEMBER);
	static const h2o_iovec_t ranges[] = {T("9223372036854775808"), T("-9223372036854775809"), T("1e400"),
	                                     T("[-1e999]"), T("100000000000000000000000000000")};
	for (size_t i = 0; i < COUNT(ranges); i++)
		refused_as(ranges[i], JSON_NUMBER_RANGE);
}

static h2o_iovec_t nested(const char *open, const char *inner, const char *close, int depth)
{
	struct text_buffer text = {.pool = &pool};
	for (int i = 0; i < depth; i++)
		text_append_str(&text, open);
	text_append_str(&text, inner);
	for (int i = 0; i < depth; i++)
		text_append_str(&text, close);
	return h2o_iovec_init(text.base, text.len);
}

static void limits_depth(void **state)
{
	(void)state;
	read_fine(nested("[", "", "]", JSON_DEPTH_LIMIT));
	refused_as(nested("[", "", "]", JSON_DEPTH_LIMIT + 1), JSON_TOO_DEEP);
	read_fine(nested("{\"a\":", "1", "}", JSON_DEPTH_LIMIT));
	refused_as(nested("{\"a\":", "1", "}", JSON_DEPTH_LIMIT + 1), JSON_TOO_DEEP);
	refused_as(nested("[", "", "", 500000), JSON_TOO_DEEP);
	read_fine(nested("", "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", "", 1));
}

static h2o_iovec_t object_of(int members)
{
	struct text_buffer text = {.pool = &pool};
	for (int i = 0; i < members; i++)
		text_append_printf(&text, "%s\"m%d\":[1,2]", i == 0 ? "{" : ",", i);
	text_append_str(&text, "}");
	return h2o_iovec_init(text.base, text.len);
}

static void limits_members(void **state)
{
	(void)state;
	h2o_iovec_t full = object_of(JSON_MEMBERS_LIMIT);
	read_fine(full);
	refused_as(object_of(JSON_MEMBERS_LIMIT + 1), JSON_TOO_MANY_MEMBERS);
	/* Counted per object, not for all of them. */
	read_fine(text_of(text_printf(&pool, "[%s,%s,{\"a\":%s}]", full.base, full.base, full.base)));
	struct text_buffer many = {.pool = &pool};
	text_append_str(&many, "[0");
	for (int i = 0; i < 5000; i++)
		text_append_str(&many, ",0");
	text_append_str(&many, "]");
	read_fine(h2o_iovec_init(many.base, many.len));
	struct text_buffer empty = {.pool = &pool};
	text_append_str(&empty, "[{}");
	for (int i = 2; i < JSON_CONTAINERS_LIMIT; i++)
		text_append_str(&empty, i % 2 ? ",{}" : ",[]");
	h2o_iovec_t start = {empty.base, empty.len};
	read_fine(text_of(text_printf(&pool, "%s]", start.base)));
	refused_as(text_of(text_printf(&pool, "%s,{}]", start.base)), JSON_TOO_MANY_MEMBERS);
}

static void written(const char *text, const char *expected)
{
	assert_string_equal(json_text(&pool, read_fine(text_of(text))).base, expected);
}

static void writes(void **state)
{
	(void)state;
	written("{ \"b\" : 1 , \"a\" : [ ] , \"c\" : { } }", "{\"b\":1,\"a\":[],\"c\":{}}");
	written("[true,false,null,-9223372036854775808,\"x\"]", "[true,false,null,-9223372036854775808,\"x\"]");
	written("[0.1,1.0,-0.0,1e5,1.5e300,0.30000000000000004,5e-324,123456789.125,1e22]",
	        "[0.1,1.0,-0.0,100000.0,1.5e+300,0.30000000000000004,4.94065645841247e-324,123456789."
	        "125,1e+22]");
	written("\"\\\"\\\\\\u2028\\u007f\\n\\/\"", "\"\\\"\\\\\\u2028\\u007f\\n/\"");
	written("{\"k\\\"ey\":\"\xc3\xa9\"}", "{\"k\\\"ey\":\"\xc3\xa9\"}");
	json_t *one = read_fine(T("{\"b\":{\"z\":1,\"y\":[{\"q\":1,\"p\":2}]},\"a\":1,\"ab\":0}"));
	json_t *other = read_fine(T("{\"ab\":0,\"a\":1,\"b\":{\"y\":[{\"p\":2,\"q\":1}],\"z\":1}}"));
	assert_string_equal(json_canonical(&pool, one).base,
	                    "{\"a\":1,\"ab\":0,\"b\":{\"y\":[{\"p\":2,\"q\":1}],\"z\":1}}");
	assert_true(text_equal(json_canonical(&pool, one), json_canonical(&pool, other)));
	assert_string_equal(json_canonical(&pool, read_fine(T("{}"))).base, "{}");
	h2o_iovec_t text = json_text(&pool, one);
	assert_int_equal(strlen(text.base), text.len);
}

static void reals_go_round(void **state)
{
	(void)state;
	for (int i = 1; i < 20000; i++) {
		double number = (double)i / 7.0 * (i % 2 ? 1e-10 : 1e10);
		json_t *value = json_keep(&pool, json_real(number));
		assert_true(json_real_value(read_fine(json_text(&pool, value))) == number);
	}
}

static void scalars_have_one_text(void **state)
{
	(void)state;
	static const struct {
		const char *json, *text;
	} CASES[] = {
	    {"\"x\"", "x"}, {"\"\"", ""},    {"true", "true"}, {"-7", "-7"},   {"9007199254740993", "9007199254740993"},
	    {"5.0", "5"},   {"1e3", "1000"}, {"0.5", "0.5"},   {"null", NULL}, {"[1]", NULL},
	    {"{}", NULL},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		json_t *value = json_keep(&pool, json_loads(CASES[i].json, JSON_DECODE_ANY, NULL));
		h2o_iovec_t text = json_scalar_text(&pool, value);
		if (CASES[i].text == NULL)
			assert_null(text.base);
		else
			assert_string_equal(text_copy(&pool, text), CASES[i].text);
	}
	assert_null(json_scalar_text(&pool, NULL).base);
}

static void keeps(void **state)
{
	(void)state;
	h2o_mem_pool_t own;
	h2o_mem_init_pool(&own);
	json_t *value = json_string("x");
	json_incref(value);
	assert_ptr_equal(json_keep(&own, value), value);
	assert_null(json_keep(&own, NULL));
	assert_int_equal(value->refcount, 2);
	h2o_mem_clear_pool(&own);
	assert_int_equal(value->refcount, 1);
	json_decref(value);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads),        cmocka_unit_test(refuses),
	    cmocka_unit_test(limits_depth), cmocka_unit_test(limits_members),
	    cmocka_unit_test(writes),       cmocka_unit_test(reals_go_round),
	    cmocka_unit_test(keeps),        cmocka_unit_test(scalars_have_one_text),
	};
	json_init();
	h2o_mem_init_pool(&pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
