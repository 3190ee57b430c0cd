/* SPDX-License-Identifier: Apache-2.0 */
/* How a program is shut in, between fork and execve. Part of the spawner. */
#ifndef SALLYPORT_SPAWNER_CONFINE_H
#define SALLYPORT_SPAWNER_CONFINE_H

#include <linux/filter.h>

#include "spawner_message.h"

struct confinement { /* made once, by confine_open */
	pid_t daemon, spawner;
	bool drops;
	uid_t uid;
	gid_t gid;
	int room_user, room_network; /* namespaces of programs without network; -1: there is none */
	struct spawner_protections protections;
	struct sock_fprog filters[2]; /* without and with network */
	unsigned long others;         /* processes of the user, where the kernel counts those */
	int64_t counted_ms;
};

/* False with errno: not even the filter can be made. */
bool confine_open(struct confinement *confinement);
/* Before a fork: counts the user's processes, now and then. */
void confine_prepare(struct confinement *confinement);
/* In the new process. Replaces it by the program; returns only if that fails: the step, with errno. */
enum spawner_step confine_and_run(const struct confinement *confinement, const struct child_options *options,
                                  const int pipes[3]);

/* ---- spawner_filter.c ---- */
/* The seccomp filter for programs of this spawner. False with errno. */
bool filter_make(const struct confinement *confinement, bool network, struct sock_fprog *ret);

/* ---- spawner_landlock.c ---- */
/* The kernel's ABI; 0: there is no Landlock. */
int landlock_abi(void);
/* From here on this process reaches only what the options name. False with errno. */
bool landlock_enter(int abi, const struct child_options *options);

/* ---- spawner_room.c ---- */
/* Sets protections.network and .processes, and the room. */
void room_open(struct confinement *confinement);
/* Before privileges are dropped, and behind that. False with errno. */
bool room_enter_privileged(const struct confinement *confinement, bool network);
bool room_enter(const struct confinement *confinement, bool network);

#endif
