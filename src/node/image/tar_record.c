/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing records. The inode of each piece's file waits in an unlinked file until the end; only when entries took the place of others is
 * it read again, and the record written a second time with the truth of then.
 */
#include "node/image/tar_record.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/compress.h"
#include "node/image/tar_record_format.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NEW_NAME "tar.new"
#define INODES_NAME "tar.inodes"
#define KEPT_NAME "kept"
#define INO_TEXT_MAX 24
#define PENDING_MAX (8u << 20)	/* more than this was not content: a reader says so at once */
#define PENDING_KEEP (1u << 20) /* the reader may still speak of so many bytes */
#define COPY_SIZE (64u << 10)

/* One record file on its way to the disk. */
struct tar_record_out {
	int fd;
	struct sink_fd file;
	struct compress *pack;
	uint64_t total;
};

struct tar_record {
	int dir, kept;
	struct tar_record_out out;
	FILE *inodes; /* of the pieces, in their order */
	char *name;   /* the present file */
	uint64_t ino;
	struct tar_record_item piece; /* not written yet: it may grow; n = 0: none */
	unsigned char *pending;	      /* of the stream, not classified yet */
	size_t pending_at, pending_len, pending_cap;
	uint64_t pending_pos; /* in the stream, of pending[pending_at] */
	bool bad, changed;
};

static int out_open(struct tar_record_out *o, int dir, const char *name, struct err *err)
{
	struct sink to;

	o->fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (o->fd < 0)
		return err_sys(err, errno, "make the record of the tar");
	sink_fd_init(&o->file, o->fd, "the record of the tar");
	to = sink_to_fd(&o->file);
	if (compress_new(COMPRESS_ZSTD, COMPRESS_LEVEL_DEFAULT, &to, &o->pack, err) < 0)
		return -ENOMEM;
	return compress_write(o->pack, TAR_RECORD_MAGIC, strlen(TAR_RECORD_MAGIC), err);
}

static void out_close(struct tar_record_out *o)
{
	o->pack = compress_free(o->pack);
	fd_closep(&o->fd);
}

static int out_literal(struct tar_record_out *o, const void *data, size_t n, struct err *err)
{
	const unsigned char *p = data;
	int r = 0;

	while (r == 0 && n > 0) {
		uint32_t some = n < TAR_RECORD_LITERAL_MAX ? (uint32_t)n : TAR_RECORD_LITERAL_MAX;
		unsigned char head[5] = {'L'};

		tar_record_put(head + 1, 4, some);
		r = compress_write(o->pack, head, sizeof head, err);
		if (r == 0)
			r = compress_write(o->pack, p, some, err);
		o->total += some;
		p += some;
		n -= some;
	}
	return r;
}

static int out_piece(struct tar_record_out *o, const char *name, uint64_t offset, uint64_t n, struct err *err)
{
	unsigned char head[3] = {'F'}, tail[16];
	size_t len = strlen(name);
	int r;

	tar_record_put(head + 1, 2, len);
	tar_record_put(tail, 8, offset);
	tar_record_put(tail + 8, 8, n);
	o->total += n;
	r = compress_write(o->pack, head, sizeof head, err);
	if (r == 0)
		r = compress_write(o->pack, name, len, err);
	return r < 0 ? r : compress_write(o->pack, tail, sizeof tail, err);
}

static int out_end(struct tar_record_out *o, struct err *err)
{
	struct compressed packed;
	unsigned char end[9] = {'E'};
	int r;

	tar_record_put(end + 1, 8, o->total);
	r = compress_write(o->pack, end, sizeof end, err);
	return r < 0 ? r : compress_end(o->pack, &packed, err);
}

static int open_inodes(struct tar_record *r, struct err *err)
{
	fd_cleanup int fd = openat(r->dir, INODES_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || unlinkat(r->dir, INODES_NAME, 0) < 0)
		return err_sys(err, errno, "make a temporary file");
	r->inodes = fdopen(fd, "w+");
	if (!r->inodes)
		return err_sys(err, errno, "open a temporary file");
	fd_take(&fd);
	return 0;
}

int tar_record_new(int dir, struct tar_record **ret, struct err *err)
{
	cleanup_with(tar_record_freep) struct tar_record *r = mem_new(struct tar_record);
	int code;

	r->dir = dir;
	r->kept = r->out.fd = -1;
	code = open_inodes(r, err);
	if (code == 0)
		code = out_open(&r->out, dir, TAR_RECORD_NAME, err);
	if (code == 0)
		*ret = mem_take(r);
	return code;
}

