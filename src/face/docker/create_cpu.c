/* SPDX-License-Identifier: Apache-2.0
 *
 * create_cpu: what a container may use of the processors, refused in Docker's words where the kernel would refuse it at the start in its own.
 */
#include "face/docker/create_private.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "face/docker/shape.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_MAX 4096
#define PERIOD_MAX 1000000
#define CFS_MIN 1000
#define SHARES_MIN 2
#define SHARES_MAX 262144

static int pass_cpus(struct making *m, struct err *err)
{
	int64_t nano = shape_number(m->host, "NanoCpus");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (nano == 0)
		return 0;
	if (shape_number(m->host, "CpuPeriod") || shape_number(m->host, "CpuQuota"))
		return err_set(err, EINVAL, "Conflicting options: Nano CPUs and CPU %s cannot both be set",
			       shape_number(m->host, "CpuPeriod") ? "Period" : "Quota");
	if (nano > 1000000000ll * cpus)
		return err_set(err, EINVAL,
			       "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available", cpus,
			       cpus);
	if (nano < 10000000)
		return err_set(err, EINVAL, "NanoCpus: less than 0.01 processors (10000000) is not possible");
	yyjson_mut_obj_add_int(m->d, m->spec, "limit_cpu_milli", nano / 1000000);
	return 0;
}

static int check_shares(int64_t shares, int64_t period, int64_t quota, struct err *err)
{
	if (shares < 0)
		return err_set(err, EINVAL, "shares: invalid argument");
	if (shares > 0 && shares < SHARES_MIN)
		return err_set(err, EINVAL, "the minimum allowed cpu-shares is %d", SHARES_MIN);
	if (shares > SHARES_MAX)
		return err_set(err, EINVAL, "the maximum allowed cpu-shares is %d", SHARES_MAX);
	if (period != 0 && (period < CFS_MIN || period > PERIOD_MAX))
		return err_set(err, EINVAL,
			       "CPU cfs period can not be less than 1ms (i.e. %d) or larger than 1s (i.e. %d)", CFS_MIN,
			       PERIOD_MAX);
	if (quota > 0 && quota < CFS_MIN)
		return err_set(err, EINVAL, "CPU cfs quota can not be less than 1ms (i.e. %d)", CFS_MIN);
	return 0;
}

/* ---- lists of processors and of memory nodes ---- */

/* "3" or "0-3" at *text, which goes on behind it and its comma. */
static bool next_range(const char **text, unsigned long *first, unsigned long *last)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	*first = *last = strtoul(*text, &end, 10);
	if (*end == '-') {
		if (!isdigit((unsigned char)end[1]))
			return false;
		*last = strtoul(end + 1, &end, 10);
	}
	if ((*end && (*end != ',' || !end[1])) || *last < *first)
		return false;
	*text = end + (*end == ',');
	return true;
}

/* The kernel writes ranges as long as they go: one that is there is within one of them. */
static bool is_there(const char *there, unsigned long first, unsigned long last)
{
	unsigned long from, to;

	while (next_range(&there, &from, &to)) {
		if (first >= from && last <= to)
			return true;
	}
	return false;
}

/* -ENOENT: this machine does not tell. */
static int read_there(const char *path, char **ret)
{
	size_t n;
	int r = fs_read(AT_FDCWD, path, LIST_MAX, ret, &n, NULL);

	if (r == 0)
		(*ret)[strcspn(*ret, "\n")] = 0;
	return r;
}

static const struct cpuset {
	const char *member, *word, *things, *path;
} cpusets[] = {{"CpusetCpus", "cpus", "CPUs", "/sys/devices/system/cpu/online"},
	       {"CpusetMems", "mems", "memory nodes", "/sys/devices/system/node/online"}};

static int check_cpuset(const struct making *m, const struct cpuset *c, struct err *err)
{
	const char *wanted = shape_text(m->host, c->member), *p = wanted;
	mem_cleanup char *there = NULL;
	unsigned long first, last;
	bool known = *wanted && read_there(c->path, &there) == 0;

	while (*p) {
		if (!next_range(&p, &first, &last))
			return err_set(err, EINVAL, "Invalid value %.200s for cpuset %s: invalid format: %.200s",
				       wanted, c->word, wanted);
		if (known && !is_there(there, first, last))
			return err_set(err, EINVAL, "Requested %s are not available - requested %.200s, available: %s",
				       c->things, wanted, there);
	}
	return 0;
}

int create_cpus(struct making *m, struct err *err)
{
	int r = pass_cpus(m, err);

	if (r == 0)
		r = check_shares(shape_number(m->host, "CpuShares"), shape_number(m->host, "CpuPeriod"),
				 shape_number(m->host, "CpuQuota"), err);
	for (size_t i = 0; i < sizeof cpusets / sizeof *cpusets && r == 0; i++)
		r = check_cpuset(m, &cpusets[i], err);
	return r;
}
