/* SPDX-License-Identifier: Apache-2.0
 *
 * fence: containers that must not outlive the node's lease (`fenced` in their spec). <data>/fence says until when they may run:
 * clock_mono_ms() of this boot, which goes on during suspend. The daemon moves it on; the monitor of each such container looks at it when the moment comes
 * that it has read last, and ends its container when the number has not moved. So they end in time also where no daemon is left.
 *
 * When the number had passed before it is moved on, a new term begins. Others may have been told to go on with all that was ordered in the old one, so what is
 * of an old term ends also when its monitor, or the order itself, comes so late that a new lease has begun.
 *
 * The file is mapped and has its blocks from the beginning: moving the number on takes no room on the disk and cannot be read half.
 */
#pragma once

#include <stdint.h>

struct err;
struct fence;

struct fence_state {
	int64_t until_ms;
	int64_t term; /* of the number, from 0 */
};

/* The daemon's side. What was said in another boot, or is damaged, is as good as 0: nothing fenced may run. */
int fence_open(int data_dir, struct fence **ret, struct err *err);
struct fence *fence_close(struct fence *f);
void fence_set(struct fence *f, int64_t until_ms, int64_t now_ms); /* never back, but from INT64_MAX, for ever */
struct fence_state fence_get(const struct fence *f);

/* The monitor's side: what the daemon has said last, zeroes when it has not. */
struct fence_state fence_read(int data_dir);

/* A descriptor that becomes readable at that time (clock_mono_ms()), also when the machine sleeps at that moment and wakes later; or negative. */
int fence_timer(void);
void fence_arm(int timer, int64_t at_ms);
