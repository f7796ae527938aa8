/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json's "process" (config.md, Process), which is also the whole of exec's process.json.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/oci/pool.h"
#include "node/oci/config.h"
#include "node/oci/config_parts.h"
#include "node/runtime/names.h"

#include <linux/ioprio.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/resource.h>

#define AT(m) offsetof(struct oci_process, m)
#define ATTR(m) offsetof(struct rt_process_attr, m)
#define GIDS_MAX 65536 /* the kernel's NGROUPS_MAX */
#define ID_MAX (UINT32_MAX - 1ll)

struct name_value {
	const char *name;
	uint64_t value;
};

static const struct name_value *find_name(const struct name_value *table, const char *name)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, name))
			return table;
	}
	return NULL;
}

/* ---- user ---- */

struct raw_user {
	uint32_t uid, gid;
	int64_t umask;
	const gid_t *gids;
	size_t n_gids;
};

static int read_gid(struct reader *rd, yyjson_val *v, void *to)
{
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) > (uint64_t)ID_MAX)
		return reader_fail(rd, EINVAL, "a group's number is needed");
	*(gid_t *)to = (gid_t)yyjson_get_uint(v);
	return 0;
}

static const struct reader_member user_members[] = {
    {"uid", READER_U32, .at = offsetof(struct raw_user, uid), .max = ID_MAX},
    {"gid", READER_U32, .at = offsetof(struct raw_user, gid), .max = ID_MAX},
    {"umask", READER_INT, .at = offsetof(struct raw_user, umask), .max = 0777},
    {"additionalGids", READER_LIST, CONFIG_ITEMS(struct raw_user, gids, n_gids), .max = GIDS_MAX, .fn = read_gid},
    {NULL},
};

static int read_user(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_user raw = {.umask = -1};
	struct rt_process_attr *attr = to;
	int r = reader_object(rd, v, user_members, &raw);

	if (r < 0)
		return r;
	attr->uid = raw.uid;
	attr->gid = raw.gid;
	attr->gids = raw.gids;
	attr->n_gids = raw.n_gids;
	attr->has_umask = raw.umask >= 0;
	attr->umask = attr->has_umask ? (mode_t)raw.umask : 0;
	return 0;
}

/* ---- capabilities ---- */

/* "Any value which cannot be mapped to a relevant kernel interface [...] MUST be logged as a warning" (config.md). */
static int read_cap_set(struct reader *rd, yyjson_val *v, void *to)
{
	char *const *names;
	int r = reader_strv(rd, v, CONFIG_LIST_MAX, &names);
	uint64_t set = 0;

	if (r < 0)
		return r;
	for (; *names; names++) {
		int cap = names_cap(*names);

		if (cap < 0)
			config_warn(rd, "capability \"%.100s\" is not known", *names);
		else
			set |= 1ull << cap;
	}
	*(uint64_t *)to = set;
	return 0;
}

static const struct reader_member cap_members[] = {
    {"bounding", READER_CUSTOM, .at = offsetof(struct rt_caps, bounding), .fn = read_cap_set},
    {"effective", READER_CUSTOM, .at = offsetof(struct rt_caps, effective), .fn = read_cap_set},
    {"permitted", READER_CUSTOM, .at = offsetof(struct rt_caps, permitted), .fn = read_cap_set},
    {"inheritable", READER_CUSTOM, .at = offsetof(struct rt_caps, inheritable), .fn = read_cap_set},
    {"ambient", READER_CUSTOM, .at = offsetof(struct rt_caps, ambient), .fn = read_cap_set},
    {NULL},
};

/* Takes what is not in `limit` out of *set: the kernel would refuse the whole set for it. */
static void cut_set(struct reader *rd, const char *name, uint64_t *set, uint64_t limit, const char *limit_name)
{
	buf_cleanup struct buf lost = BUF_INIT;

	for (int cap = 0; cap < 64; cap++) {
		if (*set & ~limit & 1ull << cap)
			buf_printf(&lost, " %s", names_cap_text(cap));
	}
	if (lost.len)
		config_warn(rd, "%s cannot be granted, for they are not in %s:%s", name, limit_name, buf_str(&lost));
	*set &= limit;
}

