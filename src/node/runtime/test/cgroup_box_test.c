/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_box on the machine's own cgroups: places, processes, delegation, and what looks like a cgroup and is none. Needs root, and says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cgroup_fixture.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
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

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- places ---- */

static void a_box_is_made_everywhere_and_found_again(void **state)
{
	struct cgroup_box *again = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make(NULL);
	assert_int_equal(w.box->n, w.mounts->n);
	for (size_t i = 0; i < w.box->n; i++) {
		struct stat st;

		assert_int_equal(stat(w.box->v[i].where, &st), 0);
		assert_true(S_ISDIR(st.st_mode));
		assert_true(strstr(w.box->v[i].where, w.top) != NULL);
	}
	must(cgroup_box_open(cgroup_box_text(w.box), &again, &err), &err);
	assert_string_equal(cgroup_box_text(again), cgroup_box_text(w.box));
	assert_int_equal(cgroup_box_fd(again) >= 0, cgroup_box_fd(w.box) >= 0);
	must(cgroup_box_remove(again, &err), &err);
	for (size_t i = 0; i < w.box->n; i++)
		assert_int_equal(access(w.box->v[i].where, F_OK), -1);
	again = cgroup_box_free(again);
	/* Gone is as good as removed, for both of them. */
	must(cgroup_box_open(cgroup_box_text(w.box), &again, &err), &err);
	assert_int_equal(cgroup_box_fd(again), -1);
	must(cgroup_box_signal(again, SIGKILL, &err), &err);
	must(cgroup_box_remove(again, &err), &err);
	(void)cgroup_box_free(again);
	must(cgroup_box_remove(w.box, &err), &err);
}

static void a_text_is_not_trusted(void **state)
{
	mem_cleanup char *long_text = mem_zalloc(1 << 18, 1);
	struct cgroup_box *b = NULL;

	(void)state;
	need_root();
	const char *first = w.mounts->v[0].controllers;
	mem_cleanup char *twice = mem_printf("1 %s:/a %s:/a", first, first), *dots = mem_printf("1 %s:/../a", first);
	mem_cleanup char *relative = mem_printf("1 %s:a", first), *top = mem_printf("1 %s:/", first);
	mem_cleanup char *hidden = mem_printf("1 %s:/%%2E%%2E/a", first), *nul = mem_printf("1 %s:/a%%00b", first);
	mem_cleanup char *half = mem_printf("1 %s:/a%%4", first), *line = mem_printf("1 %s:/a%%0A", first);
	const char *const bad[] = {"",	     "2", "1x",	  "0 ", "1 nosuch:/a", "1 /a", twice,	 dots,
				   relative, top, hidden, nul,	half,	       line,   long_text};

	memset(long_text, '1', (1 << 18) - 1);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(cgroup_box_open(bad[i], &b, NULL), -EINVAL);
	assert_int_equal(cgroup_box_open("1", &b, NULL), 0);
	assert_string_equal(cgroup_box_text(b), "1");
	(void)cgroup_box_free(b);
}

static void odd_names_are_kept(void **state)
{
	mem_cleanup char *path = mem_printf("%s//./x y%%:\xc3\xa4/", w.top),
			 *want = mem_printf("%s/x y%%:\xc3\xa4", w.top);
	struct cgroup_box *again = NULL;
	struct err err = ERR_INIT;

	(void)state;
	need_root();
	must(cgroup_box_make(path, "id", NULL, &w.box, &err), &err);
	assert_string_equal(w.box->v[0].path, want);
	must(cgroup_box_open(cgroup_box_text(w.box), &again, &err), &err);
	assert_true(again->n == w.box->n && again->v[0].fd >= 0);
	assert_string_equal(again->v[0].path, want);
	(void)cgroup_box_free(again);
}

