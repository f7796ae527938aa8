/* SPDX-License-Identifier: Apache-2.0
 *
 * Real containers: what they see, how they end, and that nothing of them is left. Needs root; see box_fixture.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/cgroup.h"
#include "node/runtime/early.h"
#include "node/runtime/netpool.h"
#include "node/runtime/test/box_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define SH(script)                                                                                                     \
	{                                                                                                              \
		"sh", "-c", script, NULL                                                                               \
	}

struct run_case {
	const char *argv[6];
	void (*change)(struct rt_spec *spec);
	int code;
	const char *out; /* the whole output, or NULL */
};

static void as_user(struct rt_spec *spec)
{
	spec->user = "user";
}

static void as_numbers(struct rt_spec *spec)
{
	spec->user = "7777:8888";
}

static void in_home(struct rt_spec *spec)
{
	spec->cwd = "/home";
}

static void in_new_dir(struct rt_spec *spec)
{
	spec->cwd = "/new/dir";
}

static void named(struct rt_spec *spec)
{
	spec->hostname = "a-name";
}

static void read_only(struct rt_spec *spec)
{
	spec->read_only = true;
}

static void no_upper(struct rt_spec *spec)
{
	spec->upper_fd = spec->work_fd = -1;
}

static void no_init(struct rt_spec *spec)
{
	spec->no_init = true;
}

static void one_directory(struct rt_spec *spec)
{
	spec->root_fd = spec->lower_fds[0];
	spec->n_lower = 0;
	spec->read_only = true;
}

static void no_caps(struct rt_spec *spec)
{
	spec->caps = 0;
}

static void discarded(struct rt_spec *spec)
{
	spec->discard_upper = true;
}

static void with_userns(struct rt_spec *spec)
{
	spec->user_namespace = true;
	spec->userns_base = 1u << 20;
}

static void userns_no_upper(struct rt_spec *spec)
{
	with_userns(spec);
	no_upper(spec);
}

static void on_host_network(struct rt_spec *spec)
{
	spec->host_network = true;
}

static void with_limits(struct rt_spec *spec)
{
	spec->limits = (struct rt_limits){.cpu_milli = 500, .memory = 64 << 20, .pids = 20};
}

