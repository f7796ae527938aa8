/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/seccomp_code.h"

#include "base/core/mem.h"

#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

/* Jumps of a condition that are not known yet: no real one within a rule is that long (six conditions of seven instructions). */
enum { NEXT = 0, TO_PASS = 0xfe, TO_FAIL = 0xff };

struct range {
	uint32_t from, action;
	const struct seccomp_call *calls; /* to try in this order before the action */
	size_t n;
};

static void emit(struct seccomp_code *c, unsigned code, unsigned jt, unsigned jf, uint32_t k)
{
	if (c->n == BPF_MAXINSNS) {
		c->full = true;
		return;
	}
	c->at[c->n++] = (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
}

/* ---- conditions ---- */

static uint32_t arg_offset(unsigned arg, bool high)
{
	size_t at = offsetof(struct seccomp_data, args) + 8 * arg;

	return (uint32_t)(at + (high == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) ? 4 : 0));
}

static void emit_load(struct seccomp_code *c, const struct seccomp_cond *k, bool high, uint32_t mask)
{
	emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, arg_offset(k->arg, high));
	if (k->op == SECCOMP_MASKED_EQ && mask != UINT32_MAX)
		emit(c, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
}

static void emit_cond(struct seccomp_code *c, const struct seccomp_cond *k, bool wide)
{
	static const unsigned jumps[] = {
	    [SECCOMP_EQ] = BPF_JEQ, [SECCOMP_GT] = BPF_JGT, [SECCOMP_GE] = BPF_JGE, [SECCOMP_MASKED_EQ] = BPF_JEQ};
	const uint64_t mask = k->op == SECCOMP_MASKED_EQ ? k->mask : UINT64_MAX, value = k->value & mask;
	const unsigned yes = k->negate ? TO_FAIL : TO_PASS, no = k->negate ? TO_PASS : TO_FAIL;

	/* The high half decides unless it is equal. A half that the mask hides is. */
	if (wide && mask >> 32) {
		emit_load(c, k, true, (uint32_t)(mask >> 32));
		if (k->op == SECCOMP_GT || k->op == SECCOMP_GE)
			emit(c, BPF_JMP | BPF_JGT | BPF_K, yes, NEXT, (uint32_t)(value >> 32));
		emit(c, BPF_JMP | BPF_JEQ | BPF_K, NEXT, no, (uint32_t)(value >> 32));
	}
	emit_load(c, k, false, (uint32_t)mask);
	emit(c, BPF_JMP | jumps[k->op] | BPF_K, yes, no, (uint32_t)value);
}

static void patch(struct seccomp_code *c, size_t from, unsigned mark)
{
	for (size_t i = from; i < c->n; i++) {
		struct sock_filter *f = &c->at[i];

		if (BPF_CLASS(f->code) != BPF_JMP)
			continue;
		if (f->jt == mark)
			f->jt = (uint8_t)(c->n - i - 1);
		if (f->jf == mark)
			f->jf = (uint8_t)(c->n - i - 1);
	}
}

static void emit_call(struct seccomp_code *c, const struct seccomp_call *call, const struct seccomp_cond *conds)
{
	size_t start = c->n;

	for (size_t i = 0; i < call->n_conds; i++) {
		const struct seccomp_cond *k = &conds[call->cond + i];
		size_t from = c->n;

		emit_cond(c, k, call->wide & 1u << k->arg);
		patch(c, from, TO_PASS);
	}
	emit(c, BPF_RET | BPF_K, 0, 0, call->action);
	patch(c, start, TO_FAIL);
}

/* ---- ranges ---- */

