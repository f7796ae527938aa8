/* SPDX-License-Identifier: Apache-2.0
 *
 * The attacks on a runtime that have worked on others, row by row (reference: the catalogue's rows R2, R3, R6, R7, R8, R11, R12, R13, R16, R17).
 * Each ends with the canary unread and untouched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "node/runtime/test/box_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define RUN(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})
#define SH(script) RUN("sh", "-c", script)

static void check_canary(struct fixture *f)
{
	fd_cleanup int dir = openat(f->fd, "canary", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *text = NULL;

	assert_int_equal(fs_read(dir, "secret", 64, &text, NULL, NULL), 0);
	assert_string_equal(text, "secret\n");
	free(text);
	/* and nothing beside it */
	assert_int_equal(unlinkat(f->fd, "canary", AT_REMOVEDIR), -1);
	assert_int_equal(errno, ENOTEMPTY);
	assert_int_equal(unlinkat(dir, "secret", 0), 0);
	assert_int_equal(unlinkat(f->fd, "canary", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(f->fd, "canary", 0755), 0);
	fixture_write(f->fd, "canary/secret", "secret\n", 0644);
}

/* R2: a working directory that is a descriptor of the host's, leaked by a careless parent. */
static void cwd_stays_inside(void **state)
{
	struct fixture *f = fixture_get(state);
	fd_cleanup int leaked = open("/", O_RDONLY | O_DIRECTORY); /* no O_CLOEXEC, on purpose */

	assert_true(leaked >= 0);
	for (int fd = 0; fd < 40; fd++) {
		struct rt_spec spec = fixture_spec(f, SH("ls canary ../canary ../../canary 2>&-; ls /proc/self/fd"));
		char cwd[64];
		struct outcome o;

		snprintf(cwd, sizeof cwd, fd % 2 ? "/proc/self/fd/%d" : "/proc/1/cwd/../fd/%d", fd);
		spec.cwd = cwd;
		fixture_run(&spec, &o);
		assert_true(o.r < 0);
		assert_int_equal(o.fault, RT_FAULT_OURS);
		outcome_free(&o);
	}
	check_canary(f);
}

/* R2: what the parent leaks never reaches the payload. */
static void descriptors_stay_outside(void **state)
{
	struct fixture *f = fixture_get(state);
	int leaked = open("/", O_RDONLY | O_DIRECTORY);

	assert_true(leaked >= 0);
	for (int init = 0; init < 2; init++) {
		struct rt_spec spec = fixture_spec(f, SH("ls /proc/self/fd"));
		struct outcome o;

		spec.no_init = init;
		fixture_run(&spec, &o);
		assert_int_equal(o.exit.code, 0);
		assert_string_equal(buf_str(&o.out), "0\n1\n2\n3\n");
		outcome_free(&o);
	}
	close(leaked);
}

static void put_link(struct fixture *f, const char *name, const char *to)
{
	char path[64];

	/* in the upper, as an image that has it would show it */
	snprintf(path, sizeof path, "%s", name);
	for (char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdirat(f->upper, path, 0755);
		*p = '/';
	}
	assert_int_equal(symlinkat(to, f->upper, path), 0);
}

/* R3, R6: the image's own directories are links to the host, absolute, relative and dangling. */
static void links_in_the_image_end_inside(void **state)
{
	static const struct {
		const char *name;
		const char *to; /* %s: the fixture's directory */
		bool refused;
	} cases[] = {
	    {"dev", "%s/canary", true},
	    {"dev", "/etc", true},
	    {"dev", "../../../..%s/canary", true},
	    {"proc", "%s/canary", true},
	    {"proc", "/etc", true},
	    {"sys", "%s/canary", true},
	    {"dev/shm", "%s/canary", false}, /* covered by our own /dev */
	    {"dev/null", "/proc/sys/kernel/core_pattern", false},
	    {"dev/pts", "%s/canary", false},
	    {"dev/mqueue", "%s/canary", false},
	    {"etc/passwd", "/proc/self/environ", true}, /* does not exist below the image's root, or is not regular */
	    {"data", "%s/canary", false},		/* the target of a volume: not there, so it is made, inside */
	    {"data", "/home", false},
	};
	struct fixture *f = fixture_get(state);
	const struct rt_mount mount = {.type = RT_MOUNT_TMPFS, .target = "/data/sub"};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rt_spec spec =
		    fixture_spec(f, SH("stat -c '%t %T' /dev/null; ls /canary/secret /proc/1/root/canary 2>&-; echo x "
				       ">/dev/null; echo x > /dev/shm/x"));
		char to[256];
		struct outcome o;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(to, sizeof to, cases[i].to, f->dir);
#pragma GCC diagnostic pop
		put_link(f, cases[i].name, to);
		spec.mounts = &mount;
		spec.n_mounts = 1;
		spec.user = "0";
		fixture_run(&spec, &o);
		if (cases[i].refused && strcmp(cases[i].name, "etc/passwd") != 0 && o.r >= 0)
			fail_msg("%s -> %s was accepted", cases[i].name, to);
		if (o.r >= 0 && strcmp(buf_str(&o.out), "1 3\n") != 0)
			fail_msg("%s -> %s: %s", cases[i].name, to, buf_str(&o.out));
		if (!cases[i].refused && o.r < 0)
			fail_msg("%s -> %s: %s", cases[i].name, to, o.err.text);
		outcome_free(&o);
		check_canary(f);
	}
}

