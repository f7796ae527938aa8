/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for seccomp_load.c and cgroup_box.c until they are there; removed with them.
 */
#include "base/core/err.h"
#include "node/runtime/cgroup_box.h"
#include "node/runtime/seccomp_profile.h"

#define NOT_YET(err) err_set((err), ENOTSUP, "not possible yet")

int seccomp_load(const struct rt_filter *f, int listener, const char *state, struct err *err)
{
	(void)f, (void)listener, (void)state;
	return NOT_YET(err);
}
int cgroup_box_fd(const struct cgroup_box *b)
{
	(void)b;
	return -1;
}
int cgroup_box_enter(const struct cgroup_box *b, pid_t pid, const char *sub, struct err *err)
{
	(void)b, (void)pid, (void)sub;
	return NOT_YET(err);
}
int cgroup_box_each(const struct cgroup_box *b, int (*fn)(void *ctx, const struct cgroup_hierarchy *h, struct err *err),
		    void *ctx, struct err *err)
{
	(void)b, (void)fn, (void)ctx;
	return NOT_YET(err);
}
