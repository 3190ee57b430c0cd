/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "mcp/backend/upstream/upstream_lint.h"

/* ---- characters ---- */

/* Of valid UTF-8; *len is what it takes. */
static uint32_t code_at(h2o_iovec_t text, size_t at, size_t *len)
{
	const uint8_t *s = (const uint8_t *)text.base + at;
	size_t size = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	static const uint8_t FIRST[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code;

	if (size > text.len - at)
		size = text.len - at;
	code = s[0] & FIRST[size];
	for (size_t i = 1; i < size; i++)
		code = code << 6 | (s[i] & 0x3f);
	*len = size;
	return code;
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
	if (code >= 0xe0000 && code <= 0xe007f)
		return "a tag character, which spells text that nobody sees";
	if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0x200e ||
	    code == 0x200f || code == 0x61c)
		return "a character that turns the direction of reading";
	if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
		return "a control character";
	return "a character that nobody sees";
}

/* Behind a symbol it chooses the form of an emoji; in a row they carry data. */
static bool is_emoji_form(uint32_t before, uint32_t code)
{
	return code == 0xfe0f && before >= 0x203c && (before < 0xfe00 || before > 0xfe0f);
}

static bool is_hidden(h2o_iovec_t one, uint32_t before, uint32_t code)
{
	return code != '\n' && code != '\t' && code != '\r' && !is_emoji_form(before, code) && text_has_invisible(one);
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

/* Letters of other scripts by the ASCII letter that they look like (Unicode TR 39, the part of it that names of tools
 * could be confused by), after their form in lower case. */
static const struct {
	uint32_t code;
	char looks[3];
} CONFUSABLES[] = {
    {0x391, "a"}, {0x392, "b"}, {0x395, "e"}, {0x396, "z"}, {0x397, "h"}, {0x399, "l"}, {0x39a, "k"}, {0x39c, "m"},
    {0x39d, "n"}, {0x39f, "o"}, {0x3a1, "p"}, {0x3a4, "t"}, {0x3a5, "y"}, {0x3a7, "x"}, {0x3b1, "a"}, {0x3b3, "y"},
    {0x3b5, "e"}, {0x3b9, "l"}, {0x3ba, "k"}, {0x3bd, "v"}, {0x3bf, "o"}, {0x3c1, "p"}, {0x3c3, "o"}, {0x3c4, "t"},
    {0x3c5, "u"}, {0x3c7, "x"}, {0x3c9, "w"}, {0x3f2, "c"}, {0x405, "s"}, {0x406, "l"}, {0x408, "j"}, {0x410, "a"},
    {0x412, "b"}, {0x415, "e"}, {0x417, "3"}, {0x41a, "k"}, {0x41c, "m"}, {0x41d, "h"}, {0x41e, "o"}, {0x420, "p"},
    {0x421, "c"}, {0x422, "t"}, {0x423, "y"}, {0x425, "x"}, {0x430, "a"}, {0x432, "b"}, {0x433, "r"}, {0x435, "e"},
    {0x437, "3"}, {0x43a, "k"}, {0x43c, "m"}, {0x43d, "h"}, {0x43e, "o"}, {0x43f, "n"}, {0x440, "p"}, {0x441, "c"},
    {0x442, "t"}, {0x443, "y"}, {0x445, "x"}, {0x448, "w"}, {0x455, "s"}, {0x456, "l"}, {0x458, "j"}, {0x475, "v"},
    {0x4bb, "h"}, {0x4c0, "l"}, {0x4cf, "l"}, {0x501, "d"}, {0x51b, "q"}, {0x51d, "w"}, {0x131, "l"}, {0x0d8, "o"},
    {0x0f8, "o"},
};

/* Letters with marks, by the letter below the marks: what remains of U+00C0 to U+017F. */
static const char LATIN[] = "aaaaaaaceeeelllldnooooo*ouuuuypsaaaaaaaceeeelllldnooooo*ouuuuypy"
			    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhlllllllllllljjkkklllllll"
			    "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static const char *looks_of(uint32_t code, char one[2])
{
	for (size_t i = 0; i < sizeof(CONFUSABLES) / sizeof(CONFUSABLES[0]); i++)
		if (CONFUSABLES[i].code == code)
			return CONFUSABLES[i].looks;
	if (code >= 0xff01 && code <= 0xff5e) /* full width */
		code -= 0xff01 - '!';
	if (code >= 0xc0 && code - 0xc0 < sizeof(LATIN) - 1 && LATIN[code - 0xc0] != '*')
		code = (uint32_t)LATIN[code - 0xc0];
	if (code >= 0x80)
		return NULL;
	one[0] = (char)(code >= 'A' && code <= 'Z' ? code + 0x20 : code);
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

static const struct {
	const char *words; /* as plain_words writes them */
	enum lint_weight weight;
} PHRASES[] = {
    {"ignore previous", LINT_SERIOUS},
    {"ignore all previous", LINT_SERIOUS},
    {"ignore any previous", LINT_SERIOUS},
    {"ignore prior", LINT_SERIOUS},
    {"ignore the above", LINT_SERIOUS},
    {"ignore all other", LINT_SERIOUS},
    {"disregard previous", LINT_SERIOUS},
    {"disregard all", LINT_SERIOUS},
    {"disregard the", LINT_WARNING},
    {"forget your", LINT_SERIOUS},
    {"forget all", LINT_SERIOUS},
    {"new instructions", LINT_SERIOUS},
    {"system prompt", LINT_SERIOUS},
    {"your instructions", LINT_SERIOUS},
    {"do not tell", LINT_SERIOUS},
    {"don t tell", LINT_SERIOUS},
    {"never tell", LINT_SERIOUS},
    {"do not mention", LINT_SERIOUS},
    {"don t mention", LINT_SERIOUS},
    {"never mention", LINT_SERIOUS},
    {"do not inform", LINT_SERIOUS},
    {"do not reveal", LINT_SERIOUS},
    {"do not show this", LINT_SERIOUS},
    {"without telling", LINT_SERIOUS},
    {"without informing", LINT_SERIOUS},
    {"without asking", LINT_SERIOUS},
    {"keep this secret", LINT_SERIOUS},
    {"hidden from the user", LINT_SERIOUS},
    {"user should not see", LINT_SERIOUS},
    {"user must not", LINT_SERIOUS},
    {"important", LINT_NOTE},
    {"before using this tool", LINT_SERIOUS},
    {"before calling this tool", LINT_SERIOUS},
    {"before you use this tool", LINT_SERIOUS},
    {"before using any", LINT_SERIOUS},
    {"before calling any", LINT_SERIOUS},
    {"before any other tool", LINT_SERIOUS},
    {"instead of any other", LINT_SERIOUS},
    {"other tools", LINT_WARNING},
    {"always use this tool", LINT_WARNING},
    {"always call this", LINT_WARNING},
    {"always call", LINT_WARNING},
    {"you must", LINT_WARNING},
    {"you should always", LINT_WARNING},
    {"you are now", LINT_SERIOUS},
    {"act as", LINT_WARNING},
    {"pretend", LINT_WARNING},
    {"exfiltrate", LINT_SERIOUS},
    {"conversation history", LINT_SERIOUS},
    {"chat history", LINT_SERIOUS},
    {"previous messages", LINT_WARNING},
    {"entire conversation", LINT_SERIOUS},
    {"api key", LINT_WARNING},
    {"api keys", LINT_WARNING},
    {"password", LINT_WARNING},
    {"passwords", LINT_WARNING},
    {"private key", LINT_WARNING},
    {"credentials", LINT_WARNING},
    {"access token", LINT_WARNING},
    {"id rsa", LINT_SERIOUS},
    {"ssh id", LINT_SERIOUS},
    {"etc passwd", LINT_SERIOUS},
    {"etc shadow", LINT_SERIOUS},
    {"aws credentials", LINT_SERIOUS},
    {"mcp json", LINT_SERIOUS},
    {"read the file", LINT_WARNING},
    {"environment variables", LINT_WARNING},
    {"send it to", LINT_WARNING},
    {"send them to", LINT_WARNING},
    {"as base64", LINT_NOTE},
};

/* Letters and digits as the eye reads them, in lower case, each other run as one blank; a blank at both ends. */
static char *plain_words(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	struct text_buffer b = {.pool = pool};
	bool blank = true;

	text_append_str(&b, " ");
	for (size_t at = 0, len; at < text.len; at += len) {
		uint32_t code = code_at(text, at, &len);
		h2o_iovec_t itself = h2o_iovec_init(text.base + at, len);
		char one = code < 0x80 ? (char)code : '\0', buffer[2];
		const char *looks = code < 0x80 ? NULL : looks_of(code, buffer);
		if (code >= 0x80 && text_has_invisible(itself))
			continue; /* put between letters, it hides words */
		if (one >= 'A' && one <= 'Z')
			one = (char)(one + 0x20);
		bool letter = (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || looks != NULL;
		if (letter)
			text_append(&b, looks != NULL ? looks : &one, 1);
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
	char padded[64];

	for (size_t i = 0; i < sizeof(PHRASES) / sizeof(PHRASES[0]); i++) {
		snprintf(padded, sizeof(padded), " %s ", PHRASES[i].words);
		if (PHRASES[i].weight > LINT_NOTE && strstr(words, padded) != NULL)
			lint_add(lint, PHRASES[i].weight, place,
			         text_printf(lint->pool, "says \"%s\"", PHRASES[i].words));
	}
}

/* Markup that dresses text up as somebody else's, and what is opened or fetched. */
static void find_markup(struct lint *lint, const char *place, h2o_iovec_t text)
{
	static const char *const TAGS[] = {"<important", "<system",     "<assistant", "<instruction", "<secret",
	                                   "<!--",       "<|im_start|", "[inst]",     "<untrusted"};
	char *lower = text_copy(lint->pool, text);

	h2o_strtolower(lower, strlen(lower));
	for (size_t i = 0; i < sizeof(TAGS) / sizeof(TAGS[0]); i++)
		if (strstr(lower, TAGS[i]) != NULL)
			lint_add(lint, LINT_SERIOUS, place, text_printf(lint->pool, "has \"%s\"", TAGS[i]));
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
