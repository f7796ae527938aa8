/* SPDX-License-Identifier: Apache-2.0 */
#include "build_place.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/file_mode.h"
#include "node/build/ignore.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/socket.h>

static int setup(void **state)
{
	struct build_place *p = mem_new(struct build_place);

	build_place_make(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	build_place_remove(*state);
	free(*state);
	return 0;
}

#define SOURCES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void fill_source(const struct build_place *p)
{
	build_place_file(p->src, "a.txt", "A", 0644);
	build_place_file(p->src, "b.txt", "B", 0755);
	build_place_file(p->src, "d/one", "1", 0600);
	build_place_file(p->src, "d/sub/two", "2", 0644);
	build_place_link(p->src, "d/link", "../a.txt");
	build_place_dir(p->src, "d/empty", 0750);
}

static void a_file_goes_to_its_place(void **state)
{
	/* destination, is it said to be a directory, where the file must be */
	static const struct {
		const char *dest;
		bool dir;
		const char *at;
	} rows[] =
	    {
		{"/x", false, "x"},
		{"/new/", true, "new/a.txt"},
		{"/there", false, "there/a.txt"},
		{"/p/q/r", false, "p/q/r"},
		{"/", true, "a.txt"},
		{"/../../up", false, "up"},
		{"/link", false, "there/a.txt"},
		{"/abs/in", false, "there/in"},
		{"/dangling", false, "nowhere/yet"},
	    },
	  deep[] = {
	      /* of a file in a directory */
	      {"/deep", false, "deep"},
	      {"/in/deep", false, "in/deep"},
	      {"/there", false, "there/one"},
	      {"/dir/", true, "dir/one"},
	  };
	struct build_place *p = *state;

	fill_source(p);
	build_place_dir(p->view, "there", 0711);
	build_place_link(p->view, "link", "there");
	build_place_link(p->view, "abs", "/../../../there");
	build_place_link(p->view, "dangling", "/nowhere/yet");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct copy c = {.dest = rows[i].dest, .dest_dir = rows[i].dir, .has_owner = true};

		assert_int_equal(build_place_copy(p, &c, SOURCES("a.txt"), NULL), 0);
		assert_string_equal(build_place_look(p->fs, rows[i].at), "A");
	}
	for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
		const struct copy c = {.dest = deep[i].dest, .dest_dir = deep[i].dir, .has_owner = true};

		assert_int_equal(build_place_copy(p, &c, SOURCES("d/one"), NULL), 0);
		assert_string_equal(build_place_look(p->fs, deep[i].at), "1");
	}
	/* A directory of the view is made again as it was. */
	assert_int_equal(build_place_mode(p->fs, "there"), 0711);
	assert_string_equal(build_place_look(p->fs, "link"), "");
}

static void a_directory_gives_what_is_in_it(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/to", .has_owner = true};

	fill_source(p);
	build_place_dir(p->src, "d", 0700);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "to/one"), "1");
	assert_string_equal(build_place_look(p->fs, "to/sub/two"), "2");
	assert_string_equal(build_place_look(p->fs, "to/link"), "-> ../a.txt");
	assert_string_equal(build_place_look(p->fs, "to/empty"), "dir");
	assert_int_equal(build_place_mode(p->fs, "to/one"), 0600);
	assert_int_equal(build_place_mode(p->fs, "to/empty"), 0750);
	assert_int_equal(build_place_mode(p->fs, "to"), 0700);
}

static void a_directory_that_is_there_keeps_its_mode(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/to", .has_owner = true};

	fill_source(p);
	build_place_dir(p->src, "d", 0700);
	build_place_dir(p->view, "to", 01777);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), NULL), 0);
	assert_int_equal(build_place_mode(p->fs, "to"), 01777);
}

