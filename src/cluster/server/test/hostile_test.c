/* SPDX-License-Identifier: Apache-2.0 */
/* Agents that have a certificate and mean no good, or are broken: what they say must not keep the server from starting again, change what is not theirs, or
 * fill its memory. */
#include "cluster/server/hosted.h"
#include "cluster/server/server.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/store/store_mem.h"
#include "cluster/link/link.h"
#include "cluster/server/fleet.h"
#include "cluster/server/manners.h"
#include "cluster/server/server_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct agent {
	struct world *world;
	struct link_end *end;
};

struct world {
	struct loop *loop;
	struct store *store;
	struct server *server;
	struct loop_timer *watchdog;
	struct agent good, evil;
	const char *wanted; /* the loop stops when an agent is told something with these words, ... */
	char found[2048];   /* ... which is then here: the kind, a blank, the text */
	char id[64];
};

static void on_told(void *ctx, const struct link_msg *m)
{
	struct world *w = ((struct agent *)ctx)->world;
	char words[sizeof w->found];

	snprintf(words, sizeof words, "%s %s", link_type_name(m->type), m->text ? m->text : "");
	if (!w->wanted || !strstr(words, w->wanted))
		return;
	w->wanted = NULL;
	memcpy(w->found, words, sizeof words);
	loop_stop(w->loop);
}

static void too_late(void *ctx)
{
	(void)ctx;
	fail_msg("nothing happened for 30 s");
}

static void wait_for(struct world *w, const char *words)
{
	w->wanted = words;
	assert_int_equal(loop_run(w->loop, NULL), 0);
}

static void say_hello(struct agent *a, const char *name)
{
	struct link_msg m = {.type = LINK_HELLO,
			     .text = name,
			     .text2 = "/spaces",
			     .slots = strcmp(name, "evil") != 0 ? 4 : 8, /* it gets nothing that fits elsewhere */
			     .protocol_min = LINK_PROTOCOL_MIN,
			     .protocol_max = LINK_PROTOCOL_MAX};

	link_send(a->end, &m);
	wait_for(a->world, "welcome");
}

static void open_world(struct world *w)
{
	struct server_options o = {.keep_jobs = 10};
	struct link_end *ours;
	struct err err = ERR_INIT;

	w->good.world = w->evil.world = w;
	link_pair(w->loop, &ours, &w->good.end);
	link_on_message(w->good.end, on_told, &w->good);
	if (server_open(w->loop, w->store, ours, &o, &w->server, &err) < 0)
		fail_msg("%s", err.text);
	say_hello(&w->good, "n1");
}

static void let_in(struct world *w)
{
	struct link_end *ours;

	link_pair(w->loop, &ours, &w->evil.end);
	link_on_message(w->evil.end, on_told, &w->evil);
	fleet_attach(w->server, ours, "evil");
	say_hello(&w->evil, "evil");
}

static int setup(void **state)
{
	struct world *w = mem_new(struct world);
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&w->loop, &err), 0);
	assert_int_equal(store_open("memory", "", w->loop, &w->store, &err), 0);
	w->watchdog = loop_timer_new(w->loop, too_late, w);
	loop_timer_arm(w->watchdog, 100000);
	open_world(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	link_free(w->good.end);
	link_free(w->evil.end);
	server_close(w->server);
	loop_timer_free(w->watchdog);
	loop_free(w->loop);
	free(w);
	return 0;
}

static int no_check(void *ctx, yyjson_val *container, const char **ret_key, struct err *err)
{
	(void)container;
	*ret_key = "image";
	return ctx ? err_set(err, ENOENT, "image \"x\" is not here") : 0;
}

static void on_submitted(void *ctx, const char *id, const struct err *error)
{
	struct world *w = ctx;

	assert_null(error);
	snprintf(w->id, sizeof w->id, "%s", id);
	loop_stop(w->loop);
}

