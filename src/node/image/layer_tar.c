/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of the last file and the last file itself stay open: files of one directory follow one another, and so do the pieces of a
 * sparse file.
 */
#include "node/image/layer_tar.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/tar_record.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define COPY_SIZE (128u << 10)

struct layer_tar {
	const struct sink *to;
	struct sha256 sha;
	uint64_t size;
	int fs, parent, file;
	char *parent_name, *file_name; /* NULL = not open */
	char *buffer;
};

static int emit(struct layer_tar *t, const void *data, size_t n, struct err *err)
{
	t->size += n;
	sha256_add(&t->sha, data, n);
	return sink_write(t->to, data, n, err);
}

static int open_parent(struct layer_tar *t, const char *name, size_t len, struct err *err)
{
	if (t->parent_name && strlen(t->parent_name) == len && !strncmp(t->parent_name, name, len))
		return 0;
	fd_closep(&t->parent);
	free(t->parent_name);
	t->parent_name = mem_strndup(name, len);
	t->parent = fs_open_in(t->fs, len ? t->parent_name : ".", O_PATH | O_DIRECTORY, 0, FS_IN_ROOT, err);
	if (t->parent >= 0)
		return 0;
	free(t->parent_name);
	t->parent_name = NULL;
	return t->parent;
}

/* A FIFO in the place of the file must not make us wait: O_NONBLOCK, and it is refused. */
static int open_file(struct layer_tar *t, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/');
	struct stat st;
	int r;

	if (t->file_name && !strcmp(t->file_name, name))
		return 0;
	fd_closep(&t->file);
	free(t->file_name);
	t->file_name = NULL;
	r = open_parent(t, name, slash ? (size_t)(slash - name) : 0, err);
	if (r < 0)
		return r;
	t->file = openat(t->parent, slash ? slash + 1 : name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (t->file < 0)
		return err_sys(err, errno, "open \"%.200s\" of the layer", name);
	if (fstat(t->file, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "\"%.200s\" of the layer is no regular file any more", name);
	t->file_name = mem_strdup(name);
	return 0;
}

static int copy_piece(struct layer_tar *t, const struct tar_record_item *item, struct err *err)
{
	uint64_t offset = item->offset, n = item->n;
	int r = open_file(t, item->name, err);

	while (r == 0 && n > 0) {
		ssize_t got = pread(t->file, t->buffer, n < COPY_SIZE ? n : COPY_SIZE, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "read \"%.200s\" of the layer", item->name);
		if (got == 0)
			return err_set(err, EBADMSG, "\"%.200s\" of the layer is shorter than it was", item->name);
		r = emit(t, t->buffer, (size_t)got, err);
		offset += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return r;
}

static int write_items(struct layer_tar *t, int record, struct err *err)
{
	cleanup_with(tar_record_closep) struct tar_record_reader *reader = NULL;
	struct tar_record_item item;
	int r = tar_record_open(record, &reader, err);

	while (r >= 0 && (r = tar_record_next(reader, &item, err)) > 0)
		r = item.kind == TAR_RECORD_LITERAL ? emit(t, item.data, item.n, err) : copy_piece(t, &item, err);
	return r;
}

static int check_digest(struct layer_tar *t, const char *diff_hex, struct err *err)
{
	char hex[SHA256_HEX_MAX];

	sha256_hex(&t->sha, hex);
	if (!strcmp(hex, diff_hex))
		return 0;
	return err_set(err, EBADMSG, "its files are not what they were: the digest of its tar is sha256:%s now", hex);
}

int layer_tar_write_at(int layer_dir, const char *diff_hex, const struct sink *to, uint64_t *ret_size, struct err *err)
{
	struct layer_tar t = {.to = to, .fs = -1, .parent = -1, .file = -1};
	fd_cleanup int record = openat(layer_dir, TAR_RECORD_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (record < 0 && errno == ENOENT)
		return err_set(err, ENODATA, "its tar cannot be made again, because no record of it was kept");
	if (record < 0)
		return err_sys(err, errno, "open the record of its tar");
	t.fs = fs_open_in(layer_dir, "fs", O_PATH | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (t.fs < 0)
		return t.fs;
	sha256_init(&t.sha);
	t.buffer = mem_zalloc(1, COPY_SIZE);
	r = write_items(&t, record, err);
	if (r == 0)
		r = check_digest(&t, diff_hex, err);
	if (r == 0 && ret_size)
		*ret_size = t.size;
	fd_closep(&t.file);
	fd_closep(&t.parent);
	fd_closep(&t.fs);
	free(t.parent_name);
	free(t.file_name);
	free(t.buffer);
	return r;
}

int layer_tar_write(struct image_store *s, const char *diff_hex, const struct sink *to, uint64_t *ret_size,
		    struct err *err)
{
	struct err own = ERR_INIT;
	fd_cleanup int dir = fs_open_in(s->layers, diff_hex, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
	int r;

	err = err ? err : &own;
	if (dir < 0)
		return err_set(err, -dir, "layer sha256:%s is not here", diff_hex);
	r = layer_tar_write_at(dir, diff_hex, to, ret_size, err);
	return r < 0 ? err_wrap(err, "layer sha256:%s", diff_hex) : 0;
}
