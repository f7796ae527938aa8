/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/holdings.h"

#include "base/core/fd.h"
#include "base/core/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANONYMOUS_DIGITS 64 /* volumes whose names berth has made up */
#define ENTRIES_MAX 10000   /* looked at in one directory */

struct holdings {
	char *data_dir;
	char **names;
	struct timespec volumes; /* when their directory changed, at the last look */
};

struct look {
	char **names;
	size_t n;
};

static void add(struct look *l, const char *kind, const char *a, const char *b)
{
	mem_cleanup char *name = mem_printf("%s%s%s%s", kind, a, b ? "/" : "", b ? b : "");

	if (l->n >= HOLDINGS_MAX)
		return;
	mem_strv_add(&l->names, name);
	l->n++;
}

static DIR *open_dir(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

/* Each name of a directory, if there is one. */
static void each(int at, const char *path, struct look *l,
		 void (*fn)(int dir, const char *name, void *ctx, struct look *l), void *ctx)
{
	DIR *d = open_dir(at, path);
	const struct dirent *e;

	for (size_t n = 0; d && n < ENTRIES_MAX && l->n < HOLDINGS_MAX && (e = readdir(d)); n++) {
		if (e->d_name[0] != '.')
			fn(dirfd(d), e->d_name, ctx, l);
	}
	if (d)
		closedir(d);
}

static bool has_anything(int at, const char *path)
{
	DIR *d = open_dir(at, path);
	const struct dirent *e = NULL;

	while (d && (e = readdir(d)) && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")))
		;
	if (d)
		closedir(d);
	return e != NULL;
}

static void add_volume(int dir, const char *name, void *ctx, struct look *l)
{
	(void)dir;
	(void)ctx;
	if (strlen(name) != ANONYMOUS_DIGITS || strspn(name, "0123456789abcdef") != ANONYMOUS_DIGITS)
		add(l, "volume.", name, NULL);
}

static void add_user(int dir, const char *name, void *ctx, struct look *l)
{
	(void)ctx;
	if (has_anything(dir, name))
		add(l, "space.user/", name, NULL);
}

static void add_private(int dir, const char *name, void *ctx, struct look *l)
{
	if (has_anything(dir, name))
		add(l, "space.job/", ctx, name);
}

static void add_job(int dir, const char *name, void *ctx, struct look *l)
{
	mem_cleanup char *job = mem_strdup(name);

	(void)ctx;
	each(dir, name, l, add_private, job);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool same(char *const *a, char *const *b)
{
	size_t n = a ? mem_strv_len((char **)a) : 0;

	if (n != (b ? mem_strv_len((char **)b) : 0))
		return false;
	for (size_t k = 0; k < n; k++) {
		if (strcmp(a[k], b[k]) != 0)
			return false;
	}
	return true;
}

/* When volumes last came or went; 0 = there are none. */
static struct timespec changed_at(const struct holdings *h)
{
	mem_cleanup char *path = mem_printf("%s/volumes", h->data_dir);
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){.tv_sec = 0};
}

bool holdings_touched(const struct holdings *h, const char *job)
{
	mem_cleanup char *space = job ? mem_printf("%s/spaces/job/%s", h->data_dir, job) : NULL;
	struct timespec now = changed_at(h);

	return now.tv_sec != h->volumes.tv_sec || now.tv_nsec != h->volumes.tv_nsec ||
	       (space && access(space, F_OK) == 0);
}

bool holdings_look(struct holdings *h)
{
	fd_cleanup int dir = open(h->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct look l = {.names = NULL};
	bool changed;

	if (dir < 0)
		return false;
	h->volumes = changed_at(h);
	if (has_anything(dir, "spaces/global"))
		add(&l, "space.global", "", NULL);
	each(dir, "volumes", &l, add_volume, NULL);
	each(dir, "spaces/user", &l, add_user, NULL);
	each(dir, "spaces/job", &l, add_job, NULL);
	if (l.names)
		qsort(l.names, l.n, sizeof *l.names, compare);
	changed = !same(l.names, h->names);
	mem_strv_free(h->names);
	h->names = l.names;
	return changed;
}

char *const *holdings_names(const struct holdings *h)
{
	return h->names;
}

struct holdings *holdings_new(const char *data_dir)
{
	struct holdings *h = mem_new(struct holdings);

	h->data_dir = mem_strdup(data_dir);
	return h;
}

struct holdings *holdings_free(struct holdings *h)
{
	if (!h)
		return NULL;
	mem_strv_free(h->names);
	free(h->data_dir);
	free(h);
	return NULL;
}
