/* SPDX-License-Identifier: Apache-2.0 */
/* E-2: whatever is done to an audit log afterwards is found, and where. */
#include "common/audit_verify.c"

#include "common/audit.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { TAMPERINGS = 10000, RECORDS = 60 };

static h2o_mem_pool_t pool;
static char folder[] = "/tmp/sallyport-verify-XXXXXX";
static const char *path, *key_file, *public_file;

static struct audit_key *private_key(void)
{
	const char *error = NULL;
	struct audit_key *key = audit_key_load(&pool, key_file, false, &error);

	assert_non_null(key);
	return key;
}

static void write_record(struct audit *audit, int n)
{
	char filler[200];

	memset(filler, 'a' + n % 26, sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	assert_true(audit_write(audit, json_pack("{s:s, s:i, s:s}", "event", "x", "n", n, "t", filler), false));
}

static h2o_iovec_t read_all(void)
{
	char *text = h2o_mem_alloc_pool(&pool, 1 << 17);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	size_t len = fread(text, 1, 1 << 17, f);
	fclose(f);
	return h2o_iovec_init(text, len);
}

static void write_all(h2o_iovec_t text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text.base, 1, text.len, f), text.len);
	fclose(f);
}

/* `known`: what is known outside, up to one without a number; that is then all that there is. */
static struct audit_verify *verify_with(const struct audit_key *key, const struct audit_chain *known)
{
	static struct audit_verify v;
	static h2o_mem_pool_t its;
	static bool used;
	const char *error = NULL;

	if (used)
		h2o_mem_clear_pool(&its);
	used = true;
	h2o_mem_init_pool(&its);
	audit_verify_begin(&v, &its, key);
	v.complete = known != NULL;
	for (; known != NULL && known->seq > 0; known++)
		audit_verify_head(&v, known->id, known->seq, known->head);
	assert_true(audit_verify_file(&v, path, &error));
	audit_verify_end(&v);
	return &v;
}

static struct audit_verify *verify(void)
{
	const char *error = NULL;
	struct audit_key *key = audit_key_load(&pool, public_file, true, &error);

	assert_non_null(key);
	struct audit_verify *v = verify_with(key, NULL);
	audit_key_free(key);
	return v;
}

static void assert_fine(const struct audit_verify *v)
{
	if (v->problem_count > 0)
		fail_msg("%llu: %s", (unsigned long long)v->problems[0].line, v->problems[0].words);
}

/* Two processes at a time, and a third one afterwards; checkpoints between. */
static void write_log(void)
{
	unlink(path);
	struct audit *one = audit_open("mcp", path, private_key()), *two = audit_open("authz", path, private_key());
	for (int i = 0; i < RECORDS / 3; i++) {
		write_record(i % 3 == 0 ? two : one, i);
		if (i % 7 == 0)
			audit_tick(one);
	}
	audit_close(two);
	for (int i = 0; i < RECORDS / 3; i++)
		write_record(one, i);
	audit_close(one);
	one = audit_open("mcp", path, private_key());
	for (int i = 0; i < RECORDS / 3; i++)
		write_record(one, i);
	audit_close(one);
}

static void takes_what_was_written(void **state)
{
	(void)state;
	write_log();
	struct audit_verify *v = verify();
	assert_fine(v);
	assert_int_equal(v->chain_count, 3);
	assert_true(v->signed_count >= 8);
	assert_int_equal(v->note_count, 0);
}

struct text { /* lines of a log, and what was done to it */
	h2o_iovec_t lines[RECORDS * 2];
	size_t count, from; /* the first line that is not as it was */
	char what[80];
};

static h2o_iovec_t joined(const struct text *t)
{
	struct text_buffer b = {.pool = &pool};

	for (size_t i = 0; i < t->count; i++) {
		text_append_iovec(&b, t->lines[i]);
		text_append_str(&b, "\n");
	}
	return h2o_iovec_init(b.base != NULL ? b.base : "", b.len);
}

static unsigned pick(unsigned n)
{
	return (unsigned)random() % n;
}

