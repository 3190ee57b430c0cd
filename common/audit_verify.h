/* SPDX-License-Identifier: Apache-2.0 */
/* Whether audit logs are what was written: every chain of lines from its start to its end, nothing between, and what is
 * signed, signed well. Says of each place what is wrong with it. */
#ifndef SALLYPORT_AUDIT_VERIFY_H
#define SALLYPORT_AUDIT_VERIFY_H

#include "audit_line.h"

enum { AUDIT_PROBLEMS_MAX = 100 }; /* told one by one */

struct audit_problem {
	const char *file; /* as it was given */
	unsigned file_number;
	uint64_t line;
	char chain[AUDIT_CHAIN_SIZE]; /* "" if it is of none */
	int64_t seq;                  /* the first record that is not as it was */
	const char *words;
};

struct audit_verify {
	h2o_mem_pool_t *pool;
	const struct audit_key *key;
	bool complete; /* the files are all that there is of every chain that is known outside */
	/* what was found */
	uint64_t lines, chain_count, signed_count;
	size_t problem_count; /* of all; those in the list are the first ones */
	struct audit_problem problems[AUDIT_PROBLEMS_MAX];
	const char *notes[AUDIT_PROBLEMS_MAX]; /* what is no problem, but worth knowing */
	size_t note_count;
	/* its own */
	struct verify_chain *chains, *recent;
	struct verify_piece *pieces;
	const char *file;
	unsigned file_number;
	uint64_t file_lines;
	int fd;
};

/* `key` NULL: signatures are not checked. */
void audit_verify_begin(struct audit_verify *verify, h2o_mem_pool_t *pool, const struct audit_key *key);
/* What is known of a chain from elsewhere: that far it came, with this digest. Before the files. */
void audit_verify_head(struct audit_verify *verify, const char *chain, int64_t seq, const char *digest);
/* The older file first. False and *error if it cannot be read. */
bool audit_verify_file(struct audit_verify *verify, const char *path, const char **error);
/* After the last file: problems are in the order of the lines. */
void audit_verify_end(struct audit_verify *verify);

#endif
