/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "mcp/backend/upstream/upstream_lint.h"
#include "mcp/scan/looks.h"
#include "mcp/scan/scan_internal.h"

/* ---- characters ---- */

static uint32_t code_at(h2o_iovec_t text, size_t at, size_t *len)
{
	return text_read(text.base + at, text.len - at, len);
}

enum { WORD_SHOWN = 64 }; /* bytes of a word that are told */

enum script { SCRIPT_NONE, SCRIPT_LATIN, SCRIPT_GREEK, SCRIPT_CYRILLIC };

static enum script script_of(uint32_t code)
{
	if ((code | 0x20) - 'a' < 26 || (code >= 0xc0 && code <= 0x24f && code != 0xd7 && code != 0xf7))
		return SCRIPT_LATIN;
	if ((code >= 0x370 && code <= 0x3ff) || (code >= 0x1f00 && code <= 0x1fff))
		return SCRIPT_GREEK;
	return code >= 0x400 && code <= 0x52f ? SCRIPT_CYRILLIC : SCRIPT_NONE;
}

static const char *kind_of(uint32_t code)
{
	static const char *const KINDS[HIDDEN_KINDS] = {
	    [HIDDEN_CONTROL] = "a control character",
	    [HIDDEN_DIRECTION] = "a character that turns the direction of reading",
	    [HIDDEN_TAG] = "a tag character, which spells text that nobody sees",
	    [HIDDEN_OTHER] = "a character that nobody sees",
	};

	return KINDS[looks_hidden_kind(code)];
}

static bool is_hidden(h2o_iovec_t one, uint32_t before, uint32_t code)
{
	return code != '\n' && code != '\t' && code != '\r' && !looks_is_emoji_form(before, code) &&
	       text_has_invisible(one);
}

static void find_hidden(struct lint *lint, const char *place, h2o_iovec_t text)
{
	uint32_t before = 0, first = 0;
	size_t count = 0;

	for (size_t at = 0, len; at < text.len; at += len) {
		uint32_t code = code_at(text, at, &len);
		if (is_hidden(h2o_iovec_init(text.base + at, len), before, code) && count++ == 0)
			first = code;
		before = code;
	}
	if (count == 0)
		return;
	lint_add(lint, LINT_SERIOUS, place,
	         text_printf(lint->pool, "has U+%04X, %s%s; what cannot be seen is left out of what is offered", first,
	                     kind_of(first), count > 1 ? text_printf(lint->pool, ", and %zu more", count - 1) : ""));
}

/* "pаypal" with a Cyrillic letter: a word is written in one script. */
static void find_mixed_words(struct lint *lint, const char *place, h2o_iovec_t text)
{
	unsigned scripts = 0;
	size_t start = 0;

	for (size_t at = 0, len; at <= text.len; at += len) {
		enum script script = SCRIPT_NONE;
		len = 1;
		if (at < text.len)
			script = script_of(code_at(text, at, &len));
		if (script != SCRIPT_NONE) {
			start = scripts == 0 ? at : start;
			scripts |= 1U << script;
			continue;
		}
		if ((scripts & (scripts - 1)) != 0) {
			h2o_iovec_t word = text_beginning(h2o_iovec_init(text.base + start, at - start), WORD_SHOWN);
			lint_add(lint, LINT_SERIOUS, place,
			         text_printf(lint->pool, "has a word that mixes Latin, Greek or Cyrillic letters: %.*s",
			                     (int)word.len, word.base));
			return;
		}
		scripts = 0;
	}
}

/* ---- skeletons ---- */

/* NULL: it stands for itself. */
static const char *looks_of(uint32_t code, char one[2])
{
	int letter = looks_letter(code);

	if (letter < 0)
		return NULL;
	one[0] = (char)letter;
	one[1] = '\0';
	switch (one[0]) {
	case '1':
	case '|':
	case 'i': one[0] = 'l'; break; /* as I in upper case */
	case '0': one[0] = 'o'; break;
	case '5': one[0] = 's'; break;
	case '-':
	case '.':
	case ' ': one[0] = '_'; break;
	}
	return one;
}