static void places_are_found_or_refused(void **state)
{
	static const char *const bad[] = {"/", "/..", "/a/../b", "..", "a/..", "/a\nb", "./.", "a.slice:..:x/../y"};
	mem_cleanup char *systemd = mem_printf("%s.slice:berth:x", w.top + 1);
	mem_cleanup char *want = mem_printf("%s.slice/berth-x.scope", w.top), *id = mem_printf("%s-id", w.top + 1);
	struct cgroup_box *b = NULL;
	struct err err = ERR_INIT;

	(void)state;
	need_root();
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(cgroup_box_make(bad[i], "id", NULL, &b, NULL), -EINVAL);
	assert_int_equal(cgroup_box_make(NULL, "../id", NULL, &b, NULL), -EINVAL);
	must(cgroup_box_make(systemd, "id", NULL, &b, &err), &err);
	assert_string_equal(b->v[0].path, want);
	for (size_t i = 0; i < b->n; i++)
		b->v[i].made = 2;
	for (size_t i = 0; i < b->n; i++)
		cgroup_tree_unmake(&b->v[i]);
	b = cgroup_box_free(b);
	/* Not given: below our own, named as the container. */
	must(cgroup_box_make(NULL, id, NULL, &b, &err), &err);
	for (size_t i = 0; i < b->n; i++) {
		const char *slash = strrchr(b->v[i].path, '/');

		assert_string_equal(slash + 1, id);
		if (!b->v[i].v2)
			assert_int_equal(strncmp(b->v[i].path, w.mounts->v[i].own, strlen(w.mounts->v[i].own)), 0);
	}
	must(cgroup_box_remove(b, &err), &err);
	(void)cgroup_box_free(b);
}

static void cgroups_of(pid_t pid, char *text, size_t size)
{
	mem_cleanup char *path = mem_printf("/proc/%d/cgroup", (int)pid);
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	assert_true(n > 0);
	text[n] = '\0';
}

/* Born in version 2, through the doors into version 1: as if it had been moved. */
static void a_new_process_goes_in_by_itself(void **state)
{
	char moved[4096], born[4096];
	struct err err = ERR_INIT;
	struct child *other;
	int status = -1;
	siginfo_t info;
	pid_t pid;

	(void)state;
	make(NULL);
	must(cgroup_box_open_doors(w.box, &err), &err);
	pid = proc_clone(0, cgroup_box_fd(w.box), NULL);
	if (pid == 0)
		_exit(cgroup_box_go_in(w.box, NULL) < 0 || raise(SIGSTOP) != 0);
	cgroup_box_close_doors(w.box);
	assert_true(pid > 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WEXITED | WNOWAIT), 0);
	other = new_child();
	must(cgroup_box_enter(w.box, other->pid, "", &err), &err);
	cgroups_of(other->pid, moved, sizeof moved);
	cgroups_of(pid, born, sizeof born);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(info.si_code, CLD_STOPPED);
	assert_string_equal(born, moved);
	assert_non_null(strstr(born, w.top));
}

static void an_empty_directory_is_taken_over_and_a_full_one_is_not(void **state)
{
	mem_cleanup char *path = mem_printf("%s/x", w.top);
	struct cgroup_box *b = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make(NULL);
	must(cgroup_box_make(path, "id", NULL, &b, &err), &err);
	b = cgroup_box_free(b);
	must(cgroup_box_enter(w.box, new_child()->pid, "", &err), &err);
	assert_int_equal(cgroup_box_make(path, "id", NULL, &b, &err), -EBUSY);
	assert_non_null(strstr(err.text, "1 process"));
	assert_int_equal(access(w.box->v[0].where, F_OK), 0);
}

static void a_failure_leaves_nothing(void **state)
{
	mem_cleanup char *path = mem_printf("%s/a/b", w.top);
	struct rt_resources r = RT_RESOURCES_INIT;
	struct cgroup_box *b = NULL;
	struct err err = ERR_INIT;

	(void)state;
	need_root();
	r.cpus = "99999";
	assert_true(cgroup_box_make(path, "id", &r, &b, &err) < 0);
	assert_non_null(strstr(err.text, "cpu.cpus"));
	for (size_t i = 0; i < w.mounts->n; i++) {
		mem_cleanup char *top = mem_printf("%s%s", w.mounts->v[i].point, w.top);

		assert_int_equal(access(top, F_OK), -1);
	}
}

