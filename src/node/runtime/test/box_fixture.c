/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "node/runtime/test/box_fixture.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

static size_t count_entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		n += e->d_type == DT_DIR || e->d_type == DT_LNK;
	if (d)
		closedir(d);
	return n;
}

static size_t count_lines(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;

	for (int c = f ? fgetc(f) : EOF; c != EOF; c = fgetc(f))
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

/* Ours, test-<pid>-<n>, or (pid 0) those of test runs that were killed; other programs on this machine may have containers too. */
static bool is_of(const char *name, pid_t pid)
{
	int owner = 0;

	if (sscanf(name, "test-%d-", &owner) != 1)
		return false;
	return pid ? owner == pid : owner > 0 && kill(owner, 0) < 0 && errno == ESRCH;
}

/* Counts the cgroups; with `remove` also deletes them. */
static size_t count_cgroups(pid_t pid, bool remove)
{
	const struct cgroup_layout *l;
	size_t n = 0;

	assert_int_equal(cgroup_machine(&l, NULL), 0);
	for (int t = 0; t < CGROUP_TREES; t++) {
		char path[CGROUP_BASE_MAX + 16];
		DIR *d;

		snprintf(path, sizeof path, "%s/berth", l->base[t]);
		d = *l->base[t] ? opendir(path) : NULL;
		for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
			struct rt_box box;

			if (!is_of(e->d_name, pid))
				continue;
			n++;
			rt_find(e->d_name, &box);
			if (remove)
				(void)rt_delete(&box, NULL);
		}
		if (d)
			closedir(d);
	}
	return n;
}

