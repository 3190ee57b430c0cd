/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns that are regular in the strict sense (no lookaround, back reference, word boundary or Unicode property), and
 * that is most of them, become a table that reads a text once, byte by byte: no such pattern can take long. In three
 * steps: schema_automaton_read.c makes a machine of the translated pattern (Thompson's construction), with the bytes of
 * its characters from schema_automaton_bytes.c; schema_automaton.c makes the table (subset construction). */
#ifndef SALLYPORT_SCHEMA_AUTOMATON_H
#define SALLYPORT_SCHEMA_AUTOMATON_H

#include "common/text.h"

struct schema_automaton;

/* Of what schema_pattern_translate() wrote. NULL if the pattern is not regular, or its machine or table would be too
 * large: then it is left to PCRE2. */
struct schema_automaton *schema_automaton_compile(h2o_mem_pool_t *pool, const char *translated);
/* The text is valid UTF-8. Time is linear in its length; nothing is allocated. */
bool schema_automaton_matches(const struct schema_automaton *a, h2o_iovec_t text);

/* --- the machine, for common/schema_automaton*.c only --- */

enum { MACHINE_STATES = 8192, MACHINE_RANGES = 256 };

enum machine_kind {
	MACHINE_BYTES, /* one byte from low to high, then `next` */
	MACHINE_SPLIT, /* `next` or `other` */
	MACHINE_BEGIN, /* `next`, at the text's begin */
	MACHINE_END,   /* `next`, at the text's end */
	MACHINE_MATCH,
};

struct machine_state {
	uint8_t kind, low, high;
	uint16_t next, other;
};

struct machine {
	struct machine_state *states; /* MACHINE_STATES of them */
	size_t count;
	bool failed; /* not regular, or too large */
};

/* What has been made of a part of a pattern: entered at `start`, left at `end`, a split whose `next` is still open. */
struct machine_part {
	uint16_t start, end;
};

struct code_points {
	uint32_t first, last;
};

uint16_t machine_add(struct machine *m, struct machine_state state);
/* The index of the first state; sets m->failed if the pattern cannot be read. */
uint16_t machine_read(struct machine *m, const char *translated);
/* A machine for one character of these ranges, sorted and apart from each other, in UTF-8. */
struct machine_part machine_characters(struct machine *m, const struct code_points *ranges, size_t count);

#endif
