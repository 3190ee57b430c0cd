/* SPDX-License-Identifier: Apache-2.0 */
/* Looks through an audit log and the newest that were exchanged (rotated), in a thread, for chains that nobody writes
 * any more and that have no end: their processes were killed. Each call that one of them had begun and not ended is
 * told of, then the chain, once. Names the chains of the log that no record names yet, too (audit_line.h). */
#ifndef SALLYPORT_AUDIT_SWEEP_H
#define SALLYPORT_AUDIT_SWEEP_H

#include "text.h"

struct audit_sweep;
/* Called on the loop with the members of each record to write. False: it could not be; the next sweep tells it. */
typedef bool audit_sweep_write_fn(void *data, h2o_iovec_t members, bool is_signed);
/* `own` is the caller's chain. NULL if the log is no file. */
struct audit_sweep *audit_sweep_start(h2o_context_t *context, const char *path, const char *own,
                                      audit_sweep_write_fn *write, void *data);
/* Waits for the thread; what it has found then is left for the next one. */
void audit_sweep_stop(struct audit_sweep *sweep);

#endif
