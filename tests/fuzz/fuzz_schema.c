/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a schema, a newline that ends it, and an instance, both JSON. Whatever is in it, the validator ends
 * soon, gives an error or problems exactly if it refuses, and writes its texts in UTF-8. */
#include <stdlib.h>
#include <string.h>

#include "common/schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

static void check(h2o_mem_pool_t *pool, const json_t *document, const json_t *instance,
                  const struct schema_options *options)
{
	const char *error;
	struct schema_problems problems;
	const struct schema *schema = schema_compile(pool, document, options, &error);
	expect((schema == NULL) == (error != NULL));
	if (schema == NULL) {
		expect(text_is_utf8(text_of(error)));
		return;
	}
	bool valid = schema_check(pool, schema, instance, &problems);
	expect(valid == (problems.count == 0));
	expect(valid == schema_check(pool, schema, instance, NULL));
	expect(text_is_utf8(text_of(schema_problems_text(pool, &problems, "value"))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
	if (end == NULL)
		return 0;
	size_t len = (size_t)(end - data);
	json_t *document = json_loadb((const char *)data, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	json_t *instance = json_loadb((const char *)end + 1, size - len - 1, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (document != NULL && instance != NULL) {
		h2o_mem_pool_t pool;
		const struct schema_options strict = {.assert_formats = true},
					    lenient = {.allow_unknown_keywords = true};
		h2o_mem_init_pool(&pool);
		check(&pool, document, instance, &strict);
		check(&pool, document, instance, &lenient);
		h2o_mem_clear_pool(&pool);
	}
	json_decref(document);
	json_decref(instance);
	return 0;
}
