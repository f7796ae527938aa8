/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/cgroup_layout.h"

#include "base/core/mem.h"
#include "node/runtime/cgroup_mounts.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The name of each version 1 controller in the super block's options. */
static const char *const controllers[CGROUP_TREES] = {
    [CGROUP_CPU] = "cpu", [CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids", [CGROUP_FREEZER] = "freezer"};

/* Our own processes may have moved down to make room for controllers: what is below belongs to the group above. */
static void set_v2_base(struct cgroup_layout *l, const char *own)
{
	size_t root = strlen(l->v2_root), len = strlen(own), main_len = strlen("/" CGROUP_MAIN);

	if (len >= main_len && !strcmp(own + len - main_len, "/" CGROUP_MAIN))
		len -= main_len;
	if (root + len >= CGROUP_BASE_MAX)
		len = 0;
	memcpy(l->base[CGROUP_V2], l->v2_root, root);
	memcpy(l->base[CGROUP_V2] + root, own, len);
	l->base[CGROUP_V2][root + len] = '\0';
}

static void take_mount(struct cgroup_layout *l, const struct cgroup_mount *m)
{
	if (strlen(m->point) >= CGROUP_BASE_MAX)
		return;
	if (m->v2 && !*l->v2_root) {
		snprintf(l->v2_root, sizeof l->v2_root, "%s", m->point);
		set_v2_base(l, m->own);
	}
	for (int t = CGROUP_CPU; !m->v2 && t < CGROUP_TREES; t++) {
		if (cgroup_mounts_has(m->controllers, controllers[t]) && !*l->base[t])
			snprintf(l->base[t], sizeof l->base[t], "%s", m->point);
	}
}

static void set_kind(struct cgroup_layout *l)
{
	bool v1 = false;

	for (int t = CGROUP_CPU; t < CGROUP_TREES; t++)
		v1 = v1 || *l->base[t];
	if (v1)
		l->kind = *l->v2_root ? CGROUP_KIND_HYBRID : CGROUP_KIND_V1;
	else
		l->kind = *l->v2_root ? CGROUP_KIND_V2 : CGROUP_KIND_NONE;
}

void cgroup_layout_drop(struct cgroup_layout *l, enum cgroup_tree t)
{
	l->base[t][0] = '\0';
	if (t == CGROUP_V2)
		l->v2_root[0] = '\0';
	set_kind(l);
}

void cgroup_layout_parse(const char *mountinfo, const char *self_cgroup, struct cgroup_layout *ret)
{
	mem_cleanup struct cgroup_mounts *mounts = mem_new(struct cgroup_mounts);

	*ret = (struct cgroup_layout){.kind = CGROUP_KIND_NONE};
	cgroup_mounts_parse(mountinfo, self_cgroup, mounts);
	for (size_t i = 0; i < mounts->n; i++)
		take_mount(ret, &mounts->v[i]);
	set_kind(ret);
}

const char *cgroup_kind_name(enum cgroup_kind kind)
{
	static const char *const names[] = {"none", "v1", "hybrid", "v2"};

	return names[kind];
}
