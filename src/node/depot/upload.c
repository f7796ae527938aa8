/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/upload.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "node/depot/depot_impl.h"
#include "base/core/guard.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct uploads {
	struct depot *depot;
	struct upload_limits limits;
	struct map open; /* file name -> struct upload */
};

static void file_name(char file[static UPLOAD_FILE_MAX], const char *repo, const char *id)
{
	char hex[SHA256_HEX_MAX];

	sha256_of(repo, strlen(repo), hex);
	snprintf(file, UPLOAD_FILE_MAX, "%.32s.%.16s", id, hex);
}

static struct upload *add(struct uploads *u, const char *file, uint64_t size)
{
	struct upload *up = mem_new(struct upload);

	snprintf(up->file, sizeof up->file, "%s", file);
	up->size = size;
	depot_hasher_init(&up->hasher, DEPOT_SHA256);
	uploads_used(up);
	map_put(&u->open, file, up);
	return up;
}

static int find_left(void *ctx, int dir, const char *name, struct err *err)
{
	struct uploads *u = ctx;
	struct stat st;

	(void)err;
	if (strlen(name) != UPLOAD_FILE_MAX - 1 || name[UPLOAD_ID_DIGITS] != '.' || u->open.n >= u->limits.open ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		(void)unlinkat(dir, name, 0);
	else
		add(u, name, (uint64_t)st.st_size);
	return 0;
}

int uploads_new(struct depot *d, const struct upload_limits *limits, struct uploads **ret, struct err *err)
{
	struct uploads *u = mem_new(struct uploads);
	int r;

	u->depot = d;
	u->limits = *limits;
	r = depot_each(d->uploads, ".", find_left, u, err);
	if (r < 0) {
		uploads_free(u);
		return r;
	}
	*ret = u;
	return 0;
}

struct uploads *uploads_free(struct uploads *u)
{
	if (!u)
		return NULL;
	for (struct map_slot *s = NULL; (s = map_next(&u->open, s));)
		free(s->value);
	map_free(&u->open);
	free(u);
	return NULL;
}

int uploads_begin(struct uploads *u, const char *repo, struct upload **ret, struct err *err)
{
	char id[UPLOAD_ID_DIGITS + 1], file[UPLOAD_FILE_MAX];
	int fd;

	if (u->open.n >= u->limits.open)
		uploads_expire(u);
	if (RT_GUARD(I11) && u->open.n >= u->limits.open)
		return err_set(err, EAGAIN, "%zu uploads are open already; try again when some have ended", u->open.n);
	random_hex(id, UPLOAD_ID_DIGITS);
	file_name(file, repo, id);
	fd = openat(u->depot->uploads, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, DEPOT_FILE_MODE);
	if (fd < 0)
		return err_sys(err, errno, "make the upload \"%s\"", file);
	close(fd);
	*ret = add(u, file, 0);
	return 0;
}

struct upload *uploads_find(struct uploads *u, const char *repo, const char *id)
{
	char file[UPLOAD_FILE_MAX];

	file_name(file, repo, id);
	return map_get(&u->open, file);
}

void upload_id(const struct upload *up, char id[static UPLOAD_ID_DIGITS + 1])
{
	snprintf(id, UPLOAD_ID_DIGITS + 1, "%.32s", up->file);
}

void uploads_used(struct upload *up)
{
	up->used_ms = clock_mono_ms();
}

void uploads_end(struct uploads *u, struct upload *up)
{
	(void)unlinkat(u->depot->uploads, up->file, 0);
	map_remove(&u->open, up->file);
	free(up);
}

/* One at a time: the table must not change while it is walked. */
static struct upload *first_old(struct uploads *u, int64_t before)
{
	for (struct map_slot *s = NULL; (s = map_next(&u->open, s));) {
		struct upload *up = s->value;

		if (!up->busy && up->used_ms <= before)
			return up;
	}
	return NULL;
}

size_t uploads_expire(struct uploads *u)
{
	int64_t before = clock_mono_ms() - u->limits.ttl_ms;
	struct upload *up;
	size_t n = 0;

	while ((up = first_old(u, before))) {
		uploads_end(u, up);
		n++;
	}
	return n;
}

size_t uploads_count(const struct uploads *u)
{
	return u->open.n;
}
