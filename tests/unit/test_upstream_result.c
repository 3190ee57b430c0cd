/* SPDX-License-Identifier: Apache-2.0 */
/* What passes of an upstream's results, of its event streams, and of files of approved definitions. */
#include "mcp/backend/upstream/upstream_event.c"
#include "mcp/backend/upstream/upstream_pins.c"
#include "mcp/backend/upstream/upstream_result.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

/* ---- results ---- */

static struct outcome outcome_of(const char *json, bool untrusted)
{
	struct outcome outcome;

	assert_true(upstream_result_outcome(&pool, json_read(&pool, text_of(json), NULL), untrusted, &outcome));
	outcome.content.base = text_copy(&pool, outcome.content);
	return outcome;
}

static bool is_refused(const char *json)
{
	struct outcome outcome;

	return !upstream_result_outcome(&pool, json_read(&pool, text_of(json), NULL), true, &outcome);
}

/* O-3: text of strangers stands between marks */
static void test_marks(void **state)
{
	(void)state;
	struct outcome o = outcome_of("{\"content\":[{\"type\":\"text\",\"text\":\"a\\u200bb\",\"_meta\":{\"x\":1}}],"
	                              "\"_meta\":{\"secret\":1},\"isError\":true}",
	                              true);
	assert_non_null(strstr(o.content.base, "<<<untrusted-"));
	assert_non_null(strstr(o.content.base, "\\na\xE2\x80\x8B"
	                                       "b\\nuntrusted-"));
	assert_null(strstr(o.content.base, "_meta"));
	assert_string_equal(o.meta.base, UNTRUSTED_META);
	assert_true(o.is_error);
	o = outcome_of(
	    "{\"content\":[{\"type\":\"text\",\"text\":\"ab\",\"annotations\":{\"audience\":[\"user\",\"x\"],"
	    "\"priority\":0.5,\"x\":1}}]}",
	    false);
	assert_string_equal(o.content.base,
	                    "[{\"type\":\"text\",\"text\":\"ab\",\"annotations\":{\"audience\":[\"user\"],"
	                    "\"priority\":0.5}}]");
	assert_null(o.meta.base);
}

/* U-2: only what is known passes */
static void test_types(void **state)
{
	(void)state;
	struct outcome o =
	    outcome_of("{\"content\":[{\"type\":\"image\",\"data\":\"AAEC\",\"mimeType\":\"image/png\",\"x\":1},"
	               "{\"type\":\"image\",\"data\":\"!\",\"mimeType\":\"image/png\"},"
	               "{\"type\":\"image\",\"data\":\"AAEC\",\"mimeType\":\"text/html\"},"
	               "{\"type\":\"html\",\"text\":\"<b>\"},7]}",
	               true);
	assert_string_equal(
	    o.content.base,
	    "[{\"type\":\"image\",\"data\":\"AAEC\",\"mimeType\":\"image/png\"},{\"type\":\"text\",\"text\":"
	    "\"(Left out: 4 parts of the result, of no known or valid form.)\"}]");
	assert_true(is_refused("{}"));
	assert_true(is_refused("{\"content\":{}}"));
	assert_true(is_refused("{\"content\":[],\"isError\":\"yes\"}"));
	assert_true(is_refused("{\"content\":[],\"structuredContent\":[1]}"));
	o = outcome_of("{\"content\":[],\"structuredContent\":{\"a\":\"x\\u202ey\"}}", false);
	assert_memory_equal(o.structured.base, "{\"a\":\"xy\"}", o.structured.len);
	assert_non_null(strstr(o.content.base, "xy"));
}

/* O-4: links of strangers lead nowhere by themselves */
static void test_links(void **state)
{
	static const char LINK[] =
	    "{\"content\":[{\"type\":\"resource_link\",\"uri\":\"https://evil.example/x\",\"name\":\"n\"}]}";
	static const char DATA[] = "{\"content\":[{\"type\":\"resource\",\"resource\":{\"uri\":\"file:///etc/passwd\","
				   "\"blob\":\"AAEC\",\"mimeType\":\"application/pdf\"}}]}";
	struct outcome o = outcome_of(LINK, true);

	(void)state;
	assert_null(strstr(o.content.base, "resource_link"));
	assert_non_null(strstr(o.content.base, "<<<untrusted-"));
	assert_non_null(strstr(o.content.base, "https://evil.example/x"));
	assert_non_null(strstr(outcome_of(LINK, false).content.base, "\"type\":\"resource_link\",\"uri\":\"https"));
	o = outcome_of(DATA, true);
	assert_non_null(strstr(o.content.base, "\"resource\":{\"uri\":\"urn:sallyport:untrusted:"));
	assert_null(strstr(o.content.base, "\"uri\":\"file"));
	assert_non_null(strstr(outcome_of(DATA, false).content.base, "\"uri\":\"file:///etc/passwd\""));
}

/* ---- event streams ---- */

struct seen {
	char text[4096];
	unsigned count;
};

static void on_seen(void *data, h2o_iovec_t message)
{
	struct seen *seen = data;

	seen->count++;
	strncat(seen->text, text_copy(&pool, message), 1000);
	strcat(seen->text, "|");
}

