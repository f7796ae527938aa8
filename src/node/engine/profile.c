/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/profile.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/spec.h"
#include "node/runtime/names.h"
#include "node/runtime/seccomp_profile.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define ARGS_MAX 64
#define LIST_MAX 1024

#if defined(__x86_64__)
#define NATIVE "SCMP_ARCH_X86_64"
static const char *const machine[] = {"amd64", "x86_64"};
#elif defined(__aarch64__)
#define NATIVE "SCMP_ARCH_AARCH64"
static const char *const machine[] = {"arm64", "aarch64"};
#endif
/* Rules name machines; as others do, one for "x86" alone is not taken on a machine that can run such programs, too. */
#define N_MACHINE (sizeof machine / sizeof *machine)

struct reading {
	uint64_t caps;
	struct seccomp_profile profile;
	struct seccomp_rule *rules;
	size_t n_names;
	const char **lists[SECCOMP_RULES_MAX + 4]; /* to be freed */
	size_t n_lists;
	struct seccomp_arg *args[SECCOMP_RULES_MAX];
};

static void reading_free(struct reading *rd)
{
	for (size_t i = 0; i < rd->n_lists; i++)
		free(rd->lists[i]);
	for (size_t i = 0; i < rd->profile.n_rules; i++)
		free(rd->args[i]);
	free(rd->rules);
	free(rd);
}

static void reading_freep(struct reading **rd)
{
	reading_free(*rd);
}

/* ---- lists of names ---- */

static yyjson_val *member(yyjson_val *obj, const char *name)
{
	yyjson_val *v = yyjson_obj_get(obj, name);

	return yyjson_is_null(v) ? NULL : v;
}

static const char **new_list(struct reading *rd, size_t n)
{
	const char **list = (const char **)mem_zalloc(n + 1, sizeof *list);

	rd->lists[rd->n_lists++] = list;
	return list;
}

static int read_names(struct reading *rd, yyjson_val *v, const char *what, const char *const **ret, struct err *err)
{
	size_t i, n = yyjson_arr_size(v);
	const char **list;
	yyjson_val *item;

	if (!yyjson_is_arr(v))
		return err_set(err, EINVAL, "%s: a list is needed, not %s", what, yyjson_get_type_desc(v));
	rd->n_names += n;
	if (rd->n_names > SECCOMP_NAMES_MAX)
		return err_set(err, E2BIG, "more than %u names of system calls", SECCOMP_NAMES_MAX);
	list = new_list(rd, n);
	yyjson_arr_foreach (v, i, n, item) {
		if (!yyjson_is_str(item))
			return err_set(err, EINVAL, "%s: a list of strings is needed", what);
		list[i] = yyjson_get_str(item);
	}
	*ret = list;
	return 0;
}

/* ---- what a rule depends on ---- */

static bool has_any_arch(yyjson_val *list)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, v) {
		for (size_t k = 0; k < N_MACHINE; k++) {
			if (yyjson_equals_str(v, machine[k]))
				return true;
		}
	}
	return false;
}

/* all: every one of them, else any. A name that is not known is a capability that nobody has. */
static bool has_caps(uint64_t caps, yyjson_val *list, bool all)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, v) {
		int cap = yyjson_is_str(v) ? names_cap(yyjson_get_str(v)) : -1;
		bool has = cap >= 0 && (caps >> cap & 1);

		if (has != all)
			return has;
	}
	return all;
}

static bool kernel_is_at_least(yyjson_val *v)
{
	struct utsname u;
	unsigned want[2] = {0, 0}, have[2] = {0, 0};

	if (!yyjson_is_str(v) || sscanf(yyjson_get_str(v), "%u.%u", &want[0], &want[1]) != 2 || uname(&u) < 0 ||
	    sscanf(u.release, "%u.%u", &have[0], &have[1]) != 2)
		return false;
	return have[0] != want[0] ? have[0] > want[0] : have[1] >= want[1];
}

