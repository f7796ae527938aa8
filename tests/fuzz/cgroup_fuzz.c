/* SPDX-License-Identifier: Apache-2.0
 *
 * What cgroup_box reads: /proc/self/mountinfo and /proc/self/cgroup, devices.list of a cgroup, and the list of directories in a state file. The input
 * is these four texts with NUL between them. Needs runtime_dep.
 */
#include "node/runtime/cgroup_box.h"
#include "node/runtime/cgroup_devices.h"
#include "node/runtime/cgroup_mounts.h"

#include "base/core/mem.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mounts(const char *mountinfo, const char *self)
{
	static struct cgroup_mounts m;

	cgroup_mounts_parse(mountinfo, self, &m);
	if (m.n > CGROUP_MOUNTS_MAX)
		__builtin_trap();
	for (size_t i = 0; i < m.n; i++) {
		if (*m.v[i].point != '/' || (*m.v[i].own && !cgroup_mounts_path_ok(m.v[i].own)) ||
		    m.v[i].v2 != !*m.v[i].controllers)
			__builtin_trap();
	}
}

/* A list that was read is a list of rules, which must come out as they went in. */
static void devices(const char *list)
{
	struct cgroup_device_list read, again;

	cgroup_devices_parse(list, &read);
	if (!read.allow && cgroup_devices_reduce(read.v, read.n, &again, NULL) == 0) {
		if (again.allow || again.n != read.n)
			__builtin_trap();
		cgroup_devices_free(&again);
	}
	cgroup_devices_free(&read);
}

static void text(const char *s)
{
	struct cgroup_box *b = NULL;

	if (*s && cgroup_box_open(s, &b, NULL) == 0 && cgroup_box_text(b)[0] != '1')
		__builtin_trap();
	(void)cgroup_box_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mem_cleanup char *copy = mem_zalloc(size + 1, 1);
	const char *parts[4] = {"", "", "", ""};
	size_t n = 0;

	if (size > 0)
		memcpy(copy, data, size);
	for (size_t at = 0; at < size && n < 4; at += strlen(copy + at) + 1)
		parts[n++] = copy + at;
	mounts(parts[0], parts[1]);
	devices(parts[2]);
	text(parts[3]);
	return 0;
}