static void copy_file(const char *from, int dir, const char *to)
{
	fd_cleanup int in = open(from, O_RDONLY | O_CLOEXEC);
	fd_cleanup int out = openat(dir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	do {
		n = sendfile(out, in, NULL, 1 << 20);
		assert_true(n >= 0);
	} while (n > 0);
}

void fixture_write(int dir, const char *name, const char *text, unsigned mode)
{
	fd_cleanup int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static int make_dir(int at, const char *name, mode_t mode)
{
	int fd;

	assert_int_equal(mkdirat(at, name, mode), 0);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0 && fchmod(fd, mode) == 0);
	return fd;
}

static void fill_rootfs(int lower)
{
	static const char *const dirs[] = {"bin", "etc", "tmp", "home", "not-executable"};
	static const char *const applets[] = {"sh",   "cat",   "echo",	   "true",  "false", "id",    "ls",
					      "grep", "pwd",   "hostname", "env",   "touch", "sleep", "stat",
					      "kill", "mkdir", "dd",	   "chmod", "head"};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		close(make_dir(lower, dirs[i], !strcmp(dirs[i], "tmp") ? 01777 : 0755));
	copy_file("/bin/busybox", lower, "bin/busybox");
	copy_file(getenv("RUNTIME_HELPER"), lower, "bin/helper");
	for (size_t i = 0; i < sizeof applets / sizeof *applets; i++) {
		char name[32];

		snprintf(name, sizeof name, "bin/%s", applets[i]);
		assert_int_equal(symlinkat("busybox", lower, name), 0);
	}
	fixture_write(lower, "etc/passwd",
		      "root:x:0:0:root:/root:/bin/sh\nbroken\nuser:x:1000:1001::/home:/bin/sh\n1000:x:0:0:::\n", 0644);
	fixture_write(lower, "etc/group", "root:x:0:\nuser:x:1001:\nwheel:x:10:root,user\naudio:x:29:user\n", 0644);
	fixture_write(lower, "etc/plain", "text\n", 0644);
	fixture_write(lower, "etc/script", "#!/bin/sh\necho script\n", 0755);
	fixture_write(lower, "etc/garbage", "\x01\x02", 0755);
}

int fixture_new(void **state)
{
	struct fixture *f;

	*state = NULL;
	if (geteuid() != 0 || access("/bin/busybox", X_OK) < 0 || !getenv("RUNTIME_HELPER")) {
		print_message(
		    "# skipped: starting containers needs root, /bin/busybox (busybox-static) and RUNTIME_HELPER\n");
		return 0;
	}
	/* In a mount namespace of our own, where nobody else's mounts come and go while we count. */
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	f = mem_new(struct fixture);
	(void)count_cgroups(0, true);
	f->fds = count_entries("/proc/self/fd");
	f->mounts = count_lines("/proc/self/mountinfo");
	snprintf(f->dir, sizeof f->dir, "/tmp/berth-runtime-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->lower = make_dir(f->fd, "lower", 0755);
	f->upper = f->work = -1;
	fill_rootfs(f->lower);
	close(make_dir(f->fd, "canary", 0755));
	fixture_write(f->fd, "canary/secret", "secret\n", 0644);
	*state = f;
	return 0;
}

static void forget_upper(struct fixture *f)
{
	fd_closep(&f->upper);
	fd_closep(&f->work);
	assert_int_equal(fs_remove_tree(f->fd, "upper", NULL), 0);
	assert_int_equal(fs_remove_tree(f->fd, "work", NULL), 0);
}

int fixture_free(void **state)
{
	struct fixture *f = *state;
	size_t cgroups, children = 0;
	fd_cleanup int tmp = -1;

	if (!f)
		return 0;
	/* First all is removed, whatever a failed test has left, then it is told. */
	cgroups = count_cgroups(getpid(), true);
	rt_host_release();
	while (waitpid(-1, NULL, 0) > 0)
		children++;
	forget_upper(f);
	fd_closep(&f->fd);
	fd_closep(&f->lower);
	tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_remove_tree(tmp, strrchr(f->dir, '/') + 1, NULL), 0);
	fd_closep(&tmp);
	assert_int_equal(cgroups, 0);
	assert_int_equal(children, 0);
	assert_int_equal(count_entries("/proc/self/fd"), f->fds);
	/* Fewer is not ours: whoever removes a directory takes the mounts on it off in every namespace. */
	assert_true(count_lines("/proc/self/mountinfo") <= f->mounts);
	free(f);
	return 0;
}

struct fixture *fixture_get(void **state)
{
	if (!*state)
		skip();
	return *state;
}

struct rt_spec fixture_spec(struct fixture *f, char *const *argv)
{
	static char *env[] = {(char *)"PATH=/bin:/not-executable", (char *)"GREETING=hello", NULL};
	static char id[64];
	static unsigned n;

	forget_upper(f);
	f->upper = make_dir(f->fd, "upper", 0755);
	f->work = make_dir(f->fd, "work", 0755);
	snprintf(id, sizeof id, "test-%d-%u", (int)getpid(), n++);
	return (struct rt_spec){
	    .id = id,
	    .lower_fds = &f->lower,
	    .n_lower = 1,
	    .upper_fd = f->upper,
	    .work_fd = f->work,
	    .root_fd = -1,
	    .argv = argv,
	    .env = env,
	    .caps = RT_CAPS_DEFAULT,
	    .stdin_fd = -1,
	    .stdout_fd = -1,
	    .stderr_fd = -1,
	};
}

static void drain(int fd, struct buf *out)
{
	for (;;) {
		char text[4096];
		ssize_t n = read(fd, text, sizeof text);

		if (n <= 0)
			return;
		buf_add(out, text, (size_t)n);
	}
}

void fixture_run(struct rt_spec *spec, struct outcome *o)
{
	struct rt_box box;
	int pair[2];

	*o = (struct outcome){.out = BUF_LIMIT(1 << 20)};
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	spec->stdout_fd = spec->stderr_fd = pair[1];
	o->r = rt_start(spec, &box, &o->fault, &o->err);
	close(pair[1]);
	drain(pair[0], &o->out);
	close(pair[0]);
	if (o->r == 0)
		fixture_end(&box, &o->exit);
}

void outcome_free(struct outcome *o)
{
	buf_free(&o->out);
}

void fixture_start(struct rt_spec *spec, struct rt_box *box, int *ret_out, const char *line)
{
	struct err err = ERR_INIT;
	enum rt_fault fault;
	char text[64];
	int pair[2];
	ssize_t n;

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	spec->stdout_fd = pair[1];
	if (rt_start(spec, box, &fault, &err) < 0)
		fail_msg("%s", err.text);
	close(pair[1]);
	n = read(pair[0], text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, line);
	*ret_out = pair[0];
}

void fixture_end(struct rt_box *box, struct rt_exit *ret)
{
	struct err err = ERR_INIT;

	assert_int_equal(proc_pidfd_wait(box->pidfd, -1), 1);
	if (rt_reap(box, ret, &err) < 0 || rt_delete(box, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(rt_delete(box, &err), 0);
}
