/* SPDX-License-Identifier: Apache-2.0 */
/* The store on a real etcd. */
#include "etcd_lib.h"
#include "store_lib.h"

#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/etcd.h"
#include "base/store/etcd_follow.h"
#include "base/wire/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADDRESS "etcd://127.0.0.1:2379/"

static struct etcd_server server;
static bool possible;

static int setup(void **state)
{
	(void)state;
	possible = etcd_lib_possible();
	if (possible)
		etcd_lib_start(&server);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	etcd_lib_free(&server);
	return 0;
}

static void need_etcd(void)
{
	if (!possible)
		skip();
}

static void test_basics(void **state)
{
	(void)state;
	need_etcd();
	check_basics(ADDRESS "basics?ttl=60");
	check_snapshot(ADDRESS "snapshot?ttl=60");
	check_many(ADDRESS "many?ttl=60");
	check_pages(ADDRESS "pages?ttl=60");
	/* The next one to open need not wait for a lease. */
	assert_int_equal(etcd_lib_count(ADDRESS, "pages/leader/"), 0);
}

static void reopen(struct box *b)
{
	struct err err = ERR_INIT;

	b->store = store_close(b->store);
	if (box_open(b, &err) != 0)
		fail_msg("open again: %s", err.text);
}

static void snapshot(struct box *b, uint64_t seq, const char *data, size_t len, size_t keep)
{
	b->awaited++;
	store_snapshot(b->store, seq, data, len, keep, on_done_snapshot, b);
	await(b);
	assert_int_equal(b->failed, 0);
}

static void test_reopen(void **state)
{
	struct box *b;
	char *value;
	uint64_t seq;

	(void)state;
	need_etcd();
	b = box_opened(ADDRESS "reopen?ttl=60");
	append_doc(b, "a", "k", "v");
	append_doc(b, "b", "gone", "v");
	append_doc(b, "c", "gone", NULL);
	await(b);
	append(b, "d");
	await(b);
	snapshot(b, 2, "s", 1, 2);
	reopen(b);
	assert_int_equal(store_last_seq(b->store), 4);
	assert_string_equal(read_events(b, 0, 0), "3=c 4=d ");
	assert_string_equal(scan(b, "", 0), "k=v ");
	assert_int_equal(store_snapshot_get(b->store, &seq, &value, NULL, NULL), 0);
	assert_int_equal(seq, 2);
	assert_string_equal(value, "s");
	free(value);
	/* All events dropped: the numbers go on. */
	snapshot(b, 4, "s", 1, 0);
	reopen(b);
	assert_string_equal(read_events(b, 0, 0), "");
	append(b, "e");
	await(b);
	assert_string_equal(read_events(b, 0, 0), "5=e ");
	box_free(b);
}

static void check_value(struct box *b, const char *key, char fill, size_t n)
{
	mem_cleanup char *value = NULL;
	size_t len = 0;

	assert_int_equal(store_get(b->store, key, &value, &len, NULL), 0);
	assert_int_equal(len, n);
	assert_int_equal(strspn(value, (char[]){fill, '\0'}), n);
}

/* Values above etcd's limit lie in pieces; those of values that were replaced or deleted go. */
static void test_large(void **state)
{
	mem_cleanup char *large = mem_zalloc(1, (3u << 20) + 1);
	struct box *b;
	mem_cleanup char *text = NULL;
	uint64_t seq;
	size_t n;

	(void)state;
	need_etcd();
	memset(large, 'x', 3u << 20);
	b = box_opened(ADDRESS "large?ttl=60");
	append_doc(b, "1", "job/1", large);
	append_doc(b, "2", "job/2", large + (2u << 20));
	append_doc(b, "3", "items/9/1", large + (2u << 20));
	await(b);
	assert_int_equal(etcd_lib_count(ADDRESS, "large/blob/"), 6 + 2 + 2);
	snapshot(b, 3, large, 2u << 20, 10);
	assert_int_equal(etcd_lib_count(ADDRESS, "large/blob/"), 6 + 2 + 2 + 4);
	reopen(b);
	check_value(b, "job/1", 'x', 3u << 20);
	check_value(b, "job/2", 'x', 1u << 20);
	assert_int_equal(store_snapshot_get(b->store, &seq, &text, &n, NULL), 0);
	assert_int_equal(n, 2u << 20);
	assert_int_equal(strspn(text, "x"), n);
	append_doc(b, "4", "job/1", "small");
	append_doc(b, "5", "job/2", NULL);
	store_remove(b->store, "items/9/");
	append(b, "6");
	await(b);
	snapshot(b, 6, "small", 5, 10);
	assert_int_equal(etcd_lib_count(ADDRESS, "large/blob/"), 0);
	assert_string_equal(scan(b, "", 0), "job/1=small ");
	assert_string_equal(read_events(b, 0, 0), "1=1 2=2 3=3 4=4 5=5 6=6 ");
	box_free(b);
}

