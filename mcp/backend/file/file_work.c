/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/file/file_work.h"

#include "common/clock.h"

bool file_work_is_over(struct file_work *work)
{
	return atomic_load(&work->stopped) || clock_monotonic_ms() >= work->until_ms;
}

void file_work_run(void *data)
{
	struct file_work *work = data;

	if (file_work_is_over(work)) {
		work->problem = FILE_STOPPED;
		return;
	}
	switch (work->plan->action) {
	case FILE_READ: file_read(work); break;
	case FILE_LIST: file_list(work); break;
	case FILE_WRITE: file_write(work); break;
	}
}
