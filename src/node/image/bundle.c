/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/image/image.h"
#include "node/image/tar_record_format.h"
#include "node/image/tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LIMIT_DEFAULT (64ull << 30)
#define INDEX_MAX (256u << 20)
#define LINKS_MAX 8 /* from one member to the next */

struct member {
	uint64_t offset, size;
	char *link; /* NULL = it is a file */
};

struct bundle {
	int fd;	 /* the tar */
	int own; /* the same, when it is ours to close */
	int dir, file;
	struct map members;
};

struct bundle *bundle_free(struct bundle *b)
{
	if (!b)
		return NULL;
	for (struct map_slot *s = NULL; (s = map_next(&b->members, s));) {
		struct member *m = s->value;

		free(m->link);
		free(m);
	}
	map_free(&b->members);
	fd_closep(&b->own);
	fd_closep(&b->dir);
	fd_closep(&b->file);
	free(b);
	return NULL;
}

static struct bundle *bundle_new(void)
{
	struct bundle *b = mem_new(struct bundle);

	b->fd = b->own = b->dir = b->file = -1;
	return b;
}

/* ---- the process that looks through the tar ---- */

struct look {
	int fd, tmp_dir;
	uint64_t limit;
};

static int look_through(void *ctx, struct err *err)
{
	const struct look *l = ctx;

	return bundle_index(l->fd, l->tmp_dir, l->limit, err);
}

/* ---- its list ---- */

/* "a/./b//../c" is "a/c"; what leads above the top is no member. NULL then. */
static char *clean(const char *raw)
{
	char *name = mem_zalloc(1, strlen(raw) + 1);
	size_t len = 0;

	for (const char *p = raw; *p;) {
		size_t part;

		p += strspn(p, "/");
		part = strcspn(p, "/");
		if (part == 2 && !strncmp(p, "..", 2)) {
			if (len == 0) {
				free(name);
				return NULL;
			}
			while (len > 0 && name[--len] != '/')
				;
		} else if (part > 0 && !(part == 1 && *p == '.')) {
			if (len > 0)
				name[len++] = '/';
			memcpy(name + len, p, part);
			len += part;
		}
		p += part;
	}
	name[len] = '\0';
	return name;
}

static void add_member(struct bundle *b, const char *raw, const struct member *m)
{
	mem_cleanup char *name = clean(raw);
	struct member *old;

	if (!name || !*name)
		return;
	/* A name that occurs twice: the later one counts, as in every tar */
	old = map_put(&b->members, name, mem_dup(m, sizeof *m));
	if (old) {
		free(old->link);
		free(old);
	}
}

/* The worker may have been taken over by what it read: its list is as untrusted as the archive. */
static int read_row(struct bundle *b, const char **at, const char *end, uint64_t archive_size)
{
	const unsigned char *head = (const unsigned char *)*at;
	const char *name = *at + 17, *name_end, *target_end;
	struct member m;

	if (end - *at < 17)
		return -EBADMSG;
	name_end = memchr(name, '\0', (size_t)(end - name));
	target_end = name_end ? memchr(name_end + 1, '\0', (size_t)(end - name_end - 1)) : NULL;
	if (!target_end)
		return -EBADMSG;
	m = (struct member){.offset = tar_record_get(head + 1, 8), .size = tar_record_get(head + 9, 8)};
	if (m.offset > archive_size || m.size > archive_size - m.offset)
		return -EBADMSG;
	if (head[0] == 'l')
		m.link = mem_strdup(name_end + 1);
	add_member(b, name, &m);
	*at = target_end + 1;
	return 0;
}

static int read_index(struct bundle *b, int tmp_dir, struct err *err)
{
	mem_cleanup char *text = NULL;
	struct stat st;
	const char *at;
	size_t n;
	int r = fs_read(tmp_dir, BUNDLE_INDEX, INDEX_MAX, &text, &n, err);

	if (r < 0)
		return r;
	if (fstat(b->fd, &st) < 0)
		return err_sys(err, errno, "look at the archive");
	for (at = text; r == 0 && at < text + n && b->members.n <= BUNDLE_MEMBERS_MAX;)
		r = read_row(b, &at, text + n, (uint64_t)st.st_size);
	return r < 0 ? err_set(err, EBADMSG, "the archive is cut short, or damaged") : 0;
}