static void replace_pair(char *text, const char *pair, char by)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		bool found = from[0] == pair[0] && from[1] == pair[1];
		*to++ = found ? by : *from;
		from += found;
	}
	*to = '\0';
}

const char *lint_skeleton(h2o_mem_pool_t *pool, h2o_iovec_t name)
{
	struct text_buffer b = {.pool = pool};

	for (size_t at = 0, len; at < name.len; at += len) {
		char one[2];
		const char *looks = looks_of(code_at(name, at, &len), one);
		h2o_iovec_t itself = h2o_iovec_init(name.base + at, len);
		if (looks != NULL)
			text_append_str(&b, looks);
		else if (!text_has_invisible(itself))
			text_append_iovec(&b, itself);
	}
	text_append_str(&b, "");
	replace_pair(b.base, "rn", 'm');
	replace_pair(b.base, "vv", 'w');
	replace_pair(b.base, "__", '_');
	return b.base;
}

/* ---- phrases ---- */

/* Letters and digits as the eye reads them, in lower case, each other run as one blank; a blank at both ends. */
static char *plain_words(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	struct text_buffer b = {.pool = pool};
	bool blank = true;

	text_append_str(&b, " ");
	for (size_t at = 0, len; at < text.len; at += len) {
		uint32_t code = code_at(text, at, &len);
		h2o_iovec_t itself = h2o_iovec_init(text.base + at, len);
		int looks = looks_letter(code);
		char one = looks >= 0 ? (char)looks : ' ';
		if (code >= 0x80 && text_has_invisible(itself))
			continue; /* put between letters, it hides words */
		bool letter = (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9');
		if (letter)
			text_append(&b, &one, 1);
		else if (!blank)
			text_append_str(&b, " ");
		blank = !letter;
	}
	text_append_str(&b, " ");
	return b.base;
}

static void find_phrases(struct lint *lint, const char *place, h2o_iovec_t text)
{
	const char *words = plain_words(lint->pool, text);
	static const enum lint_weight WEIGHTS[] = {LINT_NOTE, LINT_WARNING, LINT_SERIOUS};
	char padded[64];

	for (const struct scan_phrase *p = SCAN_PHRASES; p->words != NULL; p++) {
		snprintf(padded, sizeof(padded), " %s ", p->words);
		if (p->in_definition > PLACE_NOTE && strstr(words, padded) != NULL)
			lint_add(lint, WEIGHTS[p->in_definition], place,
			         text_printf(lint->pool, "says \"%s\"", p->words));
	}
}

/* Markup that dresses text up as somebody else's, and what is opened or fetched. */
static void find_markup(struct lint *lint, const char *place, h2o_iovec_t text)
{
	char *lower = text_copy(lint->pool, text);

	h2o_strtolower(lower, strlen(lower));
	for (const struct scan_mark *mark = SCAN_MARKS; mark->text != NULL; mark++)
		if (strstr(lower, mark->text) != NULL)
			lint_add(lint, LINT_SERIOUS, place, text_printf(lint->pool, "has \"%s\"", mark->text));
	if (strstr(lower, "<!--") != NULL)
		lint_add(lint, LINT_SERIOUS, place, "has \"<!--\"");
	if (strstr(lower, "![") != NULL && strstr(lower, "](http") != NULL)
		lint_add(lint, LINT_WARNING, place, "has an image that a client may fetch");
	if (strstr(lower, "data:") != NULL && strstr(lower, ";base64,") != NULL)
		lint_add(lint, LINT_WARNING, place, "has data that nobody can read");
}

void lint_text(struct lint *lint, const char *place, h2o_iovec_t text)
{
	if (!text_is_utf8(text)) {
		lint_add(lint, LINT_FATAL, place, "is not UTF-8");
		return;
	}
	find_hidden(lint, place, text);
	find_mixed_words(lint, place, text);
	find_phrases(lint, place, text);
	find_markup(lint, place, text);
}