struct tar_record *tar_record_free(struct tar_record *r)
{
	if (!r)
		return NULL;
	out_close(&r->out);
	fd_closep(&r->kept);
	if (r->inodes)
		fclose(r->inodes);
	free(r->name);
	free(r->pending);
	free(r);
	return NULL;
}

static int flush_piece(struct tar_record *r, struct err *err)
{
	uint64_t n = r->piece.n;

	r->piece.n = 0;
	if (n == 0)
		return 0;
	if (fwrite(&r->ino, sizeof r->ino, 1, r->inodes) != 1)
		return err_sys(err, errno, "write a temporary file");
	return out_piece(&r->out, r->name, r->piece.offset, n, err);
}

int tar_record_literal(struct tar_record *r, const void *data, size_t n, struct err *err)
{
	int code = n > 0 ? flush_piece(r, err) : 0;

	return code < 0 ? code : out_literal(&r->out, data, n, err);
}

int tar_record_file(struct tar_record *r, const char *name, uint64_t ino, struct err *err)
{
	int code = flush_piece(r, err);

	if (strlen(name) > TAR_RECORD_PATH_MAX)
		return err_set(err, ENAMETOOLONG, "the name is longer than %d bytes", TAR_RECORD_PATH_MAX);
	free(r->name);
	r->name = mem_strdup(name);
	r->ino = ino;
	return code;
}

int tar_record_piece(struct tar_record *r, uint64_t offset, uint64_t n, struct err *err)
{
	int code = 0;

	if (r->piece.n > 0 && r->piece.offset + r->piece.n != offset)
		code = flush_piece(r, err);
	if (r->piece.n == 0)
		r->piece.offset = offset;
	r->piece.n += n;
	return code;
}

/* The first n pending bytes are no content. */
static int drop_pending(struct tar_record *r, size_t n, bool literal, struct err *err)
{
	int code = literal && !r->bad && n > 0 ? tar_record_literal(r, r->pending + r->pending_at, n, err) : 0;

	r->pending_at += n;
	r->pending_len -= n;
	r->pending_pos += n;
	return code;
}

static void pending_room(struct tar_record *r, size_t n)
{
	if (r->pending_at + r->pending_len + n <= r->pending_cap)
		return;
	if (r->pending_at > 0)
		memmove(r->pending, r->pending + r->pending_at, r->pending_len);
	r->pending_at = 0;
	if (r->pending_len + n > r->pending_cap)
		mem_grow_to((void **)&r->pending, &r->pending_cap, r->pending_len + n, 1);
}

int tar_record_stream(struct tar_record *r, const void *data, size_t n, struct err *err)
{
	int code = 0;

	if (r->bad)
		return 0;
	if (r->pending_len > PENDING_MAX)
		code = drop_pending(r, r->pending_len - PENDING_KEEP, true, err);
	pending_room(r, n);
	memcpy(r->pending + r->pending_at + r->pending_len, data, n);
	r->pending_len += n;
	return code;
}

int tar_record_content(struct tar_record *r, uint64_t pos, const void *data, size_t n, uint64_t offset, struct err *err)
{
	size_t before;
	int code;

	if (r->bad || n == 0)
		return 0;
	before = pos - r->pending_pos;
	if (pos < r->pending_pos || pos - r->pending_pos > r->pending_len || r->pending_len - before < n ||
	    memcmp(r->pending + r->pending_at + before, data, n) != 0) {
		r->bad = true;
		return 0;
	}
	code = before > 0 ? drop_pending(r, before, true, err) : 0;
	if (code == 0)
		code = drop_pending(r, n, false, err);
	return code < 0 ? code : tar_record_piece(r, offset, n, err);
}

