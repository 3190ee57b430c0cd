/* SPDX-License-Identifier: Apache-2.0 */
/* What a character is read as. Redaction, the scanner and the review of upstream definitions look at text as it looks,
 * not as it is written: this is their one list. */
#ifndef SALLYPORT_MCP_LOOKS_H
#define SALLYPORT_MCP_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOOKS_HIDDEN = -1 /* nobody sees it */, LOOKS_ITSELF = -2 };

/* As another way to write an ASCII character: full width, mathematical, tags, blanks, dashes, digits of scripts. An
 * ASCII character, LOOKS_HIDDEN or LOOKS_ITSELF. */
int looks_plain(uint32_t code);
/* As the eye reads it: the same, and letters of other scripts (Unicode TR 39, a part) and letters with marks as the
 * ASCII letter in lower case that they look like. */
int looks_letter(uint32_t code);
/* Behind a symbol it chooses the form of an emoji; in a row they carry data. */
bool looks_is_emoji_form(uint32_t before, uint32_t code);

enum hidden_kind { HIDDEN_CONTROL, HIDDEN_DIRECTION, HIDDEN_TAG, HIDDEN_OTHER, HIDDEN_KINDS };
/* Of a character for which text_is_invisible is true. */
enum hidden_kind looks_hidden_kind(uint32_t code);

#endif
