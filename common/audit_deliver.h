/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the lines of an audit log to PostgreSQL (sql/functions/audit.sql), in a thread: in their order, each once,
 * from where the last process has come to. While PostgreSQL is away they wait in the file. Where several processes
 * write to one file, one of them brings the lines of all. */
#ifndef SALLYPORT_AUDIT_DELIVER_H
#define SALLYPORT_AUDIT_DELIVER_H

#include <stdbool.h>

struct audit_delivery;
/* `log`.delivered remembers the place. `expires`: old lines are let go once a day. NULL if the log is no file. */
struct audit_delivery *audit_deliver_start(const char *log, const char *conninfo, bool expires);
/* Once more what is there, if PostgreSQL is, and ends. */
void audit_deliver_stop(struct audit_delivery *delivery);

#endif
