/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_verify_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit_file.h"

struct verify_piece {
	struct verify_piece *next;
	struct link at;
	struct audit_piece piece;
	bool explained;
};

void audit_verify_complain(struct audit_verify *v, const struct verify_chain *chain, const struct link *at,
                           const char *words)
{
	struct audit_problem *problem = &v->problems[v->problem_count];

	if (v->problem_count++ >= AUDIT_PROBLEMS_MAX)
		return;
	*problem = (struct audit_problem){
	    .file = at->file, .file_number = at->file_number, .line = at->line, .seq = at->seq, .words = words};
	if (chain != NULL)
		memcpy(problem->chain, chain->id, AUDIT_CHAIN_SIZE);
}

void audit_verify_note(struct audit_verify *v, const char *words)
{
	if (v->note_count < AUDIT_PROBLEMS_MAX)
		v->notes[v->note_count++] = words;
}

void audit_verify_begin(struct audit_verify *v, h2o_mem_pool_t *pool, const struct audit_key *key)
{
	*v = (struct audit_verify){.pool = pool, .key = key, .fd = -1};
}

static struct link here(const struct audit_verify *v)
{
	return (struct link){.file = v->file, .file_number = v->file_number, .line = v->file_lines};
}

struct verify_chain *audit_verify_chain_of(struct audit_verify *v, h2o_iovec_t id)
{
	struct verify_chain *chain = v->recent;

	if (chain != NULL && memcmp(chain->id, id.base, AUDIT_CHAIN_SIZE - 1) == 0)
		return chain;
	chain = v->chains;
	while (chain != NULL && memcmp(chain->id, id.base, AUDIT_CHAIN_SIZE - 1) != 0)
		chain = chain->next;
	if (chain == NULL) {
		chain = h2o_mem_alloc_pool(v->pool, sizeof(*chain));
		*chain = (struct verify_chain){.next = v->chains};
		memcpy(chain->id, id.base, AUDIT_CHAIN_SIZE - 1);
		v->chains = chain;
	}
	v->recent = chain;
	return chain;
}

void audit_verify_head(struct audit_verify *v, const char *chain, int64_t seq, const char *digest)
{
	if (strlen(chain) != AUDIT_CHAIN_SIZE - 1 || strlen(digest) != AUDIT_DIGEST_SIZE - 1)
		return;
	struct audit_chain *known = &audit_verify_chain_of(v, text_of(chain))->known;
	known->seq = seq;
	memcpy(known->head, digest, AUDIT_DIGEST_SIZE);
}

/* ---- links ---- */

#define EDITED "this record is not what was written: "

void audit_verify_blame(struct audit_verify *v, const struct verify_chain *chain, const struct link *at,
                        const char *other)
{
	audit_verify_complain(v, chain, at, text_printf(v->pool, EDITED "%s", other));
}

/* Of two records that do not fit, who is it? The next one that comes vouches for one of them. */
static void settle_doubt(struct audit_verify *v, struct verify_chain *chain, bool vouched)
{
	if (!chain->doubt)
		return;
	if (vouched || chain->last.signature == AUDIT_SIGNED_WELL)
		audit_verify_blame(v, chain, &chain->before,
		                   text_printf(v->pool,
		                               "the next one of its chain, line %" PRIu64 ", has another digest of it",
		                               chain->last.line));
	else
		audit_verify_blame(v, chain, &chain->last, "neither its neighbours nor a signature speak for it");
	chain->doubt = false;
}

/* Two records of one number: the next one says by its digest which is false; without one, a signature does. */
static void settle_again(struct audit_verify *v, struct verify_chain *chain, h2o_iovec_t prev)
{
	bool second = chain->again.signature == AUDIT_SIGNED_WELL && chain->last.signature != AUDIT_SIGNED_WELL;

	if (chain->again.seq == 0)
		return;
	if (prev.base != NULL)
		second = text_is(prev, chain->again.digest) && !text_is(prev, chain->last.digest);
	audit_verify_complain(v, chain, second ? &chain->last : &chain->again,
	                      "a record of this number stands here that its chain does not have");
	if (second)
		chain->last = chain->again;
	chain->again.seq = 0;
}

