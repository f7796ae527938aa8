/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_box on the machine's own cgroups: limits, counters and devices. Needs root, and says so.
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
#include <sys/time.h>
#include <sys/wait.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- limits ---- */

static void limits_are_set_and_updated(void **state)
{
	struct rt_resources r = RT_RESOURCES_INIT;
	struct err err = ERR_INIT;
	struct cgroup_stats s;

	(void)state;
	need("cpu");
	need("cpuset");
	need("memory");
	need("pids");
	r.cpu_shares = 512;
	r.cpu_quota = 20000;
	r.cpu_period = 50000;
	r.cpus = "0";
	r.memory = 64 << 20;
	r.memory_reservation = 32 << 20;
	r.pids = 77;
	make(&r);
	file_is("cpu", "cpu.shares", "cpu.weight", "512", "59");
	file_is("cpu", "cpu.cfs_quota_us", "cpu.max", "20000", "20000 50000");
	file_is("cpuset", "cpuset.cpus", "cpuset.cpus", "0", "0");
	file_is("memory", "memory.limit_in_bytes", "memory.max", "67108864", "67108864");
	file_is("memory", "memory.soft_limit_in_bytes", "memory.low", "33554432", "33554432");
	file_is("pids", "pids.max", "pids.max", "77", "77");
	must(cgroup_box_stats(w.box, &s, &err), &err);
	assert_int_equal(s.memory_limit, 64 << 20);
	assert_int_equal(s.pids_limit, 77);

	r = (struct rt_resources)RT_RESOURCES_INIT;
	r.cpu_period = 100000;
	r.pids = -1;
	must(cgroup_box_apply(w.box, &r, &err), &err);
	file_is("cpu", "cpu.cfs_quota_us", "cpu.max", "20000", "20000 100000");
	file_is("pids", "pids.max", "pids.max", "max", "max");
	must(cgroup_box_stats(w.box, &s, &err), &err);
	assert_int_equal(s.pids_limit, -1);
}

static void memory_and_swap_go_up_and_down(void **state)
{
	static const int64_t steps[][2] = {{64 << 20, 128 << 20}, {256 << 20, 512 << 20}, {32 << 20, 32 << 20},
					   {1 << 30, -1},	  {64 << 20, 64 << 20},	  {-1, RT_UNSET}};
	struct err err = ERR_INIT;

	(void)state;
	need("memory");
	make(NULL);
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct rt_resources r = RT_RESOURCES_INIT;
		struct cgroup_stats s;

		r.memory = steps[i][0];
		r.memory_swap = steps[i][1];
		must(cgroup_box_apply(w.box, &r, &err), &err);
		must(cgroup_box_stats(w.box, &s, &err), &err);
		assert_int_equal(s.memory_limit, r.memory);
		if (s.swap_limit != RT_UNSET)
			assert_int_equal(s.swap_limit, r.memory_swap == RT_UNSET ? -1 : r.memory_swap);
	}
}

static void an_impossible_limit_names_itself(void **state)
{
	static const struct rt_named_limit unified = {.name = "memory.high", .text = "1000000"};
	static const struct rt_named_limit nosuch = {.name = "berth.nosuch", .text = "1"};
	struct rt_resources r = RT_RESOURCES_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make(NULL);
	r.unified.v = &nosuch;
	r.unified.n = 1;
	assert_int_equal(cgroup_box_apply(w.box, &r, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "unified"));
	r.unified.v = &unified;
	if (cgroup_box_v2_has(w.box, "memory")) {
		char text[64];

		must(cgroup_box_apply(w.box, &r, &err), &err);
		assert_int_equal(cgroup_file_read(cgroup_box_fd(w.box), "memory.high", text, sizeof text), 0);
		assert_string_equal(text, "999424\n");
	} else {
		assert_int_equal(cgroup_box_apply(w.box, &r, &err), -ENOTSUP);
	}
	r = (struct rt_resources)RT_RESOURCES_INIT;
	r.net_class = 5;
	if (!cgroup_box_v1(w.box, "net_cls")) {
		assert_int_equal(cgroup_box_apply(w.box, &r, &err), -ENOTSUP);
		assert_non_null(strstr(err.text, "network.classID"));
	}
	r = (struct rt_resources)RT_RESOURCES_INIT;
	r.memory_disable_oom = 1;
	if (on_v2("memory"))
		assert_int_equal(cgroup_box_apply(w.box, &r, &err), -ENOTSUP);
	else
		must(cgroup_box_apply(w.box, &r, &err), &err);
}

