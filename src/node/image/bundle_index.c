/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks through a tar and writes down where its members are. libarchive reads the headers; contents are passed over by lseek(2).
 */
#include "node/image/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/tar_record_format.h"
#include "node/image/tar_stream.h"
#include "node/image/tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define READ_SIZE (64u << 10)
#define RATIO_MAX 1000u /* of an archive of archives */

struct indexer {
	int fd;
	uint64_t pos, size; /* of fd */
	char *buffer;
	FILE *out;
	uint64_t n;
};

static la_ssize_t on_read(struct archive *a, void *ctx, const void **ret)
{
	struct indexer *x = ctx;
	ssize_t n;

	do {
		n = pread(x->fd, x->buffer, READ_SIZE, (off_t)x->pos);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, errno, "read: %s", strerror(errno));
		return -1;
	}
	x->pos += (uint64_t)n;
	*ret = x->buffer;
	return n;
}

/* 0 = nothing was skipped: libarchive reads then, and finds the end of the file where a member leads beyond it. */
static la_int64_t on_skip(struct archive *a, void *ctx, la_int64_t request)
{
	struct indexer *x = ctx;

	(void)a;
	if (request < 0 || (uint64_t)request > x->size - x->pos)
		return 0;
	x->pos += (uint64_t)request;
	return request;
}

static int put_row(struct indexer *x, char type, uint64_t offset, uint64_t size, const char *name, const char *target,
		   struct err *err)
{
	unsigned char head[17] = {(unsigned char)type};

	tar_record_put(head + 1, 8, offset);
	tar_record_put(head + 9, 8, size);
	if (fwrite(head, sizeof head, 1, x->out) != 1 || fwrite(name, strlen(name) + 1, 1, x->out) != 1 ||
	    fwrite(target, strlen(target) + 1, 1, x->out) != 1)
		return err_sys(err, errno, "write the list of the archive's members");
	return 0;
}

/* A relative target starts where the link is. */
static int put_link(struct indexer *x, const char *name, const char *target, bool hard, struct err *err)
{
	const char *slash = strrchr(name, '/');
	int dir = hard || *target == '/' || !slash ? 0 : (int)(slash - name + 1);
	mem_cleanup char *full = mem_printf("%.*s%s", dir, name, target);

	return put_row(x, 'l', 0, 0, name, full, err);
}

static int put_entry(struct indexer *x, struct archive *a, struct archive_entry *e, struct err *err)
{
	const char *name = archive_entry_pathname(e), *hard = archive_entry_hardlink(e);
	const char *soft = archive_entry_symlink(e);
	int64_t size = archive_entry_size(e);

	if (++x->n > BUNDLE_MEMBERS_MAX)
		return err_set(err, E2BIG, "the archive has more than %u members", BUNDLE_MEMBERS_MAX);
	if (!name || strlen(name) > TREE_PATH_MAX)
		return 0;
	if (hard || soft)
		return put_link(x, name, hard ? hard : soft, hard != NULL, err);
	if (archive_entry_filetype(e) != S_IFREG || archive_entry_sparse_count(e) > 0 || size < 0)
		return 0;
	return put_row(x, 'f', (uint64_t)archive_filter_bytes(a, 0), (uint64_t)size, name, "", err);
}

static int index_entries(struct indexer *x, struct archive *a, struct err *err)
{
	struct archive_entry *e;
	int r = archive_read_open1(a), code = 0;

	while (r == ARCHIVE_OK || r == ARCHIVE_WARN) {
		r = archive_read_next_header(a, &e);
		if (r == ARCHIVE_OK || r == ARCHIVE_WARN)
			code = put_entry(x, a, e, err);
		if (code < 0)
			return code;
	}
	if (r != ARCHIVE_EOF)
		return err_set(err, EINVAL, "the archive is damaged, or it is no tar: %s",
			       archive_error_string(a) ? archive_error_string(a) : "no detail");
	return 0;
}

static int index_file(int fd, int tmp_dir, struct err *err)
{
	fd_cleanup int out = openat(tmp_dir, BUNDLE_INDEX, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct archive *a = archive_read_new();
	struct indexer x = {.fd = fd};
	struct stat st;
	int r;

	if (out < 0 || fstat(fd, &st) < 0 || !a)
		return err_sys(err, errno, "read the archive");
	x.size = (uint64_t)st.st_size;
	x.out = fdopen(fd_take(&out), "w");
	x.buffer = mem_zalloc(1, READ_SIZE);
	archive_read_support_format_tar(a);
	archive_read_set_read_callback(a, on_read);
	archive_read_set_skip_callback(a, on_skip);
	archive_read_set_callback_data(a, &x);
	r = index_entries(&x, a, err);
	archive_read_free(a);
	free(x.buffer);
	if (fclose(x.out) != 0 && r == 0)
		r = err_sys(err, errno, "write the list of the archive's members");
	return r;
}

static int unpack_to(int fd, int out, uint64_t limit, struct err *err)
{
	const struct tar_stream_limits limits = {.bytes = limit, .ratio = RATIO_MAX};
	cleanup_with(tar_stream_freep) struct tar_stream *s = NULL;
	const void *data;
	ssize_t n;
	int r = tar_stream_open(fd, &limits, &s, err);

	if (r < 0)
		return r;
	while ((n = tar_stream_next(s, &data)) > 0) {
		r = fd_write_all(out, data, (size_t)n);
		if (r < 0)
			return fs_no_room(out, 0, err_sys(err, -r, "keep the archive while it is read"), err);
	}
	return n < 0 ? err_set(err, tar_stream_err(s)->code, "%s", tar_stream_err(s)->text) : 0;
}

/* A regular file whose bytes are the tar can be read where it is. */
static bool is_plain_file(int fd)
{
	unsigned char head[8] = {0};
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_CUR) != 0)
		return false;
	if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head)
		return false;
	return !tar_stream_is_packed(head, sizeof head);
}

int bundle_index(int fd, int tmp_dir, uint64_t limit, struct err *err)
{
	fd_cleanup int out = -1;
	int r;

	if (is_plain_file(fd))
		return index_file(fd, tmp_dir, err);
	out = openat(tmp_dir, BUNDLE_ARCHIVE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return err_sys(err, errno, "keep the archive while it is read");
	r = unpack_to(fd, out, limit, err);
	return r < 0 ? r : index_file(out, tmp_dir, err);
}