static int count_names(void *ctx, const struct cgroup_hierarchy *h, struct err *err)
{
	size_t *n = ctx;
	struct stat st;

	(void)err;
	assert_int_equal(stat(h->dir, &st), 0);
	assert_int_equal(*h->options == '\0', h->v2);
	assert_true(*h->name || (h->v2 && w.box->v2_only));
	assert_true(!*h->aliases || strchr(h->aliases, ','));
	return ++*n == 99 ? -1 : 0;
}

static void hierarchies_are_told(void **state)
{
	size_t n = 0;

	(void)state;
	make(NULL);
	assert_int_equal(cgroup_box_each(w.box, count_names, &n, NULL), 0);
	assert_int_equal(n, w.box->n);
}

static void an_ordinary_user_has_no_cgroup_and_no_limit(void **state)
{
	mem_cleanup char *path = mem_printf("%s/x", w.top);
	int status;
	pid_t pid;

	(void)state;
	need_root();
	pid = fork();
	if (pid == 0) {
		struct rt_resources r = RT_RESOURCES_INIT;
		struct cgroup_box *b = NULL;
		struct err err = ERR_INIT;
		pid_t *pids = NULL;
		size_t n = 9;

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		if (cgroup_box_make(path, "id", &r, &b, &err) < 0 || b->n != 0 || strcmp(cgroup_box_text(b), "1") != 0)
			_exit(2);
		if (cgroup_box_enter(b, 0, "", &err) < 0 || cgroup_box_pids(b, &pids, &n, &err) < 0 || n != 0)
			_exit(3);
		if (cgroup_box_remove(b, &err) < 0 || cgroup_box_freeze(b, true, &err) != -ENOTSUP)
			_exit(4);
		r.memory = 1 << 26;
		if (cgroup_box_make(path, "id", &r, &b, &err) != -ENOTSUP)
			_exit(5);
		_exit(strstr(err.text, "memory.limit") && strstr(err.text, "Permission denied") ? 0 : 6);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- processes ---- */

static void a_process_enters_every_directory(void **state)
{
	char path[64], text[4096];
	size_t lines = 0, inside = 0;
	struct child *c;
	fd_cleanup int fd = -1;
	ssize_t n;

	(void)state;
	make(NULL);
	c = new_child();
	assert_int_equal(tell(c, 'e'), 0);
	assert_int_equal(count_pids(), 1);
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)c->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = '\0';
	for (char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	for (char *p = text; (p = strstr(p, w.top)); p++)
		inside++;
	assert_int_equal(inside, w.box->n);
	/* On pure version 2 a named hierarchy may be listed that is not mounted. */
	assert_true(lines >= inside);
}

static void cgroups_below_are_entered_listed_killed_and_removed(void **state)
{
	mem_cleanup char *sub = NULL;
	struct child *one, *two;
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	make(NULL);
	one = new_child();
	two = new_child();
	make_below("a");
	make_below("a/b");
	assert_int_equal(cgroup_box_enter(w.box, one->pid, "nosuch", &err), -ENOENT);
	assert_int_equal(cgroup_box_enter(w.box, one->pid, "../..", &err), -EINVAL);
	assert_int_equal(count_pids(), 0);
	must(cgroup_box_enter(w.box, one->pid, "", &err), &err);
	must(cgroup_box_enter(w.box, two->pid, "/a/b", &err), &err);
	assert_int_equal(count_pids(), 2);
	must(cgroup_box_fd_sub(w.box, "a/b", &fd, &err), &err);
	assert_int_equal(fd >= 0, cgroup_box_fd(w.box) >= 0);
	fd_closep(&fd);
	if (cgroup_box_v2(w.box)) {
		must(cgroup_box_sub_of(w.box, two->pid, &sub, &err), &err);
		assert_string_equal(sub, "a/b");
		assert_int_equal(cgroup_box_sub_of(w.box, getpid(), &sub, NULL), -ENOENT);
	}
	must(cgroup_box_signal(w.box, SIGTERM, &err), &err);
	assert_int_equal(WTERMSIG(wait_status(one)), SIGTERM);
	assert_int_equal(WTERMSIG(wait_status(two)), SIGTERM);
	must(cgroup_box_enter(w.box, new_child()->pid, "a", &err), &err);
	must(cgroup_box_enter(w.box, new_child()->pid, "", &err), &err);
	must(cgroup_box_signal(w.box, SIGKILL, &err), &err);
	assert_int_equal(WTERMSIG(wait_status(&w.child[2])), SIGKILL);
	assert_int_equal(WTERMSIG(wait_status(&w.child[3])), SIGKILL);
	must(cgroup_box_remove(w.box, &err), &err);
	assert_int_equal(access(w.box->v[0].where, F_OK), -1);
}

static void the_deepest_nest_is_removed(void **state)
{
	const struct cgroup_dir *d;
	struct err err = ERR_INIT;
	fd_cleanup int fd = -1;
	char name[201];
	int depth = 0;

	(void)state;
	make(NULL);
	d = cgroup_box_v2(w.box) ? cgroup_box_v2(w.box) : &w.box->v[0];
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	/* Longer than any path can be. */
	for (fd = cgroup_file_open(d->fd, ".", O_RDONLY | O_DIRECTORY); fd >= 0 && depth < 40; depth++) {
		int down = mkdirat(fd, name, 0755) == 0 ? cgroup_file_open(fd, name, O_RDONLY | O_DIRECTORY) : -1;

		fd_closep(&fd);
		fd = down;
	}
	assert_int_equal(depth, 40);
	assert_true(fd >= 0);
	fd_closep(&fd);
	assert_int_equal(count_pids(), 0);
	must(cgroup_box_remove(w.box, &err), &err);
	assert_int_equal(access(d->where, F_OK), -1);
}

static void a_box_is_frozen_and_thawed(void **state)
{
	struct child *c;
	struct err err = ERR_INIT;
	int r, n;

	(void)state;
	make(NULL);
	c = new_child();
	must(cgroup_box_enter(w.box, c->pid, "", &err), &err);
	r = cgroup_box_freeze(w.box, true, &err);
	if (r == -ENOTSUP) {
		print_message("# skipped: no freezer\n");
		skip();
	}
	must(r, &err);
	assert_int_equal(cgroup_box_frozen(w.box), 1);
	assert_int_equal(write(c->ask, "?", 1), 1);
	struct pollfd p = {.fd = c->answer, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 100), 0);
	must(cgroup_box_freeze(w.box, false, &err), &err);
	assert_int_equal(cgroup_box_frozen(w.box), 0);
	assert_int_equal(poll(&p, 1, TIMEOUT_MS), 1);
	assert_int_equal(read(c->answer, &n, sizeof n), sizeof n);
	/* Killed while frozen. */
	must(cgroup_box_freeze(w.box, true, &err), &err);
	must(cgroup_box_signal(w.box, SIGKILL, &err), &err);
	assert_int_equal(WTERMSIG(wait_status(c)), SIGKILL);
}

/* A frozen directory is nobody's to take. */
static void a_frozen_box_is_not_taken_over(void **state)
{
	mem_cleanup char *path = mem_printf("%s/x", w.top);
	struct cgroup_box *b = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make(NULL);
	if (cgroup_box_freeze(w.box, true, &err) == -ENOTSUP)
		skip();
	assert_int_equal(cgroup_box_make(path, "id", NULL, &b, &err), -EBUSY);
	assert_non_null(strstr(err.text, "frozen"));
}

/* ---- delegation ---- */

static void the_unified_hierarchy_is_given_away(void **state)
{
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	make(NULL);
	must(cgroup_box_delegate(w.box, 12345, 12346, &err), &err);
	for (size_t i = 0; i < w.box->n; i++) {
		const struct cgroup_dir *d = &w.box->v[i];
		const bool given = d->v2 || !strncmp(d->controllers, "name=", 5);

		assert_int_equal(fstat(d->fd, &st), 0);
		assert_int_equal(st.st_uid, given ? 12345 : 0);
		assert_int_equal(fstatat(d->fd, "cgroup.procs", &st, 0), 0);
		assert_int_equal(st.st_uid, given ? 12345 : 0);
		if (d->v2 && fstatat(d->fd, "pids.max", &st, 0) == 0)
			assert_int_equal(st.st_uid, 0);
	}
}

/* ---- attack class R5: what looks like a cgroup's file is another ---- */

static int read_canary(const char *path)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	return fd >= 0 && read(fd, &c, 1) == 1 ? c : -1;
}

