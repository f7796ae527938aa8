/* SPDX-License-Identifier: Apache-2.0
 *
 * What a HostConfig of Docker asks of the kernel, seen from inside of real containers.
 */
#include "node/engine/test/world.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/container.h"
#include "node/engine/stream.h"
#include "node/runtime/cgroup_mounts.h"
#include "node/runtime/rt.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

static struct world w;

/* Single quotes stand for double ones; `sh` is what the shell in the container is told. */
static char *spec_of(const char *members, const char *sh)
{
	char *spec = mem_printf("{'image':'busybox','command':['sh','-c','%s']%s%s}", sh, *members ? "," : "", members);

	for (char *p = spec; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return spec;
}

static void forget(const char *id)
{
	struct err err = ERR_INIT;

	if (engine_remove(w.e, id, true, &err) < 0)
		fail_msg("%s", err.text);
}

/* Runs it to its end; what it has said is in w.out. */
static void says(const char *members, const char *sh, const char *out)
{
	mem_cleanup char *spec = spec_of(members, sh);
	const struct engine_container *c = world_run_to_end(&w, spec);

	if (c->exit.error)
		fail_msg("%s: %s", spec, c->exit.error);
	world_output(&w, c->id, -1, false);
	if (out && strcmp(buf_str(&w.out), out) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", spec, buf_str(&w.out), out);
	forget(c->id);
}

/* ---- processes ---- */

static void test_rights(void **state)
{
	static const char caps[] = "busybox grep -E \\\"CapBnd|CapEff|NoNew|Seccomp:\\\" /proc/self/status";
	static const struct {
		const char *members, *out;
	} rows[] = {
	    {"'docker_caps':true",
	     "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\nSeccomp:\t2\n"},
	    {"'docker_caps':true,'cap_drop':['ALL'],'cap_add':['CAP_CHOWN','kill'],'no_new_privileges':false",
	     "CapEff:\t0000000000000021\nCapBnd:\t0000000000000021\nNoNewPrivs:\t0\nSeccomp:\t2\n"},
	    {"'cap_drop':['CHOWN'],'cap_add':['NET_RAW'],'seccomp':'unconfined'",
	     "CapEff:\t00000000800425fa\nCapBnd:\t00000000800425fa\nNoNewPrivs:\t1\nSeccomp:\t0\n"},
	    {"'docker_caps':true,'user':'1000','no_new_privileges':false",
	     "CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		says(rows[i].members, caps, rows[i].out);
	says("'user':'1000:1001','group_add':['44','55'],'ulimits':[{'name':'nofile','soft':100,'hard':200}],'oom_"
	     "score_adj':300",
	     "busybox id; ulimit -n; ulimit -Hn; busybox cat /proc/self/oom_score_adj",
	     "uid=1000 gid=1001 groups=44,55,1001\n100\n200\n300\n");
}

static void test_privileged(void **state)
{
	(void)state;
	says("'privileged':true",
	     "busybox grep -E \\\"Seccomp:\\\" /proc/self/status; busybox mount -t tmpfs t /tmp && echo mounted; "
	     "[ -w /proc/sys/kernel ] && busybox mknod /dev/zz c 1 5 && busybox head -c 2 /dev/zz | busybox wc -c; "
	     "busybox grep -c \\\" /sys sysfs rw\\\" /proc/mounts",
	     "Seccomp:\t0\nmounted\n2\n1\n");
	/* A capability brings its system calls; without it they are refused by the filter. */
	says("'cap_add':['SYS_ADMIN']", "busybox mount -t tmpfs t /tmp && echo mounted", "mounted\n");
	says("'docker_caps':true", "busybox mount -t tmpfs t /tmp 2>/dev/null || echo refused", "refused\n");
}

static void test_profile(void **state)
{
	(void)state;
	says("'seccomp':'{\\\"defaultAction\\\":\\\"SCMP_ACT_ALLOW\\\",\\\"syscalls\\\":[{\\\"names\\\":[\\\"mkdir\\\","
	     "\\\"mkdirat\\\"],"
	     "\\\"action\\\":\\\"SCMP_ACT_ERRNO\\\",\\\"errnoRet\\\":28}]}'",
	     "busybox mkdir /x 2>&1", NULL);
	assert_non_null(strstr(buf_str(&w.out), "No space left on device"));
}

static void test_terminal_and_init(void **state)
{
	(void)state;
	says("'tty':true,'console_size':[33,99],'init':false",
	     "echo $$; busybox tty; busybox stty size; [ -c /dev/console ] && echo console",
	     "1\r\n/dev/pts/0\r\n33 99\r\nconsole\r\n");
	says("'tty':true,'init':true", "[ $$ -gt 1 ] && busybox tty", "/dev/pts/0\r\n");
	says("'init':false", "echo $$", "1\n");
	says("'init':false,'docker_caps':true,'stop_signal':'KILL'", "kill -9 $$; echo $$", "1\n");
}

/* ---- what the container is made of ---- */

static void test_parameters(void **state)
{
	(void)state;
	says("'sysctls':{'net.ipv4.ip_forward':'1','kernel.msgmax':'9000'},'shm_size':1048576,'hostname':'h','"
	     "domainname':'d'",
	     "cd /proc/sys; busybox cat net/ipv4/ip_forward kernel/msgmax kernel/domainname; busybox hostname; "
	     "busybox df -k /dev/shm | busybox tail -1 | busybox awk \\\"{print \\\\$2}\\\"",
	     "1\n9000\nd\nh\n1024\n");
	says("'docker_caps':true",
	     "busybox cat /proc/sys/net/ipv4/ip_unprivileged_port_start; busybox grep -c shm.*65536k /proc/mounts",
	     "0\n1\n");
	says("'masked_paths':['/bin/notexec'],'readonly_paths':['/tmp'],'ipc_mode':'none'",
	     "busybox wc -c </bin/notexec; touch /tmp/x 2>/dev/null || echo ro; [ -e /dev/shm/. ] || echo none; "
	     "busybox cat /proc/keys >/dev/null "
	     "&& echo keys",
	     "0\nro\nnone\nkeys\n");
}

static void test_devices(void **state)
{
	struct stat st;

	(void)state;
	if (stat("/dev/fuse", &st) < 0 || !S_ISCHR(st.st_mode))
		skip();
	says("'docker_caps':true,'devices':[{'path_on_host':'/dev/fuse','path_in_container':'/dev/log/"
	     "k','permissions':'r'}]",
	     "[ -c /dev/log/k ] && : </dev/log/k && echo read; (: >/dev/log/k) 2>/dev/null || echo not written; "
	     "busybox mknod /dev/mem c 1 1; (: </dev/mem) 2>/dev/null || echo no memory",
	     "read\nnot written\nno memory\n");
	says("'docker_caps':true,'device_cgroup_rules':['c 10:229 rw']",
	     "busybox mknod /dev/k c 10 229; : </dev/k && echo allowed", "allowed\n");
}

static void test_host_namespaces(void **state)
{
	static const char *const files[] = {"net", "pid", "uts", "ipc", "cgroup"};
	struct buf expect = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[32], link[64] = "";

		snprintf(path, sizeof path, "/proc/self/ns/%s", files[i]);
		assert_true(readlink(path, link, sizeof link - 1) > 0);
		buf_printf(&expect, "%s\n", link);
	}
	says("'network_mode':'host','pid_mode':'host','uts_mode':'host','ipc_mode':'host','cgroupns_mode':'host'",
	     "for i in net pid uts ipc cgroup; do busybox readlink /proc/self/ns/$i; done", buf_str(&expect));
	buf_free(&expect);
}

static bool other_runs(struct world *world)
{
	return engine_by_key(world->e, "other")->state == ENGINE_RUNNING;
}

static bool other_has_gone(struct world *world)
{
	return !engine_by_key(world->e, "other");
}

static void forget_other(const char *id)
{
	forget(id);
	world_until(&w, other_has_gone);
}

static void test_joined_namespaces(void **state)
{
	mem_cleanup char *spec = spec_of("'key':'other','ipc_mode':'shareable','hostname':'o'",
					 "echo there >/dev/shm/f; busybox sleep 1000");
	mem_cleanup char *joined = NULL;
	const struct engine_container *c = world_run(&w, spec);
	char id[65];

	(void)state;
	snprintf(id, sizeof id, "%s", c->id);
	world_until(&w, other_runs);
	joined = mem_printf("'pid_mode':'container:%s','ipc_mode':'container:%s','network_mode':'container:%.12s'", id,
			    id, id);
	/* The other's first command may not be over. */
	says(
	    joined,
	    "while ! [ -s /dev/shm/f ]; do busybox usleep 1000; done; busybox cat /dev/shm/f; "
	    "until busybox grep -q sleep /proc/[0-9]*/cmdline; do busybox usleep 1000; done; [ $$ -gt 2 ] && echo seen",
	    "there\nseen\n");
	assert_int_equal(engine_by_key(w.e, "other")->state, ENGINE_RUNNING);
	forget_other(id);
}

static void test_private_ipc(void **state)
{
	mem_cleanup char *spec = spec_of("'key':'other'", "busybox sleep 1000"), *joined = NULL, *members = NULL;
	const struct engine_container *c = world_run(&w, spec);
	char id[65];

	(void)state;
	snprintf(id, sizeof id, "%s", c->id);
	world_until(&w, other_runs);
	members = mem_printf("'ipc_mode':'container:%s'", id);
	joined = spec_of(members, "echo ran");
	c = world_run_to_end(&w, joined);
	assert_non_null(c->exit.error);
	assert_non_null(strstr(c->exit.error, "non-shareable IPC"));
	forget(c->id);
	forget_other(id);
}

static void test_limits(void **state)
{
	struct rt_host host;

	(void)state;
	assert_int_equal(rt_host(&host, NULL), 0);
	if (strcmp(host.cgroup_layout, "v2") == 0)
		says("'cpu_shares':512,'limit_memory':67108864,'limit_cpu_milli':500,'limit_pids':77",
		     "cd /sys/fs/cgroup; busybox cat memory.max cpu.max pids.max", "67108864\n50000 100000\n78\n");
	else if (host.cpu && host.memory && host.pids)
		says("'cpu_shares':512,'cpuset_cpus':'0','limit_memory':67108864,'memory_reservation':33554432,'limit_"
		     "cpu_milli':500,"
		     "'limit_pids':77",
		     "cd /sys/fs/cgroup; busybox cat cpu/cpu.shares cpuset/cpuset.cpus memory/memory.limit_in_bytes "
		     "memory/memory.soft_limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max",
		     "512\n0\n67108864\n33554432\n50000\n78\n");
	else
		skip();
}

static void test_mounts(void **state)
{
	mem_cleanup char *dir = mem_printf("%s/bind", w.data), *sub = mem_printf("%s/sub", dir), *members = NULL;

	(void)state;
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(mkdir(sub, 0755), 0);
	assert_int_equal(mount("t", sub, "tmpfs", 0, NULL), 0);
	members =
	    mem_printf("'docker_caps':true,'mounts':["
		       "{'type':'bind','source':'%s','target':'/plain','recursive':false},"
		       "{'type':'bind','source':'%s','target':'/ro','read_only':true},"
		       "{'type':'bind','source':'%s','target':'/top','read_only':true,'read_only_recursive':false},"
		       "{'type':'bind','source':'%s','target':'/slave','propagation':'rslave'},"
		       "{'type':'tmpfs','target':'/t','options':['size=1m','mode=700','uid=7','exec']},"
		       "{'type':'tmpfs','target':'/u','options':[]}]",
		       dir, dir, dir, dir);
	says(members,
	     "echo x >/slave/sub/f; [ -e /plain/sub/f ] || echo not below; [ -e /ro/sub/f ] && ! (: >/ro/sub/g) "
	     "2>/dev/null && echo ro; "
	     ": >/top/sub/g && echo rw; (: >/top/g) 2>/dev/null || echo top; busybox stat -c \\\"%a %u\\\" /t; "
	     "busybox grep -c \\\" /u .*noexec\\\" /proc/mounts; busybox grep -c \\\" /t .*noexec\\\" /proc/mounts",
	     "not below\nro\nrw\ntop\n700 7\n1\n0\n");
	assert_int_equal(umount2(sub, MNT_DETACH), 0);
}

static void test_user_namespace(void **state)
{
	(void)state;
	says("'docker_caps':true,'userns':true,'tty':true",
	     "busybox id -u; busybox awk \\\"{print \\\\$1,(\\\\$2>=1000000000),\\\\$3}\\\" /proc/self/uid_map; : >/x "
	     "&& busybox stat -c %u /x; "
	     "echo >/dev/null && echo null",
	     "0\r\n0 1 65536\r\n0\r\nnull\r\n");
}

/* ---- more processes ---- */

static char exec_id[65];

static bool exec_has_ended(struct world *world)
{
	const struct engine_exec *x;

	return engine_exec_find(world->e, exec_id, &x, NULL) == 0 && x->ended;
}

/* Runs it in the container and gives what it said and its code. */
static int exec_says(const char *container, const struct engine_exec_spec *spec, struct buf *out)
{
	const struct engine_exec *x;
	struct err err = ERR_INIT;
	char text[4096];
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	if (engine_exec_create(w.e, container, spec, &x, &err) < 0)
		fail_msg("%s", err.text);
	snprintf(exec_id, sizeof exec_id, "%s", x->id);
	if (engine_exec_start(w.e, exec_id,
			      &(struct engine_exec_start){.fd = pair[1], .raw = true, .rows = 40, .cols = 120},
			      &err) < 0)
		fail_msg("%s", err.text);
	world_until(&w, exec_has_ended);
	while ((n = read(pair[0], text, sizeof text)) > 0)
		buf_add(out, text, (size_t)n);
	close(pair[0]);
	assert_int_equal(engine_exec_find(w.e, exec_id, &x, NULL), 0);
	return x->exit_code;
}

static char *const tty_argv[] = {
    (char *)"sh", (char *)"-c",
    (char *)"busybox tty; busybox stty size; busybox id -u; busybox grep CapBnd /proc/self/status; exit 3", NULL};

static void test_exec(void **state)
{
	static const struct {
		const char *members, *user, *out;
	} rows[] = {
	    {"'key':'other'", NULL, "/dev/pts/0\r\n40 120\r\n0\r\nCapBnd:\t00000000800405fb\r\n"},
	    {"'key':'other','docker_caps':true,'tty':true", "1000",
	     "/dev/pts/1\r\n40 120\r\n1000\r\nCapBnd:\t00000000a80425fb\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *spec = spec_of(rows[i].members, "busybox sleep 1000");
		const struct engine_exec_spec x = {.argv = tty_argv,
						   .user = rows[i].user,
						   .tty = true,
						   .in = i > 0,
						   .out = true,
						   .rows = 40,
						   .cols = 120};
		buf_cleanup struct buf out = BUF_INIT;
		char id[65];

		snprintf(id, sizeof id, "%s", world_run(&w, spec)->id);
		world_until(&w, other_runs);
		assert_int_equal(exec_says(id, &x, &out), 3);
		assert_string_equal(buf_str(&out), rows[i].out);
		forget_other(id);
	}
}

/* ---- refusals ---- */

static void test_refused(void **state)
{
	static const struct {
		const char *members, *error;
	} rows[] = {
	    {"'sysctls':{'kernel.panic':'1'}", "sysctl \"kernel.panic\" is not in a separate kernel namespace"},
	    {"'sysctls':{'net.ipv4.ip_forward':'1'},'network_mode':'host'", "no network namespace of its own"},
	    {"'cap_add':['NOPE']", "cap_add: unknown capability \"NOPE\""},
	    {"'ulimits':[{'name':'nope'}]", "ulimits: \"nope\" is not a limit"},
	    {"'pid_mode':'container:abcdef12'", "there is no container \"abcdef12\""},
	    {"'seccomp':'{}'", "seccomp profile: defaultAction"},
	    {"'devices':[{'path_on_host':'/etc/passwd'}]", "device \"/etc/passwd\": not a device node"},
	    {"'devices':[{'path_on_host':'/nonexistent'}]", "device \"/nonexistent\""},
	    {"'device_cgroup_rules':['c 1:3']", "device_cgroup_rules: \"c 1:3\""},
	    {"'blkio_device_read_bps':[{'path':'/dev/null','rate':1}]", "is not a block device"},
	    {"'mounts':[{'type':'tmpfs','target':'/t','options':['nope']}]", "invalid tmpfs option \"nope\""},
	    {"'group_add':['nobodies']", "unable to find group nobodies"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *spec = spec_of(rows[i].members, "echo ran");
		const struct engine_container *c = world_run_to_end(&w, spec);

		if (c->exit.code != 125 || !c->exit.error || !strstr(c->exit.error, rows[i].error))
			fail_msg("%s: %d \"%s\" does not say \"%s\"", spec, c->exit.code,
				 c->exit.error ? c->exit.error : "", rows[i].error);
		forget(c->id);
	}
}

/* ---- the end ---- */

static size_t count_ours(const char *point)
{
	DIR *d = opendir(point);
	size_t n = 0;

	for (const struct dirent *e; d && (e = readdir(d));) {
		const struct engine_container *c;

		for (size_t i = 0; !strncmp(e->d_name, "berth-", 6) && (c = engine_at(w.e, i)); i++)
			n += !strcmp(e->d_name + 6, c->id);
	}
	if (d)
		closedir(d);
	return n;
}

/* In every hierarchy: the group that our own process may use has those of the containers. */
static size_t cgroups_left(void)
{
	mem_cleanup char *mountinfo = NULL, *self = NULL;
	mem_cleanup struct cgroup_mounts *m = mem_new(struct cgroup_mounts);
	fd_cleanup int a = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC),
		       b = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	size_t n = 0, len;

	assert_int_equal(fd_read_all(a, 1u << 20, &mountinfo, &len), 0);
	assert_int_equal(fd_read_all(b, 1u << 20, &self, &len), 0);
	cgroup_mounts_parse(mountinfo, self, m);
	for (size_t i = 0; i < m->n; i++) {
		mem_cleanup char *own = mem_printf("%s%s", m->v[i].point, m->v[i].own);
		mem_cleanup char *above = mem_printf("%s/..", own);

		n += count_ours(own) + (*m->v[i].own ? count_ours(above) : 0);
	}
	return n;
}

static bool other_is_lost(struct world *world)
{
	const struct engine_container *c = engine_by_key(world->e, "other");

	return c && (c->state == ENGINE_LOST || c->state == ENGINE_EXITED);
}

/* Its parent, the monitor, is killed: what is left goes all the same, those in the host's pid namespace too. */
static void test_monitor_killed(void **state)
{
	mem_cleanup char *spec =
	    spec_of("'key':'other','docker_caps':true,'pid_mode':'host'", "busybox sleep 1000 & busybox sleep 1000");
	const struct engine_container *c = world_run(&w, spec);

	(void)state;
	world_until(&w, other_runs);
	assert_true(cgroups_left() > 0);
	assert_int_equal(kill(world_parent_of(engine_by_key(w.e, "other")->pid), SIGKILL), 0);
	world_until(&w, other_is_lost);
	assert_int_equal(cgroups_left(), 0);
	forget(c->id);
}

static int open_world(void **state)
{
	(void)state;
	world_open(&w, NULL, -1);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	world_close(&w, true);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rights),	    cmocka_unit_test(test_privileged),
	    cmocka_unit_test(test_profile),	    cmocka_unit_test(test_terminal_and_init),
	    cmocka_unit_test(test_parameters),	    cmocka_unit_test(test_devices),
	    cmocka_unit_test(test_host_namespaces), cmocka_unit_test(test_joined_namespaces),
	    cmocka_unit_test(test_private_ipc),	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_mounts),	    cmocka_unit_test(test_user_namespace),
	    cmocka_unit_test(test_refused),	    cmocka_unit_test(test_exec),
	    cmocka_unit_test(test_monitor_killed),
	};

	return !world_begin(argc, argv) ? 0 : cmocka_run_group_tests(tests, open_world, close_world);
}
