/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/gunzip.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define PLAIN_MAX (1u << 20)

struct sample {
	unsigned char *plain, *packed;
	size_t n_plain, n_packed;
};

static uint32_t next_random(uint32_t *x)
{
	*x = *x * 1664525u + 1013904223u;
	return *x >> 8;
}

/* One member of n bytes, with the header fields that gzip knows now and then. */
static void add_member(struct sample *s, size_t n, int level, bool full_header, uint32_t *x)
{
	z_stream z = {.next_in = s->plain + s->n_plain};
	unsigned char extra[300];
	gz_header h = {.extra = extra,
		       .extra_len = sizeof extra,
		       .name = (Bytef *)(uintptr_t) "a long enough name.tar",
		       .comment = (Bytef *)(uintptr_t) "comment",
		       .hcrc = 1};

	memset(extra, 'x', sizeof extra);
	for (size_t i = 0; i < n; i++)
		s->plain[s->n_plain + i] =
		    (unsigned char)(next_random(x) % 7 ? 'a' + next_random(x) % 5 : next_random(x));
	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	if (full_header)
		assert_int_equal(deflateSetHeader(&z, &h), Z_OK);
	z.avail_in = (uInt)n;
	z.next_out = s->packed + s->n_packed;
	z.avail_out = 2 * PLAIN_MAX - (uInt)s->n_packed;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	s->n_packed += z.total_out;
	s->n_plain += n;
	deflateEnd(&z);
}

static void make(struct sample *s, uint32_t seed)
{
	uint32_t x = seed;
	size_t members = 1 + next_random(&x) % 5;

	*s = (struct sample){.plain = mem_zalloc(1, PLAIN_MAX), .packed = mem_zalloc(1, 2 * PLAIN_MAX)};
	for (size_t i = 0; i < members; i++)
		add_member(s, next_random(&x) % (PLAIN_MAX / 8), (int)(next_random(&x) % 10), next_random(&x) % 2, &x);
}

static void sample_free(struct sample *s)
{
	free(s->plain);
	free(s->packed);
}

/* Everything, in pieces of random sizes. The number of bytes, or a negative errno. */
static ssize_t unpack(enum gunzip_kind kind, const struct sample *s, uint32_t seed, size_t piece, unsigned char *out,
		      size_t cap)
{
	struct gunzip *g = NULL;
	size_t at = 0, n = 0;
	bool end = false;
	uint32_t x = seed;
	ssize_t r = gunzip_new(kind, &g, NULL);

	while (r >= 0 && (at < s->n_packed || !end)) {
		size_t in = 1 + next_random(&x) % piece, room = 1 + next_random(&x) % piece, used = 0;

		if (end && gunzip_next(g, NULL) < 0)
			break;
		in = in < s->n_packed - at ? in : s->n_packed - at;
		room = room < cap - n ? room : cap - n;
		end = false;
		r = gunzip_run(g, s->packed + at, in, &used, out + n, room, &end, NULL);
		if (r == 0 && used == 0 && at == s->n_packed)
			r = -ENODATA;
		n += r > 0 ? (size_t)r : 0;
		at += used;
	}
	gunzip_free(g);
	return r < 0 ? r : (ssize_t)n;
}

static void test_pieces(void **state)
{
	unsigned char *out = mem_zalloc(1, PLAIN_MAX + 1);

	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++) {
		static const size_t pieces[] = {3, 100, 5000, 70000};
		struct sample s;

		make(&s, seed);
		for (size_t p = seed % 4 ? 1 : 0; p < 4; p++) {
			for (enum gunzip_kind kind = GUNZIP_BEST; kind <= GUNZIP_ZLIB; kind++) {
				ssize_t n = unpack(kind, &s, seed, pieces[p], out, PLAIN_MAX + 1);

				if (n != (ssize_t)s.n_plain || memcmp(out, s.plain, s.n_plain) != 0)
					fail_msg("seed %u, pieces of %zu, kind %d: %zd bytes", seed, pieces[p],
						 (int)kind, n);
			}
		}
		sample_free(&s);
	}
	free(out);
}

/* Any bit that is wrong is found, or it does not matter to what comes out (a name in the header); and nothing hangs. */
static void test_damaged(void **state)
{
	unsigned char *out = mem_zalloc(1, PLAIN_MAX + 1);
	size_t found = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		struct sample s = {.plain = mem_zalloc(1, PLAIN_MAX), .packed = mem_zalloc(1, 2 * PLAIN_MAX)};
		uint32_t x = seed;
		size_t at;

		add_member(&s, 2000 + next_random(&x) % 2000, 6, false, &x);
		at = next_random(&x) % s.n_packed;
		s.packed[at] ^= (unsigned char)(1u << next_random(&x) % 8);
		for (enum gunzip_kind kind = GUNZIP_BEST; kind <= GUNZIP_ZLIB; kind++) {
			ssize_t n = unpack(kind, &s, seed, 500, out, PLAIN_MAX);

			found += n < 0;
			if (n >= 0 && (at >= 10 || (size_t)n != s.n_plain || memcmp(out, s.plain, s.n_plain) != 0))
				fail_msg("seed %u, byte %zu, kind %d: taken for good", seed, at, (int)kind);
		}
		sample_free(&s);
	}
	assert_true(found > 500);
	free(out);
}

static int set_up(void **state)
{
	struct gunzip *g;

	(void)state;
	gunzip_load();
	assert_int_equal(gunzip_new(GUNZIP_BEST, &g, NULL), 0);
	print_message("# by %s\n", gunzip_name(g));
	gunzip_free(g);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_damaged)};

	return cmocka_run_group_tests_name("image/gunzip", tests, set_up, NULL);
}
