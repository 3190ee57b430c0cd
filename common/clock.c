/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <string.h>
#include <time.h>

static int64_t frozen;

int64_t clock_now(void)
{
	struct timespec now;
	if (frozen != 0)
		return frozen;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

int64_t clock_monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME,
	              &now); /* goes on while the machine sleeps: what was remembered gets old meanwhile */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_freeze(int64_t now)
{
	frozen = now;
}

void clock_format_now(char text[CLOCK_TEXT_SIZE])
{
	static __thread char second[CLOCK_TEXT_SIZE]; /* many lines are written in one */
	static __thread time_t formatted;
	struct timespec now = {.tv_sec = frozen};
	struct tm fields;
	if (frozen == 0)
		clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != formatted || second[0] == '\0') {
		gmtime_r(&now.tv_sec, &fields);
		if (strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S.", &fields) != 20) {
			second[0] = '\0';
			memcpy(text, "0000-00-00T00:00:00.000Z", CLOCK_TEXT_SIZE); /* beyond the year 9999 */
			return;
		}
		formatted = now.tv_sec;
	}
	memcpy(text, second, 20);
	unsigned ms = (unsigned)(now.tv_nsec / 1000000);
	text[20] = (char)('0' + ms / 100);
	text[21] = (char)('0' + ms / 10 % 10);
	text[22] = (char)('0' + ms % 10);
	text[23] = 'Z';
	text[24] = '\0';
}
