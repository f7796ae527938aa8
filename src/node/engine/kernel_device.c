/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/kernel.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/runtime/rootless.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { DEPTH_MAX = 8, DEVICES_MAX = 4096 };

/* What /dev of a container has already, or what would be the host's own. */
static const char *const not_given[] = {"/dev/pts",	"/dev/shm",  "/dev/mqueue", "/dev/console", "/dev/ptmx",
					"/dev/null",	"/dev/zero", "/dev/full",   "/dev/tty",	    "/dev/random",
					"/dev/urandom", "/dev/fd",   "/dev/.udev"};

static bool is_given(const char *path)
{
	for (size_t i = 0; i < sizeof not_given / sizeof *not_given; i++) {
		if (!strcmp(path, not_given[i]))
			return false;
	}
	return true;
}

/* permissions NULL: no rule */
static int add_device(struct kernel *k, const struct stat *st, char *path, const char *permissions, struct err *err)
{
	struct rt_device *d;

	if (k->n_devices >= DEVICES_MAX) {
		free(path);
		return err_set(err, E2BIG, "devices: more than %d", DEVICES_MAX);
	}
	mem_grow(&k->devices, &k->cap_devices, k->n_devices);
	d = &k->devices[k->n_devices++];
	*d = (struct rt_device){.path = kernel_text(k, path),
				.type = S_ISBLK(st->st_mode) ? 'b' : 'c',
				.major = major(st->st_rdev),
				.minor = minor(st->st_rdev),
				.mode = st->st_mode & 0777,
				.uid = st->st_uid,
				.gid = st->st_gid};
	if (!permissions)
		return 0;
	mem_grow(&k->rules, &k->cap_rules, k->n_rules);
	k->rules[k->n_rules++] = (struct rt_device_rule){.allow = true,
							 .type = d->type,
							 .major = d->major,
							 .minor = d->minor,
							 .read = strchr(permissions, 'r') != NULL,
							 .write = strchr(permissions, 'w') != NULL,
							 .mknod = strchr(permissions, 'm') != NULL};
	return 0;
}

static bool is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

/* All below a directory; what goes away meanwhile is not there. */
static int add_all(struct kernel *k, int fd, const char *from, const char *to, const char *permissions, int depth,
		   struct err *err)
{
	DIR *dir = fdopendir(fd);
	int r = 0;

	if (!dir) {
		int code = errno;

		close(fd);
		return err_sys(err, code, "read the directory %s", from);
	}
	for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
		mem_cleanup char *path = mem_printf("%s/%s", from, e->d_name),
				 *inside = mem_printf("%s/%s", to, e->d_name);
		struct stat st;
		int sub;

		if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !is_given(path))
			continue;
		if (is_device(&st)) {
			r = add_device(k, &st, mem_take(inside), permissions, err);
		} else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			sub = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			r = sub < 0 ? 0 : add_all(k, sub, path, inside, permissions, depth + 1, err);
		}
	}
	closedir(dir);
	return r;
}

/* A device, or a directory of them. */
static int add_wanted(struct kernel *k, const struct spec_device *d, struct err *err)
{
	fd_cleanup int fd = open(d->path_on_host, O_PATH | O_CLOEXEC);
	struct stat st;
	int dir;

	/* docker run ends with 127 by these words. */
	if (fd < 0 && errno == ENOENT)
		return err_set(
		    err, ENOENT,
		    "error gathering device information while adding custom device \"%.200s\": no such file or "
		    "directory",
		    d->path_on_host);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "device \"%.200s\"", d->path_on_host);
	if (is_device(&st))
		return add_device(k, &st, mem_strdup(d->path_in_container), d->permissions, err);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, EINVAL, "device \"%.200s\": not a device node", d->path_on_host);
	dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, errno, "device \"%.200s\"", d->path_on_host);
	return add_all(k, dir, d->path_on_host, d->path_in_container, d->permissions, 0, err);
}

static int add_host(struct kernel *k, struct err *err)
{
	int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open /dev") : add_all(k, fd, "/dev", "/dev", NULL, 0, err);
}

/* "12", or "*" = -1 */
static bool read_number(const char **p, int64_t *ret)
{
	char *end;

	if (**p == '*') {
		*ret = -1;
		++*p;
		return true;
	}
	*ret = (int64_t)strtoul(*p, &end, 10);
	if (end == *p || end - *p > 9 || **p < '0' || **p > '9')
		return false;
	*p = end;
	return true;
}

/* "c 1:3 rwm", "a *:* rwm" */
static bool read_rule(const char *text, struct rt_device_rule *ret)
{
	const char *p = text;

	*ret = (struct rt_device_rule){.allow = true, .type = *p};
	if (!*p || !strchr("abc", *p) || p[1] != ' ')
		return false;
	p += 2;
	if (!read_number(&p, &ret->major) || *p++ != ':' || !read_number(&p, &ret->minor) || *p++ != ' ')
		return false;
	if (!*p || strlen(p) > 3 || strspn(p, "rwm") != strlen(p))
		return false;
	ret->read = strchr(p, 'r') != NULL;
	ret->write = strchr(p, 'w') != NULL;
	ret->mknod = strchr(p, 'm') != NULL;
	return true;
}

static int add_rules(struct kernel *k, char *const *rules, struct err *err)
{
	for (; rules && *rules; rules++) {
		mem_grow(&k->rules, &k->cap_rules, k->n_rules);
		if (!read_rule(*rules, &k->rules[k->n_rules++]))
			return err_set(err, EINVAL, "device_cgroup_rules: \"%.100s\" is not of the form \"c 1:3 rwm\"",
				       *rules);
	}
	return 0;
}

int kernel_devices(struct kernel *k, const struct spec *s, struct err *err)
{
	bool all = s->privileged && !rootless_inside();
	int r = all ? add_host(k, err) : 0;

	if (all) {
		mem_grow(&k->rules, &k->cap_rules, k->n_rules);
		k->rules[k->n_rules++] = (struct rt_device_rule){
		    .allow = true, .type = 'a', .major = -1, .minor = -1, .read = true, .write = true, .mknod = true};
	}
	for (size_t i = 0; i < s->n_devices && r == 0; i++)
		r = add_wanted(k, &s->devices[i], err);
	if (r == 0)
		r = add_rules(k, s->device_cgroup_rules, err);
	k->box.devices = k->devices;
	k->box.n_devices = k->n_devices;
	return r;
}
