/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own log: one JSON object a line on standard error or a file. Values are escaped; secrets never come here
 * (pass digests). Lines are buffered and written once per turn of the loop (log_flush), at once for LOG_ERROR. */
#ifndef SALLYPORT_LOG_H
#define SALLYPORT_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* NULL path: standard error. False with errno if the file cannot be opened. */
bool log_open(const char *program, const char *path, enum log_level least);
/* For log rotation: opens the path again. */
void log_reopen(void);
/* `message` is a fixed sentence; then pairs of (const char *key, const char *value), NULL at the end. A NULL value is
 * left out. */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));
void log_flush(void);

#endif
