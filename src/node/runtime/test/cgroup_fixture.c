/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/runtime/cgroup_box_impl.h"
#include "node/runtime/cgroup_devices.h"
#include "node/runtime/cgroup_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

struct world w;

/* ---- children ---- */

static int try_open(const char *device)
{
	int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int eat_memory(size_t mebibytes)
{
	char *p =
	    mmap(NULL, mebibytes << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

/* How many forks succeed of n, whose children all live until the last is made. */
static int fork_and_count(int n)
{
	int made = 0, hold[2];
	char c;

	if (pipe2(hold, O_CLOEXEC) < 0)
		return -2;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			close(hold[1]);
			_exit(read(hold[0], &c, 1) != 0);
		}
		made += pid > 0;
	}
	close(hold[0]);
	close(hold[1]);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return made;
}

static int obey(char letter)
{
	switch (letter) {
	case 'n':
		return try_open("/dev/null");
	case 'k': /* no default allows it */
		return try_open("/dev/kmsg");
	case 'e': /* enter the box */
		return -cgroup_box_enter(w.box, 0, "", NULL);
	case 'm':
		return eat_memory(64);
	case 'f':
		return fork_and_count(16);
	default: /* are you there? */
		return 0;
	}
}

struct child *new_child(void)
{
	struct child *c = &w.child[w.n_children];
	int ask[2], answer[2];

	assert_true(w.n_children < CHILDREN_MAX);
	assert_int_equal(pipe2(ask, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		char letter;

		close(ask[1]);
		while (read(ask[0], &letter, 1) == 1) {
			int n = obey(letter);

			if (write(answer[1], &n, sizeof n) != sizeof n)
				break;
		}
		_exit(0);
	}
	close(ask[0]);
	close(answer[1]);
	c->ask = ask[1];
	c->answer = answer[0];
	w.n_children++;
	return c;
}

int tell(struct child *c, char letter)
{
	int n = -1;

	assert_int_equal(write(c->ask, &letter, 1), 1);
	return read(c->answer, &n, sizeof n) == sizeof n ? n : -1;
}

int wait_status(struct child *c)
{
	int status = 0;

	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	c->pid = 0;
	return status;
}

static void children_free(void)
{
	for (size_t i = 0; i < w.n_children; i++) {
		struct child *c = &w.child[i];

		if (c->pid > 0 && kill(c->pid, SIGKILL) == 0)
			(void)waitpid(c->pid, NULL, 0);
		fd_closep(&c->ask);
		fd_closep(&c->answer);
	}
	w.n_children = 0;
}

/* ---- fixture ---- */

static size_t count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static size_t fds_before;

int cgroup_setup(void **state)
{
	(void)state;
	w = (struct world){.box = NULL};
	fds_before = count_fds();
	snprintf(w.top, sizeof w.top, "/berth-test-%d", (int)getpid());
	return cgroup_file_machine(&w.mounts, NULL);
}

/* What the test left of "/berth-test-<pid>" in one hierarchy; true when nothing is there any more. */
static bool clean_one(const struct cgroup_mount *m)
{
	fd_cleanup int root = cgroup_file_root(m);
	fd_cleanup int top = root < 0 ? -1 : cgroup_file_open(root, w.top + 1, O_RDONLY | O_DIRECTORY);

	return top < 0 || unlinkat(root, w.top + 1, AT_REMOVEDIR) == 0;
}

/* Only of a hybrid machine: of pure version 2 each controller is given anyway. */
static bool give_back(void)
{
	for (size_t i = 0; i < w.mounts->n && w.hugetlb_is_new; i++) {
		fd_cleanup int root = w.mounts->v[i].v2 ? cgroup_file_root(&w.mounts->v[i]) : -1;

		if (root >= 0 && cgroup_file_write(root, "cgroup.subtree_control", "-hugetlb") < 0)
			return false;
	}
	return true;
}

static bool cgroup_clean(void)
{
	bool clean = true;

	for (size_t i = 0; i < w.mounts->n; i++)
		clean = clean_one(&w.mounts->v[i]) && clean;
	return clean;
}

int cgroup_teardown(void **state)
{
	int r = 0;

	(void)state;
	if (w.box) {
		(void)cgroup_box_freeze(w.box, false, NULL);
		(void)cgroup_box_signal(w.box, SIGKILL, NULL);
	}
	children_free();
	if (w.box && cgroup_box_remove(w.box, NULL) < 0)
		r = -1;
	w.box = cgroup_box_free(w.box);
	if (!cgroup_clean() || !give_back())
		r = -1;
	mem_freep(&w.mounts);
	if (r == 0 && count_fds() != fds_before)
		r = -1;
	return r;
}

void need_root(void)
{
	if (!cgroup_box_real_root() || w.mounts->n == 0) {
		print_message("# skipped: root and a cgroup hierarchy that can be written are needed\n");
		skip();
	}
}

void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s", err->text);
}

void make(const struct rt_resources *r)
{
	mem_cleanup char *path = mem_printf("%s/x", w.top);
	struct err err = ERR_INIT;

	need_root();
	must(cgroup_box_make(path, "id", r, &w.box, &err), &err);
}

bool on_v2(const char *v1_controller)
{
	return !cgroup_box_v1(w.box, v1_controller);
}

void file_is(const char *controller, const char *v1_file, const char *v2_file, const char *v1_want, const char *v2_want)
{
	const struct cgroup_dir *d = cgroup_box_v1(w.box, controller);
	const char *file = d ? v1_file : v2_file, *want = d ? v1_want : v2_want;
	char text[256];

	d = d ? d : cgroup_box_v2(w.box);
	assert_non_null(d);
	if (cgroup_file_read(d->fd, file, text, sizeof text) < 0)
		fail_msg("there is no %s/%s", d->where, file);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, want);
}

