/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "spawner_internal.h"
#include "spawner_process.h"
#include "text.h"

enum { READY_MS = 10 * 1000, EVENTS_PER_TURN = 64 };

struct spawner *spawner_fork(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return NULL;
	pid_t pid = fork();
	if (pid == 0)
		spawner_process_run(pair[1]);
	int error = errno;
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		errno = error;
		return NULL;
	}
	struct spawner *spawner = h2o_mem_alloc(sizeof(*spawner));
	*spawner = (struct spawner){.source = {.fd = pair[0]}, .pid = pid, .epoll = -1};
	spawner->last = &spawner->first;
	return spawner;
}

/* ---- the list ---- */

static const char *find_user(h2o_mem_pool_t *pool, const char *user, struct spawner_allow_head *head)
{
	const struct passwd *found;

	if (geteuid() != 0) {
		found = user != NULL ? getpwnam(user) : NULL;
		if (user != NULL && (found == NULL || found->pw_uid != geteuid()))
			return text_printf(pool, "only root can run programs as the user %s", user);
		return NULL;
	}
	user = user != NULL ? user : "nobody";
	found = getpwnam(user);
	if (found == NULL)
		return text_printf(pool, "there is no user %s", user);
	if (found->pw_uid == 0)
		return "programs must not run as root";
	head->drops = true;
	head->uid = found->pw_uid;
	head->gid = found->pw_gid;
	return NULL;
}

static const char *send_list(struct spawner *spawner, h2o_mem_pool_t *pool, const struct spawner_rules *rules)
{
	struct spawner_allow_head head = {.type = SPAWNER_ALLOW, .daemon = getpid()};
	struct text_buffer b = {.pool = pool};
	const char *problem = find_user(pool, rules->user, &head);

	if (problem != NULL)
		return problem;
	for (; rules->allowed[head.count] != NULL; head.count++)
		;
	text_append(&b, &head, sizeof(head));
	for (size_t i = 0; i < head.count; i++)
		text_append(&b, rules->allowed[i], strlen(rules->allowed[i]) + 1);
	if (head.count > SPAWNER_TEXTS_MAX || b.len > SPAWNER_MESSAGE_MAX)
		return "the list is too long";
	if (send(spawner->source.fd, b.base, b.len, MSG_NOSIGNAL) == (ssize_t)b.len)
		return NULL;
	return text_printf(pool, "the process that starts them cannot be reached: %s", strerror(errno));
}

const char *spawner_allow(struct spawner *spawner, h2o_mem_pool_t *pool, const struct spawner_rules *rules,
                          struct spawner_protections *protections)
{
	struct pollfd answer = {.fd = spawner->source.fd, .events = POLLIN};
	struct spawner_ready ready;
	const char *problem = send_list(spawner, pool, rules);

	if (problem != NULL)
		return problem;
	while (poll(&answer, 1, READY_MS) == -1 && errno == EINTR)
		;
	if (recv(answer.fd, &ready, sizeof(ready), MSG_DONTWAIT) != (ssize_t)sizeof(ready))
		return "the process that starts them has ended";
	if (ready.problem != 0)
		return text_printf(pool, "they cannot be confined: %s", strerror(ready.problem));
	*protections = ready.protections;
	return NULL;
}

/* ---- events ---- */

