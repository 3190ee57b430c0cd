/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "log.h"
#include "spawner_internal.h"
#include "text.h"

enum { READ_SIZE = 64 * 1024 };

struct output {
	struct spawner_source source; /* first */
	struct child *child;
	enum child_pipe pipe;
	bool ended; /* and told */
};

struct input {
	struct spawner_source source; /* first */
	struct child *child;
	char *base; /* of what waits */
	size_t len, sent, capacity;
	bool closing; /* behind what waits */
};

struct child {
	struct spawner *spawner;
	struct child *next, **at;
	uint32_t id;
	pid_t pid; /* 0: not known yet, or not any more */
	struct child_events events;
	void *data;
	struct output outputs[2];
	struct input input;
	bool has_ended;
	int status;
	unsigned busy; /* events under way */
	bool is_forgotten;
	h2o_timeout_entry_t soon;
};

static const char *const STEPS[SPAWNER_STEPS] = {
    "message",    "the list of what may be started",
    "fork",       "session",
    "pipes",      "user",
    "namespaces", "folder",
    "Landlock",   "bounds",
    "seccomp",    "execve",
};

static void free_child(struct child *child)
{
	for (int i = 0; i < 2; i++)
		spawner_unwatch(child->spawner, &child->outputs[i].source);
	spawner_unwatch(child->spawner, &child->input.source);
	h2o_timeout_unlink(&child->soon);
	*child->at = child->next;
	if (child->next != NULL)
		child->next->at = child->at;
	free(child->input.base);
	free(child);
}

/* ---- events ---- */

static void tell_output(struct output *output, h2o_iovec_t bytes)
{
	struct child *child = output->child;

	child->busy++;
	if (!child->is_forgotten && child->events.on_output != NULL)
		child->events.on_output(child->data, output->pipe, bytes);
	child->busy--;
}

/* Behind every event: the child may be over, or forgotten. */
static void settle(struct child *child)
{
	if (child->busy > 0)
		return;
	if (!child->is_forgotten && child->has_ended && child->outputs[CHILD_OUT].ended &&
	    child->outputs[CHILD_ERR].ended) {
		child->busy++;
		child->events.on_end(child->data, child->status);
		child->busy--;
		child->is_forgotten = true;
	}
	if (child->is_forgotten)
		free_child(child);
}

static void end_output(struct output *output)
{
	if (output->ended)
		return;
	output->ended = true;
	spawner_unwatch(output->child->spawner, &output->source);
	tell_output(output, h2o_iovec_init("", 0));
}

static void on_output(struct spawner_source *source)
{
	static char buffer[READ_SIZE]; /* of one thread */
	struct output *output = (struct output *)source;
	ssize_t len = read(source->fd, buffer, sizeof(buffer));

	if (len > 0)
		tell_output(output, h2o_iovec_init(buffer, (size_t)len));
	else if (len == 0 || (errno != EAGAIN && errno != EINTR))
		end_output(output);
	settle(output->child);
}

/* ---- input ---- */

static void close_input(struct child *child)
{
	spawner_unwatch(child->spawner, &child->input.source);
	free(child->input.base);
	child->input = (struct input){.source = {.fd = -1}, .child = child};
}

static void write_input(struct child *child)
{
	struct input *input = &child->input;

	while (input->sent < input->len) {
		ssize_t len = write(input->source.fd, input->base + input->sent, input->len - input->sent);
		if (len == -1 && errno == EINTR)
			continue;
		if (len == -1 && errno == EAGAIN) {
			spawner_watch(child->spawner, &input->source, EPOLLOUT);
			return;
		}
		if (len == -1) {
			close_input(child); /* it reads no more */
			return;
		}
		input->sent += (size_t)len;
	}
	input->sent = input->len = 0;
	if (input->closing)
		close_input(child);
	else
		spawner_watch(child->spawner, &input->source, 0);
}

static void on_input(struct spawner_source *source)
{
	write_input(((struct input *)source)->child);
}

bool child_write(struct child *child, h2o_iovec_t bytes)
{
	struct input *input = &child->input;
	size_t waiting = input->len - input->sent;

	if (input->source.fd == -1 || input->closing || bytes.len > CHILD_INPUT_MAX - waiting)
		return false;
	if (bytes.len == 0)
		return true;
	if (input->sent > 0)
		memmove(input->base, input->base + input->sent, waiting);
	input->len = waiting;
	input->sent = 0;
	if (input->len + bytes.len > input->capacity) {
		input->capacity = input->len + bytes.len;
		input->base = h2o_mem_realloc(input->base, input->capacity);
	}
	memcpy(input->base + input->len, bytes.base, bytes.len);
	input->len += bytes.len;
	write_input(child);
	return true;
}

void child_close_input(struct child *child)
{
	if (child->input.source.fd == -1)
		return;
	child->input.closing = true;
	write_input(child);
}

