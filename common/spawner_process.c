/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "spawner_confine.h"

/* Written by the new process, read by the spawner once it has ended: why the program never ran. */
struct failure {
	int32_t step, error;
};

struct running_program {
	pid_t pid; /* of the first process, which is its group too; 0: free */
	uint32_t id;
	int64_t kill_ms; /* then SIGKILL; 0: nobody has asked */
};

struct process {
	int socket, signals;
	struct confinement confinement;
	char *list; /* the operator's: the message that brought it, and its texts */
	const char **allowed;
	struct running_program programs[SPAWNER_CHILDREN_MAX];
	struct failure *failures; /* shared: one for each place in programs */
	char message[SPAWNER_MESSAGE_MAX];
};

static void tell(const struct process *p, const void *message, size_t len)
{
	ssize_t sent;

	do
		sent = send(p->socket, message, len, MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
}

static void report(const struct process *p, enum spawner_message_type type, uint32_t id, int value, unsigned step)
{
	struct spawner_report message = {.type = type, .id = id, .value = value, .step = step};

	tell(p, &message, sizeof(message));
}

/* ---- killing ---- */

/* A process that has only just been forked has no group yet, and nothing that it could have started. */
static void signal_group(const struct running_program *program, int number)
{
	if (kill(-program->pid, number) != 0)
		kill(program->pid, number);
}

static void kill_program(struct running_program *program, bool now)
{
	if (now) {
		signal_group(program, SIGKILL);
	} else if (program->kill_ms == 0) {
		program->kill_ms = clock_monotonic_ms() + SPAWNER_GRACE_MS;
		signal_group(program, SIGTERM);
		signal_group(program, SIGCONT); /* a stopped one hears it too */
	}
}

/* How long poll may wait. */
static int kill_overdue(struct process *p)
{
	int64_t now_ms = clock_monotonic_ms(), next_ms = -1;

	for (size_t i = 0; i < SPAWNER_CHILDREN_MAX; i++) {
		struct running_program *program = &p->programs[i];
		if (program->pid == 0 || program->kill_ms == 0)
			continue;
		if (program->kill_ms <= now_ms) {
			signal_group(program, SIGKILL);
			program->kill_ms = now_ms + SPAWNER_GRACE_MS;
		}
		if (next_ms == -1 || program->kill_ms - now_ms < next_ms)
			next_ms = program->kill_ms - now_ms;
	}
	return (int)next_ms;
}

static struct running_program *find_program(struct process *p, uint32_t id)
{
	for (size_t i = 0; i < SPAWNER_CHILDREN_MAX; i++)
		if (p->programs[i].pid != 0 && p->programs[i].id == id)
			return &p->programs[i];
	return NULL;
}

/* ---- ends ---- */

static void end_program(struct process *p, size_t place, int status)
{
	struct running_program *program = &p->programs[place];
	const struct failure *failure = &p->failures[place];

	if (failure->step != SPAWN_NOTHING)
		report(p, SPAWNER_FAILED, program->id, failure->error, (unsigned)failure->step);
	else
		report(p, SPAWNER_ENDED, program->id, status, 0);
	program->pid = 0;
}

/* What a program leaves behind in its group dies before its number is given up: it cannot be another's yet. Processes
 * that lost their parent are ours too (subreaper), so none stays a zombie. */
static void reap(struct process *p)
{
	siginfo_t info;

	for (;;) {
		size_t place = 0;
		int status = 0;

		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
			return;
		while (place < SPAWNER_CHILDREN_MAX && p->programs[place].pid != info.si_pid)
			place++;
		if (place < SPAWNER_CHILDREN_MAX)
			kill(-info.si_pid, SIGKILL);
		if (waitpid(info.si_pid, &status, 0) == info.si_pid && place < SPAWNER_CHILDREN_MAX)
			end_program(p, place, status);
	}
}

/* ---- starts ---- */

static bool is_allowed(const struct process *p, const char *path)
{
	for (size_t i = 0; p->allowed != NULL && p->allowed[i] != NULL; i++)
		if (strcmp(p->allowed[i], path) == 0)
			return true;
	return false;
}

static void start(struct process *p, uint32_t id, const struct child_options *options, const int pipes[3])
{
	size_t place = 0;

	while (place < SPAWNER_CHILDREN_MAX && p->programs[place].pid != 0)
		place++;
	if (!is_allowed(p, options->path) || place == SPAWNER_CHILDREN_MAX) {
		report(p, SPAWNER_FAILED, id, place == SPAWNER_CHILDREN_MAX ? EAGAIN : EPERM, SPAWN_ALLOWED);
		return;
	}
	p->failures[place] = (struct failure){SPAWN_NOTHING, 0};
	confine_prepare(&p->confinement);
	pid_t pid = fork();
	if (pid == 0) {
		p->failures[place].step = (int32_t)confine_and_run(&p->confinement, options, pipes);
		p->failures[place].error = errno;
		_exit(127);
	}
	if (pid == -1) {
		report(p, SPAWNER_FAILED, id, errno, SPAWN_FORK);
		return;
	}
	p->programs[place] = (struct running_program){.pid = pid, .id = id};
	report(p, SPAWNER_STARTED, id, pid, 0);
}

static void take_start(struct process *p, size_t len, uint32_t id, const int pipes[3])
{
	struct spawner_start_head head;
	struct child_options options;
	const char **texts;

	bool is_whole = spawner_start_read(p->message, len, &head, &options, &texts);
	if (is_whole && pipes[2] != -1)
		start(p, head.id, &options, pipes);
	else
		report(p, SPAWNER_FAILED, id, EINVAL, SPAWN_NOTHING);
	free(texts);
}

/* The first list is the last one: whoever gets hold of the daemon cannot make it longer. */
static void take_list(struct process *p, size_t len)
{
	struct spawner_ready ready = {.type = SPAWNER_READY};
	struct spawner_allow_head head;

	if (len < sizeof(head) || p->allowed != NULL)
		return;
	memcpy(&head, p->message, sizeof(head));
	p->list = h2o_mem_alloc(len);
	memcpy(p->list, p->message, len);
	p->allowed = spawner_texts_read(p->list, len, sizeof(head), head.count);
	if (p->allowed == NULL)
		return;
	p->confinement.daemon = head.daemon;
	p->confinement.drops = head.drops;
	p->confinement.uid = head.uid;
	p->confinement.gid = head.gid;
	if (!confine_open(&p->confinement))
		ready.problem = errno != 0 ? errno : EINVAL;
	ready.protections = p->confinement.protections;
	tell(p, &ready, sizeof(ready));
}

static void take_message(struct process *p, size_t len, const int pipes[3])
{
	struct spawner_report about = {.id = 0};
	uint32_t type;

	if (len < sizeof(type))
		return;
	memcpy(&type, p->message, sizeof(type));
	if (len >= sizeof(about))
		memcpy(&about, p->message, sizeof(about));
	struct running_program *program = find_program(p, about.id);
	switch (type) {
	case SPAWNER_ALLOW: take_list(p, len); break;
	case SPAWNER_START: take_start(p, len, about.id, pipes); break;
	case SPAWNER_KILL:
	case SPAWNER_KILL_NOW:
		if (program != NULL && len == sizeof(about))
			kill_program(program, type == SPAWNER_KILL_NOW);
		break;
	default: break;
	}
}

/* False when the daemon has gone. */
static bool receive(struct process *p)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct iovec place = {p->message, sizeof(p->message)};
	struct msghdr message = {
	    .msg_iov = &place, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int pipes[3] = {-1, -1, -1};
	ssize_t len = recvmsg(p->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const struct cmsghdr *header = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	size_t count = 0; /* room for three is room for four */

	if (len <= 0)
		return len == -1 && (errno == EAGAIN || errno == EINTR);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < count; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
		if (i < 3)
			pipes[i] = fd;
		else
			close(fd);
	}
	if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && count <= 3)
		take_message(p, (size_t)len, pipes);
	for (int i = 0; i < 3; i++)
		if (pipes[i] != -1)
			close(pipes[i]);
	return true;
}

