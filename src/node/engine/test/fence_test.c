/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers that end with the node's lease. The order of the tests matters: the fence only moves on.
 */
#include "node/engine/fence.h"

#include "base/core/clock.h"
#include "base/core/fd.h"
#include "node/engine/test/world.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct world w;

#define FENCED(command) "{\"image\":\"busybox\",\"fenced\":true,\"command\":[\"sh\",\"-c\",\"" command "\"]}"

static int open_data(void)
{
	int fd = open(w.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Nothing was ever heard of a server. */
static void test_without_a_lease(void **state)
{
	const struct engine_container *c = world_run_to_end(&w, FENCED("sleep 1000"));

	(void)state;
	assert_true(c->exit.fenced);
	assert_true(c->exit.never_started);
	c = world_run_to_end(&w, "{\"image\":\"busybox\",\"command\":[\"true\"]}");
	assert_false(c->exit.fenced);
	assert_int_equal(c->exit.code, 0);
}

static void test_ends_with_it(void **state)
{
	fd_cleanup int data = open_data();
	int64_t until = clock_mono_ms() + 300;
	const struct engine_container *c;

	(void)state;
	engine_fence(w.e, until);
	assert_int_equal(fence_read(data).until_ms, until);
	engine_fence(w.e, until - 100);
	assert_int_equal(engine_fenced_until(w.e), until);
	c = world_run_to_end(&w, FENCED("trap : TERM; while :; do sleep 1000; done"));
	assert_true(c->exit.fenced);
	assert_true(clock_mono_ms() >= until);
}

static pid_t monitor; /* that sleeps */

static bool has_begun(struct world *world)
{
	const struct engine_container *c;

	if (engine_find(world->e, world->id, &c, NULL) < 0)
		return true;
	return c->started_ms || c->state == ENGINE_EXITED || c->state == ENGINE_LOST;
}

/* Runs it as w.id, and does `act` with it when it has started, all within one lease. A machine that takes longer gets a longer one. Returns the lease's end. */
static int64_t within_lease(const char *spec, void (*act)(const struct engine_container *c))
{
	for (int64_t lease_ms = 500;; lease_ms *= 2) {
		int64_t until = clock_mono_ms() + lease_ms;
		const struct engine_container *c;

		assert_true(lease_ms < 100000);
		engine_fence(w.e, until);
		c = world_run(&w, spec);
		world_until(&w, has_begun);
		if (clock_mono_ms() < until)
			act(c);
		if (clock_mono_ms() < until)
			return until;
		if (monitor > 0)
			(void)kill(monitor, SIGCONT);
		(void)engine_kill(w.e, c->id, SIGKILL, NULL);
		world_wait_end(&w, c->id);
	}
}

static void on_paused(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err;
}

static int pause_result;

static void act_pause(const struct engine_container *c)
{
	struct err err = ERR_INIT;

	pause_result = engine_pause(w.e, c->id, on_paused, NULL, NULL, &err);
}

static void test_ends_what_is_paused(void **state)
{
	const struct engine_container *c;

	(void)state;
	within_lease(FENCED("sleep 1000"), act_pause);
	assert_true(pause_result == 0 || pause_result == -ENOTSUP);
	c = world_wait_end(&w, w.id);
	assert_true(c->exit.fenced);
	assert_int_equal(c->exit.signal, SIGKILL);
}

static int64_t passed_ms;

static bool has_passed(struct world *world)
{
	(void)world;
	return passed_ms < clock_mono_ms();
}

static void act_stop_monitor(const struct engine_container *c)
{
	monitor = world_parent_of(c->pid);
	assert_int_equal(kill(monitor, SIGSTOP), 0);
}

/* Its monitor sleeps through the end of the lease, and a new one has begun when it wakes: what was given up is not to go on. */
static void test_sleeps_through_the_end(void **state)
{
	const struct engine_container *c;

	(void)state;
	passed_ms = within_lease(FENCED("sleep 1000"), act_stop_monitor);
	world_until(&w, has_passed);
	engine_fence(w.e, clock_mono_ms() + 1000000);
	assert_int_equal(kill(monitor, SIGCONT), 0);
	c = world_wait_end(&w, w.id);
	assert_true(c->exit.fenced);
}

static void act_move_on(const struct engine_container *c)
{
	(void)c;
	engine_fence(w.e, INT64_MAX);
}

static void test_moves_on(void **state)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;

	(void)state;
	passed_ms = within_lease(FENCED("sleep 1000"), act_move_on);
	/* Its monitor has looked by then. */
	passed_ms += 300;
	world_until(&w, has_passed);
	assert_int_equal(engine_kill(w.e, w.id, SIGKILL, &err), 0);
	c = world_wait_end(&w, w.id);
	assert_false(c->exit.fenced);
	assert_int_equal(c->exit.signal, SIGKILL);
}

/* Times of another boot mean nothing. */
static void test_after_a_boot(void **state)
{
	fd_cleanup int data = open_data();
	fd_cleanup int file = openat(data, "fence", O_RDWR | O_CLOEXEC);
	struct fence *f = NULL;
	struct err err = ERR_INIT;
	char c;

	(void)state;
	engine_fence(w.e, INT64_MAX);
	assert_int_equal(fence_read(data).until_ms, INT64_MAX);
	assert_int_equal(pread(file, &c, 1, 16), 1);
	c = c == 'a' ? 'b' : 'a';
	assert_int_equal(pwrite(file, &c, 1, 16), 1);
	assert_int_equal(fence_read(data).until_ms, 0);
	assert_int_equal(fence_open(data, &f, &err), 0);
	assert_int_equal(fence_get(f).until_ms, 0);
	fence_set(f, 5, 1);
	assert_int_equal(fence_read(data).until_ms, 5);
	assert_int_equal(fence_read(data).term, 1);
	fence_set(f, 9, 4);
	assert_int_equal(fence_read(data).term, 1);
	fence_set(f, 20, 9);
	assert_int_equal(fence_read(data).term, 2);
	f = fence_close(f);
	assert_int_equal(ftruncate(file, 7), 0);
	assert_int_equal(fence_read(data).until_ms, 0);
	assert_int_equal(fence_open(data, &f, &err), 0);
	assert_int_equal(fence_get(f).until_ms, 0);
	fence_close(f);
}

static int setup(void **state)
{
	(void)state;
	world_open(&w, NULL, -1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w, true);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_without_a_lease),	   cmocka_unit_test(test_ends_with_it),
	    cmocka_unit_test(test_ends_what_is_paused),	   cmocka_unit_test(test_moves_on),
	    cmocka_unit_test(test_sleeps_through_the_end), cmocka_unit_test(test_after_a_boot),
	};

	return !world_begin(argc, argv) ? 0 : cmocka_run_group_tests(tests, setup, teardown);
}
