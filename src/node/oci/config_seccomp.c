/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.seccomp (config-linux.md, Seccomp) as the profile that node/runtime/seccomp_profile.h compiles. The names of actions, operators,
 * architectures and flags are for the compiler to know.
 */
#include "base/core/err.h"
#include "node/oci/pool.h"
#include "node/oci/config.h"
#include "node/oci/config_parts.h"

#define AT(m) offsetof(struct seccomp_profile, m)
#define RULE(m) offsetof(struct seccomp_rule, m)
#define ARG(m) offsetof(struct seccomp_arg, m)
#define ARGS_MAX 64 /* several conditions on one argument are alternatives */

static const struct reader_member arg_members[] = {
    {"index", READER_U32, .required = true, .at = ARG(index), .max = 5},
    {"value", READER_U64, .required = true, .at = ARG(value)},
    {"valueTwo", READER_U64, .at = ARG(value_two)},
    {"op", READER_STR, .required = true, .at = ARG(op)},
    {NULL},
};

static int read_arg(struct reader *rd, yyjson_val *v, void *to)
{
	return reader_object(rd, v, arg_members, to);
}

static const struct reader_member rule_members[] = {
    {"names", READER_STRV, .required = true, .at = RULE(names), .max = SECCOMP_NAMES_MAX},
    {"action", READER_STR, .required = true, .at = RULE(action)},
    {"errnoRet", READER_U32, .at = RULE(errno_ret), .max = UINT16_MAX},
    {"args", READER_LIST, CONFIG_ITEMS(struct seccomp_rule, args, n_args), .max = ARGS_MAX, .fn = read_arg},
    {NULL},
};

static bool has(yyjson_val *obj, const char *name)
{
	yyjson_val *v = yyjson_obj_get(obj, name);

	return v && !yyjson_is_null(v);
}

static int read_rule(struct reader *rd, yyjson_val *v, void *to)
{
	struct seccomp_rule *rule = to;
	int r = reader_object(rd, v, rule_members, rule);

	if (r < 0)
		return r;
	if (!rule->names[0])
		return reader_fail(rd, EINVAL, "names is empty");
	rule->has_errno = has(v, "errnoRet");
	return 0;
}

static const struct reader_member profile_members[] = {
    {"defaultAction", READER_STR, .required = true, .at = AT(default_action)},
    {"defaultErrnoRet", READER_U32, .at = AT(default_errno), .max = UINT16_MAX},
    {"architectures", READER_STRV, .at = AT(architectures), .max = 64},
    {"flags", READER_STRV, .at = AT(flags), .max = 64},
    {"listenerPath", READER_STR, .at = AT(listener_path)},
    {"listenerMetadata", READER_STR, .at = AT(listener_metadata)},
    {"syscalls", READER_LIST, CONFIG_ITEMS(struct seccomp_profile, rules, n_rules), .max = SECCOMP_RULES_MAX,
     .fn = read_rule},
    {NULL},
};

int config_read_seccomp(struct reader *rd, yyjson_val *v, void *to)
{
	struct seccomp_profile *p = pool_new(rd->pool, struct seccomp_profile);
	int r = reader_object(rd, v, profile_members, p);
	size_t names = 0;

	if (r < 0)
		return r;
	if (p->listener_metadata && !p->listener_path)
		return reader_fail(rd, EINVAL, "listenerMetadata needs listenerPath");
	for (size_t i = 0; i < p->n_rules; i++) {
		for (const char *const *name = p->rules[i].names; *name; name++)
			names++;
	}
	if (names > SECCOMP_NAMES_MAX)
		return reader_fail(rd, E2BIG, "%zu names of system calls; the limit is %u", names, SECCOMP_NAMES_MAX);
	if (p->architectures && !p->architectures[0])
		p->architectures = NULL;
	p->has_default_errno = has(v, "defaultErrnoRet");
	*(const struct seccomp_profile **)to = p;
	return 0;
}
