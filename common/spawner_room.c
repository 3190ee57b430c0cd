/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces. A network with nothing in it is made once, for all programs that have none; a user namespace, in which
 * processes are counted, for each program. A kernel may refuse either. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawner_confine.h"

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool fine = fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd != -1)
		close(fd);
	return fine;
}

/* A new user namespace in which the user is who he is, and nobody else is anybody (user_namespaces(7)). */
static bool enter_user_namespace(int with)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER | with) != 0)
		return false;
	/* a process that is not dumpable does not own its files in /proc; this one has nothing to hide */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	return write_file("/proc/self/gid_map", map);
}

static bool drop(const struct confinement *c)
{
	return !c->drops || (setresgid(c->gid, c->gid, c->gid) == 0 && setresuid(c->uid, c->uid, c->uid) == 0);
}

/* What a process can try out without becoming another one for good is tried in one of its own. */
static int run_aside(bool (*try)(const struct confinement *c, int socket), const struct confinement *c, int socket)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(try(c, socket) ? 0 : 1);
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return pid > 0 ? status : -1;
}

static bool send_namespaces(int socket, int count)
{
	static const char *const NAMES[] = {"/proc/self/ns/net", "/proc/self/ns/user"};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec byte = {"", 1};
	struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control};
	size_t size = sizeof(int) * (size_t)count;

	control.header =
	    (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
	message.msg_controllen = CMSG_SPACE(size);
	for (int i = 0; i < count; i++) {
		int fd = open(NAMES[i], O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			return false;
		memcpy(CMSG_DATA(&control.header) + sizeof(int) * (size_t)i, &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

static bool make_room(const struct confinement *c, int socket)
{
	return drop(c) && enter_user_namespace(CLONE_NEWNET) && send_namespaces(socket, 2);
}

/* Root can have an empty network even where user namespaces are forbidden. */
static bool make_room_as_root(const struct confinement *c, int socket)
{
	(void)c;
	return unshare(CLONE_NEWNET) == 0 && send_namespaces(socket, 1);
}

static bool try_user_namespace(const struct confinement *c, int socket)
{
	(void)socket;
	return drop(c) && enter_user_namespace(0);
}

static void receive_room(struct confinement *c, int socket)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	char byte;
	struct iovec place = {&byte, 1};
	struct msghdr message = {
	    .msg_iov = &place, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != 1 || CMSG_FIRSTHDR(&message) == NULL)
		return;
	memcpy(&c->room_network, CMSG_DATA(&control.header), sizeof(int));
	if (control.header.cmsg_len == CMSG_LEN(2 * sizeof(int)))
		memcpy(&c->room_user, CMSG_DATA(&control.header) + sizeof(int), sizeof(int));
}

void room_open(struct confinement *c)
{
	int pair[2];

	c->room_user = c->room_network = -1;
	c->protections.processes = run_aside(try_user_namespace, c, -1) == 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return;
	if (run_aside(make_room, c, pair[1]) == 0 || (geteuid() == 0 && run_aside(make_room_as_root, c, pair[1]) == 0))
		receive_room(c, pair[0]);
	close(pair[0]);
	close(pair[1]);
	c->protections.network = c->room_network != -1;
}

bool room_enter_privileged(const struct confinement *c, bool network)
{
	return network || c->room_network == -1 || c->room_user != -1 || setns(c->room_network, CLONE_NEWNET) == 0;
}

bool room_enter(const struct confinement *c, bool network)
{
	if (!network && c->room_user != -1 &&
	    (setns(c->room_user, CLONE_NEWUSER) != 0 || setns(c->room_network, CLONE_NEWNET) != 0))
		return false;
	return !c->protections.processes || enter_user_namespace(0);
}
