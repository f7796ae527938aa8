/* SPDX-License-Identifier: Apache-2.0
 *
 * stats_parse: the texts of /proc and of cgroup files that figures come from. Pure: what cannot be understood is left out. Inside of node/engine only.
 */
#pragma once

#include "node/engine/stats.h"

/* /proc/<pid>/net/dev; without the loopback. */
void stats_parse_net(const char *text, struct stats *s);
/* memory.stat */
void stats_parse_memory(const char *text, struct stats *s);
/* blkio.throttle.io_service_bytes_recursive ("8:0 Read 12") into one of the lists */
void stats_parse_blkio(const char *text, enum stats_block_list list, struct stats *s);
/* io.stat ("8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...") into both */
void stats_parse_io(const char *text, struct stats *s);
/* cpuacct.usage_percpu */
void stats_parse_percpu(const char *text, struct stats *s);
/* The first line of /proc/stat: time of all processors, in ns. */
uint64_t stats_parse_system(const char *text, long ticks_per_second);
/* "memory:/a/<id>/b" of /proc/<pid>/cgroup: the path up to and with the part that holds the id, for the hierarchy with this controller ("" = version 2). The
 * caller's; NULL = it is in no group of its own there. */
char *stats_parse_group(const char *text, const char *controller, const char *id);