static const struct run_case runs[] = {
    {{"true"}, NULL, 0, ""},
    {{"false"}, NULL, 1, ""},
    {SH("exit 42"), NULL, 42, ""},
    {SH("kill -9 $$"), NULL, 137, ""},
    {SH("kill -TERM $$"), NULL, 143, ""},
    {{"/bin/echo", "a  b", "c"}, NULL, 0, "a  b c\n"},
    {{"/etc/script"}, NULL, 0, "script\n"},
    {SH("echo $GREETING $HOME $#"), NULL, 0, "hello /root 0\n"},
    {SH("echo err >&2; cat"), NULL, 0, "err\n"},
    {SH("echo $$"), NULL, 0, "2\n"},
    {SH("echo $$"), no_init, 0, "1\n"},
    {SH("exit 3"), no_init, 3, ""},
    {SH("cat /proc/1/comm; ls /proc/1/fd; ls /proc/1/exe"), NULL, 1, NULL},
    {{"pwd"}, NULL, 0, "/\n"},
    {{"pwd"}, in_home, 0, "/home\n"},
    {{"pwd"}, in_new_dir, 0, "/new/dir\n"},
    {{"hostname"}, named, 0, "a-name\n"},
    {{"helper", "groups"}, NULL, 0, "0:0 0,10\n"},
    {{"helper", "groups"}, as_user, 0, "1000:1001 10,29,1001\n"},
    {{"helper", "groups"}, as_numbers, 0, "7777:8888 8888\n"},
    {SH("echo $HOME; echo x > /dev/stdout; touch /etc/x 2>&-"), as_user, 1, "/home\nx\n"},
    {SH("touch /x /tmp/x && echo done"), NULL, 0, "done\n"},
    {SH("touch /x /tmp/x && echo done"), discarded, 0, "done\n"},
    {SH("touch /x 2>&- || echo no; touch /dev/shm/x && echo shm"), read_only, 0, "no\nshm\n"},
    {SH("touch /x 2>&- || echo no"), no_upper, 0, "no\n"},
    {SH("grep Cap /proc/self/status"), no_caps, 0,
     "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:"
     "\t0000000000000000\nCapAmb:\t"
     "0000000000000000\n"},
    {SH("grep -E 'CapInh|CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status"), NULL, 0,
     "CapInh:\t0000000000000000\nCapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\nNoNewPrivs:\t1\nSeccomp:\t2\n"},
    {SH("grep -E 'CapInh|CapPrm|CapEff' /proc/self/status"), as_user, 0,
     "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"},
    {{"helper", "network"}, NULL, 0, "lo up\n"},
    {{"helper", "signals"}, NULL, 0, "odd 0\n"},
    {{"helper", "orphan"}, NULL, 0, ""},
    {SH("ls /dev"), NULL, 0,
     "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"},
    {SH("echo x >/dev/null && stat -c '%t %T' /dev/null /dev/full"), NULL, 0, "1 3\n1 7\n"},
    {SH("set -- /proc/[0-9]*; echo $#"), NULL, 0, "2\n"},
    {SH("ls /proc/self/fd"), NULL, 0, "0\n1\n2\n3\n"}, /* 3 is ls's own */
    {SH("grep -c ':/$' /proc/self/cgroup; grep -v ':/$' /proc/self/cgroup | grep berth"), NULL, 1, NULL},
    {SH("touch /sys/x /proc/sys/x 2>&-; echo 1 2>&- > /proc/sys/kernel/pid_max || echo ro; ls /proc/acpi "
	"/sys/firmware"),
     NULL, 0, NULL},
    {SH("helper eat 1; echo $?"), with_limits, 0, "0\n"},
    {{"/bin/true"}, on_host_network, 0, ""},
    {SH("helper groups; touch /x && stat -c '%u:%g' /x /bin/sh; echo >/dev/null; cat /proc/self/uid_map"), with_userns,
     0, "0:0 0,10\n0:0\n0:0\n         0    1048576      65536\n"},
    {SH("helper groups; touch /x 2>&- || echo no"), userns_no_upper, 0, "0:0 0,10\nno\n"},
};

static void containers_run(void **state)
{
	struct fixture *f = fixture_get(state);

	for (size_t i = 0; i < COUNT(runs); i++) {
		struct rt_spec spec = fixture_spec(f, (char *const *)runs[i].argv);
		struct outcome o;

		if (runs[i].change)
			runs[i].change(&spec);
		if (spec.n_lower == 0)
			close(spec.root_fd);
		fixture_run(&spec, &o);
		if (o.r < 0)
			fail_msg("run %zu (%s): %s", i, runs[i].argv[0], o.err.text);
		if (o.exit.code != runs[i].code || (runs[i].out && strcmp(buf_str(&o.out), runs[i].out) != 0))
			fail_msg("run %zu (%s %s): code %d, output \"%s\"", i, runs[i].argv[0], runs[i].argv[2],
				 o.exit.code, buf_str(&o.out));
		assert_int_equal(o.exit.signal, o.exit.code > 128 ? o.exit.code - 128 : 0);
		assert_false(o.exit.oom_killed);
		outcome_free(&o);
	}
}

