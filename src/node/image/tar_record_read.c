/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading records. They are our own files, but a disk may damage them: nothing in them is believed that is not checked.
 */
#include "node/image/tar_record.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/image/tar_record_format.h"
#include "node/image/tar_stream.h"

#include <string.h>

struct tar_record_reader {
	struct tar_stream *stream;
	const unsigned char *in; /* what the stream gave */
	size_t in_len;
	uint64_t literal; /* bytes of the present literal that are still to come */
	uint64_t total;
	bool ended;
	char name[TAR_RECORD_PATH_MAX + 1];
};

static int damaged(const char *why, struct err *err)
{
	return err_set(err, EBADMSG, "the record of the layer's tar is damaged: %s", why);
}

/* Some input; -EBADMSG when there is none left. */
static int fill(struct tar_record_reader *r, struct err *err)
{
	const void *data;
	ssize_t n;

	if (r->in_len > 0)
		return 0;
	n = tar_stream_next(r->stream, &data);
	if (n < 0)
		return damaged(tar_stream_err(r->stream)->text, err);
	if (n == 0)
		return damaged("it is cut short", err);
	r->in = data;
	r->in_len = (size_t)n;
	return 0;
}

static int take(struct tar_record_reader *r, void *to, size_t n, struct err *err)
{
	unsigned char *p = to;

	while (n > 0) {
		int code = fill(r, err);
		size_t some = n < r->in_len ? n : r->in_len;

		if (code < 0)
			return code;
		memcpy(p, r->in, some);
		p += some;
		n -= some;
		r->in += some;
		r->in_len -= some;
	}
	return 0;
}

int tar_record_open(int fd, struct tar_record_reader **ret, struct err *err)
{
	/* Headers of a tar are mostly zeros: any ratio may be right, and nothing is kept of what comes out */
	const struct tar_stream_limits limits = {.bytes = UINT64_MAX, .ratio = UINT64_MAX};
	cleanup_with(tar_record_closep) struct tar_record_reader *r = mem_new(struct tar_record_reader);
	char magic[sizeof TAR_RECORD_MAGIC];
	int code = tar_stream_open(fd, &limits, &r->stream, err);

	if (code == -ENODATA)
		return damaged("it is empty", err);
	if (code == 0)
		code = take(r, magic, strlen(TAR_RECORD_MAGIC), err);
	if (code < 0)
		return code;
	if (memcmp(magic, TAR_RECORD_MAGIC, strlen(TAR_RECORD_MAGIC)) != 0)
		return damaged("it is no record of this version", err);
	*ret = mem_take(r);
	return 0;
}

struct tar_record_reader *tar_record_close(struct tar_record_reader *r)
{
	if (!r)
		return NULL;
	tar_stream_free(r->stream);
	free(r);
	return NULL;
}

static int next_literal(struct tar_record_reader *r, struct tar_record_item *ret, struct err *err)
{
	int code = fill(r, err);
	uint64_t n = r->literal < r->in_len ? r->literal : r->in_len;

	if (code < 0)
		return code;
	*ret = (struct tar_record_item){.kind = TAR_RECORD_LITERAL, .data = r->in, .n = n};
	r->in += n;
	r->in_len -= n;
	r->literal -= n;
	return 1;
}

static int read_literal(struct tar_record_reader *r, struct tar_record_item *ret, struct err *err)
{
	unsigned char n[4] = {0};
	int code = take(r, n, sizeof n, err);

	if (code < 0)
		return code;
	r->literal = tar_record_get(n, sizeof n);
	if (r->literal == 0 || r->literal > TAR_RECORD_LITERAL_MAX)
		return damaged("a literal has an impossible length", err);
	if (__builtin_add_overflow(r->total, r->literal, &r->total))
		return damaged("it is too large", err);
	return next_literal(r, ret, err);
}

static int read_piece(struct tar_record_reader *r, struct tar_record_item *ret, struct err *err)
{
	unsigned char len[2] = {0}, tail[16] = {0};
	int code = take(r, len, sizeof len, err);
	size_t n = tar_record_get(len, sizeof len);

	if (code < 0)
		return code;
	if (n == 0 || n > TAR_RECORD_PATH_MAX)
		return damaged("a name has an impossible length", err);
	code = take(r, r->name, n, err);
	if (code == 0)
		code = take(r, tail, sizeof tail, err);
	if (code < 0)
		return code;
	r->name[n] = '\0';
	*ret = (struct tar_record_item){.kind = TAR_RECORD_PIECE,
					.name = r->name,
					.offset = tar_record_get(tail, 8),
					.n = tar_record_get(tail + 8, 8)};
	if (strlen(r->name) != n || ret->n == 0 || ret->n > INT64_MAX || ret->offset > INT64_MAX - ret->n)
		return damaged("a piece of a file is impossible", err);
	if (__builtin_add_overflow(r->total, ret->n, &r->total))
		return damaged("it is too large", err);
	return 1;
}

static int read_end(struct tar_record_reader *r, struct err *err)
{
	unsigned char size[8] = {0};
	const void *data;
	int code = take(r, size, sizeof size, err);

	if (code < 0)
		return code;
	if (tar_record_get(size, sizeof size) != r->total)
		return damaged("its size is not that of its items", err);
	if (r->in_len > 0 || tar_stream_next(r->stream, &data) != 0)
		return damaged("something follows its end", err);
	r->ended = true;
	return 0;
}

int tar_record_next(struct tar_record_reader *r, struct tar_record_item *ret, struct err *err)
{
	unsigned char kind;
	int code;

	if (r->ended)
		return 0;
	if (r->literal > 0)
		return next_literal(r, ret, err);
	code = take(r, &kind, 1, err);
	if (code < 0)
		return code;
	switch (kind) {
	case 'L':
		return read_literal(r, ret, err);
	case 'F':
		return read_piece(r, ret, err);
	case 'E':
		return read_end(r, err);
	default:
		return damaged("an item is of no known kind", err);
	}
}