/* An event that etcd would refuse is refused alone, and the numbers have no gap. */
static void test_too_large(void **state)
{
	mem_cleanup char *large = mem_zalloc(1, (2u << 20) + 1);
	struct box *b;

	(void)state;
	need_etcd();
	memset(large, 'x', 2u << 20);
	b = box_opened(ADDRESS "toolarge?ttl=60");
	append(b, "1");
	append(b, large);
	append(b, "2");
	await(b);
	assert_int_equal(b->failed, 1);
	assert_int_equal(b->last_code, E2BIG);
	assert_string_equal(read_events(b, 0, 0), "1=1 2=2 ");
	box_free(b);
}

/* Writes that lie in different transactions and those that share one end alike: deleted with others, put again. */
static void test_order_of_documents(void **state)
{
	struct box *b;

	(void)state;
	need_etcd();
	b = box_opened(ADDRESS "order?ttl=60");
	append_doc(b, "1", "a/1", "one");
	append_doc(b, "2", "a/2", "two");
	store_remove(b->store, "a/");
	append_doc(b, "3", "a/1", "three");
	append_doc(b, "4", "a/1", NULL);
	append_doc(b, "5", "a/1", "five");
	store_remove(b->store, "a/2");
	await(b);
	assert_string_equal(scan(b, "", 0), "a/1=five ");
	reopen(b);
	assert_string_equal(scan(b, "", 0), "a/1=five ");
	assert_string_equal(read_events(b, 0, 0), "1=1 2=2 3=3 4=4 5=5 ");
	box_free(b);
}

/* etcd is killed while it is written to: afterwards each event is there once. */
static void test_etcd_killed(void **state)
{
	struct box *b;
	uint64_t next = 1;
	char key[16];

	(void)state;
	need_etcd();
	b = box_opened(ADDRESS "killed?ttl=30");
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 200; i++) {
			snprintf(key, sizeof key, "k%d", i);
			append_doc(b, "x", key, "v");
		}
		while (b->calls < round * 200 + 50) {
			b->awaited = b->calls + 1;
			await(b);
		}
		b->awaited = (round + 1) * 200;
		etcd_lib_kill(&server);
		etcd_lib_start(&server);
		await(b);
		assert_int_equal(b->failed, 0);
	}
	assert_int_equal(store_read(b->store, 0, 0, count_event, &next, NULL), 0);
	assert_int_equal(next, 401);
	reopen(b);
	next = 1;
	assert_int_equal(store_read(b->store, 0, 0, count_event, &next, NULL), 0);
	assert_int_equal(next, 401);
	box_free(b);
}

/* ---- who leads ---- */

struct shared {
	struct box *box;
	pid_t leader;
	int followed, lost;
	char who[128];
	struct err why;
};

static void on_following(void *ctx, const char *leader)
{
	struct shared *s = ctx;

	s->followed++;
	snprintf(s->who, sizeof s->who, "%s", leader);
	if (s->leader > 0)
		kill(s->leader, SIGKILL);
}

static void on_lost(void *ctx, const struct err *why)
{
	struct shared *s = ctx;

	s->lost++;
	s->why = *why;
}

static int open_shared(struct shared *s, const char *url)
{
	const struct store_hooks hooks = {.following = on_following, .lost = on_lost, .ctx = s};
	struct err err = ERR_INIT;

	s->box = box_new(url);
	return store_open_shared(url, "", s->box->loop, &hooks, &s->box->store, &err);
}

static void lead_for_ever(const char *url, int out)
{
	struct box *b;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	b = box_new(url);
	if (rmdir(b->dir) < 0 || box_open(b, NULL) < 0)
		_exit(1);
	append(b, "of the first");
	await(b);
	if (write(out, "x", 1) != 1)
		_exit(2);
	loop_run(b->loop, NULL); /* its lease is kept alive */
	_exit(3);
}

