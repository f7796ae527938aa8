/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/kept.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An entry of the old list: "WORDS\0PATH\0LINK\0", where the words are all that is neither. */
struct old {
	const char *words, *path, *link;
	bool stays;
};

struct kept {
	int dir, fs;
	char *text;
	struct old *old; /* in the order of the walk */
	struct old **by_path;
	size_t n, cap;
	struct buf next;
	uint64_t bytes;
};

/* ---- the old list ---- */

static int by_path(const void *a, const void *b)
{
	const struct old *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

static const char *word_at(const char **at, const char *end)
{
	const char *word = *at, *stop = word < end ? memchr(word, '\0', (size_t)(end - word)) : NULL;

	*at = stop ? stop + 1 : end;
	return stop ? word : NULL;
}

/* false: it is none, or of another run of the machine. */
static bool read_list(struct kept *k)
{
	size_t n;
	const char *at, *end, *boot;

	if (fs_read(k->dir, "list", KEPT_LIST_MAX, &k->text, &n, NULL) < 0)
		return false;
	at = k->text;
	end = k->text + n;
	boot = word_at(&at, end);
	if (!boot || !boot_is_this(boot))
		return false;
	while (at < end) {
		struct old one = {.words = word_at(&at, end)};

		one.path = word_at(&at, end);
		one.link = word_at(&at, end);
		if (!one.words || !one.path || !one.link)
			return false;
		mem_grow(&k->old, &k->cap, k->n);
		k->old[k->n++] = one;
	}
	k->by_path = mem_new_n(struct old *, k->n + 1);
	for (size_t i = 0; i < k->n; i++)
		k->by_path[i] = &k->old[i];
	if (k->n > 0)
		qsort(k->by_path, k->n, sizeof *k->by_path, by_path);
	return true;
}

static int begin_anew(struct kept *k, struct err *err)
{
	int r = fs_remove_tree(k->dir, "fs", err);

	k->n = 0;
	if (r == 0 && mkdirat(k->dir, "fs", 0755) < 0)
		r = err_sys(err, errno, "make a directory for the build context");
	return r;
}

int kept_open(int dir, struct kept **ret, struct err *err)
{
	struct kept *k = mem_new(struct kept);
	char boot[BOOT_ID_MAX];
	int r = 0;

	*k = (struct kept){.dir = dir, .fs = -1, .next = BUF_LIMIT(KEPT_LIST_MAX)};
	if (!read_list(k))
		r = begin_anew(k, err);
	/* "next" may be there from a time that was cut short. */
	if (r == 0 &&
	    ((unlinkat(dir, "list", 0) < 0 && errno != ENOENT) || (unlinkat(dir, "next", 0) < 0 && errno != ENOENT)))
		r = err_sys(err, errno, "remove the list of the build context");
	if (r == 0) {
		k->fs = fs_open_in(dir, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
		r = k->fs < 0 ? k->fs : 0;
	}
	buf_adds(&k->next, boot_id(boot));
	buf_addc(&k->next, '\0');
	if (r < 0)
		kept_close(k, false);
	else
		*ret = k;
	return r;
}

/* ---- what the client tells ---- */

static struct old *find(const struct kept *k, const char *path)
{
	const struct old key = {.path = path}, *at = &key;
	struct old **found = k->n > 0 ? bsearch(&at, k->by_path, k->n, sizeof *k->by_path, by_path) : NULL;

	return found ? *found : NULL;
}

bool kept_entry(struct kept *k, const struct kept_entry *e)
{
	const bool hard = S_ISREG(e->mode) && e->link && *e->link;
	char words[128];
	struct old *old = find(k, e->path);

	snprintf(words, sizeof words, "%o %llu %lld %u %u", e->mode, (unsigned long long)e->size,
		 (long long)e->mtime_ns, e->major, e->minor);
	buf_add(&k->next, words, strlen(words) + 1);
	buf_add(&k->next, e->path, strlen(e->path) + 1);
	buf_add(&k->next, e->link ? e->link : "", (e->link ? strlen(e->link) : 0) + 1);
	k->bytes += S_ISREG(e->mode) && !hard ? e->size : 0;
	if (!old || old->stays || hard)
		return false;
	/* A directory whose mode or time is another keeps what is in it. */
	if (S_ISDIR(e->mode) && S_ISDIR((mode_t)strtoul(old->words, NULL, 8)))
		old->stays = true;
	else
		old->stays = !strcmp(old->words, words) && !strcmp(old->link, e->link ? e->link : "");
	return old->stays && !S_ISDIR(e->mode);
}

/* What is in a directory stands behind it. */
int kept_clear(struct kept *k, struct err *err)
{
	for (size_t i = k->n; i-- > 0;) {
		const struct old *o = &k->old[i];
		const bool dir = S_ISDIR((mode_t)strtoul(o->words, NULL, 8));
		fd_cleanup int above = -1;
		const char *last;

		if (o->stays)
			continue;
		above = fs_open_parent(k->fs, o->path, FS_NO_SYMLINKS, &last, NULL);
		if (above == -ENOENT)
			continue;
		if (above < 0)
			return err_sys(err, -above, "open what holds \"%s\" in the build context that was kept",
				       o->path);
		if (unlinkat(above, last, dir ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
			return err_sys(err, errno, "remove \"%s\" from the build context that was kept", o->path);
	}
	return 0;
}

struct kept *kept_close(struct kept *k, bool well)
{
	char size[32];

	if (!k)
		return NULL;
	snprintf(size, sizeof size, "%llu", (unsigned long long)k->bytes);
	if (well && !k->next.full && fs_write_atomic(k->dir, "size", size, strlen(size), 0600, false, NULL) == 0)
		(void)fs_write_atomic(k->dir, "next", k->next.data, k->next.len, 0600, false, NULL);
	fd_closep(&k->fs);
	buf_free(&k->next);
	free(k->by_path);
	free(k->old);
	free(k->text);
	free(k);
	return NULL;
}
