/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of cgroup_box that need no machine: hierarchies, resources turned into writes, device rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/runtime/cgroup_devices.h"
#include "node/runtime/cgroup_mounts.h"
#include "node/runtime/cgroup_plan.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- hierarchies ---- */

#define MOUNT(dev, root, point, opts, type, super)                                                                     \
	"31 23 " dev " " root " " point " " opts " shared:9 - " type " x " super "\n"

static const char *describe(const struct cgroup_mounts *m, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < m->n; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s|%u:%u|%s|%s", i ? " " : "",
				      m->v[i].v2 ? "v2" : m->v[i].controllers, m->v[i].major, m->v[i].minor,
				      m->v[i].point, m->v[i].own);
	return text;
}

static void hierarchies_are_recognised(void **state)
{
	static const struct {
		const char *mountinfo, *self, *want;
		bool v1;
	} cases[] = {
	    {"", "", "", false},
	    {MOUNT("0:26", "/", "/sys/fs/cgroup", "rw", "cgroup2", "rw"), "0::/user.slice/x\n",
	     "v2|0:26|/sys/fs/cgroup|/user.slice/x", false},
	    {MOUNT("0:26", "/", "/sys/fs/cgroup", "rw", "cgroup2", "rw"), "0::/../x\n", "v2|0:26|/sys/fs/cgroup|",
	     false},
	    {MOUNT("0:26", "/", "/sys/fs/cgroup", "ro,nosuid", "cgroup2", "rw"), "0::/\n", "", false},
	    {MOUNT("0:30", "/", "/c/cpu,cpuacct", "rw", "cgroup", "rw,cpu,cpuacct")
		 MOUNT("0:31", "/", "/c/mem\\040ory", "rw", "cgroup", "rw,xattr,memory"),
	     "3:memory:/m\n2:cpuacct,cpu:/a/b\n", "cpu,cpuacct|0:30|/c/cpu,cpuacct|/a/b memory|0:31|/c/mem ory|/m",
	     true},
	    /* The first mount of a hierarchy is taken. */
	    {MOUNT("0:31", "/", "/a", "rw", "cgroup", "rw,pids") MOUNT("0:31", "/", "/b", "rw", "cgroup", "rw,pids"),
	     "1:pids:/\n", "pids|0:31|/a|", true},
	    /* A container that sees a part only. */
	    {MOUNT("0:31", "/docker/1", "/a", "rw", "cgroup", "rw,pids"), "1:pids:/docker/1/x\n", "pids|0:31|/a|/x",
	     true},
	    {MOUNT("0:31", "/docker/1", "/a", "rw", "cgroup", "rw,pids"), "1:pids:/docker/12/x\n", "pids|0:31|/a|",
	     true},
	    {MOUNT("0:31", "/docker/1", "/a", "rw", "cgroup", "rw,pids"), "1:pids:/other\n", "pids|0:31|/a|", true},
	    /* Only systemd's own: all controllers are version 2's. */
	    {MOUNT("0:37", "/", "/s", "rw", "cgroup", "rw,name=systemd")
		 MOUNT("0:38", "/", "/u", "rw", "cgroup2", "rw"),
	     "1:name=systemd:/s\n0::/u\n", "name=systemd|0:37|/s|/s v2|0:38|/u|/u", false},
	    {MOUNT("0:26", "/", "/tmp", "rw", "tmpfs", "rw,memory"), "", "", false},
	    {"31 23 0:26\n- cgroup2\n31 23 x:y / /a rw - cgroup2 a rw\n", "", "", false},
	};
	struct cgroup_mounts *m = mem_new(struct cgroup_mounts);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[1024];

		cgroup_mounts_parse(cases[i].mountinfo, cases[i].self, m);
		assert_string_equal(describe(m, text, sizeof text), cases[i].want);
		assert_int_equal(m->v1, cases[i].v1);
	}
	free(m);
}

