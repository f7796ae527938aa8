/* SPDX-License-Identifier: Apache-2.0
 *
 * counts: a few names with a number each ("gpu 2", "scratch 4"), sorted by name. So a node says which counters it has, and a task how many
 * units of them it wants. A unit is a thing with a number of its own, from 0; so there are at most COUNTS_N_MAX of a name. COUNTS_DISK alone is an amount, in MiB,
 * of which no part has a number.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define COUNTS_MAX 16	    /* names of a list */
#define COUNTS_NAME_MAX 32  /* bytes of a name with the NUL */
#define COUNTS_N_MAX 1024   /* units of a name */
#define COUNTS_TEXT_MAX 640 /* bytes of a list as text, with the NUL */
#define COUNTS_GPU "gpu"    /* the counter that stands for GPUs everywhere */
#define COUNTS_DISK "disk"
#define COUNTS_DISK_MAX 999999999 /* MiB */

struct count {
	char name[COUNTS_NAME_MAX];
	uint32_t n;
};

/* {0} is the empty list. */
struct counts {
	struct count list[COUNTS_MAX];
	size_t n;
};

/* The name is that of an amount, not of numbered units. */
bool counts_is_amount(const char *name);
/* The most that there may be of it. */
uint32_t counts_most(const char *name);
/* A letter first, then letters, digits and _ . -, at most COUNTS_NAME_MAX - 1. */
bool counts_name_ok(const char *name);
/* Adds a name, or gives it another number (0 stays in the list). -EINVAL: no name, or a number beyond counts_most(); -E2BIG: too many names. */
int counts_set(struct counts *c, const char *name, uint64_t n, struct err *err);
uint32_t counts_get(const struct counts *c, const char *name); /* 0 when it is not there */
bool counts_has(const struct counts *c, const char *name);
/* Lines of a name, a blank and a number, the last one with or without its newline; a name may stand there once. -EINVAL, -E2BIG, and *ret is untouched. */
int counts_parse(const char *text, struct counts *ret, struct err *err);
/* The same as text; the caller frees. */
char *counts_text(const struct counts *c);
/* "gpu=2": adds it, as counts_set(). Not for amounts: people say those as sizes. */
int counts_set_pair(struct counts *c, const char *pair, struct err *err);
