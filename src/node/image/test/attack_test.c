/* SPDX-License-Identifier: Apache-2.0
 *
 * The attacks of images, by their rows. Each is tried twice: berth as it is withstands, and bites when the guard of the row is out (guard.h), so
 * that the attack is one. The canary is a folder beside the one that is unpacked into.
 */
#include "node/image/image.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "lib/tar_make.h"
#include "node/image/config.h"
#include "node/image/layer.h"
#include "node/image/manifest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char top_name[64];
static int top = -1, dir = -1;

static void set_up(void)
{
	snprintf(top_name, sizeof top_name, "/tmp/berth-attack-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top, "x", 0700), 0);
	assert_int_equal(mkdirat(top, "canary", 0755), 0);
	assert_int_equal(mknodat(top, "canary/secret", S_IFREG | 0600, 0), 0);
	dir = openat(top, "x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void tear_down(void)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fd_closep(&dir);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
}

static int unpack(struct tar_make *t)
{
	fd_cleanup int fd = memfd_create("tar", MFD_CLOEXEC);
	struct image_unpacked u;

	assert_int_equal(fd_write_all(fd, t->data, t->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	tar_make_free(t);
	return image_unpack_layer(fd, dir, NULL, &u, NULL);
}

/* The name of the canary as a hostile archive would guess it. */
static char *canary(void)
{
	return mem_printf("%s/canary", top_name);
}

/* ---- the attacks: true = bitten ---- */

static bool write_through_link(void)
{
	mem_cleanup char *target = canary();
	struct tar_make t = {.data = NULL};

	tar_make_link(&t, '2', "a", target);
	tar_make_file(&t, "a/evil", "x");
	tar_make_end(&t);
	(void)unpack(&t);
	return faccessat(top, "canary/evil", F_OK, 0) == 0;
}

static bool own_through_link(void)
{
	mem_cleanup char *target = mem_printf("%s/canary/secret", top_name);
	struct tar_make t = {.data = NULL};
	struct stat st;

	tar_make_head(&t, &(struct tar_header){.name = "a", .type = '2', .link = target, .uid = 12345, .gid = 1});
	tar_make_end(&t);
	(void)unpack(&t);
	return fstatat(top, "canary/secret", &st, 0) < 0 || st.st_uid == 12345;
}

static bool remove_through_link(void)
{
	mem_cleanup char *target = canary();
	struct tar_make t = {.data = NULL};

	tar_make_link(&t, '2', "a", target);
	tar_make_file(&t, "a/.wh.secret", "");
	tar_make_end(&t);
	(void)unpack(&t);
	return faccessat(top, "canary/secret", F_OK, 0) < 0;
}

static bool forge_overlay_mark(void)
{
	fd_cleanup int fd = -1;
	struct tar_make t = {.data = NULL};

	tar_make_pax(&t, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	tar_make_dir(&t, "d");
	tar_make_pax(&t, "SCHILY.xattr.trusted.overlay.redirect", "/etc", 4);
	tar_make_dir(&t, "d");
	tar_make_end(&t);
	(void)unpack(&t);
	fd = openat(dir, "fs/d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fgetxattr(fd, "user.overlay.opaque", NULL, 0) >= 0 ||
	       fgetxattr(fd, "trusted.overlay.redirect", NULL, 0) >= 0;
}

static bool bomb(void)
{
	const size_t size = 80u << 20;
	struct tar_make t = {.data = NULL};
	void *zeros = mem_zalloc(1, size);
	bool bitten;

	tar_make_head(&t, &(struct tar_header){.name = "zeros", .size = size});
	tar_make_body(&t, zeros, size);
	tar_make_end(&t);
	free(zeros);
	tar_make_gzip(&t);
	bitten = unpack(&t) == 0;
	return bitten;
}

static bool two_images_in_one_text(void)
{
	static const char text[] =
	    "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MANIFEST_CONFIG "\",\"digest\":\"sha256:" HEX64
	    "\",\"size\":2},\"layers\":[],\"Layers\":[{}],\"layers\":[]}";
	struct manifest m;
	int r = manifest_parse(text, sizeof text - 1, MANIFEST_OCI, &m, NULL);

	manifest_free(&m);
	return r == 0;
}

static int import(struct image_store *s)
{
	struct tar_make t = {.data = NULL};
	struct image_unpacked u;
	struct image_info *i = NULL;
	fd_cleanup int fd = memfd_create("tar", MFD_CLOEXEC), tmp = -1;
	char name[64];
	int r;

	tar_make_file(&t, "f", "x");
	tar_make_end(&t);
	assert_int_equal(fd_write_all(fd, t.data, t.len), 0);
	tar_make_free(&t);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	r = image_import_begin(s, &tmp, name, NULL);
	if (r == 0)
		r = image_unpack(fd, tmp, NULL, &u, NULL);
	if (r == 0)
		r = image_import_commit(s, name, "app", &u, NULL, &i, NULL);
	image_info_free(i);
	return r;
}

static bool other_digest_than_asked(void)
{
	struct image_store *s = NULL;
	struct image_info *i = NULL;
	int r;

	assert_int_equal(image_store_open(dir, &s, NULL), 0);
	assert_int_equal(import(s), 0);
	r = image_find(s, "app:latest@sha256:" HEX64, &i, NULL);
	image_info_free(i);
	image_store_close(s);
	return r == 0;
}

static bool volume_over_the_kernel(void)
{
	static const char text[] =
	    "{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX64
	    "\"]},\"config\":{\"Volumes\":{\"/\":{},\"/proc/sys\":{},\"../../etc\":{},\"/a/../../etc\":{}}}}";
	cleanup_with(image_info_freep) struct image_info *i = NULL;

	assert_int_equal(config_parse(text, sizeof text - 1, &i, NULL), 0);
	return i->volumes != NULL;
}

/* A line of the table that tools/attack prints. */
static void tell(const char *row, bool guarded, bool bitten)
{
	const char *path = getenv("ATTACK_TABLE");
	FILE *f = path ? fopen(path, "ae") : NULL;

	if (!f)
		return;
	if (guarded)
		fprintf(f, "%s\timage\t%s\t\n", row, bitten ? "red" : "green");
	else
		fprintf(f, "%s\timage\tbite\t%s\n", row, bitten ? "own build, its guard out" : "by nobody");
	assert_int_equal(fclose(f), 0);
}

static void test_attacks(void **state)
{
	static const struct {
		const char *name, *row; /* row: the guards that are in its way */
		bool (*attack)(void);
	} rows[] = {
	    {"I1", "I1", write_through_link},
	    {"I2", "I2", own_through_link},
	    {"I3", "I1 I3", remove_through_link},
	    {"I4", "I4", forge_overlay_mark},
	    {"I5", "I5", bomb},
	    {"I6", "I6", two_images_in_one_text},
	    {"I8", "I8", other_digest_than_asked},
	    {"I9", "I9", volume_over_the_kernel},
	};

	(void)state;
	for (size_t n = 0; n < 2 * sizeof rows / sizeof *rows; n++) {
		bool guarded = n % 2 == 0;
		bool bitten;

		set_up();
		assert_int_equal(guarded ? unsetenv("BERTH_UNGUARDED") : setenv("BERTH_UNGUARDED", rows[n / 2].row, 1),
				 0);
		bitten = rows[n / 2].attack();
		assert_int_equal(unsetenv("BERTH_UNGUARDED"), 0);
		tear_down();
		tell(rows[n / 2].name, guarded, bitten);
		if (bitten == guarded)
			fail_msg("%s %s", rows[n / 2].name,
				 guarded ? "bites" : "does not bite without its guard: it shows nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_attacks)};

	return cmocka_run_group_tests_name("image/attack", tests, NULL, NULL);
}
