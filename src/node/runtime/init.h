/* SPDX-License-Identifier: Apache-2.0
 *
 * init: the child of a start: sets the container up from the inside, starts the payload and is PID 1 until it ends.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct err;
struct setup;

/* How rt_signal sends a SIGSTOP, which would stop init itself: this signal, queued with that value. */
#define INIT_STOP_VALUE 0x53544f50

/* What ps shows of it in a container, as Docker's users know it. */
#define INIT_TITLE "/sbin/docker-init"

_Noreturn void init_main(struct setup *s);

/* For a start that has made the payload itself (bundle_init.c): as few rights as an init needs, then init until the payload ends, which ends the
 * process; it returns only when it cannot wait. `report`: where the payload's wait status is told. It must not be known as one that never returns:
 * before the call of such a one the address sanitizer asks the kernel for what an init may not ask. */
int init_confine(bool no_filter, struct err *err);
void init_be(pid_t payload, int report);
