/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/solve_export.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/go_mode.h"
#include "base/core/mem.h"
#include "base/wire/protobuf.h"
#include "face/buildkit/ask.h"
#include "face/buildkit/solve_options.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FILE_SEND "/moby.filesync.v1.FileSend/DiffCopy"
#define EXPORTER "buildkit-attachable-exporter-id"
#define CHUNK (32u << 10)
#define DEPTH_MAX 200
#define ENTRIES_MAX 2000000u

enum packet_type { PACKET_STAT, PACKET_REQ, PACKET_DATA, PACKET_FIN, PACKET_ERR };

int solve_export_open(struct solve_options *w, int data_dir, struct solve_export_place *ret, struct err *err)
{
	int r;

	if (w->export != SOLVE_LOCAL && w->export != SOLVE_TAR)
		return 0;
	r = image_store_open(data_dir, &ret->store, err);
	if (r == 0)
		r = image_lease_new(ret->store, "build", &ret->lease, err);
	if (r == 0)
		r = image_lease_tmp(ret->lease, &ret->tmp, ret->name, err);
	if (r < 0)
		return r;
	ret->output =
	    mem_printf("type=%s,dest=/proc/self/fd/%d/out", w->export == SOLVE_LOCAL ? "local" : "tar", ret->tmp);
	ret->outputs[0] = ret->output;
	w->o.outputs = ret->outputs;
	return 0;
}