static void files_and_directories_do_not_replace_each_other(void **state)
{
	struct build_place *p = *state;
	const struct copy on_file = {.dest = "/f", .has_owner = true};
	const struct copy under_file = {.dest = "/f/x", .has_owner = true};
	const struct copy merge = {.dest = "/m", .has_owner = true};

	fill_source(p);
	build_place_file(p->view, "f", "file", 0644);
	build_place_file(p->view, "m/sub", "a file where the source has a directory", 0644);
	assert_int_equal(build_place_copy(p, &on_file, SOURCES("d"), NULL), ENOTDIR);
	assert_int_equal(build_place_copy(p, &under_file, SOURCES("a.txt"), NULL), ENOTDIR);
	assert_int_equal(build_place_copy(p, &merge, SOURCES("d"), NULL), ENOTDIR);
	/* A file replaces a file. */
	assert_int_equal(build_place_copy(p, &on_file, SOURCES("a.txt"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "f"), "A");
}

static void an_archive_replaces_anything(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/m", .has_owner = true, .replace = true};

	fill_source(p);
	build_place_link(p->view, "m/sub", "/elsewhere");
	build_place_dir(p->view, "m/one", 0755);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "m/sub/two"), "2");
	assert_string_equal(build_place_look(p->fs, "m/one"), "1");
	assert_string_equal(build_place_look(p->fs, "elsewhere"), "");
}

static void wildcards(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/w", .dest_dir = true, .has_owner = true};

	fill_source(p);
	build_place_file(p->src, ".hidden.txt", "H", 0644);
	build_place_file(p->src, "star*.c", "S", 0644);
	assert_int_equal(build_place_copy(p, &c, SOURCES("*.txt", "d/s*b", "star\\*.c", "nothing"), NULL), ENOENT);
	assert_int_equal(build_place_copy(p, &c, SOURCES("*.txt", "d/s*b", "star\\*.c", "nothing[x]*"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "w/a.txt"), "A");
	assert_string_equal(build_place_look(p->fs, "w/.hidden.txt"), "H");
	assert_string_equal(build_place_look(p->fs, "w/two"), "2");
	assert_string_equal(build_place_look(p->fs, "w/star*.c"), "S");
}

static void links_of_the_source_stay_inside(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/in/", .dest_dir = true, .has_owner = true};

	/* The canary stands beside the context. */
	build_place_file(p->dir, "canary", "CANARY", 0644);
	build_place_link(p->src, "up", "../canary");
	build_place_link(p->src, "absolute", p->path);
	build_place_link(p->src, "way", "..");
	build_place_file(p->src, "canary", "mine", 0644);
	/* ".." of the root is the root, so this is the context's own file. */
	assert_int_equal(build_place_copy(p, &c, SOURCES("up"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "in/up"), "mine");
	assert_int_equal(build_place_copy(p, &c, SOURCES("way/canary"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "in/canary"), "mine");
	assert_int_equal(build_place_copy(p, &c, SOURCES("../../canary"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "in/canary"), "mine");
	assert_int_equal(build_place_copy(p, &c, SOURCES("absolute/canary"), NULL), ENOENT);
}

static void special_files_of_a_context_are_absent(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/to", .has_owner = true};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	fd_cleanup int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fill_source(p);
	assert_int_equal(mkfifoat(p->src, "d/fifo", 0644), 0);
	snprintf(addr.sun_path, sizeof addr.sun_path, "%s/src/d/socket", p->path);
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof addr), 0);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "to/one"), "1");
	assert_string_equal(build_place_look(p->fs, "to/fifo"), "");
	assert_string_equal(build_place_look(p->fs, "to/socket"), "");
}

static void hard_links_stay_together(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/to", .has_owner = true};
	struct stat a, b;

	fill_source(p);
	assert_int_equal(linkat(p->src, "d/one", p->src, "d/sub/again", 0), 0);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), NULL), 0);
	assert_int_equal(fstatat(p->fs, "to/one", &a, 0), 0);
	assert_int_equal(fstatat(p->fs, "to/sub/again", &b, 0), 0);
	assert_true(a.st_ino == b.st_ino);
}

static void mode_of_chmod(void **state)
{
	struct build_place *p = *state;
	struct file_mode mode;
	const struct copy c = {.dest = "/to", .has_owner = true, .mode = &mode};

	fill_source(p);
	assert_int_equal(file_mode_parse("u=rwX,go=rX", &mode, NULL), 0);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), NULL), 0);
	assert_int_equal(build_place_mode(p->fs, "to/one"), 0644);
	assert_int_equal(build_place_mode(p->fs, "to/empty"), 0755);
}

