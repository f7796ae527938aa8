/* SPDX-License-Identifier: Apache-2.0
 *
 * init: the child of a start: sets the container up from the inside, starts the payload and is PID 1 until it ends.
 */
#pragma once

struct setup;

/* How rt_signal sends a SIGSTOP, which would stop init itself: this signal, queued with that value. */
#define INIT_STOP_VALUE 0x53544f50

_Noreturn void init_main(struct setup *s);