/* The shifted owner is in the files, not only in what the container sees. */
static void shifted_owners_are_stored(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, ARGV((char *)"touch", (char *)"/made"));
	struct outcome o;
	struct stat st;

	with_userns(&spec);
	fixture_run(&spec, &o);
	if (o.r < 0 || o.exit.code != 0)
		fail_msg("%d: %s", o.exit.code, o.err.text);
	outcome_free(&o);
	assert_int_equal(fstatat(f->upper, "made", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
}

static void one_directory_can_be_the_root(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec =
	    fixture_spec(f, ARGV((char *)"sh", (char *)"-c", (char *)"touch /x 2>&- || cat /etc/plain"));
	struct outcome o;

	one_directory(&spec);
	fixture_run(&spec, &o);
	assert_string_equal(buf_str(&o.out), "text\n");
	outcome_free(&o);
	/* The places to mount on were made in it, as the header says. */
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(unlinkat(f->lower, (const char *const[]){"proc", "sys", "dev"}[i], AT_REMOVEDIR), 0);
}

static void failures_say_whose_fault(void **state)
{
	static const struct {
		const char *argv0;
		enum rt_fault fault;
		const char *text;
	} cases[] = {
	    {"nothing-here", RT_FAULT_NOT_FOUND,
	     "exec: \"nothing-here\": executable file not found in $PATH (/bin:/not-executable)"},
	    {"/nothing/here", RT_FAULT_NOT_FOUND, "executable file not found"},
	    {"", RT_FAULT_NOT_FOUND, "executable file not found"},
	    {"/etc/plain", RT_FAULT_NOT_EXECUTABLE, "exec: \"/etc/plain\": permission denied"},
	    {"/etc", RT_FAULT_NOT_EXECUTABLE, "exec: \"/etc\": permission denied"},
	    {"/etc/garbage", RT_FAULT_NOT_EXECUTABLE, "Exec format error"},
	};
	struct fixture *f = fixture_get(state);

	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		size_t c = i / 2;
		struct rt_spec spec = fixture_spec(f, ARGV((char *)cases[c].argv0));
		struct outcome o;

		spec.no_init = i % 2;
		fixture_run(&spec, &o);
		if (o.r >= 0)
			fail_msg("\"%s\" started: code %d", cases[c].argv0, o.exit.code);
		assert_int_equal(o.fault, cases[c].fault);
		assert_non_null(strstr(o.err.text, cases[c].text));
		assert_memory_equal(o.err.text, "start container test-", 21);
		outcome_free(&o);
	}
}

static void bad_requests_are_ours(void **state)
{
	struct fixture *f = fixture_get(state);
	const struct rt_mount bad_mounts[] = {
	    {.type = RT_MOUNT_TMPFS, .target = "relative"},
	    {.type = RT_MOUNT_TMPFS, .target = "/"},
	    {.type = RT_MOUNT_TMPFS, .target = "/proc"},
	    {.type = RT_MOUNT_TMPFS, .target = "/proc/sys"},
	    {.type = RT_MOUNT_BIND, .source_fd = -1, .target = "/x"},
	    {.type = RT_MOUNT_BIND, .source_fd = f->lower, .target = "/etc/plain"},
	};
	static const char *const bad_users[] = {"", "0x0", "4294967296", "nobody", "user:nogroup"};
	struct outcome o;

	for (size_t i = 0; i < COUNT(bad_mounts) + COUNT(bad_users) + 3; i++) {
		struct rt_spec spec = fixture_spec(f, ARGV((char *)"true"));

		if (i < COUNT(bad_mounts)) {
			spec.mounts = &bad_mounts[i];
			spec.n_mounts = 1;
		} else if (i < COUNT(bad_mounts) + COUNT(bad_users)) {
			spec.user = bad_users[i - COUNT(bad_mounts)];
		} else if (i == COUNT(bad_mounts) + COUNT(bad_users)) {
			spec.cwd = "relative";
		} else if (i == COUNT(bad_mounts) + COUNT(bad_users) + 1) {
			spec.cwd = "/etc/plain";
		} else {
			spec.limits.cpu_milli = 1;
		}
		fixture_run(&spec, &o);
		if (o.r >= 0)
			fail_msg("bad request %zu was accepted", i);
		assert_int_equal(o.fault, RT_FAULT_OURS);
		outcome_free(&o);
	}
}

