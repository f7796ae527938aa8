/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/save_out.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/tar_write.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static int check_empty(int fd, struct err *err)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	bool empty = true;

	if (!d) {
		fd_closep(&copy);
		return err_sys(err, errno, "list the directory");
	}
	for (struct dirent *e = readdir(d); e && empty; e = readdir(d))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	closedir(d);
	return empty ? 0 : err_set(err, ENOTEMPTY, "the directory is not empty");
}

int save_out_open(struct save_out *o, int fd, struct err *err)
{
	struct stat st;

	*o = (struct save_out){.fd = fd, .file = -1};
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at the archive");
	o->is_dir = S_ISDIR(st.st_mode);
	return o->is_dir ? check_empty(fd, err) : 0;
}

static int put(const struct save_out *o, const void *data, size_t n, struct err *err)
{
	int r = fd_write_all(o->is_dir ? o->file : o->fd, data, n);

	return r < 0 ? err_sys(err, -r, "write the archive") : 0;
}

static int put_header(struct save_out *o, const char *name, mode_t mode, uint64_t size, struct err *err)
{
	const struct tar_entry e = {.name = name, .mode = mode, .size = size};
	struct buf head buf_cleanup = BUF_INIT;
	int r = tar_write_header(&head, &e, err);

	return r < 0 ? r : put(o, head.data, head.len, err);
}

/* The directories above a member have entries of their own, once: some readers want them. */
static int put_dirs(struct save_out *o, const char *name, struct err *err)
{
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		mem_cleanup char *dir = mem_strndup(name, (size_t)(slash - name));
		bool there = false;
		int r;

		for (char **d = o->dirs; d && *d && !there; d++)
			there = !strcmp(*d, dir);
		if (there)
			continue;
		mem_strv_add(&o->dirs, dir);
		r = put_header(o, dir, S_IFDIR | 0755, 0, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int begin_file(struct save_out *o, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/');
	mem_cleanup char *dir = mem_strndup(name, slash ? (size_t)(slash - name) : 0);
	fd_cleanup int at = fs_mkdirs_in(o->fd, dir, 0755, FS_NO_SYMLINKS, err);

	if (at < 0)
		return at;
	o->file = openat(at, slash ? slash + 1 : name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return o->file < 0 ? err_sys(err, errno, "make \"%s\"", name) : 0;
}

int save_out_begin(struct save_out *o, const char *name, uint64_t size, struct err *err)
{
	int r = 0;

	o->left = size;
	if (o->is_dir)
		return begin_file(o, name, err);
	r = put_dirs(o, name, err);
	return r < 0 ? r : put_header(o, name, S_IFREG | 0644, size, err);
}

int save_out_write(void *ctx, const void *data, size_t n, struct err *err)
{
	struct save_out *o = ctx;

	if (n > o->left)
		return err_set(err, EIO, "a member of the archive is larger than was announced");
	o->left -= n;
	return put(o, data, n, err);
}

int save_out_end(struct save_out *o, uint64_t size, struct err *err)
{
	if (o->left > 0)
		return err_set(err, EIO, "a member of the archive is smaller than was announced");
	if (!o->is_dir)
		return put(o, tar_zeros, tar_padding(size), err);
	fd_closep(&o->file);
	return 0;
}

int save_out_text(struct save_out *o, const char *name, const void *data, size_t n, struct err *err)
{
	int r = save_out_begin(o, name, n, err);

	if (r == 0)
		r = save_out_write(o, data, n, err);
	return r < 0 ? r : save_out_end(o, n, err);
}

int save_out_close(struct save_out *o, struct err *err)
{
	if (!o->is_dir)
		return put(o, tar_zeros, sizeof tar_zeros, err);
	return syncfs(o->fd) < 0 ? err_sys(err, errno, "write the directory to the disk") : 0;
}

void save_out_free(struct save_out *o)
{
	fd_closep(&o->file);
	mem_strv_free(o->dirs);
	o->dirs = NULL;
}
