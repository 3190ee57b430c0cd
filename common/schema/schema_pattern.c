/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern is an automaton where that is possible (schema_automaton.h). The others run on PCRE2 without JIT, under
 * limits that count work, not time: the same text always gets the same answer. A match is tried with a small limit
 * first; only what needs more is given more, and is charged for it against the check's budget.
 *
 * PCRE2 says when a schema is compiled whether it is a pattern at all. What runs is made at the first match: most
 * patterns of a large schema never meet a text, and a table is dearer than all else of them. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "schema_automaton.h"
#include "schema_internal.h"

struct schema_pattern {
	h2o_mem_pool_t *pool;
	const char *text;       /* as in the schema */
	const char *translated; /* for PCRE2 */
	size_t len;             /* of text */
	bool is_ready;
	const struct schema_automaton *automaton; /* when it is ready; or NULL: code */
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	bool is_anchored, is_unbounded;
};

struct schema_patterns {
	h2o_mem_pool_t *pool;
	struct schema_pattern **slots; /* by the hash of the text; NULL: free */
	size_t count, mask;
};

static const struct {
	uint32_t limit;
	size_t steps;
} TRIES[] = {{500, 3}, {20000, 200}, {200000, 2000}};

enum { DEPTH_LIMIT = 20000, HEAP_LIMIT_KIB = 2048, WINDOW = 64 };

static void dispose(void *p)
{
	struct schema_pattern *pattern = p;
	pcre2_match_data_free(pattern->data);
	pcre2_match_context_free(pattern->limits);
	pcre2_code_free(pattern->code);
}

/* NULL and the number of PCRE2's error. */
static pcre2_code *compile(const char *translated, int *error)
{
	PCRE2_SIZE offset;
	const uint32_t flags = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | PCRE2_MATCH_UNSET_BACKREF |
	                       PCRE2_USE_OFFSET_LIMIT;
	return pcre2_compile((PCRE2_SPTR)translated, PCRE2_ZERO_TERMINATED, flags, error, &offset, NULL);
}

static const char *words_of_error(h2o_mem_pool_t *pool, int error)
{
	PCRE2_UCHAR text[160];
	if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
		return "it cannot be compiled";
	return text_printf(pool, "%s", (const char *)text);
}

struct schema_pattern *schema_pattern_compile(h2o_mem_pool_t *pool, const char *text, size_t len, const char **error)
{
	int number;
	bool unbounded;
	const char *translated = schema_pattern_translate(pool, text, len, &unbounded, error);
	if (translated == NULL)
		return NULL;
	pcre2_code *code = compile(translated, &number);
	if (code == NULL) {
		*error = words_of_error(pool, number);
		return NULL;
	}
	struct schema_pattern *ret = h2o_mem_alloc_shared(pool, sizeof(*ret), dispose);
	*ret = (struct schema_pattern){
	    .pool = pool,
	    .text = text_copy(pool, h2o_iovec_init((char *)text, len)),
	    .translated = translated,
	    .len = len,
	    .code = code,
	    .is_unbounded = unbounded,
	};
	return ret;
}

