/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers on their way in. Who downloads a blob holds images/leases/get-<hex>, a FIFO that is locked and open for writing: both end with the
 * process. Others that want the same blob open it for reading and poll: the hang-up tells that the first one is done or dead.
 */
#include "node/image/layer.h"

#include "base/core/buf.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "base/wire/json.h"
#include "node/image/layer_worker.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct image_layer {
	struct image_store *s;
	struct image_lease *lease;
	char *digest, *media_type, *from; /* any may be NULL */
	int64_t size;
	char diff[65]; /* "" = whatever comes out */
	int get, wait; /* the FIFO, as its holder and as one who waits */
	char tmp_name[64];
	int in;	    /* the end of the pipe that takes the bytes */
	int answer; /* the worker's */
	pid_t pid;
	bool done; /* it is in its place */
};

/* ---- one at a time ---- */

static void get_name(const struct image_layer *l, char name[static 80])
{
	snprintf(name, 80, "get-%s", l->digest ? l->digest : l->diff);
}

/* Who unlinked it and who made a new one meanwhile: only the one that the name leads to counts. */
static bool is_current(const struct image_layer *l, int fd, const char *name)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && fstatat(l->s->leases, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

/* 1 = the FIFO is ours, 0 = somebody else's. */
static int try_get(struct image_layer *l, const char *name, struct err *err)
{
	fd_cleanup int fd = -1;

	if (mkfifoat(l->s->leases, name, 0600) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make images/leases/%s", name);
	fd = openat(l->s->leases, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : err_sys(err, errno, "open images/leases/%s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : err_sys(err, errno, "lock images/leases/%s", name);
	if (!is_current(l, fd, name))
		return -EAGAIN;
	l->get = fd_take(&fd);
	return 1;
}

/* The lock goes before the pipe's end, so who fails to take it here has not missed the hang-up. */
static int try_wait(struct image_layer *l, const char *name, struct err *err)
{
	fd_cleanup int fd = openat(l->s->leases, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : err_sys(err, errno, "open images/leases/%s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return -EAGAIN;
	l->wait = fd_take(&fd);
	return IMAGE_LAYER_WAIT;
}

static int get(struct image_layer *l, struct err *err)
{
	char name[80];
	int r;

	get_name(l, name);
	do {
		r = try_get(l, name, err);
		if (r == 0)
			r = try_wait(l, name, err);
		else if (r == 1)
			r = IMAGE_LAYER_BEGUN;
	} while (r == -EAGAIN);
	return r;
}

static void put(struct image_layer *l)
{
	char name[80];

	if (l->get < 0)
		return;
	get_name(l, name);
	(void)unlinkat(l->s->leases, name, 0);
	fd_closep(&l->get);
}

/* ---- begin ---- */

static int start(struct image_layer *l, struct err *err)
{
	fd_cleanup int tmp = -1;
	int r = image_lease_tmp(l->lease, &tmp, l->tmp_name, err);

	if (r == 0)
		r = layer_worker_start(tmp, &l->s->limits, &l->in, &l->answer, &l->pid, err);
	return r < 0 ? r : IMAGE_LAYER_BEGUN;
}

static int there(struct image_layer *l, struct err *err)
{
	return *l->diff ? store_layer_is_there(l->s, l->lease, l->diff, err) : 0;
}

int image_layer_again(struct image_layer *l, struct err *err)
{
	int r = there(l, err);

	fd_closep(&l->wait);
	if (r != 0)
		return r < 0 ? r : IMAGE_LAYER_THERE;
	if (l->digest || *l->diff) {
		r = get(l, err);
		if (r != IMAGE_LAYER_BEGUN)
			return r;
		/* between the first look and the lock another one may have finished */
		r = there(l, err);
	}
	if (r != 0) {
		put(l);
		return r < 0 ? r : IMAGE_LAYER_THERE;
	}
	return start(l, err);
}

int image_layer_begin(struct image_store *s, struct image_lease *lease, const struct image_layer_from *from,
		      const char *diff_hex, struct image_layer **ret, struct err *err)
{
	cleanup_with(image_layer_freep) struct image_layer *l = mem_new(struct image_layer);
	int r;

	l->s = s;
	l->lease = lease;
	l->get = l->wait = l->in = l->answer = l->pid = -1;
	l->size = from ? from->size : -1;
	if ((from && from->digest && !ref_is_hex(from->digest, 64)) || (diff_hex && !ref_is_hex(diff_hex, 64)))
		return err_set(err, EINVAL, "the digest of a layer is not 64 lower-case hexadecimal digits");
	l->digest = mem_strdup(from ? from->digest : NULL);
	l->media_type = mem_strdup(from ? from->media_type : NULL);
	l->from = mem_strdup(from ? from->from : NULL);
	snprintf(l->diff, sizeof l->diff, "%s", diff_hex ? diff_hex : "");
	r = image_layer_again(l, err);
	if (r >= 0)
		*ret = mem_take(l);
	return r;
}

int image_layer_wait_fd(const struct image_layer *l)
{
	return l->wait;
}

int image_layer_fd(const struct image_layer *l)
{
	return l->in;
}

int image_layer_done_fd(const struct image_layer *l)
{
	return l->answer;
}

void image_layer_close(struct image_layer *l)
{
	fd_closep(&l->in);
}

/* ---- end ---- */

static const char *label(const struct image_layer *l, char text[static 100])
{
	const char *hex = l->digest ? l->digest : *l->diff ? l->diff : NULL;

	snprintf(text, 100, hex ? "layer sha256:%.64s" : "a layer", hex);
	return text;
}

/* The bytes are what was asked for, and so is what they unpacked to. */
static int check(const struct image_layer *l, const struct image_unpacked *u, struct err *err)
{
	if (l->size >= 0 && u->packed_size != (uint64_t)l->size)
		return err_set(err, EBADMSG, "it is %" PRIu64 " bytes long, not %" PRId64, u->packed_size, l->size);
	if (l->digest && strcmp(u->packed, l->digest) != 0)
		return err_set(err, EBADMSG, "its digest is sha256:%s: it was damaged on its way", u->packed);
	if (*l->diff && strcmp(u->diff_id, l->diff) != 0)
		return err_set(
		    err, EBADMSG,
		    "it unpacks to sha256:%s, but the image's config says sha256:%s: the image was made wrong",
		    u->diff_id, l->diff);
	return 0;
}

static int finish(struct image_layer *l, struct image_unpacked *u, struct err *err)
{
	const struct image_layer_from from = {
	    .digest = l->digest, .size = l->size, .media_type = l->media_type, .from = l->from};
	int r = layer_worker_end(&l->answer, &l->pid, u, err);

	if (r == 0)
		r = check(l, u, err);
	if (r == 0)
		r = image_layer_place(l->s, l->lease, l->tmp_name, u, &from, err);
	return r;
}

int image_layer_end(struct image_layer *l, struct image_unpacked *ret, struct err *err)
{
	struct image_unpacked u = {.tar_size = 0};
	char text[100];
	int r;

	fd_closep(&l->in);
	r = finish(l, &u, err);
	if (r < 0)
		return err ? err_wrap(err, "%s", label(l, text)) : r;
	l->done = true;
	put(l);
	store_empty(l->s);
	if (ret)
		*ret = u;
	return 0;
}

struct image_layer *image_layer_free(struct image_layer *l)
{
	if (!l)
		return NULL;
	fd_closep(&l->in);
	fd_closep(&l->wait);
	layer_worker_kill(&l->answer, &l->pid);
	if (!l->done && *l->tmp_name)
		(void)fs_remove_tree(l->s->tmp, l->tmp_name, NULL);
	put(l);
	free(l->digest);
	free(l->media_type);
	free(l->from);
	free(l);
	return NULL;
}
