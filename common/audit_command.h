/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `audit` of both daemons: verify, search and export of audit logs, and a key to sign them with. */
#ifndef SALLYPORT_AUDIT_COMMAND_H
#define SALLYPORT_AUDIT_COMMAND_H

#include "json.h"

struct audit_defaults {
	const char *log;        /* the daemon's own; NULL: there is none */
	const char *public_key; /* the public half of its key; NULL: there is none */
};

struct audit_program {
	const char *name; /* "sallyport-mcp" */
	/* The configuration is read only where a command does not say all itself. NULL, or what is wrong with it. */
	const char *(*defaults)(void *data, h2o_mem_pool_t *pool, struct audit_defaults *ret);
	/* What PostgreSQL knows: an array of {chain, program, seq, digest, time} in *ret. NULL, or why not. The
	 * function may be NULL. */
	const char *(*heads)(void *data, h2o_mem_pool_t *pool, json_t **ret);
	void *data;
};

#define AUDIT_ARGUMENTS "verify|search|export|heads|key [OPTION]... [FILE]..."
#define AUDIT_ABOUT "check audit logs, find and export records; \"audit --help\" says how"

/* argv[0] is "audit". The exit status: 0 fine, 1 refused or found bad, 2 usage. */
int audit_command(const struct audit_program *program, int argc, char **argv);

/* ---- its parts ---- */

struct audit_filter { /* NULL: any */
	const char *person, *client, *tool, *outcome, *grant, *request, *event;
	const char *since, *until; /* as times in records are written */
};
bool audit_filter_takes(const struct audit_filter *filter, const json_t *record);
/* "2026-11-21T09:30:00Z" or its beginning, or "24h" for so long ago; NULL if it is neither. */
const char *audit_time(h2o_mem_pool_t *pool, const char *text);

/* One record in the form, without a line feed. */
typedef void audit_format_fn(struct text_buffer *out, const json_t *record, h2o_iovec_t line);
audit_format_fn *audit_format_of(const char *name); /* jsonl, cef, ocsf; NULL: there is no such form */
/* The member that says what was used; NULL if none does. */
const char *audit_item_of(const json_t *record);

#endif
