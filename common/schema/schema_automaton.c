/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_automaton.h"

#include <stdlib.h>
#include <string.h>

enum {
	ROWS_FIRST = 32,
	ROWS_MAX = 2048,
	CELLS_MAX = 65536,
	WORK_MAX = 4000000, /* states visited while the table is made */
	SLOTS = 4096,       /* of the hash over the rows; a power of two above ROWS_MAX */
};

/* Rows that end the run. */
enum { ROW_MATCH, ROW_DEAD, ROW_START };

/* A row has a cell for each class of bytes, where the next row begins in the table; and a last one: does the pattern
 * match if the text ends here? */
struct schema_automaton {
	uint8_t class_of[256]; /* bytes that no state tells apart */
	uint32_t classes, width;
	uint32_t start, first; /* where the first byte's row begins, and the first row that goes on */
	uint16_t *cells;
};

/* A row of the table stands for a set of the machine's states, as bits. */
struct builder {
	struct machine m;
	uint16_t first, match; /* states */
	size_t words;          /* of a set */
	uint64_t *sets, *bytes, *ends, *at_end;
	size_t rows, room, work; /* room: rows that sets and cells have memory for */
	uint16_t slots[SLOTS];   /* row by its set's hash; 0: free */
	uint16_t stack[MACHINE_STATES];
	uint8_t byte_of_class[256];
	struct schema_automaton *a;
};

static bool has(const uint64_t *set, uint16_t state)
{
	return set[state / 64] >> (state % 64) & 1;
}

static void push(struct builder *b, uint64_t *set, uint16_t state, size_t *height)
{
	if (has(set, state))
		return;
	set[state / 64] |= 1ull << (state % 64);
	b->stack[(*height)++] = state;
}

/* Adds a state and all that it leads to without a byte. */
static void add_closure(struct builder *b, uint64_t *set, uint16_t state, bool at_begin, bool at_end)
{
	size_t height = 0;
	push(b, set, state, &height);
	while (height > 0) {
		const struct machine_state *s = &b->m.states[b->stack[--height]];
		b->work++;
		if (s->kind == MACHINE_SPLIT) {
			push(b, set, s->next, &height);
			push(b, set, s->other, &height);
		}
		if ((s->kind == MACHINE_BEGIN && at_begin) || (s->kind == MACHINE_END && at_end))
			push(b, set, s->next, &height);
	}
}

/* Keeps what a later byte or the end can depend on; false if that is nothing. */
static bool reduce(const struct builder *b, uint64_t *set)
{
	uint64_t some = 0;
	for (size_t i = 0; i < b->words; i++)
		some |= set[i] &= b->bytes[i] | b->ends[i];
	return some != 0;
}

/* Whether the pattern matches if the text ends here. */
static bool ends_here(struct builder *b, const uint64_t *set, bool at_begin)
{
	memset(b->at_end, 0, b->words * sizeof(b->at_end[0]));
	for (size_t i = 0; i < b->words; i++) {
		for (uint64_t bits = set[i] & b->ends[i]; bits != 0; bits &= bits - 1)
			add_closure(b, b->at_end, (uint16_t)(i * 64 + (size_t)__builtin_ctzll(bits)), at_begin, true);
	}
	return has(b->at_end, b->match);
}

static size_t slot_of(const struct builder *b, const uint64_t *set)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < b->words; i++)
		hash = (hash ^ set[i]) * 0x9e3779b97f4a7c15u + (hash >> 29);
	size_t slot = (size_t)(hash >> 32) % SLOTS;
	while (b->slots[slot] != 0 && memcmp(b->sets + b->slots[slot] * b->words, set, b->words * sizeof(*set)) != 0)
		slot = (slot + 1) % SLOTS;
	return slot;
}

/* The row of the set that lies behind the last row; it becomes one if it is new. */
static uint16_t row_of_new_set(struct builder *b, bool at_begin)
{
	uint64_t *set = b->sets + b->rows * b->words;
	if (has(set, b->match))
		return ROW_MATCH;
	bool may_end = ends_here(b, set, at_begin);
	if (!reduce(b, set))
		return ROW_DEAD;
	/* The first row is never met again: only there the text begins. */
	size_t slot = at_begin ? 0 : slot_of(b, set);
	if (!at_begin && b->slots[slot] != 0)
		return b->slots[slot];
	b->a->cells[b->rows * b->a->width + b->a->classes] = may_end;
	if (!at_begin)
		b->slots[slot] = (uint16_t)b->rows;
	return (uint16_t)b->rows++;
}

/* The sets of all states of two kinds. */
static void make_masks(struct builder *b)
{
	for (size_t i = 0; i < b->m.count; i++) {
		uint64_t bit = 1ull << (i % 64);
		b->bytes[i / 64] |= b->m.states[i].kind == MACHINE_BYTES ? bit : 0;
		b->ends[i / 64] |= b->m.states[i].kind == MACHINE_END ? bit : 0;
	}
}

