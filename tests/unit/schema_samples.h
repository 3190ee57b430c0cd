/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas and instances as JSON with ' for ", and what is wrong with them. */
#ifndef TESTS_UNIT_SCHEMA_SAMPLES_H
#define TESTS_UNIT_SCHEMA_SAMPLES_H

#include "common/schema/schema.h"
#include "common/schema/schema_internal.h"
#include "common/schema/schema_walk.h"
#include "tests/unit/pool.h"

/* JSON with ' for ". */
static inline json_t *parse(const char *text)
{
	json_error_t error;
	char *copy = text_copy(&pool, text_of(text));
	for (char *c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	json_t *ret = json_loads(copy, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (ret == NULL)
		fail_msg("%s: %s", copy, error.text);
	return json_keep(&pool, ret);
}

static inline const char *compile_error(const char *schema, const struct schema_options *options)
{
	const char *error = NULL;
	const struct schema *ret = schema_compile(&pool, parse(schema), options, &error);
	assert_true((ret == NULL) == (error != NULL));
	return error;
}

/* The problems' text, or "" if the instance is valid. */
static inline const char *problems_with(const char *schema, const json_t *instance,
                                        const struct schema_options *options)
{
	const char *error;
	struct schema_problems problems;
	const struct schema *compiled = schema_compile(&pool, parse(schema), options, &error);
	if (compiled == NULL)
		fail_msg("%s: %s", schema, error);
	bool valid = schema_check(&pool, compiled, instance, &problems);
	assert_true(valid == (problems.count == 0));
	assert_true(valid == schema_check(&pool, compiled, instance, NULL));
	return valid ? "" : schema_problems_text(&pool, &problems, "arguments");
}

struct sample {
	const char *schema, *instance, *problems;
};

static inline void check_samples(const struct sample *samples, size_t count, const struct schema_options *options)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = problems_with(samples[i].schema, parse(samples[i].instance), options);
		char *wanted = text_copy(&pool, text_of(samples[i].problems));
		for (char *c = wanted; *c != '\0'; c++)
			*c = *c == '\'' ? '"' : *c;
		if (strcmp(got, wanted) != 0)
			fail_msg("%s with %s:\n  is     %s\n  wanted %s", samples[i].schema, samples[i].instance, got,
			         wanted);
	}
}

#define CHECK(samples, options) check_samples(samples, sizeof(samples) / sizeof((samples)[0]), options)

static inline json_t *repeated_text(const char *piece, size_t count, const char *end)
{
	struct text_buffer b = {.pool = &pool};
	for (size_t i = 0; i < count; i++)
		text_append_str(&b, piece);
	text_append_str(&b, end);
	return json_keep(&pool, json_string(b.base));
}

#endif
