/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json's "linux.memoryPolicy" (config-linux.md of runtime-spec 1.3): which NUMA nodes the program's memory comes from. What set_mempolicy(2) would
 * refuse whatever the machine is refused here, in words.
 */
#include "base/core/err.h"
#include "node/oci/config_parts.h"
#include "node/runtime/rt_attr.h"

#include <linux/mempolicy.h>
#include <stdlib.h>

enum nodes { NODES_NONE, NODES_SOME, NODES_ANY };

#define FLAGS_MAX 16

/* The modes by their number. MPOL_WEIGHTED_INTERLEAVE is of Linux 6.9. */
const char *const config_memory_modes[] = {
    "MPOL_DEFAULT",	   "MPOL_PREFERRED",	       "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL",
    "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE", NULL};
static const enum nodes mode_nodes[] = {NODES_NONE, NODES_ANY,	NODES_SOME, NODES_SOME,
					NODES_NONE, NODES_SOME, NODES_SOME};

const char *const config_memory_flags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES",
					   NULL};
static const int flag_bits[] = {MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES, MPOL_F_STATIC_NODES};

struct raw_policy {
	const char *mode, *nodes;
	char *const *flags;
};

static const struct reader_member policy_members[] = {
    {"mode", READER_STR, .at = offsetof(struct raw_policy, mode)},
    {"nodes", READER_STR, .at = offsetof(struct raw_policy, nodes)},
    {"flags", READER_STRV, .at = offsetof(struct raw_policy, flags), .max = FLAGS_MAX},
    {NULL},
};

/* A node's number, and where the text goes on; -1 = there is none that a kernel could have. */
static long read_node(const char *p, const char **ret_end)
{
	char *end;
	unsigned long n = strtoul(p, &end, 10);

	*ret_end = end;
	return *p < '0' || *p > '9' || n >= RT_NODES_MAX ? -1 : (long)n;
}

/* "0-3,7"; how many there are. */
static int read_nodes(struct reader *rd, const char *text, struct rt_memory_policy *to)
{
	int n = 0;

	for (const char *p = text; *p;) {
		long from = read_node(p, &p), last = from;

		if (from >= 0 && *p == '-')
			last = read_node(p + 1, &p);
		if (from < 0 || last < from || (*p && *p != ',') || (*p == ',' && !p[1]))
			return reader_fail(rd, EINVAL,
					   "invalid memory policy node in \"%.100s\": 0 to %d, as \"0-3,7\"", text,
					   RT_NODES_MAX - 1);
		for (; from <= last; from++) {
			uint64_t bit = UINT64_C(1) << (from % 64);

			n += (to->nodes[from / 64] & bit) == 0;
			to->nodes[from / 64] |= bit;
		}
		p += *p == ',';
	}
	to->has_nodes = n > 0;
	return n;
}

static int read_flags(struct reader *rd, char *const *names, int *mode)
{
	for (; names && *names; names++) {
		int i = reader_index_of(config_memory_flags, *names);

		if (i < 0)
			return reader_fail(rd, EINVAL, "invalid memory policy flag \"%.100s\"", *names);
		*mode |= flag_bits[i];
	}
	if ((*mode & MPOL_F_RELATIVE_NODES) && (*mode & MPOL_F_STATIC_NODES))
		return reader_fail(
		    rd, EINVAL, "memory policy flags MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES exclude each other");
	return 0;
}

int config_read_memory_policy(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_policy raw = {.mode = NULL};
	struct rt_memory_policy p = {.set = true};
	int r = reader_object(rd, v, policy_members, &raw), n;

	if (r < 0)
		return r;
	p.mode = raw.mode ? reader_index_of(config_memory_modes, raw.mode) : -1;
	if (p.mode < 0)
		return reader_fail(rd, EINVAL, "invalid memory policy mode \"%.100s\"", raw.mode ? raw.mode : "");
	n = read_nodes(rd, raw.nodes ? raw.nodes : "", &p);
	if (n > 0 && mode_nodes[p.mode] == NODES_NONE)
		return reader_fail(rd, EINVAL, "%s: this mode requires 0 nodes but got %d", raw.mode, n);
	if (n == 0 && mode_nodes[p.mode] == NODES_SOME)
		return reader_fail(rd, EINVAL, "%s: this mode needs nodes", raw.mode);
	r = n < 0 ? n : read_flags(rd, raw.flags, &p.mode);
	if (r == 0)
		((struct rt_process_attr *)to)->memory_policy = p;
	return r;
}
