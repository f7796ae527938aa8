/* SPDX-License-Identifier: Apache-2.0
 *
 * Device rules of version 2: a program that the kernel asks at each open and mknod. It is given struct bpf_cgroup_dev_ctx (type and access in one
 * word, major, minor) and answers 1 for "may". From the last rule to the first: a rule that allows takes its accesses off the list
 * of those that are still in question, and with none left the answer is yes; one that denies any of them ends it with no.
 */
#include "node/runtime/cgroup_devices.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

enum { PER_RULE = 9, AROUND = 8, PROGRAMS_MAX = 64, LOAD_TRIES = 100 };

/* ---- the program ---- */

struct program {
	struct bpf_insn *v;
	size_t n;
};

static void add(struct program *p, unsigned code, unsigned dst, unsigned src, int off, uint32_t imm)
{
	p->v[p->n++] = (struct bpf_insn){.code = (uint8_t)code,
					 .dst_reg = dst & 0xf,
					 .src_reg = src & 0xf,
					 .off = (int16_t)off,
					 .imm = (int32_t)imm};
}

static void add_load(struct program *p, unsigned dst, size_t offset)
{
	add(p, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, (int)offset, 0);
}

static void add_answer(struct program *p, uint32_t answer)
{
	add(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, answer);
	add(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static uint32_t access_of(const struct rt_device_rule *r)
{
	return (r->read ? BPF_DEVCG_ACC_READ : 0u) | (r->write ? BPF_DEVCG_ACC_WRITE : 0u) |
	       (r->mknod ? BPF_DEVCG_ACC_MKNOD : 0u);
}

/* r2 type, r3 accesses still in question, r4 major, r5 minor. 32-bit comparisons (Linux 5.1): a number above 2^31 is not sign-extended. */
static void add_rule(struct program *p, const struct rt_device_rule *r)
{
	const size_t first = p->n;
	const unsigned differs = BPF_JMP32 | BPF_JNE | BPF_K;
	const uint32_t access = access_of(r);

	if (r->type != 'a')
		add(p, differs, BPF_REG_2, 0, 0, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (r->major >= 0)
		add(p, differs, BPF_REG_4, 0, 0, (uint32_t)r->major);
	if (r->minor >= 0)
		add(p, differs, BPF_REG_5, 0, 0, (uint32_t)r->minor);
	const size_t tests = p->n;

	if (r->allow) {
		add(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_3, 0, 0, ~access);
		add(p, differs, BPF_REG_3, 0, 2, 0);
		add_answer(p, 1);
	} else {
		add(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		add(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, access);
		add(p, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_1, 0, 2, 0);
		add_answer(p, 0);
	}
	for (size_t i = first; i < tests; i++)
		p->v[i].off = (int16_t)(p->n - i - 1);
}

/* Nothing after it is ever asked, and the kernel refuses instructions that cannot be reached. */
static bool decides_all(const struct rt_device_rule *r)
{
	return r->type == 'a' && r->major < 0 && r->minor < 0 &&
	       access_of(r) == (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD);
}

struct bpf_insn *cgroup_devices_program(const struct rt_device_rule *rules, size_t n, size_t *ret_n)
{
	struct program p = {.v = mem_new_n(struct bpf_insn, n * PER_RULE + AROUND)};
	uint32_t otherwise = 0;

	add_load(&p, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	add(&p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	add_load(&p, BPF_REG_3, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	add(&p, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	add_load(&p, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	add_load(&p, BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
	while (n-- > 0) {
		if (decides_all(&rules[n])) {
			otherwise = rules[n].allow;
			break;
		}
		if (access_of(&rules[n]))
			add_rule(&p, &rules[n]);
	}
	add_answer(&p, otherwise);
	*ret_n = p.n;
	return p.v;
}

/* ---- attaching ---- */

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof *attr);

	return r < 0 ? -errno : (int)r;
}

/* The kernel's check of a program ends with EAGAIN when a signal comes meanwhile, also one that only stops the process. */
static int load(const struct bpf_insn *program, size_t n)
{
	union bpf_attr a;
	int r = -EAGAIN;

	memset(&a, 0, sizeof a);
	a.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	a.insns = (uintptr_t)program;
	a.insn_cnt = (uint32_t)n;
	a.license = (uintptr_t) "Apache-2.0";
	for (int i = 0; r == -EAGAIN && i < LOAD_TRIES; i++)
		r = sys_bpf(BPF_PROG_LOAD, &a);
	return r;
}

struct attached {
	uint32_t ids[PROGRAMS_MAX];
	size_t n;
};

static int query(int dir, struct attached *ret)
{
	union bpf_attr a;
	int r;

	memset(&a, 0, sizeof a);
	a.query.target_fd = (uint32_t)dir;
	a.query.attach_type = BPF_CGROUP_DEVICE;
	a.query.prog_ids = (uintptr_t)ret->ids;
	a.query.prog_cnt = PROGRAMS_MAX;
	r = sys_bpf(BPF_PROG_QUERY, &a);
	if (r == 0)
		ret->n = a.query.prog_cnt;
	return r;
}

static int program_of(uint32_t id)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.prog_id = id;
	return sys_bpf(BPF_PROG_GET_FD_BY_ID, &a);
}

static int attach(int dir, int program, int replaced)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.target_fd = (uint32_t)dir;
	a.attach_bpf_fd = (uint32_t)program;
	a.attach_type = BPF_CGROUP_DEVICE;
	a.attach_flags = BPF_F_ALLOW_MULTI | (replaced >= 0 ? BPF_F_REPLACE : 0u);
	a.replace_bpf_fd = replaced >= 0 ? (uint32_t)replaced : 0;
	return sys_bpf(BPF_PROG_ATTACH, &a);
}

static int detach(int dir, int program)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.target_fd = (uint32_t)dir;
	a.attach_bpf_fd = (uint32_t)program;
	a.attach_type = BPF_CGROUP_DEVICE;
	return sys_bpf(BPF_PROG_DETACH, &a);
}

/* All programs of a directory are asked and all must agree, so a new one beside the old ones is stricter for a moment, never laxer. */
static int replace_all(int dir, int program, const struct attached *old_ones, struct err *err)
{
	int r = attach(dir, program, -1);

	if (r < 0)
		return err_sys(err, -r, "attach the filter for devices");
	for (size_t i = 0; i < old_ones->n; i++) {
		fd_cleanup int old = program_of(old_ones->ids[i]);

		r = old < 0 ? old : detach(dir, old);
		if (r < 0 && r != -ENOENT)
			return err_sys(err, -r, "detach the old filter for devices");
	}
	return 0;
}

int cgroup_devices_attach(int dir, const struct bpf_insn *program, size_t n, struct err *err)
{
	struct attached found = {.n = 0};
	fd_cleanup int fd = load(program, n), old = -1;
	int r;

	if (fd < 0)
		return err_sys(err, -fd, "load the filter for devices (%zu instructions)", n);
	r = query(dir, &found);
	if (r < 0)
		return err_sys(err, -r, "list the filters for devices");
	if (found.n == 1) {
		old = program_of(found.ids[0]);
		/* BPF_F_REPLACE is of Linux 5.6. */
		if (old >= 0 && attach(dir, fd, old) == 0)
			return 0;
	}
	return replace_all(dir, fd, &found, err);
}
