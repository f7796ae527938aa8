/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree goes into the file directory by directory, from the top down: a directory's node gets its place first, then its files, then the
 * directories in it; its own bytes are written last, when all that it names has a place.
 */
#include "node/image/erofs.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/image/erofs_file.h"
#include "node/image/merge.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define XATTR_NAMES_MAX 65536u
#define DEPTH_MAX 4096u /* what fits into a name */

/* A file with several names: its node, and how many of them the image shows. */
struct link {
	uint64_t id;
	uint32_t n;
};

struct tree_out {
	struct erofs_file file;
	const int *layers;
	struct map links; /* "<layer> <inode>" -> struct link */
	unsigned depth;
};

static void links_free(struct map *m)
{
	for (struct map_slot *s = NULL; (s = map_next(m, s));)
		free(s->value);
	map_free(m);
}

/* ---- extended attributes ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Attributes are read by name, because a link or a FIFO cannot be opened; nobody else writes here. */
static int add_xattr(struct erofs_xattrs *x, const char *path, const char *name, struct err *err)
{
	mem_cleanup char *value = NULL;
	ssize_t n = lgetxattr(path, name, NULL, 0);

	if (n < 0)
		return err_sys(err, errno, "read the extended attribute \"%.100s\"", name);
	value = mem_zalloc(1, (size_t)n + 1);
	n = lgetxattr(path, name, value, (size_t)n);
	if (n < 0)
		return err_sys(err, errno, "read the extended attribute \"%.100s\"", name);
	return erofs_xattrs_add(x, name, value, (size_t)n, err);
}

static int add_xattrs(struct erofs_xattrs *x, const char *path, char *names, size_t n, struct err *err)
{
	mem_cleanup const char **sorted = (const char **)mem_new_n(char *, n + 1);
	size_t count = 0;
	int r = 0;

	for (char *name = names; name < names + n; name += strlen(name) + 1)
		sorted[count++] = name;
	qsort(sorted, count, sizeof *sorted, by_text);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = merge_is_overlay_xattr(sorted[i]) ? 0 : add_xattr(x, path, sorted[i], err);
	return r < 0 ? r : 0;
}

/* name "" = the directory itself. Nearly nothing has any: one call says so. */
static int read_xattrs(int dir, const char *name, struct erofs_xattrs *x, struct err *err)
{
	mem_cleanup char *names = NULL;
	char path[320];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/fd/%d%s%s", dir, *name ? "/" : "/.", name);
	n = llistxattr(path, NULL, 0);
	if (n == 0 || (n < 0 && errno == ENOTSUP))
		return 0;
	if (n > (ssize_t)XATTR_NAMES_MAX)
		return err_set(err, E2BIG, "the names of its extended attributes have %zd bytes", n);
	names = n < 0 ? NULL : mem_zalloc(1, (size_t)n + 1);
	n = n < 0 ? n : llistxattr(path, names, (size_t)n);
	if (n < 0)
		return err_sys(err, errno, "list its extended attributes");
	return add_xattrs(x, path, names, (size_t)n, err);
}

/* ---- one file ---- */

static struct link *link_of(struct tree_out *t, unsigned short layer, const struct stat *st)
{
	struct link *l;
	char key[48];

	snprintf(key, sizeof key, "%u %llu", layer, (unsigned long long)st->st_ino);
	l = map_get(&t->links, key);
	if (l)
		return l;
	l = mem_new(struct link);
	map_put(&t->links, key, l);
	return l;
}

static int put_link(struct tree_out *t, const struct erofs_node *n, int dir, const char *name, const struct stat *st,
		    struct err *err)
{
	char target[4097];
	ssize_t got = readlinkat(dir, name, target, sizeof target);

	if (got < 0 || got != st->st_size)
		return got < 0 ? err_sys(err, errno, "read the link") : err_set(err, EBUSY, "the link changed");
	return erofs_file_put(&t->file, n, st, target, (uint64_t)got, err);
}

