/* SPDX-License-Identifier: Apache-2.0 */
/* Looks through an audit log, in a thread, for chains that nobody writes any more and that have no end: their processes
 * were killed. Each is told of once, and so is each call that one of them had begun and not ended. */
#ifndef SALLYPORT_AUDIT_SWEEP_H
#define SALLYPORT_AUDIT_SWEEP_H

#include "text.h"

struct audit_sweep;
/* `found` is called on the loop with the members of each record to write. `own` is the caller's chain. */
struct audit_sweep *audit_sweep_start(h2o_context_t *context, const char *path, const char *own,
                                      void (*found)(void *data, h2o_iovec_t members), void *data);
/* Waits for the thread; what it has found then is left for the next one. */
void audit_sweep_stop(struct audit_sweep *sweep);

#endif