/* The leader is killed: the follower hears of it when the lease ends, and has all that was acknowledged. */
static void test_takeover(void **state)
{
	static const char url[] = ADDRESS "takeover?ttl=8";
	struct shared s = {.leader = 0};
	fd_cleanup int in = -1;
	char x, pid[32];
	int pair[2];

	(void)state;
	need_etcd();
	assert_int_equal(pipe(pair), 0);
	s.leader = fork();
	if (s.leader == 0)
		lead_for_ever(url, pair[1]);
	in = pair[0];
	close(pair[1]);
	assert_int_equal(read(in, &x, 1), 1);
	assert_int_equal(open_shared(&s, url), 0);
	assert_int_equal(s.followed, 1);
	snprintf(pid, sizeof pid, " pid %d", (int)s.leader);
	assert_non_null(strstr(s.who, pid));
	assert_int_equal(waitpid(s.leader, NULL, 0), s.leader);
	append(s.box, "of the second");
	await(s.box);
	assert_string_equal(read_events(s.box, 0, 0), "1=of the first 2=of the second ");
	box_free(s.box);
}

/* ---- following ---- */

struct follower {
	struct loop *loop;
	struct loop_timer *tick;
	struct etcd_url url;
	struct etcd *etcd;
	struct etcd_load *load;
	struct etcd_follow *follow;
	struct etcd_state state;
	bool loaded, stale;
};

static void on_tick(void *ctx)
{
	struct follower *f = ctx;

	loop_stop(f->loop);
}

static void on_read(void *ctx, const struct err *error)
{
	struct follower *f = ctx;

	assert_null(error);
	f->loaded = true;
	loop_stop(f->loop);
}

static void on_stale(void *ctx)
{
	((struct follower *)ctx)->stale = true;
}

static void follow(struct follower *f, struct loop *l, const char *url)
{
	f->loop = l;
	f->tick = loop_timer_new(l, on_tick, f);
	assert_int_equal(etcd_url_parse(url, &f->url, NULL), 0);
	assert_int_equal(etcd_open(&f->url, l, &f->etcd, NULL), 0);
	assert_int_equal(store_open("memory", "", l, &f->state.mirror, NULL), 0);
	f->load = etcd_load_new(f->etcd, f->url.prefix, &f->state, on_read, f);
	while (!f->loaded)
		loop_run(l, NULL);
	f->follow = etcd_follow_new(f->etcd, l, f->url.prefix, etcd_load_revision(f->load), &f->state, on_stale, f);
}

static void follow_end(struct follower *f)
{
	etcd_follow_free(f->follow);
	etcd_load_free(f->load);
	etcd_close(f->etcd);
	store_close(f->state.mirror);
	for (struct map_slot *s = NULL; (s = map_next(&f->state.blobs, s));)
		free(s->value);
	map_free(&f->state.blobs);
	buf_free(&f->state.head);
	loop_timer_free(f->tick);
	etcd_url_free(&f->url);
}

/* Until it has the head that is in etcd. */
static void catch_up(struct follower *f)
{
	mem_cleanup char *key = mem_printf("%shead", f->url.prefix);
	struct buf m buf_cleanup = BUF_INIT, answer buf_cleanup = BUF_INIT;

	etcd_msg_range(&m, &(struct etcd_range){.key = key});
	assert_int_equal(etcd_lib_call(ADDRESS, ETCD_RANGE, &m, &answer), 0);
	while (!memmem(answer.data, answer.len, f->state.head.data, f->state.head.len)) {
		assert_false(f->stale);
		loop_timer_arm(f->tick, 10);
		loop_run(f->loop, NULL);
	}
}

static void check_same(struct box *b, struct follower *f)
{
	struct box mirror = {.store = f->state.mirror};
	mem_cleanup char *one = NULL, *two = NULL, *text = NULL;
	uint64_t seq, other;
	size_t n, len;

	catch_up(f);
	text = mem_strdup(read_events(b, 0, 0));
	assert_string_equal(text, read_events(&mirror, 0, 0));
	assert_int_equal(store_last_seq(b->store), f->state.last_seq);
	free(text);
	text = mem_strdup(scan(b, "small/", 0));
	assert_string_equal(text, scan(&mirror, "small/", 0));
	assert_int_equal(store_snapshot_get(b->store, &seq, &one, &n, NULL),
			 store_snapshot_get(f->state.mirror, &other, &two, &len, NULL));
	assert_true(!one || (seq == other && n == len && !memcmp(one, two, n)));
}

