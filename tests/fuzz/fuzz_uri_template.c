/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "mcp/catalogue/uri_template.h"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

/* Up to the next line break. */
static h2o_iovec_t take_line(const uint8_t **data, size_t *size)
{
	const uint8_t *start = *data, *end = *size > 0 ? memchr(start, '\n', *size) : NULL;
	size_t len = end != NULL ? (size_t)(end - start) : *size, step = end != NULL ? len + 1 : len;

	*data += step;
	*size -= step;
	return h2o_iovec_init(start, len);
}

/* What was read can be written, and what was written is read in the same way if it matches at all. */
static void check_reading(h2o_mem_pool_t *pool, const struct uri_template *template, const h2o_iovec_t *values)
{
	h2o_iovec_t again[URI_TEMPLATE_VARIABLES_MAX];
	h2o_iovec_t uri = uri_template_expand(pool, template, values);

	for (size_t i = 0; i < uri_template_variable_count(template); i++)
		demand(values[i].base == NULL || text_is_utf8(values[i]));
	if (!uri_template_match(pool, template, uri, again))
		return;
	uri = uri_template_expand(pool, template, again);
	demand(uri_template_match(pool, template, uri, again));
}

static void check_simple(h2o_mem_pool_t *pool, const struct uri_template *template, const h2o_iovec_t *values,
                         h2o_iovec_t text)
{
	h2o_iovec_t again[URI_TEMPLATE_VARIABLES_MAX];

	if (memchr(text.base, '+', text.len) != NULL || memchr(text.base, '#', text.len) != NULL)
		return;
	/* without reserved expansion, writing and reading are each other's opposite */
	h2o_iovec_t uri = uri_template_expand(pool, template, values);
	if (uri.len > URI_SIZE_MAX)
		return;
	bool labels = memchr(text.base, '.', text.len) != NULL; /* a dot in a value can be part of a label */
	demand(uri_template_match(pool, template, uri, again) || labels);
	for (size_t i = 0; !labels && i < uri_template_variable_count(template); i++)
		demand(text_equal(values[i], again[i]) && (values[i].base == NULL) == (again[i].base == NULL));
}

/* A template, a URI and another template, one a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_iovec_t text = take_line(&data, &size), uri = take_line(&data, &size), values[URI_TEMPLATE_VARIABLES_MAX];
	h2o_iovec_t other_text = take_line(&data, &size);
	const char *problem, *other_problem;
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	const struct uri_template *template = uri_template_compile(&pool, text, &problem);
	const struct uri_template *other = uri_template_compile(&pool, other_text, &other_problem);
	demand((template == NULL) == (problem != NULL) && (other == NULL) == (other_problem != NULL));
	bool fine = template != NULL && uri_template_problem(template) == NULL;
	bool matches = fine && uri_template_match(&pool, template, uri, values);
	if (matches) {
		check_reading(&pool, template, values);
		check_simple(&pool, template, values, text);
	}
	if (fine && other != NULL && uri_template_problem(other) == NULL) {
		bool overlaps = uri_template_overlaps(template, other);
		demand(overlaps == uri_template_overlaps(other, template));
		demand(!matches || !uri_template_match(&pool, other, uri, values) || overlaps);
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
