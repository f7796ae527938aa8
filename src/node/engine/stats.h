/* SPDX-License-Identifier: Apache-2.0
 *
 * stats: what a running container uses at this moment, read from the files of its cgroups and of /proc when somebody asks: nothing is kept, nothing runs
 * in between. It takes well below a millisecond, so that the daemon's loop may do it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct err;

#define STATS_INTERFACES_MAX 64
#define STATS_BLOCK_MAX 256
#define STATS_MEMORY_MAX 64
#define STATS_CPUS_MAX 1024

struct stats_interface {
	char name[16];
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped;
};
enum stats_block_list { STATS_BLOCK_BYTES, STATS_BLOCK_COUNT };
struct stats_block {
	enum stats_block_list list;
	uint64_t major, minor, value;
	const char *op; /* "read", "write" ... : static */
};
struct stats_memory {
	char name[32]; /* a line of memory.stat */
	uint64_t value;
};

/* What is not known here is 0, or an empty list. */
struct stats {
	bool running; /* false: nothing below is set but name and id */
	bool v2;
	int64_t read_ns;						  /* wall clock */
	uint64_t cpu_total_ns, cpu_user_ns, cpu_kernel_ns, cpu_system_ns; /* system: all of the machine */
	unsigned n_cpus;
	uint64_t *per_cpu_ns; /* version 1 */
	size_t n_per_cpu;
	uint64_t throttled_periods, periods, throttled_ns;
	uint64_t memory_usage, memory_peak, memory_limit, memory_failures; /* no limit: that of the machine */
	struct stats_memory *memory;
	size_t n_memory;
	uint64_t pids, pids_limit; /* UINT64_MAX = no limit */
	struct stats_block *block;
	size_t n_block;
	bool has_network; /* it has one of its own */
	struct stats_interface *interfaces;
	size_t n_interfaces;
};
/* id as engine_find. */
int engine_stats(struct engine *e, const char *id, struct stats *ret, struct err *err);
void stats_free(struct stats *s);
