/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules between the members of config.json. Most of them say: without a namespace of its own the container would change its host.
 */
#include "base/core/err.h"
#include "node/oci/config.h"
#include "node/oci/config_parts.h"
#include "node/runtime/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 64 /* __NEW_UTS_LEN */

static bool has_ns(const struct reader *rd, enum rt_ns type)
{
	return rd->config->box.ns[type].wanted;
}

__attribute__((format(printf, 4, 5))) static int need(struct reader *rd, bool holds, const char *place, const char *fmt,
						      ...)
{
	char text[256];
	va_list ap;

	if (holds)
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	reader_enter(rd, place);
	return reader_fail(rd, EINVAL, "%s", text);
}

static int check_name(struct reader *rd, const char *place, const char *name)
{
	if (!name)
		return 0;
	if (!has_ns(rd, RT_NS_UTS))
		return need(rd, false, place, "needs a uts namespace");
	return need(rd, strlen(name) <= NAME_MAX_BYTES, place, "\"%.100s\" is longer than %d bytes", name,
		    NAME_MAX_BYTES);
}

static int check_names(struct reader *rd)
{
	int r = check_name(rd, "hostname", rd->config->hostname);

	return r == 0 ? check_name(rd, "domainname", rd->config->box.domainname) : r;
}

static int check_paths(struct reader *rd)
{
	const struct rt_box_attr *box = &rd->config->box;
	int r = need(rd, !box->masked || !*box->masked || has_ns(rd, RT_NS_MOUNT), "linux.maskedPaths",
		     "needs a mount namespace");

	if (r < 0)
		return r;
	return need(rd, !box->read_only_paths || !*box->read_only_paths || has_ns(rd, RT_NS_MOUNT),
		    "linux.readonlyPaths", "needs a mount namespace");
}

static int check_id_maps(struct reader *rd)
{
	const struct rt_box_attr *box = &rd->config->box;
	bool uids = box->n_uid_maps > 0, gids = box->n_gid_maps > 0;

	if (!has_ns(rd, RT_NS_USER))
		return need(rd, !uids && !gids, uids ? "linux.uidMappings" : "linux.gidMappings",
			    "needs a user namespace");
	if (rd->config->ns_paths[RT_NS_USER])
		return 0;
	return need(rd, uids && gids, uids ? "linux.gidMappings" : "linux.uidMappings",
		    "a new user namespace needs at least one");
}

static int check_clocks(struct reader *rd)
{
	const struct rt_box_attr *box = &rd->config->box;

	if (!box->monotonic.set && !box->boottime.set)
		return 0;
	return need(rd, has_ns(rd, RT_NS_TIME) && !rd->config->ns_paths[RT_NS_TIME], "linux.timeOffsets",
		    "needs a new time namespace");
}

static int check_mounts(struct reader *rd)
{
	const struct rt_box_attr *box = &rd->config->box;

	for (size_t i = 0; i < box->n_mounts; i++) {
		if (!box->mounts[i].idmap_container || has_ns(rd, RT_NS_USER))
			continue;
		reader_enter(rd, "mounts");
		reader_enter_index(rd, i);
		return reader_fail(rd, EINVAL, "option idmap needs uidMappings and gidMappings, or a user namespace");
	}
	return 0;
}

/* ---- sysctl: /proc/sys belongs to the host but for what the kernel keeps per namespace ---- */

static int check_sysctl(struct reader *rd, const char *key)
{
	int ns = names_sysctl_ns(key);

	if (!strcmp(key, "kernel.hostname"))
		return reader_fail(rd, EINVAL, "conflicts with the member hostname, which sets it");
	if (ns < 0)
		return reader_fail(rd, EINVAL, "would change the host: it is not kept per namespace");
	if (!has_ns(rd, (enum rt_ns)ns))
		return reader_fail(rd, EINVAL, "needs the namespace \"%s\"", config_ns_names[ns]);
	if (ns == RT_NS_UTS && rd->config->box.domainname)
		return reader_fail(rd, EINVAL, "conflicts with the member domainname");
	return 0;
}

static int check_sysctls(struct reader *rd)
{
	const struct rt_box_attr *box = &rd->config->box;
	size_t outside = reader_enter(rd, "linux.sysctl");

	for (size_t i = 0; i < box->n_sysctls; i++) {
		size_t mark = reader_enter_key(rd, box->sysctls[i].key);
		int r = check_sysctl(rd, box->sysctls[i].key);

		if (r < 0)
			return r;
		reader_leave(rd, mark);
	}
	reader_leave(rd, outside);
	return 0;
}

int config_check(struct reader *rd)
{
	static int (*const checks[])(struct reader * rd) = {
	    check_names, check_paths, check_id_maps, check_clocks, check_mounts, check_sysctls,
	};

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		int r = checks[i](rd);

		if (r < 0)
			return r;
	}
	return 0;
}