/* Under either version. */
static bool machine_has(const char *controller)
{
	for (size_t i = 0; i < w.mounts->n; i++) {
		fd_cleanup int root = w.mounts->v[i].v2 ? cgroup_file_root(&w.mounts->v[i]) : -1;
		char list[1024];

		if (cgroup_mounts_has(w.mounts->v[i].controllers, controller))
			return true;
		if (root < 0 || cgroup_file_read(root, "cgroup.controllers", list, sizeof list) < 0)
			continue;
		for (char *rest = NULL, *c = strtok_r(list, " \n", &rest); c; c = strtok_r(NULL, " \n", &rest)) {
			if (!strcmp(c, controller))
				return true;
		}
	}
	return false;
}

void need(const char *controller)
{
	need_root();
	if (!machine_has(controller)) {
		print_message("# skipped: this machine has no cgroup controller %s\n", controller);
		skip();
	}
}

size_t count_pids(void)
{
	pid_t *pids = NULL;
	size_t n = 0;

	assert_int_equal(cgroup_box_pids(w.box, &pids, &n, NULL), 0);
	free(pids);
	return n;
}

void make_below(const char *name)
{
	for (size_t i = 0; i < w.box->n; i++) {
		assert_int_equal(mkdirat(w.box->v[i].fd, name, 0755), 0);
		if (cgroup_mounts_has(w.box->v[i].controllers, "cpuset")) {
			fd_cleanup int fd = cgroup_file_open(w.box->v[i].fd, name, O_RDONLY | O_DIRECTORY);
			char text[256];

			assert_int_equal(cgroup_file_read(w.box->v[i].fd, "cpuset.cpus", text, sizeof text), 0);
			assert_int_equal(cgroup_file_write(fd, "cpuset.cpus", text), 0);
			assert_int_equal(cgroup_file_read(w.box->v[i].fd, "cpuset.mems", text, sizeof text), 0);
			assert_int_equal(cgroup_file_write(fd, "cpuset.mems", text), 0);
		}
	}
}
