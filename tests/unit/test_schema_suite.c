/* SPDX-License-Identifier: Apache-2.0 */
/* The official JSON-Schema-Test-Suite (json-schema-org/JSON-Schema-Test-Suite), its part for draft 2020-12.
 * SALLYPORT_JSON_SCHEMA_TESTS names its folder; the mandatory tests must pass all, of the optional ones all but those
 * that are listed here with a reason. */
#include "common/schema/schema.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

static const char *folder;
static json_t *documents;

struct tally {
	unsigned passed, failed;
};

/* Beyond the standard's minimum, and left out on purpose. */
static const struct {
	const char *file, *group, *test;
} LEFT_OUT[] = {
    /* an integer is one that fits in 64 bits */
    {"optional/bignum.json", "integer", ""},
    {"optional/float-overflow.json", "", ""},
    /* other drafts are refused */
    {"optional/cross-draft.json", "", ""},
};

static bool is_left_out(const char *file, const char *group, const char *test)
{
	for (size_t i = 0; i < sizeof(LEFT_OUT) / sizeof(LEFT_OUT[0]); i++) {
		if (strcmp(LEFT_OUT[i].file, file) == 0 &&
		    (LEFT_OUT[i].group[0] == '\0' || strcmp(LEFT_OUT[i].group, group) == 0) &&
		    (LEFT_OUT[i].test[0] == '\0' || strcmp(LEFT_OUT[i].test, test) == 0))
			return true;
	}
	return false;
}

static json_t *load(const char *path)
{
	json_error_t error;
	json_t *ret = json_load_file(path, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
	if (ret == NULL) /* integers beyond 64 bits */
		ret = json_load_file(path, JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
	if (ret == NULL)
		fail_msg("%s: %s", path, error.text);
	return ret;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);
	return len >= tail && strcmp(name + len - tail, suffix) == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Calls `visit` with the relative path of every JSON file, in order. */
static void walk(const char *root, const char *relative, bool deep,
                 void (*visit)(const char *path, const char *name, void *), void *context)
{
	char path[1024], name[512], *names[512];
	size_t count = 0;
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s/%s", root, relative);
	DIR *dir = opendir(path);
	if (dir == NULL)
		fail_msg("%s cannot be read", path);
	while ((entry = readdir(dir)) != NULL && count < 512) {
		if (entry->d_name[0] != '.')
			names[count++] = strdup(entry->d_name);
	}
	closedir(dir);
	qsort(names, count, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%s%s", relative, *relative == '\0' ? "" : "/", names[i]);
		snprintf(path, sizeof(path), "%s/%s", root, name);
		if (has_suffix(names[i], ".json"))
			visit(path, name, context);
		else if (deep)
			walk(root, name, deep, visit, context);
		free(names[i]);
	}
}

static void add_document(const char *path, const char *name, void *context)
{
	char uri[600];
	(void)context;
	snprintf(uri, sizeof(uri), "http://localhost:1234/%s", name);
	json_object_set_new(documents, uri, load(path));
}

static void run_group(const char *file, const json_t *group, bool assert_formats, struct tally *tally)
{
	h2o_mem_pool_t pool;
	const char *error, *description = json_string_value(json_object_get(group, "description"));
	const struct schema_options options = {
	    .assert_formats = assert_formats, .allow_unknown_keywords = true, .documents = documents};
	json_t *test;
	size_t i;

	h2o_mem_init_pool(&pool);
	const struct schema *schema = schema_compile(&pool, json_object_get(group, "schema"), &options, &error);
	json_array_foreach (json_object_get(group, "tests"), i, test) {
		struct schema_problems problems = {.count = 0};
		const char *name = json_string_value(json_object_get(test, "description"));
		bool wanted = json_is_true(json_object_get(test, "valid"));
		if (is_left_out(file, description, name))
			continue;
		bool valid = schema != NULL && schema_check(&pool, schema, json_object_get(test, "data"), &problems);
		bool said = schema == NULL || valid == (problems.count == 0);
		if (schema != NULL && valid == wanted && said) {
			tally->passed++;
			continue;
		}
		tally->failed++;
		print_message("%s: %s: %s: %s\n", file, description, name,
		              schema == NULL ? error : schema_problems_text(&pool, &problems, "value"));
	}
	h2o_mem_clear_pool(&pool);
}

static void run_file(const char *path, const char *name, void *context)
{
	json_t *groups = load(path), *group;
	size_t i;
	json_array_foreach (groups, i, group)
		run_group(name, group, strncmp(name, "optional/format/", 16) == 0, context);
	json_decref(groups);
}

static void run_part(const char *part, bool deep)
{
	struct tally tally = {0};
	char root[600];
	if (folder == NULL) {
		print_message("SALLYPORT_JSON_SCHEMA_TESTS does not name the folder of JSON-Schema-Test-Suite\n");
		skip();
	}
	snprintf(root, sizeof(root), "%s/tests/draft2020-12", folder);
	walk(root, part, deep, run_file, &tally);
	print_message("%u passed, %u failed\n", tally.passed, tally.failed);
	assert_int_equal(tally.failed, 0);
	assert_true(tally.passed > 0);
}

static void mandatory_tests_pass(void **state)
{
	(void)state;
	run_part("", false);
}

static void optional_tests_pass(void **state)
{
	(void)state;
	run_part("optional", true);
}

static int load_remotes(void **state)
{
	char root[600];
	(void)state;
	folder = getenv("SALLYPORT_JSON_SCHEMA_TESTS");
	documents = json_object();
	if (folder == NULL || *folder == '\0') {
		folder = NULL;
		return 0;
	}
	snprintf(root, sizeof(root), "%s/remotes", folder);
	walk(root, "", true, add_document, NULL);
	return 0;
}

static int drop_remotes(void **state)
{
	(void)state;
	json_decref(documents);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mandatory_tests_pass),
	    cmocka_unit_test(optional_tests_pass),
	};
	return cmocka_run_group_tests(tests, load_remotes, drop_remotes);
}