/* Bytes between two neighbouring bounds of the machine's ranges are of one class. */
static void make_classes(struct builder *b)
{
	bool begins[257] = {true};
	struct schema_automaton *a = b->a;
	for (size_t i = 0; i < b->m.count; i++) {
		const struct machine_state *s = &b->m.states[i];
		if (s->kind != MACHINE_BYTES || s->low > s->high)
			continue;
		begins[s->low] = true;
		begins[s->high + 1] = true;
	}
	for (size_t byte = 0; byte < 256; byte++) {
		if (begins[byte])
			b->byte_of_class[a->classes++] = (uint8_t)byte;
		a->class_of[byte] = (uint8_t)(a->classes - 1);
	}
}

static uint16_t step(struct builder *b, size_t row, uint8_t byte)
{
	const uint64_t *from = b->sets + row * b->words;
	uint64_t *to = b->sets + b->rows * b->words;
	memset(to, 0, b->words * sizeof(*to));
	for (size_t word = 0; word < b->words; word++) {
		for (uint64_t bits = from[word] & b->bytes[word]; bits != 0; bits &= bits - 1) {
			const struct machine_state *s = &b->m.states[word * 64 + (size_t)__builtin_ctzll(bits)];
			b->work++;
			if (s->low <= byte && byte <= s->high)
				add_closure(b, to, s->next, false, false);
		}
	}
	add_closure(b, to, b->first, false, false); /* a match may begin anywhere */
	return row_of_new_set(b, false);
}

static void *allocate(size_t count, size_t size)
{
	void *ret = calloc(count, size);
	if (ret == NULL)
		h2o_fatal("no memory");
	return ret;
}

/* Memory as the rows need it: few patterns need more than the first of it. */
static void make_room(struct builder *b)
{
	const size_t set = b->words * sizeof(b->sets[0]), row = b->a->width * sizeof(b->a->cells[0]);
	size_t more = b->room == 0 ? ROWS_FIRST : 2 * b->room;
	uint64_t *sets = allocate(more, set);
	uint16_t *cells = allocate(more, row);
	if (b->room > 0) {
		memcpy(sets, b->sets, b->room * set);
		memcpy(cells, b->a->cells, b->room * row);
	}
	free(b->sets);
	free(b->a->cells);
	b->sets = sets;
	b->a->cells = cells;
	b->room = more;
}

/* False if the table would be too large. */
static bool make_table(struct builder *b)
{
	struct schema_automaton *a = b->a;
	make_masks(b);
	make_classes(b);
	a->width = a->classes + 1;
	a->first = ROW_START * a->width;
	make_room(b);
	a->cells[ROW_MATCH * a->width + a->classes] = true;
	b->rows = ROW_START;
	add_closure(b, b->sets + b->rows * b->words, b->first, true, false);
	a->start = row_of_new_set(b, true) * a->width;
	for (size_t row = ROW_START; row < b->rows; row++) {
		for (size_t class = 0; class < a->classes; class ++) {
			if (b->rows == ROWS_MAX - 1 || (b->rows + 1) * a->width > CELLS_MAX || b->work > WORK_MAX)
				return false;
			if (b->rows + 1 >= b->room)
				make_room(b);
			uint16_t next = step(b, row, b->byte_of_class[class]);
			a->cells[row * a->width + class] = (uint16_t)(next * a->width);
			b->work += b->words;
		}
	}
	return true;
}

/* The part that was used, in the pool. */
static struct schema_automaton *keep(h2o_mem_pool_t *pool, const struct builder *b)
{
	struct schema_automaton *ret = h2o_mem_alloc_pool(pool, sizeof(*ret));
	size_t size = b->rows * b->a->width * sizeof(ret->cells[0]);
	*ret = *b->a;
	ret->cells = h2o_mem_alloc_pool(pool, size);
	memcpy(ret->cells, b->a->cells, size);
	return ret;
}

struct schema_automaton *schema_automaton_compile(h2o_mem_pool_t *pool, const char *translated)
{
	struct schema_automaton room = {.classes = 0}, *ret = NULL;
	struct builder *b = allocate(1, sizeof(*b));
	b->a = &room;
	b->m.states = allocate(MACHINE_STATES, sizeof(b->m.states[0]));
	b->first = machine_read(&b->m, translated);
	b->match = (uint16_t)(b->m.count - 1); /* made last */
	b->words = (b->m.count + 63) / 64;
	if (!b->m.failed) {
		b->bytes = allocate(3 * b->words, sizeof(b->sets[0]));
		b->ends = b->bytes + b->words;
		b->at_end = b->ends + b->words;
		if (make_table(b))
			ret = keep(pool, b);
	}
	free(room.cells);
	free(b->sets);
	free(b->bytes);
	free(b->m.states);
	free(b);
	return ret;
}

bool schema_automaton_matches(const struct schema_automaton *a, h2o_iovec_t text)
{
	uint32_t row = a->start;
	for (size_t i = 0; i < text.len && row >= a->first; i++)
		row = a->cells[row + a->class_of[(unsigned char)text.base[i]]];
	return a->cells[row + a->classes];
}
