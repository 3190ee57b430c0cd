/* SPDX-License-Identifier: Apache-2.0 */
#include "common/worker.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#undef fail /* the project's own */

const struct oauth_error TEMPORARILY_UNAVAILABLE = {"temporarily_unavailable", 503};

/* A request that only remembers what became of it, and its job's data. */
struct asked {
	struct request r;
	int resumed, failed_status;
	int in, out;
	pthread_t thread;
};

static h2o_context_t context;
static pthread_t main_thread;
static unsigned over;

void request_resume(struct request *r)
{
	struct asked *a = H2O_STRUCT_FROM_MEMBER(struct asked, r, r);

	assert_true(r->waiting);
	assert_true(pthread_equal(pthread_self(), main_thread));
	r->waiting = false;
	a->resumed++;
	over++;
}

void request_resume_failed(struct request *r, const struct oauth_error *error, const char *text)
{
	struct asked *a = H2O_STRUCT_FROM_MEMBER(struct asked, r, r);

	assert_true(r->waiting);
	assert_non_null(text);
	r->waiting = false;
	a->failed_status = error->status;
	over++;
}

step_result fail(struct request *r, const struct oauth_error *error, const char *text)
{
	struct asked *a = H2O_STRUCT_FROM_MEMBER(struct asked, r, r);

	assert_non_null(text);
	a->failed_status = error->status;
	return STEP_DONE;
}

static int begin(void **state)
{
	(void)state;
	main_thread = pthread_self();
	context.loop = h2o_evloop_create();
	context.queue = h2o_multithread_create_queue(context.loop);
	return 0;
}

static int end(void **state)
{
	(void)state;
	h2o_multithread_destroy_queue(context.queue);
	h2o_evloop_run(context.loop, 0);
	return 0;
}

static void init(struct asked *a, int in)
{
	memset(a, 0, sizeof(*a));
	a->in = in;
	h2o_mem_init_pool(&a->r.pool);
}

static void run_until(unsigned count)
{
	time_t start = time(NULL);

	while (over < count) {
		assert_true(time(NULL) - start < 20);
		h2o_evloop_run(context.loop, 10);
	}
}

static void square(void *data)
{
	struct asked *a = data;

	a->out = a->in * a->in;
	a->thread = pthread_self();
}

static void work_is_done_in_threads_and_resumed_on_the_loop(void **state)
{
	enum { JOBS = 400 };
	static struct asked a[JOBS];
	struct workers *workers = workers_start(&context, 3, JOBS);

	(void)state;
	over = 0;
	for (int i = 0; i < JOBS; i++) {
		init(&a[i], i);
		assert_int_equal(worker_run(&a[i].r, workers, square, &a[i]), STEP_WAIT);
	}
	assert_int_equal(over, 0);
	run_until(JOBS);
	workers_stop(workers);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(a[i].resumed, 1);
		assert_int_equal(a[i].out, i * i);
		assert_false(pthread_equal(a[i].thread, main_thread));
		h2o_mem_clear_pool(&a[i].r.pool);
	}
}

/* A job that waits at a gate, and says that it came there. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int at_gate;

static void pass_gate(void *data)
{
	atomic_fetch_add(&at_gate, 1);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	square(data);
}

static void start_one_and_fill(struct workers *workers, struct asked a[3])
{
	over = 0;
	atomic_store(&at_gate, 0);
	pthread_mutex_lock(&gate);
	for (int i = 0; i < 3; i++)
		init(&a[i], i + 2);
	assert_int_equal(worker_run(&a[0].r, workers, pass_gate, &a[0]), STEP_WAIT);
	while (atomic_load(&at_gate) == 0)
		sched_yield();
	assert_int_equal(worker_run(&a[1].r, workers, pass_gate, &a[1]), STEP_WAIT);
	/* One runs, one waits: the queue of one is full. */
	assert_int_equal(worker_run(&a[2].r, workers, pass_gate, &a[2]), STEP_DONE);
	assert_int_equal(a[2].failed_status, 503);
	assert_false(a[2].r.waiting);
}

static void a_full_queue_is_503(void **state)
{
	struct workers *workers = workers_start(&context, 1, 1);
	struct asked a[3];

	(void)state;
	start_one_and_fill(workers, a);
	pthread_mutex_unlock(&gate);
	run_until(2);
	assert_int_equal(a[0].out, 4);
	assert_int_equal(a[1].out, 9);
	/* And there is room again. */
	assert_int_equal(worker_run(&a[2].r, workers, square, &a[2]), STEP_WAIT);
	run_until(3);
	assert_int_equal(a[2].out, 16);
	workers_stop(workers);
	for (int i = 0; i < 3; i++)
		h2o_mem_clear_pool(&a[i].r.pool);
}

/* Holds the gate from its own thread, so that it may open it there. */
static void *hold_gate(void *data)
{
	struct workers *workers = data;
	bool stopping = false;

	pthread_mutex_lock(&gate);
	atomic_store(&at_gate, -1);
	while (!stopping) {
		pthread_mutex_lock(&workers->mutex);
		stopping = workers->stopping;
		pthread_mutex_unlock(&workers->mutex);
		sched_yield();
	}
	pthread_mutex_unlock(&gate);
	return NULL;
}

static void stopping_waits_for_the_running_and_fails_the_waiting(void **state)
{
	struct workers *workers = workers_start(&context, 1, 1);
	struct asked a[2];
	pthread_t holder;

	(void)state;
	over = 0;
	atomic_store(&at_gate, 0);
	assert_int_equal(pthread_create(&holder, NULL, hold_gate, workers), 0);
	while (atomic_load(&at_gate) != -1)
		sched_yield();
	for (int i = 0; i < 2; i++)
		init(&a[i], i + 2);
	worker_run(&a[0].r, workers, pass_gate, &a[0]);
	while (atomic_load(&at_gate) != 0)
		sched_yield();
	worker_run(&a[1].r, workers, pass_gate, &a[1]);
	workers_stop(workers);
	pthread_join(holder, NULL);
	assert_int_equal(over, 2);
	assert_int_equal(a[0].resumed, 1);
	assert_int_equal(a[0].out, 4);
	assert_int_equal(a[1].resumed, 0);
	assert_int_equal(a[1].failed_status, 503);
	assert_int_equal(a[1].out, 0);
	for (int i = 0; i < 2; i++)
		h2o_mem_clear_pool(&a[i].r.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(work_is_done_in_threads_and_resumed_on_the_loop),
	    cmocka_unit_test(a_full_queue_is_503),
	    cmocka_unit_test(stopping_waits_for_the_running_and_fails_the_waiting),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