/* ---- start ---- */

static void on_soon(h2o_timeout_entry_t *entry)
{
	struct child *child = H2O_STRUCT_FROM_MEMBER(struct child, soon, entry);

	child->busy++;
	end_output(&child->outputs[CHILD_OUT]);
	end_output(&child->outputs[CHILD_ERR]);
	child->busy--;
	settle(child);
}

/* For ends that are told without the pipes' saying so, in a later turn of the loop. */
static void end_soon(struct child *child)
{
	child->has_ended = true;
	child->status = -1;
	child->pid = 0;
	if (!h2o_timeout_is_linked(&child->soon))
		h2o_timeout_link(child->spawner->loop, &child->spawner->soon, &child->soon);
}

static struct child *make_child(struct spawner *spawner, const struct child_events *events, void *data)
{
	struct child *child = h2o_mem_alloc(sizeof(*child));

	*child = (struct child){
	    .spawner = spawner, .next = spawner->children, .at = &spawner->children, .events = *events, .data = data};
	child->id = ++spawner->last_id;
	child->soon.cb = on_soon;
	child->input = (struct input){.source = {.fd = -1, .on_ready = on_input}, .child = child};
	for (int i = 0; i < 2; i++)
		child->outputs[i] =
		    (struct output){.source = {.fd = -1, .on_ready = on_output}, .child = child, .pipe = i};
	if (spawner->children != NULL)
		spawner->children->at = &child->next;
	spawner->children = child;
	return child;
}

/* Ours in the child, the program's in `theirs`. False with nothing open. */
static bool open_pipes(struct child *child, int theirs[3])
{
	int pairs[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
	bool fine = true;

	for (int i = 0; i < 3 && fine; i++)
		fine = pipe2(pairs[i], O_CLOEXEC) == 0 && fcntl(pairs[i][i == 0 ? 1 : 0], F_SETFL, O_NONBLOCK) == 0;
	for (int i = 0; i < 3 && !fine; i++)
		for (int k = 0; k < 2; k++)
			if (pairs[i][k] != -1)
				close(pairs[i][k]);
	if (!fine)
		return false;
	child->input.source.fd = pairs[0][1];
	child->outputs[CHILD_OUT].source.fd = pairs[1][0];
	child->outputs[CHILD_ERR].source.fd = pairs[2][0];
	theirs[0] = pairs[0][0];
	theirs[1] = pairs[1][1];
	theirs[2] = pairs[2][1];
	return true;
}

struct child *child_start(struct spawner *spawner, const struct child_options *options,
                          const struct child_events *events, void *data)
{
	struct child *child = make_child(spawner, events, data);
	int theirs[3];
	size_t len = 0;
	char *message = spawner_lives(spawner) ? spawner_start_write(child->id, options, &len) : NULL;

	if (message == NULL || !open_pipes(child, theirs)) {
		log_event(LOG_WARNING, "a program could not be started", "path", options->path, "reason",
		          message != NULL          ? strerror(errno)
		          : spawner_lives(spawner) ? "its arguments are too long"
		                                   : "nobody is there to start it",
		          NULL);
		free(message);
		end_soon(child);
		return child;
	}
	spawner_send(spawner, message, len, theirs);
	for (int i = 0; i < 2; i++)
		spawner_watch(spawner, &child->outputs[i].source, EPOLLIN);
	return child;
}

/* ---- ends ---- */

void child_kill(struct child *child)
{
	if (!child->has_ended)
		spawner_send_kill(child->spawner, child->id, false);
}

void child_forget(struct child *child)
{
	if (child->is_forgotten)
		return;
	child->is_forgotten = true;
	if (!child->has_ended)
		spawner_send_kill(child->spawner, child->id, true);
	settle(child);
}

void child_take_report(struct spawner *spawner, const struct spawner_report *report)
{
	struct child *child = spawner->children;

	while (child != NULL && child->id != report->id)
		child = child->next;
	if (child == NULL || child->has_ended)
		return;
	switch (report->type) {
	case SPAWNER_STARTED: child->pid = report->value; break;
	case SPAWNER_ENDED:
		child->has_ended = true;
		child->status = report->value;
		child->pid = 0;
		close_input(child);
		settle(child);
		break;
	case SPAWNER_FAILED:
		log_event(LOG_WARNING, "a program could not be started", "step",
		          STEPS[report->step < SPAWNER_STEPS ? report->step : 0], "reason", strerror(report->value),
		          NULL);
		close_input(child);
		end_soon(child);
		break;
	default: break;
	}
}

void child_lose_all(struct spawner *spawner)
{
	for (struct child *child = spawner->children; child != NULL; child = child->next) {
		if (child->has_ended)
			continue;
		if (child->pid != 0)
			kill(-child->pid, SIGKILL);
		close_input(child);
		end_soon(child);
	}
}
