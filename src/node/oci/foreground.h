/* SPDX-License-Identifier: Apache-2.0
 *
 * foreground: stands in for a container's process that we wait for: passes our signals on to it, connects its terminal with ours, reaps
 * orphans that come to us, and knows its exit code.
 */
#pragma once

#include "node/oci/terminal.h"

#include <signal.h>
#include <sys/types.h>

struct err;

struct foreground {
	int signals; /* signalfd, or -1 */
	sigset_t saved;
	struct terminal terminal;
};

#define FOREGROUND_NONE                                                                                                \
	{                                                                                                              \
		.signals = -1, .terminal = {.master = -1 }                                                             \
	}

/* From now on no signal ends us half-way: they are kept until there is a process to pass them to. With `subreaper` orphans of the
 * container come to us. */
int foreground_begin(struct foreground *f, bool subreaper, struct err *err);
/* Until the child ends. `terminal`: the master end of its terminal, or -1. Returns its exit code or 128 + signal. */
int foreground_wait(struct foreground *f, pid_t pid, int pidfd, int terminal, struct err *err);
void foreground_end(struct foreground *f); /* as before; fine for one that did not begin */
