/* SPDX-License-Identifier: Apache-2.0
 *
 * COPY, ADD and WORKDIR in the child process of their step: what they put into the snapshot's draft.
 */
#include "node/build/build_impl.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/build/archive.h"
#include "node/build/copy.h"
#include "node/build/git_url.h"
#include "node/build/ignore.h"
#include "node/build/outside.h"
#include "node/build/view.h"
#include "node/runtime/user.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* "user", "user:group" by names or numbers. A number alone is the group, too; a name alone brings the group of its passwd line. */
static int find_owner(int view, const char *text, struct draft_owner *ret, struct err *err)
{
	bool number = text[strspn(text, "0123456789")] == '\0';
	mem_cleanup char *both = number ? mem_printf("%s:%s", text, text) : NULL;
	struct user u;
	int r;

	if (view < 0)
		r = user_find(both ? both : text, "", "", &u, err);
	else
		r = user_find_in(view, both ? both : text, &u, err);
	if (r == 0)
		*ret = (struct draft_owner){.uid = u.uid, .gid = u.gid};
	return r < 0 && err ? err_wrap(err, "--chown") : r;
}

/* ---- ADD of archives ---- */

static int open_item(const struct source_tree *t, const struct source_item *item, struct err *err)
{
	int fd = view_open(t->root, item->plain, O_RDONLY | O_NONBLOCK);

	return fd < 0 ? err_sys(err, -fd, "open \"%s\"", item->named) : fd;
}

/* All that is in an open directory. */
static int put_tree(const struct copy *c, int root, const char *what, struct err *err)
{
	const struct source_tree tree = {.root = root, .what = what};
	char empty[1] = "";
	struct source_item item = {.plain = empty, .named = empty, .parent = empty};
	const struct source_list list = {.items = &item, .n = 1};

	if (fstat(root, &item.st) < 0)
		return err_sys(err, errno, "look at %s", what);
	return copy_items(c, &tree, &list, err);
}

/* What the archive held is moved from extra/ into the draft. */
static int put_unpacked(const struct copy *c, int dir, struct err *err)
{
	fd_cleanup int fs = fs_open_in(dir, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	struct copy moved = *c;

	if (fs < 0)
		return fs;
	moved.replace = moved.move = true;
	moved.parents = false;
	moved.exclude = NULL;
	return put_tree(&moved, fs, "the unpacked archive", err);
}

/* 1 = the file was an archive, and is unpacked. */
static int unpack_file(const struct copy *c, struct snapshot *snapshot, int fd, const char *name, bool must,
		       struct err *err)
{
	fd_cleanup int dir = -1;
	bool unpacked;
	int r;

	if (archive_look(fd) == ARCHIVE_NONE)
		return must ? err_set(err, EINVAL, "--unpack: \"%s\" is not an archive", name) : 0;
	dir = fs_mkdirs_in(snapshot->extra, "archive", 0700, FS_NO_SYMLINKS, err);
	if (dir < 0)
		return dir;
	r = archive_unpack(fd, dir, err);
	unpacked = r == ARCHIVE_UNPACKED;
	if (unpacked)
		r = put_unpacked(c, dir, err);
	if (r < 0)
		return err ? err_wrap(err, "\"%s\"", name) : r;
	r = fs_remove_tree(snapshot->extra, "archive", err);
	return r < 0 ? r : unpacked;
}

static int unpack_item(const struct copy *c, struct snapshot *snapshot, const struct source_tree *t,
		       const struct source_item *item, bool must, struct err *err)
{
	fd_cleanup int fd = -1;

	if (!S_ISREG(item->st.st_mode))
		return 0;
	fd = open_item(t, item, err);
	return fd < 0 ? fd : unpack_file(c, snapshot, fd, item->named, must, err);
}

static int put_items(const struct copy *c, const struct plan_step *step, struct snapshot *snapshot,
		     const struct source_tree *t, struct source_list *list, struct err *err)
{
	const struct step_copy *sc = step->copy;
	bool add = step->kind == STEP_ADD && (!sc->has_unpack || sc->unpack);
	bool many = list->n + sc->n_files > 1;
	int r = 0;

	if (!add) {
		struct copy all = *c;

		all.dest_dir = c->dest_dir || many;
		return copy_items(&all, t, list, err);
	}
	for (size_t i = 0; r >= 0 && i < list->n; i++) {
		const struct source_list one = {.items = &list->items[i], .n = 1};
		struct copy single = *c;

		single.has_owner = sc->chown != NULL;
		r = unpack_item(&single, snapshot, t, &list->items[i], sc->has_unpack, err);
		single = *c;
		single.dest_dir = c->dest_dir || many;
		if (r == 0)
			r = copy_items(&single, t, &one, err);
	}
	return r < 0 ? r : 0;
}

/* Everything belongs to root unless --chown says otherwise. */
static int put_repository(struct build *b, const struct plan_step *step, const struct copy *c,
			  struct snapshot *snapshot, const char *source, struct err *err)
{
	cleanup_with(ignore_freep) struct ignore *no_git = NULL;
	char pattern[] = "**/.git", *patterns[] = {pattern, NULL};
	fd_cleanup int dir = fs_mkdirs_in(snapshot->extra, "git", 0700, FS_NO_SYMLINKS, err), fs = -1;
	struct copy all = *c;
	int r;

	if (dir < 0)
		return dir;
	fs = outside_tree(b->outside, source, step->copy, dir, err);
	if (fs < 0)
		return fs;
	all.has_owner = true;
	r = step->copy->keep_git_dir || all.exclude ? 0 : ignore_new(patterns, &no_git, err);
	if (no_git)
		all.exclude = no_git;
	if (r == 0)
		r = put_tree(&all, fs, "the repository", err);
	return r < 0 ? r : fs_remove_tree(snapshot->extra, "git", err);
}

/* What ADD fetches belongs to root, mode 0600, and is unpacked only on request. */
static int put_remote(struct build *b, const struct plan_step *step, const struct copy *c, struct snapshot *snapshot,
		      const char *source, struct err *err)
{
	const struct step_copy *sc = step->copy;
	mem_cleanup char *name = NULL;
	fd_cleanup int fd = -1;
	struct copy single = *c;
	int64_t mtime_s = 0;
	int r;

	if (git_url_is(source))
		return put_repository(b, step, c, snapshot, source, err);
	fd = outside_open(b->outside, source, sc, &name, &mtime_s, err);
	if (fd < 0)
		return fd;
	single.has_owner = true;
	if (!sc->unpack)
		return copy_file(&single, name, fd, 0600, mtime_s, err);
	single.has_owner = sc->chown != NULL;
	r = unpack_file(&single, snapshot, fd, source, true, err);
	return r < 0 ? r : 0;
}

static int copy_files(struct build *b, const struct plan_step *step, const struct copy *c, struct err *err)
{
	const struct step_copy *sc = step->copy;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sc->n_files; i++)
		r = copy_text(c, sc->files[i].name, sc->files[i].content, b->epoch, err);
	return r;
}

