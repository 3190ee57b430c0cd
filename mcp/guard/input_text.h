/* SPDX-License-Identifier: Apache-2.0 */
/* Characters in arguments that people who read a summary, a record or a page do not see, or see in another order. Tabs,
 * line feeds and a carriage return before one are text. NUL comes in no message (json.h). */
#ifndef SALLYPORT_MCP_INPUT_TEXT_H
#define SALLYPORT_MCP_INPUT_TEXT_H

#include "common/json.h"

enum input_characters {                           /* bits */
	                CHARACTERS_CONTROLS = 1,  /* C0, DEL, C1, line and paragraph separators */
	                CHARACTERS_DIRECTION = 2, /* bidirectional marks, embeddings, overrides and isolates */
	                CHARACTERS_JOINERS =
	                    4, /* ZWJ, ZWNJ, variation selectors, where no emoji or script needs them */
	                CHARACTERS_INVISIBLE =
	                    8, /* zero width, default ignorable, blanks that look like nothing, noncharacters */
	                CHARACTERS_TAGS = 16 /* U+E0000 to U+E0FFF */
};
/* Of "controls", "direction" ...; 0 if there is none of this name. */
unsigned input_text_group(h2o_iovec_t name);

/* NULL, or where and what the first of them is: "arguments.note: has U+202E at character 5 (direction), ...". Of names
 * and values, at any depth; `allowed`: bits. Takes memory only for a problem. */
const char *input_text_problem(h2o_mem_pool_t *pool, const json_t *arguments, unsigned allowed);

#endif