static int read_caps(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_caps *caps = to;
	int r = reader_object(rd, v, cap_members, caps);

	if (r < 0)
		return r;
	cut_set(rd, "effective", &caps->effective, caps->permitted, "permitted");
	cut_set(rd, "ambient", &caps->ambient, caps->permitted & caps->inheritable, "permitted and inheritable");
	return 0;
}

/* ---- rlimits ---- */

struct raw_rlimit {
	const char *type;
	uint64_t soft, hard;
};

static const struct reader_member rlimit_members[] = {
    {"type", READER_STR, .required = true, .at = offsetof(struct raw_rlimit, type)},
    {"soft", READER_U64, .required = true, .at = offsetof(struct raw_rlimit, soft)},
    {"hard", READER_U64, .required = true, .at = offsetof(struct raw_rlimit, hard)},
    {NULL},
};

static int read_rlimit(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_rlimit raw = {.type = NULL};
	int r = reader_object(rd, v, rlimit_members, &raw);
	int known;

	if (r < 0)
		return r;
	known = !strncmp(raw.type, "RLIMIT_", 7) ? names_rlimit(raw.type + 7) : -1;
	if (known < 0)
		return reader_fail(rd, EINVAL, "type \"%.100s\" is not a resource limit", raw.type);
	if (raw.soft > raw.hard)
		return reader_fail(rd, EINVAL, "soft limit %llu is above the hard limit %llu",
				   (unsigned long long)raw.soft, (unsigned long long)raw.hard);
	*(struct rt_rlimit *)to = (struct rt_rlimit){.resource = known, .soft = raw.soft, .hard = raw.hard};
	return 0;
}

static int read_rlimits(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_process_attr *attr = to;
	const struct rt_rlimit *list;
	void *items;
	unsigned seen = 0;
	int r = reader_list(rd, v, RLIM_NLIMITS, sizeof *list, read_rlimit, &items, &attr->n_rlimits);

	if (r < 0)
		return r;
	list = attr->rlimits = items;
	for (size_t i = 0; i < attr->n_rlimits; i++) {
		if (seen & 1u << list[i].resource) {
			reader_enter_index(rd, i);
			return reader_fail(rd, EINVAL, "the type appears twice");
		}
		seen |= 1u << list[i].resource;
	}
	return 0;
}

/* ---- scheduling ---- */

#define NAMED(n)                                                                                                       \
	{                                                                                                              \
#n, n                                                                                                  \
	}
static const struct name_value policies[] = {
    {"SCHED_OTHER", SCHED_NORMAL},
    NAMED(SCHED_FIFO),
    NAMED(SCHED_RR),
    NAMED(SCHED_BATCH),
    {"SCHED_ISO", 4 /* reserved in linux/sched.h */},
    NAMED(SCHED_IDLE),
    NAMED(SCHED_DEADLINE),
    {NULL},
};

static const struct name_value sched_flags[] = {
    NAMED(SCHED_FLAG_RESET_ON_FORK),  NAMED(SCHED_FLAG_RECLAIM),
    NAMED(SCHED_FLAG_DL_OVERRUN),     NAMED(SCHED_FLAG_KEEP_POLICY),
    NAMED(SCHED_FLAG_KEEP_PARAMS),    NAMED(SCHED_FLAG_UTIL_CLAMP_MIN),
    NAMED(SCHED_FLAG_UTIL_CLAMP_MAX), {NULL},
};

static const struct name_value io_classes[] = {
    NAMED(IOPRIO_CLASS_RT),
    NAMED(IOPRIO_CLASS_BE),
    NAMED(IOPRIO_CLASS_IDLE),
    {NULL},
};
#undef NAMED

struct raw_scheduler {
	const char *policy;
	int64_t nice, priority;
	uint64_t runtime, deadline, period;
	char *const *flags;
};

#define RAW(m) offsetof(struct raw_scheduler, m)
static const struct reader_member scheduler_members[] = {
    {"policy", READER_STR, .required = true, .at = RAW(policy)},
    {"nice", READER_INT, .at = RAW(nice), .min = -20, .max = 19},
    {"priority", READER_INT, .at = RAW(priority), .min = 0, .max = 99},
    {"flags", READER_STRV, .at = RAW(flags), .max = 16},
    {"runtime", READER_U64, .at = RAW(runtime)},
    {"deadline", READER_U64, .at = RAW(deadline)},
    {"period", READER_U64, .at = RAW(period)},
    {NULL},
};
#undef RAW

