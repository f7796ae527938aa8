/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/draft.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/view.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#define NAMES_MAX 65536
#define VALUE_MAX 65536

int draft_own(int fd, const char *name, uid_t uid, gid_t gid, struct err *err)
{
	const int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);

	if (fchownat(fd, name, uid, gid, flags) == 0 ||
	    (errno == EINVAL &&
	     (fchownat(fd, name, uid, (gid_t)0, flags) == 0 || fchownat(fd, name, (uid_t)0, gid, flags) == 0 ||
	      fchownat(fd, name, 0, 0, flags) == 0)))
		return 0;
	return err_sys(err, errno, "set the owner of \"%s\" to %u:%u", name, uid, gid);
}

static bool is_kept(const char *name)
{
	if (!strncmp(name, "user.", 5))
		return strncmp(name, "user.overlay.", 13) != 0;
	return !strcmp(name, "security.capability");
}

int draft_copy_attributes(int from, int to, struct err *err)
{
	ssize_t n = flistxattr(from, NULL, 0);
	mem_cleanup char *names = NULL, *value = NULL;

	if (n <= 0 || n > NAMES_MAX)
		return 0;
	names = mem_zalloc(1, (size_t)n + 1);
	value = mem_zalloc(1, VALUE_MAX);
	n = flistxattr(from, names, (size_t)n);
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t len = is_kept(p) ? fgetxattr(from, p, value, VALUE_MAX) : -1;

		if (len >= 0 && fsetxattr(to, p, value, (size_t)len, 0) < 0 && errno != ENOTSUP && errno != EPERM &&
		    errno != EINVAL)
			return err_sys(err, errno, "set the extended attribute \"%s\"", p);
	}
	return 0;
}

int draft_stat(const struct draft *d, const char *plain, struct stat *ret, struct err *err)
{
	int r = view_stat(d->dir, plain, ret, err);

	return r ? r : view_stat(d->view, plain, ret, err);
}

/* The new directory fd becomes what the view's one is. */
static int as_in_view(int fd, int view, struct err *err)
{
	struct stat st;
	struct timespec times[2];
	int r;

	if (fstat(view, &st) < 0)
		return err_sys(err, errno, "look at a directory");
	times[0] = times[1] = st.st_mtim;
	r = draft_own(fd, "", st.st_uid, st.st_gid, err);
	if (r == 0 && fchmod(fd, st.st_mode & 07777) < 0)
		r = err_sys(err, errno, "set the mode of a directory");
	if (r == 0)
		r = draft_copy_attributes(view, fd, err);
	if (r == 0 && futimens(fd, times) < 0)
		r = err_sys(err, errno, "set the time of a directory");
	return r;
}

static int as_new(int fd, const struct draft_owner *owner, struct err *err)
{
	int r = draft_own(fd, "", owner->uid, owner->gid, err);

	return r == 0 && fchmod(fd, 0755) < 0 ? err_sys(err, errno, "set the mode of a directory") : r;
}

/* The same name in the view: a descriptor, -1 = nothing is there, or a negative errno below -1 as -ENOTDIR. */
static int open_in_view(int view, const char *name)
{
	int fd = view < 0 ? -1 : openat(view, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (view < 0 || fd >= 0)
		return fd;
	return errno == ENOENT ? -1 : errno == ELOOP ? -ENOTDIR : -errno;
}

int draft_mkdir(int dir, int view, const char *name, const struct draft_owner *owner, int *ret_view, bool *ret_made,
		struct err *err)
{
	fd_cleanup int fd = -1, below = open_in_view(view, name);
	bool made;
	int r = 0;

	if (below < -1)
		return err_set(err, -below, "\"%s\" is not a directory in the image", name);
	made = mkdirat(dir, name, 0700) == 0;
	if (!made && errno != EEXIST)
		return err_sys(err, errno, "make directory \"%s\"", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno == ELOOP ? ENOTDIR : errno, "open directory \"%s\"", name);
	if (made)
		r = below >= 0 ? as_in_view(fd, below, err) : as_new(fd, owner, err);
	if (r < 0)
		return r;
	if (ret_made)
		*ret_made = made && below < 0;
	if (ret_view)
		*ret_view = fd_take(&below);
	return fd_take(&fd);
}

int draft_mkdirs(const struct draft *d, const char *plain, const struct draft_owner *owner, int *ret_view,
		 bool *ret_made, struct err *err)
{
	fd_cleanup int at = fcntl(d->dir, F_DUPFD_CLOEXEC, 0);
	fd_cleanup int view = d->view < 0 ? -1 : fcntl(d->view, F_DUPFD_CLOEXEC, 0);
	bool made = false;

	if (at < 0 || (d->view >= 0 && view < 0))
		return err_sys(err, errno, "open the layer");
	for (const char *p = plain; *p;) {
		size_t len = strcspn(p, "/");
		mem_cleanup char *name = mem_strndup(p, len);
		int below = -1, next = draft_mkdir(at, view, name, owner, &below, &made, err);

		if (next < 0)
			return err ? err_wrap(err, "\"/%s\"", plain) : next;
		fd_closep(&at);
		fd_closep(&view);
		at = next;
		view = below;
		p += len + (p[len] == '/');
	}
	if (ret_made)
		*ret_made = made;
	if (ret_view)
		*ret_view = fd_take(&view);
	return fd_take(&at);
}
