/* SPDX-License-Identifier: Apache-2.0 */
/* The Accept header at the introspection endpoint. */
#include "authz/introspect_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	introspection_is_signed(h2o_iovec_init(data, size));
	return 0;
}
