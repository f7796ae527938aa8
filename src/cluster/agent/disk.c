/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/disk.h"

#include "base/core/counts.h"

#include <sys/statvfs.h>

#define PARTS 32
#define MIB_SHIFT 20
#define GIB_MIB 1024
#define WHOLE_FROM (16 * GIB_MIB)

static bool measure(const char *dir, uint64_t *ret_all, uint64_t *ret_free)
{
	struct statvfs st;

	if (statvfs(dir, &st) < 0)
		return false;
	*ret_all = (uint64_t)st.f_blocks * st.f_frsize;
	*ret_free = (uint64_t)st.f_bavail * st.f_frsize >> MIB_SHIFT << MIB_SHIFT;
	return true;
}

void disk_open(struct disk *d, const char *dir, uint64_t told)
{
	*d = (struct disk){.total = told};
	if (measure(dir, &d->all, &d->free) && !told)
		d->total = d->all;
}

bool disk_look(struct disk *d, const char *dir)
{
	uint64_t all, now, apart;

	if (!measure(dir, &all, &now))
		return false;
	apart = now > d->free ? now - d->free : d->free - now;
	if (all == d->all && apart <= all / PARTS)
		return false;
	d->all = all;
	d->free = now;
	return true;
}

uint32_t disk_units(const struct disk *d)
{
	uint64_t mib = d->total >> MIB_SHIFT;

	if (mib >= WHOLE_FROM)
		mib -= mib % GIB_MIB;
	return mib < COUNTS_DISK_MAX ? (uint32_t)mib : COUNTS_DISK_MAX;
}
