/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/file/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum file_problem file_problem_of(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case EXDEV:
	case ENAMETOOLONG: return FILE_ABSENT;
	case EACCES:
	case EPERM:
	case EROFS: return FILE_DENIED;
	case EEXIST: return FILE_EXISTS;
	case EISDIR: return FILE_OTHER_KIND;
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return FILE_FULL;
	default: return FILE_FAILED;
	}
}

/* openat2(2): the kernel keeps every step below the folder. EAGAIN: something on the way was renamed meanwhile. */
static int open_below(int root, const char *path, int flags)
{
	enum { TRIES = 100 };
	const struct open_how how = {
	    .flags = (unsigned)flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	long fd = -1;

	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

int file_open_below(int root, const char *path, int flags, struct stat *ret, enum file_problem *problem)
{
	bool folder = (flags & O_DIRECTORY) != 0;
	int fd = open_below(root, path, flags);

	if (fd < 0) {
		/* a socket cannot be opened, a FIFO not for writing */
		*problem = errno == ENXIO ? FILE_OTHER_KIND : file_problem_of(errno);
		return -1;
	}
	*problem = fstat(fd, ret) == 0 ? FILE_FINE : FILE_FAILED;
	if (*problem == FILE_FINE && (folder ? !S_ISDIR(ret->st_mode) : !S_ISREG(ret->st_mode)))
		*problem = FILE_OTHER_KIND;
	if (*problem == FILE_FINE)
		return fd;
	close(fd);
	return -1;
}

int file_open_parent(h2o_mem_pool_t *pool, int root, const char *path, const char **name, enum file_problem *problem)
{
	const char *slash = strrchr(path, '/');
	const char *folder = slash != NULL ? text_copy(pool, h2o_iovec_init(path, (size_t)(slash - path))) : ".";
	struct stat status;

	*name = slash != NULL ? slash + 1 : path;
	return file_open_below(root, folder, O_RDONLY | O_DIRECTORY, &status, problem);
}