static void edit_line(struct text *t)
{
	size_t i = t->from = pick((unsigned)t->count), at = pick((unsigned)t->lines[i].len);
	h2o_iovec_t line = h2o_iovec_init(text_copy(&pool, t->lines[i]), t->lines[i].len);
	char new;

	do
		new = (char)pick(256);
	while (new == line.base[at]);
	line.base[at] = new;
	t->lines[i] = line;
	snprintf(t->what, sizeof(t->what), "edit of line %zu at %zu to %d", i + 1, at, new);
}

/* Some bytes more or less, in the middle of a line. */
static void resize_line(struct text *t)
{
	size_t i = t->from = pick((unsigned)t->count), at = pick((unsigned)t->lines[i].len), n = 1 + pick(8);
	struct text_buffer b = {.pool = &pool};
	bool more = pick(2) == 0;

	text_append(&b, t->lines[i].base, at);
	for (size_t k = 0; more && k < n; k++)
		text_append(&b, &(char){(char)('a' + pick(26))}, 1);
	size_t rest = more ? at : at + n > t->lines[i].len ? t->lines[i].len : at + n;
	text_append(&b, t->lines[i].base + rest, t->lines[i].len - rest);
	t->lines[i] = h2o_iovec_init(b.base, b.len);
	snprintf(t->what, sizeof(t->what), "%s of %zu bytes in line %zu", more ? "insertion" : "removal", n, i + 1);
}

static void remove_lines(struct text *t, size_t at, size_t n)
{
	memmove(t->lines + at, t->lines + at + n, (t->count - at - n) * sizeof(t->lines[0]));
	t->count -= n;
	t->from = at;
}

static void drop_lines(struct text *t)
{
	size_t at = pick((unsigned)t->count), n = 1 + pick(5);

	if (at + n > t->count)
		n = t->count - at;
	remove_lines(t, at, n);
	snprintf(t->what, sizeof(t->what), "drop of %zu lines at %zu", n, at + 1);
}

static void swap_lines(struct text *t)
{
	size_t a = pick((unsigned)t->count - 1), b = a + 1 + pick((unsigned)(t->count - a - 1));
	h2o_iovec_t kept = t->lines[a];

	t->lines[a] = t->lines[b];
	t->lines[b] = kept;
	t->from = a;
	snprintf(t->what, sizeof(t->what), "swap of lines %zu and %zu", a + 1, b + 1);
}

/* A line of the log once more, or one that looks like a line of it. */
static void insert_line(struct text *t)
{
	size_t at = pick((unsigned)t->count + 1), of = pick((unsigned)t->count);
	h2o_iovec_t line = h2o_iovec_init(text_copy(&pool, t->lines[of]), t->lines[of].len);

	if (pick(2) == 0)
		line.base[line.len / 2]++;
	memmove(t->lines + at + 1, t->lines + at, (t->count - at) * sizeof(t->lines[0]));
	t->lines[at] = pick(8) == 0 ? h2o_iovec_init("", 0) : line;
	t->count++;
	t->from = at;
	snprintf(t->what, sizeof(t->what), "insertion at line %zu of line %zu", at + 1, of + 1);
}

static void cut_lines(struct text *t)
{
	t->from = t->count = pick((unsigned)t->count);
	snprintf(t->what, sizeof(t->what), "truncation behind line %zu", t->count);
}

/* Swapping two lines of different chains, or moving one past lines of others, changes no chain: the order between
 * processes is not what a chain proves. Then all lines are as they were written, only elsewhere. */
