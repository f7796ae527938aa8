/* SPDX-License-Identifier: Apache-2.0
 *
 * Version 1 tells just before it kills, and of nothing else. Version 2 tells of lesser things by the same file, so its counter decides.
 */
#include "node/runtime/oom.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "node/runtime/cgroup.h"
#include "node/runtime/cgroup_box.h"

#include <errno.h>
#include <unistd.h>

static uint64_t count(const struct rt_box *box)
{
	struct cgroup_stats s;
	uint64_t n = 0;

	if (!box->cgroups)
		return cgroup_oom_kills(box->cgroup, &n) ? n : 0;
	return cgroup_box_stats(box->cgroups, &s, NULL) == 0 && s.oom_kills > 0 ? (uint64_t)s.oom_kills : 0;
}

int oom_watch(const struct rt_box *box, struct oom *ret, struct err *err)
{
	struct oom o = OOM_NULL;
	int r;

	r = box->cgroups ? cgroup_box_oom_fd(box->cgroups, &o.v2, err) : cgroup_oom_fd(box->cgroup, &o.v2, err);
	if (r < 0)
		return r;
	o.fd = r;
	o.kills = o.v2 ? count(box) : 0;
	*ret = o;
	return 0;
}

/* An eventfd gives a number, inotify as many records as there is room for. */
static bool drain(int fd)
{
	char data[4096];
	bool any = false;

	while (read(fd, data, sizeof data) > 0)
		any = true;
	return any;
}

bool oom_look(const struct rt_box *box, struct oom *o)
{
	bool any = drain(o->fd);
	uint64_t kills;

	if (!o->v2)
		return any;
	kills = count(box);
	any = kills > o->kills;
	o->kills = kills;
	return any;
}

void oom_close(struct oom *o)
{
	fd_closep(&o->fd);
}
