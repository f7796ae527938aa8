/* SPDX-License-Identifier: Apache-2.0
 *
 * timing: where the microseconds of a start go. Off unless timing_on() was called; then every step of parent and child leaves a mark in a
 * page that both share, and timing_print() shows them in the order of time. For --debug-timing and the bench.
 */
#pragma once

#include <stdio.h>

struct err;

enum timing_who { TIMING_PARENT, TIMING_CHILD };

/* Maps the page; from here on marks are kept, the first 200 of them. -ENOMEM */
int timing_on(struct err *err);
/* Forgets the marks; the next one is relative to now. */
void timing_reset(void);
/* `what` has just been done; it must be a string that lives as long as the program. NULL is "wait". Does nothing when off. */
void timing_mark(enum timing_who who, const char *what);
/* One line a mark: microseconds since the reset, since the last mark of the same process, whose, and what. */
void timing_print(FILE *out);
