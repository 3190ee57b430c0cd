/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of every kind are made, not written down: what looks like a key stands in no file of the project. */
#include "mcp/redact/redact.c"

#include <stdio.h>
#include <time.h>

#include "common/encoding.h"
#include "mcp/guard/untrusted.h"
#include "tests/unit/pool.h"

enum { PER_KIND = 40, CLEAN_LINES = 20000 };

static uint64_t seed = 0x2545F4914F6CDD1D;

static unsigned random_below(unsigned limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 11) % limit);
}

static const char DIGITS[] = "0123456789", UPPERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
		  ALNUMS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		  BASE64S[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		  HEXES[] = "0123456789abcdef";

static char *random_of(const char *alphabet, size_t len)
{
	char *text = h2o_mem_alloc_pool(&pool, len + 1);
	for (size_t i = 0; i < len; i++)
		text[i] = alphabet[random_below((unsigned)strlen(alphabet))];
	text[len] = '\0';
	/* a token of letters only would be a word */
	if (len >= 4 && alphabet == ALNUMS)
		memcpy(text, "a7Bq", 4);
	return text;
}

/* Makes the last digit right. */
static char *luhn(char *digits)
{
	unsigned sum = 0;
	size_t len = strlen(digits);
	for (size_t i = 1; i < len; i++) {
		unsigned d = (unsigned)(digits[len - 1 - i] - '0');
		sum += i % 2 == 0 ? d : d < 5 ? d * 2 : d * 2 - 9;
	}
	digits[len - 1] = (char)('0' + (10 - sum % 10) % 10);
	return digits;
}

static char *make_card(void)
{
	static const char *const BEGINNINGS[] = {"4", "51", "55", "2221", "6011", "65", "3530", "62"};
	const char *beginning = BEGINNINGS[random_below(8)];
	char *digits = luhn(text_printf(&pool, "%s%s", beginning, random_of(DIGITS, 16 - strlen(beginning))));
	const char *join = (const char *[]){"", " ", "-"}[random_below(3)];
	if (random_below(8) == 0) {
		digits = luhn(text_printf(&pool, "37%s", random_of(DIGITS, 13)));
		return text_printf(&pool, "%.4s%s%.6s%s%.5s", digits, join, digits + 4, join, digits + 10);
	}
	return text_printf(&pool, "%.4s%s%.4s%s%.4s%s%.4s", digits, join, digits + 4, join, digits + 8, join,
	                   digits + 12);
}

static unsigned mod97(const char *text)
{
	unsigned rest = 0;
	for (; *text != '\0'; text++)
		rest = *text <= '9' ? (rest * 10 + (unsigned)(*text - '0')) % 97
		                    : (rest * 100 + (unsigned)(*text - 'A' + 10)) % 97;
	return rest;
}

static char *make_iban(void)
{
	static const char *const FORMS[] = {"DE18", "FR23", "NL4A", "GB4A", "ES20", "BE12", "AT16", "CH17", "PL24"};
	static const size_t LENGTHS[] = {22, 27, 18, 22, 24, 16, 20, 21, 28};
	unsigned i = random_below(9);
	char *account = text_printf(&pool, "%s%s", FORMS[i][3] == 'A' ? "ABNA" : "",
	                            random_of(DIGITS, LENGTHS[i] - 4 - (FORMS[i][3] == 'A' ? 4 : 0)));
	unsigned check = 98 - mod97(text_printf(&pool, "%s%.2s00", account, FORMS[i]));
	char *iban = text_printf(&pool, "%.2s%02u%s", FORMS[i], check, account);
	if (random_below(2) == 0)
		return iban;
	struct text_buffer b = {.pool = &pool};
	for (size_t at = 0; at < strlen(iban); at += 4)
		text_append_printf(&b, "%s%.4s", at > 0 ? " " : "", iban + at);
	return b.base;
}

static char *make_vendor_key(void)
{
	switch (random_below(14)) {
	case 0:
		return text_printf(&pool, "%s%s",
		                   "AKI"
		                   "A",
		                   random_of(UPPERS, 16));
	case 1:
		return text_printf(&pool, "%s%s",
		                   "AIz"
		                   "a",
		                   random_of(ALNUMS, 35));
	case 2:
		return text_printf(&pool, "%s%s",
		                   "gh"
		                   "p_",
		                   random_of(ALNUMS, 36));
	case 3:
		return text_printf(&pool, "%s%s_%s",
		                   "github_p"
		                   "at_",
		                   random_of(ALNUMS, 22), random_of(ALNUMS, 59));
	case 4:
		return text_printf(&pool, "%s%s",
		                   "glpa"
		                   "t-",
		                   random_of(ALNUMS, 20));
	case 5:
		return text_printf(&pool, "%s%s-%s-%s",
		                   "xox"
		                   "b-",
		                   random_of(DIGITS, 12), random_of(DIGITS, 12), random_of(ALNUMS, 24));
	case 6:
		return text_printf(&pool, "%s%s",
		                   "sk_li"
		                   "ve_",
		                   random_of(ALNUMS, 24));
	case 7:
		return text_printf(&pool, "%s%s",
		                   "s"
		                   "k-proj-",
		                   random_of(ALNUMS, 48));
	case 8:
		return text_printf(&pool, "%s%s",
		                   "s"
		                   "k-ant-api03-",
		                   random_of(ALNUMS, 93));
	case 9:
		return text_printf(&pool, "%s%s",
		                   "np"
		                   "m_",
		                   random_of(ALNUMS, 36));
	case 10:
		return text_printf(&pool, "%s%s",
		                   "pyp"
		                   "i-AgEIcHlwaS5vcmc",
		                   random_of(ALNUMS, 70));
	case 11:
		return text_printf(&pool, "%s%s",
		                   "h"
		                   "f_",
		                   random_of(ALNUMS, 34));
	case 12:
		return text_printf(&pool, "%s%s.%s",
		                   "S"
		                   "G.",
		                   random_of(ALNUMS, 22), random_of(ALNUMS, 43));
	default:
		return text_printf(&pool, "%s%s",
		                   "dop"
		                   "_v1_",
		                   random_of(HEXES, 64));
	}
}

static char *make_private_key(void)
{
	static const char *const LABELS[] = {"", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "};
	const char *label = LABELS[random_below(5)];
	struct text_buffer b = {.pool = &pool};
	text_append_printf(&b, "-----BEGIN %sPRIVATE %s-----\n", label, "KEY");
	for (unsigned i = 0; i < 4 + random_below(20); i++)
		text_append_printf(&b, "%s\n", random_of(BASE64S, 64));
	text_append_printf(&b, "%s==\n-----END %sPRIVATE %s-----", random_of(BASE64S, 22), label, "KEY");
	return b.base;
}

static const char *encoded(const char *text)
{
	return base64url_encode(&pool, text, strlen(text)).base;
}

static char *make_jwt(void)
{
	char *payload = text_printf(&pool, "{\"sub\":\"%s\",\"exp\":1790000000}", random_of(ALNUMS, 12));
	return text_printf(&pool, "%s.%s.%s", encoded("{\"alg\":\"ES256\",\"typ\":\"JWT\"}"), encoded(payload),
	                   random_of(ALNUMS, 86));
}

/* What must be gone is behind the tabulator; what stands before it may stay. */
static char *make_password(void)
{
	const char *secret = random_of(ALNUMS, 8 + random_below(16));
	switch (random_below(6)) {
	case 0: return text_printf(&pool, "postgres://app:\t%s\t@db.internal:5432/app", secret);
	case 1: return text_printf(&pool, "host=/run/x user=app password=\t%s\t dbname=app", secret);
	case 2: return text_printf(&pool, "password='\t%s\t'", secret);
	case 3: return text_printf(&pool, "\"api_key\": \"\t%s\t\"", secret);
	case 4: return text_printf(&pool, "Server=db;Uid=app;Pwd=\t%s\t;", secret);
	default: return text_printf(&pool, "https://x.invalid/cb?access_token=\t%s\t&state=1", secret);
	}
}

static char *make_authorization(void)
{
	if (random_below(2) == 0)
		return text_printf(&pool, "Authorization: Bearer \t%s", random_of(ALNUMS, 16 + random_below(40)));
	char *user = text_printf(&pool, "user:%s", random_of(ALNUMS, 12));
	return text_printf(&pool, "Authorization: Basic \t%s", base64_encode(&pool, user, strlen(user)).base);
}

static char *make_national_id(void)
{
	unsigned n = random_below(100000000);
	switch (random_below(4)) {
	case 0: return text_printf(&pool, "%08u%c", n, "TRWAGMYFPDXBNJZSQVHLCKE"[n % 23]);
	case 1:
		return text_printf(&pool, "%03u-%02u-%04u", 1 + random_below(600), 1 + random_below(99),
		                   1 + random_below(9999));
	case 2: {
		n = (1 + random_below(28)) * 10000000 + 1 * 100000 + random_below(100) * 1000 + random_below(1000);
		return text_printf(&pool, "%06u-%03u%c", n / 1000, n % 1000, "0123456789ABCDEFHJKLMNPRSTUVWXY"[n % 31]);
	}
	default: {
		unsigned year = random_below(100), day = 1 + random_below(28), serial = random_below(997);
		unsigned number = year * 10000000 + 1100000 - 1100000 + 12 * 100000 + day * 1000 + serial;
		return text_printf(&pool, "%02u.12.%02u-%03u.%02u", year, day, serial, 97 - number % 97);
	}
	}
}

static char *make_email(void)
{
	return text_printf(&pool, "%s.%s@%s.example.%s", random_of("abcdefghij", 5), random_of("klmnopqrst", 6),
	                   random_of("abcdef", 4), (const char *[]){"com", "org", "co.uk", "de"}[random_below(4)]);
}

static char *make_phone(void)
{
	switch (random_below(4)) {
	case 0: return text_printf(&pool, "+49 30 %s", random_of("123456789", 7));
	case 1: return text_printf(&pool, "+1 (%s) 5%s-%s", "415", random_of("23456789", 2), random_of(DIGITS, 4));
	case 2: return text_printf(&pool, "+44%s", random_of("123456789", 10));
	default:
		return text_printf(&pool, "+33.%s.%s.%s", random_of("123456789", 3), random_of("123456789", 3),
		                   random_of("123456789", 3));
	}
}

static char *make_handle(void)
{
	return text_printf(&pool, "sp%c_%s", "crsbqgaimtx"[random_below(11)], random_of(ALNUMS, 71));
}

static const char OWN[] = "q7/Zr+un=own\"secret";

static char *make_own(void)
{
	return text_copy(&pool, text_of(OWN));
}

static char *(*const MAKERS[REDACT_KINDS])(void) = {
    [REDACT_EMAIL] = make_email,
    [REDACT_PHONE] = make_phone,
    [REDACT_NATIONAL_ID] = make_national_id,
    [REDACT_CARD] = make_card,
    [REDACT_IBAN] = make_iban,
    [REDACT_VENDOR_KEY] = make_vendor_key,
    [REDACT_AUTHORIZATION] = make_authorization,
    [REDACT_PRIVATE_KEY] = make_private_key,
    [REDACT_JWT] = make_jwt,
    [REDACT_PASSWORD] = make_password,
    [REDACT_HANDLE] = make_handle,
    [REDACT_SERVER_SECRET] = make_own,
};

static struct redact_rules rules;

static int open_rules(void **state)
{
	open_pool(state);
	rules = (struct redact_rules){.redactor = redactor_make(&pool)};
	redactor_add_secret(rules.redactor, OWN, strlen(OWN));
	return 0;
}

/* A secret with what stands around it, and what of it must be gone. */
struct planted {
	char *text, *secret;
};

static struct planted plant(enum redact_kind kind)
{
	char *made = MAKERS[kind](), *from = strchr(made, '\t');
	struct planted p = {.text = made, .secret = made};
	if (from == NULL)
		return p;
	char *to = strchr(from + 1, '\t'), *rest = to != NULL ? to + 1 : (char *)"";
	p.secret = text_printf(&pool, "%.*s", to != NULL ? (int)(to - from - 1) : (int)strlen(from + 1), from + 1);
	p.text = text_printf(&pool, "%.*s%s%s", (int)(from - made), made, p.secret, rest);
	return p;
}

static const char *redacted(const char *text, struct redact_counts *counts)
{
	*counts = (struct redact_counts){{0}};
	return text_copy(&pool, redact_text(&pool, &rules, text_of(text), counts));
}

/* A password behind a name is one by its pattern or by the name of its member. */
static bool is_counted(const struct redact_counts *counts, enum redact_kind kind)
{
	return counts->of[kind] > 0 || (kind == REDACT_PASSWORD && counts->of[REDACT_FIELD] > 0);
}

/* Adds to how many were missed. */
static void expect_gone(enum redact_kind kind, const char *text, const char *secret, size_t *missed)
{
	struct redact_counts counts;
	const char *out = redacted(text, &counts);
	bool gone = strstr(out, secret) == NULL && is_counted(&counts, kind);
	if (!gone && (*missed)++ < 3)
		print_message("%s missed in <%s>: <%s>\n", redact_kind_name(kind), text, out);
}

static void test_O1_secrets_of_every_kind_are_replaced(void **state)
{
	(void)state;
	size_t all = 0;
	for (enum redact_kind kind = 0; kind < REDACT_KINDS; kind++) {
		size_t missed = 0;
		if (MAKERS[kind] == NULL)
			continue;
		for (int i = 0; i < PER_KIND; i++) {
			struct planted p = plant(kind);
			expect_gone(kind, p.text, p.secret, &missed);
			expect_gone(kind, text_printf(&pool, "It is %s, she said.", p.text), p.secret, &missed);
			expect_gone(kind, text_printf(&pool, "a=1 (%s) ok\n", p.text), p.secret, &missed);
			expect_gone(kind, text_printf(&pool, "first line\n%s\nnext", p.text), p.secret, &missed);
		}
		print_message("%s: %d texts, %zu missed\n", redact_kind_name(kind), PER_KIND * 4, missed);
		all += missed;
	}
	assert_int_equal(all, 0);
}

static const char *json_of(const char *text, bool unicode)
{
	struct text_buffer b = {.pool = &pool};
	if (!unicode) {
		text_append_json(&b, text_of(text));
		return b.base;
	}
	text_append_str(&b, "\"");
	for (; *text != '\0'; text++)
		text_append_printf(&b, "\\u%04x", (unsigned char)*text);
	text_append_str(&b, "\"");
	return b.base;
}

/* The JSON stays JSON, and what it says has the secret no more. */
static void expect_json_gone(enum redact_kind kind, const char *json, const char *secret, size_t *missed)
{
	struct redact_counts counts = {{0}};
	h2o_iovec_t out = redact_json(&pool, &rules, text_of(json), (h2o_iovec_t){NULL, 0}, &counts);
	json_t *value = json_keep(&pool, json_loadb(out.base, out.len, JSON_DECODE_ANY, NULL));
	assert_non_null(value);
	char *said = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	bool gone = strstr(said, secret) == NULL && is_counted(&counts, kind);
	if (!gone && (*missed)++ < 3)
		print_message("%s missed in <%s>: <%s>\n", redact_kind_name(kind), json, said);
	free(said);
}

static void test_O1_in_encodings(void **state)
{
	(void)state;
	size_t all = 0;
	for (enum redact_kind kind = 0; kind < REDACT_KINDS; kind++) {
		size_t missed = 0;
		if (MAKERS[kind] == NULL)
			continue;
		for (int i = 0; i < PER_KIND; i++) {
			struct planted p = plant(kind);
			const char *line = text_printf(&pool, "see this: %s, it was there", p.text);
			const char *object = text_printf(&pool, "{\"note\":%s}", json_of(line, false));
			expect_json_gone(kind, object, p.secret, &missed);
			expect_json_gone(kind, text_printf(&pool, "[{\"note\":%s}]", json_of(line, true)), p.secret,
			                 &missed);
			expect_json_gone(kind, text_printf(&pool, "{%s:1}", json_of(line, false)), p.secret, &missed);
			expect_json_gone(kind, text_printf(&pool, "[{\"text\":%s}]", json_of(object, false)), p.secret,
			                 &missed);
			struct text_buffer url = {.pool = &pool};
			text_append_uri(&url, text_of(p.text));
			expect_gone(kind, text_printf(&pool, "https://x.invalid/?q=%s&n=1", url.base),
			            strcmp(url.base, p.text) == 0 ? p.secret : url.base, &missed);
			const char *base64 = base64_encode(&pool, line, strlen(line)).base;
			expect_gone(kind, text_printf(&pool, "data %s end", base64), base64, &missed);
			expect_gone(
			    kind,
			    text_printf(&pool, "data %s end", encoded(text_printf(&pool, "%s  and more of it", line))),
			    encoded(line), &missed);
		}
		print_message("%s: %d encoded texts, %zu missed\n", redact_kind_name(kind), PER_KIND * 7, missed);
		all += missed;
	}
	assert_int_equal(all, 0);
}

static void test_O2_characters_between_and_look_alikes(void **state)
{
	(void)state;
	static const char *const BETWEEN[] = {"\xE2\x80\x8B", "\xC2\xAD",     "\xEF\xBB\xBF",
	                                      "\xD8\x9C",     "\xE3\x85\xA4", "\xC2\x91"};
	size_t all = 0;
	for (enum redact_kind kind = 0; kind < REDACT_KINDS; kind++) {
		size_t missed = 0;
		if (MAKERS[kind] == NULL)
			continue;
		for (int i = 0; i < PER_KIND; i++) {
			struct planted p = plant(kind);
			struct text_buffer between = {.pool = &pool}, wide = {.pool = &pool};
			for (const char *c = p.text; *c != '\0'; c++) {
				text_append(&between, c, 1);
				text_append_str(&between, BETWEEN[(size_t)i % (sizeof(BETWEEN) / sizeof(BETWEEN[0]))]);
				unsigned code = 0xFEE0U + (unsigned char)*c;
				if (*c > ' ')
					text_append_printf(&wide, "%c%c%c", (int)(0xE0 | code >> 12),
					                   (int)(0x80 | (code >> 6 & 0x3F)),
					                   (int)(0x80 | (code & 0x3F)));
				else
					text_append(&wide, c, 1);
			}
			struct redact_counts counts;
			redacted(text_printf(&pool, "see %s there", between.base), &counts);
			missed += !is_counted(&counts, kind);
			redacted(text_printf(&pool, "see %s there", wide.base), &counts);
			missed += !is_counted(&counts, kind);
		}
		print_message("%s: %d disguised texts, %zu missed\n", redact_kind_name(kind), PER_KIND * 2, missed);
		all += missed;
	}
	assert_int_equal(all, 0);
}

static const char *streamed(const char *text, size_t piece, size_t first, struct redact_counts *counts)
{
	struct redact_stream stream;
	struct text_buffer out = {.pool = &pool};
	size_t len = strlen(text), at = 0;
	*counts = (struct redact_counts){{0}};
	redact_stream_open(&stream, &pool, &rules, counts);
	for (size_t take = first; at < len; at += take, take = piece) {
		take = take < len - at ? take : len - at;
		text_append_iovec(&out, redact_stream_feed(&stream, &pool, h2o_iovec_init(text + at, take)));
	}
	text_append_iovec(&out, redact_stream_end(&stream, &pool));
	return out.base;
}

static void test_O1_split_at_every_offset(void **state)
{
	(void)state;
	size_t splits = 0;
	for (enum redact_kind kind = 0; kind < REDACT_KINDS; kind++) {
		if (MAKERS[kind] == NULL)
			continue;
		for (int i = 0; i < 5; i++) {
			struct planted p = plant(kind);
			struct redact_counts counts, whole_counts;
			const char *text = text_printf(&pool, "before\nsee %s there\nafter", p.text);
			const char *whole = redacted(text, &whole_counts);
			assert_null(strstr(whole, p.secret));
			for (size_t at = 1; at < strlen(text); at++, splits++) {
				assert_string_equal(streamed(text, strlen(text), at, &counts), whole);
				assert_memory_equal(&counts, &whole_counts, sizeof(counts));
			}
			assert_string_equal(streamed(text, 1, 1, &counts), whole);
		}
	}
	print_message("%zu splits\n", splits);
}

static void test_O1_lines_and_keys_without_end(void **state)
{
	(void)state;
	struct redact_counts counts;
	struct text_buffer long_line = {.pool = &pool};
	for (int i = 0; i < 40000; i++)
		text_append_printf(&long_line, "%s%s", i % 50 == 0 ? make_card() : "word", ", ");
	const char *out = streamed(long_line.base, 1000, 1000, &counts);
	assert_int_equal(counts.of[REDACT_CARD], 800);
	assert_non_null(strstr(out, "[redacted: card]"));

	/* where there is no other place to break, at least none within a character */
	for (size_t more = 0; more < 3; more++) {
		struct text_buffer wide = {.pool = &pool};
		struct redact_stream stream;
		redact_stream_open(&stream, &pool, redact_default_rules(), &counts);
		text_append(&wide, "xx", more);
		for (int i = 0; i < REDACT_LINE_MAX / 3 + 1; i++)
			text_append_str(&wide, "\xE2\x82\xAC");
		h2o_iovec_t part = redact_stream_feed(&stream, &pool, h2o_iovec_init(wide.base, wide.len));
		assert_true(part.len > 0 && text_is_utf8(part));
		assert_true(text_is_utf8(redact_stream_end(&stream, &pool)));
	}

	struct text_buffer endless = {.pool = &pool};
	text_append_printf(&endless, "see\n-----BEGIN PRIVATE %s-----\n", "KEY");
	for (int i = 0; i < 4000; i++)
		text_append_printf(&endless, "%s\n", random_of(BASE64S, 64));
	out = streamed(endless.base, 777, 777, &counts);
	assert_string_equal(out, "see\n[redacted: private_key]");
	text_append_printf(&endless, "-----END PRIVATE %s-----\nmore\n", "KEY");
	out = streamed(endless.base, 777, 777, &counts);
	assert_string_equal(out, "see\n[redacted: private_key]\nmore\n");
}

/* ---- false alarms ---- */

static const char *clean_line(void)
{
	static const char *const WORDS[] = {"connection", "accepted", "from",   "worker", "task",  "basis",
	                                    "request",    "finished", "broken", "key",    "token", "bearer"};
	unsigned a = random_below(1000), b = random_below(60);
	switch (random_below(14)) {
	case 0:
		return text_printf(&pool,
		                   "2026-%02u-%02u %02u:%02u:%02u.%03u+0200 INFO [worker-%u] %s %s in %u.%03u ms",
		                   1 + random_below(12), 1 + random_below(28), random_below(24), b, b, a, b,
		                   WORDS[random_below(12)], WORDS[random_below(12)], b, a);
	case 1:
		return text_printf(
		    &pool, "10.%u.%u.%u - - [21/Nov/2026:10:%02u:14 +0000] \"GET /v1/items/%u HTTP/1.1\" 200 %u",
		    random_below(256), random_below(256), random_below(256), b, a, random_below(100000));
	case 2:
		return text_printf(&pool, "request_id=%s-%s-4%s-a%s-%s", random_of(HEXES, 8), random_of(HEXES, 4),
		                   random_of(HEXES, 3), random_of(HEXES, 3), random_of(HEXES, 12));
	case 3: return text_printf(&pool, "commit %s", random_of(HEXES, 40));
	case 4: return text_printf(&pool, "sha256:%s", random_of(HEXES, 64));
	case 5: return text_printf(&pool, "order %s shipped, total %u.%02u EUR", random_of(DIGITS, 10), a, b);
	case 6: return text_printf(&pool, "invoice INV-2026-%s amount %u,%03u.00", random_of(DIGITS, 6), b, a);
	case 7: return text_printf(&pool, "version %u.%u.%u-rc.%u (build %u)", b, a, b, b, random_below(1000000));
	case 8: return text_printf(&pool, "ts=%u%s level=info n=%u", 1790000 + b, random_of(DIGITS, 6), a);
	case 9: return text_printf(&pool, "at com.example.Service.run(Service.java:%u)", a);
	case 10: return text_printf(&pool, "user@%u.service: started, react@18.2.%u, icon@2x.png", a, b);
	case 11: return text_printf(&pool, "lsn=%s/%s offset +%u bytes", random_of(HEXES, 2), random_of(HEXES, 7), a);
	case 12: return text_printf(&pool, "us=17%s order_id=1%s", random_of(DIGITS, 14), random_of(DIGITS, 17));
	default:
		return text_printf(&pool, "The %s of the %s is %s; password: see the manual. next_page_token=%s",
		                   WORDS[random_below(12)], WORDS[random_below(12)], WORDS[random_below(12)],
		                   random_of(HEXES, 12));
	}
}

static void test_O1_ordinary_text_stays(void **state)
{
	(void)state;
	struct redact_counts counts = {{0}};
	size_t changed = 0;
	for (int i = 0; i < CLEAN_LINES; i++) {
		h2o_iovec_t line = text_of(clean_line());
		h2o_iovec_t out = redact_text(&pool, &rules, line, &counts);
		if (out.base == line.base)
			continue;
		if (changed++ < 8)
			print_message("false alarm: %s\n", out.base);
	}
	print_message("%d ordinary lines, %zu false alarms (%.4f%%)\n", CLEAN_LINES, changed,
	              100.0 * (double)changed / CLEAN_LINES);
	assert_true(changed <= CLEAN_LINES / 2000);
	/* numbers that are nobody's, but have the form: one of ten passes Luhn, and one of five begins as a card does
	 */
	changed = 0;
	for (int i = 0; i < CLEAN_LINES; i++) {
		h2o_iovec_t line = text_of(text_printf(&pool, "id %s", random_of(DIGITS, 16)));
		changed += redact_text(&pool, &rules, line, &counts).base != line.base;
	}
	print_message("%d random numbers of 16 digits, %zu false alarms (%.2f%%)\n", CLEAN_LINES, changed,
	              100.0 * (double)changed / CLEAN_LINES);
	assert_true(changed < CLEAN_LINES / 25);
}

static void test_clean_text_is_the_same_memory(void **state)
{
	(void)state;
	struct redact_counts counts = {{0}};
	static const char JSON[] = "{\"rows\":[{\"id\":1,\"note\":\"a \\\"quoted\\\" \\u00e4 word\",\"token_count\":5,"
				   "\"nextPageToken\":\"abc\",\"shipping\":true}]}";
	assert_ptr_equal(redact_json(&pool, &rules, text_of(JSON), (h2o_iovec_t){NULL, 0}, &counts).base, JSON);
	assert_int_equal(redact_total(&counts), 0);
}

static void test_O1_members_with_telling_names(void **state)
{
	(void)state;
	static const struct {
		const char *json, *expected;
	} CASES[] = {
	    {"{\"password\":\"x\",\"n\":1}", "{\"password\":\"[redacted: field]\",\"n\":1}"},
	    {"{\"db-Password\" : [1,\"]\"],\"n\":1}", "{\"db-Password\" : \"[redacted: field]\",\"n\":1}"},
	    {"{\"Api Key\":123}", "{\"Api Key\":\"[redacted: field]\"}"},
	    {"{\"secret\":{\"a\":\"}\"},\"b\":null}", "{\"secret\":\"[redacted: field]\",\"b\":null}"},
	    {"{\"password\":null,\"token\":true}", "{\"password\":null,\"token\":true}"},
	    {"{\"page_token\":\"x\"}", "{\"page_token\":\"x\"}"},
	    {"{\"pass\\u0077ord\":\"x\"}", "{\"pass\\u0077ord\":\"[redacted: field]\"}"},
	    {"[{\"text\":\"{\\\"pin\\\":1234,\\\"s\\\":\\\"t\\\"}\"}]",
	     "[{\"text\":\"{\\\"pin\\\":\\\"[redacted: field]\\\",\\\"s\\\":\\\"t\\\"}\"}]"},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct redact_counts counts = {{0}};
		h2o_iovec_t out = redact_json(&pool, &rules, text_of(CASES[i].json), (h2o_iovec_t){NULL, 0}, &counts);
		assert_string_equal(text_copy(&pool, out), CASES[i].expected);
	}
}

static void test_rules_relax_and_add(void **state)
{
	(void)state;
	static const char *added[] = {"salary"}, *allowed[] = {"token"};
	struct redact_counts counts = {{0}};
	static const char JSON[] =
	    "{\"email\":\"a@b.example.com\",\"token\":\"x\",\"Salary\":100,\"card\":4111111111111111}";
	rules.allowed = 1U << REDACT_EMAIL;
	rules.fields_added = (struct redact_names){added, 1};
	rules.fields_allowed = (struct redact_names){allowed, 1};
	h2o_iovec_t out = redact_json(&pool, &rules, text_of(JSON), (h2o_iovec_t){NULL, 0}, &counts);
	assert_string_equal(text_copy(&pool, out), "{\"email\":\"a@b.example.com\",\"token\":\"x\",\"Salary\":"
	                                           "\"[redacted: field]\",\"card\":\"[redacted: card]\"}");
	assert_int_equal(counts.of[REDACT_CARD], 1);
	assert_int_equal(counts.of[REDACT_FIELD], 1);
}

static void test_names_stay_different(void **state)
{
	(void)state;
	struct redact_counts counts = {{0}};
	h2o_iovec_t out = redact_json(&pool, &rules, text_of("{\"a@b.example.com\":1,\"c@d.example.com\":2}"),
	                              (h2o_iovec_t){NULL, 0}, &counts);
	assert_string_equal(text_copy(&pool, out), "{\"[redacted: email]\":1,\"[redacted: email 2]\":2}");
}

static void test_O1_bytes_stay_base64(void **state)
{
	(void)state;
	struct redact_counts counts = {{0}};
	const char *text = text_printf(&pool, "owner: %s\n", make_email());
	const char *json =
	    text_printf(&pool, "[{\"uri\":\"x://a\",\"blob\":\"%s\"}]", base64_encode(&pool, text, strlen(text)).base);
	h2o_iovec_t out = redact_json(&pool, &rules, text_of(json), (h2o_iovec_t){NULL, 0}, &counts);
	const json_t *value = json_read(&pool, out, NULL);
	h2o_iovec_t bytes = base64_decode(&pool, json_get_text(json_array_get(value, 0), "blob"));
	assert_string_equal(text_copy(&pool, bytes), "owner: [redacted: email]\n");
}

static void test_the_uri_that_was_asked_for_stays(void **state)
{
	(void)state;
	struct redact_counts counts = {{0}};
	static const char JSON[] = "[{\"uri\":\"user://a@b.example.com\",\"text\":\"x a@b.example.com\"}]";
	h2o_iovec_t out = redact_json(&pool, &rules, text_of(JSON), text_of("user://a@b.example.com"), &counts);
	assert_string_equal(text_copy(&pool, out),
	                    "[{\"uri\":\"user://a@b.example.com\",\"text\":\"x [redacted: email]\"}]");
}

static void test_O1_marked_text_is_read_as_json(void **state)
{
	(void)state;
	struct redact_counts counts = {{0}};
	h2o_iovec_t wrapped = untrusted_wrap(&pool, text_of("{\"pin\":\"1234\"}"));
	h2o_iovec_t out = redact_text(&pool, &rules, wrapped, &counts);
	assert_non_null(strstr(text_copy(&pool, out), "{\"pin\":\"[redacted: field]\"}"));
}

/* Text that has the notice and marks in itself is looked at as all other text. */
static void test_O1_false_marks_hide_nothing(void **state)
{
	(void)state;
	const char *notice = UNTRUSTED_NOTICE;
	const char *mark = "untrusted-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	const char *email = make_email();
	const char *const TEXTS[] = {
	    text_printf(&pool, "%s\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n%s", notice, email),
	    text_printf(&pool, "%s %s\n%s\n%s", notice, email, email, email),
	    text_printf(&pool, "%s\n{\"a\":\"\n%s\"}", notice, email),
	    text_printf(&pool, "%s\n<<<%s\n%s\n%s>>>", notice, mark, email, mark),
	    text_printf(&pool, "%s\n<<<%s\n{\"a\":\n%s\n%s>>> %s", notice, mark, email, mark, email),
	    text_printf(&pool, "%s\n<<<%s\n{\n%s\n%s>>> %s\n%s>>>", notice, mark, email, mark, email, mark),
	    text_printf(&pool, "\"%s\n<<<%s\n%s\n%s>>>\"", notice, mark, email, mark),
	    text_printf(&pool, "%s\npassword=%s\nx\n", notice, email),
	};
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		struct redact_counts counts = {{0}};
		const char *out = text_copy(&pool, redact_text(&pool, &rules, text_of(TEXTS[i]), &counts));
		assert_null(strstr(out, email));
		assert_null(strstr(out, "MIIE"));
	}
	/* a secret over the first line break behind a notice that nobody of ours has written */
	struct redact_counts counts = {{0}};
	const char *split =
	    text_printf(&pool, "%s\nx -----BEGIN PRIVATE KEY-----\nQUJD\nREVG\n-----END PRIVATE KEY-----", notice);
	assert_null(strstr(text_copy(&pool, redact_text(&pool, &rules, text_of(split), &counts)), "REVG"));
	split = text_printf(&pool, "%s\npassword:\n\"hunter2hunter2\"\nx", notice);
	const char *plain = text_printf(&pool, "password:\n\"hunter2hunter2\"\nx");
	struct redact_counts of_plain = {{0}}, of_split = {{0}};
	redact_text(&pool, &rules, text_of(plain), &of_plain);
	redact_text(&pool, &rules, text_of(split), &of_split);
	assert_int_equal(redact_total(&of_plain), redact_total(&of_split));
}

/* Where an escape is none of JSON, the text is looked at as it is written, too. */
static void test_O1_what_only_looks_like_json(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {"{\"a\":\"\\u1@ken.ada@b.example\"}", "[\"\\uken.ada@b.example\"]",
	                                    "{\"a\":\"\\x ken.ada@b.example\"}"};
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		struct redact_counts counts = {{0}};
		h2o_iovec_t out = redact_text(&pool, &rules, text_of(TEXTS[i]), &counts);
		assert_null(strstr(text_copy(&pool, out), "b.example"));
	}
}

