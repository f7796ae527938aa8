/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/fetch.h"

#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/image/layer.h"
#include "node/registry/blob_stream.h"
#include "node/registry/remote.h"

#include <string.h>

struct fetch {
	struct blob_stream stream;
	struct exchange *e;
	const struct sink *to;
	struct sha256 sha;
};

static bool on_bytes(void *ctx, const void *data, size_t n)
{
	struct fetch *f = ctx;
	const char *at = data;

	if (!blob_stream_take(&f->stream, f->e, &at, &n))
		return true; /* the loop ends it */
	sha256_add(&f->sha, at, n);
	(void)sink_write(f->to, at, n, &f->stream.failed);
	return true;
}

static void on_try(void *ctx, char ***headers)
{
	struct fetch *f = ctx;

	blob_stream_try(&f->stream, headers);
}

static int fetch_from(struct session *s, const char *repo, const char *hex, uint64_t size, const struct sink *to,
		      struct err *err)
{
	mem_cleanup char *path = mem_printf("v2/%s/blobs/sha256:%s", repo, hex);
	mem_cleanup char *scope = remote_scope(repo, "pull");
	struct fetch f = {.to = to};
	const struct call c = {
	    .method = "GET", .path = path, .scope = scope, .write = on_bytes, .prepare = on_try, .ctx = &f};
	char came[SHA256_HEX_MAX];
	int r;

	blob_stream_init(&f.stream, hex, size);
	sha256_init(&f.sha);
	f.e = exchange_new(s, &c);
	r = blob_stream_run(&f.stream, f.e, err);
	if (r == 0)
		r = blob_stream_end(&f.stream, f.e, repo, err);
	sha256_hex(&f.sha, came);
	if (r == 0 && strcmp(came, hex) != 0)
		r = err_set(err, EBADMSG, "layer %.12s of %s came damaged: its bytes have the digest sha256:%s", hex,
			    repo, came);
	exchange_free(f.e);
	blob_stream_free(&f.stream);
	return r;
}

int registry_fetch_blob(const char *from, const char *hex, uint64_t size, const struct sink *to, struct err *err)
{
	cleanup_with(remote_close) struct remote r = REMOTE_INIT;
	cleanup_with(name_free) struct name name = NAME_INIT;
	int code = name_parse(from, &name, err);

	if (code == 0)
		code = remote_open(name.host, false, &r, err);
	return code != 0 ? code : fetch_from(r.sessions[0], name.repo, hex, size, to, err);
}
