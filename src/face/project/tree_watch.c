/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/tree_watch.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/map.h"
#include "base/core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS                                                                                                         \
	(IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW)

struct tree_watch {
	int fd;
	bool (*wants)(void *ctx, const char *path);
	void *ctx;
	char **dirs; /* by watch descriptor */
	size_t n_dirs, cap_dirs, n;
	char **roots;
	struct map changed; /* path -> itself */
	bool lost;
};

int tree_watch_new(bool (*wants)(void *ctx, const char *path), void *ctx, struct tree_watch **ret, struct err *err)
{
	struct tree_watch *w = mem_new(struct tree_watch);

	*w = (struct tree_watch){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .wants = wants, .ctx = ctx};
	if (w->fd < 0) {
		int r = err_sys(err, errno, "watch files");

		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

static void forget_changes(struct tree_watch *w)
{
	for (struct map_slot *s = NULL; (s = map_next(&w->changed, s));)
		free(s->value);
	map_free(&w->changed);
	w->changed = (struct map){.n = 0};
	w->lost = false;
}

struct tree_watch *tree_watch_free(struct tree_watch *w)
{
	if (!w)
		return NULL;
	for (size_t i = 0; i < w->n_dirs; i++)
		free(w->dirs[i]);
	free(w->dirs);
	mem_strv_free(w->roots);
	forget_changes(w);
	fd_closep(&w->fd);
	free(w);
	return NULL;
}

/* ---- what has changed ---- */

static void change(struct tree_watch *w, const char *path)
{
	char *own;

	if (map_get(&w->changed, path) || !w->wants(w->ctx, path))
		return;
	if (w->changed.n >= TREE_WATCH_CHANGES) {
		w->lost = true;
		return;
	}
	own = mem_strdup(path);
	(void)map_put(&w->changed, own, own);
}

/* ---- directories ---- */

static int keep_dir(struct tree_watch *w, int wd, const char *path)
{
	while (w->n_dirs <= (size_t)wd) {
		mem_grow(&w->dirs, &w->cap_dirs, w->n_dirs);
		w->dirs[w->n_dirs++] = NULL;
	}
	w->n += w->dirs[wd] == NULL;
	free(w->dirs[wd]);
	w->dirs[wd] = mem_strdup(path);
	return 0;
}

static int watch_dir(struct tree_watch *w, const char *path, struct err *err)
{
	int wd;

	if (w->n >= TREE_WATCH_MAX)
		return err_set(err, E2BIG, "\"%s\": more than %d directories; `ignore` can leave some out", path,
			       TREE_WATCH_MAX);
	wd = inotify_add_watch(w->fd, path, EVENTS);
	if (wd < 0 && errno == ENOSPC)
		return err_set(err, ENOSPC,
			       "watch \"%s\": the machine watches no more directories for this user; raise "
			       "fs.inotify.max_user_watches, or leave some out by `ignore`",
			       path);
	return wd < 0 ? err_sys(err, errno, "watch \"%s\"", path) : keep_dir(w, wd, path);
}

static int walk(struct tree_watch *w, const char *path, bool tell, struct err *err);

static int visit(struct tree_watch *w, const char *dir, const char *name, bool tell, struct err *err)
{
	mem_cleanup char *path = mem_printf("%s/%s", dir, name);
	struct stat st;
	int r;

	if (lstat(path, &st) < 0 || (S_ISDIR(st.st_mode) && !w->wants(w->ctx, path)))
		return 0;
	if (!S_ISDIR(st.st_mode)) {
		if (tell)
			change(w, path);
		return 0;
	}
	r = walk(w, path, tell, err);
	/* It has gone again, or may not be read. */
	return r == -ENOENT || r == -ENOTDIR || r == -EACCES ? 0 : r;
}

/* A directory and all below it; tell: the files in it have changed. */
static int walk(struct tree_watch *w, const char *path, bool tell, struct err *err)
{
	int r = watch_dir(w, path, err);
	DIR *d = r < 0 ? NULL : opendir(path);

	if (r < 0)
		return r;
	if (!d)
		return err_sys(err, errno, "read \"%s\"", path);
	for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = visit(w, path, e->d_name, tell, err);
	}
	closedir(d);
	return r;
}

int tree_watch_add(struct tree_watch *w, const char *path, struct err *err)
{
	mem_cleanup char *above = mem_strdup(path);
	char *slash = strrchr(above, '/');
	struct stat st;
	int r;

	if (slash)
		slash[slash == above] = '\0';
	/* Of a file its directory: editors put another one in its place. */
	r = watch_dir(w, above, err);
	if (r == 0 && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		r = walk(w, path, false, err);
	if (r == 0)
		mem_strv_add(&w->roots, path);
	return r;
}

void tree_watch_touch(struct tree_watch *w, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		(void)walk(w, path, true, NULL);
	else
		change(w, path);
}

/* ---- events ---- */

static void on_event(struct tree_watch *w, const struct inotify_event *e)
{
	const char *dir = e->wd >= 0 && (size_t)e->wd < w->n_dirs ? w->dirs[e->wd] : NULL;
	mem_cleanup char *path = NULL;

	if (e->mask & IN_Q_OVERFLOW)
		w->lost = true;
	if (!dir || (e->mask & IN_IGNORED)) {
		if (dir) {
			free(w->dirs[e->wd]);
			w->dirs[e->wd] = NULL;
			w->n--;
		}
		return;
	}
	if (e->len == 0)
		return;
	path = mem_printf("%s/%s", strcmp(dir, "/") ? dir : "", e->name);
	if (!(e->mask & IN_ISDIR) || (e->mask & (IN_DELETE | IN_MOVED_FROM)))
		change(w, path);
	else if ((e->mask & (IN_CREATE | IN_MOVED_TO)) && w->wants(w->ctx, path))
		(void)walk(w, path, true, NULL);
}

static int read_events(struct tree_watch *w, struct err *err)
{
	_Alignas(struct inotify_event) char data[16384];
	ssize_t n;

	while ((n = read(w->fd, data, sizeof data)) > 0) {
		const struct inotify_event *e;

		for (char *at = data; at < data + n; at += sizeof *e + e->len) {
			e = (const struct inotify_event *)(void *)at;
			on_event(w, e);
		}
	}
	return n < 0 && errno != EAGAIN && errno != EINTR ? err_sys(err, errno, "read what has changed") : 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **take_changes(struct tree_watch *w)
{
	char **list = NULL;

	for (struct map_slot *s = NULL; (s = map_next(&w->changed, s));) {
		struct stat st;

		if (lstat(s->value, &st) < 0 || !S_ISDIR(st.st_mode))
			mem_strv_add(&list, s->value);
	}
	if (list)
		qsort(list, mem_strv_len(list), sizeof *list, by_text);
	forget_changes(w);
	return list;
}

int tree_watch_next(struct tree_watch *w, int quiet_ms, char ***ret, struct err *err)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};

	*ret = NULL;
	while (!*ret) {
		int ready = poll(&p, 1, w->changed.n > 0 || w->lost ? quiet_ms : -1);
		int r = ready > 0 ? read_events(w, err) : 0;

		if (ready < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for a change");
		if (r < 0)
			return r;
		/* Not quiet yet. */
		if (ready != 0)
			continue;
		if (w->lost) {
			/* Some changes are not known: then all has. */
			w->lost = false;
			for (char **root = w->roots; root && *root; root++)
				tree_watch_touch(w, *root);
		}
		*ret = take_changes(w);
	}
	return 0;
}
