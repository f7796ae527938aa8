/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/blob_stream.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MS 1000

void blob_stream_init(struct blob_stream *s, const char *hex, uint64_t size)
{
	*s = (struct blob_stream){.size = size};
	snprintf(s->id, sizeof s->id, "%.12s", hex);
}

void blob_stream_free(struct blob_stream *s)
{
	free(mem_take(s->etag));
}

void blob_stream_try(struct blob_stream *s, char ***headers)
{
	s->looked = false;
	if (s->received == 0)
		return;
	mem_cleanup char *range = mem_printf("Range: bytes=%" PRIu64 "-", s->received);
	mem_cleanup char *same = s->etag ? mem_printf("If-Range: %s", s->etag) : NULL;

	mem_strv_add(headers, range);
	if (same)
		mem_strv_add(headers, same);
}

/* Where in the blob the bytes of this answer stand. */
static bool look(struct blob_stream *s, const struct exchange *e)
{
	const char *range = exchange_header(e, HEADER_CONTENT_RANGE), *etag = exchange_header(e, HEADER_ETAG);
	uint64_t first = 0;

	s->looked = true;
	s->skip = s->received;
	/* A weak one does not say that the bytes are the same. */
	if (etag && !s->etag && strncmp(etag, "W/", 2) != 0)
		s->etag = mem_strdup(etag);
	if (exchange_status(e) != 206)
		return true;
	s->skip = 0;
	if (range && sscanf(range, "bytes %" SCNu64 "-", &first) == 1 && first == s->received)
		return true;
	err_set(&s->failed, EBADMSG,
		"layer %s: the bytes from %" PRIu64 " on were asked for and others came (Content-Range: %.60s)", s->id,
		s->received, range ? range : "");
	return false;
}

bool blob_stream_take(struct blob_stream *s, struct exchange *e, const char **data, size_t *n)
{
	size_t over;

	if (s->failed.code || (!s->looked && !look(s, e)))
		return false;
	over = s->skip < *n ? (size_t)s->skip : *n;
	s->skip -= over;
	*data += over;
	*n -= over;
	if (s->received + *n > s->size) {
		err_set(&s->failed, EBADMSG, "layer %s is longer than the %" PRIu64 " bytes that the manifest says",
			s->id, s->size);
		return false;
	}
	s->received += *n;
	if (*n > 0)
		exchange_moved(e);
	return true;
}

int blob_stream_run(struct blob_stream *s, struct exchange *e, struct err *err)
{
	int r = 0;

	while (!s->failed.code && (r = exchange_step(e, err)) == 0) {
		int wait = exchange_wait_ms(e);

		r = transport_step(exchange_transport(e), NULL, 0, wait < 0 || wait > WAIT_MS ? WAIT_MS : wait, err);
		if (r < 0)
			return r;
	}
	if (!s->failed.code)
		return r < 0 ? r : 0;
	if (err)
		*err = s->failed;
	return -s->failed.code;
}

int blob_stream_end(const struct blob_stream *s, const struct exchange *e, const char *repo, struct err *err)
{
	mem_cleanup char *what = mem_printf("layer %s of %s", s->id, repo);
	int status = exchange_status(e);

	if (status != 200 && status != 206)
		return exchange_refused(e, what, err);
	if (s->received < s->size)
		return err_set(err, EBADMSG, "%s has %" PRIu64 " bytes, not %" PRIu64 " as the manifest says", what,
			       s->received, s->size);
	return 0;
}
