/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon and its spawner tell each other: one datagram each, over a pair of sockets. */
#ifndef SALLYPORT_SPAWNER_MESSAGE_H
#define SALLYPORT_SPAWNER_MESSAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "spawner.h"

enum {
	SPAWNER_TEXTS_MAX = 1024,   /* of one message: arguments, variables, paths */
	SPAWNER_CHILDREN_MAX = 256, /* at a time */
	SPAWNER_GRACE_MS = 1000,    /* between SIGTERM and SIGKILL */
	SPAWNER_MESSAGE_MAX = CHILD_TEXTS_MAX + 4096,
};

enum spawner_message_type {
	/* to the spawner */
	SPAWNER_ALLOW,    /* spawner_allow_head, texts: the programs */
	SPAWNER_START,    /* spawner_start_head, texts; with it the three ends of the program's pipes */
	SPAWNER_KILL,     /* spawner_report: id */
	SPAWNER_KILL_NOW, /* the same without grace */
	/* from it */
	SPAWNER_READY,   /* spawner_ready */
	SPAWNER_STARTED, /* spawner_report: value is the pid */
	SPAWNER_ENDED,   /* value is the status of waitpid */
	SPAWNER_FAILED,  /* value is errno of the step */
};

/* What is done before the program runs, for the log. */
enum spawner_step {
	SPAWN_NOTHING,
	SPAWN_ALLOWED,
	SPAWN_FORK,
	SPAWN_SESSION,
	SPAWN_PIPES,
	SPAWN_USER,
	SPAWN_NAMESPACE,
	SPAWN_FOLDER,
	SPAWN_LANDLOCK,
	SPAWN_LIMITS,
	SPAWN_FILTER,
	SPAWN_EXEC,
	SPAWNER_STEPS
};

struct spawner_allow_head {
	uint32_t type, count;
	bool drops; /* to these */
	uid_t uid;
	gid_t gid;
	pid_t daemon;
};

enum spawner_list { LIST_PATH, LIST_FOLDER, LIST_ARGV, LIST_ENVIRONMENT, LIST_READABLE, LIST_WRITABLE, SPAWNER_LISTS };

struct spawner_start_head {
	uint32_t type, id;
	uint32_t counts[SPAWNER_LISTS]; /* texts of each list, one list behind the other */
	bool network;
	struct child_limits limits;
};

struct spawner_report {
	uint32_t type, id;
	int32_t value;
	uint32_t step; /* of SPAWNER_FAILED */
};

struct spawner_ready {
	uint32_t type;
	int32_t problem; /* errno of what cannot be done without: the seccomp filter */
	struct spawner_protections protections;
};

/* Texts behind a head of `head` bytes: NUL-terminated, `count` of them and nothing else. NULL-terminated, into the
 * message. NULL if they are anything else. The caller frees the array. */
const char **spawner_texts_read(const char *message, size_t len, size_t head, size_t count);
/* The message of a start, in memory to be freed; *len. NULL: too many or too long texts. */
char *spawner_start_write(uint32_t id, const struct child_options *options, size_t *len);
/* False if the message is not one. The lists point into it and into *texts, which the caller frees. */
bool spawner_start_read(const char *message, size_t len, struct spawner_start_head *head, struct child_options *options,
                        const char ***texts);

#endif
