/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of all parts are read into one list, which is sorted by name and then by layer: what belongs to one name stands together, the
 * topmost first.
 */
#include "node/image/merge.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

void merge_parts_free(struct merge_parts *p)
{
	free(p->layers);
	*p = (struct merge_parts){.layers = NULL};
}

void merge_parts_all(struct merge_parts *p, size_t n)
{
	*p = (struct merge_parts){.layers = mem_new_n(unsigned short, n + 1), .n = n};
	for (size_t i = 0; i < n; i++)
		p->layers[i] = (unsigned short)i;
}

bool merge_is_overlay_xattr(const char *name)
{
	return !strncmp(name, "trusted.overlay.", 16) || !strncmp(name, "user.overlay.", 13);
}

/* ---- what there is ---- */

struct found {
	char *name;
	unsigned short part; /* index into the directory's parts */
	bool gone;	     /* a whiteout */
	mode_t type;
};

struct list {
	struct found *v;
	size_t n, cap;
};

static void list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}

static int add(struct list *l, int dir, const char *name, unsigned short part, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "look at \"%.200s\"", name);
	mem_grow(&l->v, &l->cap, l->n);
	l->v[l->n++] = (struct found){.name = mem_strdup(name),
				      .part = part,
				      .gone = S_ISCHR(st.st_mode) && st.st_rdev == 0,
				      .type = st.st_mode & S_IFMT};
	return 0;
}

static int read_part(struct list *l, int dir, unsigned short part, struct err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		int code = errno;

		fd_closep(&fd);
		return err_sys(err, code, "read a directory");
	}
	errno = 0;
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = add(l, fd, e->d_name, part, err);
		errno = 0;
	}
	if (r == 0 && errno)
		r = err_sys(err, errno, "read a directory");
	closedir(d);
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (int)x->part - (int)y->part;
}

/* ---- what of it is shown ---- */

static bool is_opaque(int parent, const char *name)
{
	fd_cleanup int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char value = 0;

	if (fd < 0)
		return false;
	if (fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y')
		return true;
	return fgetxattr(fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* The parts of the directory that the first of n things of one name is. */
static void merge_parts_of(const struct merge_dir *d, const struct found *v, size_t n, struct merge_parts *ret)
{
	*ret = (struct merge_parts){.layers = mem_new_n(unsigned short, n)};
	for (size_t i = 0; i < n && !v[i].gone && v[i].type == S_IFDIR; i++) {
		ret->layers[ret->n++] = d->parts->layers[v[i].part];
		if (i + 1 < n && is_opaque(d->fds[v[i].part], v[i].name))
			break;
	}
}

static void take(struct merge_dir *d, struct found *v, size_t n)
{
	struct merge_entry *e = &d->entries[d->n];

	if (v->gone)
		return;
	d->n++;
	*e = (struct merge_entry){.part = v->part, .type = v->type};
	if (v->type == S_IFDIR)
		merge_parts_of(d, v, n, &e->parts);
	e->name = mem_take(v->name);
}

static void take_all(struct merge_dir *d, struct list *l)
{
	size_t n = 0;

	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, by_name);
	d->entries = mem_new_n(struct merge_entry, l->n + 1);
	for (size_t i = 0; i < l->n; i += n) {
		for (n = 1; i + n < l->n && !strcmp(l->v[i].name, l->v[i + n].name); n++)
			;
		take(d, &l->v[i], n);
	}
}

int merge_dir_open(const int *layers, const struct merge_parts *parts, const char *path, struct merge_dir *ret,
		   struct err *err)
{
	cleanup_with(merge_dir_free) struct merge_dir d = {.parts = parts};
	cleanup_with(list_free) struct list l = {.v = NULL};
	int r = 0;

	d.fds = mem_new_n(int, parts->n + 1);
	for (size_t i = 0; i < parts->n; i++)
		d.fds[i] = -1;
	for (size_t i = 0; r == 0 && i < parts->n; i++) {
		d.fds[i] = fs_open_in(layers[parts->layers[i]], *path ? path : ".", O_RDONLY | O_DIRECTORY, 0,
				      FS_NO_SYMLINKS, err);
		r = d.fds[i] < 0 ? d.fds[i] : read_part(&l, d.fds[i], (unsigned short)i, err);
	}
	if (r < 0)
		return r;
	take_all(&d, &l);
	*ret = d;
	d = (struct merge_dir){.parts = parts};
	return 0;
}

int merge_dir_fd(const struct merge_dir *d, const struct merge_entry *e)
{
	return d->fds[e->part];
}

void merge_dir_shut(struct merge_dir *d)
{
	for (size_t i = 0; d->fds && i < d->parts->n; i++)
		fd_closep(&d->fds[i]);
}

void merge_dir_free(struct merge_dir *d)
{
	merge_dir_shut(d);
	for (size_t i = 0; i < d->n; i++) {
		free(d->entries[i].name);
		merge_parts_free(&d->entries[i].parts);
	}
	free(d->entries);
	free(d->fds);
	*d = (struct merge_dir){.parts = d->parts};
}
