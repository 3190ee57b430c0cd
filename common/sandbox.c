/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "log.h"

static void report(const char *measure)
{
	log_event(LOG_WARNING, "a protection of the process is not available", "measure", measure, "reason",
	          strerror(errno), NULL);
}

void process_harden(void)
{
	struct rlimit none = {0, 0};
	umask(077);
	/* A kernel that lacks one of these (or a filter that forbids it) is no reason not to serve. */
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		report("no core dumps");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		report("not dumpable");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		report("no new privileges");
}
