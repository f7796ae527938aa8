/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/cgroup_file.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

enum { TEXT_MAX = 16 << 20 };

static int read_text(const char *path, char **ret, struct err *err)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	r = fd_read_all(fd, TEXT_MAX, ret, NULL);
	return r < 0 ? err_sys(err, -r, "read %s", path) : 0;
}

int cgroup_file_machine(struct cgroup_mounts **ret, struct err *err)
{
	mem_cleanup char *mountinfo = NULL, *self = NULL;
	int r = read_text("/proc/self/mountinfo", &mountinfo, err);

	if (r == 0)
		r = read_text("/proc/self/cgroup", &self, err);
	if (r < 0)
		return r;
	*ret = mem_new(struct cgroup_mounts);
	cgroup_mounts_parse(mountinfo, self, *ret);
	return 0;
}

int cgroup_file_root(const struct cgroup_mount *m)
{
	fd_cleanup int fd = open(m->point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type != (m->v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC) || st.st_dev != makedev(m->major, m->minor))
		return -ESTALE;
	return fd_take(&fd);
}

int cgroup_file_open(int dir, const char *path, int flags)
{
	struct open_how how = {
	    .flags = (unsigned)flags | O_CLOEXEC | O_NOFOLLOW,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

int cgroup_file_write(int dir, const char *name, const char *text)
{
	fd_cleanup int fd = cgroup_file_open(dir, name, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = write(fd, text, strlen(text));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int cgroup_file_read(int dir, const char *name, char *text, size_t size)
{
	fd_cleanup int fd = cgroup_file_open(dir, name, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = read(fd, text + len, size - 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return -errno;
	text[len] = '\0';
	return 0;
}

int cgroup_file_read_all(int dir, const char *name, char **ret)
{
	fd_cleanup int fd = cgroup_file_open(dir, name, O_RDONLY);

	return fd < 0 ? fd : fd_read_all(fd, TEXT_MAX, ret, NULL);
}

static bool parse_number(const char *at, long long *ret)
{
	char *end;

	if (!strncmp(at, "max", 3)) {
		*ret = -1;
		return true;
	}
	errno = 0;
	*ret = strtoll(at, &end, 10);
	/* What does not fit is a version 1 way to say "no limit". */
	if (errno == ERANGE)
		*ret = LLONG_MAX;
	return end != at;
}

bool cgroup_file_number(int dir, const char *name, const char *key, long long *ret)
{
	mem_cleanup char *text = NULL;
	size_t len = key ? strlen(key) : 0;

	if (cgroup_file_read_all(dir, name, &text) < 0)
		return false;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!key)
			return parse_number(line, ret);
		if (!strncmp(line, key, len) && line[len] == ' ')
			return parse_number(line + len + 1, ret);
	}
	return false;
}
