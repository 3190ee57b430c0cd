/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of scan.h. */
#ifndef SALLYPORT_MCP_SCAN_INTERNAL_H
#define SALLYPORT_MCP_SCAN_INTERNAL_H

#include "mcp/scan/scan.h"

/* ---- words (scan_words.c) ---- */

enum scan_class { /* what a word may be in an order to a model */
	          CLASS_IGNORE,
	          CLASS_PRIOR,
	          CLASS_ORDERS,
	          CLASS_YOUR,
	          CLASS_SYSTEM,
	          CLASS_REVEAL,
	          CLASS_NOT,
	          CLASS_TELL,
	          CLASS_USER,
	          CLASS_SEND,
	          CLASS_SECRET,
	          CLASS_HISTORY,
	          CLASS_TOOL_USE,
	          CLASS_TOOL,
	          CLASS_MUST,
	          CLASS_MODEL,
	          CLASS_NEW,
	          CLASS_DESTROY,
	          CLASS_ROLE,  /* whose lines a conversation has: system, assistant */
	          CLASS_WORDS, /* those before have words; of those behind the scanner knows itself */
	          CLASS_ADDRESS = CLASS_WORDS,
	          CLASS_LINE_ROLE, /* one of CLASS_ROLE at the beginning of a line, with a colon */
	          CLASS_COUNT
};

enum scan_writing { SCAN_PLAIN, SCAN_ROT13, SCAN_WRITINGS };

struct scan_word {
	uint32_t hash;
	uint32_t classes[SCAN_WRITINGS]; /* bit 1 << class */
	uint8_t phrases;                 /* longest phrase that ends with it, in words; 0: none does */
};

/* Of words as hashes: starts as SCAN_HASH_START, a byte or code point at a time. */
#define SCAN_HASH_START 0x811C9DC5U
static inline uint32_t scan_hash_add(uint32_t hash, uint32_t code)
{
	return (hash ^ code) * 0x01000193U;
}
/* Of letters with both cases beyond Latin. */
uint32_t scan_lower(uint32_t code);
/* As the scanner reads it. */
uint32_t scan_hash_word(h2o_iovec_t word);
/* NULL: no word that matters. */
const struct scan_word *scan_word_of(uint32_t hash);
/* Its last character is one of a word of Chinese or Japanese. */
bool scan_ends_word(uint32_t code);

/* ---- phrases (scan_phrases.c) ---- */

enum scan_place { PLACE_NOTE, PLACE_WARNING, PLACE_SERIOUS }; /* as the review of definitions weighs them */

struct scan_phrase {
	const char *words; /* in lower case, with one blank between them, letters without marks */
	enum scan_place in_definition;
	enum scan_finding finding;
	uint8_t weight; /* in a result, in hundredths; 0: it means nothing there */
};
extern const struct scan_phrase SCAN_PHRASES[]; /* words NULL at the end */

struct scan_mark { /* of markup, in lower case, without blanks */
	const char *text;
	enum scan_finding finding;
	uint8_t weight;
};
extern const struct scan_mark SCAN_MARKS[]; /* text NULL at the end */

enum { SCAN_PHRASE_WORDS = 6, SCAN_MARK_SIZE = 24 };
/* The phrase of so many words, whose hashes are given last first; NULL: none. */
const struct scan_phrase *scan_phrase_of(const uint32_t *hashes, size_t count);

/* ---- rules (scan_rules.c) ---- */

struct scan_near { /* where the classes were read last */
	size_t last[CLASS_COUNT];
	size_t place; /* of the word read now: two for a word, more for the end of a sentence */
};
/* A word of these classes is read: what that makes, with what was near. */
void scan_rules_read(struct scan_near *near, uint32_t classes, struct scan_verdict *verdict);

static inline void scan_found(struct scan_verdict *verdict, enum scan_finding finding, unsigned weight)
{
	if (weight > verdict->weights[finding])
		verdict->weights[finding] = (uint8_t)weight;
}

/* ---- what is encoded (scan_decode.c) ---- */

enum { SCAN_DEPTH_MAX = 2, SCAN_RUN_MIN = 24 };
/* A run of characters of base64 or hex digits. */
void scan_decode(struct scan_verdict *verdict, const char *run, size_t len, unsigned depth);
/* An escape of JSON, of a URL or of HTML: how long it is, and what it says; 0: it is none. */
size_t scan_read_escape(const char *p, size_t left, uint32_t *code);
void scan_text_at(struct scan_verdict *verdict, h2o_iovec_t text, unsigned depth);

#endif
