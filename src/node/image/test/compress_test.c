/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/compress.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/tar_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define SIZE ((3u << 20) + 17)

static unsigned char *sample(void)
{
	unsigned char *data = mem_zalloc(1, SIZE);

	for (size_t i = 0; i < SIZE; i++)
		data[i] = i % 7 ? (unsigned char)(i >> 9) : (unsigned char)(i * 2654435761u >> 24);
	return data;
}

static int to_buf(void *ctx, const void *data, size_t n, struct err *err)
{
	(void)err;
	return buf_add(ctx, data, n);
}

static void pack(enum compress_kind kind, int level, const unsigned char *data, size_t step, struct buf *out,
		 struct compressed *ret)
{
	struct compress *c;

	assert_int_equal(compress_new(kind, level, &(struct sink){to_buf, out}, &c, NULL), 0);
	for (size_t i = 0; i < SIZE; i += step)
		assert_int_equal(compress_write(c, data + i, SIZE - i < step ? SIZE - i : step, NULL), 0);
	assert_int_equal(compress_end(c, ret, NULL), 0);
	assert_int_equal(compress_write(c, data, 1, NULL), -EINVAL);
	compress_free(c);
}

static void check_unpacks(const struct buf *packed, const unsigned char *data)
{
	const struct tar_stream_limits limits = {.bytes = UINT64_MAX, .ratio = UINT64_MAX};
	fd_cleanup int fd = memfd_create("packed", MFD_CLOEXEC);
	struct tar_stream *s;
	const void *piece;
	size_t at = 0;
	ssize_t n;

	assert_int_equal(fd_write_all(fd, packed->data, packed->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(tar_stream_open(fd, &limits, &s, NULL), 0);
	while ((n = tar_stream_next(s, &piece)) > 0) {
		assert_true(at + (size_t)n <= SIZE && !memcmp(data + at, piece, (size_t)n));
		at += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, SIZE);
	tar_stream_free(s);
}

static void test_kinds(void **state)
{
	static const struct {
		enum compress_kind kind;
		int level;
		const char *params;
	} cases[] = {{COMPRESS_NONE, 0, "none"},
		     {COMPRESS_GZIP, 0, "gzip:6:"},
		     {COMPRESS_GZIP, 1, "gzip:1:"},
		     {COMPRESS_ZSTD, 0, "zstd:3:"},
		     {COMPRESS_ZSTD, 19, "zstd:19:"}};
	unsigned char *data = sample();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf one buf_cleanup = BUF_INIT, two buf_cleanup = BUF_INIT;
		struct compressed a, b;
		enum compress_kind kind;
		char hex[SHA256_HEX_MAX];
		int level;

		pack(cases[i].kind, cases[i].level, data, 1000, &one, &a);
		assert_int_equal(strncmp(a.params, cases[i].params, strlen(cases[i].params)), 0);
		assert_int_equal(compress_params_parse(a.params, &kind, &level, NULL), 0);
		assert_int_equal(kind, cases[i].kind);
		/* Again, by the recorded parameters: the same bytes */
		pack(kind, level, data, 1000, &two, &b);
		assert_true(one.len == two.len && !memcmp(one.data, two.data, one.len));
		assert_string_equal(a.hex, b.hex);
		sha256_of(one.data, one.len, hex);
		assert_string_equal(a.hex, hex);
		assert_int_equal(a.size, one.len);
		check_unpacks(&one, data);
	}
	free(data);
}

/* The bytes must not depend on the sizes of the writes: a layer comes from its tar in other pieces than from its record. */
static void test_pieces(void **state)
{
	unsigned char *data = sample();

	(void)state;
	for (enum compress_kind kind = COMPRESS_GZIP; kind <= COMPRESS_ZSTD; kind++) {
		struct buf out buf_cleanup = BUF_INIT;
		struct compressed a, b;

		pack(kind, 0, data, 777, &out, &a);
		buf_clear(&out);
		pack(kind, 0, data, SIZE, &out, &b);
		assert_string_equal(a.hex, b.hex);
	}
	free(data);
}

static void test_gzip_header(void **state)
{
	struct buf out buf_cleanup = BUF_INIT;
	unsigned char *data = sample();
	struct compressed c;

	(void)state;
	pack(COMPRESS_GZIP, 0, data, SIZE, &out, &c);
	/* RFC 1952, 2.3: no flags, no time, no extra flags, Unix */
	assert_memory_equal(out.data, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
	free(data);
}

static int refuse(void *ctx, const void *data, size_t n, struct err *err)
{
	(void)ctx;
	(void)data;
	(void)n;
	return err_set(err, ENOSPC, "no room");
}

static void test_errors(void **state)
{
	struct err err = ERR_INIT;
	struct compress *c = NULL;
	struct compressed done;
	enum compress_kind kind;
	int level;

	(void)state;
	assert_int_equal(compress_new(COMPRESS_GZIP, 10, &(struct sink){refuse, NULL}, &c, &err), -EINVAL);
	assert_string_equal(err.text, "gzip has no level 10; its levels are 1 to 9");
	assert_int_equal(compress_new(COMPRESS_GZIP, 0, &(struct sink){refuse, NULL}, &c, &err), 0);
	assert_int_equal(compress_write(c, "a", 1, &err), -ENOSPC);
	assert_int_equal(compress_end(c, &done, &err), -ENOSPC);
	compress_free(c);
	assert_int_equal(compress_params_parse("gzip:6:zlib-0.9", &kind, &level, &err), -ENOTSUP);
	assert_int_equal(compress_params_parse("gzip:11:zlib-1.2.13", &kind, &level, &err), -EINVAL);
	assert_int_equal(compress_params_parse("lz4:1:x", &kind, &level, &err), -EINVAL);
	assert_int_equal(compress_params_parse("", &kind, &level, &err), -EINVAL);
	assert_int_equal(compress_kind_parse("bzip2", &kind, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_gzip_header),
	    cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
