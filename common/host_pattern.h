/* SPDX-License-Identifier: Apache-2.0 */
/* Host names that an operator lists: "app.example.com" is that host, "*.example.com" every host below it (not
 * example.com itself). */
#ifndef SALLYPORT_HOST_PATTERN_H
#define SALLYPORT_HOST_PATTERN_H

#include "text.h"

/* ASCII case does not matter. */
bool host_pattern_fits(const char *pattern, h2o_iovec_t host);
/* True if one of the NULL-terminated list fits; false for NULL. */
bool host_patterns_fit(const char *const *patterns, h2o_iovec_t host);
/* NULL, or a fixed sentence about "it". */
const char *host_pattern_problem(h2o_iovec_t pattern);

#endif
