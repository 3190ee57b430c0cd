/* SPDX-License-Identifier: Apache-2.0 */
/* The validator on a pipe, for schema_against_ajv.mjs. A line is {"schema": ..., "instances": [...], "formats": bool};
 * the answer is {"refused": text} or {"valid": [...], "problems": [text or null, ...]}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/schema/schema.h"

static json_t *check_all(h2o_mem_pool_t *pool, const struct schema *schema, const json_t *instances)
{
	json_t *valid = json_array(), *texts = json_array(), *instance;
	size_t i;
	json_array_foreach (instances, i, instance) {
		struct schema_problems problems;
		bool fits = schema_check(pool, schema, instance, &problems);
		if (fits != (problems.count == 0) || fits != schema_check(pool, schema, instance, NULL))
			abort();
		const char *text = fits ? NULL : schema_problems_text(pool, &problems, "value");
		json_array_append_new(valid, json_boolean(fits));
		json_array_append_new(texts, text == NULL ? json_null() : json_string(text));
	}
	return json_pack("{s:o, s:o}", "valid", valid, "problems", texts);
}

static void answer(h2o_iovec_t line)
{
	const char *error;
	h2o_mem_pool_t pool;
	json_t *ret;

	h2o_mem_init_pool(&pool);
	const json_t *asked = json_keep(&pool, json_loadb(line.base, line.len, JSON_REJECT_DUPLICATES, NULL));
	const struct schema_options options = {.assert_formats = json_is_true(json_object_get(asked, "formats")),
	                                       .allow_unknown_keywords = true};
	const struct schema *schema = NULL;
	error = "the line cannot be read";
	if (asked != NULL)
		schema = schema_compile(&pool, json_object_get(asked, "schema"), &options, &error);
	if (schema == NULL)
		ret = json_pack("{s:s}", "refused", error);
	else
		ret = check_all(&pool, schema, json_object_get(asked, "instances"));
	h2o_iovec_t text = json_text(&pool, json_keep(&pool, ret));
	printf("%.*s\n", (int)text.len, text.base);
	fflush(stdout);
	h2o_mem_clear_pool(&pool);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	json_init();
	while ((len = getline(&line, &size, stdin)) > 0)
		answer(h2o_iovec_init(line, (size_t)len));
	free(line);
	return 0;
}
