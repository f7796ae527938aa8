/* SPDX-License-Identifier: Apache-2.0
 *
 * seccomp_names: the numbers of system calls by name, for each ABI that this machine's kernel can be entered through. The table is made by
 * seccomp_gen when berth is built, from libseccomp and a list of calls newer than it: looking 400 names up takes microseconds, and
 * the library itself is not needed at run time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_ABIS_MAX 3

struct seccomp_abi {
	const char *name;	  /* "SCMP_ARCH_X86_64" */
	uint32_t audit;		  /* AUDIT_ARCH_*: what seccomp_data.arch says; two ABIs can share one */
	uint32_t bit;		  /* set in all its numbers (x32), or 0 */
	uint32_t private_numbers; /* from here on numbers do not grow with the kernel (ARM), or 0 */
	bool wide;		  /* arguments have 64 bits */
};

/* The first one is the machine's own. */
extern const struct seccomp_abi seccomp_abis[];
extern const size_t seccomp_n_abis;

struct seccomp_name {
	uint16_t text; /* where its name stands in seccomp_names_text */
	/* 32-bit x86: also reached as call `mux` of socketcall (1..20), or as call `mux` - 100 of ipc (101..124); 0 = neither */
	uint8_t mux;
	int32_t nr[SECCOMP_ABIS_MAX]; /* by place in seccomp_abis; -1 = not there */
};

extern const char seccomp_names_text[];
extern const struct seccomp_name seccomp_names[]; /* sorted by name */
extern const size_t seccomp_n_names;

/* NULL for a name that no ABI of this machine has. */
const struct seccomp_name *seccomp_name_find(const char *name);
