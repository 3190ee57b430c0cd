/* SPDX-License-Identifier: Apache-2.0 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "mcp/redact/redact_internal.h"

enum { OWN_SECRET_MIN = 6 };

static const char *const NAMES[REDACT_KINDS] = {
    [REDACT_EMAIL] = "email",
    [REDACT_PHONE] = "phone",
    [REDACT_NATIONAL_ID] = "national_id",
    [REDACT_CARD] = "card",
    [REDACT_IBAN] = "iban",
    [REDACT_VENDOR_KEY] = "vendor_key",
    [REDACT_AUTHORIZATION] = "authorization",
    [REDACT_PRIVATE_KEY] = "private_key",
    [REDACT_JWT] = "jwt",
    [REDACT_PASSWORD] = "password",
    [REDACT_FIELD] = "field",
    [REDACT_HANDLE] = "handle",
    [REDACT_SERVER_SECRET] = "server_secret",
};

const char *redact_kind_name(enum redact_kind kind)
{
	return NAMES[kind];
}

enum redact_kind redact_kind_of(h2o_iovec_t name)
{
	enum redact_kind kind = 0;

	while (kind < REDACT_KINDS && !text_is(name, NAMES[kind]))
		kind++;
	return kind;
}

unsigned redact_total(const struct redact_counts *counts)
{
	unsigned total = 0;

	for (size_t i = 0; i < REDACT_KINDS; i++)
		total += counts->of[i];
	return total;
}

json_t *redact_counts_json(const struct redact_counts *counts)
{
	json_t *object = json_object();

	for (size_t i = 0; i < REDACT_KINDS; i++)
		if (counts->of[i] > 0)
			json_object_set_new(object, NAMES[i], json_integer(counts->of[i]));
	return object;
}

/* ---- a redactor ---- */

static unsigned hash_of(const char *trigram)
{
	uint32_t word = (uint32_t)(unsigned char)trigram[0] | (uint32_t)(unsigned char)trigram[1] << 8 |
	                (uint32_t)(unsigned char)trigram[2] << 16;

	return word * REDACT_HASH_FACTOR >> (32 - REDACT_TRIGRAM_BITS);
}

void redactor_add_anchor(struct redactor *redactor, const char *pattern, size_t back, redact_check *check)
{
	struct anchor **head = &redactor->anchors[hash_of(pattern + back) % (1 << 10)];

	for (const struct anchor *a = *head; a != NULL; a = a->next)
		if (memcmp(a->trigram, pattern + back, 3) == 0 && a->back == back && a->check == check)
			return;
	struct anchor *anchor = h2o_mem_alloc_pool(redactor->pool, sizeof(*anchor));
	*anchor = (struct anchor){.back = (uint8_t)back, .check = check, .next = *head};
	memcpy(anchor->trigram, pattern + back, 3);
	*head = anchor;
	redactor->has_anchor[hash_of(pattern + back) >> 3] |= (uint8_t)(1U << (hash_of(pattern + back) & 7));
}

static void forget_scratch(void *memory)
{
	struct redactor *redactor = memory;

	for (size_t i = 0; i < REDACT_DEPTH_MAX; i++) {
		if (redactor->scratch[i].base != NULL)
			secret_wipe(redactor->scratch[i].base, redactor->scratch[i].capacity);
		free(redactor->scratch[i].base);
	}
}

struct redactor *redactor_make(h2o_mem_pool_t *pool)
{
	struct redactor *redactor = h2o_mem_alloc_shared(pool, sizeof(*redactor), forget_scratch);

	memset(redactor, 0, sizeof(*redactor));
	redactor->pool = pool;
	redact_add_tokens(redactor);
	redact_add_assignments(redactor);
	redact_add_keys(redactor);
	return redactor;
}

const struct redact_rules *redact_default_rules(void)
{
	static struct redact_rules rules;
	static h2o_mem_pool_t pool;

	if (rules.redactor == NULL) {
		h2o_mem_init_pool(&pool);
		rules.redactor = redactor_make(&pool);
	}
	return &rules;
}

/* Buffers of the process, so that a clean text takes no memory of its request. One of a huge text does not stay. */
char *redact_scratch(const struct scan *s, size_t size)
{
	struct scratch *scratch = &s->rules->redactor->scratch[s->depth];
	enum { KEEP = 256 * 1024 };

	if (scratch->capacity >= size && (scratch->capacity <= KEEP || size > KEEP))
		return scratch->base;
	free(scratch->base);
	scratch->capacity = size < 4096 ? 4096 : size + size / 4;
	scratch->base = h2o_mem_alloc(scratch->capacity);
	return scratch->base;
}

/* ---- own secrets ---- */

void redactor_add_secret(struct redactor *redactor, const void *bytes, size_t len)
{
	if (len < OWN_SECRET_MIN)
		return;
	for (const struct own_secret *own = redactor->own; own != NULL; own = own->next)
		if (own->value.len == len && secret_equal(own->value.bytes, bytes, len))
			return;
	struct own_secret *own = h2o_mem_alloc_pool(redactor->pool, sizeof(*own));
	*own = (struct own_secret){.value = secret_copy(redactor->pool, bytes, len), .next = redactor->own};
	redactor->own = own;
	redactor_add_anchor(redactor, (const char *)own->value.bytes, 0, redact_check_own);
}

