/* SPDX-License-Identifier: Apache-2.0
 *
 * subid: the ranges of user and group numbers that an ordinary user may use in user namespaces, from the texts of /etc/subuid and
 * /etc/subgid (subuid(5): lines "NAME-OR-UID:FIRST:COUNT"), and the map that is made of them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBID_RANGES_MAX 32
#define SUBID_COUNT_WANTED 65536u /* what a usual image needs, and what distributions give */

struct subid_range {
	uint32_t first, count;
};

struct subid {
	struct subid_range ranges[SUBID_RANGES_MAX];
	size_t n;
	uint32_t
	    free; /* first number above everybody's ranges (at least 100000) with room for SUBID_COUNT_WANTED more; 0 = none */
};

/* The ranges of the user called `name` (NULL = it has no name) with the number `uid`. Lines that are not understood, empty ranges, and
 * ranges that overlap an earlier one of the same user are passed over; more than SUBID_RANGES_MAX are cut. Never fails. */
void subid_parse(const char *text, const char *name, uint32_t uid, struct subid *ret);

/* The map as newuidmap(1) takes it: 0 is `own`, then the ranges from 1 on without a hole. Returns the number of lines. */
struct subid_line {
	uint32_t inside, outside, count;
};
size_t subid_map(const struct subid *s, uint32_t own, struct subid_line ret[static SUBID_RANGES_MAX + 1]);
