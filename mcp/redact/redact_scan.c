/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the text, 64 bytes at a time. Of each three bytes a table says whether a pattern has them (an anchor);
 * of classes of characters, bit masks say where a run of digits, an at sign and the like begins. */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "mcp/redact/redact_internal.h"

enum { BLOCK = 64, AHEAD = 4, RUN_OF_BASE64 = 24 };

struct masks { /* a bit for each byte of a block */
	uint64_t digits, letters, joins /* space - . / */, base /* + / - _ */, at, plus, percent, high;
};

/* What is carried from one block to the next one. */
struct carried {
	uint64_t digits, letters, alnum, joined, joined2, joined4, joined8, base, base2, base4, base8, base24, letters2,
	    letters4, letters6;
};

#ifdef __SSE2__
static inline uint64_t mask_of(const __m128i hits[4])
{
	return (uint64_t)(uint32_t)_mm_movemask_epi8(hits[0]) | (uint64_t)(uint32_t)_mm_movemask_epi8(hits[1]) << 16 |
	       (uint64_t)(uint32_t)_mm_movemask_epi8(hits[2]) << 32 |
	       (uint64_t)(uint32_t)_mm_movemask_epi8(hits[3]) << 48;
}

static inline uint64_t equal(const __m128i bytes[4], char c)
{
	__m128i hits[4];

	for (int i = 0; i < 4; i++)
		hits[i] = _mm_cmpeq_epi8(bytes[i], _mm_set1_epi8(c));
	return mask_of(hits);
}

/* Bytes from `first` to `last`; those above 0x7F are negative and in no range. */
static inline uint64_t between(const __m128i bytes[4], char fold, char first, char last)
{
	__m128i hits[4];

	for (int i = 0; i < 4; i++) {
		__m128i b = _mm_or_si128(bytes[i], _mm_set1_epi8(fold));
		hits[i] = _mm_and_si128(_mm_cmpgt_epi8(b, _mm_set1_epi8((char)(first - 1))),
		                        _mm_cmplt_epi8(b, _mm_set1_epi8((char)(last + 1))));
	}
	return mask_of(hits);
}

static inline struct masks masks_of(const char *p)
{
	__m128i bytes[4], rare[4];
	struct masks m = {0};

	for (int i = 0; i < 4; i++) {
		bytes[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + i * 16));
		rare[i] = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes[i], _mm_set1_epi8('@')),
		                                    _mm_cmpeq_epi8(bytes[i], _mm_set1_epi8('+'))),
		                       _mm_cmpeq_epi8(bytes[i], _mm_set1_epi8('%')));
	}
	m.high = mask_of(bytes);
	m.digits = between(bytes, 0, '0', '9');
	m.letters = between(bytes, 0x20, 'a', 'z');
	uint64_t dots = equal(bytes, '.'), joins = between(bytes, 0, '-', '/');
	m.joins = joins | equal(bytes, ' ');
	m.base = (joins & ~dots) | equal(bytes, '_');
	if (mask_of(rare) != 0) {
		m.plus = equal(bytes, '+');
		m.at = equal(bytes, '@');
		m.percent = equal(bytes, '%');
		m.base |= m.plus;
	}
	return m;
}
#else
static struct masks masks_of(const char *p)
{
	struct masks m = {0};

	for (unsigned i = 0; i < BLOCK; i++) {
		unsigned char c = (unsigned char)p[i], class = REDACT_CLASS[c];
		m.high |= (uint64_t)(c >> 7) << i;
		m.digits |= (uint64_t)((class & REDACT_DIGIT) != 0) << i;
		m.letters |= (uint64_t)((class & REDACT_LETTER) != 0) << i;
		m.joins |= (uint64_t)(c == ' ' || c == '-' || c == '.' || c == '/') << i;
		m.base |= (uint64_t)((class & (REDACT_DASH | REDACT_BASE)) != 0) << i;
		m.at |= (uint64_t)(c == '@') << i;
		m.plus |= (uint64_t)(c == '+') << i;
		m.percent |= (uint64_t)(c == '%') << i;
	}
	return m;
}
#endif

/* The bits `by` places later; those of the block before come in. */
static uint64_t later(uint64_t mask, uint64_t before, unsigned by)
{
	return mask << by | before >> (BLOCK - by);
}

/* The bits at which a run of twice as many ends. */
static uint64_t twice(uint64_t runs, uint64_t *before, unsigned length)
{
	uint64_t longer = runs & later(runs, *before, length);

	*before = runs;
	return longer;
}

static inline void check_each(struct scan *s, size_t at, uint64_t bits, size_t back, redact_check *check)
{
	for (; bits != 0; bits &= bits - 1) {
		size_t place = at + (size_t)__builtin_ctzll(bits);
		if (place >= back && place < s->len && !redact_is_done(s, place - back))
			check(s, place - back);
	}
}