static void processes_are_counted(void **state)
{
	struct rt_resources r = RT_RESOURCES_INIT;
	struct cgroup_stats s;
	struct err err = ERR_INIT;
	struct child *c;

	(void)state;
	need("pids");
	r.pids = 5;
	make(&r);
	c = new_child();
	assert_int_equal(tell(c, 'f'), 16);
	assert_int_equal(tell(c, 'e'), 0);
	assert_int_equal(tell(c, 'f'), 4);
	must(cgroup_box_stats(w.box, &s, &err), &err);
	assert_int_equal(s.pids, 1);
}

static void who_eats_too_much_is_killed_and_told(void **state)
{
	struct rt_resources r = RT_RESOURCES_INIT;
	struct cgroup_stats s;
	struct err err = ERR_INIT;
	struct child *c;
	fd_cleanup int fd = -1;
	bool v2 = false;

	(void)state;
	need("memory");
	r.memory = r.memory_swap = 16 << 20;
	make(&r);
	fd = cgroup_box_oom_fd(w.box, &v2, &err);
	must(fd, &err);
	c = new_child();
	assert_int_equal(tell(c, 'e'), 0);
	assert_int_equal(tell(c, 'm'), -1);
	assert_int_equal(WTERMSIG(wait_status(c)), SIGKILL);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, TIMEOUT_MS), 1);
	must(cgroup_box_stats(w.box, &s, &err), &err);
	assert_int_equal(s.oom_kills, 1);
	assert_true(s.memory_failures >= 0);
	assert_true(s.memory_peak == RT_UNSET || s.memory_peak > 8 << 20);
	assert_true(s.cpu_total_ns > 0);
}

/* What is in use is more than the new limit: refused if that was asked for. */
static void a_limit_below_what_is_in_use_is_refused(void **state)
{
	struct rt_resources r = RT_RESOURCES_INIT;
	struct err err = ERR_INIT;
	struct child *c;

	(void)state;
	need("memory");
	make(NULL);
	if (!on_v2("memory")) {
		print_message("# skipped: version 1's kernel reclaims or refuses by itself\n");
		skip();
	}
	c = new_child();
	assert_int_equal(tell(c, 'e'), 0);
	assert_int_equal(tell(c, 'm'), 0);
	r.memory = 16 << 20;
	r.memory_check_before_update = 1;
	assert_int_equal(cgroup_box_apply(w.box, &r, &err), -EBUSY);
	assert_int_equal(tell(c, '?'), 0);
}

static const char *huge_page_size(char size[static 32])
{
	DIR *d = opendir("/sys/kernel/mm/hugepages");
	struct dirent *e;

	size[0] = '\0';
	while (d && (e = readdir(d))) {
		unsigned kb;

		if (sscanf(e->d_name, "hugepages-%ukB", &kb) == 1 && kb % 1024 == 0)
			snprintf(size, 32, kb % (1 << 20) ? "%uMB" : "%uGB", kb % (1 << 20) ? kb >> 10 : kb >> 20);
	}
	if (d)
		closedir(d);
	return *size ? size : NULL;
}

static void huge_pages_are_limited(void **state)
{
	struct rt_named_limit limit = {.value = 4 << 20};
	struct rt_resources r = RT_RESOURCES_INIT;
	char size[32], v1[64], v2[64], before[256] = "";
	fd_cleanup int root = -1;

	(void)state;
	need_root();
	for (size_t i = 0; i < w.mounts->n; i++) {
		if (w.mounts->v[i].v2)
			root = cgroup_file_root(&w.mounts->v[i]);
	}
	char list[1024] = "";

	if (root >= 0) {
		assert_int_equal(cgroup_file_read(root, "cgroup.controllers", list, sizeof list), 0);
		assert_int_equal(cgroup_file_read(root, "cgroup.subtree_control", before, sizeof before), 0);
	}
	limit.name = huge_page_size(size);
	if (!limit.name || !strstr(list, "hugetlb")) {
		print_message("# skipped: no huge pages, or no controller for them in version 2\n");
		skip();
	}
	r.hugetlb.v = &limit;
	r.hugetlb.n = 1;
	w.hugetlb_is_new = w.mounts->v1 && !strstr(before, "hugetlb");
	make(&r);
	snprintf(v1, sizeof v1, "hugetlb.%s.limit_in_bytes", size);
	snprintf(v2, sizeof v2, "hugetlb.%s.max", size);
	/* A whole number of pages at the most. */
	file_is("hugetlb", v1, v2, strstr(size, "GB") ? "0" : "4194304", strstr(size, "GB") ? "0" : "4194304");
}

/* ---- version 2's own rules, shown with a controller that hybrid machines have there too ---- */

