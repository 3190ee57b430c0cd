/* SPDX-License-Identifier: Apache-2.0 */
/* Characters in arguments that people who read a summary, a record or a page do not see, or see in another order. Tabs,
 * line feeds and a carriage return before one are text. NUL comes in no message (json.h). */
#ifndef SALLYPORT_MCP_INPUT_TEXT_H
#define SALLYPORT_MCP_INPUT_TEXT_H

#include "common/json.h"

/* Bits. Controls: C0, DEL, C1, line and paragraph separators. Direction: bidirectional marks, embeddings, overrides and
 * isolates. Joiners: ZWJ, ZWNJ and variation selectors where no emoji or script needs them. Invisible: zero width,
 * default ignorable, blanks that look like nothing, noncharacters. Tags: U+E0000 to U+E0FFF. */
enum input_characters {
	CHARACTERS_CONTROLS = 1,
	CHARACTERS_DIRECTION = 2,
	CHARACTERS_JOINERS = 4,
	CHARACTERS_INVISIBLE = 8,
	CHARACTERS_TAGS = 16
};
/* Of "controls", "direction" ...; 0 if there is none of this name. */
unsigned input_text_group(h2o_iovec_t name);

/* NULL, or where and what the first of them is: "arguments.note: has U+202E at character 5 (direction), ...". Of names
 * and values, at any depth; `allowed`: bits. Takes memory only for a problem. */
const char *input_text_problem(h2o_mem_pool_t *pool, const json_t *arguments, unsigned allowed);

#endif