static int put_regular(struct tree_out *t, const struct erofs_node *n, int dir, const char *name, const struct stat *st,
		       struct err *err)
{
	fd_cleanup int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open the file") : erofs_file_put_from(&t->file, n, st, fd, err);
}

static int put_file(struct tree_out *t, int dir, const char *name, struct stat *st, uint64_t *ret_id, struct err *err)
{
	cleanup_with(erofs_xattrs_free) struct erofs_xattrs x = {.data = BUF_INIT};
	bool content = S_ISREG(st->st_mode) || S_ISLNK(st->st_mode);
	uint64_t size = content ? (uint64_t)st->st_size : 0;
	struct erofs_node n = {.id = 0};
	int r = read_xattrs(dir, name, &x, err);

	if (r == 0)
		r = erofs_file_place(&t->file, &x, st, size, &n, err);
	if (r < 0)
		return r;
	st->st_nlink = 1;
	if (S_ISREG(st->st_mode))
		r = put_regular(t, &n, dir, name, st, err);
	else if (S_ISLNK(st->st_mode))
		r = put_link(t, &n, dir, name, st, err);
	else
		r = erofs_file_put(&t->file, &n, st, NULL, 0, err);
	*ret_id = n.id;
	return r;
}

/* A second name of a file that is there already is the same node. */
static int add_file(struct tree_out *t, const struct merge_dir *d, const struct merge_entry *e, uint64_t *ret_id,
		    struct err *err)
{
	int dir = merge_dir_fd(d, e), r = 0;
	struct link *link = NULL;
	uint64_t id = 0;
	struct stat st;

	if (fstatat(dir, e->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "look at it");
	if (st.st_nlink > 1)
		link = link_of(t, d->parts->layers[e->part], &st);
	if (!link || link->n == 0)
		r = put_file(t, dir, e->name, &st, &id, err);
	if (r < 0)
		return r;
	if (link && link->n++ == 0)
		link->id = id;
	else if (link)
		r = erofs_file_links(&t->file, link->id, link->n, err);
	*ret_id = link ? link->id : id;
	return r;
}

/* ---- directories ---- */

struct place {
	struct erofs_node node;
	struct stat st;
	struct erofs_xattrs xattrs;
	struct erofs_name *names; /* "." and "..", then the entries; sorted when all have a node */
	size_t n;
	uint64_t size;
};

static void place_free(struct place *p)
{
	erofs_xattrs_free(&p->xattrs);
	free(p->names);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct erofs_name *)a)->name, ((const struct erofs_name *)b)->name);
}

static int place_dir(struct tree_out *t, const struct merge_dir *d, uint64_t parent, struct place *p, struct err *err)
{
	int r = read_xattrs(d->fds[0], "", &p->xattrs, err);

	if (r == 0 && fstat(d->fds[0], &p->st) < 0)
		r = err_sys(err, errno, "look at it");
	p->n = d->n + 2;
	p->names = mem_new_n(struct erofs_name, p->n);
	p->names[0] = (struct erofs_name){.name = ".", .mode = S_IFDIR};
	p->names[1] = (struct erofs_name){.name = "..", .mode = S_IFDIR};
	for (size_t i = 0; i < d->n; i++)
		p->names[i + 2] = (struct erofs_name){.name = d->entries[i].name, .mode = d->entries[i].type};
	qsort(p->names, p->n, sizeof *p->names, by_name);
	p->size = erofs_dir_size(p->names, p->n);
	if (r == 0)
		r = erofs_file_place(&t->file, &p->xattrs, &p->st, p->size, &p->node, err);
	for (size_t i = 0; i < p->n; i++) {
		if (!strcmp(p->names[i].name, "."))
			p->names[i].id = p->node.id;
		else if (!strcmp(p->names[i].name, ".."))
			p->names[i].id = parent ? parent : p->node.id;
	}
	return r;
}