static int open_kept(struct tar_record *r, struct err *err)
{
	if (r->kept >= 0)
		return 0;
	if (mkdirat(r->dir, KEPT_NAME, 0700) < 0)
		return err_sys(err, errno, "make a temporary directory");
	r->kept = openat(r->dir, KEPT_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->kept < 0 ? err_sys(err, errno, "open a temporary directory") : 0;
}

int tar_record_replaced(struct tar_record *r, int dir_fd, const char *name, const struct stat *st, struct err *err)
{
	char ino[INO_TEXT_MAX];
	int code;

	r->changed = true;
	if (r->bad || !S_ISREG(st->st_mode) || st->st_size == 0)
		return 0;
	code = open_kept(r, err);
	if (code < 0)
		return code;
	snprintf(ino, sizeof ino, "%llu", (unsigned long long)st->st_ino);
	/* EEXIST: another name of it went before */
	if (linkat(dir_fd, name, r->kept, ino, 0) < 0 && errno != EEXIST)
		return err_sys(err, errno, "keep the content of an entry that occurs twice");
	return 0;
}

/* The file of a piece as it is at the end: put aside (1), still under its name (0), or not to be found (-ENOENT). */
static int find_piece(struct tar_record *r, int fs, const char *name, uint64_t ino, int *ret_fd)
{
	char text[INO_TEXT_MAX];
	struct stat st;
	int fd;

	snprintf(text, sizeof text, "%llu", (unsigned long long)ino);
	*ret_fd = r->kept < 0 ? -1 : openat(r->kept, text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 1;
	fd = fs_open_in(fs, name, O_PATH | O_NOFOLLOW, 0, FS_IN_ROOT, NULL);
	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) < 0 || st.st_ino != ino || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	close(fd);
	return 0;
}

static int copy_literal(struct tar_record_out *o, int fd, uint64_t offset, uint64_t n, struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, COPY_SIZE);

	while (n > 0) {
		ssize_t got = pread(fd, data, n < COPY_SIZE ? n : COPY_SIZE, (off_t)offset);
		int r;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_sys(err, got < 0 ? errno : EIO, "read the content of an entry that occurs twice");
		r = out_literal(o, data, (size_t)got, err);
		if (r < 0)
			return r;
		offset += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return 0;
}

static int settle_item(struct tar_record *r, int fs, struct tar_record_out *o, const struct tar_record_item *item,
		       struct err *err)
{
	fd_cleanup int fd = -1;
	uint64_t ino;
	int found;

	if (item->kind == TAR_RECORD_LITERAL)
		return out_literal(o, item->data, item->n, err);
	if (fread(&ino, sizeof ino, 1, r->inodes) != 1)
		return err_set(err, EIO, "a temporary file changed while it was read");
	found = find_piece(r, fs, item->name, ino, &fd);
	if (found < 0) {
		r->bad = true;
		return 0;
	}
	return found > 0 ? copy_literal(o, fd, item->offset, item->n, err)
			 : out_piece(o, item->name, item->offset, item->n, err);
}

static int settle_all(struct tar_record *r, struct tar_record_out *o, struct err *err)
{
	fd_cleanup int fd = openat(r->dir, TAR_RECORD_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	fd_cleanup int fs = openat(r->dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_with(tar_record_closep) struct tar_record_reader *reader = NULL;
	struct tar_record_item item;
	int code;

	if (fd < 0 || fs < 0)
		return err_sys(err, errno, "read the record of the tar");
	if (fflush(r->inodes) != 0 || fseek(r->inodes, 0, SEEK_SET) != 0)
		return err_sys(err, errno, "write a temporary file");
	code = tar_record_open(fd, &reader, err);
	while (code >= 0 && !r->bad && (code = tar_record_next(reader, &item, err)) > 0)
		code = settle_item(r, fs, o, &item, err);
	return code < 0 || r->bad ? code : out_end(o, err);
}

/* Entries took the place of others: the record once more, with what the names lead to now. */
static int settle(struct tar_record *r, struct err *err)
{
	struct tar_record_out o = {.fd = -1};
	int code = out_open(&o, r->dir, NEW_NAME, err);

	if (code == 0)
		code = settle_all(r, &o, err);
	out_close(&o);
	if (code == 0 && !r->bad && renameat(r->dir, NEW_NAME, r->dir, TAR_RECORD_NAME) < 0)
		code = err_sys(err, errno, "replace the record of the tar");
	if (r->bad)
		(void)unlinkat(r->dir, NEW_NAME, 0);
	return code;
}

int tar_record_end(struct tar_record *r, bool *ret_ok, struct err *err)
{
	int code = drop_pending(r, r->pending_len, true, err);

	if (code == 0)
		code = flush_piece(r, err);
	if (code == 0)
		code = out_end(&r->out, err);
	out_close(&r->out);
	if (code == 0 && r->changed && !r->bad)
		code = settle(r, err);
	if (code < 0)
		return code;
	if (r->bad && unlinkat(r->dir, TAR_RECORD_NAME, 0) < 0)
		return err_sys(err, errno, "remove the record of the tar");
	*ret_ok = !r->bad;
	return r->kept < 0 ? 0 : fs_remove_tree(r->dir, KEPT_NAME, err);
}
