/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/layer.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "lib/tar_make.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

/* top is the data directory; top/canary must never change. */
static char top_name[64];
static int top = -1;
static struct image_store *store;
static struct image_lease *lease;

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	snprintf(top_name, sizeof top_name, "/tmp/berth-layer-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top, "canary", 0700), 0);
	assert_int_equal(mknodat(top, "canary/x", S_IFREG | 0600, 0), 0);
	if (image_store_open(top, &store, &err) < 0 || image_lease_new(store, "test", &lease, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	lease = image_lease_free(lease);
	store = image_store_close(store);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
	return 0;
}

/* ---- trees ---- */

/* A tree as lines "name kind": d directory, o opaque directory, f file, l link, w whiteout; names in order. */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char kind_of(int dir, const char *name, const struct stat *st)
{
	fd_cleanup int fd = -1;

	if (S_ISCHR(st->st_mode))
		return st->st_rdev == makedev(0, 0) ? 'w' : 'c';
	if (!S_ISDIR(st->st_mode))
		return S_ISLNK(st->st_mode) ? 'l' : S_ISREG(st->st_mode) ? 'f' : '?';
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fgetxattr(fd, "trusted.overlay.opaque", NULL, 0) == 1 ||
		       fgetxattr(fd, "user.overlay.opaque", NULL, 0) == 1
		   ? 'o'
		   : 'd';
}

static void list_tree(int dir, const char *prefix, char *out, size_t cap)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	char *names[100] = {NULL};
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e && n < 100; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			names[n++] = mem_strdup(e->d_name);
	}
	closedir(d);
	qsort(names, n, sizeof *names, by_text);
	for (size_t i = 0; i < n; i++) {
		mem_cleanup char *path = mem_printf("%s%s", prefix, names[i]), *below = mem_printf("%s/", path);
		struct stat st;
		char kind;

		assert_int_equal(fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		kind = kind_of(dir, names[i], &st);
		snprintf(out + strlen(out), cap - strlen(out), "%s%s:%c", *out ? " " : "", path, kind);
		if (S_ISDIR(st.st_mode)) {
			fd_cleanup int sub = openat(dir, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			list_tree(sub, below, out, cap);
		}
		free(names[i]);
	}
}

/* "d/" a directory, "a->b" a symbolic link, "a=b" a hard link, "!a" a character device, else a file; separated by blanks. */
static void make_tar(struct tar_make *t, const char *text)
{
	mem_cleanup char *copy = mem_strdup(text);
	char *save = NULL;

	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *arrow = strstr(p, "->"), *equal = strchr(p, '=');

		if (arrow)
			*arrow = '\0';
		if (!arrow && equal)
			*equal = '\0';
		if (*p == '!')
			tar_make_head(t, &(struct tar_header){.name = p + 1, .type = '3', .major = 0, .minor = 0});
		else if (arrow || equal)
			tar_make_link(t, arrow ? '2' : '1', p, arrow ? arrow + 2 : equal + 1);
		else if (p[strlen(p) - 1] == '/')
			tar_make_dir(t, p);
		else
			tar_make_file(t, p, "text");
	}
	tar_make_end(t);
}

static int memory_file(const struct tar_make *t)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_int_equal(fd_write_all(fd, t->data, t->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void expect_canary(const char *what)
{
	if (faccessat(top, "canary/x", F_OK, 0) != 0)
		fail_msg("%s reached outside", what);
}

/* Whiteouts mean the layers below, and what the same layer has stays in either order. */
static void test_whiteouts(void **state)
{
	static const struct {
		const char *tar, *want; /* want: the tree, or the refusal's text after "!" */
		bool opaque;
	} rows[] = {
	    {"d/ d/.wh.x", "d:d d/x:w", false},
	    {".wh.x", "x:w", false},
	    {"d/.wh.x", "d:d d/x:w", false},
	    {"x .wh.x", "x:f", false},
	    {".wh.x x", "x:f", false},
	    {"d/ d/a .wh.d", "d:o d/a:f", false},
	    {".wh.d d/ d/a", "d:o d/a:f", false},
	    {".wh.d d/a", "d:o d/a:f", false},
	    {".wh.d d/e/a", "d:o d/e:d d/e/a:f", false},
	    {"d/a .wh.d", "d:o d/a:f", false},
	    {".wh.d d->e", "d:l", false},
	    {".wh.x .wh.x", "x:w", false},
	    {".wh.d d/.wh.x", "d:o d/x:w", false},
	    {"d/ d/.wh..wh..opq d/a", "d:o d/a:f", false},
	    {"d/a d/.wh..wh..opq", "d:o d/a:f", false},
	    {"d/.wh..wh..opq", "d:o", false},
	    {".wh..wh..opq a", "a:f", true},
	    {"./.wh..wh..opq", "", true},
	    {"a .wh.b=a", "a:f b:w", false},
	    {"a .wh.b->/", "a:f b:w", false},
	    {".wh..wh.plnk/ .wh..wh.plnk/1.2 .wh..wh.aufs a", "a:f", false},
	    {"!dev/null", "dev:d dev/null:w", false},
	    {"!x x", "x:f", false},
	    {"", "", false},
	    {"d->/canary d/.wh.x", "!No such file", false},
	    {"canary/ d->/canary d/.wh.x", "canary:d canary/x:w d:l", false},
	    {"canary/ d->../../../canary d/.wh.x d/.wh..wh..opq", "canary:d canary/x:w d:l", false},
	    {".wh.", "!a whiteout must name", false},
	    {"d/.wh..", "!a whiteout must name", false},
	    {".wh...", "!a whiteout must name", false},
	    {".wh.d/x", "!begins with", false},
	    {".wh.x a=x", "!not in the archive before it", false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tar_make t = {.data = NULL};
		fd_cleanup int tar = -1, dir = -1, fs = -1;
		struct image_unpacked u;
		struct err err = ERR_INIT;
		char name[64], got[500] = "";
		int r;

		make_tar(&t, rows[i].tar);
		tar = memory_file(&t);
		tar_make_free(&t);
		assert_int_equal(image_lease_tmp(lease, &dir, name, NULL), 0);
		r = image_unpack_layer(tar, dir, NULL, &u, &err);
		if (r == 0)
			r = image_layer_mark(dir, &err);
		if (*rows[i].want == '!' ? r == 0 || !strstr(err.text, rows[i].want + 1) : r < 0)
			fail_msg("%s: %d, %s", rows[i].tar, r, err.text);
		expect_canary(rows[i].tar);
		if (r < 0)
			continue;
		fs = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		list_tree(fs, "", got, sizeof got);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s instead of %s", rows[i].tar, got, rows[i].want);
		assert_int_equal(u.opaque, rows[i].opaque);
	}
	(void)state;
}

/* The list of marks is the worker's: whatever is in it, nothing outside is touched. */
static void test_hostile_marks(void **state)
{
	static const char list[] = "link\0../../../../canary\0/etc\0file\0missing\0d";
	fd_cleanup int dir = -1, fs = -1, canary = openat(top, "canary", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;
	char name[64], got[200] = "";

	(void)state;
	assert_int_equal(image_lease_tmp(lease, &dir, name, NULL), 0);
	assert_int_equal(mkdirat(dir, "fs", 0755), 0);
	assert_int_equal(mkdirat(dir, "fs/d", 0755), 0);
	assert_int_equal(symlinkat("../../../../canary", dir, "fs/link"), 0);
	assert_int_equal(mknodat(dir, "fs/file", S_IFREG | 0600, 0), 0);
	assert_int_equal(fs_write_atomic(dir, "opaque", list, sizeof list, 0600, false, NULL), 0);
	if (image_layer_mark(dir, &err) < 0)
		fail_msg("%s", err.text);
	fs = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list_tree(fs, "", got, sizeof got);
	assert_string_equal(got, "d:o file:f link:l");
	assert_int_equal(fgetxattr(canary, "trusted.overlay.opaque", NULL, 0), -1);
	assert_int_equal(symlinkat("/etc/passwd", dir, "opaque"), 0);
	assert_int_not_equal(image_layer_mark(dir, &err), 0);
}

/* ---- coming in ---- */

struct sample {
	struct tar_make t;
	char packed[65], diff[65];
};

static void make_sample(struct sample *m, const char *text, bool gzip)
{
	*m = (struct sample){.t = {.data = NULL}};
	make_tar(&m->t, text);
	sha256_of(m->t.data, m->t.len, m->diff);
	if (gzip)
		tar_make_gzip(&m->t);
	sha256_of(m->t.data, m->t.len, m->packed);
}

static int begin(const struct sample *m, struct image_layer **l, struct err *err)
{
	const struct image_layer_from from = {
	    .digest = m->packed, .size = (int64_t)m->t.len, .media_type = "x/y", .from = "host/repo"};

	return image_layer_begin(store, lease, &from, m->diff, l, err);
}

static int feed(struct image_layer *l, const struct sample *m, struct image_unpacked *u, struct err *err)
{
	int r = fd_write_all(image_layer_fd(l), m->t.data, m->t.len);

	image_layer_close(l);
	return r == 0 || r == -EPIPE ? image_layer_end(l, u, err) : r;
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

static void test_ingest(void **state)
{
	cleanup_with(image_layer_freep) struct image_layer *l = NULL, *again = NULL;
	struct image_layer_meta meta = {.media_type = NULL};
	struct image_unpacked u = {.tar_size = 0};
	struct err err = ERR_INIT;
	struct sample m = {.t = {.data = NULL}};

	(void)state;
	make_sample(&m, "d/ d/a .wh.gone d/.wh..wh..opq", true);
	if (begin(&m, &l, &err) != IMAGE_LAYER_BEGUN || feed(l, &m, &u, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(u.diff_id, m.diff);
	assert_string_equal(u.packed, m.packed);
	assert_int_equal(u.packed_size, m.t.len);
	assert_int_equal(image_layer_meta_read(store, m.diff, &meta, NULL), 0);
	assert_string_equal(meta.packed, m.packed);
	assert_string_equal(meta.media_type, "x/y");
	assert_string_equal(meta.from, "host/repo");
	assert_int_equal(meta.tar_size, u.tar_size);
	assert_true(meta.this_boot);
	assert_false(meta.opaque);
	image_layer_meta_free(&meta);
	assert_int_equal(begin(&m, &again, &err), IMAGE_LAYER_THERE);
	assert_int_equal(count("images/tmp"), 0);
	assert_int_equal(count("images/leases"), 1);
	tar_make_free(&m.t);
}

/* A layer that somebody is still writing is not a layer: wrong bytes of every kind leave nothing. */
static void test_refused(void **state)
{
	static const struct {
		const char *digest, *diff, *why;
		int64_t size;
		size_t cut;
	} rows[] = {
	    {"0000000000000000000000000000000000000000000000000000000000000000", NULL, "damaged on its way", -1, 0},
	    {NULL, "0000000000000000000000000000000000000000000000000000000000000000", "but the image's config says",
	     -1, 0},
	    {NULL, NULL, "bytes long, not 5", 5, 0},
	    {NULL, NULL, "is cut short", -1, 20},
	};
	struct sample m;

	(void)state;
	make_sample(&m, "d/ d/a", true);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct image_layer_from from = {.digest = rows[i].digest, .size = rows[i].size};
		cleanup_with(image_layer_freep) struct image_layer *l = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(image_layer_begin(store, lease, &from, rows[i].diff, &l, &err), IMAGE_LAYER_BEGUN);
		assert_int_equal(fd_write_all(image_layer_fd(l), m.t.data, m.t.len - rows[i].cut), 0);
		if (image_layer_end(l, NULL, &err) == 0 || !strstr(err.text, rows[i].why))
			fail_msg("%s: %s", rows[i].why, err.text);
		l = image_layer_free(l);
		assert_int_equal(count("images/layers"), 0);
		assert_int_equal(count("images/tmp"), 0);
		assert_int_equal(count("images/leases"), 1);
	}
	tar_make_free(&m.t);
}

/* An aborted download leaves nothing either, and its worker has gone. */
static void test_aborted(void **state)
{
	struct image_layer *l = NULL;
	struct err err = ERR_INIT;
	struct sample m;

	(void)state;
	make_sample(&m, "d/ d/a", true);
	assert_int_equal(begin(&m, &l, &err), IMAGE_LAYER_BEGUN);
	assert_int_equal(fd_write_all(image_layer_fd(l), m.t.data, 30), 0);
	assert_null(image_layer_free(l));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(count("images/tmp"), 0);
	assert_int_equal(count("images/leases"), 1);
	tar_make_free(&m.t);
}

/* Another process downloads the blob: `end` says how it ends. It says when it has begun, and goes on when it is told. */
enum other { OTHER_FINISHES, OTHER_GIVES_UP, OTHER_DIES };

static _Noreturn void other_process(const struct sample *m, enum other end, int began, int go_on)
{
	struct image_layer *l = NULL;
	struct err err = ERR_INIT;
	char c;

	store = NULL;
	lease = NULL;
	if (image_store_open(top, &store, &err) < 0 || image_lease_new(store, "other", &lease, &err) < 0 ||
	    begin(m, &l, &err) != IMAGE_LAYER_BEGUN || write(began, "x", 1) != 1 || read(go_on, &c, 1) != 1)
		_exit(1);
	if (end == OTHER_DIES)
		(void)kill(getpid(), SIGKILL);
	if (end == OTHER_FINISHES && feed(l, m, NULL, &err) < 0)
		_exit(2);
	image_layer_free(l);
	/* it has no use for the layer any more, but the one who waits */
	if (end != OTHER_FINISHES)
		image_lease_free(lease);
	_exit(0);
}

static void wait_for_other(enum other end, int want)
{
	int began[2], go_on[2];
	cleanup_with(image_layer_freep) struct image_layer *l = NULL;
	struct err err = ERR_INIT;
	struct sample m;
	char c;
	pid_t pid;

	make_sample(&m, "a b", true);
	assert_int_equal(pipe2(began, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go_on, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		other_process(&m, end, began[1], go_on[0]);
	close(began[1]);
	close(go_on[0]);
	assert_int_equal(read(began[0], &c, 1), 1);
	assert_int_equal(begin(&m, &l, &err), IMAGE_LAYER_WAIT);
	assert_int_equal(poll(&(struct pollfd){.fd = image_layer_wait_fd(l), .events = POLLIN}, 1, 0), 0);
	assert_int_equal(write(go_on[1], "x", 1), 1);
	assert_int_equal(poll(&(struct pollfd){.fd = image_layer_wait_fd(l), .events = POLLIN}, 1, 60000), 1);
	assert_int_equal(image_layer_again(l, &err), want);
	if (want == IMAGE_LAYER_BEGUN && feed(l, &m, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(count("images/layers"), 1);
	close(began[0]);
	close(go_on[1]);
	tar_make_free(&m.t);
}

static void test_waits(void **state)
{
	static const struct {
		enum other end;
		int want;
	} rows[] = {
	    {OTHER_FINISHES, IMAGE_LAYER_THERE}, {OTHER_GIVES_UP, IMAGE_LAYER_BEGUN}, {OTHER_DIES, IMAGE_LAYER_BEGUN}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		wait_for_other(rows[i].end, rows[i].want);
		tear_down(state);
		set_up(state);
	}
}

/* Many processes want one layer at once: one download, and all of them have it. */
static void test_crowd(void **state)
{
	enum { N = 8 };
	int downloads[2];
	struct sample m;
	char seen[N + 1];
	pid_t pids[N];

	(void)state;
	make_sample(&m, "a b c", false);
	assert_int_equal(pipe2(downloads, O_CLOEXEC), 0);
	/* Without it the first could have ended, and the layer with it, before the last begins. */
	assert_true(image_lease_layer(lease, m.diff, NULL) >= 0);
	for (size_t i = 0; i < N; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct image_layer *l = NULL;
			struct err err = ERR_INIT;
			int r;

			if (image_store_open(top, &store, &err) < 0 || image_lease_new(store, "n", &lease, &err) < 0)
				_exit(1);
			for (r = begin(&m, &l, &err); r == IMAGE_LAYER_WAIT; r = image_layer_again(l, &err))
				(void)poll(&(struct pollfd){.fd = image_layer_wait_fd(l), .events = POLLIN}, 1, -1);
			if (r == IMAGE_LAYER_BEGUN && (write(downloads[1], "d", 1) != 1 || feed(l, &m, NULL, &err) < 0))
				_exit(2);
			image_layer_free(l);
			_exit(r < 0 ? 3 : image_lease_layer(lease, m.diff, &err) == 1 ? 0 : 4);
		}
	}
	for (size_t i = 0; i < N; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	close(downloads[1]);
	assert_int_equal(read(downloads[0], seen, sizeof seen), 1);
	close(downloads[0]);
	assert_int_equal(count("images/layers"), 1);
	tar_make_free(&m.t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_whiteouts), TEST(test_hostile_marks), TEST(test_ingest), TEST(test_refused),
	    TEST(test_aborted),	  TEST(test_waits),	    TEST(test_crowd),
	};

	return cmocka_run_group_tests_name("image/layer", tests, NULL, NULL);
}