static void more_hierarchies_than_fit_are_left_out(void **state)
{
	struct cgroup_mounts *m = mem_new(struct cgroup_mounts);
	struct buf text = BUF_INIT;

	(void)state;
	for (int i = 0; i < CGROUP_MOUNTS_MAX + 9; i++)
		(void)buf_printf(&text, "1 2 0:%d / /c/%d rw - cgroup c rw,name=n%d\n", i, i, i);
	(void)buf_adds(&text, "1 2 0:99 / /");
	for (int i = 0; i < CGROUP_PATH_MAX; i++)
		(void)buf_addc(&text, 'x');
	(void)buf_adds(&text, " rw - cgroup2 c rw\n");
	cgroup_mounts_parse(buf_str(&text), "", m);
	assert_int_equal(m->n, CGROUP_MOUNTS_MAX);
	assert_false(m->v1);
	buf_free(&text);
	free(m);
}

static void paths_are_checked(void **state)
{
	static const struct {
		const char *path;
		bool ok;
	} cases[] = {{"/a", true},    {"/a/b c", true}, {"", false},	   {"/", false},
		     {"a", false},    {"/a/", false},	{"//a", false},	   {"/a/..", false},
		     {"/./a", false}, {"/a\n", false},	{"/..a/a..", true}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(cgroup_mounts_path_ok(cases[i].path), cases[i].ok);
}

/* ---- resources ---- */

static void weights_are_those_of_runc_and_crun(void **state)
{
	static const struct {
		uint64_t from, to;
	} cpu[] = {{0, 1}, {1, 1}, {2, 1}, {1024, 100}, {512, 59}, {2048, 174}, {262144, 10000}, {1 << 20, 10000}},
	  io[] = {{0, 1}, {10, 1}, {100, 910}, {500, 4950}, {1000, 10000}};

	(void)state;
	for (size_t i = 0; i < COUNT(cpu); i++)
		assert_int_equal(cgroup_plan_cpu_weight(cpu[i].from), cpu[i].to);
	for (size_t i = 0; i < COUNT(io); i++)
		assert_int_equal(cgroup_plan_io_weight(io[i].from), io[i].to);
}

/* "file=text[!?kc]" and for another file "|file=text". */
static char *plan_text(bool v2, const struct rt_resources *r, struct err *err)
{
	cgroup_plan_cleanup struct cgroup_plan p = {.v = NULL};
	struct buf out = BUF_INIT;
	int s = 0;

	for (size_t i = 0; i < CGROUP_TOPICS && s == 0; i++)
		s = v2 ? cgroup_topics[i].plan_v2(r, &p, err) : cgroup_topics[i].plan_v1(r, &p, err);
	if (s == 0 && v2)
		s = cgroup_plan_unified(r, &p, err);
	if (s < 0) {
		assert_int_equal(s, -err->code);
		return NULL;
	}
	for (size_t i = 0; i < p.n; i++) {
		const struct cgroup_write *w = &p.v[i];

		(void)buf_printf(&out, "%s%s=%s%s%s%s%s", i ? "; " : "", w->file, w->text,
				 w->flags & CGROUP_MAY_MISS ? "?" : "", w->flags & CGROUP_RETRY ? "!" : "",
				 w->flags & CGROUP_KEEP_QUOTA ? "k" : "", w->flags & CGROUP_CHECK_USE ? "c" : "");
		if (w->alt_file)
			(void)buf_printf(&out, " | %s=%s", w->alt_file, w->alt_text);
	}
	(void)buf_adds(&out, "");
	return out.data ? buf_take(&out) : mem_strdup("");
}

#define R(...)                                                                                                         \
	{                                                                                                              \
		R_UNSET, __VA_ARGS__                                                                                   \
	}
#define R_UNSET                                                                                                        \
	.cpu_shares = RT_UNSET, .cpu_quota = RT_UNSET, .cpu_period = RT_UNSET, .cpu_burst = RT_UNSET,                  \
	.cpu_rt_runtime = RT_UNSET, .cpu_rt_period = RT_UNSET, .cpu_idle = RT_UNSET, .memory = RT_UNSET,               \
	.memory_reservation = RT_UNSET, .memory_swap = RT_UNSET, .memory_kernel = RT_UNSET,                            \
	.memory_kernel_tcp = RT_UNSET, .memory_swappiness = RT_UNSET, .memory_disable_oom = RT_UNSET,                  \
	.memory_use_hierarchy = RT_UNSET, .memory_check_before_update = RT_UNSET, .pids = RT_UNSET,                    \
	.blkio_weight = RT_UNSET, .blkio_leaf_weight = RT_UNSET, .net_class = RT_UNSET

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"

static const struct rt_blkio_device weight_8_0 = {8, 0, 500, RT_UNSET, 0};
static const struct rt_blkio_device leaf_8_0 = {8, 0, 500, 200, 0};
static const struct rt_blkio_device rate_8_0[] = {{.major = 8, .minor = 0, .rate = 1048576},
						  {.major = 8, .minor = 16, .rate = 0}};
static const struct rt_named_limit huge = {.name = "2MB", .value = 4194304}, bad_huge = {.name = "../x", .value = 1};
static const struct rt_named_limit rdma = {.name = "mlx5_1", .value = 3, .objects = RT_UNSET};
static const struct rt_named_limit bad_rdma = {.name = "a b", .value = 3, .objects = 1};
static const struct rt_named_limit prio = {.name = "eth0", .value = 5};
static const struct rt_named_limit unified[] = {{.name = "memory.high", .text = "1000"},
						{.name = "io.max", .text = "8:0 rbps=1\n8:16 rbps=2\n"}};
static const struct rt_named_limit bad_unified[] = {{.name = "../memory.high", .text = "1"},
						    {.name = "memory", .text = "1"},
						    {.name = "cgroup.procs", .text = "1"},
						    {.name = ".hidden", .text = "1"},
						    {.name = "", .text = "1"}};

static void resources_become_writes(void **state)
{
	/* v1 or v2 NULL: refused, with the text in `error`. */
	static const struct {
		struct rt_resources r;
		const char *v1, *v2, *error;
	} cases[] = {
	    {R(.pids = RT_UNSET), "", "", NULL},
	    {R(.pids = 5), "pids.max=5", "pids.max=5", NULL},
	    {R(.pids = 0), "pids.max=max?", "pids.max=max?", NULL},
	    {R(.pids = -1), "pids.max=max?", "pids.max=max?", NULL},
	    {R(.cpu_shares = 1024), "cpu.shares=1024!", "cpu.weight=100!", NULL},
	    {R(.cpu_shares = 0, .cpu_quota = 0, .cpu_period = 0, .memory = 0, .memory_swap = 0, .blkio_weight = 0,
	       .net_class = 0, .memory_kernel = 0),
	     "", "", NULL},
	    {R(.cpu_quota = 5000), "cpu.cfs_quota_us=5000", "cpu.max=5000", NULL},
	    {R(.cpu_quota = 5000, .cpu_period = 10000), "cpu.cfs_period_us=10000!; cpu.cfs_quota_us=5000",
	     "cpu.max=5000 10000", NULL},
	    {R(.cpu_period = 10000), "cpu.cfs_period_us=10000!", "cpu.max=10000k", NULL},
	    {R(.cpu_quota = -1), "cpu.cfs_quota_us=-1?", "cpu.max=max?", NULL},
	    {R(.cpu_quota = -1, .cpu_period = 10000), "cpu.cfs_period_us=10000!; cpu.cfs_quota_us=-1?",
	     "cpu.max=max 10000?", NULL},
	    {R(.cpu_burst = 100), "cpu.cfs_burst_us=100!", "cpu.max.burst=100!", NULL},
	    {R(.cpu_idle = 1), "cpu.idle=1", "cpu.idle=1", NULL},
	    {R(.cpu_rt_period = 9, .cpu_rt_runtime = 8), "cpu.rt_period_us=9!; cpu.rt_runtime_us=8", NULL,
	     "cpu.realtimeRuntime"},
	    {R(.cpus = "0-1", .mems = "0"), "cpuset.cpus=0-1; cpuset.mems=0", "cpuset.cpus=0-1; cpuset.mems=0", NULL},
	    {R(.cpu_shares = -5), NULL, NULL, "cpu.shares"},
	    {R(.memory = 1000), "memory.limit_in_bytes=1000!", "memory.max=1000", NULL},
	    {R(.memory = 1000, .memory_swap = 3000), "memory.limit_in_bytes=1000!; memory.memsw.limit_in_bytes=3000",
	     "memory.swap.max=2000; memory.max=1000", NULL},
	    {R(.memory = 1000, .memory_swap = 1000), "memory.limit_in_bytes=1000!; memory.memsw.limit_in_bytes=1000",
	     "memory.swap.max=0?; memory.max=1000", NULL},
	    {R(.memory = 1000, .memory_swap = -1), "memory.limit_in_bytes=1000!; memory.memsw.limit_in_bytes=-1?",
	     "memory.swap.max=max?; memory.max=1000", NULL},
	    {R(.memory = -1), "memory.limit_in_bytes=-1?!; memory.memsw.limit_in_bytes=-1?",
	     "memory.swap.max=max?; memory.max=max?", NULL},
	    {R(.memory = 1000, .memory_swap = 999), NULL, NULL, "less than the limit"},
	    {R(.memory_swap = 999), "memory.memsw.limit_in_bytes=999", NULL, "needs memory.limit"},
	    {R(.memory_reservation = 7), "memory.soft_limit_in_bytes=7", "memory.low=7", NULL},
	    {R(.memory_kernel = 7), "memory.kmem.limit_in_bytes=7", NULL, "memory.kernel"},
	    {R(.memory_kernel_tcp = -1), "memory.kmem.tcp.limit_in_bytes=-1?", "", NULL},
	    {R(.memory_swappiness = 0), "memory.swappiness=0", NULL, "swappiness"},
	    {R(.memory_swappiness = 101), NULL, NULL, "swappiness"},
	    {R(.memory_disable_oom = 0), "memory.oom_control=0?", "", NULL},
	    {R(.memory_disable_oom = 1), "memory.oom_control=1", NULL, "disableOOMKiller"},
	    {R(.memory_use_hierarchy = 1), "memory.use_hierarchy=1?", "", NULL},
	    {R(.memory_use_hierarchy = 0), "memory.use_hierarchy=0", NULL, "useHierarchy"},
	    {R(.memory = 9, .memory_check_before_update = 1), "memory.limit_in_bytes=9!", "memory.max=9c", NULL},
	    {R(.blkio_weight = 500), "blkio.weight=500 | blkio.bfq.weight=500", "io.bfq.weight=500 | io.weight=4950",
	     NULL},
	    {R(.blkio_weights = {&weight_8_0, 1}), "blkio.weight_device=8:0 500 | blkio.bfq.weight_device=8:0 500",
	     "io.bfq.weight=8:0 500 | io.weight=8:0 4950", NULL},
	    {R(.blkio_weights = {&leaf_8_0, 1}),
	     "blkio.weight_device=8:0 500 | blkio.bfq.weight_device=8:0 500; blkio.leaf_weight_device=8:0 200", NULL,
	     "leafWeight"},
	    {R(.blkio_leaf_weight = 10), "blkio.leaf_weight=10", NULL, "leafWeight"},
	    {R(.read_bps = {rate_8_0, 2}),
	     "blkio.throttle.read_bps_device=8:0 1048576; blkio.throttle.read_bps_device=8:16 0",
	     "io.max=8:0 rbps=1048576; io.max=8:16 rbps=max?", NULL},
	    {R(.write_bps = {rate_8_0, 1}), "blkio.throttle.write_bps_device=8:0 1048576", "io.max=8:0 wbps=1048576",
	     NULL},
	    {R(.read_iops = {rate_8_0, 1}), "blkio.throttle.read_iops_device=8:0 1048576", "io.max=8:0 riops=1048576",
	     NULL},
	    {R(.write_iops = {rate_8_0, 1}), "blkio.throttle.write_iops_device=8:0 1048576", "io.max=8:0 wiops=1048576",
	     NULL},
	    {R(.hugetlb = {&huge, 1}), "hugetlb.2MB.limit_in_bytes=4194304; hugetlb.2MB.rsvd.limit_in_bytes=4194304?",
	     "hugetlb.2MB.max=4194304; hugetlb.2MB.rsvd.max=4194304?", NULL},
	    {R(.hugetlb = {&bad_huge, 1}), NULL, NULL, "\"../x\""},
	    {R(.rdma = {&rdma, 1}), "rdma.max=mlx5_1 hca_handle=3", "rdma.max=mlx5_1 hca_handle=3", NULL},
	    {R(.rdma = {&bad_rdma, 1}), NULL, NULL, "\"a b\""},
	    {R(.net_class = 7), "net_cls.classid=7", NULL, "network.classID"},
	    {R(.net_priorities = {&prio, 1}), "net_prio.ifpriomap=eth0 5", NULL, "network.priorities"},
	    {R(.unified = {unified, 2}), "", "memory.high=1000; io.max=8:0 rbps=1; io.max=8:16 rbps=2", NULL},
	    {R(.unified = {&bad_unified[0], 1}), "", NULL, "../memory.high"},
	    {R(.unified = {&bad_unified[1], 1}), "", NULL, "\"memory\""},
	    {R(.unified = {&bad_unified[2], 1}), "", NULL, "cgroup.procs"},
	    {R(.unified = {&bad_unified[3], 1}), "", NULL, ".hidden"},
	    {R(.unified = {&bad_unified[4], 1}), "", NULL, "\"\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (int v2 = 0; v2 < 2; v2++) {
			struct err err = ERR_INIT;
			mem_cleanup char *text = plan_text(v2, &cases[i].r, &err);
			const char *want = v2 ? cases[i].v2 : cases[i].v1;

			if (want && !text)
				fail_msg("case %zu, version %d: %s", i, v2 + 1, err.text);
			if (want)
				assert_string_equal(text, want);
			else if (text || !strstr(err.text, cases[i].error))
				fail_msg("case %zu, version %d: \"%s\", error \"%s\"", i, v2 + 1, text ? text : "",
					 err.text);
		}
	}
}

#pragma GCC diagnostic pop

/* ---- devices ---- */

#define ALLOW(t, ma, mi, r, w, m)                                                                                      \
	{                                                                                                              \
		.allow = true, .type = (t), .major = (ma), .minor = (mi), .read = (r), .write = (w), .mknod = (m)      \
	}
#define DENY(t, ma, mi, r, w, m)                                                                                       \
	{                                                                                                              \
		.allow = false, .type = (t), .major = (ma), .minor = (mi), .read = (r), .write = (w), .mknod = (m)     \
	}

static void rules_become_a_list_for_version_1(void **state)
{
	static const struct {
		struct rt_device_rule rules[4];
		size_t n;
		const char *want; /* NULL: refused */
	} cases[] = {
	    {{}, 0, "deny"},
	    {{ALLOW('a', -1, -1, 1, 1, 1)}, 1, "allow"},
	    {{DENY('a', -1, -1, 1, 1, 1), ALLOW('c', 1, 3, 1, 1, 0)}, 2, "deny; c 1:3 rw"},
	    {{ALLOW('c', 1, 3, 1, 0, 0), ALLOW('c', 1, 3, 0, 1, 0), ALLOW('b', 8, -1, 1, 0, 0)},
	     3,
	     "deny; c 1:3 rw; b 8:* r"},
	    {{ALLOW('c', 1, 3, 1, 1, 1), DENY('c', 1, 3, 0, 1, 0)}, 2, "deny; c 1:3 rm"},
	    {{ALLOW('c', 1, 3, 1, 1, 1), DENY('c', 1, -1, 1, 1, 1)}, 2, "deny"},
	    {{ALLOW('a', -1, -1, 1, 0, 0)}, 1, "deny; c *:* r; b *:* r"},
	    {{ALLOW('a', -1, -1, 1, 1, 1), DENY('b', 8, 0, 0, 1, 0)}, 2, "allow; b 8:0 w"},
	    {{ALLOW('b', 8, 0, 1, 1, 1), DENY('a', -1, -1, 1, 1, 1)}, 2, "deny"},
	    /* A hole in a wider rule: the kernel would ignore it. */
	    {{ALLOW('c', 1, -1, 1, 1, 1), DENY('c', 1, 3, 0, 1, 0)}, 2, NULL},
	    {{ALLOW('c', -1, 3, 1, 1, 1), DENY('c', 1, -1, 0, 1, 0)}, 2, NULL},
	    {{ALLOW('a', -1, -1, 1, 1, 1), DENY('c', 1, -1, 1, 1, 1), ALLOW('c', 1, 3, 1, 0, 0)}, 3, NULL},
	    {{ALLOW('c', 1, -1, 1, 0, 0), DENY('c', 1, 3, 0, 1, 0)}, 2, "deny; c 1:* r"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cgroup_device_list l = {.v = NULL};
		struct buf text = BUF_INIT;
		struct err err = ERR_INIT;
		int r = cgroup_devices_reduce(cases[i].rules, cases[i].n, &l, &err);

		assert_int_equal(r, cases[i].want ? 0 : -ENOTSUP);
		(void)buf_adds(&text, l.allow ? "allow" : "deny");
		for (size_t k = 0; k < l.n; k++) {
			char one[CGROUP_DEVICE_TEXT];

			cgroup_devices_text(&l.v[k], one);
			(void)buf_printf(&text, "; %s", one);
		}
		if (cases[i].want)
			assert_string_equal(buf_str(&text), cases[i].want);
		buf_free(&text);
		cgroup_devices_free(&l);
	}
}

static void the_kernels_list_is_read(void **state)
{
	struct cgroup_device_list l;

	(void)state;
	cgroup_devices_parse("a *:* rwm\n", &l);
	assert_true(l.allow);
	assert_int_equal(l.n, 0);
	cgroup_devices_parse("c 1:3 rwm\nb 8:* r\nx 1:1 r\nc 1 r\nc *:* m\n", &l);
	assert_false(l.allow);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.v[0].minor, 3);
	assert_true(l.v[1].type == 'b' && l.v[1].minor == -1 && l.v[1].read && !l.v[1].write);
	assert_true(l.v[2].major == -1 && l.v[2].mknod && !l.v[2].read);
	cgroup_devices_free(&l);
}

static void wrong_rules_are_refused(void **state)
{
	static const struct rt_device_rule bad[] = {ALLOW('p', 1, 3, 1, 1, 1), ALLOW(0, 1, 3, 1, 1, 1),
						    ALLOW('c', -2, 3, 1, 1, 1), ALLOW('c', 1, 1LL << 32, 1, 1, 1)};
	struct rt_device_rule *rules = NULL;
	struct rt_resources r = RT_RESOURCES_INIT;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		r.devices = &bad[i];
		r.n_devices = 1;
		assert_int_equal(cgroup_devices_rules(&r, &rules, &n, NULL), -EINVAL);
	}
	r.n_devices = CGROUP_DEVICE_RULES_MAX + 1;
	assert_int_equal(cgroup_devices_rules(&r, &rules, &n, NULL), -E2BIG);
	r.n_devices = 0;
	assert_int_equal(cgroup_devices_rules(&r, &rules, &n, NULL), 0);
	assert_true(n > 8);
	free(rules);
}