static int canary(const char *path)
{
	fd_cleanup int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd >= 0 && write(fd, "C", 1) == 1 ? 0 : -1;
}

/* In a mount namespace of its own. The numbers say which step went wrong. */
static int attack(const char *dir)
{
	mem_cleanup char *path = mem_printf("%s/x", w.top), *text = mem_strdup(cgroup_box_text(w.box));
	mem_cleanup char *fake = mem_printf("%s/fake", dir),
			 *procs = mem_printf("%s/%s", w.box->v[0].where, w.box->v[0].v2 ? "cgroup.procs" : "tasks");
	struct cgroup_box *b = NULL, *again = NULL;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 1;
	/* A descriptor of the old namespace sees no mount of the new one: it must be opened again to be fooled. */
	if (cgroup_box_open(text, &b, NULL) < 0 || mount("tmpfs", dir, "tmpfs", 0, NULL) < 0 || canary(fake) < 0)
		return 2;
	/* A file of the container's directory is another file now. */
	if (mount(fake, procs, NULL, MS_BIND, NULL) < 0)
		return 3;
	if (cgroup_box_enter(b, 0, "", NULL) != -EXDEV || read_canary(fake) != 'C')
		return 4;
	/* The same by its path lands in the canary: the guard is what keeps it. */
	fd_cleanup int naive = open(procs, O_WRONLY | O_CLOEXEC);

	if (naive < 0 || write(naive, "0", 1) != 1 || read_canary(fake) != '0')
		return 5;
	if (umount2(procs, MNT_DETACH) < 0)
		return 6;
	/* The container's directory is another directory: what was opened before is not fooled, and it cannot be opened again. */
	if (mount("tmpfs", b->v[0].where, "tmpfs", 0, NULL) < 0 || canary(procs) < 0)
		return 7;
	if (cgroup_box_enter(b, 0, "", NULL) != 0 || read_canary(procs) != 'C')
		return 8;
	if (cgroup_box_open(text, &again, NULL) != -EXDEV)
		return 9;
	if (cgroup_box_make(path, "id", NULL, &again, NULL) != -EXDEV)
		return 10;
	/* The whole hierarchy is hidden by a tmpfs after mountinfo was read. */
	if (mount("tmpfs", b->v[0].point, "tmpfs", 0, NULL) < 0 || cgroup_file_root(&w.mounts->v[0]) != -ESTALE)
		return 11;
	return 0;
}

static void a_write_never_lands_in_another_file(void **state)
{
	char dir[] = "/tmp/berth-cgroup-XXXXXX";
	int status = -1;
	pid_t pid;

	(void)state;
	make(NULL);
	assert_non_null(mkdtemp(dir));
	pid = fork();
	if (pid == 0)
		_exit(attack(dir));
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_box_is_made_everywhere_and_found_again),
	    TEST(a_text_is_not_trusted),
	    TEST(odd_names_are_kept),
	    TEST(places_are_found_or_refused),
	    TEST(an_empty_directory_is_taken_over_and_a_full_one_is_not),
	    TEST(a_failure_leaves_nothing),
	    TEST(hierarchies_are_told),
	    TEST(an_ordinary_user_has_no_cgroup_and_no_limit),
	    TEST(a_process_enters_every_directory),
	    TEST(a_new_process_goes_in_by_itself),
	    TEST(cgroups_below_are_entered_listed_killed_and_removed),
	    TEST(the_deepest_nest_is_removed),
	    TEST(a_box_is_frozen_and_thawed),
	    TEST(a_frozen_box_is_not_taken_over),
	    TEST(the_unified_hierarchy_is_given_away),
	    TEST(a_write_never_lands_in_another_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
