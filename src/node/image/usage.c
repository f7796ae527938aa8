/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories wait in a list, as names from where the count began, so one descriptor is enough. A name that is too long for one system
 * call is opened in pieces.
 */
#include "node/image/usage.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE_MAX 4000u

/* ---- hard links ---- */

void usage_seen_free(struct usage_seen *seen)
{
	free(seen->inodes);
	*seen = (struct usage_seen)USAGE_SEEN_INIT;
}

static uint64_t (*place_of(const struct usage_seen *seen, uint64_t device, uint64_t inode))[2]
{
	size_t at = (size_t)((inode * 0x9e3779b97f4a7c15ull ^ device) % seen->cap);

	while (seen->inodes[at][1] && (seen->inodes[at][0] != device || seen->inodes[at][1] != inode))
		at = (at + 1) % seen->cap;
	return &seen->inodes[at];
}

static void grow(struct usage_seen *seen)
{
	struct usage_seen more = {.cap = seen->cap ? 2 * seen->cap : 1024, .n = seen->n};

	more.inodes = mem_zalloc(more.cap, sizeof *more.inodes);
	for (size_t i = 0; i < seen->cap; i++) {
		if (seen->inodes[i][1])
			memcpy(*place_of(&more, seen->inodes[i][0], seen->inodes[i][1]), seen->inodes[i],
			       sizeof *seen->inodes);
	}
	free(seen->inodes);
	*seen = more;
}

/* True the first time. */
static bool is_new(struct usage_seen *seen, const struct stat *st)
{
	uint64_t(*place)[2];

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return true;
	if (2 * (seen->n + 1) > seen->cap)
		grow(seen);
	place = place_of(seen, st->st_dev, st->st_ino);
	if ((*place)[1])
		return false;
	(*place)[0] = st->st_dev;
	(*place)[1] = st->st_ino;
	seen->n++;
	return true;
}

/* ---- one tree ---- */

struct walk {
	struct usage_seen *seen;
	bool sizes; /* of files, instead of their blocks */
	uint64_t bytes;
	dev_t device;
	char **waiting; /* names of directories */
	size_t n, cap;
};

static void count(struct walk *w, const struct stat *st)
{
	uint64_t size = S_ISDIR(st->st_mode) ? 0 : (uint64_t)st->st_size;

	if (is_new(w->seen, st))
		w->bytes += w->sizes ? size : (uint64_t)st->st_blocks * 512;
}

static void wait_for(struct walk *w, char *name)
{
	mem_grow(&w->waiting, &w->cap, w->n);
	w->waiting[w->n++] = name;
}

static int open_long(int dir, const char *name)
{
	int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);

	while (at >= 0 && *name) {
		size_t n = strlen(name);
		mem_cleanup char *piece = NULL;
		int next;

		if (n > PIECE_MAX) {
			n = PIECE_MAX;
			while (name[n] != '/')
				n--;
		}
		piece = mem_strndup(name, n);
		next = fs_open_in(at, piece, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
		close(at);
		at = next;
		name += n + strspn(name + n, "/");
	}
	return at;
}

static void count_in(struct walk *w, int top, const char *name)
{
	int fd = open_long(top, name);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_closep(&fd);
		return;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (st.st_dev != w->device)
			continue;
		count(w, &st);
		if (S_ISDIR(st.st_mode))
			wait_for(w, mem_printf("%s/%s", name, e->d_name));
	}
	closedir(d);
}

static uint64_t sum(int dir, const char *name, bool sizes, struct usage_seen *seen)
{
	struct walk w = {.seen = seen, .sizes = sizes};
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	w.device = st.st_dev;
	count(&w, &st);
	if (S_ISDIR(st.st_mode))
		wait_for(&w, mem_strdup(name));
	while (w.n > 0) {
		mem_cleanup char *next = w.waiting[--w.n];

		count_in(&w, dir, next);
	}
	free(w.waiting);
	return w.bytes;
}

uint64_t usage_tree(int dir, const char *name, struct usage_seen *seen)
{
	return sum(dir, name, false, seen);
}

uint64_t usage_files(int dir, const char *name, struct usage_seen *seen)
{
	return sum(dir, name, true, seen);
}

/* ---- the store ---- */

