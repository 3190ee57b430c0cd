/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a thread for files, and what becomes of the others when a disk hangs. */
#define file_work_run work_double
#define request_resume resume_double
#include "mcp/backend/file/file_pool.c"

#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/pool.h"

enum { MAX = 80 };

static h2o_context_t context;
static struct file_pool *files;
static atomic_bool hangs;
static atomic_int running;
static struct file_plan plans[] = {{.action = FILE_READ, .root_path = "/one"},
                                   {.action = FILE_WRITE, .root_path = "/two"}};

struct asked {
	struct request r;
	void *work;
	int resumed;
	unsigned order;
};
static unsigned resumed;

void work_double(void *data)
{
	struct file_work *work = data;

	atomic_fetch_add(&running, 1);
	while (work->first_line == 1 && atomic_load(&hangs))
		usleep(1000);
	atomic_fetch_sub(&running, 1);
}

void resume_double(struct request *r)
{
	struct asked *a = H2O_STRUCT_FROM_MEMBER(struct asked, r, r);

	assert_true(r->waiting);
	r->waiting = false;
	a->resumed++;
	a->order = ++resumed;
}

static struct file_work *work_of(struct asked *a)
{
	return a->work;
}

/* A work of this person that hangs, or does not. */
static step_result ask(struct asked *a, uint64_t who, const struct file_plan *plan, bool slow, int64_t time_ms)
{
	*a = (struct asked){.r.share = who};
	h2o_mem_init_pool(&a->r.pool);
	struct file_work *work = file_work_new(&a->r, &a->work, NULL);
	work->plan = plan;
	work->path = text_copy(&work->pool, text_of("x"));
	work->first_line = slow;
	work->until_ms = clock_monotonic_ms() + time_ms;
	return file_pool_run(files, work);
}

static void end_request(struct asked *a)
{
	h2o_mem_clear_pool(&a->r.pool);
}

#define UNTIL(condition)                                                                                               \
	do                                                                                                             \
		h2o_evloop_run(context.loop, 10);                                                                      \
	while (!(condition))

static int begin(void **state)
{
	static bool is_made;

	open_pool(state);
	if (!is_made) {
		context.loop = h2o_evloop_create();
		context.queue = h2o_multithread_create_queue(context.loop);
		is_made = true;
	}
	resumed = 0;
	atomic_store(&hangs, true);
	files = file_pool_open(&context);
	return 0;
}

static int end(void **state)
{
	atomic_store(&hangs, false);
	file_pool_close(files);
	return close_pool(state);
}

/* */
static void a_disk_that_hangs_holds_its_own_calls_only(void **state)
{
	struct asked stuck[4], other, again;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ask(&stuck[i], 1, &plans[0], true, 100), STEP_WAIT);
	assert_int_equal(ask(&other, 2, &plans[1], false, 5000), STEP_WAIT);
	UNTIL(other.resumed == 1); /* another root has threads */
	assert_int_equal(work_of(&other)->problem, FILE_FINE);
	UNTIL(stuck[0].resumed + stuck[1].resumed + stuck[2].resumed + stuck[3].resumed == 4);
	assert_int_equal(atomic_load(&running), 2);
	assert_int_equal(work_of(&stuck[0])->problem, FILE_STUCK);
	assert_false(work_of(&stuck[0])->unsure);
	assert_int_equal(work_of(&stuck[2])->problem, FILE_BUSY);            /* its turn never came */
	assert_int_equal(ask(&again, 3, &plans[0], false, 5000), STEP_NEXT); /* nobody waits for a dead disk */
	assert_int_equal(work_of(&again)->problem, FILE_STUCK);
	for (size_t i = 0; i < 4; i++)
		end_request(&stuck[i]);
	end_request(&again);
	end_request(&other);
	atomic_store(&hangs, false);
	UNTIL(files->places.taken == 0);
	assert_int_equal(ask(&again, 3, &plans[0], false, 5000), STEP_WAIT); /* it is back */
	UNTIL(again.resumed == 1);
	end_request(&again);
}

static void those_who_wait_come_in_turn(void **state)
{
	static struct asked mine[MAX];
	struct asked other[2];
	unsigned count = 0;

	(void)state;
	while (count < MAX && ask(&mine[count], 1, &plans[0], true, 60000) == STEP_WAIT)
		count++;
	assert_int_equal(count, PLACES / 2); /* her share of the line */
	assert_int_equal(work_of(&mine[count])->problem, FILE_BUSY);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(ask(&other[i], 2, &plans[0], true, 60000), STEP_WAIT);
	atomic_store(&hangs, false);
	UNTIL(resumed == count + 2);
	assert_true(other[0].order <= 4 && other[1].order <= 8);
	for (unsigned i = 0; i <= count; i++)
		end_request(&mine[i]);
	for (size_t i = 0; i < 2; i++)
		end_request(&other[i]);
}

static void who_leaves_the_line_is_not_begun(void **state)
{
	struct asked first[2], gone;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		ask(&first[i], 1, &plans[0], true, 60000);
	ask(&gone, 2, &plans[0], true, 60000);
	file_pool_cancel(work_of(&gone));
	file_pool_cancel(work_of(&gone));  /* as every tick does */
	assert_int_equal(gone.resumed, 0); /* never inside of the call */
	UNTIL(gone.resumed == 1);
	assert_int_equal(work_of(&gone)->problem, FILE_STOPPED);
	assert_false(work_of(&gone)->unsure);
	end_request(&gone);
	atomic_store(&hangs, false);
	UNTIL(first[0].resumed && first[1].resumed);
	end_request(&first[0]);
	end_request(&first[1]);
}

static void a_write_that_is_given_up_may_have_been_made(void **state)
{
	struct asked write, read;

	(void)state;
	ask(&write, 1, &plans[1], true, 60000);
	ask(&read, 1, &plans[0], true, 60000);
	UNTIL(atomic_load(&running) == 2);
	file_pool_cancel(work_of(&write));
	file_pool_give_up(work_of(&write));
	assert_int_equal(write.resumed, 1);
	assert_int_equal(work_of(&write)->problem, FILE_STOPPED);
	assert_true(work_of(&write)->unsure);
	file_pool_give_up(work_of(&write)); /* nothing waits any more */
	end_request(&write);
	atomic_store(&hangs, false);
	UNTIL(read.resumed == 1 && files->places.taken == 0);
	end_request(&read);
}

/* What hangs then ends with the process: here its threads are let go before that. */
static void the_server_ends_although_a_disk_hangs(void **state)
{
	struct asked stuck, waits[2];

	(void)state;
	ask(&stuck, 1, &plans[0], true, 60000);
	for (size_t i = 0; i < 2; i++)
		ask(&waits[i], 1, &plans[0], true, 60000);
	UNTIL(atomic_load(&running) == 2);
	file_pool_close(files);
	assert_int_equal(stuck.resumed + waits[0].resumed + waits[1].resumed, 3);
	end_request(&stuck);
	end_request(&waits[0]);
	end_request(&waits[1]);
	atomic_store(&hangs, false);
	while (atomic_load(&running) > 0)
		usleep(1000);
	files = file_pool_open(&context);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_disk_that_hangs_holds_its_own_calls_only), TEST(those_who_wait_come_in_turn),
	    TEST(who_leaves_the_line_is_not_begun),           TEST(a_write_that_is_given_up_may_have_been_made),
	    TEST(the_server_ends_although_a_disk_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
