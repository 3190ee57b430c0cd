/* SPDX-License-Identifier: Apache-2.0 */
/* The process that starts programs (child.h): small, forked before the daemon has read a secret, opened a socket or
 * made a thread, so that no program could inherit one. It holds the operator's list of programs, and starts nothing
 * else; it ends with the daemon, and all programs with it. */
#ifndef SALLYPORT_SPAWNER_H
#define SALLYPORT_SPAWNER_H

#include "child.h"

struct spawner_rules {
	const char *const *allowed; /* absolute paths of programs, NULL-terminated */
	const char *user;           /* whose rights programs have if the daemon is root's; NULL: nobody */
};

struct spawner_protections { /* what the kernel lets us have, beside seccomp and bounds, which are always there */
	int landlock;        /* its ABI; 0: there is none */
	bool network;        /* an empty network for programs that have none */
	bool processes;      /* a user namespace for each: processes are counted for each program, not for each user */
};

/* NULL with errno. */
struct spawner *spawner_fork(void);
/* Says what may be started, once: the spawner takes no second list. NULL, or a sentence in the pool about why not. */
const char *spawner_allow(struct spawner *spawner, h2o_mem_pool_t *pool, const struct spawner_rules *rules,
                          struct spawner_protections *protections);
/* From here on child_start works. */
void spawner_open(struct spawner *spawner, h2o_loop_t *loop);
/* False once it has ended (it was killed): nothing can be started any more. NULL: false. */
bool spawner_lives(const struct spawner *spawner);
/* Kills what runs, without events, and ends the spawner; waits for it. NULL is fine. */
void spawner_close(struct spawner *spawner);

#endif