static struct image_usage_layer *find(const struct image_usage *u, const char *hex)
{
	for (size_t i = 0; i < u->n_layers; i++) {
		if (!strcmp(u->layers[i].hex, hex))
			return &u->layers[i];
	}
	return NULL;
}

static void add_layers(struct image_store *s, struct usage_seen *seen, struct image_usage *u)
{
	int fd = openat(s->layers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t cap = 0;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		struct image_usage_layer *l;

		if (!ref_is_hex(e->d_name, 64))
			continue;
		mem_grow(&u->layers, &cap, u->n_layers);
		l = &u->layers[u->n_layers++];
		snprintf(l->hex, sizeof l->hex, "%.64s", e->d_name);
		l->bytes = usage_tree(s->layers, e->d_name, seen);
		u->layer_bytes += l->bytes;
	}
	if (d)
		closedir(d);
}

static void add_erofs(struct image_store *s, const struct store_leases *leases, struct usage_seen *seen,
		      struct image_usage *u)
{
	int fd = openat(s->erofs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		uint64_t bytes;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		bytes = usage_tree(s->erofs, e->d_name, seen);
		u->n_erofs++;
		u->erofs_bytes += bytes;
		u->erofs_reclaimable += map_get(&leases->blobs, e->d_name) ? 0 : bytes;
	}
	if (d)
		closedir(d);
}

static void count_images(struct image_store *s, struct image_usage *u)
{
	for (size_t n = 0; n < s->n; n++) {
		const struct image_info *i = s->images[n].info;
		bool again = false;

		/* an image with two names is one image */
		for (size_t k = 0; k < n; k++)
			again = again || !strcmp(s->images[k].manifest, s->images[n].manifest);
		for (char **l = i && !again ? i->layers : NULL; l && *l; l++) {
			struct image_usage_layer *layer = find(u, *l);

			if (layer)
				layer->n_images++;
		}
	}
}

static void count_reclaimable(const struct store_leases *leases, struct image_usage *u)
{
	for (size_t i = 0; i < u->n_layers; i++) {
		if (!map_get(&leases->layers, u->layers[i].hex))
			u->reclaimable += u->layers[i].bytes;
	}
}

/* Everything of images/ but what is in layers/, erofs/ and blobs/, with the directories themselves. */
static uint64_t rest(struct image_store *s, struct usage_seen *seen)
{
	static const char *const names[] = {"leases", "tmp", "lock", "refs.json", "settings.json"};
	struct stat st;
	uint64_t sum = fstat(s->root, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;

	if (fstat(s->layers, &st) == 0)
		sum += (uint64_t)st.st_blocks * 512;
	if (fstat(s->erofs, &st) == 0)
		sum += (uint64_t)st.st_blocks * 512;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		sum += usage_tree(s->root, names[i], seen);
	return sum;
}

int image_usage(struct image_store *s, struct usage_seen *seen, struct image_usage *ret, struct err *err)
{
	struct image_usage u = {.layers = NULL};
	struct store_leases leases;
	fd_cleanup int lock = store_lock(s, err);
	int r = lock < 0 ? lock : store_refresh(s, err);

	if (r == 0)
		r = store_leases_read(s, &leases, err);
	if (r < 0)
		return r;
	fd_closep(&lock);
	add_layers(s, seen, &u);
	count_images(s, &u);
	count_reclaimable(&leases, &u);
	add_erofs(s, &leases, seen, &u);
	store_leases_free(&leases);
	u.document_bytes = usage_tree(s->root, "blobs", seen);
	u.rest_bytes = rest(s, seen);
	*ret = u;
	return 0;
}

void image_usage_free(struct image_usage *u)
{
	free(u->layers);
	*u = (struct image_usage){.layers = NULL};
}

uint64_t image_usage_of(const struct image_usage *u, const struct image_info *i, uint64_t *ret_unique)
{
	uint64_t sum = 0;

	*ret_unique = 0;
	for (char **l = i->layers; l && *l; l++) {
		const struct image_usage_layer *layer = find(u, *l);

		sum += layer ? layer->bytes : 0;
		*ret_unique += layer && layer->n_images == 1 ? layer->bytes : 0;
	}
	return sum;
}
