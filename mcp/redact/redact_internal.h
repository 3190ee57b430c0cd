/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of redact.h. */
#ifndef SALLYPORT_MCP_REDACT_INTERNAL_H
#define SALLYPORT_MCP_REDACT_INTERNAL_H

#include "mcp/redact/redact.h"

enum {
	REDACT_DEPTH_MAX = 6, /* JSON in JSON, base64 and so on: of what lies deeper nothing is decoded */
	REDACT_TRIGRAM_BITS = 16,
};

struct finding {
	size_t start, end;
	enum redact_kind kind;
	bool whole;       /* a JSON value that is no string: gets quotes */
	uint8_t level;    /* strings of JSON that it lies in, for these quotes */
	bool is_name;     /* of a member: numbered, so that no two become the same */
	h2o_iovec_t with; /* stands there instead of the mark; base NULL: the mark does */
};

struct findings { /* in the order of their starts once they are sorted */
	h2o_mem_pool_t *pool;
	struct finding *list;
	size_t count, capacity;
};

/* One text under way. */
struct scan {
	const struct redact_rules *rules;
	struct findings *findings;
	const char *base;
	size_t len;
	unsigned depth;                 /* scratch space of this number and above is free */
	size_t done_start, done_end;    /* the finding that ends last: nothing in it needs more looks */
	size_t percent_end, base64_end; /* what was decoded up to there needs no second look */
	size_t run_start, run_end;      /* REDACT_WORD characters, looked up last */
};

typedef void redact_check(struct scan *s, size_t at);

struct anchor {
	char trigram[3];
	uint8_t back; /* bytes of the pattern before the trigram */
	redact_check *check;
	struct anchor *next; /* with the same hash */
};

/* Spreads the three bytes over the table. */
#define REDACT_HASH_FACTOR 0x9E3779B1U

struct own_secret {
	struct secret value;
	struct own_secret *next;
};

struct scratch {
	char *base;
	size_t capacity;
};

struct redactor {
	h2o_mem_pool_t *pool;
	uint8_t has_anchor[1 << REDACT_TRIGRAM_BITS >> 3]; /* a bit by hash: small, so that it stays near */
	struct anchor *anchors[1 << 10];                   /* by the lower bits of the hash */
	struct own_secret *own;
	struct scratch scratch[REDACT_DEPTH_MAX];
};

/* ---- redact.c ---- */
void redact_found(struct scan *s, size_t start, size_t end, enum redact_kind kind);
void redact_findings_add(struct findings *findings, struct finding finding);
/* Sorts and joins what overlaps. */
void redact_findings_settle(struct findings *findings);
static inline bool redact_wants(const struct scan *s, enum redact_kind kind)
{
	return (s->rules->allowed & 1U << kind) == 0;
}
/* The scratch space of the depth, of at least so many bytes. */
char *redact_scratch(const struct scan *s, size_t size);
/* The text with its findings, which are settled; the text itself if there are none. */
h2o_iovec_t redact_write(h2o_mem_pool_t *pool, h2o_iovec_t text, const struct findings *findings,
                         struct redact_counts *counts);
void redactor_add_anchor(struct redactor *redactor, const char *pattern, size_t back, redact_check *check);

/* ---- redact_scan.c: a text that is not JSON ---- */
void redact_scan(struct scan *s);
/* A text that was decoded: what is found in it, by places of it. */
void redact_scan_inner(const struct scan *outer, h2o_iovec_t text, struct findings *findings);

/* ---- characters (redact_class.c) ---- */
enum {
	REDACT_DIGIT = 1,
	REDACT_UPPER = 2,
	REDACT_LOWER = 4,
	REDACT_DASH = 8 /* - _ */,
	REDACT_BASE = 16 /* + / */,
	REDACT_DOT = 32,
	REDACT_LOCAL = 64 /* else in addresses */,
	REDACT_URL = 128 /* else in URLs */,
	REDACT_LETTER = REDACT_UPPER | REDACT_LOWER,
	REDACT_ALNUM = REDACT_LETTER | REDACT_DIGIT,
	REDACT_WORD = REDACT_ALNUM | REDACT_DASH
};
extern const uint8_t REDACT_CLASS[256];
static inline bool redact_is(const struct scan *s, size_t at, unsigned classes)
{
	return at < s->len && (REDACT_CLASS[(unsigned char)s->base[at]] & classes) != 0;
}
/* End of the characters of these classes from `at` on, `most` of them. */
size_t redact_run(const struct scan *s, size_t at, unsigned classes, size_t most);
/* redact_run of REDACT_WORD, which is remembered: it may be asked for at each place of a long one. */
size_t redact_word_end(struct scan *s, size_t at);
static inline bool redact_is_done(const struct scan *s, size_t at)
{
	return at >= s->done_start && at < s->done_end;
}
/* No character of these classes stands before. What \n, \r and \t stand for in escaped text is no letter. */
bool redact_begins(const struct scan *s, size_t at, unsigned classes);
bool redact_has(const struct scan *s, size_t at, const char *text);

/* ---- what to look for ---- */
void redact_add_tokens(struct redactor *redactor);      /* redact_tokens.c */
void redact_add_assignments(struct redactor *redactor); /* redact_password.c */
void redact_add_keys(struct redactor *redactor);        /* redact_keys.c */
redact_check redact_check_email, redact_check_phone;    /* redact_person.c */
redact_check redact_check_digits;                       /* redact_number.c: at the eighth of a run */
redact_check redact_check_iban, redact_check_fiscal;    /* redact_number.c */
redact_check redact_check_foreign_id;
redact_check redact_check_percent, redact_check_base64; /* redact_decode.c */
redact_check redact_check_own;                          /* redact.c */
/* Reads characters that look like others as these, and skips what cannot be seen. */
void redact_scan_folded(struct scan *s); /* redact_fold.c */
/* What base64 says, into `ret` of (len / 4 + 1) * 3 bytes; both alphabets, line breaks skipped. */
size_t redact_base64(const char *text, size_t len, char *ret);
/* Of one digit, of either alphabet; -1: it is none. */
int redact_base64_value(char c);

/* ---- redact_json.c ---- */
void redact_scan_json(struct scan *s, h2o_iovec_t kept);
/* Text that may have JSON in it: as JSON, else as text. */
void redact_scan_any(struct scan *s);

#endif