void solve_export_close(struct solve_export_place *place)
{
	fd_cleanup int above = place->tmp < 0 ? -1 : openat(place->tmp, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (above >= 0)
		(void)fs_remove_tree(above, place->name, NULL);
	fd_closep(&place->tmp);
	image_lease_free(place->lease);
	image_store_close(place->store);
	free(place->output);
}

/* ---- a tar ---- */

static int end_of(struct ask_stream *s, struct err *err)
{
	int r = 1;

	ask_shut(s);
	while (r > 0)
		r = ask_next(s, err);
	return r;
}

static int send_tar(struct ask_stream *s, int dir, struct err *err)
{
	fd_cleanup int fd = fs_open_in(dir, "out", O_RDONLY, 0, FS_NO_SYMLINKS, err);
	char piece[CHUNK];
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return fd;
	while (r == 0 && (n = read(fd, piece, sizeof piece)) != 0) {
		buf_cleanup struct buf b = BUF_INIT;

		if (n < 0)
			return err_sys(err, errno, "read the output of the build");
		pb_bytes(&b, 1, piece, (size_t)n);
		r = ask_send(s, buf_str(&b), b.len, err);
	}
	return r < 0 ? r : end_of(s, err);
}

/* ---- a directory ---- */

struct sending {
	struct ask_stream *stream;
	char **paths; /* by their place in the walk; "" = no content */
	size_t n, cap;
	int root;
};

static int send_packet(const struct sending *s, enum packet_type type, uint32_t id, const struct buf *stat,
		       const char *data, size_t n, struct err *err)
{
	buf_cleanup struct buf b = BUF_INIT;

	pb_uint(&b, 1, type);
	if (stat)
		pb_message(&b, 2, stat);
	pb_uint(&b, 3, id);
	pb_bytes(&b, 4, data, n);
	return ask_send(s->stream, buf_str(&b), b.len, err);
}

static int tell_entry(struct sending *s, int dir, const char *name, const char *path, const struct stat *st,
		      struct err *err)
{
	buf_cleanup struct buf b = BUF_INIT;
	char target[4096];
	ssize_t n = S_ISLNK(st->st_mode) ? readlinkat(dir, name, target, sizeof target - 1) : 0;

	if (n < 0)
		return err_sys(err, errno, "read the link \"%s\"", path);
	if (s->n >= ENTRIES_MAX)
		return err_set(err, E2BIG, "the output of the build has more than %u entries", ENTRIES_MAX);
	target[n] = '\0';
	mem_grow(&s->paths, &s->cap, s->n);
	s->paths[s->n++] = mem_strdup(S_ISREG(st->st_mode) ? path : "");
	pb_text(&b, 1, path);
	pb_uint(&b, 2, go_mode_of(st->st_mode));
	pb_uint(&b, 3, st->st_uid);
	pb_uint(&b, 4, st->st_gid);
	pb_uint(&b, 5, S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0);
	pb_uint(&b, 6, (uint64_t)((int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec));
	if (n > 0)
		pb_text(&b, 7, target);
	pb_uint(&b, 8, major(st->st_rdev));
	pb_uint(&b, 9, minor(st->st_rdev));
	return send_packet(s, PACKET_STAT, 0, &b, NULL, 0, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_of(int fd, char ***ret, struct err *err)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = own < 0 ? NULL : fdopendir(own);

	if (!d) {
		fd_closep(&own);
		return err_sys(err, errno, "read the output of the build");
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			mem_strv_add(ret, e->d_name);
	}
	closedir(d);
	if (*ret)
		qsort(*ret, mem_strv_len(*ret), sizeof **ret, by_name);
	return 0;
}

static int tell_dir(struct sending *s, int fd, const char *above, int depth, struct err *err)
{
	cleanup_with(mem_strv_freep) char **names = NULL;
	int r =
	    depth > DEPTH_MAX ? err_set(err, ELOOP, "the output of the build is too deep") : names_of(fd, &names, err);

	for (char **name = names; r == 0 && name && *name; name++) {
		mem_cleanup char *path = mem_printf("%s%s%s", above, *above ? "/" : "", *name);
		fd_cleanup int below = -1;
		struct stat st;

		if (fstatat(fd, *name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, errno, "look at \"%s\"", path);
		r = tell_entry(s, fd, *name, path, &st, err);
		if (r < 0 || !S_ISDIR(st.st_mode))
			continue;
		below = openat(fd, *name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = below < 0 ? err_sys(err, errno, "open \"%s\"", path) : tell_dir(s, below, path, depth + 1, err);
	}
	return r;
}

static int send_content(const struct sending *s, uint32_t id, struct err *err)
{
	const char *path = id < s->n ? s->paths[id] : "";
	fd_cleanup int fd = *path ? fs_open_in(s->root, path, O_RDONLY | O_NONBLOCK, 0, FS_NO_SYMLINKS, err)
				  : err_set(err, EPROTO, "the client asks for a file that there is not");
	char piece[CHUNK];
	ssize_t n;
	int r = fd < 0 ? fd : 0;

	while (r == 0 && (n = read(fd, piece, sizeof piece)) != 0)
		r = n < 0 ? err_sys(err, errno, "read \"%s\"", path)
			  : send_packet(s, PACKET_DATA, id, NULL, piece, (size_t)n, err);
	return r < 0 ? r : send_packet(s, PACKET_DATA, id, NULL, NULL, 0, err);
}

static int read_request(const struct buf *message, enum packet_type *type, uint32_t *id)
{
	const char *at = buf_str(message), *end = at + message->len;
	struct pb_field f;
	int r;

	*type = PACKET_STAT;
	*id = 0;
	while ((r = pb_next(&at, end, &f)) > 0) {
		if (f.field == 1 && !f.text && f.number <= PACKET_ERR)
			*type = (enum packet_type)f.number;
		if (f.field == 3 && !f.text)
			*id = (uint32_t)f.number;
	}
	return r;
}

static int serve(const struct sending *s, struct err *err)
{
	enum packet_type type = PACKET_STAT;
	uint32_t id;
	int r = 1;

	while (r >= 0 && type != PACKET_FIN) {
		r = ask_next(s->stream, err);
		if (r == 0 || (r > 0 && read_request(&s->stream->message, &type, &id) < 0))
			return err_set(err, EPROTO, "the client stopped in the middle of its files");
		if (r > 0 && type == PACKET_ERR)
			return err_set(err, EREMOTEIO, "the client could not write the output of the build");
		if (r > 0 && type == PACKET_REQ)
			r = send_content(s, id, err);
	}
	if (r >= 0)
		r = send_packet(s, PACKET_FIN, 0, NULL, NULL, 0, err);
	return r < 0 ? r : end_of(s->stream, err);
}

static int send_dir(struct ask_stream *stream, int dir, struct err *err)
{
	fd_cleanup int root = fs_open_in(dir, "out", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	struct sending s = {.stream = stream, .root = root};
	int r = root < 0 ? root : tell_dir(&s, root, "", 0, err);

	if (r == 0)
		r = send_packet(&s, PACKET_STAT, 0, NULL, NULL, 0, err);
	if (r == 0)
		r = serve(&s, err);
	for (size_t i = 0; i < s.n; i++)
		free(s.paths[i]);
	free(s.paths);
	return r;
}

int solve_export_send(const struct solve_options *w, int ask, const struct solve_export_place *place, struct err *err)
{
	static const struct ask_field fields[] = {{EXPORTER, "0"}, {NULL, NULL}};
	cleanup_with(ask_close) struct ask_stream stream = ASK_STREAM_NULL;
	int r;

	if (place->tmp < 0)
		return 0;
	r = ask_open(ask, FILE_SEND, fields, &stream, err);
	if (r < 0)
		return r;
	return w->export == SOLVE_LOCAL ? send_dir(&stream, place->tmp, err) : send_tar(&stream, place->tmp, err);
}