static void parents(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/to", .dest_dir = true, .has_owner = true, .parents = true};

	fill_source(p);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d/sub/two", "./d/./sub"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "to/d/sub/two"), "2");
	assert_string_equal(build_place_look(p->fs, "to/sub/two"), "2");
	assert_int_equal(build_place_copy(p, &c, SOURCES("**/one"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "to/d/one"), "1");
}

static void ignored_and_excluded(void **state)
{
	char d[] = "d", two[] = "!d/sub/two", txt[] = "*.txt", sub[] = "sub/t*";
	char *const patterns[] = {d, two, txt, NULL}, *const out[] = {sub, NULL};
	cleanup_with(ignore_freep) struct ignore *ignore = NULL, *exclude = NULL;
	struct build_place *p = *state;
	struct copy c = {.dest = "/to", .has_owner = true};

	fill_source(p);
	assert_int_equal(ignore_new(patterns, &ignore, NULL), 0);
	assert_int_equal(ignore_new(out, &exclude, NULL), 0);
	assert_int_equal(build_place_copy(p, &c, SOURCES("."), ignore), 0);
	assert_string_equal(build_place_look(p->fs, "to/d/sub/two"), "2");
	assert_string_equal(build_place_look(p->fs, "to/d/one"), "");
	assert_string_equal(build_place_look(p->fs, "to/d/empty"), "");
	assert_string_equal(build_place_look(p->fs, "to/a.txt"), "");
	assert_int_equal(build_place_copy(p, &c, SOURCES("a.txt"), ignore), ENOENT);
	c.exclude = exclude;
	c.dest = "/ex";
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), NULL), 0);
	assert_string_equal(build_place_look(p->fs, "ex/one"), "1");
	assert_string_equal(build_place_look(p->fs, "ex/sub/two"), "");
}

/* An exception that names nothing takes nothing back. */
static void exceptions_that_are_not_there(void **state)
{
	struct build_place *p = *state;
	char d[] = "d", nope[] = "!d/nope", one_file[] = "!d/one";
	char *const missing[] = {d, nope, NULL}, *const there[] = {d, one_file, NULL};
	cleanup_with(ignore_freep) struct ignore *none = NULL, *one = NULL;
	struct copy c = {.dest = "/y", .has_owner = true};

	fill_source(p);
	assert_int_equal(ignore_new(missing, &none, NULL), 0);
	assert_int_equal(ignore_new(there, &one, NULL), 0);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), none), ENOENT);
	assert_int_equal(build_place_copy(p, &c, SOURCES("d"), one), 0);
}

static void holes_stay_holes(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {.dest = "/sparse", .has_owner = true};
	fd_cleanup int fd = openat(p->src, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	struct stat st;

	assert_int_equal(pwrite(fd, "end", 3, (off_t)1 << 30), 3);
	assert_int_equal(build_place_copy(p, &c, SOURCES("sparse"), NULL), 0);
	assert_int_equal(fstatat(p->fs, "sparse", &st, 0), 0);
	assert_int_equal(st.st_size, (1 << 30) + 3);
	assert_true(st.st_blocks < 4096);
}

static void heredocs(void **state)
{
	struct build_place *p = *state;
	const struct copy c = {
	    .draft = {.view = p->view, .dir = p->fs}, .dest = "/h/", .dest_dir = true, .has_owner = true};
	struct stat st;

	assert_int_equal(copy_text(&c, "name", "text\n", 17, NULL), 0);
	assert_string_equal(build_place_look(p->fs, "h/name"), "text\n");
	assert_int_equal(fstatat(p->fs, "h/name", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, 17);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_file_goes_to_its_place),
	    TEST(a_directory_gives_what_is_in_it),
	    TEST(a_directory_that_is_there_keeps_its_mode),
	    TEST(files_and_directories_do_not_replace_each_other),
	    TEST(an_archive_replaces_anything),
	    TEST(wildcards),
	    TEST(links_of_the_source_stay_inside),
	    TEST(special_files_of_a_context_are_absent),
	    TEST(hard_links_stay_together),
	    TEST(mode_of_chmod),
	    TEST(parents),
	    TEST(ignored_and_excluded),
	    TEST(exceptions_that_are_not_there),
	    TEST(holes_stay_holes),
	    TEST(heredocs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
