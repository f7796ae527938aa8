/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/store/store_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* One store in a directory of its own, and what its callbacks said. */
struct box {
	char dir[64];
	const char *kind;
	struct loop *loop;
	struct store *store;
	long calls, awaited, failed;
	uint64_t last_seq;
	int last_code;
	char last_text[ERR_TEXT_MAX];
	char seen[4096]; /* what a read gave, as text */
};

static struct box *box_new(const char *kind)
{
	struct box *b = mem_new(struct box);

	b->kind = kind;
	snprintf(b->dir, sizeof b->dir, "/tmp/berth-store-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	assert_int_equal(loop_new(&b->loop, NULL), 0);
	return b;
}

static int box_open(struct box *b, struct err *err)
{
	b->calls = b->awaited = b->failed = 0;
	b->last_seq = 0;
	return store_open(b->kind, b->dir, b->loop, &b->store, err);
}

static struct box *box_opened(const char *kind)
{
	struct box *b = box_new(kind);
	struct err err = ERR_INIT;

	if (box_open(b, &err) != 0)
		fail_msg("open: %s", err.text);
	return b;
}

static void box_free(struct box *b)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	b->store = store_close(b->store);
	loop_free(b->loop);
	assert_int_equal(fs_remove_tree(tmp, b->dir + strlen("/tmp/"), NULL), 0);
	free(b);
}

static void on_done(void *ctx, uint64_t seq, const struct err *error)
{
	struct box *b = ctx;

	b->calls++;
	if (error) {
		b->failed++;
		b->last_code = error->code;
		snprintf(b->last_text, sizeof b->last_text, "%s", error->text);
	} else {
		assert_true(seq > b->last_seq); /* in the order of the calls */
		b->last_seq = seq;
	}
	if (b->calls == b->awaited)
		loop_stop(b->loop);
}

static void on_done_snapshot(void *ctx, uint64_t seq, const struct err *error)
{
	struct box *b = ctx;

	(void)seq;
	b->calls++;
	b->failed += error != NULL;
	b->last_code = error ? error->code : 0;
	if (b->calls == b->awaited)
		loop_stop(b->loop);
}

static void append(struct box *b, const char *data)
{
	struct store_event e = {.time_ms = 1000, .kind = "test", .data = data, .len = strlen(data)};

	b->awaited++;
	store_append(b->store, &e, NULL, 0, on_done, b);
}

static void append_doc(struct box *b, const char *data, const char *key, const char *value)
{
	struct store_event e = {.time_ms = 1000, .kind = "test", .data = data, .len = strlen(data)};
	struct store_doc d = {.key = key, .value = value, .len = value ? strlen(value) : 0};

	b->awaited++;
	store_append(b->store, &e, &d, 1, on_done, b);
}

static void await(struct box *b)
{
	while (b->calls < b->awaited)
		assert_int_equal(loop_run(b->loop, NULL), 0);
}

static int see_event(void *ctx, const struct store_event *e)
{
	struct box *b = ctx;
	size_t n = strlen(b->seen);

	assert_int_equal(strlen(e->data), e->len);
	assert_string_equal(e->kind, "test");
	assert_int_equal(e->time_ms, 1000);
	snprintf(b->seen + n, sizeof b->seen - n, "%llu=%s ", (unsigned long long)e->seq, e->data);
	return 0;
}

static int see_doc(void *ctx, const char *key, const char *value, size_t len)
{
	struct box *b = ctx;
	size_t n = strlen(b->seen);

	if (!value)
		return -EINVAL;
	assert_int_equal(strlen(value), len);
	snprintf(b->seen + n, sizeof b->seen - n, "%s=%s ", key, value);
	return strcmp(value, "stop") == 0 ? 7 : 0;
}

static const char *read_events(struct box *b, uint64_t from, size_t limit)
{
	struct err err = ERR_INIT;

	b->seen[0] = '\0';
	if (store_read(b->store, from, limit, see_event, b, &err) != 0)
		fail_msg("read: %s", err.text);
	return b->seen;
}

static const char *scan(struct box *b, const char *prefix, int want)
{
	b->seen[0] = '\0';
	assert_int_equal(store_scan(b->store, prefix, see_doc, b, NULL), want);
	return b->seen;
}

