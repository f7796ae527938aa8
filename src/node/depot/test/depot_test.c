/* SPDX-License-Identifier: Apache-2.0
 *
 * The depot: what a push in the middle of a garbage collection needs, and what a kill may leave.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/depot/depot.h"
#include "node/depot/document.h"
#include "node/depot/upload.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char dir[64];
	struct depot *depot;
};

static int make(void **state)
{
	struct place *p = mem_new(struct place);

	snprintf(p->dir, sizeof p->dir, "/tmp/berth-depot-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(depot_open(p->dir, true, 0, &p->depot, NULL), 0);
	*state = p;
	return 0;
}

static int drop(void **state)
{
	struct place *p = *state;
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	depot_close(p->depot);
	assert_int_equal(fs_remove_tree(tmp, p->dir + strlen("/tmp/"), NULL), 0);
	close(tmp);
	free(p);
	return 0;
}

static void put(struct place *p, const char *repo, const char *text, struct depot_digest *ret)
{
	int fd = openat(depot_uploads_fd(p->depot), "up", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	depot_digest_of(DEPOT_SHA256, text, strlen(text), ret);
	assert_int_equal(depot_blob_put(p->depot, repo, ret, "up", NULL), 0);
}

static bool has(struct place *p, const char *repo, const struct depot_digest *d)
{
	uint64_t size;
	int fd = depot_blob_open(p->depot, repo, d, DEPOT_LOOK, &size, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A manifest with this config and no layers. */
static int tag(struct place *p, const char *repo, const char *tag, const struct depot_digest *config,
	       struct depot_digest *ret)
{
	char text[512], hex[DEPOT_DIGEST_MAX];
	struct depot_digest missing;
	struct document doc;
	int r;

	snprintf(text, sizeof text,
		 "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"size\":1,\"digest\":\"%s\"},\"layers\":[]}",
		 depot_digest_text(config, hex));
	assert_int_equal(document_parse(text, strlen(text), NULL, &doc, NULL), 0);
	depot_digest_of(DEPOT_SHA256, text, strlen(text), ret);
	r = depot_manifest_put(p->depot, repo, ret, tag, text, strlen(text), &doc, &missing, NULL);
	document_free(&doc);
	return r;
}

static uint64_t collect(struct place *p, int64_t grace_ms)
{
	struct depot_gc gc = {.grace_ms = grace_ms};

	assert_int_equal(depot_gc(p->depot, &gc, NULL), 0);
	return gc.blobs;
}

static void test_keep_what_is_used(void **state)
{
	struct depot_digest used, unused, manifest;
	struct place *p = *state;

	put(p, "a", "used", &used);
	put(p, "a", "unused", &unused);
	assert_int_equal(tag(p, "a", "v1", &used, &manifest), 0);
	assert_int_equal(collect(p, 3600), 0);
	assert_true(has(p, "a", &unused));
	assert_int_equal(collect(p, 0), 1);
	assert_true(has(p, "a", &used));
	assert_false(has(p, "a", &unused));
	/* Gone means gone: a manifest cannot name it any more. */
	assert_int_equal(tag(p, "a", "v2", &unused, &manifest), -ENOENT);
}

static uint64_t trim(struct place *p, int64_t age_ms, uint64_t bytes)
{
	struct depot_trim t = {.age_ms = age_ms, .bytes = bytes};

	assert_int_equal(depot_trim(p->depot, &t, NULL), 0);
	return t.blobs;
}