static void make_ready(struct schema_pattern *p)
{
	uint32_t flags = 0;

	p->is_ready = true;
	p->automaton = schema_automaton_compile(p->pool, p->translated);
	if (p->automaton != NULL) {
		pcre2_code_free(p->code);
		p->code = NULL;
		return;
	}
	p->data = pcre2_match_data_create(1, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (p->data == NULL || p->limits == NULL)
		h2o_fatal("no memory");
	pcre2_pattern_info(p->code, PCRE2_INFO_ALLOPTIONS, &flags);
	p->is_anchored = flags & PCRE2_ANCHORED;
	pcre2_set_depth_limit(p->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(p->limits, HEAP_LIMIT_KIB);
}

/* ---- shared ones ---- */

struct schema_patterns *schema_patterns_open(h2o_mem_pool_t *pool)
{
	struct schema_patterns *ret = h2o_mem_alloc_pool(pool, sizeof(*ret));

	*ret = (struct schema_patterns){.pool = pool};
	return ret;
}

static struct schema_pattern **slot_of(const struct schema_patterns *all, const char *text, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3;
	size_t slot = (size_t)hash & all->mask;
	while (all->slots[slot] != NULL &&
	       (all->slots[slot]->len != len || memcmp(all->slots[slot]->text, text, len) != 0))
		slot = (slot + 1) & all->mask;
	return &all->slots[slot];
}

/* At most half of the slots are taken. */
static void make_room(struct schema_patterns *all)
{
	const struct schema_patterns old = *all;
	size_t size = old.slots == NULL ? 64 : 2 * (old.mask + 1);

	if (old.slots != NULL && 2 * (old.count + 1) <= old.mask + 1)
		return;
	all->mask = size - 1;
	all->slots = h2o_mem_alloc_pool(all->pool, size * sizeof(all->slots[0]));
	memset(all->slots, 0, size * sizeof(all->slots[0]));
	for (size_t i = 0; old.slots != NULL && i <= old.mask; i++) {
		if (old.slots[i] != NULL)
			*slot_of(all, old.slots[i]->text, old.slots[i]->len) = old.slots[i];
	}
}

struct schema_pattern *schema_patterns_get(struct schema_patterns *all, const char *text, size_t len,
                                           const char **error)
{
	make_room(all);
	struct schema_pattern **slot = slot_of(all, text, len);
	if (*slot == NULL && (*slot = schema_pattern_compile(all->pool, text, len, error)) != NULL)
		all->count++;
	return *slot;
}

/* ---- matching ---- */

const char *schema_pattern_text(const struct schema_pattern *p)
{
	return p->text;
}

/* Tries the starts from `from` to `to`. PCRE2 counts its limit anew for each start. */
static int match_window(struct schema_pattern *p, h2o_iovec_t text, size_t from, size_t to, uint32_t limit)
{
	/* The first window has checked that the text is UTF-8. */
	uint32_t flags = from == 0 ? 0 : PCRE2_NO_UTF_CHECK;
	pcre2_set_match_limit(p->limits, limit);
	pcre2_set_offset_limit(p->limits, to);
	return pcre2_match(p->code, (PCRE2_SPTR)text.base, text.len, from, flags, p->data, p->limits);
}

enum schema_match schema_pattern_match(struct schema_pattern *p, h2o_iovec_t text, size_t budget, size_t *steps)
{
	size_t try = 0, from = 0;
	if (!p->is_ready)
		make_ready(p);
	if (p->automaton != NULL) {
		*steps += text.len / 64;
		return schema_automaton_matches(p->automaton, text) ? SCHEMA_MATCHES : SCHEMA_DIFFERS;
	}
	if (text.len > SCHEMA_SUBJECT_BYTES)
		return SCHEMA_UNDECIDED;
	*steps += text.len / 512;
	while (from <= text.len) {
		size_t to = p->is_anchored || text.len - from < WINDOW ? text.len : from + WINDOW - 1;
		size_t starts = p->is_anchored ? 1 : to - from + 1;
		/* Each start may run through the whole text if something repeats. */
		*steps += TRIES[try].steps * (1 + starts / 7) + (p->is_unbounded ? starts * text.len / 1024 : 0);
		if (*steps > budget)
			return SCHEMA_UNDECIDED;
		int ret = match_window(p, text, from, to, TRIES[try].limit);
		if (ret >= 0)
			return SCHEMA_MATCHES;
		if (ret == PCRE2_ERROR_MATCHLIMIT && ++try < sizeof(TRIES) / sizeof(TRIES[0]))
			continue;
		if (ret != PCRE2_ERROR_NOMATCH)
			return SCHEMA_UNDECIDED;
		for (from = to + 1; from < text.len && ((unsigned char)text.base[from] & 0xc0) == 0x80;)
			from++;
	}
	return SCHEMA_DIFFERS;
}

bool schema_pattern_is_valid(h2o_iovec_t text)
{
	const char *error;
	int number;
	bool unbounded;
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	const char *translated = schema_pattern_translate(&pool, text.base, text.len, &unbounded, &error);
	pcre2_code *code = translated == NULL ? NULL : compile(translated, &number);
	/* ECMA-262 allows a lookbehind of any length; PCRE2 cannot run it. */
	bool valid = code != NULL || (translated != NULL && number == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH);
	pcre2_code_free(code);
	h2o_mem_clear_pool(&pool);
	return valid;
}