static void check_basics(const char *kind)
{
	struct box *b = box_opened(kind);
	struct err err = ERR_INIT;
	char *value;
	size_t n;

	assert_int_equal(store_last_seq(b->store), 0);
	assert_int_equal(store_get(b->store, "job/1", &value, &n, &err), -ENOENT);
	append_doc(b, "{}", "job/1", "one");
	append_doc(b, "two", "job/2", "two");
	append_doc(b, "", "task/1", "t");
	append_doc(b, "4", "job/10", "ten");
	assert_int_equal(b->calls, 0); /* never from within the call */
	await(b);
	assert_int_equal(b->failed, 0);
	assert_int_equal(store_last_seq(b->store), 4);
	assert_string_equal(read_events(b, 0, 0), "1={} 2=two 3= 4=4 ");
	assert_string_equal(read_events(b, 2, 2), "2=two 3= ");
	assert_string_equal(read_events(b, 5, 2), "");
	assert_string_equal(read_events(b, UINT64_MAX, 2), "");
	assert_string_equal(scan(b, "job/", 0), "job/1=one job/10=ten job/2=two ");
	assert_string_equal(scan(b, "", 0), "job/1=one job/10=ten job/2=two task/1=t ");
	assert_string_equal(scan(b, "x", 0), "");
	append_doc(b, "5", "job/1", NULL);
	append_doc(b, "6", "job/10", "stop");
	append_doc(b, "7", "no such key", NULL);
	await(b);
	assert_string_equal(scan(b, "job/", 7), "job/10=stop ");
	assert_int_equal(store_get(b->store, "job/2", &value, &n, &err), 0);
	assert_string_equal(value, "two");
	assert_int_equal(n, 3);
	free(value);
	assert_int_equal(store_get(b->store, "job/1", &value, &n, &err), -ENOENT);
	box_free(b);
}

static void check_snapshot(const char *kind)
{
	struct box *b = box_opened(kind);
	struct err err = ERR_INIT;
	uint64_t seq;
	char *value;
	size_t n;

	assert_int_equal(store_snapshot_get(b->store, &seq, &value, &n, &err), -ENOENT);
	for (int i = 0; i < 10; i++)
		append(b, "x");
	b->awaited += 2;
	store_snapshot(b->store, 6, "state", 5, 2, on_done_snapshot, b);
	store_snapshot(b->store, 11, "future", 6, 2, on_done_snapshot, b);
	await(b);
	assert_int_equal(b->failed, 1);
	assert_int_equal(b->last_code, EINVAL);
	assert_int_equal(store_snapshot_get(b->store, &seq, &value, &n, &err), 0);
	assert_int_equal(seq, 6);
	assert_string_equal(value, "state");
	assert_int_equal(n, 5);
	free(value);
	assert_string_equal(read_events(b, 0, 0), "7=x 8=x 9=x 10=x ");
	b->awaited++;
	store_snapshot(b->store, 10, "newer", 5, 2, on_done_snapshot, b);
	await(b);
	assert_string_equal(read_events(b, 0, 0), "9=x 10=x ");
	b->awaited++;
	store_snapshot(b->store, 10, "newest", 6, 0, on_done_snapshot, b);
	await(b);
	assert_string_equal(read_events(b, 0, 0), "");
	append(b, "y");
	await(b);
	assert_string_equal(read_events(b, 0, 0), "11=y ");
	box_free(b);
}

/* More than a page, in many groups; every callback in order and the numbers without a gap. */
static void check_many(const char *kind)
{
	struct box *b = box_opened(kind);
	char key[32];

	for (int i = 0; i < 3000; i++) {
		snprintf(key, sizeof key, "k/%06d", i);
		append_doc(b, "x", key, "v");
		if (i % 500 == 0)
			await(b);
	}
	await(b);
	assert_int_equal(b->failed, 0);
	assert_int_equal(b->last_seq, 3000);
	read_events(b, 2999, 0);
	assert_string_equal(b->seen, "2999=x 3000=x ");
	scan(b, "k/00299", 0);
	assert_non_null(strstr(b->seen, "k/002990=v "));
	assert_non_null(strstr(b->seen, "k/002999=v "));
	box_free(b);
}