static bool chains_are_whole(const struct text *before, const struct text *after)
{
	struct audit_line a, b;
	char heads[8][AUDIT_CHAIN_SIZE] = {{0}};
	size_t chains = 0;

	if (before->count != after->count)
		return false;
	for (size_t i = 0; i < before->count; i++) {
		assert_true(audit_line_read(before->lines[i], &a));
		size_t c = 0;
		while (c < chains && memcmp(heads[c], a.chain.base, AUDIT_CHAIN_SIZE - 1) != 0)
			c++;
		if (c == chains)
			memcpy(heads[chains++], a.chain.base, AUDIT_CHAIN_SIZE - 1);
	}
	for (size_t c = 0; c < chains; c++)
		for (size_t i = 0, k = 0;; i++, k++) {
			while (i < before->count && (!audit_line_read(before->lines[i], &a) ||
			                             memcmp(a.chain.base, heads[c], AUDIT_CHAIN_SIZE - 1) != 0))
				i++;
			while (k < after->count && (!audit_line_read(after->lines[k], &b) ||
			                            memcmp(b.chain.base, heads[c], AUDIT_CHAIN_SIZE - 1) != 0))
				k++;
			if (i == before->count || k == after->count) {
				if (i != before->count || k != after->count)
					return false;
				break;
			}
			if (!text_equal(a.text, b.text))
				return false;
		}
	return true;
}

static void split(h2o_iovec_t text, struct text *ret)
{
	*ret = (struct text){.count = 0};
	for (const char *at = text.base, *end = text.base + text.len; at < end;) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		ret->lines[ret->count++] = h2o_iovec_init((char *)at, (size_t)(feed - at));
		at = feed + 1;
	}
}

/* The problem that comes first is at the first line that is not as it was, or tells of it from a later line of its
 * chain: then it names the record. */
static bool is_located(const struct text *before, const struct text *after, const struct audit_verify *v)
{
	struct audit_line was;

	for (size_t i = 0; i < v->problem_count && i < AUDIT_PROBLEMS_MAX; i++) {
		const struct audit_problem *problem = &v->problems[i];
		if (problem->line == after->from + 1 || problem->line == after->from)
			return true;
		for (size_t at = after->from; at < before->count && at < after->from + 6; at++)
			if (audit_line_read(before->lines[at], &was) && text_is(was.chain, problem->chain) &&
			    was.seq == problem->seq)
				return true;
	}
	return false;
}

/* As PostgreSQL has them (mcp.audit_heads). */
static void find_heads(const struct text *t, struct audit_chain *heads)
{
	struct audit_line line;

	for (size_t i = 0; i < t->count; i++) {
		struct audit_chain *head = heads;
		assert_true(audit_line_read(t->lines[i], &line));
		while (head->seq > 0 && memcmp(head->id, line.chain.base, AUDIT_CHAIN_SIZE - 1) != 0)
			head++;
		memcpy(head->id, line.chain.base, AUDIT_CHAIN_SIZE - 1);
		head->seq = line.seq;
		audit_digest(line.text, head->head);
	}
}

static void finds_every_tampering(void **state)
{
	static void (*const WAYS[])(struct text *) = {edit_line,  resize_line, drop_lines,
	                                              swap_lines, insert_line, cut_lines};
	static const char *const NAMES[] = {
	    "edits", "insertions and removals of bytes", "drops", "swaps", "insertions of lines", "truncations"};
	unsigned counts[6] = {0}, seed = (unsigned)getpid(), done = 0;
	const char *given = getenv("SEED");
	const char *error = NULL;
	struct audit_key *key = audit_key_load(&pool, public_file, true, &error);
	(void)state;

	seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : seed;
	print_message("# seed %u\n", seed);
	srandom(seed);
	write_log();
	struct text before, after;
	struct audit_chain heads[8] = {{{0}, {0}, 0}};
	split(read_all(), &before);
	find_heads(&before, heads);
	while (done < TAMPERINGS) {
		unsigned way = pick(6);
		h2o_mem_pool_t outer = pool;
		h2o_mem_init_pool(&pool);
		after = before;
		WAYS[way](&after);
		if ((way == 3 || way == 4) && chains_are_whole(&before, &after)) {
			h2o_mem_clear_pool(&pool);
			pool = outer;
			continue;
		}
		write_all(joined(&after));
		struct audit_verify *v = verify_with(key, heads);
		if (v->problem_count == 0 || !is_located(&before, &after, v))
			fail_msg("seed %u: %s: %s (line %llu, seq %lld)", seed, after.what,
			         v->problem_count == 0 ? "not found" : v->problems[0].words,
			         (unsigned long long)v->problems[0].line, (long long)v->problems[0].seq);
		h2o_mem_clear_pool(&pool);
		pool = outer;
		counts[way]++;
		done++;
	}
	for (size_t i = 0; i < 6; i++)
		print_message("# %u %s\n", counts[i], NAMES[i]);
	print_message("# %u tamperings, all located\n", done);
	audit_key_free(key);
}

