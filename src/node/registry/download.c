/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/download.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "node/registry/blob_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define TELL_MS 100
#define PIPE_SIZE (1 << 20)

enum stage { STAGE_NEW, STAGE_WAIT, STAGE_RUN, STAGE_FLUSH, STAGE_END };

struct download {
	struct download_of of;
	enum stage stage;
	size_t server;
	struct image_layer *layer;
	struct exchange *e;
	char *path, *scope;
	struct buf carry; /* what the pipe did not take */
	struct blob_stream stream;
	bool worker_gone;
	int64_t told_ms;
};

static void tell(struct download *d, const char *action, uint64_t done)
{
	const struct image_progress p = {.id = d->stream.id, .action = action, .done = done, .total = d->of.blob->size};

	if (d->of.progress)
		d->of.progress(d->of.ctx, &p);
}

struct download *download_new(const struct download_of *of)
{
	struct download *d = mem_new(struct download);

	d->of = *of;
	d->server = of->first;
	d->path = mem_printf("v2/%s/blobs/sha256:%s", of->repo, of->blob->digest);
	d->scope = remote_scope(of->repo, "pull");
	blob_stream_init(&d->stream, of->blob->digest, of->blob->size);
	return d;
}

struct download *download_free(struct download *d)
{
	if (!d)
		return NULL;
	exchange_free(d->e);
	image_layer_free(d->layer);
	buf_free(&d->carry);
	free(d->path);
	free(d->scope);
	blob_stream_free(&d->stream);
	free(d);
	return NULL;
}

/* ---- the bytes ---- */