/* What the program answers: the few instructions that it is made of. */
static int answer(const struct bpf_insn *v, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint32_t reg[11] = {0};

	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn i = v[pc];
		const uint32_t k = (uint32_t)i.imm;

		switch (i.code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			memcpy(&reg[i.dst_reg], (const char *)ctx + i.off, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			reg[i.dst_reg] &= k;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			reg[i.dst_reg] >>= k;
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			reg[i.dst_reg] = reg[i.src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			reg[i.dst_reg] = k;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			pc += reg[i.dst_reg] != k ? (size_t)i.off : 0;
			break;
		case BPF_JMP32 | BPF_JEQ | BPF_K:
			pc += reg[i.dst_reg] == k ? (size_t)i.off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)reg[0];
		default:
			fail_msg("instruction 0x%x is unknown", i.code);
		}
	}
	fail_msg("the program has no end");
	return -1;
}

/* For each access the last rule that is about the device. */
static int expected(const struct rt_device_rule *rules, size_t n, char type, uint32_t major, uint32_t minor,
		    unsigned access)
{
	for (unsigned bit = 1; bit <= 4; bit *= 2) {
		bool allow = false;

		for (size_t i = 0; i < n; i++) {
			const struct rt_device_rule *r = &rules[i];
			const bool about = bit == BPF_DEVCG_ACC_READ	? r->read
					   : bit == BPF_DEVCG_ACC_WRITE ? r->write
									: r->mknod;

			if (about && (r->type == 'a' || r->type == type) && (r->major < 0 || r->major == major) &&
			    (r->minor < 0 || r->minor == minor))
				allow = r->allow;
		}
		if ((access & bit) && !allow)
			return 0;
	}
	return 1;
}

