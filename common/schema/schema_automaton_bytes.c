/* SPDX-License-Identifier: Apache-2.0 */
/* A range of code points as ranges of bytes: U+0080 to U+07FF is one byte from C2 to DF and one from 80 to BF. */
#include "schema_automaton.h"

struct encoded {
	uint8_t bytes[4];
	int len;
};

/* Surrogates too: they do not occur in a valid text. */
static struct encoded encode(uint32_t point)
{
	if (point < 0x80)
		return (struct encoded){{(uint8_t)point}, 1};
	if (point < 0x800)
		return (struct encoded){{(uint8_t)(0xc0 | point >> 6), (uint8_t)(0x80 | (point & 0x3f))}, 2};
	if (point < 0x10000)
		return (struct encoded){{(uint8_t)(0xe0 | point >> 12), (uint8_t)(0x80 | (point >> 6 & 0x3f)),
		                         (uint8_t)(0x80 | (point & 0x3f))},
		                        3};
	return (struct encoded){{(uint8_t)(0xf0 | point >> 18), (uint8_t)(0x80 | (point >> 12 & 0x3f)),
	                         (uint8_t)(0x80 | (point >> 6 & 0x3f)), (uint8_t)(0x80 | (point & 0x3f))},
	                        4};
}

/* One more alternative in front of what is there: a chain of byte ranges that ends in part->end. */
static void add_chain(struct machine *m, struct machine_part *part, uint32_t first, uint32_t last)
{
	struct encoded low = encode(first), high = encode(last);
	uint16_t next = part->end;
	for (int i = low.len - 1; i >= 0; i--) {
		struct machine_state state = {MACHINE_BYTES, low.bytes[i], high.bytes[i], next, 0};
		next = machine_add(m, state);
	}
	part->start = machine_add(m, (struct machine_state){MACHINE_SPLIT, 0, 0, next, part->start});
}

/* Cuts a range until the encodings of its two ends differ like a rectangle: all bytes behind the first one that differs
 * run through all their values. */
static void add_range(struct machine *m, struct machine_part *part, uint32_t first, uint32_t last)
{
	static const uint32_t LONGEST[] = {0x7f, 0x7ff, 0xffff};
	for (int i = 0; i < 3; i++) {
		if (first <= LONGEST[i] && last > LONGEST[i]) {
			add_range(m, part, first, LONGEST[i]);
			first = LONGEST[i] + 1;
		}
	}
	for (unsigned bits = 6; first > 0x7f && bits <= 18; bits += 6) {
		uint32_t mask = (1u << bits) - 1;
		if ((first & ~mask) == (last & ~mask))
			break;
		if ((first & mask) != 0) {
			add_range(m, part, first, first | mask);
			first = (first | mask) + 1;
		}
		if ((last & mask) != mask) {
			add_range(m, part, last & ~mask, last);
			last = (last & ~mask) - 1;
		}
		if (first > last)
			return;
	}
	add_chain(m, part, first, last);
}

struct machine_part machine_characters(struct machine *m, const struct code_points *ranges, size_t count)
{
	/* Without any range nothing fits: a byte between 1 and 0. */
	uint16_t end = machine_add(m, (struct machine_state){MACHINE_SPLIT, 0, 0, 0, 0});
	uint16_t nothing = machine_add(m, (struct machine_state){MACHINE_BYTES, 1, 0, end, 0});
	struct machine_part ret = {nothing, end};
	for (size_t i = 0; i < count; i++)
		add_range(m, &ret, ranges[i].first, ranges[i].last);
	return ret;
}
