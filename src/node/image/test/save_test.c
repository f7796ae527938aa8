/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/save.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "lib/tar_make.h"
#include "node/image/lease.h"
#include "node/image/load.h"
#include "node/image/manifest.h"
#include "node/image/oci_layout.h"
#include "node/image/pack.h"
#include "node/image/packed.h"
#include "node/image/save_target.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

static char top_name[64];
static char app_1[] = "app:1", other_2[] = "other:2";
static int top = -1;
static struct image_store *one, *two;

static struct image_store *open_store(const char *name)
{
	fd_cleanup int dir = fs_mkdirs_in(top, name, 0700, FS_NO_SYMLINKS, NULL);
	struct image_store *s = NULL;
	struct err err = ERR_INIT;

	if (image_store_open(dir, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static int set_up(void **state)
{
	(void)state;
	snprintf(top_name, sizeof top_name, "/tmp/berth-save-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	one = open_store("one");
	two = open_store("two");
	return 0;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	one = image_store_close(one);
	two = image_store_close(two);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
	return 0;
}

/* ---- images ---- */

/* A layer with the file NAME. */
static void make_layer(struct image_lease *lease, const char *name, const char *content, struct image_unpacked *u)
{
	const struct pack_options o = {.epoch = 1600000000};
	struct err err = ERR_INIT;
	fd_cleanup int dir = -1, fs = -1;
	char tmp[64];

	assert_int_equal(image_lease_tmp(lease, &dir, tmp, &err), 0);
	fs = fs_mkdirs_in(dir, "fs", 0755, FS_NO_SYMLINKS, NULL);
	assert_int_equal(fs_write_atomic(fs, name, content, strlen(content), 0644, false, NULL), 0);
	if (image_layer_from_dir(one, lease, tmp, &o, u, &err) < 0)
		fail_msg("%s", err.text);
}

static char *config_of(const struct image_unpacked *u, size_t n, const char *comment)
{
	char *ids = mem_strdup("");

	for (size_t i = 0; i < n; i++) {
		char *more = mem_printf("%s%s\"sha256:%s\"", ids, i ? "," : "", u[i].diff_id);

		free(ids);
		ids = more;
	}
	char *text = mem_printf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"comment\":\"%s\","
				"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
				comment, ids);
	free(ids);
	return text;
}

/* An image of two layers, made as a build makes it. */
static void make_image(const char *ref, const char *content)
{
	cleanup_with(image_lease_freep) struct image_lease *lease = NULL;
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	struct oci_blob layers[2] = {{.media_type = MANIFEST_LAYER}, {.media_type = MANIFEST_LAYER}};
	struct oci_blob config = {.media_type = MANIFEST_CONFIG};
	mem_cleanup char *text = NULL, *manifest = NULL;
	struct image_unpacked u[2];
	struct err err = ERR_INIT;
	size_t n;

	assert_int_equal(image_lease_new(one, "test", &lease, &err), 0);
	make_layer(lease, "base", "the same in all", &u[0]);
	make_layer(lease, "file", content, &u[1]);
	text = config_of(u, 2, content);
	config.size = strlen(text);
	sha256_of(text, strlen(text), config.hex);
	for (int i = 0; i < 2; i++) {
		layers[i].size = u[i].tar_size;
		snprintf(layers[i].hex, sizeof layers[i].hex, "%s", u[i].diff_id);
	}
	manifest = oci_manifest_text(&config, layers, 2, &n);
	if (image_commit(
		one, lease,
		&(struct image_docs){.manifest = manifest, .n_manifest = n, .config = text, .n_config = strlen(text)},
		ref, IMAGE_REPLACE_YES, &info, &err) < 0)
		fail_msg("%s", err.text);
}

static struct image_info *must_find(struct image_store *s, const char *name)
{
	struct image_info *i = NULL;
	struct err err = ERR_INIT;

	if (image_find(s, name, &i, &err) < 0)
		fail_msg("%s", err.text);
	return i;
}

static void same_image(const char *name, const char *other_name, bool manifest_too)
{
	cleanup_with(image_info_freep) struct image_info *a = must_find(one, name), *b = must_find(two, other_name);

	assert_string_equal(a->id, b->id);
	if (manifest_too)
		assert_string_equal(a->digest, b->digest);
}

static void forget(struct image_store *s, const char *name)
{
	struct err err = ERR_INIT;

	if (image_remove(s, name, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- archives ---- */

static int save(struct image_store *s, char *const *names, const struct image_save_options *o)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	struct err err = ERR_INIT;

	if (image_save(s, names, fd, o, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void load(int fd, const struct image_load_options *o, struct image_loads *ret)
{
	struct err err = ERR_INIT;

	if (image_load(two, fd, o, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static bool same_bytes(int a, int b)
{
	mem_cleanup char *x = NULL, *y = NULL;
	size_t n, m;

	assert_true(lseek(a, 0, SEEK_SET) == 0 && lseek(b, 0, SEEK_SET) == 0);
	assert_int_equal(fd_read_all(a, 1u << 30, &x, &n), 0);
	assert_int_equal(fd_read_all(b, 1u << 30, &y, &m), 0);
	assert_true(lseek(a, 0, SEEK_SET) == 0 && lseek(b, 0, SEEK_SET) == 0);
	return n == m && !memcmp(x, y, n);
}

static const struct image_load_options plain_load;
static const struct image_save_options plain_save;

static void test_round_trip(void **state)
{
	char *const names[] = {app_1, other_2, app_1, NULL};
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	fd_cleanup int first = -1, again = -1;

	(void)state;
	make_image("app:1", "one");
	make_image("other:2", "two");
	first = save(one, names, &plain_save);
	load(first, &plain_load, &loads);
	assert_int_equal(loads.n, 2);
	same_image("app:1", "app:1", true);
	same_image("other:2", "other:2", true);
	again = save(two, names, &plain_save);
	assert_true(same_bytes(first, again));
	forget(two, "app:1");
	forget(two, "other:2");
}

/* The archive itself packed, and from a pipe's point of view: a file that is not at its beginning is no better. */
static void test_packed(void **state)
{
	static const struct image_save_options o[] = {{.repack = true, .kind = COMPRESS_GZIP},
						      {.repack = true, .kind = COMPRESS_ZSTD},
						      {.format = IMAGE_SAVE_OCI}};
	char *const names[] = {app_1, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof o / sizeof *o; i++) {
		struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
		fd_cleanup int fd = save(one, names, &o[i]), again = save(one, names, &o[i]);

		assert_true(same_bytes(fd, again));
		load(fd, &plain_load, &loads);
		assert_int_equal(loads.n, 1);
		assert_string_equal(loads.v[0].name, "app:1");
		same_image("app:1", "app:1", !o[i].repack);
		forget(two, "app:1");
	}
}

static void test_directory(void **state)
{
	fd_cleanup int dir = fs_mkdirs_in(top, "layout", 0700, FS_NO_SYMLINKS, NULL);
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	char *const names[] = {app_1, other_2, NULL};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(image_save(one, names, dir, &plain_save, &err), 0);
	load(dir, &plain_load, &loads);
	same_image("app:1", "app:1", true);
	same_image("other:2", "other:2", true);
	assert_int_equal(image_save(one, names, dir, &plain_save, &err), -ENOTEMPTY);
	forget(two, "app:1");
	forget(two, "other:2");
}

/* An image asked for by its id is saved without a name, and can be given one. */
static void test_names(void **state)
{
	cleanup_with(image_info_freep) struct image_info *app = must_find(one, "app:1");
	char *const by_id[] = {app->id, NULL};
	fd_cleanup int fd = save(one, by_id, &plain_save);
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	struct image_load_options o = {.name = "given"};

	(void)state;
	load(fd, &plain_load, &loads);
	assert_null(loads.v[0].name);
	assert_null(loads.v[0].taken);
	image_loads_free(&loads);
	load(fd, &o, &loads);
	assert_string_equal(loads.v[0].name, "given:latest");
	same_image("app:1", "given", true);
	forget(two, "given:latest");
}

/* What another machine sends in the place of an image that was asked for by its id: nothing of it stays, and no name moves. */
static void test_only(void **state)
{
	cleanup_with(image_info_freep) struct image_info *app = must_find(one, "app:1");
	char *const honest[] = {app_1, NULL}, *const other[] = {other_2, NULL}, *const more[] = {app_1, other_2, NULL};
	fd_cleanup int good = save(one, honest, &plain_save), wrong = save(one, other, &plain_save),
		       both = save(one, more, &plain_save);
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	struct image_load_options o = {.only = app->id, .name = "wanted:1", .force = true};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(image_load(two, wrong, &o, &loads, &err), -EINVAL);
	assert_non_null(strstr(err.text, app->id));
	image_loads_free(&loads);
	assert_int_equal(image_load(two, both, &o, &loads, &err), -EINVAL);
	image_loads_free(&loads);
	assert_int_equal(image_find(two, "other:2", &(struct image_info *){NULL}, NULL), -ENOENT);
	assert_int_equal(image_find(two, "app:1", &(struct image_info *){NULL}, NULL), -ENOENT);
	load(good, &o, &loads);
	assert_string_equal(loads.v[0].name, "wanted:1");
	image_loads_free(&loads);
	forget(two, "wanted:1");
	/* Without a name to give, those of the archive are not given either. */
	o.name = NULL;
	load(good, &o, &loads);
	assert_null(loads.v[0].name);
	assert_int_equal(image_find(two, "app:1", &(struct image_info *){NULL}, NULL), -ENOENT);
}

/* Attack I8: a name that means something else here does not move without being told to. */
static void test_taken(void **state)
{
	char *const app[] = {app_1, NULL}, *const other[] = {other_2, NULL};
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	cleanup_with(image_info_freep) struct image_info *old = NULL;
	fd_cleanup int first = save(one, app, &plain_save), second = save(one, other, &plain_save);
	struct image_load_options o = {.name = "app:1"};

	(void)state;
	load(first, &plain_load, &loads);
	image_loads_free(&loads);
	load(second, &o, &loads);
	assert_null(loads.v[0].name);
	assert_string_equal(loads.v[0].taken, "app:1");
	assert_non_null(loads.v[0].taken_by);
	same_image("app:1", "app:1", true);
	image_loads_free(&loads);
	o.force = true;
	load(second, &o, &loads);
	assert_string_equal(loads.v[0].name, "app:1");
	assert_non_null(loads.v[0].moved_from);
	same_image("other:2", "app:1", true);
	assert_int_equal(image_find(two, loads.v[0].moved_from, &old, NULL), 0);
	assert_string_equal(old->name, "");
	forget(two, "app:1");
	forget(two, loads.v[0].moved_from);
}

/* ---- archives of others ---- */

static int tar_fd(struct tar_make *t)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);

	tar_make_end(t);
	assert_int_equal(fd_write_all(fd, t->data, t->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	tar_make_free(t);
	return fd;
}

static void put_member(struct tar_make *t, const char *name, const void *data, size_t n)
{
	tar_make_head(t, &(struct tar_header){.name = name, .size = n});
	tar_make_body(t, data, n);
}

/* A layer's tar and its diff id. */
static void layer_tar(struct tar_make *t, struct image_unpacked *u)
{
	tar_make_file(t, "etc/motd", "hello");
	tar_make_end(t);
	sha256_of(t->data, t->len, u->diff_id);
}

static void refuse(struct tar_make *t, const char *text)
{
	fd_cleanup int fd = tar_fd(t);
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	struct image_info **list = image_list(two);
	struct err err = ERR_INIT;

	if (image_load(two, fd, &plain_load, &loads, &err) == 0)
		fail_msg("loaded; wanted: %s", text);
	if (!strstr(err.text, text))
		fail_msg("wanted \"%s\", got: %s", text, err.text);
	assert_int_equal(loads.n, 0);
	for (size_t i = 0; list[i]; i++)
		image_info_free(list[i]);
	free(list);
}

/* As docker 1.10 to 24 wrote it: the layer that occurs twice is a link, the lists come last. */
static void docker_tar(struct tar_make *t, const char *config, const struct tar_make *layer, const char *link,
		       const char *list)
{
	tar_make_dir(t, "aa/");
	put_member(t, "aa/layer.tar", layer->data, layer->len);
	tar_make_dir(t, "bb/");
	if (link)
		tar_make_link(t, '2', "bb/layer.tar", link);
	put_member(t, "c.json", config, strlen(config));
	put_member(t, "manifest.json", list, strlen(list));
}

#define LIST                                                                                                           \
	"[{\"Config\":\"c.json\",\"RepoTags\":[\"old:1\",\"older:2\"],\"Layers\":[\"aa/layer.tar\",\"bb/"              \
	"layer.tar\"]}]"

static void test_docker(void **state)
{
	struct tar_make layer = {.data = NULL}, t = {.data = NULL};
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	struct image_unpacked u[2];
	mem_cleanup char *config = NULL;
	fd_cleanup int fd = -1;

	(void)state;
	layer_tar(&layer, &u[0]);
	u[1] = u[0];
	config = config_of(u, 2, "docker");
	docker_tar(&t, config, &layer, "../aa/layer.tar", LIST);
	fd = tar_fd(&t);
	load(fd, &plain_load, &loads);
	assert_int_equal(loads.n, 2);
	assert_string_equal(loads.v[1].name, "older:2");
	assert_string_equal(loads.v[0].id, loads.v[1].id);
	forget(two, "old:1");
	forget(two, "older:2");
	tar_make_free(&layer);
}

static void test_docker_refused(void **state)
{
	struct tar_make layer = {.data = NULL}, other = {.data = NULL}, t = {.data = NULL};
	struct image_unpacked u[2];
	mem_cleanup char *config = NULL, *wrong = NULL;

	(void)state;
	layer_tar(&layer, &u[0]);
	u[1] = u[0];
	config = config_of(u, 2, "docker");
	docker_tar(&t, config, &layer, "../../etc/passwd", LIST);
	/* The first layer is good, so its diff id is known for the second: take that knowledge away */
	t.len = 0;
	memset(u[1].diff_id, 'b', 64);
	wrong = config_of(u, 2, "docker");
	docker_tar(&t, wrong, &layer, "../../etc/passwd", LIST);
	refuse(&t, "no file \"bb/layer.tar\"");
	t = (struct tar_make){.data = NULL};
	docker_tar(&t, wrong, &layer, "/etc/passwd", LIST);
	refuse(&t, "no file \"bb/layer.tar\"");
	t = (struct tar_make){.data = NULL};
	docker_tar(&t, wrong, &layer, "layer.tar", LIST);
	refuse(&t, "no file \"bb/layer.tar\"");
	t = (struct tar_make){.data = NULL};
	docker_tar(&t, wrong, &layer, "../aa/layer.tar", LIST);
	refuse(&t, "layer 2, \"bb/layer.tar\"");
	t = (struct tar_make){.data = NULL};
	docker_tar(&t, config, &layer, NULL, "[{\"Config\":\"c.json\",\"Layers\":[\"aa/layer.tar\"]}]");
	refuse(&t, "it has 1 layers, but its config has 2");
	t = (struct tar_make){.data = NULL};
	docker_tar(&t, config, &layer, NULL, "[{\"Config\":\"../../../etc/hostname\",\"Layers\":[]}]");
	refuse(&t, "no file \"../../../etc/hostname\"");
	t = (struct tar_make){.data = NULL};
	docker_tar(&t, config, &layer, NULL, "{}");
	refuse(&t, "manifest.json: it is no list of images");
	t = (struct tar_make){.data = NULL};
	put_member(&t, "repositories", "{}", 2);
	refuse(&t, "older than 1.10");
	t = (struct tar_make){.data = NULL};
	put_member(&t, "etc/passwd", "", 0);
	refuse(&t, "there are no images in it");
	tar_make_free(&layer);
	tar_make_free(&other);
}

static void oci_tar(struct tar_make *t, const char *manifest, const char *manifest_hex, const char *config)
{
	mem_cleanup char *name = NULL, *index = NULL;
	char hex[SHA256_HEX_MAX];

	sha256_of(manifest, strlen(manifest), hex);
	index = mem_printf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\","
			   "\"size\":%zu}]}",
			   MANIFEST_OCI, manifest_hex ? manifest_hex : hex, strlen(manifest));
	put_member(t, "index.json", index, strlen(index));
	name = mem_printf("blobs/sha256/%s", manifest_hex ? manifest_hex : hex);
	put_member(t, name, manifest, strlen(manifest));
	free(name);
	sha256_of(config, strlen(config), hex);
	name = mem_printf("blobs/sha256/%s", hex);
	put_member(t, name, config, strlen(config));
}

static void test_oci_refused(void **state)
{
	struct tar_make layer = {.data = NULL}, t = {.data = NULL};
	struct oci_blob config_blob = {.media_type = MANIFEST_CONFIG}, layer_blob = {.media_type = MANIFEST_LAYER};
	mem_cleanup char *config = NULL, *manifest = NULL, *name = NULL;
	struct image_unpacked u;
	char other[65];
	size_t n;

	(void)state;
	tar_make_file(&layer, "oci", "only here");
	tar_make_end(&layer);
	sha256_of(layer.data, layer.len, u.diff_id);
	config = config_of(&u, 1, "oci");
	config_blob.size = strlen(config);
	sha256_of(config, strlen(config), config_blob.hex);
	layer_blob.size = layer.len;
	snprintf(layer_blob.hex, sizeof layer_blob.hex, "%s", u.diff_id);
	manifest = oci_manifest_text(&config_blob, &layer_blob, 1, &n);
	name = mem_printf("blobs/sha256/%s", u.diff_id);
	/* The layer is missing, another, or longer than was said; the manifest is another */
	oci_tar(&t, manifest, NULL, config);
	refuse(&t, "layer 1, sha256:");
	t = (struct tar_make){.data = NULL};
	oci_tar(&t, manifest, NULL, config);
	layer.data[600] ^= 1;
	put_member(&t, name, layer.data, layer.len);
	layer.data[600] ^= 1;
	refuse(&t, "layer 1, sha256:");
	t = (struct tar_make){.data = NULL};
	oci_tar(&t, manifest, NULL, config);
	put_member(&t, name, layer.data, layer.len - 512);
	refuse(&t, "but the manifest says");
	memset(other, 'a', 64);
	other[64] = '\0';
	t = (struct tar_make){.data = NULL};
	oci_tar(&t, manifest, other, config);
	refuse(&t, "is damaged: its digest is sha256:");
	tar_make_free(&layer);
}

/* Cut anywhere, nothing is loaded, and the error says something. */
static void test_cut(void **state)
{
	char *const names[] = {app_1, NULL};
	fd_cleanup int fd = save(one, names, &plain_save);
	mem_cleanup char *data = NULL;
	size_t n;

	(void)state;
	assert_int_equal(fd_read_all(fd, 1u << 30, &data, &n), 0);
	for (size_t cut = 1; cut < n - 1024; cut += 1009) {
		struct tar_make t = {.data = NULL};
		struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
		fd_cleanup int part = memfd_create("part", MFD_CLOEXEC);
		struct err err = ERR_INIT;

		(void)t;
		assert_int_equal(fd_write_all(part, data, cut), 0);
		assert_int_equal(lseek(part, 0, SEEK_SET), 0);
		if (image_load(two, part, &plain_load, &loads, &err) == 0)
			fail_msg("loaded %zu of %zu bytes", cut, n);
		assert_true(err.code != 0 && *err.text);
	}
}

/* A blob that we packed is made again from its note; others are not, and a note that is wrong is found out. */
static void test_packed_again(void **state)
{
	cleanup_with(image_info_freep) struct image_info *app = must_find(one, "app:1");
	struct compressed first, again, wrong = {.size = 1, .params = "gzip:9:none"};
	struct sink_fd a, b;
	struct sink to_a = sink_to_fd(&a), to_b = sink_to_fd(&b);
	const char *diff = app->layers[1];
	struct err err = ERR_INIT;
	enum compress_kind kind;
	int level;

	(void)state;
	for (int i = 0; i < 2; i++) {
		sink_fd_init(&a, -1, "a");
		assert_int_equal(packed_new(one, diff, COMPRESS_GZIP, 5, &to_a, &first, &err), 0);
	}
	assert_int_equal(packed_find(one, diff, first.hex, &kind, &level, &err), 1);
	assert_true(kind == COMPRESS_GZIP && level == 5);
	sink_fd_init(&b, -1, "b");
	assert_int_equal(packed_write(one, diff, first.hex, &to_b, &again, &err), 0);
	assert_true(a.n == b.n && again.size == a.n && !strcmp(again.hex, first.hex));
	/* As it is: no note is needed */
	assert_int_equal(packed_find(one, diff, diff, &kind, &level, &err), 1);
	assert_int_equal(packed_write(one, diff, app->layers[0], &to_b, &again, &err), -ENODATA);
	/* Packed by another version of the library, or not as the note says */
	memset(wrong.hex, 'e', 64);
	wrong.hex[64] = '\0';
	assert_int_equal(packed_note(one, diff, &wrong, &err), 0);
	assert_int_equal(packed_find(one, diff, wrong.hex, &kind, &level, &err), 0);
	memset(wrong.hex, 'f', 64);
	memcpy(wrong.params, first.params, sizeof wrong.params);
	assert_int_equal(packed_note(one, diff, &wrong, &err), 0);
	assert_int_equal(packed_write(one, diff, wrong.hex, &to_b, &again, &err), -EBADMSG);
	assert_int_equal(packed_find(one, wrong.hex, first.hex, &kind, &level, &err), -ENOENT);
}

/* What was there before an archive was begun stays, the unfinished archive does not. */
static void test_target(void **state)
{
	mem_cleanup char *path = mem_printf("%s/target", top_name);
	struct save_target t;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(save_target_open(&t, path, true, NULL), 0);
		assert_int_equal(fs_write_atomic(t.fd, "index.json", "{}", 2, 0600, false, NULL), 0);
		close(fs_mkdirs_in(t.fd, "blobs/sha256", 0755, FS_NO_SYMLINKS, NULL));
		assert_int_equal(save_target_close(&t, -ECANCELED, NULL), -ECANCELED);
		assert_int_equal(faccessat(top, "target/index.json", F_OK, 0), i - 1);
		assert_int_equal(faccessat(top, "target/blobs", F_OK, 0), i - 1);
		assert_int_equal(save_target_open(&t, path, true, NULL), 0);
		assert_int_equal(fs_write_atomic(t.fd, "index.json", "{}", 2, 0600, false, NULL), 0);
		assert_int_equal(save_target_close(&t, 0, NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),	   cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_directory),	   cmocka_unit_test(test_names),
	    cmocka_unit_test(test_only),	   cmocka_unit_test(test_taken),
	    cmocka_unit_test(test_docker),	   cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_docker_refused), cmocka_unit_test(test_oci_refused),
	    cmocka_unit_test(test_packed_again),   cmocka_unit_test(test_target),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
