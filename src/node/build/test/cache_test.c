/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounds of the build cache, and who may take what from it.
 */
#include "build_place.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/fd.h"
#include "node/build/cache.h"
#include "node/build/cache_impl.h"
#include "node/image/image.h"
#include "node/image/pack.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400

struct test {
	struct build_place place;
	struct image_store *store;
	struct image_lease *lease;
	struct cache *cache;
};

static void begin(struct test *t)
{
	struct err err = ERR_INIT;

	build_place_make(&t->place);
	if (image_store_open(t->place.dir, &t->store, &err) < 0 ||
	    image_lease_new(t->store, "test", &t->lease, &err) < 0 ||
	    cache_open(t->place.dir, t->store, &t->cache, &err) < 0)
		fail_msg("%s", err.text);
}

static void end(struct test *t)
{
	cache_close(t->cache);
	image_lease_free(t->lease);
	image_store_close(t->store);
	build_place_remove(&t->place);
}

/* The key of the n-th record. */
static const char *key(int n)
{
	static char text[4][65];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof text[turn], "%064x", n + 1);
	return text[turn];
}

/* A layer with one file in the store; *ret: what it is. */
static void make_layer(struct test *t, const char *text, struct image_unpacked *ret)
{
	const struct pack_options o = {.epoch = 1};
	struct err err = ERR_INIT;
	fd_cleanup int dir = -1;
	char name[64];

	assert_int_equal(image_lease_tmp(t->lease, &dir, name, NULL), 0);
	assert_int_equal(mkdirat(dir, "fs", 0755), 0);
	build_place_file(dir, "fs/f", text, 0644);
	if (image_layer_from_dir(t->store, t->lease, name, &o, ret, &err) < 0)
		fail_msg("%s", err.text);
}

/* A record of `size` bytes that was used `age` seconds ago. */
static void put(struct test *t, int n, uint64_t size, int64_t age)
{
	const struct timespec times[] = {{.tv_sec = clock_wall_ms() / 1000 - age},
					 {.tv_sec = clock_wall_ms() / 1000 - age}};
	struct image_unpacked u = {.tar_size = size};

	memcpy(u.diff_id, key(n), sizeof u.diff_id);
	assert_int_equal(cache_put(t->cache, key(n), &u, NULL), 0);
	assert_int_equal(utimensat(t->cache->records, key(n), times, 0), 0);
}

static bool has(struct test *t, int n)
{
	return faccessat(t->cache->records, key(n), F_OK, 0) == 0;
}

