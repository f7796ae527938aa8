/* SPDX-License-Identifier: Apache-2.0 */
#include "store_lib.h"

#include "base/core/err.h"
#include "base/core/fd.h"
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

/* Transactions in the write-ahead log: frames whose header has the size of the database after a commit (sqlite.org/fileformat.html, 4.1). */
static unsigned count_commits(const struct box *b)
{
	mem_cleanup char *path = mem_printf("%s/berth.db-wal", b->dir);
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char head[24];
	unsigned n = 0;

	assert_true(fd >= 0);
	for (off_t at = 32; pread(fd, head, sizeof head, at) == sizeof head; at += (off_t)sizeof head + 4096)
		n += head[4] || head[5] || head[6] || head[7];
	return n;
}

/* Each group costs a sync: what comes in one turn of the loop is one, also when the thread has nothing to do. */
static void test_one_group(void **state)
{
	struct box *b = box_opened("sqlite");
	unsigned before;

	(void)state;
	append(b, "a");
	await(b);
	before = count_commits(b);
	for (int i = 0; i < 50; i++)
		append(b, "b");
	await(b);
	assert_int_equal(count_commits(b) - before, 1);
	box_free(b);
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

/* Nothing is written before the loop turns, as when the disk hangs: what waits has a limit, what is refused is told so, and the rest is kept whole. */
static void test_queue_limit(void **state)
{
	struct box *b = box_opened("sqlite");
	mem_cleanup char *large = mem_zalloc(1, (1u << 20) + 1);
	uint64_t next = 1;

	(void)state;
	memset(large, 'x', 1u << 20);
	for (int i = 0; i < 80; i++)
		append(b, large);
	store_remove(b->store, "always/");
	await(b);
	assert_int_equal(b->failed, 80 - 63);
	assert_int_equal(b->last_code, EAGAIN);
	assert_non_null(strstr(b->last_text, "64 MiB wait to be written already"));
	append(b, "there is room again");
	await(b);
	assert_int_equal(b->failed, 80 - 63);
	assert_int_equal(store_read(b->store, 0, 0, count_event, &next, NULL), 0);
	assert_int_equal(next - 1, 63 + 1);
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
	    cmocka_unit_test(test_one_group),
	    cmocka_unit_test(test_queue_limit),
	    cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
