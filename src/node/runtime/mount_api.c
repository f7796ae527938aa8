/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/mount_api.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <string.h>

void mount_reason(int context, char *text, unsigned size)
{
	ssize_t n = read(context, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

int mount_new(const char *type, const struct mount_option *options, uint64_t attributes, struct err *err)
{
	fd_cleanup int context = fsopen(type, FSOPEN_CLOEXEC);
	char reason[256];
	int fd;

	if (context < 0)
		return err_sys(err, errno, "open the file system type %s", type);
	for (const struct mount_option *o = options; o && o->key; o++) {
		unsigned command = o->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		if (fsconfig(context, command, o->key, o->value, 0) < 0)
			return err_sys(err, errno, "set %s=%s for %s", o->key, o->value ? o->value : "", type);
	}
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		int code = errno;

		mount_reason(context, reason, sizeof reason);
		return err_sys(err, code, "make a new %s %s", type, reason);
	}
	fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)attributes);
	return fd < 0 ? err_sys(err, errno, "mount a new %s", type) : fd;
}

static int change(int mount, bool recursive, uint64_t attributes, int idmap, unsigned propagation, struct err *err)
{
	struct mount_attr attr = {.attr_set = attributes, .propagation = propagation};
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

	if (idmap >= 0) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint32_t)idmap;
	}
	if (mount_setattr(mount, "", flags, &attr, sizeof attr) == 0)
		return 0;
	if (idmap >= 0)
		return err_sys(
		    err, errno,
		    "shift the owners of a mount (idmapped mounts need Linux 5.12 and a file system with support)");
	return err_sys(err, errno, "change the attributes of a mount");
}

int mount_change(int mount, bool recursive, uint64_t attributes, int idmap, struct err *err)
{
	return change(mount, recursive, attributes, idmap, 0, err);
}

int mount_own(int mount, bool recursive, uint64_t attributes, int idmap, struct err *err)
{
	return change(mount, recursive, attributes, idmap, MS_PRIVATE, err);
}

int mount_copy(int dir, const char *name, bool recursive, uint64_t attributes, int idmap, struct err *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
	fd_cleanup int fd = open_tree(dir, name, flags | (recursive ? AT_RECURSIVE : 0));
	int r;

	if (fd < 0)
		return err_sys(err, errno, "copy the mount of \"%s\"", name);
	r = mount_own(fd, recursive, attributes, idmap, err);
	return r < 0 ? r : fd_take(&fd);
}

int mount_put(int mount, int dir, const char *name, struct err *err)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH);

	if (move_mount(mount, "", dir, name, flags) < 0)
		return err_sys(err, errno, "attach a mount%s%s", *name ? " to " : "", name);
	return 0;
}
