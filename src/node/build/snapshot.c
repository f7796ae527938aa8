/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/snapshot.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/layer.h"
#include "node/image/pack.h"
#include "node/runtime/rootless.h"
#include "node/runtime/rt.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void snapshot_root_close(struct snapshot_root *r)
{
	for (size_t i = 0; i < r->n; i++)
		fd_closep(&r->lowers[i]);
	free(r->lowers);
	fd_closep(&r->view);
	*r = (struct snapshot_root)SNAPSHOT_ROOT_NULL;
}

static int open_layer(struct image_store *s, const char *hex, struct err *err)
{
	fd_cleanup int dir = image_layer_open(s, hex, err);
	int fs = dir < 0 ? dir : openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return dir >= 0 && fs < 0 ? err_sys(err, errno, "open layer sha256:%s", hex) : fs;
}

int snapshot_root_open(struct image_store *s, char *const *layers, struct snapshot_root *ret, struct err *err)
{
	struct snapshot_root root = SNAPSHOT_ROOT_NULL;
	size_t n = mem_strv_len(layers);
	int r = 0;

	root.lowers = mem_new_n(int, n + 1);
	for (size_t i = n; i-- > 0 && r == 0;) {
		int fd = open_layer(s, layers[i], err);

		if (fd < 0)
			r = fd;
		else
			root.lowers[root.n++] = fd;
	}
	if (r == 0 && root.n > 0)
		r = root.view = rt_overlay(root.lowers, root.n, -1, -1, err);
	if (r < 0) {
		snapshot_root_close(&root);
		return r;
	}
	*ret = root;
	return 0;
}

static int make_dir(int at, const char *name, struct err *err)
{
	int fd;

	if (mkdirat(at, name, 0700) < 0)
		return err_sys(err, errno, "make directory \"%s\" for a step", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open directory \"%s\" of a step", name) : fd;
}

/* The top of an overlay is the top of its upper directory: it must be what it was below. */
static int copy_top(const struct snapshot *s, struct err *err)
{
	struct stat st = {.st_mode = 0755};

	if (s->below.view >= 0 && fstat(s->below.view, &st) < 0)
		return err_sys(err, errno, "look at the root");
	if (fchown(s->draft.dir, st.st_uid, st.st_gid) < 0 || fchmod(s->draft.dir, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "set owner and mode of the root");
	return s->below.view >= 0 ? draft_copy_attributes(s->below.view, s->draft.dir, err) : 0;
}

int snapshot_open(struct image_store *s, struct image_lease *lease, char *const *layers, struct snapshot *ret,
		  struct err *err)
{
	struct snapshot n = SNAPSHOT_NULL;
	int r;

	n.store = s;
	n.lease = lease;
	r = snapshot_root_open(s, layers, &n.below, err);
	if (r == 0)
		r = image_lease_tmp(lease, &n.tmp, n.tmp_name, err);
	if (r == 0)
		r = n.draft.dir = make_dir(n.tmp, "fs", err);
	if (r >= 0)
		r = n.work = make_dir(n.tmp, "work", err);
	if (r >= 0)
		r = n.extra = make_dir(n.tmp, "extra", err);
	n.draft.view = n.below.view;
	if (r >= 0)
		r = copy_top(&n, err);
	if (r < 0)
		snapshot_discard(&n);
	else
		*ret = n;
	return r < 0 ? r : 0;
}

int snapshot_commit(struct snapshot *s, int64_t epoch, struct image_unpacked *ret, struct err *err)
{
	const struct pack_options o = {.epoch = epoch, .whole_seconds = true, .user_xattr = rootless_inside()};
	int r;

	fd_closep(&s->work);
	fd_closep(&s->extra);
	r = fs_remove_tree(s->tmp, "work", err);
	if (r == 0)
		r = fs_remove_tree(s->tmp, "extra", err);
	return r < 0 ? r : image_layer_from_dir(s->store, s->lease, s->tmp_name, &o, ret, err);
}

void snapshot_close(struct snapshot *s)
{
	fd_closep(&s->draft.dir);
	fd_closep(&s->work);
	fd_closep(&s->extra);
	fd_closep(&s->tmp);
	snapshot_root_close(&s->below);
	*s = (struct snapshot)SNAPSHOT_NULL;
}

void snapshot_remove(int tmp, const char *name)
{
	fd_cleanup int above = tmp < 0 ? -1 : openat(tmp, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* What became a layer is somewhere else now, under another name. */
	if (above >= 0 && *name)
		(void)fs_remove_tree(above, name, NULL);
}

void snapshot_discard(struct snapshot *s)
{
	snapshot_remove(s->tmp, s->tmp_name);
	snapshot_close(s);
}