/* R7: on a shared volume, the place of the next mount is a link to the outside. */
static void links_on_a_volume_end_inside(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, SH("grep -c canary /proc/self/mountinfo; ls /shared"));
	fd_cleanup int shared = -1, file = -1;
	struct outcome o;
	char to[128];

	assert_int_equal(mkdirat(f->fd, "shared", 0777), 0);
	shared = openat(f->fd, "shared", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = openat(f->lower, "etc/plain", O_PATH | O_CLOEXEC);
	snprintf(to, sizeof to, "%s/canary", f->dir);
	assert_int_equal(symlinkat(to, shared, "dir"), 0);
	snprintf(to, sizeof to, "%s/canary/made", f->dir);
	assert_int_equal(symlinkat(to, shared, "file"), 0);
	for (int i = 0; i < 2; i++) {
		const struct rt_mount mounts[] = {
		    {.type = RT_MOUNT_BIND, .source_fd = shared, .target = "/shared"},
		    {.type = i ? RT_MOUNT_BIND : RT_MOUNT_TMPFS,
		     .source_fd = file,
		     .target = i ? "/shared/file" : "/shared/dir"},
		};

		spec = fixture_spec(f, spec.argv);
		spec.mounts = mounts;
		spec.n_mounts = 2;
		fixture_run(&spec, &o);
		/* What is missing is made where the link leads inside the root. */
		assert_int_equal(o.r, 0);
		outcome_free(&o);
		check_canary(f);
	}
	assert_int_equal(fs_remove_tree(f->fd, "shared", NULL), 0);
}

/* R8: inheritable and ambient sets, in every way a process comes to be. */
static void nothing_is_inheritable(void **state)
{
	struct fixture *f = fixture_get(state);

	for (int i = 0; i < 8; i++) {
		struct rt_spec spec = fixture_spec(f, SH("grep -E 'CapInh|CapAmb' /proc/self/status"));
		struct outcome o;

		spec.no_init = i & 1;
		spec.user = i & 2 ? "user" : NULL;
		spec.caps = i & 4 ? ~0ull : RT_CAPS_DEFAULT;
		fixture_run(&spec, &o);
		if (o.r < 0)
			fail_msg("%s", o.err.text);
		assert_string_equal(buf_str(&o.out), "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n");
		outcome_free(&o);
	}
}

/* R11: no text becomes uid 0 but those that say so. */
static void users_do_not_overflow(void **state)
{
	static const char *const users[] = {
	    "0x0", "4294967296", "2147483648", "-1", "1000:", ":", "root\n", "18446744073709551616", " 0"};
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, RUN("helper", "groups"));
	struct outcome o;

	for (size_t i = 0; i < COUNT(users); i++) {
		spec = fixture_spec(f, spec.argv);
		spec.user = users[i];
		fixture_run(&spec, &o);
		if (o.r >= 0)
			fail_msg("user \"%s\" became %s", users[i], buf_str(&o.out));
		outcome_free(&o);
	}
	/* /etc/passwd has a user whose name is "1000" and whose uid is 0 */
	spec = fixture_spec(f, spec.argv);
	spec.user = "1000";
	fixture_run(&spec, &o);
	assert_string_equal(buf_str(&o.out), "1000:1001 10,29,1001\n");
	outcome_free(&o);
}

/* R12: a file that its group may not read stays unread by a member of that group. */
static void negative_group_rights_hold(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, SH("cat /closed 2>&- || echo refused"));
	struct outcome o;

	fixture_write(f->upper, "closed", "open\n", 0707);
	assert_int_equal(fchownat(f->upper, "closed", 0, 1001, 0), 0);
	spec.user = "user";
	fixture_run(&spec, &o);
	assert_string_equal(buf_str(&o.out), "refused\n");
	outcome_free(&o);
}