/* A limit that version 2 enforces here: the test is skipped when there is none. */
static void v2_limit(struct rt_resources *r, struct rt_named_limit *limit, char size[static 32])
{
	need("hugetlb");
	for (size_t i = 0; i < w.mounts->n; i++) {
		if (cgroup_mounts_has(w.mounts->v[i].controllers, "hugetlb")) {
			print_message("# skipped: huge pages are version 1's here\n");
			skip();
		}
	}
	limit->name = huge_page_size(size);
	if (!limit->name) {
		print_message("# skipped: no huge pages\n");
		skip();
	}
	r->hugetlb.v = limit;
	r->hugetlb.n = 1;
	w.hugetlb_is_new = w.mounts->v1;
}

static void a_cgroup_with_processes_gives_no_controllers(void **state)
{
	mem_cleanup char *below = mem_printf("%s/x/y", w.top);
	struct rt_resources r = RT_RESOURCES_INIT;
	struct rt_named_limit limit = {.value = 0};
	struct cgroup_box *b = NULL;
	struct err err = ERR_INIT;
	char size[32], type[32];

	(void)state;
	v2_limit(&r, &limit, size);
	make(&r);
	must(cgroup_box_enter(w.box, new_child()->pid, "", &err), &err);
	assert_int_equal(cgroup_box_make(below, "id", &r, &b, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "hugepageLimits"));
	assert_non_null(strstr(err.text, "no internal processes"));
	/* It did not become threaded by giving what threads can have. */
	assert_int_equal(cgroup_file_read(cgroup_box_fd(w.box), "cgroup.type", type, sizeof type), 0);
	assert_string_equal(type, "domain\n");
	/* Without a limit it is a cgroup like any other. */
	must(cgroup_box_make(below, "id", NULL, &b, &err), &err);
	must(cgroup_box_remove(b, &err), &err);
	(void)cgroup_box_free(b);
}

static void a_cgroup_that_gives_controllers_takes_no_process(void **state)
{
	struct rt_resources r = RT_RESOURCES_INIT;
	struct rt_named_limit limit = {.value = 0};
	struct err err = ERR_INIT;
	struct child *c;
	char size[32];

	(void)state;
	v2_limit(&r, &limit, size);
	make(&r);
	make_below("a");
	assert_int_equal(cgroup_file_write(cgroup_box_fd(w.box), "cgroup.subtree_control", "+hugetlb"), 0);
	c = new_child();
	assert_int_equal(cgroup_box_enter(w.box, c->pid, "", &err), -EBUSY);
	assert_non_null(strstr(err.text, "no internal processes"));
	must(cgroup_box_enter(w.box, c->pid, "a", &err), &err);
}

static void a_cgroup_below_a_threaded_one_is_refused(void **state)
{
	mem_cleanup char *below = mem_printf("%s/x/y", w.top);
	struct cgroup_box *b = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make(NULL);
	if (cgroup_box_fd(w.box) < 0) {
		print_message("# skipped: no version 2 hierarchy\n");
		skip();
	}
	make_below("t");
	assert_int_equal(cgroup_file_write(cgroup_box_fd(w.box), "t/cgroup.type", "threaded"), 0);
	assert_int_equal(cgroup_box_make(below, "id", NULL, &b, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "threaded"));
}

/* ---- devices ---- */

static const struct rt_device_rule deny_all = {
    .type = 'a', .major = -1, .minor = -1, .read = true, .write = true, .mknod = true};
static const struct rt_device_rule allow_all = {
    .allow = true, .type = 'a', .major = -1, .minor = -1, .read = true, .write = true, .mknod = true};

static void devices_are_filtered(void **state)
{
	struct rt_device_rule rules[2] = {deny_all,
					  {.allow = true, .type = 'c', .major = 1, .minor = 11, .read = true}};
	struct rt_resources r = RT_RESOURCES_INIT;
	struct err err = ERR_INIT;
	struct child *c;

	(void)state;
	r.devices = rules;
	r.n_devices = 1;
	make(&r);
	c = new_child();
	if (tell(c, 'k') != 0) {
		print_message("# skipped: /dev/kmsg cannot be opened here\n");
		skip();
	}
	assert_int_equal(tell(c, 'e'), 0);
	assert_int_equal(tell(c, 'k'), EPERM);
	assert_int_equal(tell(c, 'n'), 0);
	r.n_devices = 2;
	must(cgroup_box_apply(w.box, &r, &err), &err);
	assert_int_equal(tell(c, 'k'), 0);
	/* An update without rules leaves them. */
	r.n_devices = 0;
	must(cgroup_box_apply(w.box, &r, &err), &err);
	assert_int_equal(tell(c, 'k'), 0);
	r.n_devices = 1;
	make_below("a");
	must(cgroup_box_apply(w.box, &r, &err), &err);
	assert_int_equal(tell(c, 'k'), EPERM);
	assert_int_equal(tell(c, 'n'), 0);
}