static int read_sched_flags(struct reader *rd, char *const *names, uint64_t *ret)
{
	for (; names && *names; names++) {
		const struct name_value *flag = find_name(sched_flags, *names);

		if (!flag)
			return reader_fail(rd, EINVAL, "flag \"%.100s\" is not known", *names);
		*ret |= flag->value;
	}
	return 0;
}

/* sched_setattr(2): which numbers go with which policy. */
static int check_policy(struct reader *rd, const struct raw_scheduler *raw, uint64_t policy)
{
	if (raw->priority && policy != SCHED_FIFO && policy != SCHED_RR)
		return reader_fail(rd, EINVAL, "priority is for SCHED_FIFO and SCHED_RR, not for %s", raw->policy);
	if ((raw->runtime || raw->deadline || raw->period) && policy != SCHED_DEADLINE)
		return reader_fail(rd, EINVAL, "runtime, deadline and period are for SCHED_DEADLINE, not for %s",
				   raw->policy);
	return 0;
}

static int read_scheduler(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_scheduler raw = {.policy = NULL};
	struct rt_scheduler *s = to;
	const struct name_value *policy;
	uint64_t flags = 0;
	int r = reader_object(rd, v, scheduler_members, &raw);

	if (r < 0)
		return r;
	policy = find_name(policies, raw.policy);
	if (!policy)
		return reader_fail(rd, EINVAL, "policy \"%.100s\" is not known", raw.policy);
	r = check_policy(rd, &raw, policy->value);
	if (r == 0)
		r = read_sched_flags(rd, raw.flags, &flags);
	if (r < 0)
		return r;
	*s = (struct rt_scheduler){
	    .set = true,
	    .policy = (uint32_t)policy->value,
	    .nice = (int32_t)raw.nice,
	    .priority = (uint32_t)raw.priority,
	    .flags = flags,
	    .runtime = raw.runtime,
	    .deadline = raw.deadline,
	    .period = raw.period,
	};
	return 0;
}

struct raw_io_priority {
	const char *class;
	int64_t priority;
};

static const struct reader_member io_priority_members[] = {
    {"class", READER_STR, .required = true, .at = offsetof(struct raw_io_priority, class)},
    {"priority", READER_INT, .at = offsetof(struct raw_io_priority, priority), .min = 0, .max = 7},
    {NULL},
};

static int read_io_priority(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_io_priority raw = {.class = NULL};
	struct rt_process_attr *attr = to;
	const struct name_value *class;
	int r = reader_object(rd, v, io_priority_members, &raw);

	if (r < 0)
		return r;
	class = find_name(io_classes, raw.class);
	if (!class)
		return reader_fail(rd, EINVAL, "class \"%.100s\" is not known", raw.class);
	attr->has_io_priority = true;
	attr->io_class = (int)class->value;
	attr->io_priority = (int)raw.priority;
	return 0;
}

static const struct reader_member affinity_members[] = {
    {"initial", READER_CUSTOM, .at = ATTR(cpus_initial), .fn = config_read_cpu_list},
    {"final", READER_CUSTOM, .at = ATTR(cpus_final), .fn = config_read_cpu_list},
    {NULL},
};

/* ---- the process ---- */

static int read_oom_score_adj(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_process_attr *attr = to;

	if (!yyjson_is_int(v) || yyjson_get_num(v) < -1000 || yyjson_get_num(v) > 1000)
		return reader_fail(rd, EINVAL, "a whole number between -1000 and 1000 is needed");
	attr->has_oom_score_adj = true;
	attr->oom_score_adj = yyjson_get_int(v);
	return 0;
}

struct console_size {
	int64_t height, width;
};

static const struct reader_member console_members[] = {
    {"height", READER_INT, .required = true, .at = offsetof(struct console_size, height), .max = UINT16_MAX},
    {"width", READER_INT, .required = true, .at = offsetof(struct console_size, width), .max = UINT16_MAX},
    {NULL},
};