/* Wildcards may match nothing, as long as something else is there to be copied. */
static int check_any(const struct plan_step *step, const struct source_tree *t, struct err *err)
{
	const struct step_copy *sc = step->copy;

	if (sc->n_files > 0 || !sc->sources || !*sc->sources)
		return 0;
	for (char **s = sc->sources; *s && step->kind == STEP_ADD; s++) {
		if (outside_is(*s))
			return 0;
	}
	return err_set(err, ENOENT, "\"%s\" matches nothing in %s that .dockerignore does not hide%s", *sc->sources,
		       t->what, sc->sources[1] ? ", nor does another source" : "");
}

static int copy(struct build *b, const struct plan_step *step, struct snapshot *snapshot, struct err *err)
{
	const struct step_copy *sc = step->copy;
	cleanup_with(snapshot_root_close) struct snapshot_root root = SNAPSHOT_ROOT_NULL;
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;
	cleanup_with(ignore_freep) struct ignore *exclude = NULL;
	struct source_tree tree;
	struct copy c = {.draft = snapshot->draft,
			 .dest = sc->dest,
			 .dest_dir = sc->dest_dir,
			 .mode = sc->chmod ? &sc->mode : NULL,
			 .parents = sc->parents};
	int r = build_tree(b, sc->from, &tree, &root, err);

	/* A --link layer is made as if there were nothing below it. */
	if (sc->link)
		c.draft.view = -1;
	if (r == 0 && sc->chown)
		r = find_owner(snapshot->draft.view, sc->chown, &c.owner, err);
	c.has_owner = sc->chown || tree.context || sc->from < 0;
	if (r == 0 && sc->exclude && *sc->exclude)
		r = ignore_new(sc->exclude, &exclude, err);
	c.exclude = exclude;
	for (char **s = sc->sources; r == 0 && s && *s; s++) {
		if (step->kind != STEP_ADD || !outside_is(*s))
			r = source_find(&tree, *s, &list, err);
	}
	if (r == 0 && list.n == 0)
		r = check_any(step, &tree, err);
	if (r == 0 && list.n > 0)
		r = put_items(&c, step, snapshot, &tree, &list, err);
	for (char **s = sc->sources; r == 0 && s && *s && step->kind == STEP_ADD; s++) {
		if (outside_is(*s))
			r = put_remote(b, step, &c, snapshot, *s, err);
	}
	if (r == 0)
		r = copy_files(b, step, &c, err);
	return r;
}

/* Docker makes it for root, whatever USER says. */
static int workdir(const struct plan_step *step, struct snapshot *snapshot, struct err *err)
{
	const struct draft_owner root = {0, 0};
	mem_cleanup char *plain = NULL;
	struct stat st = {.st_mode = 0};
	int fd, r = view_resolve(snapshot->draft.view, step->dir->path, true, &plain, err);

	if (r == 0)
		r = draft_stat(&snapshot->draft, plain, &st, err);
	if (r < 0)
		return r;
	if (r == 1 && !S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "\"%s\" is there and not a directory", step->dir->path);
	if (r == 1)
		return 0;
	fd = draft_mkdirs(&snapshot->draft, plain, &root, NULL, NULL, err);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int build_step_files(struct build *b, struct build_stage *s, const struct plan_step *step, struct snapshot *snapshot,
		     struct err *err)
{
	(void)s;
	return step->kind == STEP_WORKDIR ? workdir(step, snapshot, err) : copy(b, step, snapshot, err);
}
