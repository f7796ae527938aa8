/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor's side of volumes. Several containers may start with one new volume at once: whoever has its lock looks whether it is empty, and fills
 * it. A mark lies beside it meanwhile, so that the next one begins again when the filler was killed. The lock is a file beside it, too: a container
 * that has the volume could hold a lock of the directory for ever.
 */
#include "node/engine/volume_record.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/runtime/copyup.h"
#include "node/runtime/rt.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* What the image's layers show as one tree; with one layer that is the layer itself. */
static int view(const struct volume_mount *m, struct err *err)
{
	int fd;

	if (m->n_lowers > 1)
		return rt_overlay(m->lowers, m->n_lowers, -1, -1, err);
	fd = fcntl(m->lowers[0], F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? err_sys(err, errno, "open the image's files") : fd;
}

/* The first entry's name, or NULL: it is empty. */
static char *first_name(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	char *name = NULL;

	if (!d)
		fd_closep(&copy);
	for (struct dirent *e = d ? readdir(d) : NULL; e && !name; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			name = mem_strdup(e->d_name);
	}
	if (d)
		closedir(d);
	return name;
}

static int clear(int volume, struct err *err)
{
	for (;;) {
		mem_cleanup char *name = first_name(volume);
		int r = name ? fs_remove_tree(volume, name, err) : 0;

		if (!name || r < 0)
			return r;
	}
}

static int set_mark(int records, const char *mark, struct err *err)
{
	fd_cleanup int fd = openat(records, mark, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(err, errno, "make \"%s\"", mark) : 0;
}

static int fill_from(int records, const char *mark, int from, int volume, struct err *err)
{
	int r = set_mark(records, mark, err);

	if (r == 0)
		r = clear(volume, err);
	if (r == 0)
		r = copyup(from, volume, err);
	if (r == 0 && unlinkat(records, mark, 0) < 0)
		r = err_sys(err, errno, "remove \"%s\"", mark);
	return r;
}

/* In this order: the mark is there before the first entry, and goes after the last. */
static bool is_filled(int records, const char *mark, int volume)
{
	mem_cleanup char *name = first_name(volume);

	return name && faccessat(records, mark, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

static int lock(int records, const struct volume_mount *m, struct err *err)
{
	mem_cleanup char *name = mem_printf("%s.lock", m->name);
	fd_cleanup int fd = openat(records, name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open \"%s\"", name);
	do {
		r = flock(fd, LOCK_EX);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(err, errno, "lock \"%s\"", name) : fd_take(&fd);
}

int volume_fill(int records, const struct volume_mount *m, int volume, struct err *err)
{
	mem_cleanup char *mark = mem_printf("%s.new", m->name);
	fd_cleanup int locked = -1, root = -1, from = -1;

	if (m->n_lowers == 0 || is_filled(records, mark, volume))
		return 0;
	locked = lock(records, m, err);
	if (locked < 0)
		return locked;
	if (is_filled(records, mark, volume))
		return 0;
	root = view(m, err);
	if (root < 0)
		return root;
	from = fs_open_in(root, m->target, O_RDONLY | O_DIRECTORY, 0, FS_IN_ROOT, NULL);
	/* A file, or nothing: then there is nothing to begin with. */
	return from < 0 ? 0 : fill_from(records, mark, from, volume, err);
}

static int sub(int top, const struct volume_mount *m, struct err *err)
{
	int fd;

	if (!m->subpath || !*m->subpath)
		return fcntl(top, F_DUPFD_CLOEXEC, 0);
	fd = fs_open_in(top, m->subpath, O_PATH, 0, FS_IN_ROOT, err);
	return fd < 0 ? err_wrap(err, "subpath") : fd;
}

static int open_plain(int data_dir, int records, const struct volume_mount *m, struct err *err)
{
	mem_cleanup char *path = mem_printf(VOLUME_ROOT "/%s", m->name);
	fd_cleanup int volume = fs_mkdirs_in(data_dir, path, 0755, FS_NO_SYMLINKS, err);
	int r = volume < 0 ? volume : volume_fill(records, m, volume, err);

	return r < 0 ? r : sub(volume, m, err);
}

static int open_in(int data_dir, int records, const struct volume_mount *m, bool *ret_loose, struct err *err)
{
	struct volume v = {.name = NULL};
	struct volume_options o = {.type = NULL};
	fd_cleanup int mount = -1;
	int r = volume_record_read(records, m->name, &v, err);

	if (r == 0)
		r = volume_options_parse(v.options, &o, err);
	*ret_loose = o.type != NULL;
	if (r == 0 && o.type)
		r = mount = volume_options_mount(&o, err);
	if (r >= 0)
		r = o.type ? sub(mount, m, err) : open_plain(data_dir, records, m, err);
	mem_strv_free(v.labels);
	mem_strv_free(v.options);
	return r;
}

int volume_open(int data_dir, const struct volume_mount *m, bool *ret_loose, struct err *err)
{
	fd_cleanup int records = fs_mkdirs_in(data_dir, VOLUME_RECORDS, 0700, FS_NO_SYMLINKS, err);
	int fd = records < 0 ? records : open_in(data_dir, records, m, ret_loose, err);

	return fd < 0 ? err_wrap(err, "volume \"%s\"", m->name) : fd;
}
