/* SPDX-License-Identifier: Apache-2.0 */
/* What audit_verify.c and audit_verify_claims.c know of each chain while they read. */
#ifndef SALLYPORT_AUDIT_VERIFY_CHAIN_H
#define SALLYPORT_AUDIT_VERIFY_CHAIN_H

#include "audit_verify.h"

struct link { /* a record that was read */
	const char *file;
	unsigned file_number;
	uint64_t line;
	int64_t seq; /* 0: there is none */
	char digest[AUDIT_DIGEST_SIZE];
	enum audit_signature signature;
};

struct verify_chain {
	struct verify_chain *next;
	char id[AUDIT_CHAIN_SIZE];
	struct link last, before; /* `before` only while there is a doubt */
	bool doubt;               /* `last` has another digest of `before` than `before` has */
	struct link again;        /* of the same number as `last`: one of them is false. seq 0: there is none */
	struct audit_chain known; /* outside of the files; seq 0: nothing is */
	struct audit_chain found; /* how a later record says that it ended; seq 0: none does */
	struct link beyond;       /* the first record behind that; seq 0: there is none */
	bool ended, alive, is_missed;
};

void audit_verify_complain(struct audit_verify *verify, const struct verify_chain *chain, const struct link *at,
                           const char *words);
/* The record is not what was written, says `other`. */
void audit_verify_blame(struct audit_verify *verify, const struct verify_chain *chain, const struct link *at,
                        const char *other);
void audit_verify_note(struct audit_verify *verify, const char *words);
/* Of a chain that nobody has heard of, a new one. */
struct verify_chain *audit_verify_chain_of(struct audit_verify *verify, h2o_iovec_t id);
/* The record tells of a piece of a line that is in that file. */
void audit_verify_explain(struct audit_verify *verify, const struct verify_chain *chain, const struct link *at,
                          unsigned file_number, const struct audit_piece *wanted);

/* ---- audit_verify_claims.c: what a record says of other chains ---- */

/* The first record of a chain. */
void audit_verify_first(struct audit_verify *verify, struct verify_chain *chain, const struct audit_line *line,
                        const struct link *at);
/* Any record. */
void audit_verify_claims(struct audit_verify *verify, const struct audit_line *line, const struct link *at);

#endif