static void test_follow(void **state)
{
	static const char url[] = ADDRESS "follow?ttl=30";
	mem_cleanup char *large = mem_zalloc(1, (2u << 20) + 1);
	struct follower f = {.loop = NULL};
	struct box *b;

	(void)state;
	need_etcd();
	memset(large, 'x', 2u << 20);
	b = box_opened(url);
	append_doc(b, "one", "small/1", "1");
	append_doc(b, "two", "job/1", large);
	await(b);
	follow(&f, b->loop, url);
	check_same(b, &f);
	append_doc(b, "three", "job/2", large + (1u << 20));
	append_doc(b, "four", "small/2", "2");
	append_doc(b, "five", "small/items/1", "3");
	await(b);
	check_same(b, &f);
	check_value(&(struct box){.store = f.state.mirror}, "job/2", 'x', 1u << 20);
	store_remove(b->store, "small/items/");
	append_doc(b, "six", "small/1", NULL);
	append_doc(b, "seven", "job/1", "x");
	await(b);
	snapshot(b, 6, large, 2u << 20, 1);
	check_same(b, &f);
	check_value(&(struct box){.store = f.state.mirror}, "job/1", 'x', 1);
	/* The watch breaks: what comes meanwhile is not missed, and nothing comes twice. */
	etcd_lib_kill(&server);
	etcd_lib_start(&server);
	append(b, "eight");
	await(b);
	snapshot(b, 8, "small", 5, 100);
	check_same(b, &f);
	assert_int_equal(f.state.blobs.n, 1); /* of job/2 */
	follow_end(&f);
	box_free(b);
}

static void stop_waiting(void *ctx, const char *leader)
{
	struct box *b = ctx;

	(void)leader;
	loop_stop(b->loop);
}

/* One that was stopped while it waited has left the queue: nobody waits for its lease. */
static void test_follower_stopped(void **state)
{
	static const char url[] = ADDRESS "stopped?ttl=30";
	struct store_hooks hooks = {.following = stop_waiting};
	struct box *leader, *other;
	struct err err = ERR_INIT;

	(void)state;
	need_etcd();
	leader = box_opened(url);
	other = box_new(url);
	hooks.ctx = other;
	assert_int_equal(store_open_shared(url, "", other->loop, &hooks, &other->store, &err), -ECANCELED);
	assert_int_equal(etcd_lib_count(ADDRESS, "stopped/leader/"), 1);
	box_free(leader);
	box_free(other);
}

/* A leader that does not know that it is none any more cannot write. */
static void test_fenced(void **state)
{
	static const char url[] = ADDRESS "fenced?ttl=30";
	struct buf m buf_cleanup = BUF_INIT;
	struct shared old = {.lost = 0}, fresh = {.lost = 0};

	(void)state;
	need_etcd();
	assert_int_equal(open_shared(&old, url), 0);
	append(old.box, "1");
	await(old.box);
	etcd_msg_delete(&m, "fenced/leader/", "fenced/leader0");
	assert_int_equal(etcd_lib_call(url, ETCD_TXN, &m, NULL), 0);
	assert_int_equal(open_shared(&fresh, url), 0);
	append(fresh.box, "2");
	await(fresh.box);
	append(old.box, "3");
	append(old.box, "4");
	await(old.box);
	assert_int_equal(old.box->failed, 2);
	assert_int_equal(old.box->last_code, ESTALE);
	assert_int_equal(old.lost, 1);
	assert_non_null(strstr(old.why.text, "does not lead any more"));
	assert_string_equal(read_events(fresh.box, 0, 0), "1=1 2=2 ");
	append(fresh.box, "5");
	await(fresh.box);
	assert_int_equal(fresh.lost, 0);
	assert_string_equal(read_events(fresh.box, 0, 0), "1=1 2=2 3=5 ");
	box_free(old.box);
	box_free(fresh.box);
}

/* ---- a full etcd ---- */

