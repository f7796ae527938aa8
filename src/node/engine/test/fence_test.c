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

static void on_paused(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err;
}

static void test_ends_what_is_paused(void **state)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;
	int r;

	(void)state;
	engine_fence(w.e, clock_mono_ms() + 1000);
	c = world_run(&w, FENCED("sleep 1000"));
	world_wait_started(&w, c->id);
	r = engine_pause(w.e, c->id, on_paused, NULL, NULL, &err);
	assert_true(r == 0 || r == -ENOTSUP);
	c = world_wait_end(&w, c->id);
	assert_true(c->exit.fenced);
	assert_int_equal(c->exit.signal, SIGKILL);
}

static bool has_passed(struct world *world)
{
	(void)world;
	return engine_fenced_until(w.e) < clock_mono_ms();
}

/* Its monitor sleeps through the end of the lease, and a new one has begun when it wakes: what was given up is not to go on. */
static void test_sleeps_through_the_end(void **state)
{
	const struct engine_container *c;
	pid_t monitor;

	(void)state;
	engine_fence(w.e, clock_mono_ms() + 500);
	c = world_run(&w, FENCED("sleep 1000"));
	world_wait_started(&w, c->id);
	monitor = world_parent_of(c->pid);
	assert_int_equal(kill(monitor, SIGSTOP), 0);
	world_until(&w, has_passed);
	engine_fence(w.e, clock_mono_ms() + 1000000);
	assert_int_equal(kill(monitor, SIGCONT), 0);
	c = world_wait_end(&w, c->id);
	assert_true(c->exit.fenced);
}

static void test_moves_on(void **state)
{
	const struct engine_container *c;

	(void)state;
	engine_fence(w.e, clock_mono_ms() + 1000);
	c = world_run(&w, FENCED("sleep 1.5; exit 3"));
	world_wait_started(&w, c->id);
	engine_fence(w.e, INT64_MAX);
	c = world_wait_end(&w, c->id);
	assert_false(c->exit.fenced);
	assert_int_equal(c->exit.code, 3);
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
