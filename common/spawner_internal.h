/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side: what spawner.c and child.c share. */
#ifndef SALLYPORT_SPAWNER_INTERNAL_H
#define SALLYPORT_SPAWNER_INTERNAL_H

#include "spawner_message.h"

/* Something in the spawner's epoll: the socket to the spawner, or one end of a pipe. */
struct spawner_source {
	int fd; /* -1: closed */
	uint32_t events;
	void (*on_ready)(struct spawner_source *source);
};

struct spawner_outgoing { /* a message that waits for room in the socket */
	struct spawner_outgoing *next;
	size_t len;
	char *bytes;
	int pipes[3]; /* -1: there are none */
};

struct spawner {
	struct spawner_source source; /* first; fd -1: the spawner has gone */
	pid_t pid;                    /* 0: its end is known */
	h2o_loop_t *loop;             /* NULL before spawner_open */
	int epoll;
	h2o_socket_t *socket; /* of the epoll */
	h2o_timeout_t soon;   /* for what must not be told before child_start returns */
	uint32_t last_id;
	struct child *children;
	struct spawner_outgoing *first, **last;
};

/* Takes the bytes and the descriptors. */
void spawner_send(struct spawner *spawner, char *bytes, size_t len, const int pipes[3]);
void spawner_send_kill(struct spawner *spawner, uint32_t id, bool now);
/* Watches for these events (0: for none, and it stays); a source that was not watched is added. */
void spawner_watch(struct spawner *spawner, struct spawner_source *source, uint32_t events);
/* Closes its descriptor. */
void spawner_unwatch(struct spawner *spawner, struct spawner_source *source);

/* ---- child.c ---- */
void child_take_report(struct spawner *spawner, const struct spawner_report *report);
/* The spawner has gone: what it has started is killed from here as far as that is allowed. */
void child_lose_all(struct spawner *spawner);

#endif