static inline void check_masks(struct scan *s, size_t at, const struct masks *m, struct carried *c)
{
	uint64_t alnum = m->digits | m->letters;

	check_each(s, at, m->at, 0, redact_check_email);
	check_each(s, at, m->plus, 0, redact_check_phone);
	check_each(s, at, m->percent, 0, redact_check_percent);

	/* eight of digits and what joins them: where a run gets that long */
	uint64_t joined = m->digits | m->joins;
	uint64_t two = twice(joined, &c->joined, 1), four = twice(two, &c->joined2, 2),
		 eight = twice(four, &c->joined4, 4);
	check_each(s, at, eight & ~later(eight, c->joined8, 1), 7, redact_check_digits);
	c->joined8 = eight;

	/* two letters and two digits, at the beginning of a word: an IBAN; a letter and seven digits: a Spanish NIE */
	uint64_t pair = m->digits & later(m->digits, c->digits, 1) & later(m->letters, c->letters, 2);
	check_each(s, at, pair & later(m->letters, c->letters, 3) & ~later(alnum, c->alnum, 4), 3, redact_check_iban);
	uint64_t l2 = twice(m->letters, &c->letters, 1), l4 = twice(l2, &c->letters2, 2);
	uint64_t l6 = l4 & later(l2, c->letters4, 4);
	c->letters4 = l2;
	check_each(s, at, pair & later(l6, c->letters6, 2) & ~later(alnum, c->alnum, 8), 7, redact_check_fiscal);
	c->letters6 = l6;
	check_each(s, at, pair & ~later(alnum, c->alnum, 3), 2, redact_check_foreign_id);

	uint64_t base = alnum | m->base;
	uint64_t b2 = twice(base, &c->base, 1), b4 = twice(b2, &c->base2, 2), b8 = twice(b4, &c->base4, 4),
		 b24 = b8 & later(b8, c->base8, 8) & later(b8, c->base8, 16);
	c->base8 = b8;
	check_each(s, at, b24 & ~later(b24, c->base24, 1), RUN_OF_BASE64 - 1, redact_check_base64);
	c->base24 = b24;
	c->digits = m->digits;
	c->alnum = alnum;
}

static inline unsigned hash_at(const char *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap32(word);
#endif
	return (word & 0xFFFFFF) * REDACT_HASH_FACTOR >> (32 - REDACT_TRIGRAM_BITS);
}

static void check_anchors(struct scan *s, size_t at, const char *p)
{
	const struct redactor *r = s->rules->redactor;

	for (const struct anchor *a = r->anchors[hash_at(p) % (1 << 10)]; a != NULL; a = a->next)
		if (memcmp(a->trigram, p, sizeof(a->trigram)) == 0 && at >= a->back && !redact_is_done(s, at - a->back))
			a->check(s, at - a->back);
}

/* 1 in the lowest bit if a pattern has these three bytes, or others with the same hash. */
static inline unsigned bit_at(const uint8_t *bits, const char *p)
{
	unsigned hash = hash_at(p);

	return (unsigned)bits[hash >> 3] >> (hash & 7);
}

static inline void look_for_anchors(struct scan *s, size_t at, const char *p)
{
	const uint8_t *bits = s->rules->redactor->has_anchor;

	for (unsigned i = 0; i < BLOCK; i += 8, p += 8) {
		unsigned any = bit_at(bits, p) | bit_at(bits, p + 1) | bit_at(bits, p + 2) | bit_at(bits, p + 3) |
		               bit_at(bits, p + 4) | bit_at(bits, p + 5) | bit_at(bits, p + 6) | bit_at(bits, p + 7);
		if ((any & 1) == 0)
			continue;
		for (unsigned j = 0; j < 8 && at + i + j < s->len; j++)
			if ((bit_at(bits, p + j) & 1) != 0)
				check_anchors(s, at + i + j, p + j);
	}
}

/* 64 bytes and four more may be read at p. */
static uint64_t scan_block(struct scan *s, size_t at, const char *p, struct carried *c)
{
	struct masks m = masks_of(p);

	look_for_anchors(s, at, p);
	check_masks(s, at, &m, c);
	return m.high;
}

static void scan_blocks(struct scan *s, bool *has_high)
{
	struct carried c = {0};
	char last[BLOCK + AHEAD];
	uint64_t high = 0;
	size_t at = 0;

	for (; s->len - at >= BLOCK + AHEAD; at += BLOCK)
		high |= scan_block(s, at, s->base + at, &c);
	for (; at < s->len; at += BLOCK) {
		memset(last, 0, sizeof(last));
		memcpy(last, s->base + at, s->len - at < sizeof(last) ? s->len - at : sizeof(last));
		high |= scan_block(s, at, last, &c);
		if (s->len - at <= BLOCK)
			break;
	}
	*has_high = high != 0;
}

void redact_scan(struct scan *s)
{
	bool has_high = false;

	if (s->len > 0)
		scan_blocks(s, &has_high);
	if (has_high && s->depth < REDACT_DEPTH_MAX)
		redact_scan_folded(s);
}

void redact_scan_inner(const struct scan *outer, h2o_iovec_t text, struct findings *findings)
{
	struct scan s = {
	    .rules = outer->rules,
	    .findings = findings,
	    .base = text.base,
	    .len = text.len,
	    .depth = outer->depth + 1,
	};

	*findings = (struct findings){.pool = outer->findings->pool};
	redact_scan_any(&s);
	redact_findings_settle(findings);
}
