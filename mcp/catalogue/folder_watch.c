/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/folder_watch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { FOLDERS_MAX = 8 };

/* What makes a file another one, or its folder. */
static const uint32_t EVENTS = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
                               IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

struct folder_watch {
	int fd;
	h2o_socket_t *socket;
	const char *const *folders;
	int watches[FOLDERS_MAX]; /* -1: to be watched again */
	void (*on_change)(void *data);
	void *data;
};

/* Of a folder that is not the one of this name any more; asked of the kernel, for a name may have got another folder
 * without the old one being gone. */
static void forget_folder(struct folder_watch *watch, int id)
{
	for (size_t i = 0; watch->folders[i] != NULL; i++) {
		if (watch->watches[i] != id)
			continue;
		inotify_rm_watch(watch->fd, id);
		watch->watches[i] = -1;
	}
}

static bool read_events(struct folder_watch *watch)
{
	_Alignas(struct inotify_event) char buffer[4096];
	bool any = false;
	ssize_t len;

	while ((len = read(watch->fd, buffer, sizeof(buffer))) > 0) {
		any = true;
		for (char *at = buffer; at < buffer + len;) {
			const struct inotify_event *event = (const struct inotify_event *)at;
			if ((event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0)
				forget_folder(watch, event->wd);
			at += sizeof(*event) + event->len;
		}
	}
	return any;
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
	struct folder_watch *watch = socket->data;

	if (error == NULL && read_events(watch))
		watch->on_change(watch->data);
}

/* True if a folder has come back. */
static bool watch_folders(struct folder_watch *watch)
{
	bool added = false;

	for (size_t i = 0; watch->folders[i] != NULL; i++) {
		if (watch->watches[i] != -1)
			continue;
		watch->watches[i] = inotify_add_watch(watch->fd, watch->folders[i], EVENTS);
		added = added || watch->watches[i] != -1;
	}
	return added;
}

struct folder_watch *folder_watch_open(h2o_loop_t *loop, const char *const *folders, void (*on_change)(void *data),
                                       void *data)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd == -1)
		return NULL;
	struct folder_watch *watch = h2o_mem_alloc(sizeof(*watch));
	*watch = (struct folder_watch){.fd = fd, .folders = folders, .on_change = on_change, .data = data};
	for (size_t i = 0; i < FOLDERS_MAX; i++)
		watch->watches[i] = -1;
	watch_folders(watch);
	watch->socket = h2o_evloop_socket_create(loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	watch->socket->data = watch;
	h2o_socket_read_start(watch->socket, on_readable);
	return watch;
}

void folder_watch_tick(struct folder_watch *watch)
{
	if (watch_folders(watch))
		watch->on_change(watch->data);
}

void folder_watch_close(struct folder_watch *watch)
{
	h2o_socket_read_stop(watch->socket);
	h2o_socket_close(watch->socket);
	free(watch);
}