static void submit(struct world *w, const char *json)
{
	w->id[0] = '\0';
	server_submit(w->server, json, strlen(json), &(struct server_user){.uid = 0}, false, no_check, NULL,
		      on_submitted, w);
	if (!w->id[0])
		assert_int_equal(loop_run(w->loop, NULL), 0);
}

static void tell(struct world *w, struct agent *a, struct link_msg m)
{
	snprintf(m.attempt.job, sizeof m.attempt.job, "%s", w->id);
	link_send(a->end, &m);
}

/* All that was said to the server before this has been heard and stored. */
static void settle(struct world *w, struct agent *a)
{
	struct link_msg m = {.type = LINK_HAVE, .attempt = {.job = "gone-1234"}};

	link_send(a->end, &m);
	wait_for(w, "forget");
	submit(w, "{\"name\":\"later\",\"services\":[{\"name\":\"a\",\"image\":\"x\",\"slots\":100}]}");
}

static void start_again(struct world *w)
{
	link_free(w->good.end);
	link_free(w->evil.end);
	w->evil.end = NULL;
	server_abandon(w->server);
	open_world(w);
}

static char *repeated(const char *word, size_t times)
{
	buf_cleanup struct buf out = BUF_INIT;

	while (times--)
		buf_adds(&out, word);
	return buf_take(&out);
}

static const char single[] = "{\"name\":\"one\",\"services\":[{\"name\":\"a\",\"image\":\"x\",\"attempts\":1}]}";
static const char mapped[] =
    "{\"name\":\"map\",\"spaces\":[{\"name\":\"work\",\"path\":\"/w\"}],\"services\":[{\"name\":\"a\",\"image\":\"x\","
    "\"attempts\":1,\"over\":{\"space\":\"work\",\"glob\":\"*\"}}]}";

/* More words than an event may have, with characters of several bytes: the log can be read again. */
static void test_long_words(void **state)
{
	struct world *w = *state;
	mem_cleanup char *text = repeated("\xe2\x82\xac", 500000), *json = NULL;
	struct link_msg started = {.type = LINK_STARTED, .attempt = {.epoch = 1}, .text = text},
			exited = {
			    .type = LINK_EXITED, .attempt = {.epoch = 1}, .outcome = LINK_OUT_FAILED, .text = text};

	submit(w, single);
	tell(w, &w->good, started);
	tell(w, &w->good, exited);
	settle(w, &w->good);
	start_again(w);
	json = server_jobs_json(w->server, true, 10);
	assert_non_null(strstr(json, "\"faulty\":1"));
}

/* What is no list of files fails the task, and keeps nobody from starting again. */
static void test_no_list(void **state)
{
	static const char *const lists[] = {"{", "[1", "{\"a\":1}", "7", "[\"a\",7]"};
	struct world *w = *state;

	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
		struct link_msg m = {.type = LINK_EXPANDED, .text = lists[k]};
		mem_cleanup char *json = NULL;

		submit(w, mapped);
		wait_for(w, "expand");
		tell(w, &w->good, m);
		settle(w, &w->good);
		start_again(w);
		json = server_jobs_json(w->server, true, 1000);
		assert_non_null(strstr(json, "list of files"));
	}
}

/* Who was not asked has nothing to say, and who has answered does not answer twice. */
static void test_unasked(void **state)
{
	struct world *w = *state;
	mem_cleanup char *json = NULL;
	struct link_msg theirs = {.type = LINK_EXPANDED, .text = "[\"/evil\"]"},
			ours = {.type = LINK_EXPANDED, .text = "[\"/good\"]"};

	let_in(w);
	submit(w, mapped);
	wait_for(w, "expand");
	tell(w, &w->evil, theirs);
	settle(w, &w->evil);
	json = server_jobs_json(w->server, true, 10);
	assert_null(strstr(json, "\"starting\":1"));
	submit(w, mapped);
	wait_for(w, "expand");
	tell(w, &w->good, ours);
	tell(w, &w->good, theirs);
	wait_for(w, "start");
	assert_non_null(strstr(w->found, "BERTH_ITEM=/good"));
	settle(w, &w->good);
	start_again(w);
	wait_for(w, "start");
	assert_non_null(strstr(w->found, "BERTH_ITEM=/good"));
}

