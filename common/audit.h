/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: what was asked, by whom, and what became of it, one JSON object a line, appended to one file per
 * process. */
#ifndef SALLYPORT_AUDIT_H
#define SALLYPORT_AUDIT_H

#include "json.h"

struct audit;
/* Creates the file with mode 0600, or 0640 where a set-group-ID folder gives it another group than ours. NULL with
 * errno. */
struct audit *audit_open(const char *program, const char *path);
void audit_reopen(struct audit *audit);
/* Adds "time" and "program" in front; takes the reference. True if the line was written (write(2), not buffered); false
 * with errno: the caller decides whether to go on. `durable` waits for fdatasync. */
bool audit_write(struct audit *audit, json_t *record, bool durable);
/* The same of a record's members as text, without the braces: for what is written with most requests. */
bool audit_write_members(struct audit *audit, h2o_iovec_t members, bool durable);
void audit_close(struct audit *audit);

#endif
