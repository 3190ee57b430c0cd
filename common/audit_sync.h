/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit: one fdatasync in a thread for all records that wait to be on the disk. While it runs, others gather for
 * the next one. */
#ifndef SALLYPORT_AUDIT_SYNC_H
#define SALLYPORT_AUDIT_SYNC_H

#include "request.h"

struct audit_sync;
struct audit_sync *audit_sync_start(h2o_context_t *context);
/* Waits for what is under way; what waits for it is resumed. */
void audit_sync_stop(struct audit_sync *sync);
/* What was written to the file so far is to be on the disk soon (50 ms and the disk's own time); nobody waits. */
void audit_sync_want(struct audit_sync *sync, int fd);
/* The request's next step runs once it is. STEP_WAIT. Where the disk refuses, the request ends with 503. */
step_result audit_sync_wait(struct audit_sync *sync, int fd, struct request *r);

#endif