int bundle_open_tar(int fd, int tmp_dir, uint64_t limit, struct bundle **ret, struct err *err)
{
	cleanup_with(bundle_freep) struct bundle *b = bundle_new();
	struct look look = {.fd = fd, .tmp_dir = tmp_dir, .limit = limit ? limit : LIMIT_DEFAULT};
	int r = image_worker_run(tmp_dir, look_through, &look, "reads the archive", err);

	if (r < 0)
		return r;
	b->own = openat(tmp_dir, BUNDLE_ARCHIVE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (b->own < 0 && errno != ENOENT)
		return err_sys(err, errno, "read the unpacked archive");
	b->fd = b->own >= 0 ? b->own : fd;
	r = read_index(b, tmp_dir, err);
	(void)unlinkat(tmp_dir, BUNDLE_INDEX, 0);
	(void)unlinkat(tmp_dir, BUNDLE_ARCHIVE, 0);
	if (r == 0)
		*ret = mem_take(b);
	return r;
}

int bundle_open_dir(int dir_fd, struct bundle **ret, struct err *err)
{
	cleanup_with(bundle_freep) struct bundle *b = bundle_new();

	b->dir = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (b->dir < 0)
		return err_sys(err, errno, "open the directory");
	*ret = mem_take(b);
	return 0;
}

/* ---- members ---- */

static int find_in_tar(struct bundle *b, const char *name, struct bundle_member *ret, struct err *err)
{
	mem_cleanup char *at = clean(name);

	for (int i = 0; i < LINKS_MAX && at; i++) {
		const struct member *m = map_get(&b->members, at);

		if (m && !m->link) {
			*ret = (struct bundle_member){.fd = b->fd, .offset = m->offset, .size = m->size};
			return 0;
		}
		free(at);
		at = m ? clean(m->link) : NULL;
	}
	return err_set(err, ENOENT, "the archive has no file \"%.300s\"", name);
}

static int find_in_dir(struct bundle *b, const char *name, struct bundle_member *ret, struct err *err)
{
	struct stat st;

	fd_closep(&b->file);
	b->file = fs_open_in(b->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, FS_NO_SYMLINKS, NULL);
	if (b->file == -ENOENT)
		return err_set(err, ENOENT, "the directory has no file \"%.300s\"", name);
	if (b->file < 0)
		return err_sys(err, -b->file, "open \"%.300s\" in the directory", name);
	if (fstat(b->file, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "\"%.300s\" in the directory is no regular file", name);
	*ret = (struct bundle_member){.fd = b->file, .size = (uint64_t)st.st_size};
	return 0;
}

int bundle_find(struct bundle *b, const char *name, struct bundle_member *ret, struct err *err)
{
	return b->dir >= 0 ? find_in_dir(b, name, ret, err) : find_in_tar(b, name, ret, err);
}

int bundle_read(struct bundle *b, const char *name, size_t limit, char **ret, size_t *ret_len, struct err *err)
{
	mem_cleanup char *text = NULL;
	struct bundle_member m;
	size_t have = 0;
	int r = bundle_find(b, name, &m, err);

	if (r < 0)
		return r;
	if (m.size > limit)
		return err_set(err, E2BIG, "\"%.300s\" has %llu bytes; the limit is %zu", name,
			       (unsigned long long)m.size, limit);
	text = mem_zalloc(1, m.size + 1);
	while (have < m.size) {
		ssize_t n = pread(m.fd, text + have, m.size - have, (off_t)(m.offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, n < 0 ? errno : EIO, "read \"%.300s\"", name);
		have += (size_t)n;
	}
	*ret = mem_take(text);
	*ret_len = have;
	return 0;
}
