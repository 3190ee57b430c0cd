/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy/view.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#include "common/reply.h"
#include "mcp/protocol/lists.h"
#include "tests/unit/bearer_double.h"

enum { ITEMS = 450 };

static h2o_mem_pool_t pool;
static struct cursor_key KEY;
static struct views *views;
static struct catalogue *catalogue;
static const struct bearer *caller;
static unsigned disposed;

const struct bearer *bearer_of(const struct request *r)
{
	(void)r;
	return caller;
}

static void count_disposed(void *data)
{
	(void)data;
	disposed++;
}

/* 250 tools of the scope "a" and 150 of "b", of which every tenth is acquirable, and 50 prompts of "a". */
static struct catalogue *make_catalogue(void)
{
	struct catalogue *c = h2o_mem_alloc_shared(NULL, sizeof(*c), count_disposed);

	static const struct mcp_settings settings;
	*c = (struct catalogue){.settings = &settings, .count = ITEMS, .firsts = {0, 400, 400, 400, 450}};
	c->items = h2o_mem_alloc_pool(&pool, ITEMS * sizeof(struct item *));
	for (size_t i = 0; i < ITEMS; i++) {
		struct item *item = h2o_mem_alloc_pool(&pool, sizeof(*item));
		char *name = text_printf(&pool, "%03zu", i);
		*item = (struct item){
		    .kind = i < 400 ? ITEM_TOOL : ITEM_PROMPT,
		    .index = i,
		    .key = name,
		    .name = name,
		    .scope = i < 250 || i >= 400 ? "a" : "b",
		    .acquirable = i % 10 == 0,
		    .digest = name,
		    .listed = text_of(text_printf(&pool, "\"%s\"", name)),
		};
		c->items[i] = item;
	}
	return c;
}

static int open_views(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	cursor_key_make(&KEY, NULL);
	disposed = 0;
	catalogue = make_catalogue();
	views = views_open("{\"name\":\"s\"}", &KEY);
	views_switch(views, catalogue);
	h2o_mem_release_shared(catalogue);
	return 0;
}