static const char *first_words(struct audit_verify *v)
{
	return v->problem_count > 0 ? v->problems[0].words : "";
}

/* Who has no key can make a chain that fits, but sign none of it. */
static void finds_a_forged_chain(void **state)
{
	(void)state;
	unlink(path);
	struct audit *audit = audit_open("mcp", path, NULL);
	write_record(audit, 1);
	audit_close(audit);
	assert_non_null(strstr(first_words(verify()), "must be signed"));
	unlink(path);
	const char *other = text_printf(&pool, "%s/other", folder), *error = NULL;
	assert_null(audit_key_make(&pool, other));
	audit = audit_open("mcp", path, audit_key_load(&pool, other, false, &error));
	write_record(audit, 1);
	audit_close(audit);
	assert_non_null(strstr(first_words(verify()), "signature does not fit"));
	unlink(other);
	unlink(text_printf(&pool, "%s.pub", other));
}

/* A line whose digests were all made anew: only the signature behind it tells. */
static void finds_what_was_chained_anew(void **state)
{
	(void)state;
	unlink(path);
	struct audit *audit = audit_open("mcp", path, private_key());
	write_record(audit, 1);
	write_record(audit, 2);
	audit_close(audit);
	struct text t;
	struct audit_line line;
	split(read_all(), &t);
	assert_int_equal(t.count, 4);
	*(strstr(t.lines[1].base, "\"n\":1") + 4) = '7';
	for (size_t i = 2; i < t.count; i++) {
		char digest[AUDIT_DIGEST_SIZE];
		audit_digest(t.lines[i - 1], digest);
		assert_true(audit_line_read(t.lines[i], &line));
		memcpy(line.prev.base, digest, AUDIT_DIGEST_SIZE - 1);
	}
	write_all(joined(&t));
	struct audit_verify *v = verify();
	assert_int_equal(v->problem_count, 1);
	assert_int_equal(v->problems[0].line, 4);
	assert_fine(verify_with(NULL, NULL)); /* without the key nobody can know */
}

static void asks_what_is_known_outside(void **state)
{
	(void)state;
	struct audit_chain heads[2] = {{.seq = 4}}, *known = heads;
	struct text t;
	struct audit_line line;

	unlink(path);
	struct audit *audit = audit_open("mcp", path, NULL);
	for (int i = 0; i < 4; i++)
		write_record(audit, i);
	split(read_all(), &t);
	assert_true(audit_line_read(t.lines[3], &line));
	memcpy(known->id, line.chain.base, AUDIT_CHAIN_SIZE - 1);
	audit_digest(line.text, known->head);
	struct audit_verify *v = verify_with(NULL, known);
	assert_fine(v);
	assert_int_equal(v->note_count, 1); /* it is still being written */
	audit_close(audit);
	t.count = 2;
	write_all(joined(&t));
	v = verify_with(NULL, known);
	assert_int_equal(v->problem_count, 1);
	assert_int_equal(v->problems[0].line, 2);
	assert_int_equal(v->problems[0].seq, 3);
	assert_non_null(strstr(first_words(v), "known outside to have come to 4"));
}

