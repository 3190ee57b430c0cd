/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue is exchanged under a running loop: real files, real inotify, a real thread; no database. */
#include "mcp/catalogue/reload.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

static h2o_mem_pool_t pool;
static h2o_loop_t *loop;
static struct mcp MCP;
static char folder[64], log_file[64];

static void put(const char *name, const char *scope, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.yaml", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
	        "name: %s\ntitle: %s\ndescription: d\nscope: %s\ntier: read\n"
	        "input: {type: object, additionalProperties: false}\nstatic: {content: [{type: text, text: '%s'}]}\n",
	        name, name, scope, text);
	assert_int_equal(fclose(f), 0);
}

static void take_away(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.yaml", folder, name);
	unlink(path);
}

static size_t count_in_log(const char *text)
{
	static char bytes[65536];
	FILE *f = fopen(log_file, "r");
	size_t len = fread(bytes, 1, sizeof(bytes) - 1, f), count = 0;

	fclose(f);
	bytes[len] = '\0';
	for (char *at = bytes; (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

static bool offers(const char *name)
{
	return catalogue_find(MCP.catalogue, ITEM_TOOL, text_of(name)) != NULL;
}

/* Turns of the loop until it is so; the loop itself waits. */
static void run_until(bool (*is_so)(const void *), const void *data)
{
	int64_t end = clock_monotonic_ms() + 20000;

	while (!is_so(data) && clock_monotonic_ms() < end) {
		h2o_evloop_run(loop, 20);
		reload_tick(MCP.reload);
	}
	assert_true(is_so(data));
}

static bool is_offered(const void *name)
{
	return offers(name);
}

static bool is_not_offered(const void *name)
{
	return !offers(name);
}

static bool was_refused(const void *times)
{
	log_flush();
	return count_in_log("refused, the old one serves on") == *(const size_t *)times;
}

static int open_all(void **state)
{
	const char *error = NULL;

	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	strcpy(folder, "/tmp/sallyport-reload-XXXXXX");
	strcpy(log_file, "/tmp/sallyport-reload-log-XXXXXX");
	close(mkstemp(log_file));
	if (mkdtemp(folder) == NULL || !log_open("test", log_file, LOG_INFO))
		return -1;
	if (loop == NULL)
		loop = h2o_evloop_create(); /* h2o cannot free one */
	MCP = (struct mcp){.server_info = "{}"};
	h2o_mem_init_pool(&MCP.pool);
	MCP.settings = (struct mcp_settings){
	    .resource = "http://127.0.0.1:1/mcp",
	    .issuer = "http://127.0.0.1:2",
	    .name = "test",
	    .scopes = json_read(&pool, text_of("{\"a\":{\"title\":\"A\"},\"b\":{\"title\":\"B\"}}"), NULL),
	    .tools = folder,
	    .watches_files = true,
	};
	put("one", "a", "1");
	struct catalogue *catalogue = catalogue_load(&pool, &MCP.settings, &error);
	if (catalogue == NULL)
		return -1;
	reload_adopt(&MCP, catalogue);
	catalogue->databases = databases_open(loop, catalogue, &MCP.settings, &MCP.databases);
	MCP.views = views_open(MCP.server_info, &MCP.cursor_key);
	views_switch(MCP.views, catalogue);
	MCP.tokens = token_cache_open(10);
	watches_open(&MCP.watches, 1, 1);
	MCP.reload = reload_open(&MCP, loop);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	reload_close(MCP.reload);
	token_cache_close(MCP.tokens);
	views_close(MCP.views);
	h2o_mem_release_shared(MCP.catalogue);
	databases_close(&MCP.databases);
	h2o_mem_clear_pool(&MCP.pool);
	h2o_mem_clear_pool(&pool);
	take_away("one");
	take_away("two");
	unlink(log_file);
	return rmdir(folder);
}

static void test_changes_are_noticed(void **state)
{
	(void)state;
	assert_int_equal(MCP.settings.initial_scopes.count, 1);
	struct catalogue *before = MCP.catalogue;
	h2o_mem_addref_shared(before);
	put("two", "b", "2");
	run_until(is_offered, "two");
	assert_int_equal(MCP.settings.initial_scopes.count, 2);
	assert_non_null(strstr(text_copy(&pool, MCP.metadata), "\"scopes_supported\":[\"a\",\"b\"]"));
	/* whoever has the old one has all of it */
	assert_null(catalogue_find(before, ITEM_TOOL, text_of("two")));
	assert_string_equal(catalogue_find(before, ITEM_TOOL, text_of("one"))->title, "one");
	assert_int_equal(reload_compare(before, MCP.catalogue), 1 << ITEM_TOOL);
	h2o_mem_release_shared(before);
	take_away("two");
	run_until(is_not_offered, "two");
}

static void test_wrong_files_are_refused(void **state)
{
	(void)state;
	size_t times = count_in_log("refused, the old one serves on") + 1;
	const struct catalogue *before = MCP.catalogue;

	put("two", "unknown", "2");
	run_until(was_refused, &times);
	assert_ptr_equal(MCP.catalogue, before);
	assert_int_equal(count_in_log("two.yaml: /scope: unknown is not among the scopes"), 1);
	put("two", "a", "2");
	run_until(is_offered, "two");
	take_away("two");
	run_until(is_not_offered, "two");
}

static void test_the_same_is_no_change(void **state)
{
	(void)state;
	const struct catalogue *before = MCP.catalogue;
	const struct databases *databases = before->databases;

	reload_start(MCP.reload); /* what SIGHUP does */
	put("two", "a", "2");     /* the load behind it sees this one */
	run_until(is_offered, "two");
	assert_ptr_equal(MCP.catalogue->databases, databases); /* their statements are the same: none */
	before = MCP.catalogue;
	on_loaded(MCP.reload, catalogue_load(&pool, &MCP.settings, &(const char *){NULL}), NULL);
	assert_null(MCP.reload->waiting);
	assert_ptr_equal(MCP.catalogue, before);
}

static void test_upstreams_are_compared(void **state)
{
	struct upstream_file one = {.name = "one", .digest = "a"}, other = {.name = "one", .digest = "b"};
	const struct upstream_file *ones[] = {&one}, *others[] = {&other};
	struct catalogue none = {.upstream_count = 0}, a = {.upstreams = ones, .upstream_count = 1},
			 b = {.upstreams = others, .upstream_count = 1};

	(void)state;
	assert_true(same_upstreams(&none, &none));
	assert_true(same_upstreams(&a, &a));
	assert_false(same_upstreams(&none, &a));
	assert_false(same_upstreams(&a, &none));
	assert_false(same_upstreams(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_changes_are_noticed, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_wrong_files_are_refused, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_the_same_is_no_change, open_all, close_all),
	    cmocka_unit_test(test_upstreams_are_compared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
