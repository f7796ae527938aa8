/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/image.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/image/blob.h"
#include "node/image/layer.h"
#include "node/image/lease.h"
#include "node/image/manifest.h"
#include "node/image/prune.h"
#include "lib/tar_make.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static char top_name[64];
static int top = -1;
static struct image_store *store;

static void reopen(void)
{
	struct err err = ERR_INIT;

	store = image_store_close(store);
	if (image_store_open(top, &store, &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	(void)state;
	/* in memory: the tests write things to the disk a thousand times */
	snprintf(top_name, sizeof top_name, "%s/berth-store-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	reopen();
	return 0;
}

static int tear_down(void **state)
{
	fd_cleanup int above = openat(top, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	store = image_store_close(store);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(above, strrchr(top_name, '/') + 1, NULL), 0);
	return 0;
}

/* An import of an archive with one file of the given content; 0 or a negative errno. */
static int import(const char *ref, const char *content, struct image_info **ret, struct err *err)
{
	struct tar_make t = {.data = NULL};
	fd_cleanup int fd = memfd_create("tar", MFD_CLOEXEC), dir = -1;
	/* images of one content are different ones all the same, also within one millisecond */
	mem_cleanup char *variable = mem_printf("NAME=%s", ref);
	const struct image_import_options o = {.env = (char *[]){variable, NULL}};
	struct image_unpacked u;
	char name[64];
	int r;

	tar_make_file(&t, "file", content);
	tar_make_end(&t);
	r = fd_write_all(fd, t.data, t.len);
	tar_make_free(&t);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return r < 0 ? r : -errno;
	r = image_import_begin(store, &dir, name, err);
	if (r == 0)
		r = image_unpack(fd, dir, NULL, &u, err);
	if (r == 0)
		r = image_import_commit(store, name, ref, &u, &o, ret, err);
	if (r < 0)
		image_import_abort(store, name);
	return r;
}

static struct image_info *must_import(const char *ref, const char *content)
{
	struct image_info *i = NULL;
	struct err err = ERR_INIT;

	if (import(ref, content, &i, &err) < 0)
		fail_msg("%s: %s", ref, err.text);
	return i;
}

static size_t count(const char *path)
{
	int fd = openat(top, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void expect_counts(size_t layers, size_t blobs)
{
	assert_int_equal(count("images/layers"), layers);
	assert_int_equal(count("images/blobs/sha256"), blobs);
	assert_int_equal(count("images/tmp"), 0);
}

/* "name1 name2 " of all images */
static void expect_list(const char *want)
{
	struct image_info **list = image_list(store);
	char got[500] = "";

	for (size_t i = 0; list[i]; i++) {
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", list[i]->name);
		image_info_free(list[i]);
	}
	free(list);
	assert_string_equal(got, want);
}

static void expect_content(const struct image_info *i, const char *want)
{
	mem_cleanup char *text = NULL;
	mem_cleanup int *fds = NULL;
	struct err err = ERR_INIT;
	size_t n;

	if (image_open_layers(store, i, &fds, &n, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(n, 1);
	assert_int_equal(fs_read(fds[0], "file", 100, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
	close(fds[0]);
}

static void test_import(void **state)
{
	cleanup_with(image_info_freep) struct image_info *a = must_import("b", "one"), *b = must_import("a:x", "one");
	cleanup_with(image_info_freep) struct image_info *found = NULL;

	(void)state;
	assert_string_equal(a->name, "b:latest");
	assert_string_equal(a->layers[0], b->layers[0]);
	expect_list("a:x b:latest ");
	assert_int_equal(count("images/layers"), 1);
	reopen();
	expect_list("a:x b:latest ");
	assert_int_equal(image_find(store, "b", &found, NULL), 0);
	assert_string_equal(found->id, a->id);
	assert_int_equal(found->size, 2048);
	expect_content(found, "one");
}

/* Names an image of the store once more, as a pull by `ref` does. */
static int commit_again(const struct image_info *i, const char *ref, struct err *err)
{
	cleanup_with(image_lease_freep) struct image_lease *lease = NULL;
	cleanup_with(image_info_freep) struct image_info *again = NULL;
	mem_cleanup char *manifest = NULL, *config = NULL;
	struct image_docs docs = {.manifest = NULL};

	assert_int_equal(image_lease_new(store, "test", &lease, NULL), 0);
	assert_int_equal(image_blob_read(store, i->digest + 7, 1 << 20, &manifest, &docs.n_manifest, NULL), 0);
	assert_int_equal(image_blob_read(store, i->id + 7, 1 << 20, &config, &docs.n_config, NULL), 0);
	docs.manifest = manifest;
	docs.config = config;
	return image_commit(store, lease, &docs, ref, IMAGE_REPLACE_YES, &again, err);
}

static size_t pruned(void)
{
	struct image_pruned p;
	size_t n;

	assert_int_equal(image_prune(store, &(struct image_prune_options){.all = false}, &p, NULL), 0);
	n = mem_strv_len(p.images);
	image_pruned_free(&p);
	return n;
}

static void on_told(void *ctx)
{
	++*(int *)ctx;
}

/* A daemon has no time for many files: what is gone lies in its trash, whole, and nothing of it is left here. */
static void test_trash(void **state)
{
	cleanup_with(image_info_freep) struct image_info *thrown = must_import("thrown", "1");
	fd_cleanup int trash = fs_mkdirs_in(top, "trash", 0700, FS_NO_SYMLINKS, NULL);
	int told = 0;

	(void)state;
	(void)thrown;
	image_store_use_trash(store, trash, on_told, &told);
	assert_int_equal(image_tag(store, "thrown", "again", IMAGE_REPLACE_NO, NULL), 0);
	assert_int_equal(image_remove(store, "again", NULL), 0);
	assert_int_equal(told, 0);
	assert_int_equal(image_remove(store, "thrown", NULL), 0);
	assert_int_equal(told, 1);
	assert_int_equal(count("trash"), 3); /* layer, manifest, config */
	assert_int_equal(count("images/tmp"), 0);
	expect_counts(0, 0);
}

static void test_name_by_digest(void **state)
{
	cleanup_with(image_info_freep) struct image_info *a = must_import("h.x:5000/r/a:1", "1");
	cleanup_with(image_info_freep) struct image_info *b = must_import("b", "2"), *found = NULL;
	mem_cleanup char *name = mem_printf("h.x:5000/r/a@%s", a->digest);
	mem_cleanup char *tagged = mem_printf("h.x:5000/r/a:9@%s", a->digest);
	mem_cleanup char *wrong = mem_printf("h.x:5000/r/a@%s", b->digest), *list = mem_printf("b:latest %s ", name);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(commit_again(a, wrong, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not by the digest of another"));
	assert_int_equal(image_tag(store, "b", wrong, IMAGE_REPLACE_YES, NULL), -EINVAL);
	/* It stays when the tag goes elsewhere, through a prune and in the file. */
	assert_int_equal(commit_again(a, tagged, NULL), 0);
	assert_int_equal(image_tag(store, "b", "h.x:5000/r/a:1", IMAGE_REPLACE_YES, NULL), 0);
	assert_int_equal(image_remove(store, "h.x:5000/r/a:1", NULL), 0);
	assert_int_equal(pruned(), 0);
	reopen();
	expect_list(list);
	assert_int_equal(image_find(store, tagged, &found, NULL), 0);
	assert_string_equal(found->name, name);
	assert_int_equal(image_tag(store, name, "c", IMAGE_REPLACE_NO, NULL), 0);
	assert_int_equal(image_remove(store, "c", NULL), 0);
	expect_list(list);
	/* It goes with the last tag of its repository. */
	assert_int_equal(image_tag(store, name, "h.x:5000/r/a:2", IMAGE_REPLACE_NO, NULL), 0);
	assert_int_equal(image_tag(store, name, "h.x:5000/r/a:3", IMAGE_REPLACE_NO, NULL), 0);
	assert_int_equal(image_remove(store, "h.x:5000/r/a:3", NULL), 0);
	assert_int_equal(image_remove(store, a->id, NULL), 0);
	expect_list("b:latest ");
	expect_counts(1, 2);
}

static void test_find(void **state)
{
	cleanup_with(image_info_freep) struct image_info *a = must_import("host.x:5000/cafe", "1");
	cleanup_with(image_info_freep) struct image_info *b = must_import("other:v1", "2");
	char prefix[8], by_digest[200];
	const struct {
		const char *name;
		int want;
	} rows[] = {
	    {"host.x:5000/cafe", 0},
	    {"host.x:5000/cafe:latest", 0},
	    {a->id, 0},
	    {a->id + 7, 0},
	    {prefix, 0},
	    {by_digest, 0},
	    {"cafe", -ENOENT},
	    {"other", -ENOENT},
	    {"host.x:5000", -ENOENT},
	    {"UPPER", -EINVAL},
	    {"", -EINVAL},
	    {"zz", -ENOENT},
	    {"sha256:123", -ENOENT},
	};

	(void)state;
	assert_string_not_equal(a->id, b->id);
	memcpy(prefix, a->id + 7, 7);
	prefix[7] = '\0';
	snprintf(by_digest, sizeof by_digest, "host.x:5000/cafe@%s", a->digest);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cleanup_with(image_info_freep) struct image_info *found = NULL;
		struct err err = ERR_INIT;

		if (image_find(store, rows[i].name, &found, &err) != rows[i].want)
			fail_msg("\"%s\": %s", rows[i].name, err.text);
		if (found)
			assert_string_equal(found->id, a->id);
		if (rows[i].want == -ENOENT && !strstr(err.text, "is not here; fetch it with"))
			fail_msg("%s", err.text);
	}
}

static void test_remove(void **state)
{
	cleanup_with(image_info_freep) struct image_info *a = must_import("a", "1"), *b = must_import("b", "1");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(image_lease_keep(store, "c1", a, NULL), 0);
	assert_int_equal(image_lease_keep(store, "c2", a, NULL), 0);
	assert_int_equal(image_lease_keep(store, "c3", b, NULL), 0);
	assert_int_equal(image_lease_keep(store, "c4", b, NULL), 0);
	assert_int_equal(image_remove(store, "a", &err), 0); /* b keeps the layer */
	assert_int_equal(image_remove(store, "b", &err), -EBUSY);
	assert_string_equal(
	    err.text,
	    "image \"b:latest\" is in use by 2 containers; `berth ps --all` shows them, `berth rm` removes them");
	image_lease_drop(store, "c3");
	assert_int_equal(image_remove(store, "b", &err), -EBUSY);
	assert_string_equal(
	    err.text,
	    "image \"b:latest\" is in use by 1 container; `berth ps --all` shows them, `berth rm` removes them");
	image_lease_drop(store, "c4");
	assert_int_equal(image_remove(store, b->id, &err), 0);
	assert_int_equal(image_remove(store, "b", &err), -ENOENT);
	/* what the containers on a need is there, though no name leads to it */
	expect_content(a, "1");
	expect_counts(1, 2);
	image_lease_drop(store, "c1");
	image_lease_drop(store, "c2");
	reopen();
	expect_counts(0, 0);
}

/* A new image takes the name; the old one stays, without a name, as long as a container runs on it, over a restart too. */
static void test_replace(void **state)
{
	cleanup_with(image_info_freep) struct image_info *old = must_import("a", "old"), *found = NULL, *again = NULL;

	(void)state;
	assert_int_equal(image_lease_keep(store, "c", old, NULL), 0);
	image_info_free(must_import("a", "new"));
	expect_list("a:latest ");
	expect_content(old, "old");
	reopen();
	assert_int_equal(image_find(store, old->id, &found, NULL), 0);
	assert_string_equal(found->name, "");
	image_store_collect(store);
	expect_content(old, "old");
	image_lease_drop(store, "c");
	assert_int_equal(image_find(store, old->id, &again, NULL), -ENOENT);
	expect_counts(1, 2);
	/* and without a container it goes at once */
	image_info_free(must_import("a", "newest"));
	expect_counts(1, 2);
	reopen();
	expect_counts(1, 2);
}

static void test_garbage(void **state)
{
	cleanup_with(image_info_freep) struct image_info *a = must_import("a", "1");
	fd_cleanup int dir = -1;
	char name[64];

	(void)state;
	assert_int_equal(image_import_begin(store, &dir, name, NULL), 0);
	assert_int_equal(mkdirat(dir, "fs", 0755), 0);
	assert_int_equal(mkdirat(top, "images/layers/orphan", 0755), 0);
	assert_int_equal(mkdirat(top, "images/layers/orphan/fs", 0755), 0);
	assert_int_equal(mknodat(top, "images/blobs/sha256/orphan", S_IFREG | 0600, 0), 0);
	assert_int_equal(mknodat(top, "images/refs.json.tmp-1", S_IFREG | 0600, 0), 0);
	reopen();
	expect_counts(1, 2);
	assert_int_equal(count("images"), 7); /* blobs erofs layers leases lock refs.json tmp */
	expect_content(a, "1");
}

static void test_damaged(void **state)
{
	cleanup_with(image_info_freep) struct image_info *a = must_import("a", "1"), *b = must_import("b", "2");
	cleanup_with(image_info_freep) struct image_info *found = NULL;
	struct err err = ERR_INIT;
	fd_cleanup int fd = -1;
	char path[200];

	(void)state;
	assert_string_not_equal(a->id, b->id);
	snprintf(path, sizeof path, "images/blobs/sha256/%s", a->id + 7);
	fd = openat(top, path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 20), 1);
	reopen();
	assert_int_equal(image_find(store, "a", &found, &err), -EIO);
	assert_non_null(strstr(err.text, "is damaged: its digest is"));
	assert_int_equal(image_find(store, "b", &found, &err), 0);
	assert_int_equal(count("images/layers"), 2); /* nothing is swept while it is unknown what it uses */
	assert_int_equal(image_remove(store, "a", &err), 0);
	expect_counts(1, 2);
	assert_int_equal(fs_write_atomic(top, "x", "", 0, 0600, false, NULL), 0);
	assert_int_equal(renameat(top, "x", top, "images/refs.json"), 0);
	store = image_store_close(store);
	assert_int_equal(image_store_open(top, &store, &err), -EINVAL);
	store = NULL;
}

static void test_commit_refused(void **state)
{
	static const struct {
		const char *ref, *diff_id;
	} rows[] = {
	    {"UPPER", NULL}, {"a@sha256:1", NULL}, {"sha256:1", NULL}, {"a", "../../../x"}, {"a", ""},
	};
	struct image_info *i = NULL;

	(void)state;
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		struct image_unpacked u = {.tar_size = 1};
		struct err err = ERR_INIT;
		fd_cleanup int dir = -1;
		char name[64];

		snprintf(u.diff_id, sizeof u.diff_id, "%s", rows[n].diff_id ? rows[n].diff_id : "");
		assert_int_equal(image_import_begin(store, &dir, name, &err), 0);
		assert_int_equal(mkdirat(dir, "fs", 0755), 0);
		assert_int_equal(image_import_commit(store, name, rows[n].ref, &u, NULL, &i, &err), -EINVAL);
		assert_int_equal(image_import_commit(store, "../x", "a", &u, NULL, &i, &err), -EINVAL);
		image_import_abort(store, name);
		image_import_abort(store, "../layers");
	}
	expect_counts(0, 0);
}

typedef int (*job_fn)(void);

static int job_import(void)
{
	struct image_info *i;

	return import("a", "new", &i, NULL);
}

static void child(job_fn job)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
		_exit(2);
	_exit(job() < 0);
}

/* The workers of a killed process are ours (test_killed_jobs): they end with it. */
static void reap(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* Runs a job in a child and kills it at its n-th stop for a system call. True when it was killed, false when it had ended before. */
static bool kill_at(job_fn job, size_t n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		child(job);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (size_t i = 0; WIFSTOPPED(status) && i < n; i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (!WIFSTOPPED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		return false;
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

/* Killed before and after each of its system calls, an import leaves the old image or the new one, and no garbage. */
static void test_killed(void **state)
{
	size_t n = 1;
	bool was_new = false;

	(void)state;
	for (bool killed = true; killed; n += 3) {
		cleanup_with(image_info_freep) struct image_info *i = NULL;
		mem_cleanup char *text = NULL;
		mem_cleanup int *fds = NULL;
		size_t n_fds;

		if (was_new || n == 1)
			image_info_free(must_import("a", "old"));
		killed = kill_at(job_import, n);
		reopen();
		expect_counts(1, 2);
		assert_int_equal(image_find(store, "a", &i, NULL), 0);
		assert_int_equal(image_open_layers(store, i, &fds, &n_fds, NULL), 0);
		assert_int_equal(fs_read(fds[0], "file", 100, &text, NULL, NULL), 0);
		close(fds[0]);
		was_new = !strcmp(text, "new");
		assert_true(was_new || !strcmp(text, "old"));
	}
	assert_true(was_new);
	assert_true(n > 100);
}

/* What a pull does: two layers through workers, then the documents. */
static int pull_layer(struct image_lease *lease, const char *name, char ret_diff[static 65])
{
	cleanup_with(image_layer_freep) struct image_layer *l = NULL;
	const struct image_layer_from from = {.size = -1};
	struct tar_make t = {.data = NULL};
	struct image_unpacked u;
	int r;

	tar_make_file(&t, name, "new");
	tar_make_end(&t);
	sha256_of(t.data, t.len, ret_diff);
	r = image_layer_begin(store, lease, &from, ret_diff, &l, NULL);
	if (r == IMAGE_LAYER_BEGUN) {
		r = fd_write_all(image_layer_fd(l), t.data, t.len);
		if (r == 0)
			r = image_layer_end(l, &u, NULL);
	}
	tar_make_free(&t);
	return r;
}

static int job_pull(void)
{
	cleanup_with(image_lease_freep) struct image_lease *lease = NULL;
	mem_cleanup char *config = NULL, *manifest = NULL;
	struct image_info *i = NULL;
	char diff[2][65], hex[65];
	int r = image_lease_new(store, "pull", &lease, NULL);

	if (r == 0)
		r = pull_layer(lease, "file", diff[0]);
	if (r >= 0)
		r = pull_layer(lease, "other", diff[1]);
	if (r < 0)
		return r;
	config =
	    mem_printf("{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
		       "\"sha256:%s\",\"sha256:%s\"]}}",
		       diff[0], diff[1]);
	sha256_of(config, strlen(config), hex);
	manifest = mem_printf("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MANIFEST_CONFIG
			      "\",\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":["
			      "{\"mediaType\":\"" MANIFEST_LAYER "\",\"digest\":\"sha256:%s\",\"size\":2048},"
			      "{\"mediaType\":\"" MANIFEST_LAYER "\",\"digest\":\"sha256:%s\",\"size\":2048}]}",
			      hex, strlen(config), diff[0], diff[1]);
	return image_commit(
	    store, lease,
	    &(struct image_docs){
		.manifest = manifest, .n_manifest = strlen(manifest), .config = config, .n_config = strlen(config)},
	    "a", IMAGE_REPLACE_YES, &i, NULL);
}

static int job_tag(void)
{
	return image_tag(store, "a", "z", IMAGE_REPLACE_NO, NULL);
}

static int job_remove(void)
{
	return image_remove(store, "a", NULL);
}

static int job_prune(void)
{
	struct image_pruned p;

	return image_prune(store, &(struct image_prune_options){.all = true}, &p, NULL);
}

/* Old or new, whole in any case, and nothing beside it. True: new. */
static bool is_done(const char *before, const char *after, size_t layers_after)
{
	struct image_info **list = image_list(store);
	char names[200] = "";
	size_t layers = 0;

	for (size_t i = 0; list[i]; i++) {
		mem_cleanup int *fds = NULL;
		size_t n;

		snprintf(names + strlen(names), sizeof names - strlen(names), "%s ", list[i]->name);
		assert_int_equal(image_open_layers(store, list[i], &fds, &n, NULL), 0);
		for (size_t k = 0; k < n; k++)
			close(fds[k]);
		layers = n;
		image_info_free(list[i]);
	}
	free(list);
	expect_counts(layers, layers ? 2 : 0);
	assert_int_equal(count("images/leases"), 0);
	if (strcmp(names, after) == 0 && layers == layers_after)
		return true;
	assert_string_equal(names, before);
	assert_int_equal(layers, 1);
	return false;
}

static void test_killed_jobs(void **state)
{
	static const struct {
		job_fn job;
		const char *after;
		size_t layers;
	} rows[] = {
	    {job_pull, "a:latest ", 2}, {job_tag, "a:latest z:latest ", 1}, {job_remove, "", 0}, {job_prune, "", 0}};

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool killed = true, was_done = true;
		size_t n = 1;

		for (; killed; n += 5) {
			if (was_done) {
				tear_down(state);
				set_up(state);
				image_info_free(must_import("a", "old"));
			}
			killed = kill_at(rows[i].job, n);
			reap();
			reopen();
			was_done = is_done("a:latest ", rows[i].after, rows[i].layers);
		}
		assert_true(was_done);
		assert_true(n > 20);
	}
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static int run_full(void)
{
	const struct rlimit limit = {.rlim_cur = 300, .rlim_max = 300};
	struct image_info *i = NULL;
	struct err err = ERR_INIT;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	return import("a", "new", &i, &err) == -EFBIG ? 0 : 2;
}

/* The limit of file size stands in for a full disk: the config is longer, the file and its name are not. */
static void test_full(void **state)
{
	cleanup_with(image_info_freep) struct image_info *a = must_import("a", "old");
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_full());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	expect_counts(1, 2);
	reopen();
	expect_content(a, "old");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_import),	TEST(test_find),	TEST(test_name_by_digest), TEST(test_remove),
	    TEST(test_replace), TEST(test_garbage),	TEST(test_damaged),	   TEST(test_commit_refused),
	    TEST(test_killed),	TEST(test_killed_jobs), TEST(test_full),	   TEST(test_trash),
	};

	return cmocka_run_group_tests_name("image/store", tests, NULL, NULL);
}
