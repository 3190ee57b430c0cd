/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor says: for people as it goes, or one JSON object at the end. Nothing secret may come here; secrets are
 * told by report_secret. */
#ifndef SALLYPORT_DOCTOR_REPORT_H
#define SALLYPORT_DOCTOR_REPORT_H

#include "common/json.h"

struct report;

/* NOTE: a connection works without it, but somebody may miss it. */
enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_FAILED };

struct report_step {
	const char *name;        /* "Register a client" */
	const char *asked, *got; /* may be NULL */
	enum verdict verdict;
	const char *words, *fix; /* fix: the likely one, NULL if none */
};

/* ASKED: the server wants something of the person before it goes on. REFUSED: not this person's, or not with this
 * token. */
enum call_outcome { CALL_ANSWER, CALL_ASKED, CALL_REFUSED, CALL_FAILED, CALL_OUTCOMES };

struct report *report_open(h2o_mem_pool_t *pool, const char *url, bool as_json);
/* The steps and lists that follow are this person's. */
void report_person(struct report *report, const char *name);
/* Returns true unless the verdict is FAILED. */
bool report_step(struct report *report, const struct report_step *step);
/* The current person's: blank-separated scope of the token, tool names, and calls. */
void report_scope(struct report *report, const char *scope);
void report_tools(struct report *report, json_t *names);
void report_call(struct report *report, const char *tool, const char *arguments, enum call_outcome outcome,
                 const char *text);
/* The comparison of the people, and the last line. Returns the number of steps that failed. */
int report_close(struct report *report);

/* "43 characters, digest 1f2e3d4c": tells secrets apart without telling them. "none" for NULL. */
const char *report_secret(h2o_mem_pool_t *pool, const char *secret);
/* Text of a stranger, fit for a terminal: one line without control or invisible characters, cut at `limit` bytes. */
const char *report_clean(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t limit);

#endif
