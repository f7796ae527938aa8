/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers of OCI configurations, without cgroups (cgroup_box_test.c has those): namespaces, mounts, devices, paths, hooks, the gate,
 * terminals, and a second process. Needs root; see box_fixture.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/rt_attr.h"
#include "node/runtime/test/box_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALL_CAPS (~0ull)

enum { FS_MAX = 12 };

/* One configuration, to be changed by a test before it is run. */
struct bundle {
	struct rt_process_attr process;
	struct rt_box_attr box;
	struct rt_fs fs[FS_MAX];
	struct rt_spec spec;
};

static const struct rt_fs_option dev_options[] = {{"mode", "755"}, {"size", "65536k"}, {NULL, NULL}};
static const struct rt_fs_option pts_options[] = {
    {"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {NULL, NULL}};

static struct rt_fs *add_fs(struct bundle *b, const char *type, const char *target, const struct rt_fs_option *options,
			    uint64_t attributes)
{
	struct rt_fs *m = &b->fs[b->box.n_mounts++];

	assert_true(b->box.n_mounts <= FS_MAX);
	*m = (struct rt_fs){.type = RT_FS_NEW,
			    .fs_type = type,
			    .source = type,
			    .source_fd = -1,
			    .target = target,
			    .options = options,
			    .attr_set = attributes};
	return m;
}

static struct rt_fs *add_bind(struct bundle *b, int fd, const char *target)
{
	struct rt_fs *m = add_fs(b, NULL, target, NULL, 0);

	m->type = RT_FS_BIND;
	m->source = "source";
	m->source_fd = fd;
	m->recursive = true;
	return m;
}

static void bundle_new(struct bundle *b, struct fixture *f, char *const *argv)
{
	static char *env[] = {(char *)"PATH=/bin:/not-executable", NULL};

	memset(b, 0, sizeof *b);
	b->process.caps = (struct rt_caps){.bounding = ALL_CAPS, .effective = ALL_CAPS, .permitted = ALL_CAPS};
	b->process.no_new_privs = true;
	b->box.mounts = b->fs;
	b->box.gate = b->box.listener = -1;
	b->box.keyring = true;
	for (int t = 0; t < RT_NS_TYPES; t++)
		b->box.ns[t] = (struct rt_namespace){.wanted = t != RT_NS_USER && t != RT_NS_TIME, .fd = -1};
	add_fs(b, "proc", "/proc", NULL, 0);
	add_fs(b, "tmpfs", "/dev", dev_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
	add_fs(b, "devpts", "/dev/pts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	b->spec = (struct rt_spec){.id = "bundle",
				   .root_fd = f->lower,
				   .upper_fd = -1,
				   .work_fd = -1,
				   .argv = argv,
				   .env = env,
				   .hostname = "bundle",
				   .stdin_fd = -1,
				   .process = &b->process,
				   .box = &b->box};
}

static void says(struct bundle *b, int code, const char *out)
{
	struct outcome o;

	fixture_run(&b->spec, &o);
	if (o.r < 0)
		print_error("%s\n", o.err.text);
	assert_int_equal(o.r, 0);
	assert_string_equal(buf_str(&o.out), out);
	assert_int_equal(o.exit.code, code);
	outcome_free(&o);
}

static void fails(struct bundle *b, enum rt_fault fault, const char *text)
{
	struct outcome o;

	fixture_run(&b->spec, &o);
	assert_true(o.r < 0);
	assert_int_equal(o.fault, fault);
	if (!strstr(o.err.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, o.err.text);
	outcome_free(&o);
}

#define SH(script) ARGV((char *)"sh", (char *)"-c", (char *)(script))

static void programs_run_as_told(void **state)
{
	static const gid_t gids[] = {100, 1001};
	static const struct rt_rlimit limit = {.resource = RLIMIT_NOFILE, .soft = 100, .hard = 200};
	struct fixture *f = fixture_get(state);
	struct bundle b;

	bundle_new(&b, f, SH("echo $$ $(hostname) $(pwd); exit 7"));
	says(&b, 7, "1 bundle /\n");
	bundle_new(
	    &b, f,
	    SH("echo $(grep -E '^(Uid|Gid|Groups)' /proc/self/status); umask; pwd; ulimit -n; ulimit -Hn; echo $HOME"));
	b.process.uid = 1000;
	b.process.gid = 1001;
	b.process.gids = gids;
	b.process.n_gids = 2;
	b.process.has_umask = true;
	b.process.umask = 027;
	b.process.rlimits = &limit;
	b.process.n_rlimits = 1;
	b.spec.cwd = "/home";
	says(&b, 0,
	     "Uid: 1000 1000 1000 1000 Gid: 1001 1001 1001 1001 Groups: 100 1001\n0027\n/home\n100\n200\n/home\n");
	bundle_new(&b, f, SH("grep -E '^(Cap|NoNew)' /proc/self/status"));
	b.process.caps = (struct rt_caps){
	    .bounding = 0xff, .permitted = 0x0f, .effective = 0x03, .inheritable = 0x03, .ambient = 0x01};
	b.process.uid = 1000;
	says(&b, 0,
	     "CapInh:\t0000000000000003\nCapPrm:\t0000000000000001\nCapEff:\t0000000000000001\nCapBnd:"
	     "\t00000000000000ff\n"
	     "CapAmb:\t0000000000000001\nNoNewPrivs:\t1\n");
	bundle_new(&b, f, SH("cat /proc/self/oom_score_adj"));
	b.process.has_oom_score_adj = true;
	b.process.oom_score_adj = 500;
	says(&b, 0, "500\n");
}

static void programs_that_are_not_there(void **state)
{
	struct fixture *f = fixture_get(state);
	struct bundle b;

	bundle_new(&b, f, ARGV((char *)"nonesuch"));
	fails(&b, RT_FAULT_NOT_FOUND, "executable file not found in $PATH");
	bundle_new(&b, f, ARGV((char *)"/etc/plain"));
	fails(&b, RT_FAULT_NOT_EXECUTABLE, "/etc/plain");
	bundle_new(&b, f, ARGV((char *)"true"));
	b.box.ns[RT_NS_MOUNT].wanted = false;
	fails(&b, RT_FAULT_OURS, "mount namespace");
}

static void mounts_are_made_in_order(void **state)
{
	static const struct rt_fs_option small[] = {{"size", "64k"}, {"mode", "0700"}, {NULL, NULL}};
	struct fixture *f = fixture_get(state);
	fd_cleanup int canary = openat(f->fd, "canary", O_PATH | O_CLOEXEC);
	struct bundle b;

	bundle_new(&b, f,
		   SH("stat -c %a /tmp/t; grep -c ' /tmp/t .*size=64k' /proc/mounts; cat /tmp/t/in/secret; touch "
		      "/tmp/t/in/x || "
		      "echo ro; touch /tmp/t/y || echo sealed"));
	add_fs(&b, "tmpfs", "/tmp/t", small, MOUNT_ATTR_RDONLY);
	add_bind(&b, canary, "/tmp/t/in")->attr_set = MOUNT_ATTR_RDONLY;
	says(&b, 0,
	     "700\n1\nsecret\ntouch: /tmp/t/in/x: Read-only file system\nro\ntouch: /tmp/t/y: Read-only file "
	     "system\nsealed\n");
	bundle_new(&b, f, SH("ls /etc | head -n 2; stat -c '%a %u' /etc/script; echo new >/etc/new && cat /etc/new"));
	add_fs(&b, "tmpfs", "/etc", NULL, 0)->copy_up = true;
	says(&b, 0, "garbage\ngroup\n755 0\nnew\n");
	bundle_new(&b, f, ARGV((char *)"true"));
	add_bind(&b, canary, "/proc/sys");
	fails(&b, RT_FAULT_OURS, "/proc/sys");
	bundle_new(&b, f, ARGV((char *)"true"));
	add_bind(&b, canary, "//proc/./");
	fails(&b, RT_FAULT_OURS, "only proc");
	bundle_new(&b, f, ARGV((char *)"true"));
	add_fs(&b, "nonesuch", "/tmp/t", NULL, 0);
	fails(&b, RT_FAULT_OURS, "nonesuch");
	bundle_new(&b, f, ARGV((char *)"true"));
	add_fs(&b, "tmpfs", "/..", NULL, 0);
	fails(&b, RT_FAULT_OURS, "root itself");
}

static void devices_and_paths(void **state)
{
	static const struct rt_device fuse = {
	    .path = "/dev/x/fuse", .type = 'c', .major = 10, .minor = 229, .mode = 0640, .uid = 5, .gid = 6};
	static const char *const masked[] = {"/etc/passwd", "/home", "/not/there", NULL};
	static const char *const sealed[] = {"/proc/sys", "/tmp", NULL};
	static const struct rt_sysctl sysctls[] = {{"net.ipv4.ip_forward", "1"}, {"kernel.msgmax", "4096"}};
	struct fixture *f = fixture_get(state);
	struct bundle b;

	bundle_new(&b, f,
		   SH("stat -c '%F %t:%T %a %u:%g' /dev/x/fuse; stat -c '%t:%T' /dev/null; ls -l /dev/ptmx | grep -o "
		      "'pts.*'"));
	b.box.devices = &fuse;
	b.box.n_devices = 1;
	says(&b, 0, "character special file a:e5 640 5:6\n1:3\npts/ptmx\n");
	bundle_new(&b, f,
		   SH("cat /etc/passwd; ls /home; touch /home/x || touch /tmp/x || echo x >/proc/sys/kernel/domainname "
		      "|| echo sealed"));
	b.box.masked = masked;
	b.box.read_only_paths = sealed;
	says(&b, 0,
	     "touch: /home/x: Read-only file system\ntouch: /tmp/x: Read-only file system\n"
	     "sh: can't create /proc/sys/kernel/domainname: Read-only file system\nsealed\n");
	bundle_new(&b, f, SH("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax"));
	b.box.sysctls = sysctls;
	b.box.n_sysctls = 2;
	says(&b, 0, "1\n4096\n");
}

static void users_are_mapped(void **state)
{
	static const struct rt_id_map maps[] = {{.inside = 0, .outside = 0, .count = 1},
						{.inside = 1, .outside = 100001, .count = 9999}};
	struct fixture *f = fixture_get(state);
	struct bundle b;

	bundle_new(&b, f,
		   SH("id -u; while read a b c; do echo $a $b $c; done </proc/self/uid_map; stat -c '%t:%T' /dev/zero; "
		      "cat /dev/null"));
	b.box.ns[RT_NS_USER].wanted = true;
	b.box.uid_maps = b.box.gid_maps = maps;
	b.box.n_uid_maps = b.box.n_gid_maps = 2;
	says(&b, 0, "0\n0 0 1\n1 100001 9999\n1:5\n");
}

static void namespaces_are_joined_or_kept(void **state)
{
	struct fixture *f = fixture_get(state);
	fd_cleanup int out = -1, net = -1, pid = -1;
	struct rt_box first;
	struct rt_exit e;
	struct bundle a, b;
	char path[64], want[64];
	struct stat st;

	bundle_new(&a, f, SH("echo ready; exec sleep 1000"));
	fixture_start(&a.spec, &first, &out, "ready\n");
	snprintf(path, sizeof path, "/proc/%d/ns/net", first.pid);
	net = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(net, &st), 0);
	snprintf(path, sizeof path, "/proc/%d/ns/pid", first.pid);
	pid = open(path, O_RDONLY | O_CLOEXEC);
	bundle_new(&b, f, SH("stat -Lc %i /proc/self/ns/net; cat /proc/1/comm; test $$ != 1"));
	b.box.ns[RT_NS_NETWORK].fd = net;
	b.box.ns[RT_NS_PID].fd = pid;
	snprintf(want, sizeof want, "%llu\nsleep\n", (unsigned long long)st.st_ino);
	says(&b, 0, want);
	assert_int_equal(rt_signal(&first, SIGKILL, NULL), 0);
	fixture_end(&first, &e);
	assert_int_equal(e.signal, SIGKILL);

	assert_int_equal(stat("/proc/self/ns/uts", &st), 0);
	snprintf(want, sizeof want, "%llu\n", (unsigned long long)st.st_ino);
	bundle_new(&b, f, SH("stat -Lc %i /proc/self/ns/uts"));
	b.box.ns[RT_NS_UTS].wanted = false;
	b.spec.hostname = NULL;
	says(&b, 0, want);

	bundle_new(&b, f, SH("read up rest </proc/uptime; test ${up%%.*} -gt 1000000 && echo later"));
	b.box.ns[RT_NS_TIME].wanted = true;
	b.box.boottime = (struct rt_time_offset){.set = true, .secs = 1000000};
	says(&b, 0, "later\n");
}

struct hooked {
	int fd;
	pid_t pid;
};

static int note(const struct hooked *h, const char *text)
{
	return fd_write_all(h->fd, text, strlen(text));
}

static int on_runtime(void *ctx, pid_t pid, struct err *err)
{
	(void)err;
	((struct hooked *)ctx)->pid = pid;
	return note(ctx, "runtime ");
}

static char in_root[128];

static int on_container(void *ctx, struct err *err)
{
	(void)err;
	/* Before pivot_root the host's tree is still there, in another mount namespace, with the container's mounts in its root. */
	return note(ctx, access("/usr", F_OK) == 0 && access(in_root, F_OK) == 0 ? "container " : "lost ");
}

/* It gets what the program will get: HOME from the image's passwd, too. */
static int on_start(void *ctx, char *const *env, struct err *err)
{
	bool home = false;

	(void)err;
	for (; *env; env++)
		home = home || strncmp(*env, "HOME=/", 6) == 0;
	return note(ctx, home && access("/etc/script", X_OK) == 0 && access("/usr", F_OK) < 0 ? "start" : "lost");
}

static int on_failure(void *ctx, pid_t pid, struct err *err)
{
	(void)ctx;
	(void)pid;
	return err_set(err, EIO, "the hook failed");
}

static void hooks_run_in_order(void **state)
{
	struct fixture *f = fixture_get(state);
	struct hooked h = {.pid = 0};
	char text[64];
	int fds[2];
	ssize_t n;
	struct bundle b;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	h.fd = fds[1];
	snprintf(in_root, sizeof in_root, "%s/lower/proc/self", f->dir);
	bundle_new(&b, f, ARGV((char *)"true"));
	b.box.ctx = &h;
	b.box.create_runtime = on_runtime;
	b.box.create_container = on_container;
	b.box.start_container = on_start;
	says(&b, 0, "");
	close(fds[1]);
	n = read(fds[0], text, sizeof text - 1);
	close(fds[0]);
	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, "runtime container start");
	assert_true(h.pid > 0);
	b.box.create_runtime = on_failure;
	fails(&b, RT_FAULT_OURS, "the hook failed");
}

static int open_gate(struct fixture *f, struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(a->sun_path, sizeof a->sun_path, "%s/gate", f->dir);
	unlink(a->sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)a, sizeof *a), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int release(const struct sockaddr_un *a, enum rt_fault *fault, struct err *err)
{
	fd_cleanup int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(sock, (const struct sockaddr *)a, sizeof *a), 0);
	return rt_release(sock, fault, err);
}

static void a_created_container_waits(void **state)
{
	struct fixture *f = fixture_get(state);
	struct sockaddr_un a;
	fd_cleanup int gate = open_gate(f, &a);
	enum rt_fault fault;
	struct err err = ERR_INIT;
	struct rt_box box;
	struct rt_exit e;
	struct bundle b;

	bundle_new(&b, f, SH("exit 3"));
	b.box.gate = gate;
	assert_int_equal(rt_start(&b.spec, &box, &fault, &err), 0);
	assert_int_equal(proc_pidfd_wait(box.pidfd, 0), 0);
	assert_int_equal(release(&a, &fault, &err), 0);
	assert_int_equal(rt_reap(&box, &e, &err), 0);
	assert_int_equal(e.code, 3);

	/* Not there already at the creation; there, but not a program, at the start. */
	bundle_new(&b, f, ARGV((char *)"nonesuch"));
	b.box.gate = gate;
	fails(&b, RT_FAULT_NOT_FOUND, "nonesuch");
	bundle_new(&b, f, ARGV((char *)"/bin"));
	b.box.gate = gate;
	fails(&b, RT_FAULT_NOT_EXECUTABLE, "/bin");
	bundle_new(&b, f, ARGV((char *)"/etc/garbage"));
	b.box.gate = gate;
	assert_int_equal(rt_start(&b.spec, &box, &fault, &err), 0);
	assert_true(release(&a, &fault, &err) < 0);
	assert_int_equal(fault, RT_FAULT_NOT_EXECUTABLE);
	assert_int_equal(rt_reap(&box, &e, &err), 0);
	unlink(a.sun_path);
}

static int kill_it(void *ctx, pid_t pid, struct err *err)
{
	(void)ctx;
	return kill(pid, SIGKILL) < 0 ? err_sys(err, errno, "kill") : 0;
}

/* It closes the channel as one does that executes its program. */
static void who_is_killed_early_has_not_started(void **state)
{
	struct fixture *f = fixture_get(state);
	struct bundle b;

	bundle_new(&b, f, ARGV((char *)"true"));
	b.box.create_runtime = kill_it;
	fails(&b, RT_FAULT_OURS, "killed");
}

static void terminals_are_handed_over(void **state)
{
	struct fixture *f = fixture_get(state);
	struct err err = ERR_INIT;
	enum rt_fault fault;
	struct rt_box box;
	struct rt_exit e;
	struct bundle b;
	char text[128];
	size_t n = 0;

	bundle_new(&b, f,
		   SH("test -t 0 && test -t 1 && test -t 2 && test -c /dev/console && echo tty >/dev/tty; stat -Lc %t "
		      "/dev/console"));
	b.process.terminal = true;
	b.process.rows = 10;
	b.process.cols = 20;
	assert_int_equal(rt_start(&b.spec, &box, &fault, &err), 0);
	assert_true(box.terminal_fd >= 0);
	for (ssize_t got = 1; got > 0 && n<sizeof text - 1; n += got> 0 ? (size_t)got : 0)
		got = read(box.terminal_fd, text + n, sizeof text - 1 - n);
	text[n] = '\0';
	close(box.terminal_fd);
	assert_int_equal(rt_reap(&box, &e, &err), 0);
	assert_string_equal(text, "tty\r\n88\r\n");
	assert_int_equal(e.code, 0);

	bundle_new(&b, f, ARGV((char *)"true"));
	b.process.terminal = true;
	b.box.n_mounts = 2; /* no devpts */
	fails(&b, RT_FAULT_OURS, "devpts");
}

static void processes_join(void **state)
{
	struct fixture *f = fixture_get(state);
	struct rt_process_attr attr = {.uid = 5, .gid = 6, .no_new_privs = true};
	struct rt_exec_spec spec = {
	    .argv = ARGV((char *)"sh", (char *)"-c", (char *)"echo $(grep -E ^[UG]id /proc/self/status) $(hostname)"),
	    .process = &attr,
	    .stdin_fd = -1,
	    .stderr_fd = -1};
	fd_cleanup int out = -1, pidfd = -1;
	struct err err = ERR_INIT;
	enum rt_fault fault;
	struct rt_box box, again;
	struct rt_exit e;
	struct bundle b;
	char text[64];
	int fds[2], status;
	pid_t pid;
	ssize_t n;

	bundle_new(&b, f, SH("echo ready; exec sleep 1000"));
	fixture_start(&b.spec, &box, &out, "ready\n");
	assert_int_equal(rt_open(box.pid, box.start_time + 1, &again, &err), -ESRCH);
	assert_int_equal(rt_open(box.pid, box.start_time, &again, &err), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.stdout_fd = fds[1];
	pidfd = rt_exec(&again, &spec, &pid, &fault, &err);
	assert_true(pidfd >= 0);
	close(fds[1]);
	n = read(fds[0], text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	assert_string_equal(text, "Uid: 5 5 5 5 Gid: 6 6 6 6 bundle\n");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	spec.argv = ARGV((char *)"nonesuch");
	spec.stdout_fd = -1;
	assert_true(rt_exec(&again, &spec, &pid, &fault, &err) < 0);
	assert_int_equal(fault, RT_FAULT_NOT_FOUND);
	assert_int_equal(rt_signal(&again, SIGKILL, &err), 0);
	fixture_end(&box, &e);
	assert_int_equal(rt_delete(&again, &err), 0);
	assert_true(rt_open(box.pid, again.start_time, &again, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(programs_run_as_told),
	    cmocka_unit_test(programs_that_are_not_there),
	    cmocka_unit_test(mounts_are_made_in_order),
	    cmocka_unit_test(devices_and_paths),
	    cmocka_unit_test(users_are_mapped),
	    cmocka_unit_test(namespaces_are_joined_or_kept),
	    cmocka_unit_test(hooks_run_in_order),
	    cmocka_unit_test(a_created_container_waits),
	    cmocka_unit_test(terminals_are_handed_over),
	    cmocka_unit_test(processes_join),
	    cmocka_unit_test(who_is_killed_early_has_not_started),
	};

	return cmocka_run_group_tests(tests, fixture_new, fixture_free);
}