static void make_passwd(struct fixture *f, int kind)
{
	fd_cleanup int fd = -1;

	assert_int_equal(mkdirat(f->upper, "etc", 0755), 0);
	switch (kind) {
	case 0:
		fd = openat(f->upper, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_int_equal(ftruncate(fd, 4ll << 30), 0);
		return;
	case 1:
		assert_int_equal(mkfifoat(f->upper, "etc/passwd", 0644), 0);
		return;
	case 2:
		assert_int_equal(symlinkat("/dev/zero", f->upper, "etc/passwd"), 0);
		return;
	default:
		assert_int_equal(mkdirat(f->upper, "etc/passwd", 0755), 0);
	}
}

/* R13: endless user files. */
static void user_files_are_bounded(void **state)
{
	struct fixture *f = fixture_get(state);

	for (int kind = 0; kind < 4; kind++) {
		struct rt_spec spec = fixture_spec(f, RUN("true"));
		struct outcome o;

		make_passwd(f, kind);
		spec.user = "user";
		fixture_run(&spec, &o);
		assert_true(o.r < 0);
		assert_int_equal(o.fault, RT_FAULT_OURS);
		assert_non_null(strstr(o.err.text, "/etc/passwd"));
		outcome_free(&o);
	}
}

/* R10, R16, and the read-only list: what of the kernel is the host's. */
static void the_hosts_kernel_is_masked(void **state)
{
	static const char script[] = "for i in acpi asound scsi; do ls -A /proc/$i 2>&-; done;"
				     "for i in interrupts kcore keys latency_stats sched_debug timer_list timer_stats; "
				     "do head -c 1 /proc/$i 2>&-; done;"
				     "for i in firmware devices/virtual/powercap "
				     "devices/system/cpu/cpu0/thermal_throttle; do ls -A /sys/$i 2>&-; done;"
				     "touch /proc/acpi/x /sys/firmware/x 2>&-;"
				     "echo x 2>&- > /proc/sys/kernel/core_pattern || echo 1;"
				     "echo h 2>&- > /proc/sysrq-trigger || echo 2;"
				     "echo 1 2>&- > /proc/irq/default_smp_affinity || echo 3;"
				     "echo 1 2>&- > /sys/kernel/mm/ksm/run || echo 4;"
				     "ls -A /sys/fs/cgroup;"
				     "head -c 1 /proc/1/mem 2>&-; ls /proc/1/exe /proc/1/fd/4 /proc/1/cwd/ 2>&-;"
				     "ls -d /proc/sys/kernel";
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, SH(script));
	struct outcome o;

	fixture_run(&spec, &o);
	if (o.r < 0)
		fail_msg("%s", o.err.text);
	assert_string_equal(buf_str(&o.out), "1\n2\n3\n4\n/proc/sys/kernel\n");
	outcome_free(&o);
}

/* R10, R17: the filter on every way into the kernel, for root of the container. */
static void system_calls_are_filtered(void **state)
{
	static const char native[] =
	    "inet ok\nunix ok\nnetlink ok\nalg EPERM\nalg-high EPERM\nvsock EPERM\nunshare EPERM\nmount EPERM\n"
	    "fsopen EPERM\nclone ok\nclone-ns EPERM\nclone3 ENOSYS\nsetns EPERM\nbpf EPERM\nkeyctl EPERM\n"
	    "io_uring EPERM\npersonality ok\npersonality-bad EPERM\nfuture ENOSYS\n";
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, RUN("helper", "syscalls"));
	const char *rest;
	struct outcome o;

	/* even with every capability */
	spec.caps = ~0ull;
	fixture_run(&spec, &o);
	rest = buf_str(&o.out);
	if (strncmp(rest, native, sizeof native - 1) != 0)
		fail_msg("%s", rest);
	rest += sizeof native - 1;
	/* a kernel without 32-bit support kills the helper there, which is an answer too */
	if (o.exit.signal == 0 && *rest)
		assert_string_equal(
		    rest, "i386-getpid ok\ni386-alg EPERM\ni386-inet ok\ni386-socketcall ENOSYS\ni386-unshare EPERM\n"
			  "i386-mount EPERM\nx32-alg ENOSYS\n");
	outcome_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cwd_stays_inside),
	    cmocka_unit_test(descriptors_stay_outside),
	    cmocka_unit_test(links_in_the_image_end_inside),
	    cmocka_unit_test(links_on_a_volume_end_inside),
	    cmocka_unit_test(nothing_is_inheritable),
	    cmocka_unit_test(users_do_not_overflow),
	    cmocka_unit_test(negative_group_rights_hold),
	    cmocka_unit_test(user_files_are_bounded),
	    cmocka_unit_test(the_hosts_kernel_is_masked),
	    cmocka_unit_test(system_calls_are_filtered),
	};

	return cmocka_run_group_tests(tests, fixture_new, fixture_free);
}
