/* SPDX-License-Identifier: Apache-2.0 */
/* One pass: characters become letters as the eye reads them, letters words, words classes. Escapes of JSON, of URLs and
 * of HTML are read as what they say, wherever the text came from. */
#include "mcp/scan/scan.h"

#include <string.h>

#include "mcp/guard/untrusted.h"
#include "mcp/scan/looks.h"
#include "mcp/scan/scan_internal.h"

enum {
	WORD_MAX = 40,
	SPACED_MAX = 256, /* letters that stand alone, in a row */
	SPACED_MIN = 6,
	IDEOGRAPHS = 8,
	HIDDEN_STYLE = 600, /* bytes behind a style that hides */
	TAGS_MIN = 6,
	SELECTORS_MIN = 8,
	SENTENCE = 8, /* the end of a sentence separates like so many half words, */
	LINE = 12,    /* the end of a line of some words, */
	LINE_WORDS = 3,
	SIGN = 4, /* and what code has */
};

struct reading {
	struct scan_verdict *verdict;
	h2o_iovec_t text;
	unsigned depth;
	uint32_t hash; /* of the word under way */
	char word[WORD_MAX];
	size_t length;
	unsigned line_words;
	bool has_digit, has_letter, at_line, word_at_line;
	uint32_t hashes[SCAN_PHRASE_WORDS]; /* of the last words, last first */
	uint32_t ideographs[IDEOGRAPHS];    /* last first */
	size_t ideograph_count;
	char spaced[SPACED_MAX];
	size_t spaced_count;
	struct scan_near near[SCAN_WRITINGS];
	size_t run_start; /* of characters of base64 */
	bool in_run;
	size_t comment, style_end; /* place + 1 of a comment that is open; end of what a style hides */
	unsigned tags, selectors;
	uint32_t before; /* the character */
};

/* ---- what words make ---- */

static bool is_hidden(const struct reading *s, size_t at)
{
	return s->comment > 0 || at < s->style_end;
}

/* Orders that are hidden say more than those that are not. */
static void note_hidden(struct reading *s, size_t at, unsigned before)
{
	unsigned now = is_hidden(s, at) ? scan_score(s->verdict) : 0;

	if (now > before && now >= 25)
		scan_found(s->verdict, SCAN_HIDDEN, 50);
}

static void read_classes(struct reading *s, size_t at, const struct scan_word *word)
{
	unsigned before = is_hidden(s, at) ? scan_score(s->verdict) : 0;
	struct scan_verdict turned = {{0}};

	if (word->classes[SCAN_PLAIN] != 0)
		scan_rules_read(&s->near[SCAN_PLAIN], word->classes[SCAN_PLAIN], s->verdict);
	if (word->classes[SCAN_ROT13] != 0)
		scan_rules_read(&s->near[SCAN_ROT13], word->classes[SCAN_ROT13], &turned);
	if (scan_score(&turned) > 0)
		scan_found(s->verdict, SCAN_ENCODED, scan_score(&turned));
	note_hidden(s, at, before);
}

static void read_phrases(struct reading *s, size_t at, size_t longest)
{
	unsigned before = is_hidden(s, at) ? scan_score(s->verdict) : 0;

	for (size_t count = longest < SCAN_PHRASE_WORDS ? longest : SCAN_PHRASE_WORDS; count > 0; count--) {
		const struct scan_phrase *phrase = scan_phrase_of(s->hashes, count);
		if (phrase == NULL)
			continue;
		scan_found(s->verdict, phrase->finding, phrase->weight);
		if (strcmp(phrase->words, "do not") == 0 || strcmp(phrase->words, "don t") == 0)
			scan_rules_read(&s->near[SCAN_PLAIN], 1U << CLASS_NOT, s->verdict);
	}
	note_hidden(s, at, before);
}

static void advance(struct reading *s, size_t by)
{
	s->near[SCAN_PLAIN].place += by;
	s->near[SCAN_ROT13].place += by;
}

/* "1gn0re": digits and signs for the letters that they look like. */
static const struct scan_word *find_leet(const struct reading *s, char one)
{
	static const char FROM[] = "034578", TO[] = "oeastb";
	uint32_t hash = SCAN_HASH_START;

	for (size_t i = 0; i < s->length && i < WORD_MAX; i++) {
		char c = s->word[i];
		const char *known = c != '\0' ? strchr(FROM, c) : NULL;
		hash = scan_hash_add(hash, (unsigned char)(known != NULL ? TO[known - FROM] : c == '1' ? one : c));
	}
	return scan_word_of(hash);
}

