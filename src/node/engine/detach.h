/* SPDX-License-Identifier: Apache-2.0
 *
 * detach: the keys by which a client at a terminal leaves it, and finding them in what it types. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define DETACH_MAX 16
#define DETACH_DEFAULT "ctrl-p,ctrl-q"

struct detach {
	uint8_t keys[DETACH_MAX];
	size_t n;	/* 0 = there is no way to leave */
	size_t matched; /* so many of them have been typed and are held back */
};

/* "ctrl-p,ctrl-q", "x", "ctrl-@,DEL"; NULL = the default, "" = none. -EINVAL, -E2BIG */
int detach_parse(struct detach *d, const char *text, struct err *err);

/* Copies what is typed to `out` (room for n + DETACH_MAX bytes) but for the keys; returns the number of bytes there. *ret_left: they were typed, what came
 * after them is not looked at. */
size_t detach_filter(struct detach *d, const uint8_t *in, size_t n, uint8_t *out, bool *ret_left);
