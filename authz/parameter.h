/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth parameters of a form or query. */
#ifndef SALLYPORT_PARAMETER_H
#define SALLYPORT_PARAMETER_H

#include "authz/authz.h"

/* NULL if the parameter is absent or empty: one without a value counts as omitted (RFC 6749, 3.1 and 3.2). */
const char *parameter(const struct form *f, const char *name);
/* True if a parameter of OAuth (any but `resource`) stands twice. RFC 6749, 3.1 and 3.2. */
bool parameters_repeat(const struct form *f);
/* RFC 8707: the one `resource`, with scheme and host in lower case, NULL if absent. False if several are named: a token
 * has one audience here. */
bool parameter_resource(struct request *r, const struct form *f, const char **ret);

#endif
