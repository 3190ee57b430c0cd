/* SPDX-License-Identifier: Apache-2.0 */
/* A line of an audit log, and the chain that it is a link of. Each process writes a chain of its own; several may stand
 * in one file, their lines mixed.
 *
 *   {"time":"...","program":"...","chain":"32 hex","seq":7,"prev":"64 hex", more members}
 *
 * `prev` is the SHA-256 of the exact bytes of the chain's line before, without its line feed; 64 zeros in the first.
 * Two members may follow: "torn":[{"bytes":3,"digest":"64 hex"}] tells of pieces of lines that the process could not
 * write to their ends, and "lost":2 of records that it could not write at all. A line that is signed ends with
 * ,"signature":"86 base64url"} which is over AUDIT_SIGNED and all of the line before that member. */
#ifndef SALLYPORT_AUDIT_LINE_H
#define SALLYPORT_AUDIT_LINE_H

#include "audit_key.h"
#include "secret.h"

#define AUDIT_SIGNED "sallyport audit checkpoint\n"
enum { AUDIT_CHAIN_SIZE = 33, AUDIT_DIGEST_SIZE = 65, AUDIT_SIGNATURE_TEXT = 86, AUDIT_TORN_MAX = 4 };

struct audit_chain {
	char id[AUDIT_CHAIN_SIZE];
	char head[AUDIT_DIGEST_SIZE]; /* digest of the newest line */
	int64_t seq;                  /* of the newest line; 0: there is none */
};

struct audit_torn { /* pieces of lines, and a line feed behind each */
	size_t count;
	struct audit_piece {
		size_t bytes;
		char digest[AUDIT_DIGEST_SIZE];
	} pieces[AUDIT_TORN_MAX];
};

void audit_chain_begin(struct audit_chain *chain);
void audit_digest(h2o_iovec_t bytes, char text[AUDIT_DIGEST_SIZE]);

/* As {"chain":...,"seq":...,"digest":...}. */
void audit_chain_append(struct text_buffer *b, const struct audit_chain *chain);
/* As ,"MEMBER":[{"bytes":...,"digest":...}]; nothing if there is none. */
void audit_torn_append(struct text_buffer *b, const char *member, const struct audit_torn *torn);
/* Of a checkpoint, which names other chains of its file: such objects with commas between, or none. */
h2o_iovec_t audit_checkpoint_members(h2o_mem_pool_t *pool, h2o_iovec_t others);

/* What stands in front of the members of the next line. */
struct audit_head {
	const char *program; /* letters, digits, - */
	const struct audit_torn *torn;
	uint64_t lost;
};
/* The next line of the chain, without a line feed; signed if there is a key. audit_chain_advance, once it is written.
 */
void audit_line_format(struct text_buffer *line, const struct audit_chain *chain, const struct audit_head *head,
                       h2o_iovec_t members, const struct audit_key *key);
void audit_chain_advance(struct audit_chain *chain, h2o_iovec_t line);

struct audit_line { /* slices of the text */
	h2o_iovec_t text, time, program, chain, prev;
	int64_t seq;
	struct audit_torn torn;
	int64_t lost;
	h2o_iovec_t members; /* behind the head, without the last brace; may be empty */
};
/* False if it has not this form: the head is read, of the members only that the line ends with a brace. */
bool audit_line_read(h2o_iovec_t text, struct audit_line *ret);
/* The same of a text that may begin with a piece of a line that was not written to its end: *ret_torn. */
bool audit_line_find(h2o_iovec_t text, struct audit_line *ret, h2o_iovec_t *ret_torn);
/* True if the members begin with "event":"EVENT". */
bool audit_line_is(const struct audit_line *line, const char *event);
enum audit_signature { AUDIT_UNSIGNED, AUDIT_SIGNED_WELL, AUDIT_SIGNED_FALSELY };
/* Without a key, whatever is signed is signed well. */
enum audit_signature audit_line_signature(const struct audit_line *line, const struct audit_key *key);

#endif
