/* SPDX-License-Identifier: Apache-2.0
 *
 * seccomp_sim: runs a filter as the kernel would, and refuses what the kernel would refuse: a jump out of the program, an instruction that
 * filters may not have, an end without an answer.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* True with *ret = the answer; false for a program that is not one. */
static inline bool seccomp_sim(const struct sock_filter *code, size_t n, const struct seccomp_data *data, uint32_t *ret)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *f = &code[pc];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k % 4 != 0 || f->k >= sizeof *data)
				return false;
			memcpy(&a, (const char *)data + f->k, sizeof a);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += a & f->k ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_K:
			*ret = f->k;
			return true;
		default:
			return false;
		}
	}
	return false;
}

/* True when every jump, taken or not, ends on an instruction, and the last one is an answer. */
static inline bool seccomp_sim_sound(const struct sock_filter *code, size_t n)
{
	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *f = &code[pc];
		size_t far = BPF_CLASS(f->code) != BPF_JMP   ? 0
			     : f->code == (BPF_JMP | BPF_JA) ? f->k
			     : f->jt > f->jf		     ? f->jt
							     : f->jf;

		if (BPF_CLASS(f->code) != BPF_RET && pc + 1 + far >= n)
			return false;
	}
	return n > 0 && n <= BPF_MAXINSNS && BPF_CLASS(code[n - 1].code) == BPF_RET;
}