static int close_views(void **state)
{
	(void)state;
	if (views != NULL)
		views_close(views);
	views = NULL;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static struct view *get(const char *granted, const char *grantable)
{
	struct asker asker = {.limits = NULL};
	assert_true(scopes_parse(&pool, text_of(granted), &asker.granted));
	assert_true(scopes_parse(&pool, text_of(grantable), &asker.grantable));
	struct view *view = views_get(views, &asker);
	h2o_mem_addref_shared(view);
	return view;
}

static void test_same_decisions_share_a_view(void **state)
{
	(void)state;
	struct view *one = get("a", ""), *same = get("a elsewhere", "nothing"), *other = get("a", "b");
	assert_ptr_equal(one, same);
	assert_ptr_not_equal(one, other);
	assert_int_equal(one->decisions[0], ALLOWED);
	assert_int_equal(one->decisions[260], HIDDEN);
	assert_int_equal(other->decisions[260], ACQUIRABLE);
	assert_int_equal(other->decisions[261], HIDDEN);
	h2o_mem_release_shared(one);
	h2o_mem_release_shared(same);
	h2o_mem_release_shared(other);
}

static size_t members(h2o_iovec_t text, const char *member, const char **cursor)
{
	const json_t *list = json_read(&pool, text, NULL);
	assert_non_null(list);
	*cursor = json_string_value(json_object_get(list, "nextCursor"));
	return json_array_size(json_object_get(list, member));
}

static void test_lists_come_in_pages(void **state)
{
	(void)state;
	struct view *view = get("a", "b");
	const struct view_list *list = view_list(view, ITEM_TOOL);
	const char *cursor;
	size_t position;
	assert_int_equal(list->pages, 3); /* 250 and 15 acquirable ones */
	assert_ptr_equal(view_list(view, ITEM_TOOL), list);
	assert_int_equal(members(view_list_text(&pool, view, ITEM_TOOL, 0, 0), "tools", &cursor), 100);
	assert_true(cursor_open(&pool, &KEY, "tools/list", list->seen, text_of(cursor), &position));
	assert_int_equal(position, 100);
	assert_false(cursor_open(&pool, &KEY, "prompts/list", list->seen, text_of(cursor), &position));
	assert_int_equal(members(view_list_text(&pool, view, ITEM_TOOL, 2, 1), "tools", &cursor), 65);
	assert_null(cursor);
	assert_non_null(strstr(text_copy(&pool, view_list_text(&pool, view, ITEM_TOOL, 2, 1)),
	                       "\"390\"],\"ttlMs\":60000,\"cacheScope\":\"private\",\"_meta\":{"
	                       "\"io.modelcontextprotocol/serverInfo\":{\"name\":\"s\"}}}"));
	assert_null(strstr(text_copy(&pool, view_list_text(&pool, view, ITEM_TOOL, 2, 0)), "ttlMs"));
	/* who sees something else has other cursors */
	struct view *less = get("a", "");
	assert_int_equal(view_list(less, ITEM_TOOL)->pages, 3);
	assert_memory_not_equal(view_list(less, ITEM_TOOL)->seen, list->seen, SHA256_SIZE);
	h2o_mem_release_shared(less);
	h2o_mem_release_shared(view);
}

/* Pages behind the first few are made each time: they say the same as if they were kept. */
static void test_large_lists(void **state)
{
	enum { TOOLS = 1234 };
	struct catalogue *large = make_catalogue();
	struct item *items = h2o_mem_alloc_pool(&pool, TOOLS * sizeof(*items));
	const char *cursor;
	size_t position;

	(void)state;
	large->items = h2o_mem_alloc_pool(&pool, TOOLS * sizeof(struct item *));
	large->count = TOOLS;
	for (size_t kind = ITEM_TOOL + 1; kind <= ITEM_KINDS; kind++)
		large->firsts[kind] = TOOLS;
	for (size_t i = 0; i < TOOLS; i++) { /* every third is hidden */
		items[i] = (struct item){
		    .kind = ITEM_TOOL, .index = i, .scope = i % 3 == 0 ? "b" : "a", .key = "", .digest = "d"};
		items[i].listed = text_of(text_printf(&pool, "%zu", i));
		large->items[i] = &items[i];
	}
	views_switch(views, large);
	h2o_mem_release_shared(large);
	struct view *view = get("a", "");
	const struct view_list *list = view_list(view, ITEM_TOOL);
	assert_int_equal(list->pages, 9); /* 822 */
	for (size_t page = 0, seen = 0; page < list->pages; page++) {
		h2o_iovec_t text = view_list_text(&pool, view, ITEM_TOOL, page, false);
		const json_t *tools = json_object_get(json_read(&pool, text, NULL), "tools");
		bool again = view_list_text(&pool, view, ITEM_TOOL, page, false).base == text.base;
		assert_true(again == (page < LIST_PAGES_KEPT));
		assert_int_equal(members(text, "tools", &cursor), page == 8 ? 22 : 100);
		for (size_t i = 0; i < json_array_size(tools); i++, seen++)
			assert_int_equal(json_integer_value(json_array_get(tools, i)), seen / 2 * 3 + seen % 2 + 1);
		if (page == 8)
			assert_null(cursor);
		else
			assert_true(cursor_open(&pool, &KEY, "tools/list", list->seen, text_of(cursor), &position));
		if (page < 8)
			assert_int_equal(position, (page + 1) * 100);
	}
	h2o_mem_release_shared(view);
}

static void test_empty_lists(void **state)
{
	(void)state;
	struct view *view = get("", "");
	for (enum item_kind kind = 0; kind < ITEM_KINDS; kind++)
		assert_int_equal(view_list(view, kind)->pages, 1);
	assert_string_equal(text_copy(&pool, view_list_text(&pool, view, ITEM_TEMPLATE, 0, 0)),
	                    "{\"resourceTemplates\":[]}");
	assert_true(text_starts(view_list_text(&pool, view, ITEM_PROMPT, 0, 1),
	                        "{\"resultType\":\"complete\",\"prompts\":[],\"ttlMs\":"));
	h2o_mem_release_shared(view);
}

static void test_newest_sets_are_kept(void **state)
{
	(void)state;
	struct view *first = get("a", "");
	for (unsigned i = 0; i < VIEWS_MAX + 1; i++) {
		catalogue->items[0]->scope = text_printf(&pool, "only%u", i);
		struct view *view = get("a", i % 2 == 0 ? "b" : "");
		h2o_mem_release_shared(view);
		/* no two alike: the scope of one more item is another one each time */
		catalogue->items[i + 1]->scope = "nobody";
	}
	catalogue->items[0]->scope = "a";
	struct view *again = get("a", "");
	assert_ptr_not_equal(first, again);
	h2o_mem_release_shared(first);
	h2o_mem_release_shared(again);
}

static void test_tokens_keep_no_views(void **state)
{
	(void)state;
	struct bearer bearer = {.claims = "{}", .scope = "a", .grantable = ""};
	struct view *view = view_of_bearer(views, &bearer);
	assert_true(view_list(view, ITEM_TOOL)->made);
	assert_ptr_equal(view_of_bearer(views, &bearer), view);
	for (size_t i = 0; i < VIEWS_MAX; i++) {
		catalogue->items[i]->scope = "other"; /* each time other decisions */
		h2o_mem_release_shared(get("a", ""));
	}
	for (size_t i = 0; i < VIEWS_MAX; i++)
		catalogue->items[i]->scope = "a";
	assert_false(view_of_bearer(views, &bearer)->lists[ITEM_TOOL].made);
}

/* ---- what is asked ---- */

/* The answer's result, or its error, to a list with this cursor ("" for none). */
static const json_t *ask(enum item_kind kind, const char *cursor, const char *member)
{
	struct mcp mcp = {.views = views, .cursor_key = KEY};
	const struct service service = {.name = "mcp", .daemon = &mcp};
	struct bearer bearer = {.claims = "{}", .scope = "a", .grantable = "b"};
	struct request *r = request_test(&service, NULL);
	struct call call = {.era = ERA_LEGACY, .message = {.id = text_of("1")}};

	caller = &bearer;
	r->state = &call;
	if (cursor[0] != '\0')
		call.message.params = json_read(&pool, text_of(text_printf(&pool, "{\"cursor\":%s}", cursor)), NULL);
	assert_int_equal(lists_answer(r, kind), STEP_DONE);
	const json_t *answer = json_read(&pool, reply_test_body(r), NULL);
	request_test_free(r);
	return json_object_get(answer, member);
}

static const char *next_of(const json_t *result)
{
	const char *cursor = json_string_value(json_object_get(result, "nextCursor"));
	return cursor != NULL ? text_printf(&pool, "\"%s\"", cursor) : NULL;
}

static void test_cursors_lead_through_the_list(void **state)
{
	(void)state;
	const json_t *first = ask(ITEM_TOOL, "", "result"), *second, *third;
	const char *cursor = next_of(first);
	second = ask(ITEM_TOOL, cursor, "result");
	third = ask(ITEM_TOOL, next_of(second), "result");
	assert_string_equal(json_string_value(json_array_get(json_object_get(second, "tools"), 0)), "100");
	assert_int_equal(json_array_size(json_object_get(third, "tools")), 65);
	assert_null(next_of(third));
	const char *const others[] = {"\"\"", "\"x\"", "5", "null", "\"MTAw\""};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(json_integer_value(json_object_get(ask(ITEM_TOOL, others[i], "error"), "code")),
		                 RPC_INVALID_PARAMS);
	assert_non_null(ask(ITEM_PROMPT, cursor, "error"));
	/* where something else is seen, a position means something else */
	struct catalogue *newer = make_catalogue();
	newer->items[3]->scope = "nobody";
	views_switch(views, newer);
	h2o_mem_release_shared(newer);
	assert_non_null(ask(ITEM_TOOL, cursor, "error"));
}

/* ---- a new catalogue ---- */

static void test_request_keeps_its_catalogue(void **state)
{
	(void)state;
	struct mcp mcp = {.views = views};
	const struct service service = {.name = "mcp", .daemon = &mcp};
	struct bearer bearer = {.claims = "{}", .scope = "a", .grantable = ""};
	caller = &bearer;
	struct request *r = request_test(&service, NULL);
	struct call call = {.era = ERA_MODERN};
	r->state = &call;
	struct view *view = view_of(r);
	assert_ptr_equal(view, view_of(r));
	assert_ptr_equal(view->catalogue, catalogue);
	struct catalogue *newer = make_catalogue();
	views_switch(views, newer);
	h2o_mem_release_shared(newer);
	assert_ptr_equal(view_of(r), view);
	assert_int_equal(disposed, 0);
	request_test_free(r);
	assert_int_equal(disposed, 1);
	/* the token's own view is remade without anybody being asked */
	struct call later = {.era = ERA_MODERN};
	r = request_test(&service, NULL);
	r->state = &later;
	assert_ptr_equal(view_of(r)->catalogue, newer);
	request_test_free(r);
	views_close(views);
	views = NULL;
	assert_int_equal(disposed, 2);
}

/* ---- every set of scopes ---- */

enum { SCOPES = 5, ALL = 1 << SCOPES, KINDS_OF_TOOLS = 2 };

/* "s0" to "s4", of which s4 implies s0 and s3, and s3 implies s1; each opens a plain and an acquirable tool and a
 * prompt. */
static struct catalogue *make_small_catalogue(struct mcp_settings *settings)
{
	struct catalogue *c = h2o_mem_alloc_shared(NULL, sizeof(*c), NULL);
	size_t tools = (size_t)SCOPES * KINDS_OF_TOOLS, count = tools + SCOPES;

	*settings = (struct mcp_settings){
	    .scopes = json_read(&pool,
	                        text_of("{\"s0\":{},\"s1\":{},\"s2\":{},\"s3\":{\"implies\":[\"s1\"]},"
	                                "\"s4\":{\"implies\":[\"s0\",\"s3\"]}}"),
	                        NULL),
	};
	*c = (struct catalogue){.settings = settings, .count = count, .firsts = {0, tools, tools, tools, count}};
	c->items = h2o_mem_alloc_pool(&pool, count * sizeof(struct item *));
	for (size_t i = 0; i < count; i++) {
		struct item *item = h2o_mem_alloc_pool(&pool, sizeof(*item));
		char *name = text_printf(&pool, "i%02zu", i);
		*item = (struct item){
		    .kind = i < tools ? ITEM_TOOL : ITEM_PROMPT,
		    .index = i,
		    .key = name,
		    .name = name,
		    .scope = text_printf(&pool, "s%zu", i % SCOPES),
		    .acquirable = i >= SCOPES && i < tools,
		    .digest = name,
		    .listed = text_of(text_printf(&pool, "\"%s\"", name)),
		};
		c->items[i] = item;
	}
	return c;
}

static unsigned reached(unsigned set)
{
	if (set & 1 << 4)
		set |= 1 << 0 | 1 << 3;
	return set & 1 << 3 ? set | 1 << 1 : set;
}

static const char *scopes_of_set(unsigned set)
{
	struct text_buffer b = {.pool = &pool};

	text_append_str(&b, "");
	for (unsigned i = 0; i < SCOPES; i++)
		if (set & 1U << i)
			text_append_printf(&b, "%ss%u", b.len > 0 ? " " : "", i);
	return b.base;
}

static enum decision expected(const struct item *item, unsigned granted, unsigned grantable)
{
	unsigned scope = 1U << (item->index % SCOPES);

	if (reached(granted) & scope)
		return ALLOWED;
	return item->acquirable && (reached(grantable) & scope) ? ACQUIRABLE : HIDDEN;
}

/* The list of a kind, as it must be. */
static char *expected_list(const struct catalogue *c, enum item_kind kind, unsigned granted, unsigned grantable)
{
	struct text_buffer b = {.pool = &pool};

	text_append_printf(&b, "{\"%s\":[", view_list_member(kind));
	for (size_t i = c->firsts[kind], n = 0; i < c->firsts[kind + 1]; i++)
		if (expected(c->items[i], granted, grantable) != HIDDEN)
			text_append_printf(&b, "%s\"%s\"", n++ > 0 ? "," : "", c->items[i]->name);
	text_append_str(&b, "]}");
	return b.base;
}

static void check_sets(struct catalogue *c, unsigned granted, unsigned grantable)
{
	struct mcp mcp = {.views = views};
	const struct service service = {.name = "mcp", .daemon = &mcp};
	struct bearer bearer = {.claims = "{}", .scope = scopes_of_set(granted), .grantable = scopes_of_set(grantable)};
	struct request *r = request_test(&service, NULL);
	struct call call = {.era = ERA_LEGACY};

	caller = &bearer;
	r->state = &call;
	struct view *view = view_of(r);
	for (size_t i = 0; i < c->count; i++)
		assert_int_equal(view->decisions[i], expected(c->items[i], granted, grantable));
	assert_true(
	    text_is(view_list_text(&pool, view, ITEM_TOOL, 0, 0), expected_list(c, ITEM_TOOL, granted, grantable)));
	assert_true(
	    text_is(view_list_text(&pool, view, ITEM_PROMPT, 0, 0), expected_list(c, ITEM_PROMPT, granted, grantable)));
	request_test_free(r);
}

static void test_every_set_of_scopes(void **state)
{
	(void)state;
	struct mcp_settings settings;
	struct catalogue *c = make_small_catalogue(&settings);
	views_switch(views, c);
	h2o_mem_release_shared(c);
	for (unsigned granted = 0; granted < ALL; granted++)
		for (unsigned grantable = 0; grantable < ALL; grantable++)
			check_sets(c, granted, grantable);
	views_switch(views, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_same_decisions_share_a_view, open_views, close_views),
	    cmocka_unit_test_setup_teardown(test_lists_come_in_pages, open_views, close_views),
	    cmocka_unit_test_setup_teardown(test_large_lists, open_views, close_views),
	    cmocka_unit_test_setup_teardown(test_empty_lists, open_views, close_views),
	    cmocka_unit_test_setup_teardown(test_newest_sets_are_kept, open_views, close_views),
	    cmocka_unit_test_setup_teardown(test_tokens_keep_no_views, open_views, close_views),
	    cmocka_unit_test_setup_teardown(test_cursors_lead_through_the_list, open_views, close_views),
	    cmocka_unit_test_setup_teardown(test_every_set_of_scopes, open_views, close_views),
	    cmocka_unit_test_setup_teardown(test_request_keeps_its_catalogue, open_views, close_views),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
