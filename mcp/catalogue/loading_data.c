/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/loading_data.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/encoding.h"
#include "common/secret.h"

static const h2o_iovec_t NONE = {NULL, 0};

static h2o_iovec_t refuse(const char *text, const char **problem)
{
	*problem = text;
	return NONE;
}

/* One step down; no name leads up or over a link. -1 with errno. Takes the folder's descriptor. */
static int open_next(int folder, h2o_mem_pool_t *pool, h2o_iovec_t name, bool last)
{
	/* a FIFO would let the open wait */
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (last ? O_NONBLOCK : O_DIRECTORY);
	int next = -1;

	if (name.len == 0 || text_is(name, ".") || text_is(name, ".."))
		errno = EINVAL;
	else
		next = openat(folder, text_copy(pool, name), flags);
	int error = errno;
	close(folder);
	errno = error;
	return next;
}

static int open_below(h2o_mem_pool_t *pool, const char *beside, const char *path)
{
	const char *slash = strrchr(beside, '/');
	h2o_iovec_t folder = slash != NULL ? h2o_iovec_init(beside, (size_t)(slash - beside + 1)) : text_of(".");
	h2o_iovec_t rest = text_of(path);
	int fd = open(text_copy(pool, folder), O_RDONLY | O_CLOEXEC | O_DIRECTORY);

	while (fd >= 0 && rest.base != NULL) {
		const char *end = memchr(rest.base, '/', rest.len);
		size_t len = end != NULL ? (size_t)(end - rest.base) : rest.len;
		fd = open_next(fd, pool, h2o_iovec_init(rest.base, len), end == NULL);
		rest = end != NULL ? h2o_iovec_init(end + 1, rest.len - len - 1) : NONE;
	}
	return fd;
}

static const char *open_problem(int error)
{
	switch (error) {
	case EINVAL: return "must be a plain path below the folder of this file";
	case ELOOP: return "is a symbolic link, or a link is in its way";
	case ENOENT: return "does not exist";
	case EACCES: return "cannot be read by this user";
	case ENOTDIR: return "leads over something that is no folder";
	default: return "cannot be opened";
	}
}

static const char *kind_problem(const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return "is not a regular file";
	if ((status->st_mode & S_IWOTH) != 0)
		return "can be written by everybody";
	return status->st_size > LOADING_DATA_MAX ? "has more than 1 MiB" : NULL;
}

/* The size that was looked at may have changed since. */
static h2o_iovec_t read_all(h2o_mem_pool_t *pool, int fd, const char **problem)
{
	char *bytes = h2o_mem_alloc_pool(pool, LOADING_DATA_MAX + 1);
	size_t len = 0;

	while (len <= LOADING_DATA_MAX) {
		ssize_t n = read(fd, bytes + len, LOADING_DATA_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse("cannot be read", problem);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > LOADING_DATA_MAX)
		return refuse("has more than 1 MiB", problem);
	return h2o_iovec_init(bytes, len);
}

h2o_iovec_t loading_read_file(struct loading *l, const char *path, const char **problem)
{
	h2o_iovec_t data = NONE;
	h2o_mem_pool_t pool; /* a file is mostly smaller than its bound */
	struct stat status;

	h2o_mem_init_pool(&pool);
	int fd = open_below(&pool, l->file, path);
	*problem = fd < 0 ? open_problem(errno) : NULL;
	if (fd >= 0 && fstat(fd, &status) != 0)
		*problem = "cannot be read";
	if (*problem == NULL)
		*problem = kind_problem(&status);
	if (*problem == NULL)
		data = read_all(&pool, fd, problem);
	if (data.base != NULL) {
		uint8_t digest[SHA256_SIZE];
		sha256(data, digest);
		text_append_str(&l->digests, hex_encode(&pool, digest, sizeof(digest)));
		data.base = text_copy(l->pool, data);
	}
	if (fd >= 0)
		close(fd);
	h2o_mem_clear_pool(&pool);
	return data;
}

h2o_iovec_t loading_read_base64(struct loading *l, h2o_iovec_t text, const char **problem)
{
	h2o_iovec_t data = base64_decode(l->pool, text);

	*problem = NULL;
	if (data.base == NULL)
		return refuse("is not base64", problem);
	return data.len > LOADING_DATA_MAX ? refuse("has more than 1 MiB", problem) : data;
}

static bool ends_with(h2o_iovec_t text, const char *end)
{
	size_t len = strlen(end);

	return text.len > len && text_is_nocase(h2o_iovec_init(text.base + text.len - len, len), end);
}

bool loading_is_json_type(const char *mime_type)
{
	h2o_iovec_t rest = text_of(mime_type), type = text_cut(&rest, ';');

	return text_is_nocase(type, "application/json") || ends_with(type, "+json");
}

bool loading_is_text_type(const char *mime_type)
{
	static const char *const TEXTS[] = {"application/json", "application/xml",        "application/yaml",
	                                    "application/sql",  "application/javascript", "application/x-ndjson",
	                                    "application/toml", "application/x-sh"};
	h2o_iovec_t rest = text_of(mime_type), type = text_cut(&rest, ';');

	if (type.len > 5 && text_is_nocase(h2o_iovec_init(type.base, 5), "text/"))
		return true;
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++)
		if (text_is_nocase(type, TEXTS[i]))
			return true;
	return ends_with(type, "+json") || ends_with(type, "+xml") || ends_with(type, "+yaml");
}
