/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/context_tar.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/context.h"
#include "node/image/tar_write.h"

#include <string.h>
#include <unistd.h>

#define PIECE (64u << 10)

struct packing {
	int fd;
	char *piece;
};

static int put(const struct packing *p, const void *data, size_t n, struct err *err)
{
	int r = fd_write_all(p->fd, data, n);

	return r < 0 ? err_sys(err, -r, "send the build context") : 0;
}

static int put_header(const struct packing *p, const struct tar_entry *e, struct err *err)
{
	struct buf head buf_cleanup = BUF_INIT;
	int r = tar_write_header(&head, e, err);

	return r < 0 ? r : put(p, head.data, head.len, err);
}

static struct tar_entry entry_of(const struct source_entry *e)
{
	return (struct tar_entry){
	    .name = e->path, .mode = e->st.st_mode, .mtime_s = e->st.st_mtim.tv_sec, .mtime_ns = e->st.st_mtim.tv_nsec};
}

/* Exactly `size` bytes: of a file that has grown meanwhile the beginning. */
static int put_content(const struct packing *p, int from, const char *path, uint64_t size, struct err *err)
{
	uint64_t left = size;
	int r = 0;

	while (r == 0 && left > 0) {
		ssize_t n = read(from, p->piece, left < PIECE ? (size_t)left : PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read \"%s\" of the build context", path);
		if (n == 0)
			return err_set(err, ESTALE, "\"%s\" became shorter while the build context was sent", path);
		r = put(p, p->piece, (size_t)n, err);
		left -= (uint64_t)n;
	}
	return r < 0 ? r : put(p, tar_zeros, tar_padding(size), err);
}

/* ---- the walk ---- */

static int enter(void *ctx, const struct source_entry *e, struct err *err)
{
	const struct tar_entry head = entry_of(e);

	return *e->path ? put_header(ctx, &head, err) : 0;
}

static int leave(void *ctx, const struct source_entry *e, struct err *err)
{
	(void)ctx;
	(void)e;
	(void)err;
	return 0;
}

static int put_link(const struct packing *p, const struct source_entry *e, struct err *err)
{
	struct tar_entry head = entry_of(e);
	mem_cleanup char *target = NULL;
	int r = source_link(e, &target, err);

	head.target = target;
	return r < 0 ? r : put_header(p, &head, err);
}

static int other(void *ctx, const struct source_entry *e, struct err *err)
{
	struct tar_entry head = entry_of(e);
	fd_cleanup int from = -1;
	int r;

	if (S_ISLNK(e->st.st_mode))
		return put_link(ctx, e, err);
	if (!S_ISREG(e->st.st_mode))
		return 0;
	from = source_open(e, err);
	if (from < 0)
		return from;
	head.size = (uint64_t)e->st.st_size;
	r = put_header(ctx, &head, err);
	return r < 0 ? r : put_content(ctx, from, e->path, head.size, err);
}

static int put_text(const struct packing *p, const char *name, const char *text, size_t n, struct err *err)
{
	const struct tar_entry head = {.name = name, .mode = S_IFREG | 0600, .size = n};
	int r = put_header(p, &head, err);

	if (r == 0)
		r = put(p, text, n, err);
	return r < 0 ? r : put(p, tar_zeros, tar_padding(n), err);
}

/* The daemon takes the ignore file beside the Dockerfile: it hides what is ours, and what the user's hides is not there. */
static int put_own(const struct packing *p, const struct context *c, struct err *err)
{
	static const char hidden[] = CONTEXT_TAR_FOLDER "\n";
	const struct tar_entry folder = {.name = CONTEXT_TAR_FOLDER, .mode = S_IFDIR | 0700};
	int r = put_header(p, &folder, err);

	if (r == 0)
		r = put_text(p, CONTEXT_TAR_FILE, c->dockerfile, c->n_dockerfile, err);
	return r < 0 ? r : put_text(p, CONTEXT_TAR_FILE ".dockerignore", hidden, sizeof hidden - 1, err);
}

int context_tar_write(const struct context *c, int fd, struct err *err)
{
	mem_cleanup char *piece = mem_zalloc(1, PIECE);
	struct packing p = {.fd = fd, .piece = piece};
	const struct source_visitor visitor = {.ctx = &p, .enter = enter, .leave = leave, .other = other};
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;
	int r = put_own(&p, c, err);

	if (r == 0)
		r = source_find(&c->tree, "/", &list, err);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = source_walk(&c->tree, &list.items[i], NULL, &visitor, err);
	return r < 0 ? r : put(&p, tar_zeros, sizeof tar_zeros, err);
}
