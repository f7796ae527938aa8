/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/caps.h"

#include "base/core/err.h"
#include "base/core/guard.h"
#include "node/runtime/rt.h"
#include "node/runtime/rt_attr.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (1ull << (cap))

#define CAPS_DEFAULT                                                                                                   \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_SETGID) |                \
	 BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) |     \
	 BIT(CAP_KILL))
const uint64_t RT_CAPS_DEFAULT = CAPS_DEFAULT;
const uint64_t RT_CAPS_DOCKER = CAPS_DEFAULT | BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) | BIT(CAP_AUDIT_WRITE);

int caps_bound(uint64_t keep, struct err *err)
{
	/* The kernel says where its capabilities end: EINVAL. */
	for (unsigned cap = 0; cap < 64; cap++) {
		if (keep & BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break;
		return err_sys(err, errno, "drop capability %u from the bounding set", cap);
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(err, errno, "empty the ambient capabilities");
	return 0;
}

int caps_set(uint64_t set, struct err *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	/* What the caller itself does not have cannot be given: "all" means all that there is. */
	if (syscall(SYS_capget, &header, data) < 0)
		return err_sys(err, errno, "read the capabilities");
	for (unsigned i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(set >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = RT_GUARD(R8) ? 0 : data[i].permitted;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return err_sys(err, errno, "set the capabilities");
	return 0;
}

static uint64_t both(const struct __user_cap_data_struct data[static 2])
{
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

int caps_apply(const struct rt_caps *caps, struct err *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	uint64_t permitted, inheritable;

	if (syscall(SYS_capget, &header, data) < 0)
		return err_sys(err, errno, "read the capabilities");
	inheritable = both(data) & (RT_GUARD(R8) ? caps->inheritable : caps->permitted);
	permitted = both(data) & caps->permitted;
	for (unsigned i = 0; i < 2; i++) {
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
		data[i].permitted = (uint32_t)(permitted >> (32 * i));
		data[i].effective = (uint32_t)((permitted & caps->effective) >> (32 * i));
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return err_sys(err, errno, "set the capabilities");
	for (unsigned cap = 0; cap < 64; cap++) {
		if (!(caps->ambient & permitted & inheritable & BIT(cap)))
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0 && errno != EINVAL)
			return err_sys(err, errno, "raise the ambient capability %u", cap);
	}
	return 0;
}

int caps_files_as(uint32_t id, struct err *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	(void)syscall(SYS_setfsgid, id);
	(void)syscall(SYS_setfsuid, id);
	if (syscall(SYS_capget, &header, data) < 0)
		return err_sys(err, errno, "read the capabilities");
	for (size_t i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	return syscall(SYS_capset, &header, data) < 0 ? err_sys(err, errno, "raise the capabilities") : 0;
}