static int put(const char *key, size_t n)
{
	mem_cleanup char *value = mem_zalloc(1, n);
	struct buf m buf_cleanup = BUF_INIT;

	etcd_msg_put(&m, key, value, n, 0);
	return etcd_lib_call(ADDRESS, ETCD_TXN, &m, NULL);
}

static uint64_t revision_now(void)
{
	struct buf m buf_cleanup = BUF_INIT, answer buf_cleanup = BUF_INIT;
	struct etcd_answer a;

	etcd_msg_range(&m, &(struct etcd_range){.key = "x"});
	assert_int_equal(etcd_lib_call(ADDRESS, ETCD_RANGE, &m, &answer), 0);
	assert_int_equal(etcd_msg_read_range(answer.data, answer.len, &a, NULL, NULL), 0);
	return a.revision;
}

/* What an operator does: etcdctl compact, defrag, alarm disarm. */
static void make_room(void)
{
	struct buf m buf_cleanup = BUF_INIT, answer buf_cleanup = BUF_INIT, alarm buf_cleanup = BUF_INIT;
	const char *at, *end;
	struct pb_field f;

	etcd_msg_delete(&m, "filler/", "filler0");
	assert_int_equal(etcd_lib_call(ADDRESS, ETCD_TXN, &m, NULL), 0);
	buf_clear(&m);
	etcd_msg_compact(&m, revision_now());
	pb_uint(&m, 2, 1); /* and wait for it */
	assert_int_equal(etcd_lib_call(ADDRESS, ETCD_COMPACT, &m, NULL), 0);
	buf_clear(&m);
	assert_int_equal(etcd_lib_call(ADDRESS, "/etcdserverpb.Maintenance/Defragment", &m, NULL), 0);
	assert_int_equal(etcd_lib_call(ADDRESS, "/etcdserverpb.Maintenance/Alarm", &m, &answer), 0);
	at = answer.data;
	end = answer.data + answer.len;
	while (pb_next(&at, end, &f) == 1) {
		const char *inner = f.text;
		struct pb_field member;

		if (f.field != 2 || pb_next(&inner, inner + f.n, &member) != 1)
			continue;
		pb_uint(&alarm, 1, 2); /* deactivate */
		pb_uint(&alarm, 2, member.number);
		pb_uint(&alarm, 3, 1); /* NOSPACE */
	}
	assert_int_equal(etcd_lib_call(ADDRESS, "/etcdserverpb.Maintenance/Alarm", &alarm, NULL), 0);
}

static void test_full(void **state)
{
	static const char *const small[] = {"--quota-backend-bytes=4000000", NULL};
	struct box *b;
	int r = 0;

	(void)state;
	need_etcd();
	etcd_lib_free(&server);
	server.extra = small;
	etcd_lib_start(&server);
	b = box_opened(ADDRESS "full?ttl=60");
	append(b, "1");
	await(b);
	/* It looks at the size of what it has committed, which it does ten times a second. */
	for (int i = 0; i < 300 && r == 0; i++) {
		char key[32];

		snprintf(key, sizeof key, "filler/%d", i);
		r = put(key, 1000000);
	}
	assert_int_equal(r, -ENOSPC);
	append(b, "2");
	append(b, "3");
	await(b);
	assert_int_equal(b->failed, 2);
	assert_int_equal(b->last_code, ENOSPC);
	assert_non_null(strstr(b->last_text, "etcdctl alarm disarm"));
	make_room();
	append(b, "4");
	await(b);
	assert_int_equal(b->failed, 2);
	assert_string_equal(read_events(b, 0, 0), "1=1 2=4 ");
	box_free(b);
	etcd_lib_free(&server);
	server.extra = NULL;
	etcd_lib_start(&server);
}

/* ---- users ---- */

static void ask_auth(const char *method, const char *one, const char *two)
{
	mem_cleanup char *path = mem_printf("/etcdserverpb.Auth/%s", method);
	struct buf m buf_cleanup = BUF_INIT;

	pb_text(&m, 1, one);
	pb_text(&m, 2, two);
	assert_int_equal(etcd_lib_call(ADDRESS, path, &m, NULL), 0);
}

