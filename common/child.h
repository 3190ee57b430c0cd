/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that the operator allows, run by the spawner (spawner.h) with nothing but what is asked for here: no shell,
 * exactly this environment, no descriptor but three pipes, a session and a process group of its own that it cannot
 * leave, bounds, a seccomp filter, and, where the kernel has it, Landlock and an empty network. Output comes by the
 * event loop. Nothing outlives the daemon, however that ends. */
#ifndef SALLYPORT_CHILD_H
#define SALLYPORT_CHILD_H

#include <h2o.h>
#include <stdbool.h>

struct child;
struct spawner;

struct child_limits {              /* 0: no bound but that of the daemon */
	unsigned cpu_s;            /* computing time of each process */
	size_t memory, file_size;  /* bytes: address space of each process; of a file that it writes */
	unsigned files, processes; /* open at a time; threads count as processes */
};

/* Together the texts are at most CHILD_TEXTS_MAX bytes with their ends: what is longer goes by child_write. */
enum { CHILD_TEXTS_MAX = 120 * 1024, CHILD_INPUT_MAX = 1024 * 1024 };

struct child_options {                  /* texts are copied */
	const char *path;               /* absolute; one that the operator allows */
	const char *const *argv;        /* NULL-terminated, with argv[0] */
	const char *const *environment; /* NULL-terminated "NAME=value"; exactly this. NULL: empty */
	const char *folder;             /* cwd, and readable with all below; NULL: "/", which is not */
	/* NULL-terminated or NULL: absolute paths, each with all below, beside what any program needs (/usr, /lib*,
	 * /dev/null, ...). What is not there is passed over. */
	const char *const *readable, *const *writable;
	bool network; /* false: no sockets but pairs, and an empty network */
	struct child_limits limits;
};

enum child_pipe { CHILD_OUT, CHILD_ERR };

struct child_events { /* never called before child_start returns */
	/* len 0: that pipe has ended, told once for each. The bytes are gone after the call. */
	void (*on_output)(void *data, enum child_pipe pipe, h2o_iovec_t bytes);
	/* As waitpid says it; -1: it could not be started, or nobody knows. Last event, exactly once, behind the ends
	 * of both pipes; then the child is gone. */
	void (*on_end)(void *data, int status);
};

/* Each event may call any of the functions below, and child_start. */
struct child *child_start(struct spawner *spawner, const struct child_options *options,
                          const struct child_events *events, void *data);
/* To its standard input: copied and queued. False if more than CHILD_INPUT_MAX would wait, or the input is closed. What
 * it does not read any more is dropped. */
bool child_write(struct child *child, h2o_iovec_t bytes);
/* Its input ends behind what is queued. */
void child_close_input(struct child *child);
/* The whole process group: SIGTERM, and SIGKILL a second later; on_end comes. When the program itself ends, what it
 * has left in its group is killed at once, asked or not. */
void child_kill(struct child *child);
/* SIGKILL to the whole group, and no more events: the child is gone. */
void child_forget(struct child *child);

#endif
