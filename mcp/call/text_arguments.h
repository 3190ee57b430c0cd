/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments that people type, and that become part of texts: those of prompts and of completions. */
#ifndef SALLYPORT_MCP_TEXT_ARGUMENTS_H
#define SALLYPORT_MCP_TEXT_ARGUMENTS_H

#include "common/json.h"

enum { TEXT_ARGUMENT_SIZE_MAX = 64 * 1024 };

/* NULL if all members of the object are texts that can be filled in: of bounded size, without control characters but
 * line breaks and tabs. Else a sentence that names the place. */
const char *text_arguments_problem(h2o_mem_pool_t *pool, const json_t *arguments);

#endif