/* Opening is refused, in these words. */
static void check_refused(const char *options, const char *words)
{
	mem_cleanup char *url = mem_printf(ADDRESS "refused?%s", options);
	struct box *b = box_new(url);
	struct err err = ERR_INIT;

	assert_int_equal(box_open(b, &err), -EACCES);
	if (!strstr(err.text, words))
		fail_msg("%s", err.text);
	box_free(b);
}

/* The token of a user ends when etcd is restarted: it is renewed, and nobody notices. */
static void test_user(void **state)
{
	mem_cleanup char *url = NULL, *file = NULL;
	struct err err = ERR_INIT;
	struct box *b, *other;
	FILE *f;

	(void)state;
	need_etcd();
	check_refused("user=root&password-file=/dev/null", "etcd (127.0.0.1:2379) knows no users");
	ask_auth("UserAdd", "root", "secret");
	ask_auth("RoleAdd", "root", NULL);
	ask_auth("UserGrantRole", "root", "root");
	ask_auth("AuthEnable", NULL, NULL);
	other = box_new(ADDRESS "user?ttl=60");
	if (box_open(other, &err) != -EACCES)
		fail_msg("open: %s", err.text);
	assert_non_null(strstr(err.text, "password-file="));
	file = mem_printf("%s/password", other->dir);
	url = mem_printf(ADDRESS "user?ttl=30&user=root&password-file=%s", file);
	f = fopen(file, "w");
	assert_true(f && fputs("wrong\n", f) >= 0 && fclose(f) == 0);
	other->kind = url;
	if (box_open(other, &err) != -EACCES)
		fail_msg("open: %s", err.text);
	f = fopen(file, "w");
	assert_true(f && fputs("secret\n", f) >= 0 && fclose(f) == 0);
	b = box_opened(url);
	append(b, "1");
	await(b);
	etcd_lib_kill(&server);
	etcd_lib_start(&server);
	append(b, "2");
	await(b);
	assert_int_equal(b->failed, 0);
	assert_string_equal(read_events(b, 0, 0), "1=1 2=2 ");
	box_free(b);
	box_free(other);
}

static void test_url(void **state)
{
	static const struct {
		const char *url, *text;
	} rows[] = {{"etcd://host", "not HOST:PORT"},
		    {"etcd://host:1,/x", "not HOST:PORT"},
		    {"etcd://host:1/x?ttl=1", "from 2 to 60"},
		    {"etcd://host:1/x?ttl=5s", "from 2 to 60"},
		    {"etcd://host:1/x?colour=red", "unknown option \"colour\""},
		    {"etcd://host:1/x?ca=", "no value"},
		    {"etcd://host:1/x?ca=/y", "etcds://"},
		    {"etcds://host:1/x", "needs ca="},
		    {"etcds://host:1/x?ca=/y&cert=/z", "belong together"},
		    {"etcd://host:1/x?user=me", "belong together"},
		    {"etcd://host:1/x y", "letters, digits"}};
	struct etcd_url u;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = ERR_INIT;

		assert_int_equal(etcd_url_parse(rows[i].url, &u, &err), -EINVAL);
		if (!strstr(err.text, rows[i].text))
			fail_msg("%s: %s", rows[i].url, err.text);
	}
	assert_int_equal(
	    etcd_url_parse("etcds://a:1,[::1]:2/my/place/?ca=%2Fa%20b&user=u&password-file=/p&ttl=9", &u, NULL), 0);
	assert_string_equal(u.endpoints[1], "[::1]:2");
	assert_string_equal(u.prefix, "my/place/");
	assert_string_equal(u.ca, "/a b");
	assert_int_equal(u.ttl_s, 9);
	etcd_url_free(&u);
	assert_int_equal(etcd_url_parse("etcd://a:1", &u, NULL), 0);
	assert_string_equal(u.prefix, "berth/");
	etcd_url_free(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_url),		cmocka_unit_test(test_basics),
	    cmocka_unit_test(test_reopen),	cmocka_unit_test(test_large),
	    cmocka_unit_test(test_too_large),	cmocka_unit_test(test_order_of_documents),
	    cmocka_unit_test(test_etcd_killed), cmocka_unit_test(test_takeover),
	    cmocka_unit_test(test_fenced),	cmocka_unit_test(test_follower_stopped),
	    cmocka_unit_test(test_follow),	cmocka_unit_test(test_full),
	    cmocka_unit_test(test_user),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("store_etcd", tests, setup, teardown);
}
