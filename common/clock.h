/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_CLOCK_H
#define SALLYPORT_CLOCK_H

#include <stdint.h>

/* Seconds since 1970. Expiry that the database knows is decided by the database's clock, not by this one. */
int64_t clock_now(void);
/* Milliseconds that never jump, for timeouts and durations. */
int64_t clock_monotonic_ms(void);
/* Unit tests: fixes clock_now(); 0 lets it run again. */
void clock_freeze(int64_t now);
/* "2026-11-21T09:30:00.123Z" of the present moment. */
enum { CLOCK_TEXT_SIZE = 25 };
void clock_format_now(char text[CLOCK_TEXT_SIZE]);

#endif