static int compare_calls(const void *a, const void *b)
{
	const struct seccomp_call *x = a, *y = b;

	if (x->nr != y->nr)
		return x->nr < y->nr ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_numbers(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint32_t zone_action(const struct seccomp_arch *a, uint32_t nr)
{
	size_t i = a->n_zones - 1;

	while (i > 0 && a->zones[i].from > nr)
		i--;
	return a->zones[i].action;
}

/* Every number at which the answer may change, ascending; some twice. */
static size_t borders_of(const struct seccomp_arch *a, uint32_t *borders)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_zones; i++)
		borders[n++] = a->zones[i].from;
	for (size_t i = 0; i < a->n_calls; i++) {
		borders[n++] = a->calls[i].nr;
		borders[n++] = a->calls[i].nr + 1;
	}
	qsort(borders, n, sizeof *borders, compare_numbers);
	return n;
}

static struct range answer_of(const struct seccomp_arch *a, uint32_t nr, const struct seccomp_call *calls, size_t n)
{
	struct range r = {.from = nr, .action = zone_action(a, nr), .calls = calls, .n = n};

	for (size_t i = 0; i < n; i++) {
		if (calls[i].n_conds == 0)
			return (struct range){.from = nr, .action = calls[i].action};
	}
	return r;
}

static size_t ranges_of(const struct seccomp_arch *a, const uint32_t *borders, size_t n_borders, struct range *ranges)
{
	size_t n = 0, call = 0;

	for (size_t i = 0; i < n_borders; i++) {
		size_t first = call;
		struct range r;

		if (i > 0 && borders[i] == borders[i - 1])
			continue;
		while (call < a->n_calls && a->calls[call].nr == borders[i])
			call++;
		r = answer_of(a, borders[i], call > first ? &a->calls[first] : NULL, call - first);
		if (n > 0 && r.n == 0 && ranges[n - 1].n == 0 && ranges[n - 1].action == r.action)
			continue;
		ranges[n++] = r;
	}
	return n;
}

static void emit_tree(struct seccomp_code *c, const struct seccomp_arch *a, const struct range *ranges, size_t n)
{
	size_t half = n / 2, branch = c->n, left;

	if (c->full)
		return;
	if (n == 1) {
		for (size_t i = 0; i < ranges->n && !c->full; i++)
			emit_call(c, &ranges->calls[i], a->conds);
		emit(c, BPF_RET | BPF_K, 0, 0, ranges->action);
		return;
	}
	/* number >= ranges[half].from: over the left half to the right one; a jump over more than 255 needs an instruction of its own. */
	emit(c, BPF_JMP | BPF_JGE | BPF_K, 0, 0, ranges[half].from);
	emit_tree(c, a, ranges, half);
	left = c->n - branch - 1;
	if (left > 255)
		emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
	if (c->full)
		return;
	if (left > 255) {
		memmove(&c->at[branch + 2], &c->at[branch + 1], left * sizeof c->at[0]);
		c->at[branch].jf = 1;
		c->at[branch + 1] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)left};
	} else {
		c->at[branch].jt = (uint8_t)left;
	}
	emit_tree(c, a, ranges + half, n - half);
}

void seccomp_code_begin(struct seccomp_code *c)
{
	c->n = 0;
	c->full = false;
	emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
}

void seccomp_code_arch(struct seccomp_code *c, struct seccomp_arch *a)
{
	const size_t most = a->n_zones + 2 * a->n_calls;
	mem_cleanup uint32_t *borders = mem_new_n(uint32_t, most);
	mem_cleanup struct range *ranges = mem_new_n(struct range, most);
	size_t skip;

	if (a->n_calls > 0)
		qsort(a->calls, a->n_calls, sizeof *a->calls, compare_calls);
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, a->audit);
	skip = c->n;
	emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
	emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	emit_tree(c, a, ranges, ranges_of(a, borders, borders_of(a, borders), ranges));
	if (!c->full)
		c->at[skip].k = (uint32_t)(c->n - skip - 1);
}

void seccomp_code_end(struct seccomp_code *c, uint32_t other_arch_action)
{
	emit(c, BPF_RET | BPF_K, 0, 0, other_arch_action);
}
