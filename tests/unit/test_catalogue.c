/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/catalogue.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#include "mcp/backend/backends.h"
#include "mcp/backend/sql/sql_plan.h"
#include "mcp/protocol/tool_headers.h"

static h2o_mem_pool_t pool;
static char folder[64];

static const char GOOD[] = "name: get_user\n"
			   "title: Look up a user\n"
			   "description: |\n  One user.\n  By e-mail.\n"
			   "scope: users:read\n"
			   "tier: read\n"
			   "input:\n"
			   "  type: object\n"
			   "  additionalProperties: false\n"
			   "  properties: {email: {type: string, pattern: '^[a-z]{1,60}@x$'}}\n"
			   "  required: [email]\n"
			   "sql:\n"
			   "  statement: |\n    select email, '$9' as name -- $8\n    from users where email = $1;\n"
			   "  parameters: [email]\n"
			   "  timeout: 2s\n"
			   "result: {columns: [email, name], rows: 5}\n";

static struct mcp_settings settings_of(void)
{
	json_t *scopes =
	    json_pack("{s:{s:s}, s:{s:s}}", "users:read", "title", "Users", "tools:admin", "title", "Administer");
	return (struct mcp_settings){
	    .file = "mcp.yaml",
	    .scopes = json_keep(&pool, scopes),
	    .tools = folder,
	    .read = {"host=/run/x", 2},
	    .write = {"host=/run/x", 2},
	};
}

/* What was loaded lives as long as the test. */
static struct catalogue *load(const struct mcp_settings *settings, const char **error)
{
	struct catalogue *c = catalogue_load(&pool, settings, error);

	if (c != NULL) {
		h2o_mem_link_shared(&pool, c);
		h2o_mem_release_shared(c);
	}
	return c;
}