static void volumes_are_mounted(void **state)
{
	struct fixture *f = fixture_get(state);
	fd_cleanup int canary = openat(f->fd, "canary", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd_cleanup int file = openat(f->fd, "canary/secret", O_PATH | O_CLOEXEC);
	const struct rt_mount mounts[] = {
	    {.type = RT_MOUNT_BIND, .source_fd = canary, .target = "/data/rw"},
	    {.type = RT_MOUNT_BIND, .source_fd = canary, .target = "/data/ro", .read_only = true},
	    {.type = RT_MOUNT_BIND, .source_fd = file, .target = "/run/a/file", .read_only = true},
	    {.type = RT_MOUNT_TMPFS, .target = "/scratch", .size = 8192, .mode = 0700, .noexec = true},
	};
	static const char script[] =
	    "echo new > /data/rw/made && cat /data/ro/made /run/a/file; touch /data/ro/x 2>&- || echo ro;"
	    "echo x 2>&- > /run/a/file || echo ro; stat -c %a /scratch; dd if=/dev/zero of=/scratch/x bs=4096 "
	    "count=9 2>&- || echo full; grep -c 'scratch.*noexec' /proc/self/mountinfo";
	struct rt_spec spec = fixture_spec(f, ARGV((char *)"sh", (char *)"-c", (char *)script));
	struct outcome o;

	spec.mounts = mounts;
	spec.n_mounts = COUNT(mounts);
	spec.read_only = true;
	fixture_run(&spec, &o);
	if (o.r < 0)
		fail_msg("%s", o.err.text);
	assert_string_equal(buf_str(&o.out), "new\nsecret\nro\nro\n700\nfull\n1\n");
	outcome_free(&o);
	assert_int_equal(unlinkat(f->fd, "canary/made", 0), 0);
}

static void layers_lie_on_each_other(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec =
	    fixture_spec(f, ARGV((char *)"sh", (char *)"-c", (char *)"cat /etc/plain; ls -d /secret"));
	int lowers[40];
	struct outcome o;

	/* the canary's directory under 38 copies of the layer that hides nothing of it */
	for (size_t i = 0; i < COUNT(lowers); i++)
		lowers[i] = i == 1 ? openat(f->fd, "canary", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : f->lower;
	spec.lower_fds = lowers;
	spec.n_lower = 2;
	fixture_run(&spec, &o);
	close(lowers[1]);
	assert_string_equal(buf_str(&o.out), "text\n/secret\n");
	outcome_free(&o);
}

static void signals_reach_the_payload(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGWINCH, SIGPIPE};
	struct fixture *f = fixture_get(state);

	for (size_t i = 0; i < COUNT(signals); i++) {
		char number[8];
		struct rt_spec spec = fixture_spec(f, ARGV((char *)"helper", (char *)"trap", number));
		struct err err = ERR_INIT;
		struct rt_exit ended;
		struct rt_box box;
		int out;

		snprintf(number, sizeof number, "%d", signals[i]);
		fixture_start(&spec, &box, &out, "ready\n");
		close(out);
		assert_int_equal(rt_signal(&box, signals[i], &err), 0);
		fixture_end(&box, &ended);
		assert_int_equal(ended.code, signals[i]);
		assert_int_equal(rt_signal(&box, signals[i], &err), 0);
		assert_int_equal(rt_signal(&box, 0, &err), -EINVAL);
	}
}

static char state_of(pid_t pid)
{
	char path[64], text[512];
	fd_cleanup int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return '-';
	text[n] = '\0';
	return strrchr(text, ')')[2];
}

static pid_t payload_of(const struct rt_box *box)
{
	char path[64], text[32] = "";
	fd_cleanup int fd = -1;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)box->pid, (int)box->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
	return (pid_t)strtol(text, NULL, 10);
}

static void stop_and_kill_work(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, ARGV((char *)"helper", (char *)"wait"));
	struct err err = ERR_INIT;
	struct rt_exit ended;
	struct rt_box box;
	pid_t payload;
	int out;

	fixture_start(&spec, &box, &out, "ready\n");
	payload = payload_of(&box);
	assert_int_equal(rt_signal(&box, SIGSTOP, &err), 0);
	while (state_of(payload) != 'T')
		sched_yield();
	assert_int_not_equal(state_of(box.pid), 'T');
	assert_int_equal(rt_signal(&box, SIGCONT, &err), 0);
	while (state_of(payload) == 'T')
		sched_yield();
	assert_int_equal(rt_signal(&box, SIGKILL, &err), 0);
	fixture_end(&box, &ended);
	assert_int_equal(ended.code, 137);
	assert_int_equal(ended.signal, SIGKILL);
	close(out);
}