/* Words that were written letter by letter: "i g n o r e". Where one ends is not known. */
static void end_spaced(struct reading *s, size_t at)
{
	size_t count = s->spaced_count;

	s->spaced_count = 0;
	if (count < SPACED_MIN)
		return;
	for (size_t start = 0; start < count; start++) {
		uint32_t hash = SCAN_HASH_START;
		const struct scan_word *longest = NULL;
		size_t size = 0;
		for (size_t i = start; i < count && i - start < 20; i++) {
			hash = scan_hash_add(hash, (unsigned char)s->spaced[i]);
			const struct scan_word *word = i - start >= 2 ? scan_word_of(hash) : NULL;
			if (word != NULL && word->classes[SCAN_PLAIN] != 0) {
				longest = word;
				size = i - start;
			}
		}
		if (longest == NULL)
			continue;
		advance(s, 2);
		read_classes(s, at, longest);
		start += size;
	}
}

static void end_word(struct reading *s, size_t at, char next)
{
	const struct scan_word *word = scan_word_of(s->hash);

	if (s->length == 1 && s->spaced_count < SPACED_MAX && (unsigned char)s->word[0] < 0x80) {
		s->spaced[s->spaced_count++] = s->word[0];
	} else {
		end_spaced(s, at);
		advance(s, 2);
		s->line_words++;
	}
	memmove(s->hashes + 1, s->hashes, sizeof(s->hashes) - sizeof(*s->hashes));
	s->hashes[0] = s->hash;
	if (word == NULL && s->has_digit && s->has_letter) {
		word = find_leet(s, 'i');
		word = word != NULL ? word : find_leet(s, 'l');
	}
	if (word != NULL) {
		read_classes(s, at, word);
		if (word->phrases > 0)
			read_phrases(s, at, word->phrases);
		if (next == ':' && s->word_at_line && (word->classes[SCAN_PLAIN] & 1U << CLASS_ROLE) != 0) {
			scan_found(s->verdict, SCAN_ROLE, 15);
			scan_rules_read(&s->near[SCAN_PLAIN], 1U << CLASS_LINE_ROLE, s->verdict);
		}
	}
	s->length = 0;
	s->has_digit = s->has_letter = s->at_line = false;
}

static void read_letter(struct reading *s, uint32_t code)
{
	if (s->length == 0) {
		s->hash = SCAN_HASH_START;
		s->word_at_line = s->at_line;
	}
	s->hash = scan_hash_add(s->hash, code);
	if (s->length < WORD_MAX)
		s->word[s->length] = code < 0x80 ? (char)code : '\xFF';
	s->length++;
	bool is_digit = code >= '0' && code <= '9';
	s->has_digit |= is_digit;
	s->has_letter |= !is_digit;
}

/* Chinese and Japanese have no blanks: each of the last characters may begin a word that ends here. */
static void read_ideograph(struct reading *s, size_t at, uint32_t code)
{
	if (s->length > 0)
		end_word(s, at, '\0');
	memmove(s->ideographs + 1, s->ideographs, sizeof(s->ideographs) - sizeof(*s->ideographs));
	s->ideographs[0] = code;
	s->ideograph_count += s->ideograph_count < IDEOGRAPHS;
	advance(s, 1);
	if (!scan_ends_word(code))
		return;
	for (size_t count = 1; count <= s->ideograph_count; count++) {
		uint32_t hash = SCAN_HASH_START;
		for (size_t i = count; i-- > 0;)
			hash = scan_hash_add(hash, s->ideographs[i]);
		const struct scan_word *word = scan_word_of(hash);
		if (word != NULL)
			read_classes(s, at, word);
	}
}

/* ---- markup ---- */