static bool is_meant(const struct reading *rd, yyjson_val *rule)
{
	yyjson_val *in = member(rule, "includes"), *out = member(rule, "excludes");
	yyjson_val *v = member(out, "arches");

	if (v && has_any_arch(v))
		return false;
	v = member(out, "caps");
	if (v && yyjson_arr_size(v) > 0 && has_caps(rd->caps, v, false))
		return false;
	v = member(out, "minKernel");
	if (v && kernel_is_at_least(v))
		return false;
	v = member(in, "arches");
	if (v && yyjson_arr_size(v) > 0 && !has_any_arch(v))
		return false;
	v = member(in, "caps");
	if (v && !has_caps(rd->caps, v, true))
		return false;
	v = member(in, "minKernel");
	return !v || kernel_is_at_least(v);
}

/* ---- a rule ---- */

static int read_number(yyjson_val *obj, const char *name, uint64_t max, uint64_t *ret, struct err *err)
{
	yyjson_val *v = member(obj, name);

	*ret = 0;
	if (!v)
		return 0;
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) > max)
		return err_set(err, EINVAL, "%s: a number from 0 to %llu is needed", name, (unsigned long long)max);
	*ret = yyjson_get_uint(v);
	return 0;
}

static int read_arg(yyjson_val *v, struct seccomp_arg *ret, struct err *err)
{
	uint64_t index = 0;
	int r = yyjson_is_obj(v) ? read_number(v, "index", 5, &index, err)
				 : err_set(err, EINVAL, "args: an object is needed, not %s", yyjson_get_type_desc(v));

	if (r == 0)
		r = read_number(v, "value", UINT64_MAX, &ret->value, err);
	if (r == 0)
		r = read_number(v, "valueTwo", UINT64_MAX, &ret->value_two, err);
	if (r == 0)
		r = json_get_str(v, "op", &ret->op, err);
	ret->index = (unsigned)index;
	return r;
}

static int read_args(struct reading *rd, yyjson_val *rule, struct seccomp_rule *ret, struct err *err)
{
	yyjson_val *list = member(rule, "args"), *v;
	struct seccomp_arg *args;
	size_t i, n;

	if (!list || (yyjson_is_arr(list) && yyjson_arr_size(list) == 0))
		return 0;
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > ARGS_MAX)
		return err_set(err, EINVAL, "args: a list of at most %d is needed", ARGS_MAX);
	args = rd->args[rd->profile.n_rules] = mem_new_n(struct seccomp_arg, yyjson_arr_size(list));
	ret->args = args;
	yyjson_arr_foreach (list, i, n, v) {
		int r = read_arg(v, &args[i], err);

		if (r < 0)
			return r;
	}
	ret->n_args = n;
	return 0;
}

/* "names", or "name" as in the first form of such profiles. */
static int read_rule_names(struct reading *rd, yyjson_val *v, struct seccomp_rule *ret, struct err *err)
{
	yyjson_val *names = member(v, "names"), *name = member(v, "name");
	const char **list;

	if (names && name)
		return err_set(err, EINVAL, "\"name\" and \"names\" cannot both be there");
	if (names)
		return read_names(rd, names, "names", &ret->names, err);
	if (!yyjson_is_str(name))
		return err_set(err, EINVAL, "names is missing");
	list = new_list(rd, 1);
	list[0] = yyjson_get_str(name);
	ret->names = list;
	return 0;
}

static int read_rule(struct reading *rd, yyjson_val *v, struct err *err)
{
	struct seccomp_rule *rule = &rd->rules[rd->profile.n_rules];
	uint64_t number = 0;
	int r;

	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "an object is needed, not %s", yyjson_get_type_desc(v));
	if (!is_meant(rd, v))
		return 0;
	r = read_rule_names(rd, v, rule, err);
	if (r == 0)
		r = json_get_str(v, "action", &rule->action, err);
	if (r == 0)
		r = read_number(v, "errnoRet", UINT16_MAX, &number, err);
	if (r == 0)
		r = read_args(rd, v, rule, err);
	rule->has_errno = member(v, "errnoRet") != NULL;
	rule->errno_ret = (unsigned)number;
	/* Also a rule that failed is there to be freed. */
	rd->profile.n_rules++;
	return r;
}