/* A disk that was full in the middle of a line, and another process that wrote on: both chains are whole. */
static void tells_of_torn_lines(void **state)
{
	struct rlimit before, small;
	(void)state;

	unlink(path);
	struct audit *one = audit_open("mcp", path, private_key()), *two = audit_open("authz", path, private_key());
	write_record(one, 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (int i = 0; i < 3; i++) {
		small = before;
		small.rlim_cur = read_all().len + 30;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		bool written = audit_write(one, json_pack("{s:i}", "n", i), false);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_false(written);
		if (i == 1)
			write_record(two, 2);
	}
	write_record(two, 3);
	write_record(one, 4);
	audit_close(one);
	audit_close(two);
	assert_non_null(strstr(read_all().base, "\"lost\":3"));
	assert_fine(verify());
	/* a piece that is not what was left there */
	h2o_iovec_t text = read_all();
	struct text t;
	struct audit_line line;
	split(text, &t);
	for (size_t i = 0; i < t.count; i++)
		if (!audit_line_read(t.lines[i], &line) && t.lines[i].len > 0) {
			t.lines[i].base[3] ^= 1;
			break;
		}
	write_all(joined(&t));
	assert_true(verify()->problem_count >= 1);
}

/* A process that was killed: the next one finds the file with an end that is none. */
static void goes_on_behind_half_a_line(void **state)
{
	(void)state;
	write_log();
	h2o_iovec_t text = read_all();
	text.base[text.len] = '{';
	write_all(h2o_iovec_init(text.base, text.len + 1));
	assert_true(verify()->problem_count > 0);
	struct audit *audit = audit_open("mcp", path, private_key());
	write_record(audit, 1);
	audit_close(audit);
	assert_fine(verify());
}

/* A process that was killed, and another one that found its chain: `found` is what it says of it. */
static void write_killed(struct audit_chain *found)
{
	struct audit_line line;
	struct text t;

	unlink(path);
	if (fork() == 0) {
		write_record(audit_open("mcp", path, private_key()), 1);
		_exit(0);
	}
	assert_true(wait(NULL) > 0);
	split(read_all(), &t);
	assert_int_equal(t.count, 2);
	assert_true(audit_line_read(t.lines[1], &line));
	memcpy(found->id, line.chain.base, AUDIT_CHAIN_SIZE - 1);
	found->id[AUDIT_CHAIN_SIZE - 1] = '\0';
	found->seq = line.seq;
	audit_digest(line.text, found->head);
	struct audit *audit = audit_open("mcp", path, private_key());
	assert_true(audit_write(audit,
	                        json_pack("{s:s, s:{s:s, s:i, s:s}}", "event", "chain_found", "of", "chain", found->id,
	                                  "seq", (int)found->seq, "digest", found->head),
	                        false));
	audit_close(audit);
}

/* Who has no key can go on with a chain that nobody writes any more. */
static void finds_what_continues_a_dead_chain(void **state)
{
	static const char MEMBERS[] = "\"event\":\"x\"";
	struct audit_head head = {.program = "mcp"};
	struct audit_chain dead = {.seq = 0};
	struct text t, forged;
	(void)state;

	write_killed(&dead);
	assert_fine(verify());
	split(read_all(), &t);
	struct text_buffer line = {.pool = &pool};
	audit_line_format(&line, &dead, &head, h2o_iovec_init(MEMBERS, sizeof(MEMBERS) - 1), NULL);
	for (size_t at = 2; at <= t.count; at++) {
		forged = t;
		memmove(forged.lines + at + 1, forged.lines + at, (forged.count - at) * sizeof(forged.lines[0]));
		forged.lines[at] = h2o_iovec_init(line.base, line.len);
		forged.count++;
		write_all(joined(&forged));
		struct audit_verify *v = verify();
		assert_int_equal(v->problem_count, 1);
		assert_int_equal(v->problems[0].line, at + 1);
		assert_int_equal(v->problems[0].seq, 3);
	}
	/* another last record in place of the true one */
	forged = t;
	*(strstr(forged.lines[1].base, "\"n\":1") + 4) = '7';
	write_all(joined(&forged));
	assert_int_equal(verify()->problems[0].line, 2);
}

/* A chain as a whole: others name it. */
static void finds_a_chain_that_was_taken_away(void **state)
{
	struct text before, after;
	struct audit_line line;
	(void)state;

	write_log();
	split(read_all(), &before);
	assert_true(audit_line_read(before.lines[before.count - 1], &line));
	h2o_iovec_t newest = line.chain; /* the one that is named by nobody yet */
	for (size_t first = 0; first < before.count; first++) {
		assert_true(audit_line_read(before.lines[first], &line));
		h2o_iovec_t gone = line.chain;
		if (line.seq != 1 || text_equal(gone, newest))
			continue;
		after.count = 0;
		for (size_t i = 0; i < before.count; i++)
			if (audit_line_read(before.lines[i], &line) && !text_equal(line.chain, gone))
				after.lines[after.count++] = before.lines[i];
		write_all(joined(&after));
		struct audit_verify *v = verify();
		assert_true(v->problem_count >= 1);
		assert_non_null(strstr(first_words(v), "are missing"));
	}
}

/* A disk that is full when the log is exchanged: the chain goes on in the next file, and what was torn is explained. */
static void stands_a_full_disk_and_a_rotation(void **state)
{
	const char *old = text_printf(&pool, "%s.1", path), *error = NULL;
	struct audit_verify v;
	struct rlimit before, small;
	(void)state;

	unlink(path);
	struct audit *audit = audit_open("mcp", path, private_key());
	write_record(audit, 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	small = before;
	small.rlim_cur = read_all().len + 30;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_false(audit_write(audit, json_pack("{s:i}", "n", 2), false));
	assert_int_equal(rename(path, old), 0);
	audit_reopen(audit); /* the end cannot be written, nor the new start with a limit that is this small */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	write_record(audit, 3);
	audit_close(audit);
	assert_non_null(strstr(read_all().base, "\"torn_before\""));
	audit_verify_begin(&v, &pool, NULL);
	assert_true(audit_verify_file(&v, old, &error) && audit_verify_file(&v, path, &error));
	audit_verify_end(&v);
	assert_fine(&v);
	assert_fine(verify());
	unlink(old);
}

static void follows_a_chain_into_the_next_file(void **state)
{
	const char *old = text_printf(&pool, "%s.1", path), *error = NULL;
	struct audit_verify v;
	(void)state;

	unlink(path);
	struct audit *audit = audit_open("mcp", path, private_key());
	write_record(audit, 1);
	assert_int_equal(rename(path, old), 0);
	audit_reopen(audit);
	audit_reopen(audit); /* the same file: nothing */
	write_record(audit, 2);
	audit_close(audit);
	audit_verify_begin(&v, &pool, NULL);
	assert_true(audit_verify_file(&v, old, &error) && audit_verify_file(&v, path, &error));
	audit_verify_end(&v);
	assert_fine(&v);
	assert_int_equal(v.chain_count, 2);
	assert_int_equal(v.note_count, 0);
	assert_int_equal(verify()->note_count, 1); /* the newer one alone */
	unlink(old);
	assert_false(audit_verify_file(&v, old, &error));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_was_written),
	    cmocka_unit_test(finds_every_tampering),
	    cmocka_unit_test(finds_a_forged_chain),
	    cmocka_unit_test(finds_what_was_chained_anew),
	    cmocka_unit_test(asks_what_is_known_outside),
	    cmocka_unit_test(tells_of_torn_lines),
	    cmocka_unit_test(goes_on_behind_half_a_line),
	    cmocka_unit_test(follows_a_chain_into_the_next_file),
	    cmocka_unit_test(finds_what_continues_a_dead_chain),
	    cmocka_unit_test(finds_a_chain_that_was_taken_away),
	    cmocka_unit_test(stands_a_full_disk_and_a_rotation),
	};
	json_init();
	h2o_mem_init_pool(&pool);
	if (mkdtemp(folder) == NULL)
		return 1;
	path = text_printf(&pool, "%s/audit", folder);
	key_file = text_printf(&pool, "%s/key", folder);
	public_file = text_printf(&pool, "%s/key.pub", folder);
	if (audit_key_make(&pool, key_file) != NULL || audit_key_make(&pool, key_file) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	unlink(key_file);
	unlink(public_file);
	rmdir(folder);
	h2o_mem_clear_pool(&pool);
	return failed;
}