static void add_link(struct audit_verify *v, struct verify_chain *chain, const struct audit_line *line,
                     const struct link *at)
{
	if (chain->ended && at->seq > chain->last.seq)
		audit_verify_complain(v, chain, at, "this record stands behind the end of its chain");
	if (at->seq == chain->last.seq) {
		settle_again(v, chain, (h2o_iovec_t){NULL, 0});
		chain->again = *at;
		return;
	}
	if (at->seq < chain->last.seq) {
		audit_verify_complain(v, chain, at,
		                      "this record comes again, or too late: later ones of its chain stand before it");
		return;
	}
	settle_again(v, chain, at->seq == chain->last.seq + 1 ? line->prev : (h2o_iovec_t){NULL, 0});
	if (at->seq > chain->last.seq + 1) {
		struct link missing = *at;
		missing.seq = chain->last.seq + 1;
		settle_doubt(v, chain, false);
		audit_verify_complain(
		    v, chain, &missing,
		    text_printf(v->pool, "records %" PRId64 " to %" PRId64 " of the chain are missing before this line",
		                missing.seq, at->seq - 1));
	} else {
		bool fits = text_is(line->prev, chain->last.digest), doubted = chain->doubt;
		settle_doubt(v, chain, fits);
		if (!fits && !doubted) {
			chain->doubt = true;
			chain->before = chain->last;
		}
	}
	chain->last = *at;
	if (chain->found.seq > 0 && chain->beyond.seq == 0 && at->seq > chain->found.seq)
		chain->beyond = *at;
}

/* ---- lines ---- */

static void note_piece(struct audit_verify *v, h2o_iovec_t bytes)
{
	struct verify_piece *piece = h2o_mem_alloc_pool(v->pool, sizeof(*piece));

	*piece = (struct verify_piece){.next = v->pieces, .at = here(v)};
	piece->piece.bytes = bytes.len;
	audit_digest(bytes, piece->piece.digest);
	v->pieces = piece;
}

void audit_verify_explain(struct audit_verify *v, const struct verify_chain *chain, const struct link *at,
                          unsigned file_number, const struct audit_piece *wanted)
{
	struct verify_piece *piece = v->pieces;

	while (piece != NULL &&
	       (piece->explained || piece->at.file_number != file_number || piece->piece.bytes != wanted->bytes ||
	        strcmp(piece->piece.digest, wanted->digest) != 0))
		piece = piece->next;
	if (piece == NULL)
		audit_verify_complain(v, chain, at, "the piece of a line that this record tells of is not there");
	else
		piece->explained = true;
}

static void check_signature(struct audit_verify *v, const struct verify_chain *chain, const struct audit_line *line,
                            const struct link *at)
{
	bool must =
	    audit_line_is(line, "chain_start") || audit_line_is(line, "checkpoint") || audit_line_is(line, "chain_end");

	v->signed_count += at->signature == AUDIT_SIGNED_WELL;
	if (at->signature == AUDIT_SIGNED_FALSELY)
		audit_verify_complain(v, chain, at, EDITED "its signature does not fit");
	else if (must && v->key != NULL && at->signature == AUDIT_UNSIGNED)
		audit_verify_complain(v, chain, at, "this record must be signed, and is not");
}

static void check_known(struct audit_verify *v, struct verify_chain *chain, const struct link *at)
{
	if (chain->known.seq == at->seq && strcmp(chain->known.head, at->digest) != 0)
		audit_verify_blame(v, chain, at, "another digest of it is known outside of this file");
}

/* Behind a piece to which somebody else's line was added, its process began with a line feed. */
static void explain_empty_lines(struct audit_verify *v, size_t count)
{
	for (struct verify_piece *piece = v->pieces; piece != NULL && count > 0; piece = piece->next)
		if (piece->piece.bytes == 0 && !piece->explained && piece->at.file_number == v->file_number) {
			piece->explained = true;
			count--;
		}
}

static void read_record(struct audit_verify *v, const struct audit_line *line)
{
	struct verify_chain *chain = audit_verify_chain_of(v, line->chain);
	struct link at = here(v);

	at.seq = line->seq;
	at.signature = audit_line_signature(line, v->key);
	audit_digest(line->text, at.digest);
	explain_empty_lines(v, line->torn.count);
	for (size_t i = 0; i < line->torn.count; i++)
		audit_verify_explain(v, chain, &at, at.file_number, &line->torn.pieces[i]);
	check_signature(v, chain, line, &at);
	if (chain->last.seq == 0) {
		audit_verify_first(v, chain, line, &at);
		chain->last = at;
	} else
		add_link(v, chain, line, &at);
	check_known(v, chain, &at);
	chain->ended = chain->ended || audit_line_is(line, "chain_end");
	if (v->fd >= 0 && line->seq == 1)
		chain->alive = audit_file_is_held(v->fd, chain->id);
	audit_verify_claims(v, line, &at);
}

