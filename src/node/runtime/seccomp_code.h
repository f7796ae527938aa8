/* SPDX-License-Identifier: Apache-2.0
 *
 * seccomp_code: lays out the instructions of a filter. Neighbouring numbers with the same answer are one range, and the ranges are searched as
 * a binary tree: some eight steps for a call, and as many for each number that the kernel tries when it installs the filter.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum seccomp_op { SECCOMP_EQ, SECCOMP_GT, SECCOMP_GE, SECCOMP_MASKED_EQ };

struct seccomp_cond {
	unsigned arg; /* 0..5 */
	enum seccomp_op op;
	bool negate;
	uint64_t mask, value; /* the mask is SECCOMP_MASKED_EQ's, and hides those bits of the value too */
};

/* What to do with the system call `nr` when all conditions hold. */
struct seccomp_call {
	uint32_t nr, action;
	uint32_t order; /* of those with the same number the lowest comes first */
	uint32_t cond, n_conds;
	unsigned wide; /* bits by argument: conditions look at all 64 of its bits, else at the low 32 */
};

/* What to do with the numbers from `from` on that have no call. */
struct seccomp_zone {
	uint32_t from, action;
};

struct seccomp_arch {
	uint32_t audit;
	struct seccomp_call *calls; /* is sorted here */
	size_t n_calls;
	const struct seccomp_cond *conds;
	const struct seccomp_zone *zones; /* ascending, the first from 0 */
	size_t n_zones;
};

struct seccomp_code {
	struct sock_filter at[BPF_MAXINSNS];
	size_t n;
	bool full; /* more was needed: not usable */
};

/* In this order: begin, each architecture, end. A call without conditions answers for its number whatever conditional ones there are, as
 * in libseccomp; else the first one whose conditions hold does, else the zone. */
void seccomp_code_begin(struct seccomp_code *c);
void seccomp_code_arch(struct seccomp_code *c, struct seccomp_arch *a);
void seccomp_code_end(struct seccomp_code *c, uint32_t other_arch_action);