/* ---- the life ---- */

/* The daemon has gone: nothing that it started stays. */
static _Noreturn void end_all(struct process *p)
{
	for (size_t i = 0; i < SPAWNER_CHILDREN_MAX; i++)
		if (p->programs[i].pid != 0)
			signal_group(&p->programs[i], SIGKILL);
	alarm(5); /* a process that does not even die of SIGKILL is nothing to wait for */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	_exit(0);
}

/* Signals that are sent to a terminal's or a service's processes are the daemon's to answer. They are blocked, not
 * ignored: one that is meant for a program waits until that program can hear it. */
static void set_up_signals(struct process *p)
{
	static const int OURS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
	sigset_t mask;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigfillset(&mask);
	for (size_t i = 0; i < sizeof(OURS) / sizeof(OURS[0]); i++)
		sigdelset(&mask, OURS[i]);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	p->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Nothing of the daemon's but the socket, which gets the number 3. */
static int keep_only(int socket)
{
	int kept = fcntl(socket, F_DUPFD_CLOEXEC, 4), nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (kept == -1 || nothing == -1)
		_exit(1);
	for (int i = 0; i < 3; i++)
		dup2(nothing, i);
	dup2(kept, 3);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	close_range(4, UINT_MAX, 0);
	return 3;
}

void spawner_process_run(int socket)
{
	static struct process process;
	struct process *p = &process;

	p->socket = keep_only(socket);
	prctl(PR_SET_NAME, "sallyport-spawn", 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	set_up_signals(p);
	p->failures = mmap(NULL, sizeof(*p->failures) * SPAWNER_CHILDREN_MAX, PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->failures == MAP_FAILED || p->signals == -1)
		_exit(1);
	for (;;) {
		struct pollfd ready[2] = {{p->socket, POLLIN, 0}, {p->signals, POLLIN, 0}};
		struct signalfd_siginfo info;

		if (poll(ready, 2, kill_overdue(p)) == -1 && errno != EINTR)
			end_all(p);
		if (ready[1].revents != 0) {
			while (read(p->signals, &info, sizeof(info)) > 0)
				;
			reap(p);
		}
		if (ready[0].revents != 0 && !receive(p))
			end_all(p);
	}
}