static void read_line(struct audit_verify *v, h2o_iovec_t text, bool ended)
{
	struct audit_line line;
	h2o_iovec_t piece;
	struct link at = here(v);

	v->lines++;
	bool found = audit_line_find(text, &line, &piece);
	if (piece.len > 0 || text.len == 0)
		note_piece(v, piece);
	if (found)
		read_record(v, &line);
	if (!ended && found) /* of a piece, a later record tells, or nobody */
		audit_verify_complain(v, NULL, &at, "the last line was cut: it has no line feed");
}

bool audit_verify_file(struct audit_verify *v, const char *path, const char **error)
{
	struct audit_reader reader;
	h2o_iovec_t line;
	bool ended;

	if (!audit_reader_open(&reader, path)) {
		*error = text_printf(v->pool, "%s: %s", path, strerror(errno));
		return false;
	}
	v->fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	v->file = text_copy(v->pool, text_of(path));
	v->file_number++;
	v->file_lines = 0;
	while (audit_reader_next(&reader, &line, &ended)) {
		v->file_lines = reader.number;
		read_line(v, line, ended);
	}
	if (reader.number == 0) {
		struct link nowhere = here(v);
		nowhere.line = 1;
		audit_verify_complain(v, NULL, &nowhere,
		                      "the file has no line: a log begins with the start of a chain");
	}
	audit_reader_close(&reader);
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	return true;
}

/* ---- the end ---- */

static void check_end(struct audit_verify *v, struct verify_chain *chain)
{
	const struct audit_chain *known = &chain->known;
	struct link missing = chain->last;

	missing.seq++;
	if (known->seq > chain->last.seq) {
		audit_verify_complain(v, chain, &missing,
		                      text_printf(v->pool,
		                                  "the chain ends with record %" PRId64
		                                  ", and is known outside to have come to %" PRId64
		                                  ": what stood behind this line was cut off",
		                                  chain->last.seq, known->seq));
		return;
	}
	if (!chain->ended && chain->beyond.seq > 0)
		audit_verify_complain(v, chain, &chain->beyond,
		                      text_printf(v->pool,
		                                  "the process of this chain had ended with record %" PRId64
		                                  ": another one found it",
		                                  chain->found.seq));
	if (chain->ended || (known->seq == chain->last.seq && known->seq > 0) || chain->found.seq > 0)
		return;
	if (chain->alive)
		audit_verify_note(v, text_printf(v->pool, "chain %s goes on: its process is alive", chain->id));
	else
		audit_verify_complain(
		    v, chain, &missing,
		    "the chain has no end: what stood behind this line was cut off, or the process was killed and no "
		    "other one has found its chain yet, or this is a copy of a log that is being written");
}

static int by_line(const void *a, const void *b)
{
	const struct audit_problem *x = a, *y = b;

	if (x->file_number != y->file_number)
		return x->file_number < y->file_number ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

void audit_verify_end(struct audit_verify *v)
{
	uint64_t absent = 0;

	for (struct verify_chain *chain = v->chains; chain != NULL; chain = chain->next) {
		if (chain->last.seq == 0 && chain->is_missed)
			continue;
		if (chain->last.seq == 0) {
			struct link missing = here(v);
			missing.seq = 1;
			absent++;
			if (v->complete)
				audit_verify_complain(v, chain, &missing,
				                      "a whole chain that is known outside is missing");
			continue;
		}
		settle_again(v, chain, (h2o_iovec_t){NULL, 0});
		settle_doubt(v, chain, false);
		check_end(v, chain);
	}
	for (const struct verify_piece *piece = v->pieces; piece != NULL; piece = piece->next)
		if (!piece->explained)
			audit_verify_complain(v, NULL, &piece->at,
			                      "bytes stand here that are no record, and no process tells of them");
	if (absent > 0 && !v->complete)
		audit_verify_note(v, text_printf(v->pool,
		                                 "%" PRIu64 " chains that are known outside are in none of these files",
		                                 absent));
	size_t listed = v->problem_count < AUDIT_PROBLEMS_MAX ? v->problem_count : AUDIT_PROBLEMS_MAX;
	qsort(v->problems, listed, sizeof(v->problems[0]), by_line);
}
