/* SPDX-License-Identifier: Apache-2.0 */
/* Backups and copies: what comes out is what went in, and what is not whole is refused. */
#include "base/store/store_move.h"
#include "base/store/backup.h"
#include "etcd_lib.h"
#include "store_lib.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDRESS "etcd://127.0.0.1:2379/"
#define LARGE (600u << 10) /* in pieces in an etcd */

/* ---- what is in a store ---- */

static int describe(void *ctx, const struct store_record *r)
{
	struct buf *text = ctx;

	buf_printf(text, "%d %" PRIu64 " %" PRId64 " %s %s=%zu:%zu;", (int)r->type, r->event.seq, r->event.time_ms,
		   r->event.kind ? r->event.kind : "", r->doc.key ? r->doc.key : "", r->doc.len, r->event.len);
	buf_adds(text, r->doc.value ? r->doc.value : "");
	buf_adds(text, r->event.data ? r->event.data : "");
	buf_addc(text, '\n');
	return 0;
}

static char *content(struct store *s)
{
	struct buf text = {.limit = 64u << 20};
	struct err err = ERR_INIT;

	if (store_records(s, describe, &text, &err) != 0)
		fail_msg("%s", err.text);
	return buf_take(&text);
}

static char *content_of(const struct store_place *p)
{
	struct loop *l = NULL;
	struct store *s = NULL;
	struct err err = ERR_INIT;
	char *text;

	assert_int_equal(loop_new(&l, NULL), 0);
	if (store_open_read(p->kind, p->dir, l, &s, &err) != 0)
		fail_msg("%s", err.text);
	text = content(s);
	store_close(s);
	loop_free(l);
	return text;
}

static void snapshot(struct box *b, uint64_t seq, size_t keep)
{
	b->awaited++;
	store_snapshot(b->store, seq, "{\"state\":1}", 11, keep, on_done_snapshot, b);
	await(b);
	assert_int_equal(b->failed, 0);
}

/* Events of which the oldest are gone, a snapshot, a large document, and bytes that JSON has to write in another way. */
static struct box *full_box(void)
{
	mem_cleanup char *large = mem_zalloc(1, LARGE + 1);
	struct box *b = box_opened("sqlite");

	memset(large, 'x', LARGE);
	append_doc(b, "one", "job/1", large);
	append_doc(b, "two \"quoted\" \\ \t\n\x01 \xc3\xa9", "job/2", "");
	append(b, "three");
	await(b);
	snapshot(b, 2, 1);
	append_doc(b, "four", "token/x", "{\"a\":[1,2]}");
	await(b);
	return b;
}

static char *path_in(const struct box *b, const char *name)
{
	return mem_printf("%s/%s", b->dir, name);
}

static void expect_error(int r, int code, const struct err *err, const char *words)
{
	assert_int_equal(r, -code);
	if (!strstr(err->text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err->text);
}

/* ---- tests ---- */

/* Out of a store that is in use, and into an empty one. */
static void test_backup(void **state)
{
	struct box *b = full_box(), *other = box_new("sqlite");
	mem_cleanup char *file = path_in(other, "backup"), *before = content(b->store), *after = NULL;
	const struct store_place from = {.kind = "sqlite", .dir = b->dir}, to = {.kind = "sqlite", .dir = other->dir};
	struct store_counts n, back;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	if (store_backup(&from, file, &n, &err) != 0)
		fail_msg("%s", err.text);
	assert_true(n.docs == 3 && n.events == 2 && n.snapshots == 1);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	expect_error(store_backup(&from, file, &n, &err), EEXIST, &err, "is there already");
	if (store_restore(file, &to, &back, &err) != 0)
		fail_msg("%s", err.text);
	assert_memory_equal(&n, &back, sizeof n);
	after = content_of(&to);
	assert_string_equal(before, after);
	/* The numbers go on. */
	assert_int_equal(box_open(other, &err), 0);
	append(other, "five");
	await(other);
	assert_int_equal(other->last_seq, 5);
	other->store = store_close(other->store);
	expect_error(store_restore(file, &to, &back, &err), EEXIST, &err, "there is a state already");
	box_free(b);
	box_free(other);
}

static void test_nothing_there(void **state)
{
	struct box *b = box_new("sqlite");
	mem_cleanup char *file = path_in(b, "backup");
	const struct store_place empty = {.kind = "sqlite", .dir = b->dir};
	struct store_counts n;
	struct err err = ERR_INIT;

	(void)state;
	expect_error(store_backup(&empty, file, &n, &err), ENOENT, &err, "there is no state in");
	assert_int_equal(access(file, F_OK), -1);
	box_free(b);
}

static void rewrite(const char *path, const char *data, size_t n)
{
	fd_cleanup int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, n), 0);
}

