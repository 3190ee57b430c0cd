/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: what was asked, by whom, and what became of it, one JSON object a line. Each process appends a chain
 * of lines (audit_line.h) to the file, which others may append to as well: every line names the digest of the chain's
 * line before, and with a key some are signed. So whatever is changed later is found (audit_verify.h).
 *
 * A chain begins with chain_start and ends with chain_end, in the same file: where the file was exchanged (rotation), a
 * new one begins. chain_start says how the file ended then, and what chain it goes on for. */
#ifndef SALLYPORT_AUDIT_H
#define SALLYPORT_AUDIT_H

#include "audit_key.h"
#include "json.h"
#include "request.h"

struct audit;
/* Creates the file with mode 0600, or 0640 where a set-group-ID folder gives it another group than ours. `key` signs
 * (NULL: nothing is signed) and is the log's from then on. NULL with errno. */
struct audit *audit_open(const char *program, const char *path, struct audit_key *key);
/* With a loop: what is durable no longer blocks, and the log is swept (audit_sweep.h). */
void audit_serve(struct audit *audit, h2o_context_t *context, int64_t checkpoint_ms);
/* Every second: if something was written since, and the newest signed line is as old as said there, signs; and tries
 * whether a log that could not be written can be again. */
void audit_tick(void *audit);
void audit_reopen(struct audit *audit);
/* Adds a line; takes the reference. True if it was written (write(2), not buffered); false with errno: the caller
 * decides whether to go on, and the next line says how many were lost. `durable`: it is on the disk soon, or, without a
 * loop, when this returns. */
bool audit_write(struct audit *audit, json_t *record, bool durable);
/* The same of a record's members as text, without the braces: for what is written with most requests. */
bool audit_write_members(struct audit *audit, h2o_iovec_t members, bool durable);
/* The request's next step runs when all that was written so far is on the disk (STEP_WAIT), or at once without a loop;
 * where the disk refuses, the request ends with 503. */
step_result audit_wait(struct audit *audit, struct request *r);
/* False once a line could not be written, until one can again: for those who ask after our health. */
bool audit_is_well(const struct audit *audit);
const char *audit_path(const struct audit *audit);
void audit_close(struct audit *audit);

#endif