/* "Runtimes MUST ignore consoleSize if terminal is false or unset": this member waits until that is known. */
static int read_console_size(struct reader *rd, yyjson_val *process, struct rt_process_attr *attr)
{
	yyjson_val *v = yyjson_obj_get(process, "consoleSize");
	struct console_size size;
	size_t mark;
	int r;

	if (!attr->terminal || !v || yyjson_is_null(v))
		return 0;
	mark = reader_enter(rd, "consoleSize");
	r = reader_object(rd, v, console_members, &size);
	if (r < 0)
		return r;
	reader_leave(rd, mark);
	attr->rows = (unsigned short)size.height;
	attr->cols = (unsigned short)size.width;
	return 0;
}

static const struct reader_member process_members[] = {
    {"terminal", READER_BOOL, .at = AT(attr.terminal)},
    {"cwd", READER_PATH, .required = true, .at = AT(cwd)},
    {"args", READER_STRV, .at = AT(args), .max = CONFIG_STRV_MAX},
    {"env", READER_STRV, .at = AT(env), .max = CONFIG_STRV_MAX},
    {"user", READER_CUSTOM, .at = AT(attr), .fn = read_user},
    {"capabilities", READER_CUSTOM, .at = AT(attr.caps), .fn = read_caps},
    {"rlimits", READER_CUSTOM, .at = AT(attr), .fn = read_rlimits},
    {"noNewPrivileges", READER_BOOL, .at = AT(attr.no_new_privs)},
    {"apparmorProfile", READER_STR, .at = AT(attr.apparmor)},
    {"selinuxLabel", READER_STR, .at = AT(attr.selinux)},
    {"oomScoreAdj", READER_CUSTOM, .at = AT(attr), .fn = read_oom_score_adj},
    {"scheduler", READER_CUSTOM, .at = AT(attr.scheduler), .fn = read_scheduler},
    {"ioPriority", READER_CUSTOM, .at = AT(attr), .fn = read_io_priority},
    {"execCPUAffinity", READER_TABLE, .at = AT(attr), .table = affinity_members},
    {NULL},
};

/* ---- the environment ---- */

struct variable {
	const char *text;
	size_t name_len, place;
};

static int compare_variables(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;
	size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
	int r = memcmp(x->text, y->text, n);

	if (r == 0)
		r = (x->name_len > y->name_len) - (x->name_len < y->name_len);
	return r ? r : (x->place > y->place) - (x->place < y->place);
}

static int split_variable(struct reader *rd, const char *text, size_t place, struct variable *ret)
{
	const char *equals = strchr(text, '=');

	if (!equals || equals == text) {
		reader_enter(rd, "env");
		reader_enter_index(rd, place);
		return reader_fail(rd, EINVAL, "\"%.100s\" is not of the form NAME=value", text);
	}
	*ret = (struct variable){.text = text, .name_len = (size_t)(equals - text), .place = place};
	return 0;
}

/* Of several values of one name the last holds, as for a shell that sets them in order; getenv(3) would find the first. */
static void drop_overwritten(const char **env, struct variable *sorted, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		const struct variable *v = &sorted[i], *next = v + 1;

		if (v->name_len == next->name_len && !memcmp(v->text, next->text, v->name_len))
			env[v->place] = NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (env[i])
			env[kept++] = env[i];
	}
	env[kept] = NULL;
}

static int check_env(struct reader *rd, struct oci_process *p)
{
	size_t n = mem_strv_len(p->env);
	mem_cleanup struct variable *sorted = mem_new_n(struct variable, n + 1);

	for (size_t i = 0; i < n; i++) {
		int r = split_variable(rd, p->env[i], i, &sorted[i]);

		if (r < 0)
			return r;
	}
	if (n == 0)
		return 0;
	qsort(sorted, n, sizeof *sorted, compare_variables);
	drop_overwritten((const char **)p->env, sorted, n); /* stands in the pool */
	return 0;
}

int config_read_process(struct reader *rd, yyjson_val *v, void *to)
{
	struct oci_process *p = to;
	int r = reader_object(rd, v, process_members, p);

	if (r < 0)
		return r;
	if (!p->args[0]) {
		reader_enter(rd, "args");
		return reader_fail(rd, EINVAL, "at least one is needed");
	}
	r = check_env(rd, p);
	return r == 0 ? read_console_size(rd, v, &p->attr) : r;
}