static void delete_ends_what_runs(void **state)
{
	struct fixture *f = fixture_get(state);

	for (int by_name = 0; by_name < 2; by_name++) {
		struct rt_spec spec = fixture_spec(f, ARGV((char *)"helper", (char *)"wait"));
		struct err err = ERR_INIT;
		struct rt_exit ended;
		struct rt_box box, found;
		char c;
		int out;

		fixture_start(&spec, &box, &out, "ready\n");
		rt_find(spec.id, &found);
		assert_string_equal(found.cgroup, box.cgroup);
		if (rt_delete(by_name ? &found : &box, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(read(out, &c, 1), 0);
		close(out);
		if (by_name)
			fixture_end(&box, &ended);
	}
}

/* The monitor is a process that starts a container, says its pid and dies. */
static void a_container_dies_with_its_monitor(void **state)
{
	struct fixture *f = fixture_get(state);

	for (int direct = 0; direct < 2; direct++) {
		struct rt_spec spec = fixture_spec(f, ARGV((char *)"helper", (char *)"wait"));
		struct err err = ERR_INIT;
		struct rt_box box;
		int pair[2];
		char text[16];
		pid_t monitor;

		spec.no_init = direct;
		spec.user = direct ? "user" : NULL;
		assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
		monitor = fork();
		if (monitor == 0) {
			enum rt_fault fault;

			spec.stdout_fd = pair[1];
			if (rt_start(&spec, &box, &fault, &err) < 0)
				_exit(1);
			close(pair[1]);
			for (;;)
				pause();
		}
		close(pair[1]);
		assert_int_equal(read(pair[0], text, 6), 6);
		assert_int_equal(kill(monitor, SIGKILL), 0);
		assert_int_equal(waitpid(monitor, NULL, 0), monitor);
		/* The pipe ends when the payload does. */
		assert_int_equal(read(pair[0], text, 1), 0);
		close(pair[0]);
		rt_find(spec.id, &box);
		if (rt_delete(&box, &err) < 0)
			fail_msg("%s", err.text);
	}
}

static void memory_limits_are_enforced(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, ARGV((char *)"helper", (char *)"eat", (char *)"256"));
	struct rt_host host;
	struct outcome o;

	assert_int_equal(rt_host(&host, NULL), 0);
	if (!host.memory) {
		print_message("# skipped: this machine cannot limit memory\n");
		skip();
	}
	spec.limits.memory = 16 << 20;
	fixture_run(&spec, &o);
	if (o.r < 0)
		fail_msg("%s", o.err.text);
	assert_int_equal(o.exit.code, 137);
	assert_true(o.exit.oom_killed);
	assert_true(o.exit.memory_peak > 8 << 20 && o.exit.memory_peak <= 17 << 20);
	outcome_free(&o);
}

static void fork_bombs_are_contained(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, ARGV((char *)"helper", (char *)"bomb"));
	struct err err = ERR_INIT;
	struct rt_exit ended;
	struct rt_host host;
	struct rt_box box;
	int out;

	assert_int_equal(rt_host(&host, NULL), 0);
	if (!host.pids) {
		print_message("# skipped: this machine cannot limit pids\n");
		skip();
	}
	spec.limits.pids = 64;
	fixture_start(&spec, &box, &out, "full EAGAIN ready\n");
	assert_int_equal(rt_signal(&box, SIGKILL, &err), 0);
	fixture_end(&box, &ended);
	assert_int_equal(ended.code, 137);
	close(out);
}

