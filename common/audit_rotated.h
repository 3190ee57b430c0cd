/* SPDX-License-Identifier: Apache-2.0 */
/* Audit logs that were exchanged (rotated): beside the log, with its name and something behind it. */
#ifndef SALLYPORT_AUDIT_ROTATED_H
#define SALLYPORT_AUDIT_ROTATED_H

#include <stdint.h>

/* The log or an older one, by its inode; -1 if it is gone. */
int audit_rotated_open(const char *log, uint64_t inode);
/* What was written after the file that is open as `fd` (-1: the log itself); -1 if that one is the newest. */
int audit_rotated_next(const char *log, int fd);

#endif
