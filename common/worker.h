/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded pool of threads for slow computation (Argon2, RSA keys). Work never touches the request: it gets its own
 * data. */
#ifndef SALLYPORT_WORKER_H
#define SALLYPORT_WORKER_H

#include "request.h"

struct worker_job {                        /* of no request; stays where it is until `done` is called */
	h2o_multithread_message_t message; /* worker.c's own */
	void (*work)(void *data);          /* in a thread */
	void (*done)(void *data); /* on the loop, behind it; or without it, where the threads are stopped before */
	void *data;
	bool has_run;
};

struct workers;
/* threads 1..16; queue: jobs waiting at most. One per process. Signals must be blocked in the caller. */
struct workers *workers_start(h2o_context_t *context, unsigned threads, unsigned queue);
/* Waits for running jobs. */
void workers_stop(struct workers *workers);
/* The process ends, and some of them may never: nothing of them comes back, and their threads end with the process. */
void workers_leave(struct workers *workers);
/* Runs it. False: the queue is full. */
bool worker_post(struct workers *workers, struct worker_job *job);
/* Runs work(data) in a thread, then the request's next step on the loop; STEP_WAIT. Data lives in the request's pool
 * (which outlives the job). With the queue full: fails with 503 and Retry-After. */
step_result worker_run(struct request *r, struct workers *workers, void (*work)(void *data), void *data);

#endif