static void set_id(struct place *p, const char *name, uint64_t id)
{
	const struct erofs_name key = {.name = name};
	struct erofs_name *found = p->names ? bsearch(&key, p->names, p->n, sizeof *p->names, by_name) : NULL;

	if (found)
		found->id = id;
}

static int put_dir(struct tree_out *t, struct place *p, size_t n_dirs, struct err *err)
{
	mem_cleanup unsigned char *bytes = erofs_dir_bytes(p->names, p->n, p->size);

	p->st.st_nlink = 2 + n_dirs;
	return erofs_file_put(&t->file, &p->node, &p->st, bytes, p->size, err);
}

static int add_dir(struct tree_out *t, const char *path, const struct merge_parts *parts, uint64_t parent,
		   uint64_t *ret_id, struct err *err);

static int add_files(struct tree_out *t, const char *path, struct merge_dir *d, struct place *p, struct err *err)
{
	for (size_t i = 0; i < d->n; i++) {
		uint64_t id = 0;

		if (d->entries[i].type == S_IFDIR)
			continue;
		if (add_file(t, d, &d->entries[i], &id, err) < 0)
			return err_wrap(err, "\"%.200s%s%.200s\"", path, *path ? "/" : "", d->entries[i].name);
		set_id(p, d->entries[i].name, id);
	}
	merge_dir_shut(d);
	return 0;
}

static int add_dirs(struct tree_out *t, const char *path, struct merge_dir *d, struct place *p, size_t *ret_n,
		    struct err *err)
{
	*ret_n = 0;
	for (size_t i = 0; i < d->n; i++) {
		mem_cleanup char *below = mem_printf("%s%s%s", path, *path ? "/" : "", d->entries[i].name);
		uint64_t id = 0;
		int r;

		if (d->entries[i].type != S_IFDIR)
			continue;
		r = add_dir(t, below, &d->entries[i].parts, p->node.id, &id, err);
		if (r < 0)
			return r;
		set_id(p, d->entries[i].name, id);
		++*ret_n;
	}
	return 0;
}

/* parent 0: the top. */
static int add_dir(struct tree_out *t, const char *path, const struct merge_parts *parts, uint64_t parent,
		   uint64_t *ret_id, struct err *err)
{
	cleanup_with(merge_dir_free) struct merge_dir d = {.parts = parts};
	cleanup_with(place_free) struct place p = {.names = NULL};
	size_t n_dirs;
	int r;

	if (++t->depth > DEPTH_MAX)
		return err_set(err, E2BIG, "the image has directories more than %u deep", DEPTH_MAX);
	r = merge_dir_open(t->layers, parts, path, &d, err);
	if (r == 0)
		r = place_dir(t, &d, parent, &p, err);
	if (r < 0)
		return err_wrap(err, "directory \"/%.200s\"", path);
	r = add_files(t, path, &d, &p, err);
	if (r == 0)
		r = add_dirs(t, path, &d, &p, &n_dirs, err);
	if (r == 0)
		r = put_dir(t, &p, n_dirs, err);
	*ret_id = p.node.id;
	t->depth--;
	return r;
}

int image_erofs_write(const int *layers, size_t n, int fd, const unsigned char uuid[static 16], uint64_t *ret_nodes,
		      struct err *err)
{
	cleanup_with(merge_parts_free) struct merge_parts parts = {.layers = NULL};
	struct tree_out t = {.layers = layers, .links = MAP_INIT};
	uint64_t root = 0;
	int r;

	if (n == 0)
		return err_set(err, EINVAL, "an image without layers has no files");
	merge_parts_all(&parts, n);
	erofs_file_begin(&t.file, fd);
	r = add_dir(&t, "", &parts, 0, &root, err);
	links_free(&t.links);
	if (r == 0)
		r = erofs_file_end(&t.file, root, uuid, err);
	if (r == 0)
		*ret_nodes = t.file.n_nodes;
	return r;
}
