/* SPDX-License-Identifier: Apache-2.0 */
#include "common/schema/schema_automaton.c"

#include "tests/unit/pool.h"

#include "common/schema/schema_internal.h"

static struct schema_automaton *compiled(const char *pattern)
{
	bool unbounded;
	const char *error;
	char *translated = schema_pattern_translate(&pool, pattern, strlen(pattern), &unbounded, &error);
	if (translated == NULL)
		fail_msg("%s: %s", pattern, error);
	return schema_automaton_compile(&pool, translated);
}

static void regular_patterns_match_as_they_should(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} SAMPLES[] = {
	    {"", "x", true},
	    {"a*", "", true},
	    {"[]", "a", false},
	    {"[^]", "", false},
	    {"[^]", "\n", true},
	    {"b", "abc", true},
	    {"b$", "abc", false},
	    {"^b", "abc", false},
	    {"^$", "", true},
	    {"$^", "", true},
	    {"^$", "\n", false},
	    {"a^b", "ab", false},
	    {"(^a|b)c", "abc", true},
	    {"(^a|b)c", "aac", false},
	    {"^(?:a|bc)*d?$", "abcbcad", true},
	    {"^(?:a|bc)*d?$", "abcbad", false},
	    {"^a{2}$", "aa", true},
	    {"^a{2}$", "aaa", false},
	    {"^a{2,}$", "aaaaa", true},
	    {"^a{2,}$", "a", false},
	    {"^a{1,3}b$", "aaab", true},
	    {"^a{1,3}b$", "aaaab", false},
	    {"^a{0}b$", "b", true},
	    {"^(?<year>\\d{4})-\\d\\d$", "2026-01", true},
	    {"^[a-z][a-z0-9-]{0,62}$", "checkout-1", true},
	    {"^[a-z][a-z0-9-]{0,62}$", "1checkout", false},
	    {"^.$", "\xc3\xa4", true},
	    {"^.$", "\xf0\x9f\x98\x80", true},
	    {"^.$", "\xe2\x80\xa8", false},
	    {"^[\xc3\xa4-\xc3\xbc]$", "\xc3\xbb", true},
	    {"^[\xc3\xa4-\xc3\xbc]$", "\xc3\xbd", false},
	    {"^[^a]$", "\xe2\x82\xac", true},
	    {"^[\\u{7f}-\\u{10ffff}]+$", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	     true},
	    {"^[\\u{81}-\\u{10fffe}]$", "\xf4\x8f\xbf\xbf", false},
	    {"^[\\u{81}-\\u{10fffe}]$", "\xc2\x80", false},
	    {"^[\\W\\d]$", "5", true},
	    {"^[\\W\\d]$", "a", false},
	    {"^\\s$", "\xe3\x80\x80", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(SAMPLES) / sizeof(SAMPLES[0]); i++) {
		const struct schema_automaton *a = compiled(SAMPLES[i].pattern);
		if (a == NULL)
			fail_msg("%s has no automaton", SAMPLES[i].pattern);
		if (schema_automaton_matches(a, text_of(SAMPLES[i].text)) != SAMPLES[i].matches)
			fail_msg("%s on %s", SAMPLES[i].pattern, SAMPLES[i].text);
	}
}

static void other_patterns_have_none(void **state)
{
	static const char *const PATTERNS[] = {
	    "(?=a)a", "a(?!b)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?<n>a)\\k<n>", "\\bword\\b", "\\p{L}", "[\\p{L}]",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(PATTERNS) / sizeof(PATTERNS[0]); i++) {
		if (compiled(PATTERNS[i]) != NULL)
			fail_msg("%s has an automaton", PATTERNS[i]);
	}
}

static void a_table_has_its_bounds(void **state)
{
	(void)state;
	assert_non_null(compiled("^.{1,100}$"));
	/* which of the last 20 characters was an a: 2^20 sets */
	assert_null(compiled("a[ab]{20}$"));
	assert_null(compiled("(?:(?:[a-z]{50}){50}){50}"));
	assert_null(compiled("^[^a]{5000}$"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(regular_patterns_match_as_they_should, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(other_patterns_have_none, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(a_table_has_its_bounds, open_pool, close_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