static void collect(struct test *t, uint64_t size, int64_t age)
{
	const struct cache_limits limits = {.size = size, .age_s = age};
	struct err err = ERR_INIT;

	if (cache_collect(t->cache, &limits, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_prune(void **state)
{
	const struct cache_limits all = {.size = 0, .age_s = -1}, none = {.size = UINT64_MAX, .age_s = DAY};
	char **keys cleanup_with(mem_strv_freep) = NULL;
	uint64_t bytes;
	struct test t;

	(void)state;
	begin(&t);
	put(&t, 0, 400, 0);
	put(&t, 1, 300, 10);
	assert_int_equal(cache_prune(t.cache, &none, &keys, &bytes, NULL), 0);
	assert_null(keys);
	assert_int_equal(bytes, 0);
	assert_int_equal(cache_prune(t.cache, &all, &keys, &bytes, NULL), 0);
	assert_int_equal(bytes, 700);
	assert_string_equal(keys[0], key(1)); /* the oldest first */
	assert_string_equal(keys[1], key(0));
	assert_null(keys[2]);
	assert_false(has(&t, 0) || has(&t, 1));
	end(&t);
}

static void test_size(void **state)
{
	struct test t;

	(void)state;
	begin(&t);
	put(&t, 0, 400, 50);
	put(&t, 1, 300, 10);
	put(&t, 2, 300, 90);
	collect(&t, 1000, DAY); /* all of it fits */
	assert_true(has(&t, 0) && has(&t, 1) && has(&t, 2));
	collect(&t, 999, DAY); /* the oldest goes */
	assert_true(has(&t, 0) && has(&t, 1) && !has(&t, 2));
	collect(&t, 699, DAY);
	assert_true(!has(&t, 0) && has(&t, 1));
	collect(&t, 0, DAY);
	assert_false(has(&t, 1));
	end(&t);
}

static void test_age(void **state)
{
	const struct timespec old[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct test t;
	char digest[65];

	(void)state;
	begin(&t);
	put(&t, 0, 1, 10 * DAY);
	put(&t, 1, 1, 2 * DAY);
	cache_content_put(t.cache, key(7), key(8));
	cache_content_put(t.cache, key(9), key(8));
	assert_int_equal(utimensat(t.cache->contents, key(9), old, 0), 0);
	collect(&t, UINT64_MAX, 3 * DAY);
	assert_true(!has(&t, 0) && has(&t, 1));
	assert_int_equal(cache_content_find(t.cache, key(7), digest), 1);
	assert_string_equal(digest, key(8));
	assert_int_equal(cache_content_find(t.cache, key(9), digest), 0);
	end(&t);
}

/* The directory of a cache mount with some bytes in it. */
static int make_mount(struct test *t, const char *id, int *ret_lock)
{
	bool new;
	int dir = cache_mount(t->cache, id, CACHE_SHARED, ret_lock, &new, NULL);

	assert_true(dir >= 0 && new);
	build_place_file(dir, "d/f", "some bytes", 0644);
	return dir;
}

static size_t mounts(struct test *t)
{
	struct stat st;

	assert_int_equal(fstat(t->cache->mounts, &st), 0);
	return (size_t)st.st_nlink - 2;
}

/* They count like layers; one that somebody has stays whatever the limit. */
static void test_mounts(void **state)
{
	struct test t;
	int used, lock, other;

	(void)state;
	begin(&t);
	used = make_mount(&t, "used", &lock);
	close(make_mount(&t, "idle", &other));
	close(other);
	assert_int_equal(mounts(&t), 2);
	collect(&t, 1 << 20, DAY);
	assert_int_equal(mounts(&t), 2);
	collect(&t, 0, DAY);
	assert_int_equal(mounts(&t), 1);
	assert_int_equal(faccessat(used, "d/f", F_OK, 0), 0);
	close(used);
	close(lock);
	collect(&t, 0, DAY);
	assert_int_equal(mounts(&t), 0);
	end(&t);
}

/* What the cache remembers stays in the store, and what it forgot goes. */
static void test_lease(void **state)
{
	struct image_unpacked young, old;
	struct image_lease *later;
	struct test t;
	char diff[65];

	(void)state;
	begin(&t);
	make_layer(&t, "young", &young);
	make_layer(&t, "old", &old);
	assert_int_equal(cache_put(t.cache, key(0), &young, NULL), 0);
	assert_int_equal(cache_put(t.cache, key(1), &old, NULL), 0);
	assert_int_equal(utimensat(t.cache->records, key(1), (struct timespec[]){{.tv_sec = 1}, {.tv_sec = 1}}, 0), 0);
	collect(&t, UINT64_MAX, DAY);
	image_lease_free(t.lease);
	image_store_collect(t.store);
	image_store_close(t.store);
	assert_int_equal(image_store_open(t.place.dir, &t.store, NULL), 0);
	t.cache = cache_close(t.cache);
	assert_int_equal(cache_open(t.place.dir, t.store, &t.cache, NULL), 0);
	assert_int_equal(image_lease_new(t.store, "later", &later, NULL), 0);
	t.lease = later;
	assert_int_equal(cache_find(t.cache, later, key(0), diff), 1);
	assert_string_equal(diff, young.diff_id);
	assert_int_equal(image_lease_layer(later, old.diff_id, NULL), 0);
	assert_int_equal(cache_find(t.cache, later, key(1), diff), 0);
	end(&t);
}

/* An imported record keeps its layer and answers nobody; it never takes the place of one of our own. */
static void test_imported(void **state)
{
	struct image_unpacked own, other;
	struct cache_record record;
	struct test t;
	char diff[65];

	(void)state;
	begin(&t);
	make_layer(&t, "own", &own);
	make_layer(&t, "other", &other);
	cache_put_imported(t.cache, key(0), other.diff_id);
	assert_int_equal(cache_find(t.cache, t.lease, key(0), diff), 0);
	assert_int_equal(cache_record_read(t.cache, key(0), &record), 1);
	assert_true(record.imported && record.size == other.tar_size);
	assert_int_equal(cache_put(t.cache, key(0), &own, NULL), 0);
	cache_put_imported(t.cache, key(0), other.diff_id);
	assert_int_equal(cache_find(t.cache, t.lease, key(0), diff), 1);
	assert_string_equal(diff, own.diff_id);
	cache_put_imported(t.cache, key(1), key(2)); /* a layer that is not there */
	assert_false(has(&t, 1));
	end(&t);
}

/* Whatever stands in the files is no more than no record. */
static void test_damaged(void **state)
{
	static const char *const texts[] = {
	    "", "{", "[]", "{\"layer\":\"../../x\",\"size\":1}", "{\"layer\":7}", "{\"size\":1}"};
	struct test t;
	char diff[65];

	(void)state;
	begin(&t);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		build_place_file(t.cache->records, key((int)i), texts[i], 0600);
		assert_int_equal(cache_find(t.cache, t.lease, key((int)i), diff), 0);
	}
	assert_int_equal(symlinkat("/etc/passwd", t.cache->contents, key(1)), 0);
	assert_int_equal(cache_content_find(t.cache, key(1), diff), 0);
	collect(&t, 0, 0);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_prune),   cmocka_unit_test(test_size),  cmocka_unit_test(test_age),
	    cmocka_unit_test(test_mounts),  cmocka_unit_test(test_lease), cmocka_unit_test(test_imported),
	    cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("build/cache", tests, NULL, NULL);
}