/* While nothing can be written, one node's words are kept up to a limit. */
static void test_flood(void **state)
{
	struct world *w = *state;
	struct link_msg m = {.type = LINK_EXITED, .attempt = {.epoch = 1}, .outcome = LINK_OUT_FAILED};

	submit(w, single);
	store_mem_fail(w->store, 1000000, ENOSPC);
	for (int k = 0; k < 20000; k++)
		tell(w, &w->good, m);
	link_send(w->good.end, &(struct link_msg){.type = LINK_HAVE, .attempt = {.job = "gone-1234"}});
	wait_for(w, "forget");
	assert_in_range(fleet_find(w->server, "n1")->n_pending, 1, 2000);
	store_mem_fail(w->store, 0, 0);
}

static void on_hosted(void *ctx, const struct hosted *h, const struct err *error)
{
	struct world *w = ctx;

	assert_null(error);
	assert_non_null(h);
	loop_stop(w->loop);
}

static uint64_t host(struct world *w, const char *name)
{
	hosted_make(w->server, &(struct hosted_wish){.name = name, .image = "x"}, on_hosted, w);
	assert_int_equal(loop_run(w->loop, NULL), 0);
	return hosted_by_name(w->server, name)->number;
}

/* A node gives a container of its own the name that nobody could read back, and the id of another one. */
static void test_stolen_id(void **state)
{
	struct world *w = *state;
	mem_cleanup char *id = repeated("ab", 32), *long_id = repeated("ab", 100000), *name = repeated("n", 100000);
	uint64_t first = host(w, "first"), second = host(w, "second");

	hosted_identify(w->server, second, id);
	hosted_identify(w->server, first, id);
	assert_string_equal(hosted_by_id(w->server, id)->name, "second");
	hosted_identify(w->server, first, long_id);
	hosted_rename(w->server, first, name);
	hosted_rename(w->server, first, "n1/first");
	settle(w, &w->good);
	start_again(w);
	assert_int_equal(hosted_by_name(w->server, "first")->number, first);
	assert_string_equal(hosted_by_id(w->server, id)->name, "second");
}

static void on_appended(void *ctx, uint64_t seq, const struct err *error)
{
	(void)seq;
	assert_null(error);
	loop_stop(((struct world *)ctx)->loop);
}

/* What the scheduler has refused when it came, it refuses again: that is no reason not to start. */
static void test_refused_event(void **state)
{
	static const char data[] =
	    "{\"node\":\"a name that is longer than any name of a node may be, and that is why it is refused\","
	    "\"slots\":1,\"cpu_milli\":1,\"memory\":1}";
	struct world *w = *state;
	const struct store_event e = {.time_ms = 1, .kind = "node_up", .data = data, .len = strlen(data)};
	mem_cleanup char *json = NULL;

	submit(w, single);
	store_append(w->store, &e, NULL, 0, on_appended, w);
	assert_int_equal(loop_run(w->loop, NULL), 0);
	start_again(w);
	json = server_jobs_json(w->server, true, 10);
	assert_non_null(strstr(json, w->id));
}

/* A health that changes all the time is written down for a while; then nothing that this link says is heard any more, and its agent is told why. */
static void test_restless(void **state)
{
	struct world *w = *state;
	struct link_msg m = {.type = LINK_HEALTH, .attempt = {.epoch = 1}};
	uint64_t before, written;
	char id[sizeof w->id];

	let_in(w);
	submit(w, single);
	memcpy(id, w->id, sizeof id);
	before = store_last_seq(w->store);
	for (int k = 0; k < 5000; k++) {
		m.flag = !m.flag;
		tell(w, &w->good, m);
	}
	wait_for(w, "refuse");
	assert_non_null(strstr(w->found, "more often than can be written down"));
	settle(w, &w->evil);
	written = store_last_seq(w->store) - before;
	assert_in_range(written, MANNERS_CHANGES, MANNERS_CHANGES + 200);
	m.type = LINK_EXITED;
	memcpy(w->id, id, sizeof id);
	tell(w, &w->good, m);
	settle(w, &w->evil);
	assert_int_equal(store_last_seq(w->store) - before - written, 1); /* the job of settle() */
}