static int count_event(void *ctx, const struct store_event *e)
{
	uint64_t *next = ctx;

	assert_int_equal(e->seq, *next);
	++*next;
	return 0;
}

static int count_doc(void *ctx, const char *key, const char *value, size_t len)
{
	(void)key;
	(void)value;
	(void)len;
	++*(uint64_t *)ctx;
	return 0;
}

static void check_pages(const char *kind)
{
	struct box *b = box_opened(kind);
	uint64_t next = 1, docs = 0;
	char key[32];

	for (int i = 0; i < 1030; i++) {
		snprintf(key, sizeof key, "k%d", i);
		append_doc(b, "x", key, "v");
	}
	await(b);
	assert_int_equal(store_read(b->store, 0, 0, count_event, &next, NULL), 0);
	assert_int_equal(next, 1031);
	next = 5;
	assert_int_equal(store_read(b->store, 5, 700, count_event, &next, NULL), 0);
	assert_int_equal(next, 705);
	assert_int_equal(store_scan(b->store, "k", count_doc, &docs, NULL), 0);
	assert_int_equal(docs, 1030);
	box_free(b);
}

static const char *const kinds[] = {"sqlite", "memory"};

static void test_basics(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		check_basics(kinds[i]);
		check_snapshot(kinds[i]);
		check_many(kinds[i]);
		check_pages(kinds[i]);
	}
}

static void test_unknown_kind(void **state)
{
	struct store *s;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(store_open("paper", "/tmp", NULL, &s, &err), -EINVAL);
}

static void test_memory_failures(void **state)
{
	struct box *b = box_opened("memory");

	(void)state;
	append(b, "a");
	await(b);
	store_mem_fail(b->store, 1, ENOSPC);
	append(b, "b");
	append(b, "c");
	await(b);
	assert_int_equal(b->failed, 2);
	assert_int_equal(b->last_code, ENOSPC);
	append(b, "d");
	await(b);
	assert_string_equal(read_events(b, 0, 0), "1=a 2=d ");
	box_free(b);
}

static void append_again(void *ctx, uint64_t seq, const struct err *error)
{
	struct box *b = ctx;

	(void)seq;
	b->calls++;
	if (error) {
		b->last_code = error->code;
		return;
	}
	store_append(b->store, &(struct store_event){.kind = "test", .data = "again", .len = 5}, NULL, 0, append_again,
		     b);
}

/* Closing waits for what is queued and tells it; what is added from then on fails. */
static void test_close(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct box *b = box_opened(kinds[i]);

		store_append(b->store, &(struct store_event){.kind = "test", .data = "x", .len = 1}, NULL, 0,
			     append_again, b);
		b->store = store_close(b->store);
		assert_int_equal(b->calls, 2);
		assert_int_equal(b->last_code, ESHUTDOWN);
		box_free(b);
	}
}

static void test_reopen(void **state)
{
	struct box *b = box_opened("sqlite");
	struct err err = ERR_INIT;
	char *value;
	uint64_t seq;

	(void)state;
	append_doc(b, "a", "k", "v");
	append(b, "b");
	b->awaited++;
	store_snapshot(b->store, 0, "s", 1, 100, on_done_snapshot, b);
	await(b);
	b->store = store_close(b->store);
	assert_int_equal(box_open(b, &err), 0);
	assert_int_equal(store_last_seq(b->store), 2);
	assert_string_equal(read_events(b, 0, 0), "1=a 2=b ");
	assert_string_equal(scan(b, "", 0), "k=v ");
	assert_int_equal(store_snapshot_get(b->store, &seq, &value, NULL, &err), 0);
	free(value);
	/* All events dropped: the numbers go on. */
	b->awaited++;
	store_snapshot(b->store, 2, "s", 1, 0, on_done_snapshot, b);
	await(b);
	b->store = store_close(b->store);
	assert_int_equal(box_open(b, &err), 0);
	assert_int_equal(store_last_seq(b->store), 2);
	append(b, "c");
	await(b);
	assert_string_equal(read_events(b, 0, 0), "3=c ");
	box_free(b);
}

