/* SPDX-License-Identifier: Apache-2.0 */
/* What a client answers when it is asked: ElicitResult, CreateMessageResult, ListRootsResult (the same in both eras).
 */
#ifndef SALLYPORT_MCP_INPUT_RESPONSE_H
#define SALLYPORT_MCP_INPUT_RESPONSE_H

#include "common/json.h"

/* NULL, or a sentence about the result that begins with its place. `params`: of the request that it answers, whose
 * requestedSchema the content of a form has to fulfil. */
const char *input_response_problem(h2o_mem_pool_t *pool, const char *method, const json_t *params,
                                   const json_t *result);

#endif
