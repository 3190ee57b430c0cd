/* SPDX-License-Identifier: Apache-2.0 */
/* Audit logs that were exchanged (rotated): beside the log, with its name and something behind it. */
#ifndef SALLYPORT_AUDIT_ROTATED_H
#define SALLYPORT_AUDIT_ROTATED_H

#include "text.h"

/* The log or an older one, by its inode; -1 if it is gone. */
int audit_rotated_open(const char *log, uint64_t inode);
/* Those beside the log that are no more than `bytes` together, the newest ones, with the older one first: their paths,
 * NULL at the end. The newest one is among them, however long. */
const char *const *audit_rotated_list(h2o_mem_pool_t *pool, const char *log, int64_t bytes);
/* What was begun after the file that is open as `fd`, the log at last; -1 if that one is the newest. Of -1, the oldest.
 */
int audit_rotated_next(const char *log, int fd);

#endif