/* Each byte that is another one, each place where the file is cut, and whatever follows it. */
static void test_damaged(void **state)
{
	struct box *b = box_opened("sqlite"), *other = box_new("sqlite");
	mem_cleanup char *file = path_in(other, "backup"), *data = NULL;
	const struct store_place from = {.kind = "sqlite", .dir = b->dir}, to = {.kind = "sqlite", .dir = other->dir};
	struct store_counts n;
	struct err err = ERR_INIT;
	fd_cleanup int fd = -1;
	size_t len;

	(void)state;
	append_doc(b, "one", "k", "v");
	await(b);
	assert_int_equal(store_backup(&from, file, &n, &err), 0);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_read_all(fd, 1 << 20, &data, &len), 0);
	for (size_t i = 0; i < len; i++) {
		data[i] ^= 1;
		rewrite(file, data, len);
		data[i] ^= 1;
		assert_int_not_equal(backup_read(file, NULL, NULL, NULL, &err), 0);
		rewrite(file, data, i);
		assert_int_equal(backup_read(file, NULL, NULL, NULL, &err), -EBADMSG);
	}
	rewrite(file, "{\"berth_backup\":2,\"format\":1}\n", 30);
	expect_error(store_restore(file, &to, &n, &err), EPROTO, &err, "use a newer berth");
	rewrite(file, "#!/bin/sh\n", 10);
	expect_error(store_restore(file, &to, &n, &err), EBADMSG, &err, "is no backup of berth");
	rewrite(file, data, len);
	assert_int_equal(store_restore(file, &to, &n, &err), 0);
	box_free(b);
	box_free(other);
}

/* A copy that was broken off is none, for nobody. */
static void test_unfinished(void **state)
{
	struct box *b = box_opened("sqlite"), *other = box_new("sqlite");
	const struct store_place half = {.kind = "sqlite", .dir = b->dir}, to = {.kind = "sqlite", .dir = other->dir};
	const struct store_record begin = {.type = STORE_RECORD_BEGIN, .event = {.seq = 6}};
	const struct store_record event = {.type = STORE_RECORD_EVENT,
					   .event = {.seq = 7, .kind = "test", .data = "x", .len = 1, .time_ms = 1000}};
	mem_cleanup char *file = path_in(other, "backup");
	struct store_fill *f;
	struct store_counts n;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(store_fill_new(b->store, b->loop, &f, &err), 0);
	expect_error(store_fill_take(f, &event, &err), EBADMSG, &err, "not in their order");
	assert_int_equal(store_fill_take(f, &begin, &err), 0);
	assert_int_equal(store_fill_take(f, &event, &err), 0);
	expect_error(store_fill_take(f, &event, &err), EBADMSG, &err, "event 8 is missing");
	store_fill_free(f);
	b->store = store_close(b->store);
	expect_error(store_backup(&half, file, &n, &err), EBADMSG, &err, "a copy that was not finished");
	expect_error(store_copy(&half, &to, &n, &err), EBADMSG, &err, "a copy that was not finished");
	box_free(b);
	box_free(other);
}

static struct etcd_server server;

static void copy(const struct store_place *from, const struct store_place *to)
{
	struct err err = ERR_INIT;
	struct store_counts n;

	if (store_copy(from, to, &n, &err) != 0)
		fail_msg("%s", err.text);
}

/* From SQLite to etcd and back; neither while a server has it. */
static void test_etcd(void **state)
{
	static const struct store_place there = {.kind = ADDRESS "moved?ttl=60", .dir = ""};
	struct box *b = full_box(), *back = box_new("sqlite"), *leader;
	const struct store_place from = {.kind = "sqlite", .dir = b->dir}, to = {.kind = "sqlite", .dir = back->dir};
	mem_cleanup char *before = content(b->store), *middle = NULL, *after = NULL, *file = path_in(back, "backup");
	struct store_counts n;
	struct err err = ERR_INIT;

	(void)state;
	if (!etcd_lib_possible())
		skip();
	etcd_lib_start(&server);
	b->store = store_close(b->store);
	copy(&from, &there);
	middle = content_of(&there);
	assert_string_equal(before, middle);
	leader = box_opened(there.kind);
	expect_error(store_copy(&there, &to, &n, &err), EBUSY, &err, "is in use by a server");
	expect_error(store_copy(&from, &there, &n, &err), EBUSY, &err, "is in use by a server");
	assert_int_equal(store_backup(&there, file, &n, &err), 0);
	box_free(leader);
	expect_error(store_copy(&from, &there, &n, &err), EEXIST, &err, "there is a state already");
	copy(&there, &to);
	after = content_of(&to);
	assert_string_equal(before, after);
	etcd_lib_free(&server);
	box_free(b);
	box_free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_backup),     cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_unfinished), cmocka_unit_test(test_etcd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
