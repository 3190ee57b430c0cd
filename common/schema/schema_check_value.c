/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about a value itself: enum, const, numbers, texts (JSON Schema validation, 6.1 to 6.3 and 7). */
#include "schema_checking.h"

static bool spend_equal(struct schema_checker *c, const json_t *a, const json_t *b)
{
	size_t steps = 0;
	if (json_is_string(a)) /* which may be a member's name */
		return schema_spend(c, 1) && json_is_string(b) && text_equal(schema_text(c, a), schema_string(b));
	bool equal = schema_equal(a, b, &steps);
	return schema_spend(c, steps) && equal;
}

bool schema_check_enum(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	for (size_t i = 0; i < json_array_size(rule->value); i++) {
		if (spend_equal(c, f->value, json_array_get(rule->value, i)))
			return true;
	}
	if (c->quiet > 0 || c->exhausted != NULL)
		return false;
	if (json_array_size(rule->value) == 0)
		return schema_fail(c, f, "has no value that is allowed");
	return schema_fail(c, f, "must be %s%s", json_array_size(rule->value) > 1 ? "one of " : "",
	                   schema_words_values(c->pool, rule->value));
}

bool schema_check_const(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	if (spend_equal(c, f->value, rule->value))
		return true;
	return c->quiet == 0 && c->exhausted == NULL &&
	       schema_fail(c, f, "must be %s", schema_words_value(c->pool, rule->value));
}

bool schema_check_limit(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	static const char *const WORDS[2][2] = {{"at least", "greater than"}, {"at most", "less than"}};
	if (!json_is_number(f->value))
		return true;
	int order = schema_number_compare(schema_number_of(f->value), rule->number);
	if (rule->upper)
		order = -order;
	if (order > 0 || (order == 0 && !rule->exclusive))
		return true;
	return c->quiet == 0 && schema_fail(c, f, "must be %s %s", WORDS[rule->upper][rule->exclusive],
	                                    schema_words_value(c->pool, rule->value));
}

bool schema_check_multiple(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	if (!json_is_number(f->value) || schema_number_is_multiple(schema_number_of(f->value), rule->number))
		return true;
	return c->quiet == 0 && schema_fail(c, f, "must be a multiple of %s", schema_words_value(c->pool, rule->value));
}

bool schema_check_length(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	if (!json_is_string(f->value))
		return true;
	h2o_iovec_t text = schema_text(c, f->value);
	if (!schema_spend(c, text.len / 1024))
		return false;
	size_t points = text_code_points(text);
	if (rule->upper ? points <= rule->count : points >= rule->count)
		return true;
	if (rule->upper)
		return schema_fail(c, f, "must have at most %zu character%s, not %zu", rule->count,
		                   rule->count == 1 ? "" : "s", points);
	if (rule->count == 1)
		return schema_fail(c, f, "must not be empty");
	return schema_fail(c, f, "must have at least %zu characters, not %zu", rule->count, points);
}

bool schema_check_text(struct schema_checker *c, struct schema_pattern *pattern, h2o_iovec_t text)
{
	size_t steps = 0;
	enum schema_match match = SCHEMA_UNDECIDED;
	if (c->exhausted == NULL)
		match = schema_pattern_match(pattern, text, SCHEMA_STEPS - c->steps, &steps);
	if (match == SCHEMA_UNDECIDED)
		return schema_give_up(c, "has a text that is too long or too intricate for its pattern");
	return schema_spend(c, steps) && match == SCHEMA_MATCHES;
}

bool schema_check_pattern(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	if (!json_is_string(f->value) || schema_check_text(c, rule->pattern, schema_text(c, f->value)))
		return true;
	return c->exhausted == NULL &&
	       schema_fail(c, f, "must match the pattern %s", schema_pattern_text(rule->pattern));
}

bool schema_check_format(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	if (!json_is_string(f->value))
		return true;
	h2o_iovec_t text = schema_text(c, f->value);
	if (!schema_spend(c, 10 + text.len / 64))
		return false;
	if (schema_format_fits(rule->format, text))
		return true;
	return schema_fail(c, f, "must be %s", schema_format_words(rule->format));
}
