/* SPDX-License-Identifier: Apache-2.0 */
#include "build_place.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/content.h"
#include "node/build/digests.h"
#include "node/build/ignore.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int setup(void **state)
{
	struct build_place *p = mem_new(struct build_place);

	build_place_make(p);
	build_place_file(p->src, "d/file", "text", 0644);
	build_place_link(p->src, "d/link", "file");
	build_place_dir(p->src, "d/empty", 0755);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	build_place_remove(*state);
	free(*state);
	return 0;
}

static void digest_of(const struct build_place *p, bool owners, struct digests *d, char ret[static SHA256_HEX_MAX])
{
	const struct source_tree tree = {.root = p->src, .context = !owners, .what = "the build context"};
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;

	assert_int_equal(source_find(&tree, "d", &list, NULL), 0);
	assert_int_equal(content_digest(&tree, &list, NULL, owners, d, ret, NULL), 0);
}

static void touch(const struct build_place *p)
{
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	assert_int_equal(utimensat(p->src, "d/file", times, 0), 0);
}

static void chmod_file(const struct build_place *p)
{
	assert_int_equal(fchmodat(p->src, "d/file", 0755, 0), 0);
}

static void chmod_dir(const struct build_place *p)
{
	assert_int_equal(fchmodat(p->src, "d/empty", 0700, 0), 0);
}

static void write_file(const struct build_place *p)
{
	build_place_file(p->src, "d/file", "TEXT", 0644);
}

static void rename_file(const struct build_place *p)
{
	assert_int_equal(renameat(p->src, "d/file", p->src, "d/other"), 0);
}

static void relink(const struct build_place *p)
{
	assert_int_equal(unlinkat(p->src, "d/link", 0), 0);
	build_place_link(p->src, "d/link", "elsewhere");
}

static void file_for_link(const struct build_place *p)
{
	assert_int_equal(unlinkat(p->src, "d/link", 0), 0);
	build_place_file(p->src, "d/link", "file", 0777);
}

static void remove_empty(const struct build_place *p)
{
	assert_int_equal(unlinkat(p->src, "d/empty", AT_REMOVEDIR), 0);
}

static void what_counts(void **state)
{
	static const struct {
		void (*change)(const struct build_place *p);
		bool same;
	} rows[] = {{touch, true},	  {chmod_file, false}, {chmod_dir, false},     {write_file, false},
		    {rename_file, false}, {relink, false},     {file_for_link, false}, {remove_empty, false}};
	struct build_place *p = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char before[SHA256_HEX_MAX], after[SHA256_HEX_MAX];

		digest_of(p, false, NULL, before);
		rows[i].change(p);
		digest_of(p, false, NULL, after);
		assert_int_equal(strcmp(before, after) == 0, rows[i].same);
	}
}

static void owners_count_where_they_are_kept(void **state)
{
	struct build_place *p = *state;
	char a[SHA256_HEX_MAX], b[SHA256_HEX_MAX], c[SHA256_HEX_MAX], d[SHA256_HEX_MAX];

	if (getuid() != 0)
		skip();
	digest_of(p, true, NULL, a);
	digest_of(p, false, NULL, c);
	assert_int_equal(fchownat(p->src, "d/file", 7, 7, 0), 0);
	digest_of(p, true, NULL, b);
	digest_of(p, false, NULL, d);
	assert_string_not_equal(a, b);
	assert_string_equal(c, d);
}

/* A name with a newline or a colon must not look like two entries. */
static void names_cannot_forge(void **state)
{
	struct build_place *p = *state;
	char a[SHA256_HEX_MAX], b[SHA256_HEX_MAX];

	build_place_file(p->src, "d/x", "", 0644);
	build_place_file(p->src, "d/y", "", 0644);
	digest_of(p, false, NULL, a);
	assert_int_equal(unlinkat(p->src, "d/x", 0), 0);
	assert_int_equal(unlinkat(p->src, "d/y", 0), 0);
	build_place_file(p->src, "d/x10:100644 0:01:y", "", 0644);
	digest_of(p, false, NULL, b);
	assert_string_not_equal(a, b);
}

static void old_times(const struct build_place *p, const char *path, int64_t s)
{
	const struct timespec times[2] = {{.tv_sec = s}, {.tv_sec = s}};

	assert_int_equal(utimensat(p->src, path, times, 0), 0);
}

/* ctime cannot be set: the file is young, so nothing may be kept, and a change that keeps size and mtime is seen. */
static void young_files_are_not_kept(void **state)
{
	struct build_place *p = *state;
	struct digests *d = digests_open(p->dir, "digests");
	char a[SHA256_HEX_MAX], b[SHA256_HEX_MAX];

	old_times(p, "d/file", 1000);
	digest_of(p, false, d, a);
	write_file(p);
	old_times(p, "d/file", 1000);
	digest_of(p, false, d, b);
	assert_string_not_equal(a, b);
	assert_null(digests_close(d));
	assert_string_equal(build_place_look(p->dir, "digests"), "");
}

static void damaged_file_is_an_empty_one(void **state)
{
	struct build_place *p = *state;
	char a[SHA256_HEX_MAX], b[SHA256_HEX_MAX];
	struct digests *d;

	build_place_file(p->dir, "digests", "berth digests 1\nnonsense", 0600);
	d = digests_open(p->dir, "digests");
	digest_of(p, false, d, a);
	digests_close(d);
	digest_of(p, false, NULL, b);
	assert_string_equal(a, b);
}

/* A program of the system was made long ago. */
static void old_files_are_kept(void **state)
{
	struct build_place *p = *state;
	struct digests *d = digests_open(p->dir, "digests");
	fd_cleanup int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
	char a[SHA256_HEX_MAX], b[SHA256_HEX_MAX];
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(digests_find(d, &st, a), 0);
	assert_int_equal(digests_of(d, fd, &st, a, NULL), 0);
	digests_close(d);
	d = digests_open(p->dir, "digests");
	assert_int_equal(digests_find(d, &st, b), 1);
	assert_string_equal(a, b);
	st.st_size++;
	assert_int_equal(digests_find(d, &st, b), 0);
	digests_close(d);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(what_counts),
	    TEST(owners_count_where_they_are_kept),
	    TEST(names_cannot_forge),
	    TEST(young_files_are_not_kept),
	    TEST(damaged_file_is_an_empty_one),
	    TEST(old_files_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
