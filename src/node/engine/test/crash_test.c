/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon, monitors and the launcher are killed with SIGKILL, and a new daemon finds what is there. The "daemon" is a child process with an engine of
 * its own that holds the lock of the data directory.
 */
#include "node/engine/test/world.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/container.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct world w;

static void wait_gone(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 60000), 1);
	close(pidfd);
}

static int watch_pid(pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	assert_true(fd >= 0);
	return fd;
}

/* What the daemon tells the test before it is killed. */
struct report {
	pid_t runs, ends, orphan, launcher;
};

#define SPEC_RUNS                                                                                                      \
	"{\"image\":\"busybox\",\"name\":\"runs\",\"key\":\"k/runs\",\"command\":[\"sh\",\"-c\",\"echo before; sleep " \
	"1000\"]}"
#define SPEC_ORPHAN                                                                                                    \
	"{\"image\":\"busybox\",\"name\":\"orphan\",\"command\":[\"sh\",\"-c\",\"sleep 1000 & sleep 1000\"]}"
#define SPEC_LATE "{\"image\":\"busybox\",\"name\":\"late\",\"command\":[\"echo\",\"ran\"]}"
#define SPEC_UNWANTED "{\"image\":\"busybox\",\"name\":\"unwanted\",\"command\":[\"sleep\",\"1000\"]}"

static _Noreturn void daemon_main(const char *data, int lock, int out)
{
	struct report r;
	mem_cleanup char *ends =
	    mem_printf("{\"image\":\"busybox\",\"name\":\"ends\",\"mounts\":[{\"type\":\"bind\",\"source\":\"%s\","
		       "\"target\":\"/x\"}],\"command\":[\"sh\",\"-c\",\"while ! test -e /x/go; do sleep 0.02; done; "
		       "echo after; exit 7\"]}",
		       data);

	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	world_open(&w, data, lock);
	r.runs = world_wait_started(&w, world_run(&w, SPEC_RUNS)->id)->pid;
	r.ends = world_wait_started(&w, world_run(&w, ends)->id)->pid;
	r.orphan = world_wait_started(&w, world_run(&w, SPEC_ORPHAN)->id)->pid;
	r.launcher = launcher_pid(w.launcher);
	/* The launcher is stopped and killed before it can act on these. */
	kill(r.launcher, SIGSTOP);
	world_run(&w, SPEC_LATE);
	world_run(&w, SPEC_UNWANTED);
	if (write(out, &r, sizeof r) != sizeof r)
		_exit(1);
	for (;;)
		pause();
}