void spawner_watch(struct spawner *spawner, struct spawner_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (source->fd == -1)
		return;
	/* a pipe that hangs up says so whatever is asked: one that nobody may read is not watched at all */
	if (events == 0 && source->events != 0)
		epoll_ctl(spawner->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	else if (events != source->events)
		epoll_ctl(spawner->epoll, source->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, source->fd, &event);
	source->events = events;
}

void spawner_unwatch(struct spawner *spawner, struct spawner_source *source)
{
	if (source->fd == -1)
		return;
	spawner_watch(spawner, source, 0);
	close(source->fd);
	source->fd = -1;
}

/* One at a time: what an event's owner does may end others that are ready too. */
static void on_readable(h2o_socket_t *socket, const char *error)
{
	struct spawner *spawner = socket->data;
	struct epoll_event event;

	(void)error;
	for (int i = 0; i < EVENTS_PER_TURN && epoll_wait(spawner->epoll, &event, 1, 0) == 1; i++) {
		struct spawner_source *source = event.data.ptr;
		source->on_ready(source);
	}
}

static void lose(struct spawner *spawner)
{
	log_event(LOG_ERROR, "the process that starts programs has ended: none can be started before the next start",
	          NULL);
	spawner_unwatch(spawner, &spawner->source);
	if (waitpid(spawner->pid, NULL, WNOHANG) == spawner->pid)
		spawner->pid = 0;
	child_lose_all(spawner);
}

/* ---- messages ---- */

static void free_outgoing(struct spawner_outgoing *outgoing)
{
	for (int i = 0; i < 3; i++)
		if (outgoing->pipes[i] != -1)
			close(outgoing->pipes[i]);
	free(outgoing->bytes);
	free(outgoing);
}

static ssize_t send_one(const struct spawner *spawner, const struct spawner_outgoing *outgoing)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(outgoing->pipes))];
	} control = {.bytes = {0}};
	struct iovec bytes = {outgoing->bytes, outgoing->len};
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (outgoing->pipes[0] != -1) {
		control.header = (struct cmsghdr){
		    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(outgoing->pipes))};
		memcpy(CMSG_DATA(&control.header), outgoing->pipes, sizeof(outgoing->pipes));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(spawner->source.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A start that cannot be sent is one that failed; where the spawner has gone, its end tells everything. */
static void fail_outgoing(struct spawner *spawner, const struct spawner_outgoing *outgoing, int error)
{
	struct spawner_report report;

	memcpy(&report, outgoing->bytes, 2 * sizeof(uint32_t)); /* all messages begin so */
	if (report.type != SPAWNER_START)
		return;
	report.type = SPAWNER_FAILED;
	report.value = error;
	report.step = SPAWN_NOTHING;
	child_take_report(spawner, &report);
}

/* False if it has to wait. */
static bool flush_one(struct spawner *spawner, const struct spawner_outgoing *outgoing)
{
	if (spawner->source.fd == -1 || send_one(spawner, outgoing) != -1)
		return true;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		return false;
	fail_outgoing(spawner, outgoing, errno);
	return true;
}

static void flush(struct spawner *spawner)
{
	while (spawner->first != NULL && flush_one(spawner, spawner->first)) {
		struct spawner_outgoing *outgoing = spawner->first;
		spawner->first = outgoing->next;
		if (spawner->first == NULL)
			spawner->last = &spawner->first;
		free_outgoing(outgoing);
	}
	spawner_watch(spawner, &spawner->source, EPOLLIN | (spawner->first != NULL ? EPOLLOUT : 0));
}

void spawner_send(struct spawner *spawner, char *bytes, size_t len, const int pipes[3])
{
	struct spawner_outgoing *outgoing = h2o_mem_alloc(sizeof(*outgoing));

	*outgoing = (struct spawner_outgoing){.len = len, .bytes = bytes, .pipes = {-1, -1, -1}};
	if (pipes != NULL)
		memcpy(outgoing->pipes, pipes, sizeof(outgoing->pipes));
	*spawner->last = outgoing;
	spawner->last = &outgoing->next;
	flush(spawner);
}

void spawner_send_kill(struct spawner *spawner, uint32_t id, bool now)
{
	struct spawner_report message = {.type = now ? SPAWNER_KILL_NOW : SPAWNER_KILL, .id = id};
	char *bytes = h2o_mem_alloc(sizeof(message));

	memcpy(bytes, &message, sizeof(message));
	spawner_send(spawner, bytes, sizeof(message), NULL);
}

static void on_message(struct spawner_source *source)
{
	struct spawner *spawner = (struct spawner *)source;
	struct spawner_report message;
	ssize_t len = recv(source->fd, &message, sizeof(message), MSG_DONTWAIT);

	if (len == (ssize_t)sizeof(message))
		child_take_report(spawner, &message);
	else if (len == 0 || (len == -1 && errno != EAGAIN && errno != EINTR))
		lose(spawner);
	else
		flush(spawner);
}

/* ---- its life ---- */

void spawner_open(struct spawner *spawner, h2o_loop_t *loop)
{
	spawner->loop = loop;
	spawner->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (spawner->epoll == -1)
		h2o_fatal("epoll_create1 failed");
	spawner->source.on_ready = on_message;
	h2o_timeout_init(loop, &spawner->soon, 0);
	spawner->socket = h2o_evloop_socket_create(loop, spawner->epoll, H2O_SOCKET_FLAG_DONT_READ);
	spawner->socket->data = spawner;
	h2o_socket_read_start(spawner->socket, on_readable);
	spawner_watch(spawner, &spawner->source, EPOLLIN);
}

bool spawner_lives(const struct spawner *spawner)
{
	return spawner != NULL && spawner->source.fd != -1;
}

static void close_loop(struct spawner *spawner)
{
	if (spawner->loop == NULL)
		return;
	h2o_socket_read_stop(spawner->socket);
	h2o_socket_close(spawner->socket); /* and the epoll */
	h2o_timeout_dispose(spawner->loop, &spawner->soon);
}

void spawner_close(struct spawner *spawner)
{
	if (spawner == NULL)
		return;
	while (spawner->children != NULL)
		child_forget(spawner->children);
	spawner_unwatch(spawner, &spawner->source);
	flush(spawner);
	close_loop(spawner);
	while (spawner->pid != 0 && waitpid(spawner->pid, NULL, 0) == -1 && errno == EINTR)
		;
	free(spawner);
}