/* ---- the profile ---- */

/* Docker's map from the machine to the ABIs on it; the list of runtime-spec is taken as it is. */
static int read_archs(struct reading *rd, yyjson_val *root, struct err *err)
{
	yyjson_val *map = member(root, "archMap"), *list = member(root, "architectures"), *v;
	size_t i, n, k = 1;

	if (map && list && yyjson_arr_size(list) > 0)
		return err_set(err, EINVAL, "\"architectures\" and \"archMap\" cannot both be there");
	if (list && yyjson_arr_size(list) > 0)
		return read_names(rd, list, "architectures", &rd->profile.architectures, err);
	yyjson_arr_foreach (map, i, n, v) {
		yyjson_val *subs = member(v, "subArchitectures"), *sub;
		size_t j, m;
		const char **archs;

		if (!yyjson_equals_str(member(v, "architecture"), NATIVE))
			continue;
		if (yyjson_arr_size(subs) > LIST_MAX)
			return err_set(err, E2BIG, "subArchitectures: more than %d", LIST_MAX);
		archs = new_list(rd, yyjson_arr_size(subs) + 1);
		archs[0] = NATIVE;
		yyjson_arr_foreach (subs, j, m, sub) {
			if (yyjson_is_str(sub))
				archs[k++] = yyjson_get_str(sub);
		}
		rd->profile.architectures = archs;
		break;
	}
	return 0;
}

static int read_rules(struct reading *rd, yyjson_val *root, struct err *err)
{
	yyjson_val *list = member(root, "syscalls"), *v;
	size_t i, n;

	if (!list)
		return 0;
	if (!yyjson_is_arr(list))
		return err_set(err, EINVAL, "syscalls: a list is needed, not %s", yyjson_get_type_desc(list));
	if (yyjson_arr_size(list) > SECCOMP_RULES_MAX)
		return err_set(err, E2BIG, "syscalls: more than %u rules", SECCOMP_RULES_MAX);
	rd->rules = mem_new_n(struct seccomp_rule, yyjson_arr_size(list) + 1);
	rd->profile.rules = rd->rules;
	yyjson_arr_foreach (list, i, n, v) {
		int r = read_rule(rd, v, err);

		if (r < 0)
			return err_wrap(err, "syscalls.%zu", i);
	}
	return 0;
}

int profile_compile(const char *json, uint64_t caps, struct rt_filter *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(json, strlen(json), SPEC_SECCOMP_MAX, "the profile", err);
	cleanup_with(reading_freep) struct reading *rd = mem_new(struct reading);
	yyjson_val *root = yyjson_doc_get_root(doc);
	uint64_t number = 0;
	int r;

	if (!doc)
		return -EINVAL;
	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "an object is needed, not %s", yyjson_get_type_desc(root));
	rd->caps = caps;
	r = json_get_str(root, "defaultAction", &rd->profile.default_action, err);
	if (r == 0)
		r = read_number(root, "defaultErrnoRet", UINT16_MAX, &number, err);
	rd->profile.has_default_errno = member(root, "defaultErrnoRet") != NULL;
	rd->profile.default_errno = (unsigned)number;
	if (r == 0 && member(root, "flags"))
		r = read_names(rd, member(root, "flags"), "flags", &rd->profile.flags, err);
	if (r == 0)
		r = read_archs(rd, root, err);
	if (r == 0)
		r = read_rules(rd, root, err);
	if (r == 0)
		r = seccomp_compile(&rd->profile, ret, err);
	if (r == 0 && ret->notify) {
		seccomp_filter_free(ret);
		r = err_set(err, ENOTSUP, "SCMP_ACT_NOTIFY: there is nobody to be asked");
	}
	return r;
}