static void processes_are_added(void **state)
{
	static const struct {
		const char *argv[6], *user, *cwd;
		enum rt_fault fault;
		int code;
		const char *out;
	} cases[] = {
	    {SH("echo $HOME; pwd; exit 7"), NULL, NULL, RT_FAULT_NONE, 7, "/root\n/\n"},
	    {{"helper", "groups"}, "user", NULL, RT_FAULT_NONE, 0, "1000:1001 10,29,1001\n"},
	    {{"helper", "network"}, NULL, "/home", RT_FAULT_NONE, 0, "lo up\n"},
	    {SH("grep -E 'CapInh|CapBnd|CapAmb|NoNewPrivs|Seccomp:' /proc/self/status; cat /proc/self/cgroup | grep "
		"berth; ls "
		"/proc/self/fd; ls /proc/1/exe 2>&- || echo shut"),
	     NULL, NULL, RT_FAULT_NONE, 0,
	     "CapInh:\t0000000000000000\nCapBnd:\t00000000800405fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:"
	     "\t2\n"
	     "0\n1\n2\n3\nshut\n"},
	    {{"nothing-here"}, NULL, NULL, RT_FAULT_NOT_FOUND, 0, ""},
	    {{"/etc/plain"}, NULL, NULL, RT_FAULT_NOT_EXECUTABLE, 0, ""},
	    {{"true"}, "0x0", NULL, RT_FAULT_OURS, 0, ""},
	    {{"true"}, NULL, "/proc/self/fd/1", RT_FAULT_OURS, 0, ""},
	};
	struct fixture *f = fixture_get(state);

	for (int userns = 0; userns < 2; userns++) {
		struct rt_spec spec = fixture_spec(f, ARGV((char *)"helper", (char *)"wait"));
		struct rt_exit ended;
		struct rt_box box;
		int out;

		if (userns)
			with_userns(&spec);
		with_limits(&spec);
		fixture_start(&spec, &box, &out, "ready\n");
		for (size_t i = 0; i < COUNT(cases); i++) {
			struct rt_exec_spec exec = {
			    .argv = (char *const *)cases[i].argv,
			    .env = spec.env,
			    .user = cases[i].user,
			    .cwd = cases[i].cwd,
			    .stdin_fd = -1,
			};
			struct err err = ERR_INIT;
			enum rt_fault fault;
			int pair[2], fd, status = 0;
			char text[2048];
			ssize_t n, len = 0;
			pid_t pid;

			assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
			exec.stdout_fd = exec.stderr_fd = pair[1];
			fd = rt_exec(&box, &exec, &pid, &fault, &err);
			close(pair[1]);
			if (fault != cases[i].fault)
				fail_msg("exec %zu (userns %d): %s", i, userns, err.text);
			assert_int_equal(fd >= 0, fault == RT_FAULT_NONE);
			while ((n = read(pair[0], text + len, sizeof text - 1 - (size_t)len)) > 0)
				len += n;
			text[len] = '\0';
			close(pair[0]);
			if (fd < 0)
				continue;
			assert_int_equal(waitpid(pid, &status, 0), pid);
			close(fd);
			if (WEXITSTATUS(status) != cases[i].code || strcmp(text, cases[i].out) != 0)
				fail_msg("exec %zu: code %d, output \"%s\"", i, WEXITSTATUS(status), text);
		}
		assert_int_equal(rt_signal(&box, SIGKILL, NULL), 0);
		fixture_end(&box, &ended);
		close(out);
		assert_int_equal(rt_exec(&box, &(struct rt_exec_spec){.argv = ARGV((char *)"true")}, &(pid_t){0},
					 &(enum rt_fault){0}, NULL),
				 -ESRCH);
	}
}

static size_t open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void many_starts_leave_nothing(void **state)
{
	struct fixture *f = fixture_get(state);
	size_t before = open_descriptors();

	for (int i = 0; i < 30; i++) {
		struct rt_spec spec = fixture_spec(f, ARGV((char *)(i % 3 == 2 ? "missing" : "true")));
		struct outcome o;

		with_limits(&spec);
		spec.no_init = i % 2;
		fixture_run(&spec, &o);
		assert_int_equal(o.r < 0, i % 3 == 2);
		outcome_free(&o);
	}
	/* the upper's two descriptors may have come or gone */
	assert_true(open_descriptors() <= before + 2);
}