static void in_file(struct box *b, const char *sql)
{
	mem_cleanup char *path = mem_printf("%s/berth.db", b->dir);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_newer_format(void **state)
{
	struct box *b = box_opened("sqlite");
	struct err err = ERR_INIT;

	(void)state;
	b->store = store_close(b->store);
	in_file(b, "PRAGMA user_version = 42");
	assert_int_equal(box_open(b, &err), -EPROTO);
	assert_non_null(strstr(err.text, "42"));
	assert_non_null(strstr(err.text, "up to 1"));
	box_free(b);
	b = box_new("sqlite");
	in_file(b, "CREATE TABLE t (a); PRAGMA user_version = 1");
	assert_int_equal(box_open(b, &err), -EBADMSG);
	box_free(b);
}

static void spoil(struct box *b, off_t from, size_t n)
{
	mem_cleanup char *path = mem_printf("%s/berth.db", b->dir);
	fd_cleanup int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char junk[4096];

	memset(junk, 0xa5, sizeof junk);
	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i += sizeof junk)
		assert_int_equal(pwrite(fd, junk, sizeof junk, from + (off_t)i), sizeof junk);
}

static void test_damaged(void **state)
{
	struct box *b = box_new("sqlite");
	struct err err = ERR_INIT;
	uint64_t next = 1;
	int r;

	(void)state;
	spoil(b, 0, 8192);
	assert_int_equal(box_open(b, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "damaged"));
	box_free(b);
	/* In the middle: found when it is read, at the latest. */
	b = box_opened("sqlite");
	for (int i = 0; i < 2000; i++)
		append(b, "some text that fills pages of the table");
	await(b);
	b->store = store_close(b->store);
	spoil(b, 4096, 64 << 10);
	r = box_open(b, &err);
	if (r == 0)
		r = store_read(b->store, 0, 0, count_event, &next, &err);
	assert_int_equal(r, -EBADMSG);
	box_free(b);
}

static void test_missing_directory(void **state)
{
	struct box *b = box_new("sqlite");
	struct store *s;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(store_open("sqlite", "/nonexistent/dir", b->loop, &s, &err), -ENOENT);
	box_free(b);
}

static int wait_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* A second process is refused, and told by whom. */
static void test_lock(void **state)
{
	struct box *b = box_opened("sqlite");
	pid_t pid = fork(), parent = getpid();

	(void)state;
	if (pid == 0) {
		struct err err = ERR_INIT;
		struct loop *loop;
		struct store *s;
		char who[32];

		snprintf(who, sizeof who, "process %d", (int)getppid());
		if (loop_new(&loop, &err) < 0)
			_exit(1);
		if (store_open("sqlite", b->dir, loop, &s, &err) != -EBUSY)
			_exit(2);
		_exit(strstr(err.text, who) ? 0 : 3);
	}
	assert_true(parent > 0);
	assert_int_equal(wait_status(pid), 0);
	append(b, "still mine");
	await(b);
	assert_int_equal(b->failed, 0);
	box_free(b);
}

/* Fills up to the limit, then lifts it: whole groups fail, no number is lost, and what was acknowledged is there. */
static void check_full(struct box *b, void (*lift)(void *ctx), void *ctx)
{
	mem_cleanup char *large = mem_zalloc(1, 20001);
	uint64_t kept, next = 1;

	memset(large, 'x', 20000);
	for (int i = 0; i < 200 && b->failed == 0; i++) {
		append(b, large);
		append(b, large);
		await(b);
	}
	assert_true(b->failed > 0);
	if (b->last_code != ENOSPC)
		fail_msg("not ENOSPC but: %s", b->last_text);
	assert_non_null(strstr(b->last_text, "the disk that holds "));
	kept = b->last_seq;
	assert_true(kept > 0);
	assert_int_equal(store_last_seq(b->store), kept);
	append(b, large);
	append(b, large);
	append(b, large);
	await(b);
	assert_int_equal(store_last_seq(b->store), b->last_seq);
	kept = b->last_seq;
	lift(ctx);
	b->failed = 0;
	append(b, large);
	await(b);
	assert_int_equal(b->failed, 0);
	assert_int_equal(b->last_seq, kept + 1);
	b->store = store_close(b->store);
	assert_int_equal(box_open(b, NULL), 0);
	assert_int_equal(store_read(b->store, 0, 0, count_event, &next, NULL), 0);
	assert_int_equal(next, kept + 2);
}

