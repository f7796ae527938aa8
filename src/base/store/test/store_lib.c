/* SPDX-License-Identifier: Apache-2.0 */
#include "store_lib.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct box *box_new(const char *kind)
{
	struct box *b = mem_new(struct box);

	b->kind = kind;
	snprintf(b->dir, sizeof b->dir, "/tmp/berth-store-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	assert_int_equal(loop_new(&b->loop, NULL), 0);
	return b;
}

int box_open(struct box *b, struct err *err)
{
	b->calls = b->awaited = b->failed = 0;
	b->last_seq = 0;
	return store_open(b->kind, b->dir, b->loop, &b->store, err);
}

struct box *box_opened(const char *kind)
{
	struct box *b = box_new(kind);
	struct err err = ERR_INIT;

	if (box_open(b, &err) != 0)
		fail_msg("open: %s", err.text);
	return b;
}

void box_free(struct box *b)
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

void on_done_snapshot(void *ctx, uint64_t seq, const struct err *error)
{
	struct box *b = ctx;

	(void)seq;
	b->calls++;
	b->failed += error != NULL;
	b->last_code = error ? error->code : 0;
	if (b->calls == b->awaited)
		loop_stop(b->loop);
}

void append(struct box *b, const char *data)
{
	struct store_event e = {.time_ms = 1000, .kind = "test", .data = data, .len = strlen(data)};

	b->awaited++;
	store_append(b->store, &e, NULL, 0, on_done, b);
}

void append_doc(struct box *b, const char *data, const char *key, const char *value)
{
	struct store_event e = {.time_ms = 1000, .kind = "test", .data = data, .len = strlen(data)};
	struct store_doc d = {.key = key, .value = value, .len = value ? strlen(value) : 0};

	b->awaited++;
	store_append(b->store, &e, &d, 1, on_done, b);
}

void await(struct box *b)
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

const char *read_events(struct box *b, uint64_t from, size_t limit)
{
	struct err err = ERR_INIT;

	b->seen[0] = '\0';
	if (store_read(b->store, from, limit, see_event, b, &err) != 0)
		fail_msg("read: %s", err.text);
	return b->seen;
}

const char *scan(struct box *b, const char *prefix, int want)
{
	b->seen[0] = '\0';
	assert_int_equal(store_scan(b->store, prefix, see_doc, b, NULL), want);
	return b->seen;
}

void check_basics(const char *kind)
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

void check_snapshot(const char *kind)
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
void check_many(const char *kind)
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

int count_event(void *ctx, const struct store_event *e)
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

void check_pages(const char *kind)
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