void redactor_add_conninfo(struct redactor *redactor, const char *conninfo)
{
	PQconninfoOption *options = conninfo != NULL ? PQconninfoParse(conninfo, NULL) : NULL;

	for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
		if (o->val != NULL && (strcmp(o->keyword, "password") == 0 || strcmp(o->keyword, "sslpassword") == 0))
			redactor_add_secret(redactor, o->val, strlen(o->val));
	if (options != NULL)
		PQconninfoFree(options);
}

/* The longest, should one be the beginning of another. */
void redact_check_own(struct scan *s, size_t at)
{
	size_t longest = 0;

	for (const struct own_secret *own = s->rules->redactor->own; own != NULL; own = own->next)
		if (own->value.len > longest && own->value.len <= s->len - at &&
		    memcmp(own->value.bytes, s->base + at, own->value.len) == 0)
			longest = own->value.len;
	if (longest > 0)
		redact_found(s, at, at + longest, REDACT_SERVER_SECRET);
}

/* ---- findings ---- */

void redact_findings_add(struct findings *findings, struct finding finding)
{
	if (findings->count == findings->capacity) {
		size_t capacity = findings->capacity == 0 ? 16 : findings->capacity * 2;
		struct finding *list = h2o_mem_alloc_pool(findings->pool, capacity * sizeof(*list));
		if (findings->count > 0)
			memcpy(list, findings->list, findings->count * sizeof(*list));
		findings->list = list;
		findings->capacity = capacity;
	}
	findings->list[findings->count++] = finding;
}

void redact_found(struct scan *s, size_t start, size_t end, enum redact_kind kind)
{
	if (!redact_wants(s, kind))
		return;
	redact_findings_add(s->findings, (struct finding){.start = start, .end = end, .kind = kind});
	if (end > s->done_end) {
		s->done_start = start;
		s->done_end = end;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end;
}

/* Kinds that say more come later. */
static void join(struct finding *last, const struct finding *f)
{
	bool grows = f->end > last->end;

	if (grows)
		last->end = f->end;
	if (f->kind > last->kind && last->with.base == NULL && !last->whole)
		last->kind = f->kind;
}

void redact_findings_settle(struct findings *findings)
{
	size_t kept = 0;

	if (findings->count < 2)
		return;
	qsort(findings->list, findings->count, sizeof(*findings->list), by_start);
	for (size_t i = 1; i < findings->count; i++) {
		struct finding *last = &findings->list[kept], *f = &findings->list[i];
		if (f->start >= last->end)
			findings->list[++kept] = *f;
		else
			join(last, f);
	}
	findings->count = kept + 1;
}

/* A quotation mark as it is written in a string of JSON in a string of JSON. */
static void append_quote(struct text_buffer *b, unsigned level)
{
	for (unsigned i = 1; i < 1U << level; i++)
		text_append_str(b, "\\");
	text_append_str(b, "\"");
}

static void append_mark(struct text_buffer *b, const struct finding *f, unsigned *names)
{
	if (f->with.base != NULL) {
		text_append_iovec(b, f->with);
		return;
	}
	if (f->whole)
		append_quote(b, f->level);
	text_append_str(b, "[redacted: ");
	text_append_str(b, NAMES[f->kind]);
	if (f->is_name && ++*names > 1)
		text_append_printf(b, " %u", *names);
	text_append_str(b, "]");
	if (f->whole)
		append_quote(b, f->level);
}

h2o_iovec_t redact_write(h2o_mem_pool_t *pool, h2o_iovec_t text, const struct findings *findings,
                         struct redact_counts *counts)
{
	struct text_buffer b = {.pool = pool};
	size_t at = 0;
	unsigned names = 0;

	if (findings->count == 0)
		return text;
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->list[i];
		text_append(&b, text.base + at, f->start - at);
		append_mark(&b, f, &names);
		counts->of[f->kind]++;
		at = f->end;
	}
	text_append(&b, text.base + at, text.len - at);
	return h2o_iovec_init(b.base, b.len);
}

/* ---- whole texts ---- */

h2o_iovec_t redact_text(h2o_mem_pool_t *pool, const struct redact_rules *rules, h2o_iovec_t text,
                        struct redact_counts *counts)
{
	struct findings findings = {.pool = pool};
	struct scan s = {.rules = rules, .findings = &findings, .base = text.base, .len = text.len};

	redact_scan_any(&s);
	redact_findings_settle(&findings);
	return redact_write(pool, text, &findings, counts);
}

h2o_iovec_t redact_json(h2o_mem_pool_t *pool, const struct redact_rules *rules, h2o_iovec_t json, h2o_iovec_t kept,
                        struct redact_counts *counts)
{
	struct findings findings = {.pool = pool};
	struct scan s = {.rules = rules, .findings = &findings, .base = json.base, .len = json.len};

	redact_scan_json(&s, kept);
	redact_findings_settle(&findings);
	return redact_write(pool, json, &findings, counts);
}