static void lift_rlimit(void *ctx)
{
	setrlimit(RLIMIT_FSIZE, ctx);
}

static void test_file_limit(void **state)
{
	struct box *b = box_opened("sqlite");
	struct rlimit old, low;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	low = (struct rlimit){.rlim_cur = 600 << 10, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &low);
	check_full(b, lift_rlimit, &old);
	box_free(b);
}

static void lift_tmpfs(void *ctx)
{
	assert_int_equal(mount("tmpfs", ctx, "tmpfs", MS_REMOUNT, "size=64m"), 0);
}

/* A disk that is really full: a small tmpfs in a mount namespace of a child. */
static void test_disk_full(void **state)
{
	struct box *b = box_new("sqlite");
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", b->dir, "tmpfs", 0, "size=1m") < 0)
			_exit(77);
		if (box_open(b, NULL) < 0)
			_exit(2);
		check_full(b, lift_tmpfs, b->dir);
		store_close(b->store);
		_exit(0);
	}
	status = wait_status(pid);
	box_free(b);
	if (status == 77 << 8)
		skip();
	assert_int_equal(status, 0);
}

/* The child of test_kill: appends for ever, and says each acknowledged number on the pipe. */
struct writer {
	struct box *b;
	int out;
	unsigned queued;
};

static void acknowledged(void *ctx, uint64_t seq, const struct err *error)
{
	struct writer *w = ctx;

	if (error || write(w->out, &seq, sizeof seq) != sizeof seq)
		_exit(1);
	w->queued--;
	while (w->queued < 8) {
		struct store_event e = {.time_ms = 1000, .kind = "test", .data = "payload", .len = 7};
		struct store_doc d = {.key = "count", .value = "1", .len = 1};

		w->queued++;
		store_append(w->b->store, &e, &d, 1, acknowledged, w);
	}
}

static void write_for_ever(struct box *b, int out)
{
	struct writer w = {.b = b, .out = out, .queued = 1};
	struct store_event e = {.time_ms = 1000, .kind = "test", .data = "payload", .len = 7};

	if (loop_new(&b->loop, NULL) < 0 || box_open(b, NULL) < 0)
		_exit(1);
	store_append(b->store, &e, NULL, 0, acknowledged, &w);
	loop_run(b->loop, NULL);
	_exit(1);
}

/* kill -9 at some moment: everything acknowledged must be there afterwards, without a gap. */
static void test_kill(void **state)
{
	struct box *b = box_new("sqlite");
	unsigned seed = 20260101;

	(void)state;
	for (int round = 0; round < 60; round++) {
		uint64_t seq, acked = 0, next = 1;
		int out[2], wanted;
		pid_t pid;

		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0)
			write_for_ever(b, out[1]);
		close(out[1]);
		/* The moment: after a random number of acknowledged events, and a random number of idle rounds. */
		wanted = rand_r(&seed) % 40;
		for (int i = 0; i < wanted && read(out[0], &seq, sizeof seq) == sizeof seq; i++)
			acked = seq;
		for (volatile int spin = rand_r(&seed) % 300000; spin > 0; spin--)
			;
		kill(pid, SIGKILL);
		assert_true(WIFSIGNALED(wait_status(pid)));
		while (read(out[0], &seq, sizeof seq) == sizeof seq)
			acked = seq;
		close(out[0]);
		assert_int_equal(box_open(b, NULL), 0);
		assert_int_equal(store_read(b->store, 0, 0, count_event, &next, NULL), 0);
		assert_true(next > acked);
		assert_int_equal(store_last_seq(b->store), next - 1);
		b->store = store_close(b->store);
	}
	box_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_basics),
	    cmocka_unit_test(test_unknown_kind),
	    cmocka_unit_test(test_memory_failures),
	    cmocka_unit_test(test_close),
	    cmocka_unit_test(test_reopen),
	    cmocka_unit_test(test_newer_format),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_missing_directory),
	    cmocka_unit_test(test_lock),
	    cmocka_unit_test(test_file_limit),
	    cmocka_unit_test(test_disk_full),
	    cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
