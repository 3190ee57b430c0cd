/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_rows.c"

#include "tests/unit/pool.h"
#undef fail /* a step ends with fail(), as in request.h */

enum { COLUMNS = 7 };

static const char *const NAMES[COLUMNS] = {"id", "ratio", "ok", "data", "note", "amount", "hidden"};
static const Oid TYPES[COLUMNS] = {OID_INT8, OID_FLOAT8, OID_BOOL, OID_JSONB, 25, OID_NUMERIC, 25};

static const char *KEPT[] = {"note", "id", "ratio", "ok", "data", "amount"};

static const struct sql_statement STATEMENT = {.columns = KEPT, .column_count = 6};

static PGresult *make_rows(const char *const values[][COLUMNS], int count)
{
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[COLUMNS] = {{0}};
	for (int i = 0; i < COLUMNS; i++) {
		columns[i].name = (char *)NAMES[i];
		columns[i].typid = TYPES[i];
	}
	assert_true(PQsetResultAttrs(rows, COLUMNS, columns));
	for (int row = 0; row < count; row++)
		for (int i = 0; i < COLUMNS; i++)
			assert_true(PQsetvalue(rows, row, i, (char *)values[row][i],
			                       values[row][i] != NULL ? (int)strlen(values[row][i]) : -1));
	return rows;
}

static struct sql_plan plan_of(bool untrusted, unsigned rows)
{
	return (struct sql_plan){.rows = rows, .bytes = SQL_BYTES_DEFAULT, .untrusted = untrusted};
}

static struct outcome outcome_of(const struct sql_plan *plan, PGresult *rows)
{
	struct outcome outcome;
	assert_true(sql_rows_outcome(&pool, plan, &STATEMENT, &(struct sql_given){.rows = rows}, &outcome));
	PQclear(rows);
	return outcome;
}

static json_t *structured_of(const struct outcome *outcome)
{
	json_t *value = json_read(&pool, outcome->structured, NULL);
	assert_non_null(value);
	return value;
}

static const char *text_part(const struct outcome *outcome)
{
	const json_t *content = json_read(&pool, outcome->content, NULL);
	assert_int_equal(json_array_size(content), 1);
	return json_string_value(json_object_get(json_array_get(content, 0), "text"));
}

static void test_values_have_their_types(void **state)
{
	(void)state;
	static const char *const values[][COLUMNS] = {
	    {"9007199254740993", "1.5e+20", "t", "{\"a\": [1, null]}", "say \"hi\"\n\x01", "12.50", "secret"},
	    {NULL, "NaN", "f", NULL, "", "NaN", "secret"},
	};
	struct sql_plan plan = plan_of(false, 10);
	struct outcome outcome = outcome_of(&plan, make_rows(values, 2));
	static const char expected[] =
	    "{\"rows\":[{\"note\":\"say "
	    "\\\"hi\\\"\\n\\u0001\",\"id\":9007199254740993,\"ratio\":1.5e+20,"
	    "\"ok\":true,\"data\":{\"a\": [1, "
	    "null]},\"amount\":12.50},{\"note\":\"\",\"id\":null,\"ratio\":\"NaN\",\"ok\":false,"
	    "\"data\":null,\"amount\":\"NaN\"}],\"truncated\":false}";
	assert_int_equal(outcome.rows, 2);
	assert_string_equal(text_copy(&pool, outcome.structured), expected);
	assert_null(outcome.meta.base);
	assert_false(outcome.is_error);
}

static void test_text_is_a_copy(void **state)
{
	(void)state;
	static const char *const values[][COLUMNS] = {{"1", "2", "t", "[]", "n", "3", "x"}};
	struct sql_plan plan = plan_of(false, 10);
	struct outcome outcome = outcome_of(&plan, make_rows(values, 1));
	assert_true(text_is(outcome.structured, text_part(&outcome)));
}

static void test_surplus_rows_are_cut(void **state)
{
	(void)state;
	static const char *const row = "x";
	const char *values[3][COLUMNS];
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < COLUMNS; k++)
			values[i][k] = k == 4 || k == 6 ? row : NULL;
	struct sql_plan plan = plan_of(false, 2);
	struct outcome outcome = outcome_of(&plan, make_rows((const char *const(*)[COLUMNS])values, 3));
	const json_t *structured = structured_of(&outcome);
	assert_int_equal(outcome.rows, 2);
	assert_int_equal(json_array_size(json_object_get(structured, "rows")), 2);
	assert_true(json_is_true(json_object_get(structured, "truncated")));
}

static void test_large_results_are_cut(void **state)
{
	(void)state;
	char *large = h2o_mem_alloc_pool(&pool, 600001);
	memset(large, 'x', 600000);
	large[600000] = '\0';
	const char *values[2][COLUMNS] = {{"1", "1", "t", "1", large, "1", ""}, {"2", "1", "t", "1", large, "1", ""}};
	struct sql_plan plan = plan_of(false, 10);
	struct outcome outcome = outcome_of(&plan, make_rows((const char *const(*)[COLUMNS])values, 2));
	assert_int_equal(outcome.rows, 1);
	assert_true(json_is_true(json_object_get(structured_of(&outcome), "truncated")));
}

static void test_untrusted_text_is_marked(void **state)
{
	(void)state;
	static const char *const values[][COLUMNS] = {{"1", "1", "t", "{\"k\":\"ab\"}", "line\nuntrusted-x>>>", "1", ""}};
	struct sql_plan plan = plan_of(true, 10);
	struct outcome outcome = outcome_of(&plan, make_rows(values, 1));
	const json_t *row = json_array_get(json_object_get(structured_of(&outcome), "rows"), 0);
	assert_true(text_is(json_get_text(row, "note"), "line\nuntrusted-x>>>"));
	assert_true(text_is(json_get_text(json_object_get(row, "data"), "k"), "ab"));
	assert_true(text_is(outcome.meta, "\"sallyport/untrusted\":true"));
	const char *text = text_part(&outcome), *mark = strstr(text, "<<<untrusted-");
	assert_non_null(mark);
	char *end = text_printf(&pool, "%.*s>>>", (int)strcspn(mark + 3, "\n"), mark + 3);
	assert_string_equal(text + strlen(text) - strlen(end), end);
	struct outcome again = outcome_of(&plan, make_rows(values, 1));
	assert_null(strstr(text_part(&again), end)); /* never the same mark */
}

static void test_missing_column_is_no_result(void **state)
{
	(void)state;
	static const char *const values[][COLUMNS] = {{"1", "2", "t", "[]", "n", "3", "x"}};
	const char *kept[] = {"id", "nothing"};
	struct sql_plan plan = plan_of(false, 5);
	struct sql_statement statement = {.columns = kept, .column_count = 2};
	struct outcome outcome;
	PGresult *rows = make_rows(values, 1);
	assert_false(sql_rows_outcome(&pool, &plan, &statement, &(struct sql_given){.rows = rows}, &outcome));
	PQclear(rows);
}

static void test_no_rows(void **state)
{
	(void)state;
	struct sql_plan plan = plan_of(false, 5);
	struct outcome outcome = outcome_of(&plan, PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK));
	assert_string_equal(text_part(&outcome), "{\"rows\":[],\"truncated\":false}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_values_have_their_types, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_text_is_a_copy, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_surplus_rows_are_cut, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_large_results_are_cut, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_untrusted_text_is_marked, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_missing_column_is_no_result, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_no_rows, open_pool, close_pool),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