static void the_program_says_what_the_rules_say(void **state)
{
	static const struct rt_device_rule rules[][5] = {
	    {DENY('a', -1, -1, 1, 1, 1), ALLOW('c', 1, 3, 1, 1, 1), ALLOW('b', 8, -1, 1, 0, 0),
	     ALLOW('c', -1, -1, 0, 0, 1), DENY('c', 1, 5, 0, 1, 0)},
	    {ALLOW('a', -1, -1, 1, 1, 1), DENY('b', -1, -1, 0, 1, 0), ALLOW('b', 8, 1, 0, 1, 0),
	     DENY('c', -1, 5, 1, 0, 0), ALLOW('c', 1, 3, 0, 0, 0)},
	    {ALLOW('c', 1, 3, 1, 0, 0), ALLOW('c', 1, 3, 0, 1, 0), ALLOW('c', 4294967295, 4294967295, 1, 1, 1),
	     ALLOW('a', 8, -1, 0, 0, 1), DENY('a', 8, 1, 1, 1, 1)},
	    {ALLOW('c', 1, 3, 1, 1, 1), DENY('a', -1, -1, 1, 1, 1), DENY('a', -1, -1, 1, 0, 0),
	     ALLOW('b', 8, 0, 1, 1, 1), ALLOW('b', 8, 0, 1, 1, 1)},
	};
	static const uint32_t numbers[] = {0, 1, 3, 5, 8, 4294967295};
	size_t asked = 0, yes = 0;

	(void)state;
	for (size_t c = 0; c < COUNT(rules) * COUNT(numbers) * COUNT(numbers) * 16; c++) {
		const struct rt_device_rule *r = rules[c / (COUNT(numbers) * COUNT(numbers) * 16)];
		const uint32_t major = numbers[c / 16 % COUNT(numbers)],
			       minor = numbers[c / 16 / COUNT(numbers) % COUNT(numbers)];
		const unsigned access = (unsigned)(c % 8);
		const bool block = c % 16 >= 8;
		const struct bpf_cgroup_dev_ctx ctx = {
		    .access_type = (access << 16) | (block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		    .major = major,
		    .minor = minor};
		size_t n;
		mem_cleanup struct bpf_insn *program = cgroup_devices_program(r, 5, &n);
		int want = expected(r, 5, block ? 'b' : 'c', major, minor, access);

		/* The kernel never asks for nothing. */
		if (access == 0)
			continue;
		assert_int_equal(answer(program, n, &ctx), want);
		asked++;
		yes += (size_t)want;
	}
	assert_true(yes > 50 && yes < asked - 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hierarchies_are_recognised),
	    cmocka_unit_test(more_hierarchies_than_fit_are_left_out),
	    cmocka_unit_test(paths_are_checked),
	    cmocka_unit_test(weights_are_those_of_runc_and_crun),
	    cmocka_unit_test(resources_become_writes),
	    cmocka_unit_test(rules_become_a_list_for_version_1),
	    cmocka_unit_test(the_kernels_list_is_read),
	    cmocka_unit_test(wrong_rules_are_refused),
	    cmocka_unit_test(the_program_says_what_the_rules_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