static const struct engine_container *named(const char *name)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;

	if (engine_find(w.e, name, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static bool all_gone(struct world *world)
{
	return engine_at(world->e, 0) == NULL && !world->e->gone && !world->e->sweeping;
}

static void start_daemon(const char *data, pid_t *ret_pid, struct report *r)
{
	int out[2], lock = world_lock_file(data);

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	*ret_pid = fork();
	if (*ret_pid == 0)
		daemon_main(data, lock, out[1]);
	close(out[1]);
	close(lock);
	assert_int_equal(read(out[0], r, sizeof *r), sizeof *r);
	close(out[0]);
}

static void kill_daemon(pid_t pid, const struct report *r, const char *data)
{
	int orphan_monitor = watch_pid(world_parent_of(r->orphan)), ends = watch_pid(r->ends), lock;
	char path[96];

	kill(pid, SIGKILL);
	kill(r->launcher, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	pidfd_send_signal(orphan_monitor, SIGKILL, NULL, 0);
	wait_gone(orphan_monitor);
	snprintf(path, sizeof path, "%s/go", data);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	wait_gone(ends);
	/* Free: no launcher and no monitor holds it any more, though two monitors live. */
	lock = world_lock_file(data);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	close(lock);
}

static void test_daemon_killed(void **state)
{
	struct world first;
	struct report r;
	pid_t pid;
	const struct engine_container *c;
	struct err err = ERR_INIT;
	int orphan;

	(void)state;
	world_open(&w, NULL, -1);
	first = w;
	start_daemon(first.data, &pid, &r);
	orphan = watch_pid(r.orphan);
	kill_daemon(pid, &r, first.data);
	world_open(&w, first.data, -1);
	/* In the order of creation, by name and by key. */
	assert_string_equal(engine_at(w.e, 0)->name, "runs");
	assert_string_equal(engine_at(w.e, 3)->name, "late");
	/* Its order is given once more only now, and this wish must not get lost on the way. */
	assert_int_equal(engine_stop(w.e, "unwanted", 0, &err), 0);
	assert_ptr_equal(engine_by_key(w.e, "k/runs"), engine_at(w.e, 0));
	c = named("runs");
	assert_int_equal(c->state, ENGINE_RUNNING);
	assert_int_equal(c->pid, r.runs);
	c = world_wait_end(&w, "ends");
	assert_int_equal(c->state, ENGINE_EXITED);
	assert_int_equal(c->exit.code, 7);
	world_output(&w, "ends", -1, true);
	assert_string_equal(buf_str(&w.out), "after\n");
	c = world_wait_end(&w, "orphan");
	assert_int_equal(c->state, ENGINE_LOST);
	assert_false(c->exit.never_started);
	/* When it is called lost, nothing of it runs. */
	wait_gone(orphan);
	assert_int_equal(world_wait_end(&w, "unwanted")->state, ENGINE_EXITED);
	c = world_wait_end(&w, "late");
	assert_int_equal(c->state, ENGINE_EXITED);
	assert_int_equal(c->exit.code, 0);
	world_output(&w, "late", -1, true);
	assert_string_equal(buf_str(&w.out), "ran\n");
	world_output(&w, "runs", -1, false);
	assert_string_equal(buf_str(&w.out), "before\n");
	assert_int_equal(engine_stop(w.e, "runs", 0, &err), 0);
	assert_int_equal(world_wait_end(&w, "runs")->state, ENGINE_EXITED);
	/* A third daemon finds the same ends. */
	world_close(&w, false);
	world_open(&w, first.data, -1);
	assert_int_equal(named("runs")->state, ENGINE_EXITED);
	assert_int_equal(named("ends")->exit.code, 7);
	assert_int_equal(named("orphan")->state, ENGINE_LOST);
	for (size_t i = 0; engine_at(w.e, 0) && i < 5; i++)
		assert_int_equal(engine_remove(w.e, engine_at(w.e, 0)->id, false, &err), 0);
	world_until(&w, all_gone);
	world_close(&w, true);
	w = first;
	world_close(&w, false);
}

static void test_monitor_killed(void **state)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;
	int payload;

	(void)state;
	world_open(&w, NULL, -1);
	c = world_wait_started(&w, world_run(&w, SPEC_ORPHAN)->id);
	payload = watch_pid(c->pid);
	assert_int_equal(kill(world_parent_of(c->pid), SIGKILL), 0);
	c = world_wait_end(&w, c->id);
	assert_int_equal(c->state, ENGINE_LOST);
	assert_int_not_equal(c->exit.code, 0);
	wait_gone(payload);
	assert_int_equal(engine_remove(w.e, c->id, false, &err), 0);
	world_until(&w, all_gone);
	world_close(&w, true);
}

/* What an interrupted creation leaves is removed; what cannot be understood is left alone. */
static void test_half_created(void **state)
{
	static const struct {
		const char *id, *config;
		bool left;
	} rows[] = {
	    {"00000000000000000000000000000000000000000000000000000000000000aa", "{\"version\":1,\"id", false},
	    {"00000000000000000000000000000000000000000000000000000000000000ab", NULL, false},
	    {"00000000000000000000000000000000000000000000000000000000000000ac", "{\"version\":2,\"start\":false}\n",
	     true},
	};
	struct stat st;
	char path[160], data[64];

	(void)state;
	world_open(&w, NULL, -1);
	snprintf(data, sizeof data, "%s", w.data);
	world_close(&w, false);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fd_cleanup int fd = -1;

		snprintf(path, sizeof path, "%s/containers/%s", data, rows[i].id);
		assert_int_equal(mkdir(path, 0700), 0);
		snprintf(path, sizeof path, "%s/containers/%s/config.json", data, rows[i].id);
		if (!rows[i].config)
			continue;
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(fd_write_all(fd, rows[i].config, strlen(rows[i].config)), 0);
	}
	world_open(&w, data, -1);
	assert_null(engine_at(w.e, 0));
	world_until(&w, all_gone);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(path, sizeof path, "%s/containers/%s", data, rows[i].id);
		assert_int_equal(stat(path, &st), rows[i].left ? 0 : -1);
	}
	world_close(&w, true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_daemon_killed),
	    cmocka_unit_test(test_monitor_killed),
	    cmocka_unit_test(test_half_created),
	};

	return !world_begin(argc, argv) ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