/* Facts that change with every beat: the newest ones count, and few of those between are written. */
static void test_changing_facts(void **state)
{
	struct world *w = *state;
	struct sched_node_view v;
	uint64_t before = store_last_seq(w->store);

	for (int k = 0; k < 1000; k++) {
		mem_cleanup char *facts = mem_printf("{\"cores\":%d}", k);

		link_send(w->good.end, &(struct link_msg){.type = LINK_BEAT, .text = facts});
		if (k % 20 == 19)
			settle(w, &w->good);
	}
	/* 50 jobs of settle(), and one for each second that this took. */
	assert_in_range(store_last_seq(w->store) - before, 51, 80);
	while (!fleet_view(w->server, "n1", &v) || !strstr(v.facts, "cores 999\n"))
		submit(w, "{\"name\":\"later\",\"services\":[{\"name\":\"a\",\"image\":\"x\",\"slots\":100}]}");
}

static int note_kind(void *ctx, const char *json, size_t len, const char *job)
{
	(void)job;
	buf_adds(ctx, memmem(json, len, "space.job/x", 11) ? " lies"
		      : memmem(json, len, "\"exited\"", 8) ? " exited"
							   : "");
	return 0;
}

/* Where its files lie is known before its end is, however shortly before that its node has told something else. */
static void test_facts_before_end(void **state)
{
	static const char *const facts[] = {"{\"cores\":1}", "{\"cores\":2}", "{\"data\":[\"space.job/x/work\"]}"};
	struct world *w = *state;
	buf_cleanup struct buf kinds = BUF_INIT;
	uint64_t last;

	submit(w, single);
	for (size_t k = 0; k < sizeof facts / sizeof *facts; k++)
		link_send(w->good.end, &(struct link_msg){.type = LINK_BEAT, .text = facts[k]});
	tell(w, &w->good, (struct link_msg){.type = LINK_EXITED, .attempt = {.epoch = 1}});
	settle(w, &w->good);
	assert_int_equal(server_events_read(w->server, 0, 1000, &last, note_kind, &kinds, NULL), 0);
	assert_string_equal(buf_str(&kinds), " lies exited");
}

/* Links of one node that never say who they are: one at a time, beside the one that works. */
static void test_silent_links(void **state)
{
	struct world *w = *state;
	struct link_end *ends[50];
	size_t n = 0;

	let_in(w);
	for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
		struct link_end *ours;

		link_pair(w->loop, &ours, &ends[k]);
		fleet_attach(w->server, ours, "evil");
	}
	for (const struct session *x = w->server->sessions; x; x = x->next)
		n += !strcmp(x->name, "evil");
	assert_int_equal(n, 2);
	settle(w, &w->evil);
	for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
		link_free(ends[k]);
}

/* Who has said HELLO does not say it again on the same link: each of them would be an event. */
static void test_many_hellos(void **state)
{
	struct world *w = *state;
	uint64_t before;

	let_in(w);
	before = store_last_seq(w->store);
	for (int k = 0; k < 100; k++)
		link_send(w->evil.end, &(struct link_msg){.type = LINK_HELLO,
							  .text = "evil",
							  .slots = 1,
							  .protocol_min = LINK_PROTOCOL_MIN,
							  .protocol_max = LINK_PROTOCOL_MAX});
	wait_for(w, "refuse");
	assert_non_null(strstr(w->found, "twice"));
	settle(w, &w->good);
	assert_int_equal(store_last_seq(w->store), before + 1);
}