/* However it is cut, the same comes of it. */
static void test_events(void **state)
{
	static const char STREAM[] = ": hello\n\nid: 1\ndata:\n\nevent: message\ndata: {\"a\":\ndata: 1}\r\n\r\n"
				     "event: other\ndata: no\n\ndata: {}\r\rdata: {\"b\":2}\n\ndata: unfinished";

	(void)state;
	for (size_t cut = 1; cut < sizeof(STREAM); cut++) {
		struct upstream_event event = {0};
		struct seen seen = {.count = 0};
		for (size_t at = 0; at < sizeof(STREAM) - 1; at += cut) {
			size_t len = sizeof(STREAM) - 1 - at < cut ? sizeof(STREAM) - 1 - at : cut;
			assert_true(
			    upstream_event_read(&event, h2o_iovec_init((char *)STREAM + at, len), 100, on_seen, &seen));
		}
		assert_string_equal(seen.text, "{\"a\":\n1}|{}|{\"b\":2}|");
		upstream_event_dispose(&event);
	}
}

/* a message that has no end is not collected */
static void test_endless_event(void **state)
{
	struct upstream_event event = {0};
	struct seen seen = {.count = 0};
	char many[200];

	(void)state;
	memset(many, 'x', sizeof(many));
	assert_true(upstream_event_read(&event, h2o_iovec_init((char *)"data: ", 6), 100, on_seen, &seen));
	assert_false(upstream_event_read(&event, h2o_iovec_init(many, sizeof(many)), 100, on_seen, &seen));
	upstream_event_dispose(&event);
	event = (struct upstream_event){0};
	bool fine = true;
	for (int i = 0; i < 50 && fine; i++)
		fine =
		    upstream_event_read(&event, h2o_iovec_init((char *)"data: 1234567890\n", 17), 100, on_seen, &seen);
	assert_false(fine);
	upstream_event_dispose(&event);
}

/* ---- approved definitions ---- */

static const json_t *definition(const char *json)
{
	h2o_iovec_t name;

	return pins_definition(&pool, json_read(&pool, text_of(json), NULL), &name);
}

#define TOOL "\"name\":\"t\",\"inputSchema\":{\"type\":\"object\"}"

/* P-7: another definition has another digest, whatever its members' order; what is no part of it does not matter */
static void test_digests(void **state)
{
	(void)state;
	const char *digest = pins_digest(&pool, definition("{" TOOL ",\"description\":\"a\"}"));
	assert_string_equal(digest,
	                    pins_digest(&pool, definition("{\"description\":\"a\"," TOOL ",\"_meta\":{\"x\":1}}")));
	assert_string_equal(digest, pins_digest(&pool, definition("{\"description\":\"a\"," TOOL ",\"title\":null}")));
	static const char *const OTHERS[] = {
	    "{" TOOL ",\"description\":\"a \"}", "{" TOOL ",\"description\":\"a\",\"title\":\"\"}",
	    "{" TOOL ",\"description\":\"a\",\"annotations\":{}}",
	    "{" TOOL ",\"description\":\"a\",\"outputSchema\":{\"type\":\"object\"}}",
	    "{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\",\"properties\":{}},\"description\":\"a\"}"};
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
		assert_string_not_equal(digest, pins_digest(&pool, definition(OTHERS[i])));
	assert_null(definition("{\"name\":\"t\"}"));
	assert_null(definition("{\"name\":\"t t\",\"inputSchema\":{}}"));
	assert_null(definition("{\"name\":\"\\u0442\",\"inputSchema\":{}}"));
	assert_null(definition("{" TOOL ",\"description\":7}"));
}

/* P-7: what was changed behind approve's back is not what was approved */
static void test_file(void **state)
{
	const char *problem;
	char folder[] = "/tmp/sallyport-pins-XXXXXX";
	json_t *pins = json_keep(&pool, json_object());

	(void)state;
	assert_non_null(mkdtemp(folder));
	const char *path = text_printf(&pool, "%s/x.approved.json", folder);
	assert_int_equal(json_object_size(pins_load(&pool, path, "x", &problem)), 0);
	json_object_set_new(pins, "t", pins_entry(&pool, definition("{" TOOL "}"), "2026-01-01T00:00:00.000Z"));
	assert_null(pins_save(&pool, path, "x", pins));
	const json_t *loaded = pins_load(&pool, path, "x", &problem);
	assert_null(problem);
	assert_true(json_equal(loaded, pins));
	assert_null(pins_load(&pool, path, "y", &problem));
	json_t *forged = json_keep(&pool, json_deep_copy(pins));
	json_object_set_new(json_object_get(json_object_get(forged, "t"), "definition"), "description",
	                    json_string("x"));
	assert_null(pins_save(&pool, path, "x", forged));
	assert_null(pins_load(&pool, path, "x", &problem));
	assert_string_equal(problem, "/tools/t: is not what was approved; approve it again");
	unlink(path);
	rmdir(folder);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_types, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_links, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_events, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_endless_event, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_digests, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_file, setup, teardown),
	};

	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