static void no_rules_are_the_harmless_devices(void **state)
{
	struct rt_resources r = RT_RESOURCES_INIT;
	struct child *c;

	(void)state;
	make(&r);
	c = new_child();
	assert_int_equal(tell(c, 'e'), 0);
	assert_int_equal(tell(c, 'k'), EPERM);
	assert_int_equal(tell(c, 'n'), 0);
}

static size_t count_programs(int dir)
{
	union bpf_attr a;
	uint32_t ids[64];

	memset(&a, 0, sizeof a);
	a.query.target_fd = (uint32_t)dir;
	a.query.attach_type = BPF_CGROUP_DEVICE;
	a.query.prog_ids = (uintptr_t)ids;
	a.query.prog_cnt = COUNT(ids);
	assert_int_equal(syscall(SYS_bpf, BPF_PROG_QUERY, &a, sizeof a), 0);
	return a.query.prog_cnt;
}

static void attach(const struct rt_device_rule *rules, size_t n)
{
	size_t len;
	mem_cleanup struct bpf_insn *program = cgroup_devices_program(rules, n, &len);
	struct err err = ERR_INIT;

	must(cgroup_devices_attach(cgroup_box_fd(w.box), program, len, &err), &err);
	assert_int_equal(count_programs(cgroup_box_fd(w.box)), 1);
}

/* Version 2's program, on hybrid machines too; version 1 lets everything through there. */
static void the_program_is_attached_and_replaced(void **state)
{
	struct rt_device_rule many[CGROUP_DEVICE_RULES_MAX];
	struct rt_resources r = RT_RESOURCES_INIT;
	struct child *c;

	(void)state;
	r.devices = &allow_all;
	r.n_devices = 1;
	make(&r);
	if (cgroup_box_fd(w.box) < 0) {
		print_message("# skipped: no version 2 hierarchy\n");
		skip();
	}
	c = new_child();
	assert_int_equal(tell(c, 'e'), 0);
	assert_int_equal(tell(c, 'k'), 0);
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct rt_device_rule){
		    .allow = true, .type = i % 2 ? 'b' : 'c', .major = (int64_t)i + 500, .minor = -1, .write = true};
	many[0] =
	    (struct rt_device_rule){.allow = true, .type = 'c', .major = 1, .minor = 3, .read = true, .mknod = true};
	many[1] = (struct rt_device_rule){.allow = true, .type = 'c', .major = -1, .minor = -1, .mknod = true};
	attach(many, COUNT(many));
	assert_int_equal(tell(c, 'k'), EPERM);
	assert_int_equal(tell(c, 'n'), 0);
	attach(&allow_all, 1);
	assert_int_equal(tell(c, 'k'), 0);
	attach(&deny_all, 1);
	assert_int_equal(tell(c, 'n'), EPERM);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* The kernel gives up the check of a program when a signal comes: here one comes at one moment or another of it. */
static void a_signal_does_not_keep_the_program_out(void **state)
{
	const struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct rt_device_rule many[256];

	(void)state;
	make(NULL);
	if (cgroup_box_fd(w.box) < 0) {
		print_message("# skipped: no version 2 hierarchy\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct rt_device_rule){
		    .allow = true, .type = i % 2 ? 'b' : 'c', .major = (int64_t)i + 500, .minor = -1, .write = true};
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	for (int i = 1; i <= 10; i++) {
		const struct itimerval once = {.it_value = {.tv_usec = i * 500}};

		assert_int_equal(setitimer(ITIMER_REAL, &once, NULL), 0);
		attach(many, COUNT(many));
	}
	assert_int_equal(setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 0}}, NULL), 0);
	assert_ptr_equal(signal(SIGALRM, SIG_DFL), on_alarm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(limits_are_set_and_updated),
	    TEST(memory_and_swap_go_up_and_down),
	    TEST(an_impossible_limit_names_itself),
	    TEST(processes_are_counted),
	    TEST(who_eats_too_much_is_killed_and_told),
	    TEST(a_limit_below_what_is_in_use_is_refused),
	    TEST(huge_pages_are_limited),
	    TEST(a_cgroup_with_processes_gives_no_controllers),
	    TEST(a_cgroup_that_gives_controllers_takes_no_process),
	    TEST(a_cgroup_below_a_threaded_one_is_refused),
	    TEST(devices_are_filtered),
	    TEST(no_rules_are_the_harmless_devices),
	    TEST(the_program_is_attached_and_replaced),
	    TEST(a_signal_does_not_keep_the_program_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
