/* SPDX-License-Identifier: Apache-2.0 */
#include "host_pattern.h"

#include <string.h>

enum { HOST_SIZE_MAX = 253 };

bool host_pattern_fits(const char *pattern, h2o_iovec_t host)
{
	size_t suffix_len;

	if (pattern[0] != '*')
		return text_is_nocase(host, pattern);
	pattern++; /* the rest begins with the dot */
	suffix_len = strlen(pattern);
	return host.len > suffix_len &&
	       text_is_nocase(h2o_iovec_init(host.base + host.len - suffix_len, suffix_len), pattern);
}

bool host_patterns_fit(const char *const *patterns, h2o_iovec_t host)
{
	for (; patterns != NULL && *patterns != NULL; patterns++)
		if (host_pattern_fits(*patterns, host))
			return true;
	return false;
}

const char *host_pattern_problem(h2o_iovec_t pattern)
{
	static const char PROBLEM[] = "it must be a host name, or *. and a host name";
	bool at_label = true;

	if (text_starts(pattern, "*."))
		pattern = h2o_iovec_init(pattern.base + 2, pattern.len - 2);
	if (pattern.len == 0 || pattern.len > HOST_SIZE_MAX)
		return PROBLEM;
	for (size_t i = 0; i < pattern.len; i++) {
		char c = pattern.base[i];
		bool is_dot = c == '.';

		if (is_dot && at_label)
			return PROBLEM;
		if (!is_dot && (c == '\0' || strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", c) == NULL))
			return c >= 'A' && c <= 'Z' ? "it must be in lower case" : PROBLEM;
		at_label = is_dot;
	}
	return at_label ? PROBLEM : NULL;
}
