/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/exec_limits.h"

#include "base/core/err.h"
#include "node/runtime/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "1024" or "-1", no limit, at *text, which goes on behind it. */
static bool read_value(const char **text, rlim_t *ret)
{
	char *end;

	if (!strncmp(*text, "-1", 2)) {
		*ret = RLIM_INFINITY;
		*text += 2;
		return true;
	}
	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

/* "nofile=1024:2048", "nofile=1024" */
static int read_limit(const char *text, struct exec_limit *ret, struct err *err)
{
	const char *p = strchr(text, '=');
	char name[16] = "";

	for (size_t i = 0; p && text + i < p && i + 1 < sizeof name; i++)
		name[i] = (char)toupper((unsigned char)text[i]);
	ret->resource = names_rlimit(name);
	if (!p || ret->resource < 0)
		return err_set(err, EINVAL, "ulimit \"%.100s\": the name of a limit is needed, as in nofile=1024:2048",
			       text);
	p++;
	if (!read_value(&p, &ret->wanted.rlim_cur))
		return err_set(err, EINVAL, "ulimit \"%.100s\": a number is needed, -1 for none", text);
	ret->wanted.rlim_max = ret->wanted.rlim_cur;
	if (*p == ':') {
		p++;
		if (!read_value(&p, &ret->wanted.rlim_max))
			return err_set(err, EINVAL, "ulimit \"%.100s\": a number is needed, -1 for none", text);
	}
	if (*p || ret->wanted.rlim_cur > ret->wanted.rlim_max)
		return err_set(err, EINVAL, "ulimit \"%.100s\": write NAME=SOFT[:HARD], SOFT not above HARD", text);
	return 0;
}

/* "0-2,5" */
static int read_cpus(const char *text, cpu_set_t *ret, struct err *err)
{
	const char *p = text;

	CPU_ZERO(ret);
	do {
		char *end;
		unsigned long first = strtoul(p, &end, 10), last = first;
		bool ok = isdigit((unsigned char)*p);

		if (ok && *end == '-') {
			p = end + 1;
			ok = isdigit((unsigned char)*p);
			last = strtoul(p, &end, 10);
		}
		if (!ok || (*end && *end != ',') || last < first || last >= CPU_SETSIZE)
			return err_set(err, EINVAL, "cpuset \"%.200s\" is not a list of processors like 0-2,5", text);
		for (; first <= last; first++)
			CPU_SET(first, ret);
		p = *end ? end + 1 : NULL;
	} while (p);
	return 0;
}

int exec_limits_read(const struct build_limits *b, struct exec_limits *ret, struct err *err)
{
	int r = 0;

	ret->n = ret->set = 0;
	ret->bound = false;
	for (char *const *u = b->ulimits; u && *u && r == 0; u++) {
		if (ret->n >= EXEC_LIMITS_MAX)
			return err_set(err, E2BIG, "more than %d ulimits", EXEC_LIMITS_MAX);
		r = read_limit(*u, &ret->list[ret->n++], err);
	}
	if (r == 0 && b->cpus && *b->cpus) {
		r = read_cpus(b->cpus, &ret->cpus, err);
		ret->bound = r == 0;
	}
	return r;
}

int exec_limits_enter(struct exec_limits *l, struct err *err)
{
	if (l->bound) {
		/* Without its own ones a process would stay where it is bound now: so it does not go there. */
		if (sched_getaffinity(0, sizeof l->own_cpus, &l->own_cpus) < 0 ||
		    sched_setaffinity(0, sizeof l->cpus, &l->cpus) < 0) {
			l->bound = false;
			return err_sys(err, errno, "bind to the processors of the build");
		}
	}
	for (; l->set < l->n; l->set++) {
		struct exec_limit *one = &l->list[l->set];

		if (getrlimit((__rlimit_resource_t)one->resource, &one->own) < 0 ||
		    setrlimit((__rlimit_resource_t)one->resource, &one->wanted) < 0)
			return err_sys(err, errno, "set ulimit %zu of the build", l->set + 1);
	}
	return 0;
}

void exec_limits_leave(struct exec_limits *l)
{
	while (l->set > 0) {
		const struct exec_limit *one = &l->list[--l->set];

		/* A hard limit that was lowered may be for ever: then the soft one is as high as can be. */
		if (setrlimit((__rlimit_resource_t)one->resource, &one->own) < 0) {
			const struct rlimit most = {one->wanted.rlim_max, one->wanted.rlim_max};

			(void)setrlimit((__rlimit_resource_t)one->resource, &most);
		}
	}
	if (l->bound)
		(void)sched_setaffinity(0, sizeof l->own_cpus, &l->own_cpus);
	l->bound = false;
}