/* Used so many seconds ago. */
static void age(struct place *p, const char *repo, const char *kind, const struct depot_digest *d, int seconds)
{
	struct timespec times[2] = {{.tv_sec = clock_wall_ms() / 1000 - seconds},
				    {.tv_sec = clock_wall_ms() / 1000 - seconds}};
	char path[400];

	snprintf(path, sizeof path, "%s/repos/%s/%s/sha256/%s", p->dir, repo, kind, d->hex);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What a mirror keeps: by age and by size, with links and tags, and never what was used meanwhile. */
static void test_forget(void **state)
{
	struct depot_digest a, b, c, manifest, found;
	struct place *p = *state;
	static char big[100001];

	memset(big, 'a', 40000);
	put(p, "x", big, &a);
	memset(big, 'b', 40000);
	put(p, "x", big, &b);
	assert_int_equal(depot_blob_adopt(p->depot, "y", &b, NULL), 0);
	memset(big, 'c', 40000);
	put(p, "x", big, &c);
	assert_int_equal(tag(p, "x", "v1", &a, &manifest), 0);
	age(p, "x", "_blobs", &b, 300);
	age(p, "x", "_blobs", &c, 200);
	age(p, "x", "_blobs", &a, 100);
	age(p, "x", "_manifests", &manifest, 50);
	assert_int_equal(trim(p, 0, 0), 0);
	assert_int_equal(trim(p, 400000, 130000), 0);
	assert_int_equal(trim(p, 0, 119999), 1);
	assert_false(has(p, "x", &b));
	assert_false(has(p, "y", &b));
	assert_true(has(p, "x", &c));
	assert_int_equal(trim(p, 150000, 0), 1);
	assert_false(has(p, "x", &c));
	assert_true(has(p, "x", &a));
	assert_int_equal(depot_tag_read(p->depot, "x", "v1", &found, NULL), 0);
	assert_true(depot_manifest_used(p->depot, "x", &manifest));
	age(p, "x", "_manifests", &manifest, 500);
	assert_int_equal(trim(p, 400000, 0), 1);
	assert_false(depot_manifest_used(p->depot, "x", &manifest));
	assert_int_equal(depot_tag_read(p->depot, "x", "v1", &found, NULL), -ENOENT);
	assert_true(has(p, "x", &a));
}

/* A dry run counts what a real one takes, and takes nothing. */
static void test_dry_run(void **state)
{
	struct depot_gc dry = {.dry_run = true}, wet = {.grace_ms = 0};
	struct depot_digest used, unused, shared, manifest;
	struct place *p = *state;

	put(p, "a", "used", &used);
	put(p, "a", "unused", &unused);
	put(p, "a", "shared", &shared);
	assert_int_equal(depot_blob_mount(p->depot, "a", "b", &unused, NULL), 0);
	assert_int_equal(depot_blob_mount(p->depot, "a", "c", &shared, NULL), 0);
	assert_int_equal(tag(p, "a", "v1", &used, &manifest), 0);
	assert_int_equal(tag(p, "c", "v1", &shared, &manifest), 0);
	assert_int_equal(depot_gc(p->depot, &dry, NULL), 0);
	assert_true(has(p, "a", &unused) && has(p, "b", &unused) && has(p, "a", &shared));
	assert_int_equal(dry.all, 5);
	assert_int_equal(dry.blobs, 1);
	assert_int_equal(dry.bytes, strlen("unused"));
	assert_int_equal(dry.links, 3);
	assert_int_equal(depot_gc(p->depot, &wet, NULL), 0);
	assert_int_equal(wet.blobs, dry.blobs);
	assert_int_equal(wet.bytes, dry.bytes);
	assert_int_equal(wet.links, dry.links);
	assert_int_equal(wet.disk, dry.disk);
	assert_false(has(p, "a", &unused));
	assert_true(has(p, "c", &shared));
}

static void test_claim(void **state)
{
	struct place *p = *state;
	struct depot_digest d;

	assert_int_equal(depot_claim(p->depot, NULL, NULL), 0);
	put(p, "x", "own", &d);
	assert_int_equal(depot_claim(p->depot, "lab.example", NULL), -EINVAL);
	assert_int_equal(depot_blob_delete(p->depot, "x", &d, NULL), 0);
	assert_int_equal(depot_claim(p->depot, "lab.example", NULL), 0);
	assert_int_equal(depot_claim(p->depot, "lab.example", NULL), 0);
	assert_int_equal(depot_claim(p->depot, "other.example", NULL), -EINVAL);
	assert_int_equal(depot_claim(p->depot, NULL, NULL), -EINVAL);
}

/* The collection stops in the middle and somebody pushes what it was about to take. */
struct race {
	struct place *p;
	struct depot_digest blob, manifest;
	int pauses;
};

static int64_t frozen;
static int64_t read_frozen(void)
{
	return frozen;
}

static bool push_meanwhile(void *ctx)
{
	struct race *r = ctx;

	if (r->pauses++ == 0)
		assert_int_equal(tag(r->p, "a", "v1", &r->blob, &r->manifest), 0);
	return false;
}

static void test_push_meanwhile(void **state)
{
	struct race race = {.p = *state};
	struct depot_gc gc = {.grace_ms = 50, .pause = push_meanwhile, .ctx = &race};
	struct stat st;
	char path[300];

	put(race.p, "a", "pushed", &race.blob);
	snprintf(path, sizeof path, "%s/blobs/sha256/%.2s/%s", race.p->dir, race.blob.hex, race.blob.hex);
	assert_int_equal(stat(path, &st), 0);
	/* The collector's clock stands still when the grace of the blob is just over; what is touched from now on is later than that. */
	frozen = st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec + 60 * 1000000;
	while (clock_wall_ns() < frozen + 20 * 1000000)
		usleep(1000);
	clock_use(read_frozen, NULL);
	assert_int_equal(depot_gc(race.p->depot, &gc, NULL), 0);
	clock_use(NULL, NULL);
	assert_true(race.pauses > 0);
	assert_true(has(race.p, "a", &race.blob));
}

static void test_mounts_share(void **state)
{
	struct place *p = *state;
	struct depot_digest d, none;

	put(p, "a", "shared", &d);
	depot_digest_of(DEPOT_SHA256, "none", 4, &none);
	assert_int_equal(depot_blob_mount(p->depot, "a", "b", &d, NULL), 0);
	assert_int_equal(depot_blob_mount(p->depot, "a", "b", &none, NULL), -ENOENT);
	assert_int_equal(depot_blob_mount(p->depot, "c", "b", &d, NULL), -ENOENT);
	assert_int_equal(depot_blob_delete(p->depot, "a", &d, NULL), 0);
	assert_int_equal(depot_blob_delete(p->depot, "a", &d, NULL), -ENOENT);
	assert_false(has(p, "a", &d));
	assert_true(has(p, "b", &d));
	/* Pushed once more: it is there once. */
	put(p, "a", "shared", &d);
	assert_true(has(p, "a", &d));
	assert_int_equal(collect(p, 0), 1);
}

/* The states between the steps of a push: a blob without a link, a referrer without its manifest, a tag whose manifest is gone. */
static void test_after_a_kill(void **state)
{
	struct place *p = *state;
	struct depot_digest d, manifest, found;
	char **tags;
	bool more;
	char path[300];

	put(p, "a", "half", &d);
	assert_int_equal(tag(p, "a", "v1", &d, &manifest), 0);
	snprintf(path, sizeof path, "%s/repos/a/_manifests/sha256/%s", p->dir, manifest.hex);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(depot_tag_read(p->depot, "a", "v1", &found, NULL), 0);
	assert_int_equal(depot_manifest_delete(p->depot, "a", &found, NULL), -ENOENT);
	assert_int_equal(depot_tags(p->depot, "a", NULL, 10, &tags, &more, NULL), 0);
	mem_strv_free(tags);
	assert_int_equal(tag(p, "a", "v1", &d, &manifest), 0);
	snprintf(path, sizeof path, "%s/repos/a/_blobs/sha256/%s", p->dir, d.hex);
	assert_int_equal(unlink(path), 0);
	/* The collector takes it although a manifest names it: nobody has it any more. Pushed again, all is well. */
	assert_int_equal(collect(p, 0), 1);
	put(p, "a", "half", &d);
	assert_int_equal(collect(p, 0), 0);
	assert_true(has(p, "a", &d));
}

/* A link in the place of a directory or a file is not followed. */
static void test_no_links(void **state)
{
	struct place *p = *state;
	struct depot_digest d;
	char path[300];

	put(p, "a", "real", &d);
	snprintf(path, sizeof path, "%s/repos/evil", p->dir);
	assert_int_equal(symlink("a", path), 0);
	assert_false(has(p, "evil", &d));
	assert_int_equal(depot_blob_mount(p->depot, "a", "evil", &d, NULL), -ELOOP);
	assert_int_equal(unlink(path), 0);
}

static void test_one_server(void **state)
{
	struct place *p = *state;
	struct depot *other = NULL;

	assert_int_equal(depot_open(p->dir, true, 0, &other, NULL), -EBUSY);
	assert_int_equal(depot_open(p->dir, false, 0, &other, NULL), 0);
	depot_close(other);
}

static void test_quota(void **state)
{
	struct place *p = *state;
	struct depot_digest d;
	struct depot *limited = NULL;

	put(p, "a", "0123456789", &d);
	assert_int_equal(depot_check_room(p->depot, UINT64_MAX, NULL), 0);
	assert_int_equal(depot_open(p->dir, false, 15, &limited, NULL), 0);
	assert_int_equal(depot_used(limited), 10);
	assert_int_equal(depot_check_room(limited, 5, NULL), 0);
	assert_int_equal(depot_check_room(limited, 6, NULL), -EDQUOT);
	assert_int_equal(depot_check_room(limited, UINT64_MAX, NULL), -EDQUOT);
	depot_close(limited);
}

static void test_uploads(void **state)
{
	const struct upload_limits limits = {.open = 3, .ttl_ms = 0};
	struct place *p = *state;
	struct uploads *u = NULL;
	struct upload *up[4];
	char id[UPLOAD_ID_DIGITS + 1];

	assert_int_equal(uploads_new(p->depot, &limits, &u, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(uploads_begin(u, "a", &up[i], NULL), 0);
		up[i]->busy = true;
	}
	assert_int_equal(uploads_begin(u, "a", &up[3], NULL), -EAGAIN);
	upload_id(up[1], id);
	assert_ptr_equal(uploads_find(u, "a", id), up[1]);
	assert_null(uploads_find(u, "b", id));
	/* One that nobody works on has no time left here. */
	up[2]->busy = false;
	assert_int_equal(uploads_begin(u, "a", &up[2], NULL), 0);
	assert_int_equal(uploads_count(u), 3);
	uploads_free(u);
	/* The next server finds them. */
	assert_int_equal(uploads_new(p->depot, &limits, &u, NULL), 0);
	assert_int_equal(uploads_count(u), 3);
	assert_non_null(uploads_find(u, "a", id));
	assert_int_equal(uploads_expire(u), 3);
	uploads_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_keep_what_is_used, make, drop),
	    cmocka_unit_test_setup_teardown(test_push_meanwhile, make, drop),
	    cmocka_unit_test_setup_teardown(test_mounts_share, make, drop),
	    cmocka_unit_test_setup_teardown(test_after_a_kill, make, drop),
	    cmocka_unit_test_setup_teardown(test_no_links, make, drop),
	    cmocka_unit_test_setup_teardown(test_one_server, make, drop),
	    cmocka_unit_test_setup_teardown(test_forget, make, drop),
	    cmocka_unit_test_setup_teardown(test_claim, make, drop),
	    cmocka_unit_test_setup_teardown(test_dry_run, make, drop),
	    cmocka_unit_test_setup_teardown(test_quota, make, drop),
	    cmocka_unit_test_setup_teardown(test_uploads, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
