/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/uri.h"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static bool within(h2o_iovec_t part, h2o_iovec_t whole)
{
	return part.len == 0 || (part.base >= whole.base && part.base + part.len <= whole.base + whole.len);
}

static void check_parts(h2o_iovec_t text, const struct uri *u)
{
	const h2o_iovec_t parts[] = {u->scheme, u->host, u->port, u->path, u->query};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		demand(within(parts[i], text));
	for (size_t i = 0; i < text.len; i++)
		demand(text.base[i] > 0x20 && text.base[i] < 0x7f && strchr("\\\"<>^`{|}", text.base[i]) == NULL);
}

/* Two URIs, one a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_iovec_t text = {(char *)data, size}, other = {NULL, 0};
	const char *end = size == 0 ? NULL : memchr(data, '\n', size);
	struct uri u, v;
	if (end != NULL) {
		text.len = (size_t)(end - text.base);
		other = h2o_iovec_init(end + 1, size - text.len - 1);
	}
	bool valid = uri_parse(text, &u);
	const char *problem = uri_redirect_problem(text);
	demand(valid || (problem != NULL && uri_issuer_problem(text) != NULL));
	demand(uri_issuer_problem(text) != NULL || uri_resource_problem(text) == NULL);
	if (valid)
		check_parts(text, &u);
	if (problem == NULL) {
		demand(!u.has_fragment && uri_redirect_matches(text, text));
		demand(!text_is_nocase(u.scheme, "javascript") && !text_is_nocase(u.scheme, "data"));
		demand(!text_is(u.scheme, "http") || uri_is_loopback(&u));
	}
	bool matches = uri_redirect_matches(text, other);
	demand(matches == uri_redirect_matches(other, text));
	if (matches && !text_equal(text, other)) {
		demand(uri_parse(other, &v) && uri_is_loopback(&u) && uri_is_loopback(&v));
		demand(text_equal(u.host, v.host) && text_equal(u.path, v.path) && text_equal(u.query, v.query) &&
		       (u.query.base == NULL) == (v.query.base == NULL));
	}
	return 0;
}