static void write_tool(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int open_folder(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	strcpy(folder, "/tmp/sallyport-catalogue-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int close_folder(void **state)
{
	const char *error = NULL;
	size_t count = 0;
	const char *const *files = config_folder(&pool, folder, 1000, &count, &error);
	(void)state;
	for (size_t i = 0; i < count; i++)
		unlink(files[i]);
	h2o_mem_clear_pool(&pool);
	return rmdir(folder);
}

/* GOOD with one piece of text replaced. */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(GOOD, from);
	assert_non_null(at);
	return text_printf(&pool, "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
}

static void test_compiles_a_tool(void **state)
{
	(void)state;
	struct mcp_settings settings = settings_of();
	const char *error = NULL;
	write_tool("user.yaml", GOOD);
	struct catalogue *c = load(&settings, &error);
	assert_null(error);
	assert_int_equal(c->count, 1);
	const struct item *item = catalogue_find(c, ITEM_TOOL, text_of("get_user"));
	assert_non_null(item);
	assert_null(catalogue_find(c, ITEM_PROMPT, text_of("get_user")));
	assert_ptr_equal(item->backend, &BACKEND_SQL);
	const struct sql_plan *plan = sql_plan_of(item);
	assert_string_equal(plan->timeout, "2000");
	assert_int_equal(plan->rows, 5);
	assert_string_equal(c->read_statements[plan->statements[0].number].sql,
	                    "select * from (select email, '$9' as name -- $8\nfrom users where email = $1\n) as tool "
	                    "limit 6");
	assert_int_equal(c->read_count, CATALOGUE_FIRST + 1);
	assert_int_equal(c->write_count, CATALOGUE_FIRST);
	assert_string_equal(c->statements[0].place, "/sql/statement");
	json_t *listed = json_read(&pool, item->listed, NULL);
	assert_true(json_equal(json_object_get(listed, "inputSchema"), tool_of(item)->input));
	const json_t *hints = json_object_get(listed, "annotations");
	assert_true(json_is_true(json_object_get(hints, "readOnlyHint")));
	assert_true(json_is_false(json_object_get(hints, "destructiveHint")));
	assert_true(json_is_false(json_object_get(hints, "openWorldHint")));
	assert_null(json_object_get(hints, "idempotentHint"));
}

static void test_finds_exact_names_only(void **state)
{
	(void)state;
	struct mcp_settings settings = settings_of();
	const char *error = NULL;
	write_tool("a.yaml", GOOD);
	write_tool("b.yaml", changed("name: get_user", "name: get_user2"));
	write_tool("c.yaml", changed("name: get_user", "name: a"));
	struct catalogue *c = load(&settings, &error);
	assert_non_null(c);
	assert_string_equal(c->items[0]->name, "a");
	assert_string_equal(catalogue_find(c, ITEM_TOOL, text_of("get_user"))->name, "get_user");
	assert_string_equal(catalogue_find(c, ITEM_TOOL, text_of("get_user2"))->name, "get_user2");
	static const char *const others[] = {"",          "Get_user", "get_user ",       "get_use",
	                                     "get_user3", "b",        "server__get_user"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_null(catalogue_find(c, ITEM_TOOL, text_of(others[i])));
	assert_null(catalogue_find(c, ITEM_TOOL, h2o_iovec_init("get_user\0", 9)));
}

static void test_refuses_what_is_not_wholly_right(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *place;
	} cases[] = {
	    {"scope: users:read\n", "", "scope"},
	    {"scope: users:read\n", "scope: other:read\n", "/scope: other:read is not among"},
	    {"tier: read\n", "tier: readonly\n", "tier"},
	    {"tier: read\n", "tier: write\n", "/sql/write"},
	    {"  timeout: 2s\n", "  write: true\n", "/sql/write"},
	    {"  timeout: 2s\n", "  timeout: 2\n", "timeout"},
	    {"  timeout: 2s\n", "  timeout: 999m\n", "/sql/timeout"},
	    {"  additionalProperties: false\n", "", "/input/additionalProperties"},
	    {"  additionalProperties: false\n", "  additionalProperties: true\n", "/input/additionalProperties"},
	    {"  type: object\n", "  type: array\n", "/input/type"},
	    {"pattern: '^[a-z]{1,60}@x$'", "patern: x", "/input/properties/email"},
	    {"pattern: '^[a-z]{1,60}@x$'", "pattern: '('", "/input/properties/email/pattern"},
	    {"{type: string, pattern: '^[a-z]{1,60}@x$'}", "{$ref: 'http://127.0.0.1/x'}", "/input/properties/email"},
	    {"{type: string, pattern: '^[a-z]{1,60}@x$'}", "{type: number, x-mcp-header: Email}", "x-mcp-header: only"},
	    {"tier: read\n", "tier: read\noutput: {type: array}\n", "/output/type"},
	    {"tier: read\n", "tier: read\noutput: {type: object, propertis: {}}\n", "/output"},
	    {"tier: read\n", "tier: read\nidempotent: 1\n", "idempotent"},
	    {"tier: read\n", "tier: read\nstatic: {structured: {}}\n", "user.yaml"},
	    {"parameters: [email]", "parameters: [mail]", "/sql/parameters/0"},
	    {"parameters: [email]", "parameters: []", "/sql/parameters"},
	    {"= $1", "= $2", "/sql/parameters"},
	    {"= $1", "is null", "/sql/parameters"},
	    {"properties: {email:", "properties: {more: {type: string}, email:", "/input/properties"},
	    {"name: get_user", "name: get user", "name"},
	    {"title: Look up a user", "title: \"Look\\u200B up\"", "/title"},
	    {"  By e-mail.", "  By\xE2\x80\xAE e-mail.", "description"},
	    {"rows: 5", "rows: 0", "rows"},
	    {"columns: [email, name]", "columns: []", "columns"},
	    {"tier: read\n", "tier: read\nextra: 1\n", "extra"},
	    {"tier: read\n", "tier: read\ntier: read\n", "tier"},
	};
	struct mcp_settings settings = settings_of();
	unsigned wrong = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *error = NULL;
		write_tool("user.yaml", changed(cases[i].from, cases[i].to));
		struct catalogue *c = load(&settings, &error);
		if (c != NULL || error == NULL || strstr(error, "user.yaml") == NULL ||
		    strstr(error, cases[i].place) == NULL) {
			print_error("case %zu (%s): %s\n", i, cases[i].to, error != NULL ? error : "no error");
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void test_write_tools(void **state)
{
	(void)state;
	struct mcp_settings settings = settings_of();
	const char *error = NULL;
	write_tool("user.yaml",
	           text_printf(&pool, "acquirable: true\n%s", changed("tier: read\ninput", "tier: destroy\ninput")));
	assert_null(load(&settings, &error));
	const char *text = changed("  timeout: 2s\n", "  write: true\n");
	const char *at = strstr(text, "tier: read");
	write_tool("user.yaml",
	           text_printf(&pool, "%.*stier: destroy%s", (int)(at - text), text, at + strlen("tier: read")));
	struct catalogue *c = load(&settings, &error);
	assert_non_null(c);
	assert_int_equal(c->write_count, CATALOGUE_FIRST + 1);
	const struct sql_plan *plan = sql_plan_of(c->items[0]);
	assert_string_equal(plan->timeout, "5000");
	const char *sql = c->write_statements[plan->statements[0].number].sql;
	assert_true(strncmp(sql, "select email", 12) == 0);
	assert_int_not_equal(sql[strlen(sql) - 1], ';');
	json_t *listed = json_read(&pool, c->items[0]->listed, NULL);
	assert_true(json_is_true(json_object_get(json_object_get(listed, "annotations"), "destructiveHint")));
	settings.write.conninfo = NULL;
	assert_null(load(&settings, &error));
	assert_non_null(strstr(error, "databases.write"));
}

static const char FIXED[] = "name: motd\n"
			    "title: Message of the day\n"
			    "description: What everybody should know\n"
			    "scope: users:read\n"
			    "tier: read\n"
			    "idempotent: true\n"
			    "open_world: true\n"
			    "input:\n"
			    "  type: object\n"
			    "  additionalProperties: false\n"
			    "  properties: {region: {type: string, x-mcp-header: Region}}\n"
			    "output: {type: object, required: [text], properties: {text: {type: string}}}\n"
			    "static: {structured: {text: All is well}}\n";

static void test_tools_without_a_database(void **state)
{
	(void)state;
	struct mcp_settings settings = settings_of();
	const char *error = NULL;
	settings.read.conninfo = NULL;
	write_tool("motd.yaml", FIXED);
	struct catalogue *c = load(&settings, &error);
	assert_null(error);
	assert_int_equal(c->read_count, CATALOGUE_FIRST); /* the bounds alone */
	const struct tool *tool = tool_of(c->items[0]);
	assert_ptr_equal(tool->item.backend, &BACKEND_STATIC);
	assert_non_null(tool->structured);
	assert_int_equal(tool->headers->count, 1);
	json_t *listed = json_read(&pool, tool->item.listed, NULL);
	assert_true(json_equal(json_object_get(listed, "outputSchema"), tool->output));
	const json_t *hints = json_object_get(listed, "annotations");
	assert_true(json_is_true(json_object_get(hints, "idempotentHint")));
	assert_true(json_is_true(json_object_get(hints, "openWorldHint")));
	const json_t *region =
	    json_object_get(json_object_get(json_object_get(listed, "inputSchema"), "properties"), "region");
	assert_true(text_is(json_get_text(region, "x-mcp-header"), "Region"));
	write_tool("motd.yaml", text_printf(&pool, "%sextra: 1\n", FIXED));
	assert_null(load(&settings, &error));
}

static void test_names_are_unique_and_folder_is_needed(void **state)
{
	(void)state;
	struct mcp_settings settings = settings_of();
	const char *error = NULL;
	assert_null(load(&settings, &error));
	assert_non_null(strstr(error, "no *.yaml"));
	write_tool("a.yaml", GOOD);
	write_tool("b.yaml", GOOD);
	assert_null(load(&settings, &error));
	assert_non_null(strstr(error, "get_user is also the tool"));
	settings.tools = "/nonexistent";
	assert_null(load(&settings, &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_compiles_a_tool, open_folder, close_folder),
	    cmocka_unit_test_setup_teardown(test_finds_exact_names_only, open_folder, close_folder),
	    cmocka_unit_test_setup_teardown(test_refuses_what_is_not_wholly_right, open_folder, close_folder),
	    cmocka_unit_test_setup_teardown(test_write_tools, open_folder, close_folder),
	    cmocka_unit_test_setup_teardown(test_tools_without_a_database, open_folder, close_folder),
	    cmocka_unit_test_setup_teardown(test_names_are_unique_and_folder_is_needed, open_folder, close_folder),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