/* Attack A11: a certificate is good for its own node's name only; what came before it under that name goes on. */
static void test_other_name(void **state)
{
	struct world *w = *state;
	struct link_end *ours;
	const struct session *before = fleet_find(w->server, "n1")->session;

	link_pair(w->loop, &ours, &w->evil.end);
	link_on_message(w->evil.end, on_told, &w->evil);
	fleet_attach(w->server, ours, "evil");
	link_send(w->evil.end, &(struct link_msg){.type = LINK_HELLO,
						  .text = "n1",
						  .slots = 1,
						  .protocol_min = LINK_PROTOCOL_MIN,
						  .protocol_max = LINK_PROTOCOL_MAX});
	wait_for(w, "refuse");
	assert_non_null(strstr(w->found, "of another node"));
	assert_ptr_equal(fleet_find(w->server, "n1")->session, before);
	settle(w, &w->good);
}

/* What is on its way into the log and is said again, as by an agent that comes back, is written once. */
static void test_said_again(void **state)
{
	static const enum link_type kinds[] = {LINK_STARTED, LINK_WARNED, LINK_EXITED};
	struct world *w = *state;
	uint64_t before;

	submit(w, single);
	before = store_last_seq(w->store);
	for (size_t k = 0; k < 2 * sizeof kinds / sizeof *kinds; k++)
		tell(w, &w->good, (struct link_msg){.type = kinds[k / 2], .attempt = {.epoch = 1}, .text = "id"});
	settle(w, &w->good);
	/* With the end of the job, and the job that settles. */
	assert_int_equal(store_last_seq(w->store), before + 5);
}

/* Attack A11: what runs on one node no other node can start, end or make ill. */
static void test_not_its_own(void **state)
{
	static const enum link_type kinds[] = {LINK_STARTED, LINK_HEALTH, LINK_WARNED, LINK_EXITED};
	struct world *w = *state;
	mem_cleanup char *json = NULL;
	uint64_t before;

	let_in(w);
	submit(w, single);
	tell(w, &w->good, (struct link_msg){.type = LINK_STARTED, .attempt = {.epoch = 1}, .text = "id"});
	link_send(w->good.end, &(struct link_msg){.type = LINK_HAVE, .attempt = {.job = "gone-1234"}});
	wait_for(w, "forget");
	while (json = server_jobs_json(w->server, true, 10), !strstr(json, "\"running\":1")) {
		free(json);
		submit(w, "{\"name\":\"later\",\"services\":[{\"name\":\"a\",\"image\":\"x\",\"slots\":100}]}");
	}
	before = store_last_seq(w->store);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		tell(w, &w->evil, (struct link_msg){.type = kinds[k], .attempt = {.epoch = 1}, .text = "theirs"});
	wait_for(w, "kill");
	settle(w, &w->evil);
	assert_int_equal(store_last_seq(w->store), before + 1);
}

static int64_t now_ns;

static int64_t now(void)
{
	return now_ns;
}

/* Certificates and links come back with time, for each node its own. */
static void test_rates(void **state)
{
	struct node one = {.name = "one"}, other = {.name = "other"}, brief = {.name = "brief"};
	unsigned certs = 0, links = 0;

	(void)state;
	now_ns = 1000000000;
	clock_use(now, now);
	for (int s = 0; s < 3600; s++, now_ns += 1000000000) {
		for (int k = 0; k < 10; k++) {
			certs += manners_may_renew(&one, 7 * 86400);
			links += manners_may_link(&one);
		}
	}
	assert_in_range(certs, 300, 400);
	assert_in_range(links, 1700, 1900);
	assert_true(manners_may_renew(&other, 7 * 86400) && manners_may_link(&other));
	/* Certificates of seconds are renewed within seconds. */
	for (int s = 0; s < 60; s++, now_ns += 1000000000)
		assert_true(manners_may_renew(&brief, 4));
	clock_use(NULL, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_long_words, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_list, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_unasked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stolen_id, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refused_event, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restless, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changing_facts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_facts_before_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_silent_links, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_hellos, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_other_name, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_said_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_its_own, setup, teardown),
	    cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