/* Nothing is started early in a build with the address sanitizer. */
static void a_payload_that_is_killed_early_has_not_run(void **state)
{
	static struct early early = {.no_filter = true};
	struct err err = ERR_INIT;
	pid_t pid = early_start(&early, &err);
	int status;

	(void)state;
	if (pid == 0) /* with the address sanitizer nothing is started early */
		return;
	assert_true(pid > 0);
	early_wait(&early);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(early_release(&early, &err), -ECANCELED);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	assert_true(WIFSIGNALED(status));
}

static void a_taken_name_is_refused(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(f, ARGV((char *)"helper", (char *)"wait"));
	struct err err = ERR_INIT;
	struct rt_exit ended;
	enum rt_fault fault;
	struct rt_box box, second;
	int out;

	fixture_start(&spec, &box, &out, "ready\n");
	spec.discard_upper = true;
	spec.upper_fd = spec.work_fd = -1;
	spec.stdout_fd = -1;
	assert_int_equal(rt_start(&spec, &second, &fault, &err), -EEXIST);
	assert_int_equal(rt_signal(&box, SIGKILL, &err), 0);
	fixture_end(&box, &ended);
	assert_int_equal(ended.code, 137);
	close(out);
}

static void prepared_networks_are_used_once(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_spec spec = fixture_spec(
	    f, ARGV((char *)"sh", (char *)"-c", (char *)"stat -Lc %i /proc/self/ns/net; cat /sys/class/net/lo/flags"));
	struct netpool pool = {.want = 2};
	struct err err = ERR_INIT;
	struct outcome o;
	struct stat st;
	char want[64];

	assert_int_equal(netpool_take(&pool), -1);
	assert_int_equal(netpool_fill_one(&pool, &err), 1);
	assert_int_equal(netpool_fill_one(&pool, &err), 1);
	assert_int_equal(netpool_fill_one(&pool, &err), 0);
	spec.has_netns = true;
	spec.netns = netpool_take(&pool);
	assert_int_equal(fstat(spec.netns, &st), 0);
	snprintf(want, sizeof want, "%llu\n0x9\n", (unsigned long long)st.st_ino);
	fixture_run(&spec, &o);
	assert_string_equal(buf_str(&o.out), want);
	outcome_free(&o);
	spec.user_namespace = true;
	spec.userns_base = 100000;
	fixture_run(&spec, &o);
	assert_int_equal(o.r, -EINVAL);
	outcome_free(&o);
	close(spec.netns);
	assert_int_equal(pool.n, 1);
	netpool_clear(&pool);
	assert_int_equal(netpool_take(&pool), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(containers_run),
	    cmocka_unit_test(shifted_owners_are_stored),
	    cmocka_unit_test(one_directory_can_be_the_root),
	    cmocka_unit_test(failures_say_whose_fault),
	    cmocka_unit_test(bad_requests_are_ours),
	    cmocka_unit_test(volumes_are_mounted),
	    cmocka_unit_test(layers_lie_on_each_other),
	    cmocka_unit_test(signals_reach_the_payload),
	    cmocka_unit_test(stop_and_kill_work),
	    cmocka_unit_test(delete_ends_what_runs),
	    cmocka_unit_test(a_container_dies_with_its_monitor),
	    cmocka_unit_test(memory_limits_are_enforced),
	    cmocka_unit_test(fork_bombs_are_contained),
	    cmocka_unit_test(processes_are_added),
	    cmocka_unit_test(prepared_networks_are_used_once),
	    cmocka_unit_test(many_starts_leave_nothing),
	    cmocka_unit_test(a_taken_name_is_refused),
	    cmocka_unit_test(a_payload_that_is_killed_early_has_not_run),
	};

	return cmocka_run_group_tests(tests, fixture_new, fixture_free);
}