/* What follows in lower case, without blanks and what nobody sees. */
static size_t read_ahead(const struct reading *s, size_t at, char ret[SCAN_MARK_SIZE])
{
	size_t count = 0, end = s->text.len - at < 3 * SCAN_MARK_SIZE ? s->text.len : at + 3 * SCAN_MARK_SIZE;

	for (size_t len; at < end && count < SCAN_MARK_SIZE - 1; at += len) {
		int c = looks_letter(text_read(s->text.base + at, s->text.len - at, &len));
		if (c > ' ')
			ret[count++] = (char)c;
	}
	ret[count] = '\0';
	return count;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void read_mark(struct reading *s, size_t at)
{
	char ahead[SCAN_MARK_SIZE];

	read_ahead(s, at, ahead);
	for (const struct scan_mark *mark = SCAN_MARKS; mark->text != NULL; mark++)
		if (mark->text[0] == ahead[0] && mark->text[1] == ahead[1] && begins(ahead, mark->text))
			scan_found(s->verdict, mark->finding, mark->weight);
	if (begins(ahead, "<!--") || begins(ahead, "[//]:#") || begins(ahead, "[comment]:"))
		s->comment = at + 1;
}

static void end_comment(struct reading *s, size_t at, char c)
{
	bool is_html = s->text.base[s->comment - 1] == '<';

	if (is_html ? c == '>' && at >= 2 && memcmp(s->text.base + at - 2, "--", 2) == 0 : c == '\n')
		s->comment = 0;
}

/* A style that nobody sees the text of, in the word just read and what follows. */
static void read_style(struct reading *s, size_t at)
{
	static const char *const HIDING[] = {"display:none", "visibility:hidden", "font-size:0",      "opacity:0",
	                                     "color:white",  "color:#fff",        "color:transparent"};
	char ahead[SCAN_MARK_SIZE];

	read_ahead(s, at, ahead);
	for (size_t i = 0; i < sizeof(HIDING) / sizeof(HIDING[0]); i++)
		if (begins(ahead, HIDING[i]))
			s->style_end = at + HIDDEN_STYLE;
}

/* ---- characters ---- */

static void end_run(struct reading *s, size_t at)
{
	s->in_run = false;
	if (at - s->run_start >= SCAN_RUN_MIN && s->depth < SCAN_DEPTH_MAX)
		scan_decode(s->verdict, s->text.base + s->run_start, at - s->run_start, s->depth);
}

static void read_other(struct reading *s, size_t at, uint32_t code)
{
	char c = code < 0x80 ? (char)code : ' ';

	if (s->length > 0)
		end_word(s, at, code == 0xFF1A ? ':' : c);
	s->ideograph_count = 0;
	if (s->comment > 0)
		end_comment(s, at, c);
	switch (c) {
	case '\n':
		advance(s, s->line_words >= LINE_WORDS ? LINE : 0);
		s->line_words = 0;
		s->at_line = true;
		break;
	case '"': s->at_line = true; break;
	case ';':
	case '=':
	case '{':
	case '}': advance(s, SIGN); break;
	case '<':
	case '[':
	case '#': read_mark(s, at); break;
	case '@': scan_rules_read(&s->near[SCAN_PLAIN], 1U << CLASS_ADDRESS, s->verdict); break;
	case '/':
		if (s->before == '/')
			scan_rules_read(&s->near[SCAN_PLAIN], 1U << CLASS_ADDRESS, s->verdict);
		break;
	case '!':
	case '?':
	case '.': advance(s, SENTENCE); break;
	}
	if (code == 0x3002)
		advance(s, SENTENCE);
	if (c != ' ' && c != '\n' && c != '"' && c != '*' && c != '#' && c != '-' && c != '>' && c != '_' && c != '\t')
		s->at_line = false;
}

static void read_hidden(struct reading *s, uint32_t code)
{
	s->tags += code >= 0xE0020 && code <= 0xE007E && s->before != 0x1F3F4;
	s->selectors += code >= 0xFE00 && code <= 0xFE0F && s->before >= 0xFE00 && s->before <= 0xFE0F;
	s->selectors += code >= 0xE0100 && code <= 0xE01EF;
	if (s->tags >= TAGS_MIN || s->selectors >= SELECTORS_MIN)
		scan_found(s->verdict, SCAN_HIDDEN, 70);
}

static void read_character(struct reading *s, size_t at, uint32_t code)
{
	if (code >= 0x80)
		read_hidden(s, code);
	int letter = looks_letter(code);
	/* a flag of a part of a country is made of tags: they are no letters there */
	bool is_flag = code >= 0xE0000 && code <= 0xE007F && s->before == 0x1F3F4;
	if (letter != LOOKS_HIDDEN && !is_flag) {
		uint32_t as = letter >= 0 ? (uint32_t)letter : scan_lower(code);
		if (as >= 0x3040 && as <= 0x9FFF)
			read_ideograph(s, at, as);
		else if ((as >= 'a' && as <= 'z') || (as >= '0' && as <= '9') || (as >= 0xC0 && as < 0x2000))
			read_letter(s, as);
		else
			read_other(s, at, as);
	}
	if (!is_flag)
		s->before = code;
}

/* Letters and digits of ASCII are nearly all there is. */
static const uint8_t IS_BASE[256] = {
    ['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1, ['+'] = 1, ['/'] = 1, ['-'] = 1, ['_'] = 1,
};

/* Our own notice is an order, too: it is gone over as if it were not there. */
static bool is_notice(const struct reading *s, size_t at)
{
	return s->length == 0 && s->text.len - at >= UNTRUSTED_NOTICE_LEN &&
	       memcmp(s->text.base + at, UNTRUSTED_NOTICE, UNTRUSTED_NOTICE_LEN) == 0;
}

static void read_text(struct reading *s)
{
	uint32_t code;

	for (size_t at = 0, len; at < s->text.len; at += len) {
		const char *p = s->text.base + at;
		if (*p == UNTRUSTED_NOTICE[0] && is_notice(s, at)) {
			if (s->in_run)
				end_run(s, at);
			len = UNTRUSTED_NOTICE_LEN;
			continue;
		}
		if (IS_BASE[(unsigned char)*p]) {
			s->run_start = s->in_run ? s->run_start : at;
			s->in_run = true;
		} else if (s->in_run) {
			end_run(s, at);
		}
		if (*p == '\\' || *p == '%' || *p == '&') {
			len = scan_read_escape(p, s->text.len - at, &code);
			if (len > 0) {
				read_character(s, at, code);
				continue;
			}
		}
		if (s->length == 0 && (*p == 'd' || *p == 'v' || *p == 'f' || *p == 'o' || *p == 'c'))
			read_style(s, at);
		code = text_read(p, s->text.len - at, &len);
		read_character(s, at, code);
	}
}

void scan_text_at(struct scan_verdict *verdict, h2o_iovec_t text, unsigned depth)
{
	struct reading s = {.verdict = verdict, .text = text, .depth = depth, .at_line = true};

	for (size_t i = 0; i < SCAN_WRITINGS; i++)
		s.near[i].place = 1;
	read_text(&s);
	if (s.in_run)
		end_run(&s, text.len);
	if (s.length > 0)
		end_word(&s, text.len, '\0');
	end_spaced(&s, text.len);
}

void scan_text(struct scan_verdict *verdict, h2o_iovec_t text)
{
	scan_text_at(verdict, text, 0);
}

/* ---- the verdict ---- */

static const char *const NAMES[SCAN_FINDINGS] = {
    [SCAN_OVERRIDE] = "override", [SCAN_ROLE] = "role",           [SCAN_PERSONA] = "persona",
    [SCAN_COMMAND] = "command",   [SCAN_TOOL_CALL] = "tool_call", [SCAN_EXFILTRATION] = "exfiltration",
    [SCAN_REVEAL] = "reveal",     [SCAN_SECRECY] = "secrecy",     [SCAN_HIDDEN] = "hidden",
    [SCAN_ENCODED] = "encoded",
};

/* As if each finding were a witness of its own. */
unsigned scan_score(const struct scan_verdict *verdict)
{
	unsigned doubt = 10000;

	for (size_t i = 0; i < SCAN_FINDINGS; i++)
		doubt = doubt * (100U - verdict->weights[i]) / 100;
	return (10000 - doubt + 50) / 100;
}

bool scan_append(struct text_buffer *b, const struct scan_verdict *verdict)
{
	unsigned score = scan_score(verdict);
	const char *separator = "";

	if (score == 0)
		return false;
	text_append_printf(b, "{\"score\":%u.%02u,\"found\":[", score / 100, score % 100);
	for (size_t i = 0; i < SCAN_FINDINGS; i++) {
		if (verdict->weights[i] == 0)
			continue;
		text_append_printf(b, "%s\"%s\"", separator, NAMES[i]);
		separator = ",";
	}
	text_append_str(b, "]}");
	return true;
}

enum scan_policy scan_policy_of(h2o_iovec_t name)
{
	if (text_is(name, "off"))
		return SCAN_OFF;
	return text_is(name, "block") ? SCAN_BLOCK : SCAN_MARK;
}
