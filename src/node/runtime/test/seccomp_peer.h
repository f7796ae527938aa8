/* SPDX-License-Identifier: Apache-2.0
 *
 * seccomp_peer: the second opinion of the filter tests: libseccomp's names, and libseccomp's own filter for the same profile.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

struct peer_rule {
	const char *const *names;
	uint32_t action; /* SECCOMP_RET_* with its data */
	size_t n_args;
	struct {
		unsigned index, op; /* op: place in seccomp_operators */
		uint64_t value, value_two;
	} args[6]; /* of different indexes */
};

/* `abi`: 0 the machine's own x86_64, 1 x86, 2 x32. */
int peer_number(unsigned abi, const char *name);		/* negative: it has none */
const char *peer_name(unsigned abi, uint32_t nr, char buf[64]); /* NULL: it has none */

/* The number of instructions, or a negative errno. */
long peer_compile(uint32_t default_action, unsigned abis, const struct peer_rule *rules, size_t n,
		  struct sock_filter code[static BPF_MAXINSNS]);