/* As much of the carry as the pipe takes. */
static void flush(struct download *d)
{
	while (d->carry.len > 0 && !d->worker_gone) {
		ssize_t n = write(image_layer_fd(d->layer), d->carry.data, d->carry.len);

		if (n > 0)
			buf_drop(&d->carry, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			return;
		else if (n < 0 && errno != EINTR)
			d->worker_gone = true;
	}
}

/* Straight into the pipe, the rest into the carry. */
static void pour(struct download *d, const char *data, size_t n)
{
	while (n > 0 && !d->worker_gone) {
		ssize_t done = write(image_layer_fd(d->layer), data, n);

		if (done > 0) {
			data += done;
			n -= (size_t)done;
		} else if (done < 0 && errno == EAGAIN) {
			buf_add(&d->carry, data, n);
			return;
		} else if (done < 0 && errno != EINTR) {
			d->worker_gone = true;
		}
	}
}

static bool on_bytes(void *ctx, const void *data, size_t n)
{
	struct download *d = ctx;
	const char *at = data;

	if (d->stream.failed.code || d->worker_gone)
		return true; /* the next step ends it */
	if (d->carry.len > 0)
		return false;
	if (!blob_stream_take(&d->stream, d->e, &at, &n))
		return true;
	pour(d, at, n);
	if (clock_mono_ms() - d->told_ms >= TELL_MS) {
		d->told_ms = clock_mono_ms();
		tell(d, "Downloading", d->stream.received);
	}
	return true;
}

static void on_try(void *ctx, char ***headers)
{
	struct download *d = ctx;

	blob_stream_try(&d->stream, headers);
}

/* ---- the stages ---- */

static void start(struct download *d)
{
	const struct call c = {
	    .method = "GET", .path = d->path, .scope = d->scope, .write = on_bytes, .prepare = on_try, .ctx = d};

	(void)fcntl(image_layer_fd(d->layer), F_SETPIPE_SZ, PIPE_SIZE); /* fewer turns; it works with any size */
	d->e = exchange_new(d->of.remote->sessions[d->server], &c);
	d->stage = STAGE_RUN;
	tell(d, "Pulling fs layer", 0);
}

static int begun(struct download *d, int r)
{
	if (r < 0)
		return r;
	if (r == IMAGE_LAYER_THERE) {
		tell(d, "Already exists", d->of.blob->size);
		return 1;
	}
	if (r == IMAGE_LAYER_WAIT) {
		if (d->stage != STAGE_WAIT)
			tell(d, "Waiting", 0);
		d->stage = STAGE_WAIT;
		return 0;
	}
	start(d);
	return 0;
}

static int on_new(struct download *d, struct err *err)
{
	const struct image_layer_from from = {.digest = d->of.blob->digest,
					      .size = (int64_t)d->of.blob->size,
					      .media_type = d->of.blob->media_type,
					      .from = d->of.from};

	return begun(d, image_layer_begin(d->of.store, d->of.lease, &from, d->of.diff_hex, &d->layer, err));
}

static int on_wait(struct download *d, struct err *err)
{
	return begun(d, image_layer_again(d->layer, err));
}

/* From the start, from another server: the manifest says what the bytes must be, whoever sends them. */
static int next_server(struct download *d, int r, struct err *err)
{
	if (d->server + 1 >= d->of.remote->n)
		return r;
	d->e = exchange_free(d->e);
	d->layer = image_layer_free(d->layer);
	buf_clear(&d->carry);
	blob_stream_free(&d->stream);
	blob_stream_init(&d->stream, d->of.blob->digest, d->of.blob->size);
	d->worker_gone = false;
	err_clear(err);
	d->server++;
	d->stage = STAGE_NEW;
	return 0;
}

static int finish(struct download *d)
{
	d->e = exchange_free(d->e);
	image_layer_close(d->layer);
	d->stage = STAGE_END;
	tell(d, "Extracting", d->stream.received);
	return 0;
}

static int answered(struct download *d, struct err *err)
{
	int r = blob_stream_end(&d->stream, d->e, d->of.repo, err);

	if (r == 0)
		d->stage = STAGE_FLUSH;
	return r;
}

static int on_run(struct download *d, struct err *err)
{
	int r;

	flush(d);
	if (d->worker_gone)
		return finish(d); /* image_layer_end() says why */
	if (d->stream.failed.code) {
		if (err)
			*err = d->stream.failed;
		return next_server(d, -d->stream.failed.code, err);
	}
	if (d->carry.len == 0)
		exchange_resume(d->e);
	r = exchange_step(d->e, err);
	if (r > 0)
		r = answered(d, err);
	return r < 0 ? next_server(d, r, err) : 0;
}

static int on_flush(struct download *d, struct err *err)
{
	(void)err;
	flush(d);
	return d->carry.len == 0 || d->worker_gone ? finish(d) : 0;
}

static int on_end(struct download *d, struct err *err)
{
	struct pollfd done = {.fd = image_layer_done_fd(d->layer), .events = POLLIN};
	struct image_unpacked unpacked;
	int r;

	if (done.fd >= 0 && poll(&done, 1, 0) == 0)
		return 0;
	r = image_layer_end(d->layer, &unpacked, err);
	if (r < 0)
		return next_server(d, err_wrap(err, "layer %s of %s", d->stream.id, d->of.repo), err);
	tell(d, "Pull complete", d->of.blob->size);
	return 1;
}

int download_step(struct download *d, struct err *err)
{
	static int (*const steps[])(struct download *, struct err *) = {
	    [STAGE_NEW] = on_new,     [STAGE_WAIT] = on_wait, [STAGE_RUN] = on_run,
	    [STAGE_FLUSH] = on_flush, [STAGE_END] = on_end,
	};

	return steps[d->stage](d, err);
}

void download_wait(const struct download *d, struct transport_fd *ret_fd, int *ret_ms)
{
	*ret_fd = (struct transport_fd){.fd = -1};
	*ret_ms = -1;
	switch (d->stage) {
	case STAGE_NEW:
		*ret_ms = 0;
		break;
	case STAGE_WAIT:
		ret_fd->fd = image_layer_wait_fd(d->layer);
		break;
	case STAGE_RUN:
		*ret_ms = exchange_wait_ms(d->e);
		/* fall through */
	case STAGE_FLUSH:
		if (d->carry.len > 0)
			*ret_fd = (struct transport_fd){.fd = image_layer_fd(d->layer), .out = true};
		break;
	case STAGE_END:
		ret_fd->fd = image_layer_done_fd(d->layer);
		break;
	}
}
