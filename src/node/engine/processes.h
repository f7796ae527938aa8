/* SPDX-License-Identifier: Apache-2.0
 *
 * processes: those of a running container, as the machine sees them. Reading /proc may wait for a process that holds its own memory, so it is done in
 * a process of its own (engine_tool), never in the daemon.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define PROCESSES_MAX 10000
#define PROCESS_COMMAND_MAX 4096

struct process {
	pid_t pid, ppid, pgid, sid;
	uid_t uid;
	char state;
	int tty; /* device number, 0 = none */
	int64_t threads, nice, priority;
	int64_t start_ms; /* wall clock */
	int64_t cpu_ms;	  /* user and system */
	uint64_t virtual_bytes, resident_bytes;
	char name[64];
	char *command; /* with its arguments; "[name]" when it shows none */
};

/* id: all digits; pid: of its first process. Ordered by pid. What ends meanwhile is left out. */
int processes_read(const char *id, pid_t pid, struct process **ret, size_t *ret_n, struct err *err);
void processes_free(struct process *p, size_t n);