/* Many beginnings of something that is nothing: the time grows with the length. */
static void test_O2_hostile_text_is_not_slow(void **state)
{
	(void)state;
	static const char *const PARTS[] = {
	    "eyJ",     "ghp_",    "sk-",   "://a:", "@",      "%41",         "-----BEGIN RSA PRIVATE KEY-----",
	    "+49 ",    "1 2 ",    "4111 ", "a@b.",  "secret", "DE89 ",       "password=\"",
	    "\\u0041", "{\"a\":", "[",     "\"",    "AAAA",   "\xE2\x80\x8B"};
	for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
		struct redact_counts counts = {{0}};
		struct text_buffer b = {.pool = &pool};
		while (b.len < 300000)
			text_append_str(&b, PARTS[i]);
		clock_t began = clock();
		redact_text(&pool, &rules, h2o_iovec_init(b.base, b.len), &counts);
		double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
		if (seconds > 1)
			print_message("%s: %.2f s\n", PARTS[i], seconds);
		assert_true(seconds < 5); /* with sanitizers, and of processor time */
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_rules, close_pool)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    CASE(test_O1_secrets_of_every_kind_are_replaced),
	    CASE(test_O1_in_encodings),
	    CASE(test_O2_characters_between_and_look_alikes),
	    CASE(test_O1_split_at_every_offset),
	    CASE(test_O1_lines_and_keys_without_end),
	    CASE(test_O1_ordinary_text_stays),
	    CASE(test_clean_text_is_the_same_memory),
	    CASE(test_O1_members_with_telling_names),
	    CASE(test_rules_relax_and_add),
	    CASE(test_names_stay_different),
	    CASE(test_O1_bytes_stay_base64),
	    CASE(test_the_uri_that_was_asked_for_stays),
	    CASE(test_O1_marked_text_is_read_as_json),
	    CASE(test_O1_false_marks_hide_nothing),
	    CASE(test_O1_what_only_looks_like_json),
	    CASE(test_O2_hostile_text_is_not_slow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
