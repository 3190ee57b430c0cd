/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_pins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/catalogue/catalogue.h"

/* ---- definitions ---- */

static const struct {
	const char *member;
	json_type type;
	bool required;
} PARTS[] = {
    {"name", JSON_STRING, true},        {"title", JSON_STRING, false},        {"description", JSON_STRING, false},
    {"inputSchema", JSON_OBJECT, true}, {"outputSchema", JSON_OBJECT, false}, {"annotations", JSON_OBJECT, false},
};

static bool is_name(h2o_iovec_t name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.base[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!letter && c != '_' && c != '-' && c != '.')
			return false;
	}
	return name.len > 0 && name.len <= ITEM_NAME_MAX;
}

const json_t *pins_definition(h2o_mem_pool_t *pool, const json_t *listed, h2o_iovec_t *name)
{
	json_t *definition = json_keep(pool, json_object());

	*name = json_get_text(listed, "name");
	for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
		json_t *part = json_object_get(listed, PARTS[i].member);
		/* null is how some say that there is none */
		if ((part == NULL || json_is_null(part)) && !PARTS[i].required)
			continue;
		if (part == NULL || json_typeof(part) != PARTS[i].type)
			return NULL;
		json_object_set(definition, PARTS[i].member, part);
	}
	if (!is_name(*name) || json_canonical(pool, definition).len > PIN_SIZE_MAX)
		return NULL;
	return definition;
}

const char *pins_digest(h2o_mem_pool_t *pool, const json_t *definition)
{
	uint8_t digest[SHA256_SIZE];

	sha256(json_canonical(pool, definition), digest);
	return hex_encode(pool, digest, sizeof(digest));
}

json_t *pins_digests(h2o_mem_pool_t *pool, const json_t *tools)
{
	json_t *digests = json_keep(pool, json_object());
	const json_t *tool;
	size_t i;

	json_array_foreach ((json_t *)tools, i, tool) {
		h2o_iovec_t name;
		const json_t *definition = pins_definition(pool, tool, &name);
		if (definition != NULL)
			json_object_set_new(digests, name.base, json_string(pins_digest(pool, definition)));
	}
	return digests;
}

/* ---- the file ---- */

/* {NULL, 0} with errno. */
static h2o_iovec_t read_whole(h2o_mem_pool_t *pool, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = EINVAL;
	h2o_iovec_t whole = {NULL, 0};
	struct stat status;

	if (fd == -1)
		return whole;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= PINS_SIZE_MAX) {
		char *bytes = h2o_mem_alloc_pool(pool, (size_t)status.st_size + 1);
		ssize_t n = read(fd, bytes, (size_t)status.st_size);
		error = n == status.st_size ? 0 : EIO;
		if (error == 0)
			whole = h2o_iovec_init(bytes, (size_t)n);
	}
	close(fd);
	errno = error;
	return whole;
}

/* What stands in the file is what was approved: a definition that was changed by hand is not. */
static bool is_entry(h2o_mem_pool_t *pool, const char *name, const json_t *entry)
{
	h2o_iovec_t found;
	const json_t *definition = pins_definition(pool, json_object_get(entry, "definition"), &found);

	return definition != NULL && json_equal(definition, json_object_get(entry, "definition")) &&
	       text_is(found, name) && text_is(json_get_text(entry, "sha256"), pins_digest(pool, definition));
}

const json_t *pins_load(h2o_mem_pool_t *pool, const char *path, const char *upstream, const char **problem)
{
	h2o_iovec_t text = read_whole(pool, path);
	const char *name;
	json_t *entry;

	*problem = NULL;
	if (text.base == NULL && errno == ENOENT)
		return json_keep(pool, json_object());
	if (text.base == NULL) {
		*problem = errno == EINVAL ? "is not a regular file of at most 8 MiB" : strerror(errno);
		return NULL;
	}
	const json_t *document = json_read(pool, text, NULL), *tools = json_object_get(document, "tools");
	if (!json_is_object(tools) || !text_is(json_get_text(document, "upstream"), upstream)) {
		*problem = "is not a file of approved definitions of this upstream";
		return NULL;
	}
	json_object_foreach ((json_t *)tools, name, entry) {
		if (is_entry(pool, name, entry))
			continue;
		*problem = text_printf(pool, "/tools/%s: is not what was approved; approve it again", name);
		return NULL;
	}
	return tools;
}

static bool write_whole(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

/* The server, which may be another user, reads it. */
static bool replace_file(h2o_mem_pool_t *pool, const char *path, const char *text)
{
	const char *beside = text_printf(pool, "%s.new", path);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd == -1 && errno == EEXIST && unlink(beside) == 0) /* of an approval that was interrupted */
		fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return false;
	bool fine = write_whole(fd, text, strlen(text)) && fchmod(fd, 0644) == 0;
	fine = close(fd) == 0 && fine && rename(beside, path) == 0;
	int error = errno;
	if (!fine)
		unlink(beside);
	errno = error;
	return fine;
}

const char *pins_save(h2o_mem_pool_t *pool, const char *path, const char *upstream, const json_t *pins)
{
	json_t *document = json_pack("{s:s, s:O}", "upstream", upstream, "tools", (json_t *)pins);
	/* for people and for version control: one member a line, in one order */
	char *text = json_dumps(document, JSON_INDENT(2) | JSON_SORT_KEYS);
	struct text_buffer b = {.pool = pool};

	json_decref(document);
	if (text == NULL)
		h2o_fatal("no memory");
	text_append_str(&b, text);
	text_append_str(&b, "\n");
	free(text);
	if (b.len > PINS_SIZE_MAX)
		return "would have more than 8 MiB";
	return replace_file(pool, path, b.base) ? NULL : strerror(errno);
}

json_t *pins_entry(h2o_mem_pool_t *pool, const json_t *definition, const char *time)
{
	return json_pack("{s:s, s:s, s:O}", "sha256", pins_digest(pool, definition), "approved", time, "definition",
	                 (json_t *)definition);
}
