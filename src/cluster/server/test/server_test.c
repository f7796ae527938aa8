/* SPDX-License-Identifier: Apache-2.0 */
/* The server with a store in memory and an agent played by the test: wishes go in, messages come out, facts go in. Nothing here waits for time: the loop is run
 * until the expected message has come. */
#include "cluster/server/hosted.h"
#include "cluster/server/server.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/store/store_mem.h"
#include "cluster/link/link.h"
#include "cluster/server/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define STORY_MAX 4096

struct world {
	struct loop *loop;
	struct store *store;
	struct server *server;
	struct link_end *agent;
	struct loop_timer *watchdog;
	char story[STORY_MAX]; /* what the agent was told, one word group a message */
	size_t messages, wanted;
	char id[64];
	bool answered, waits;
	struct err answer;
};

static void on_agent(void *ctx, const struct link_msg *m)
{
	struct world *w = ctx;
	size_t n = strlen(w->story);

	snprintf(w->story + n, sizeof w->story - n, "%s %u/%u#%u%s%s%s\n", link_type_name(m->type), m->attempt.task,
		 m->attempt.index, m->attempt.epoch, m->flag ? " known" : "", m->counters ? " " : "",
		 m->counters ? m->counters : "");
	if (++w->messages >= w->wanted)
		loop_stop(w->loop);
}

static void too_late(void *ctx)
{
	(void)ctx;
	fail_msg("nothing happened for 30 s");
}

static void open_world(struct world *w)
{
	struct server_options o = {.keep_jobs = 10};
	struct link_end *end;
	struct err err = ERR_INIT;

	link_pair(w->loop, &end, &w->agent);
	link_on_message(w->agent, on_agent, w);
	if (server_open(w->loop, w->store, end, &o, &w->server, &err) < 0)
		fail_msg("%s", err.text);
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

	link_free(w->agent);
	server_close(w->server);
	loop_timer_free(w->watchdog);
	loop_free(w->loop);
	free(w);
	return 0;
}

/* Runs until the agent was told n more messages, and compares them. */
static void expect(struct world *w, size_t n, const char *story)
{
	w->story[0] = '\0';
	w->messages = 0;
	w->wanted = n;
	assert_int_equal(loop_run(w->loop, NULL), 0);
	assert_string_equal(w->story, story);
}

static void hello_said(struct world *w, uint32_t slots, const char *counters, const char *facts)
{
	struct link_msg m = {.type = LINK_HELLO,
			     .text = "n1",
			     .text2 = "/spaces",
			     .slots = slots,
			     .cpu_milli = 8000,
			     .memory = 1u << 30,
			     .counters = counters,
			     .facts = facts};

	link_send(w->agent, &m);
	expect(w, 1, "welcome 0/0#0\n");
}

static void hello_with(struct world *w, uint32_t slots, const char *counters)
{
	hello_said(w, slots, counters, NULL);
}

static void hello(struct world *w, uint32_t slots)
{
	hello_with(w, slots, NULL);
}

static void have(struct world *w, const char *job)
{
	struct link_msg m = {.type = LINK_HAVE};

	snprintf(m.attempt.job, sizeof m.attempt.job, "%s", job);
	link_send(w->agent, &m);
}

static void fact(struct world *w, enum link_type type, uint32_t task, uint32_t index, uint32_t epoch, int code)
{
	struct link_msg m = {.type = type, .attempt = {.task = task, .index = index, .epoch = epoch}, .code = code};

	snprintf(m.attempt.job, sizeof m.attempt.job, "%s", w->id);
	link_send(w->agent, &m);
}

static int no_check(void *ctx, yyjson_val *container, const char **ret_key, struct err *err)
{
	(void)container;
	*ret_key = "image";
	return ctx ? err_set(err, ENOENT, "image \"x\" is not here") : 0;
}

static void on_answer(void *ctx, const char *id, const struct err *error)
{
	struct world *w = ctx;

	w->answered = true;
	snprintf(w->id, sizeof w->id, "%s", id);
	if (error)
		w->answer = *error;
	else
		err_clear(&w->answer);
	loop_stop(w->loop);
}

static void on_refusal(void *ctx, const char *id, const struct err *error)
{
	struct world *w = ctx;

	(void)id;
	assert_non_null(error);
	w->answer = *error;
}

static void submit(struct world *w, const char *json)
{
	w->answered = false;
	server_submit(w->server, json, strlen(json), &(struct server_user){.uid = 0}, false, no_check, NULL, on_answer,
		      w);
	if (!w->answered)
		assert_int_equal(loop_run(w->loop, NULL), 0);
	assert_true(w->answered);
}

static const char chain[] =
    "{\"name\":\"chain\",\"services\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"image\":\"x\",\"count\":2,"
    "\"depends_on\":[{\"service\":\"a\",\"condition\":\"completed\"}]}]}";

static void test_chain(void **state)
{
	struct world *w = *state;
	char *json = NULL;

	hello(w, 4);
	submit(w, chain);
	assert_int_equal(w->answer.code, 0);
	expect(w, 1, "start 0/0#1\n");
	fact(w, LINK_STARTED, 0, 0, 1, 0);
	fact(w, LINK_EXITED, 0, 0, 1, 0);
	expect(w, 2, "start 1/0#1\nstart 1/1#1\n");
	fact(w, LINK_EXITED, 1, 1, 1, 0);
	fact(w, LINK_EXITED, 1, 0, 1, 0);
	/* The end of the job is no message: it is seen when a second job is answered. */
	submit(w, chain);
	assert_int_equal(w->answer.code, 0);
	assert_false(server_all_ended(w->server));
	assert_false(server_job_ended(w->server, w->id, &json));
	expect(w, 1, "start 0/0#1\n");
	json = server_jobs_json(w->server, true, 10);
	assert_non_null(strstr(json, "\"state\":\"finished\""));
	free(json);
}

/* Whatever is refused leaves nothing behind. */
static void test_refused(void **state)
{
	struct world *w = *state;
	uint64_t before = store_last_seq(w->store);
	char *json;

	submit(w, "{\"name\":\"x\",\"services\":[{\"name\":\"a\",\"image\":\"x\",\"depends_on\":[{\"service\":\"a\","
		  "\"condition\":\"completed\"}]}]}");
	assert_int_equal(w->answer.code, EINVAL);
	w->answered = false;
	server_submit(w->server, chain, strlen(chain), &(struct server_user){.uid = 0}, false, no_check, w, on_answer,
		      w);
	assert_true(w->answered);
	assert_int_equal(w->answer.code, ENOENT);
	assert_non_null(strstr(w->answer.text, "services.a.image: image \"x\" is not here"));
	assert_int_equal(store_last_seq(w->store), before);
	json = server_jobs_json(w->server, true, 10);
	assert_string_equal(json, "[]");
	free(json);
}

static void test_cancel(void **state)
{
	struct world *w = *state;
	char *json = NULL, found[64];

	hello(w, 4);
	submit(w, chain);
	expect(w, 1, "start 0/0#1\n");
	fact(w, LINK_STARTED, 0, 0, 1, 0);
	server_cancel(w->server, "chain", NULL, NULL);
	expect(w, 1, "kill 0/0#1\n");
	fact(w, LINK_EXITED, 0, 0, 1, 143);
	server_forget(w->server, "chain-", on_refusal, w); /* still live: refused at once */
	assert_int_equal(w->answer.code, EBUSY);
	submit(w, chain);
	/* Two ids begin with the name now: it means the live one. */
	assert_int_equal(server_find(w->server, "chain", found, sizeof found, NULL), 0);
	assert_string_equal(found, w->id);
	assert_int_equal(server_find(w->server, "chai", found, sizeof found, NULL), -EINVAL);
	assert_int_equal(server_find(w->server, "nope", found, sizeof found, NULL), -ENOENT);
	json = server_jobs_json(w->server, true, 10);
	assert_non_null(strstr(json, "\"state\":\"canceled\""));
	free(json);
}

/* A server that starts again on the same log knows what is live and asks the agent for it; what the server saw start is not started again. */
static void test_restart(void **state)
{
	struct world *w = *state;
	struct loop *loop = w->loop;
	struct store *store = w->store;

	hello(w, 4);
	submit(w, chain);
	expect(w, 1, "start 0/0#1\n");
	fact(w, LINK_STARTED, 0, 0, 1, 0);
	fact(w, LINK_EXITED, 0, 0, 1, 0);
	expect(w, 2, "start 1/0#1\nstart 1/1#1\n");
	fact(w, LINK_STARTED, 1, 0, 1, 0);
	submit(w, chain); /* so that the fact is in the log */
	link_free(w->agent);
	server_abandon(w->server);
	w->loop = loop;
	w->store = store;
	open_world(w);
	hello(w, 4);
	expect(w, 3, "start 1/0#1 known\nstart 1/1#1\nstart 0/0#1\n");
	/* What the agent still has of a job that nobody knows any more is to go; what is known stays. */
	have(w, w->id);
	have(w, "gone-1234");
	expect(w, 1, "forget 0/0#0\n");
	/* Also what comes to its end only now: it was on its way to the node when the agent said what it has. */
	snprintf(w->id, sizeof w->id, "gone-5678");
	fact(w, LINK_EXITED, 0, 0, 1, 0);
	expect(w, 1, "forget 0/0#0\n");
}

static void on_doc(void *ctx, uint64_t seq, const struct err *error)
{
	(void)seq;
	assert_null(error);
	loop_stop(((struct world *)ctx)->loop);
}

static void on_pause(void *ctx)
{
	loop_stop(((struct world *)ctx)->loop);
}

/* A node that has joined and never came: the scheduler has nothing of it, and its drain's time passes. Then one that is there. */
static void test_drain(void **state)
{
	static const char record[] = "{\"member\":\"m\",\"draining\":true,\"drain_until_ms\":1}";
	const struct store_event e = {.time_ms = 1, .kind = "node_join", .data = "{}", .len = 2};
	const struct store_doc doc = {.key = "node/ghost", .value = record, .len = sizeof record - 1};
	struct world *w = *state;
	struct loop_timer *pause = loop_timer_new(w->loop, on_pause, w);
	struct err err = ERR_INIT;
	uint64_t seq;
	char *json = NULL;

	link_free(w->agent);
	server_abandon(w->server);
	store_append(w->store, &e, &doc, 1, on_doc, w);
	assert_int_equal(loop_run(w->loop, NULL), 0);
	seq = store_last_seq(w->store);
	open_world(w);
	/* Its timer is due at once, ours after it. */
	loop_timer_arm(pause, 1);
	assert_int_equal(loop_run(w->loop, NULL), 0);
	assert_int_equal(server_node_json(w->server, "ghost", &json, &err), 0);
	assert_non_null(strstr(json, "\"state\":\"down\""));
	assert_int_equal(store_last_seq(w->store), seq);
	hello(w, 4);
	submit(w, chain);
	expect(w, 1, "start 0/0#1\n");
	server_node_drain(w->server, "n1", NULL, 1, NULL, NULL);
	expect(w, 1, "kill 0/0#1\n");
	fact(w, LINK_EXITED, 0, 0, 1, 143);
	server_node_unlock(w->server, "n1", NULL, NULL);
	expect(w, 1, "start 0/0#2\n");
	loop_timer_free(pause);
	free(json);
}

/* Of the job of the last answer. */
static void wish(struct world *w, void (*fn)(struct server *, const char *, server_done_fn, void *))
{
	mem_cleanup char *id = mem_strdup(w->id);

	w->answered = false;
	fn(w->server, id, on_answer, w);
	if (!w->answered)
		assert_int_equal(loop_run(w->loop, NULL), 0);
	assert_int_equal(w->answer.code, 0);
}

#define ID_JOBS 1200

/* Nodes that were away may still have containers of a job that is forgotten: its ID is never given again, not after a restart either. With four random
 * digits alone this fails in all but a few of a million runs. */
static void test_ids(void **state)
{
	struct world *w = *state;
	struct map seen = MAP_INIT;

	for (int i = 0; i < ID_JOBS; i++) {
		if (i % 400 == 399) {
			link_free(w->agent);
			server_abandon(w->server);
			open_world(w);
		}
		submit(w, chain);
		if (map_get(&seen, w->id))
			fail_msg("the job %s comes twice", w->id);
		map_put(&seen, w->id, w);
		wish(w, server_cancel);
		wish(w, server_forget);
	}
	map_free(&seen);
}

static int64_t an_hour_ago(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec - 3600) * 1000000000 + ts.tv_nsec;
}

static int64_t submitted_at(struct world *w, size_t nth)
{
	mem_cleanup char *json = server_jobs_json(w->server, true, 10);
	const char *at = json;

	for (size_t i = 0; i <= nth; i++) {
		at = strstr(at, "\"submitted_ms\":");
		assert_non_null(at);
		at += strlen("\"submitted_ms\":");
	}
	return strtoll(at, NULL, 10);
}

/* Somebody sets the date back while the server runs, and once more while it is down: the log's time goes on. */
static void test_clock_back(void **state)
{
	struct world *w = *state;

	hello(w, 4);
	submit(w, chain);
	expect(w, 1, "start 0/0#1\n");
	clock_use(an_hour_ago, NULL);
	submit(w, chain);
	assert_true(submitted_at(w, 0) >= submitted_at(w, 1));
	expect(w, 1, "start 0/0#1\n");
	link_free(w->agent);
	server_abandon(w->server);
	open_world(w);
	submit(w, chain);
	clock_use(NULL, NULL);
	assert_true(submitted_at(w, 0) > submitted_at(w, 1));
}

static void on_wish(void *ctx, const char *id, const struct err *error)
{
	(void)id;
	on_answer(ctx, "", error);
}

/* Runs until the wish is answered; the code of the error. */
static int answer(struct world *w)
{
	assert_int_equal(loop_run(w->loop, NULL), 0);
	assert_true(w->answered);
	w->answered = false;
	return w->answer.code;
}

static void node_says(struct world *w, const char *what, bool there)
{
	mem_cleanup char *json = NULL;

	assert_int_equal(server_node_json(w->server, "n1", &json, NULL), 0);
	if ((strstr(json, what) != NULL) != there)
		fail_msg("%s: %s%s", json, there ? "" : "not ", what);
}

/* A wish of a node that the store refuses does not hold: not in what is shown, not for the scheduler, and not after the next one either. */
static void test_wish_refused(void **state)
{
	struct world *w = *state;

	hello(w, 4);
	submit(w, chain);
	expect(w, 1, "start 0/0#1\n");
	store_mem_fail(w->store, 1, ENOSPC);
	server_node_lock(w->server, "n1", "disk", on_wish, w);
	assert_int_equal(answer(w), ENOSPC);
	node_says(w, "\"state\":\"busy\"", true);
	store_mem_fail(w->store, 1, ENOSPC);
	server_node_drain(w->server, "n1", "", 1, on_wish, w);
	assert_int_equal(answer(w), ENOSPC);
	node_says(w, "\"drain_until_ms\":0", true);
	server_node_drain(w->server, "n1", "kernel", 0, on_wish, w);
	assert_int_equal(answer(w), 0);
	node_says(w, "\"state\":\"draining\",\"reason\":\"kernel\"", true);
	store_mem_fail(w->store, 1, ENOSPC);
	server_node_unlock(w->server, "n1", on_wish, w);
	assert_int_equal(answer(w), ENOSPC);
	node_says(w, "\"state\":\"draining\",\"reason\":\"kernel\"", true);
}

static void on_nothing(void *ctx, const char *id, const struct err *error)
{
	(void)ctx;
	(void)id;
	assert_null(error);
}

/* The second is written on top of the first, which is not durable yet. */
static void test_wishes_at_once(void **state)
{
	struct world *w = *state;
	static const char labels[] = "{\"disk\":\"ssd\"}";
	yyjson_doc *doc = yyjson_read(labels, strlen(labels), 0);

	hello(w, 4);
	submit(w, chain);
	expect(w, 1, "start 0/0#1\n");
	server_node_lock(w->server, "n1", "disk", on_nothing, NULL);
	server_node_label(w->server, "n1", yyjson_doc_get_root(doc), on_wish, w);
	yyjson_doc_free(doc);
	assert_int_equal(answer(w), 0);
	node_says(w, "\"state\":\"locked\",\"reason\":\"disk\"", true);
	node_says(w, "\"disk\":\"ssd\"", true);
}

static void on_stranger(void *ctx, const struct link_msg *m)
{
	struct world *w = ctx;

	snprintf(w->story, sizeof w->story, "%s%s%s", link_type_name(m->type), m->text ? ": " : "",
		 m->text ? m->text : "");
	loop_stop(w->loop);
}

static struct link_end *stranger(struct world *w, const char *name, uint32_t min, uint32_t max)
{
	struct link_msg m = {
	    .type = LINK_HELLO, .text = name, .text2 = "/s", .slots = 1, .protocol_min = min, .protocol_max = max};
	struct link_end *theirs, *ours;

	link_pair(w->loop, &ours, &theirs);
	link_on_message(theirs, on_stranger, w);
	fleet_attach(w->server, ours, name);
	link_send(theirs, &m);
	assert_int_equal(loop_run(w->loop, NULL), 0);
	return theirs;
}

/* Releases whose protocols overlap talk; those that are too far apart are told so. A node cannot be removed while the store is full, and is there no more after. */
static void test_outsiders(void **state)
{
	struct world *w = *state;
	struct link_end *next, *far;

	next = stranger(w, "next", LINK_PROTOCOL_MAX, LINK_PROTOCOL_MAX + 1);
	assert_string_equal(w->story, "welcome");
	far = stranger(w, "far", LINK_PROTOCOL_MAX + 1, LINK_PROTOCOL_MAX + 2);
	assert_string_equal(w->story,
			    "refuse: its release and that of the server are too far apart: update the older one");
	link_free(far);
	store_mem_fail(w->store, 1, ENOSPC);
	server_node_remove(w->server, "next", on_wish, w);
	assert_int_equal(answer(w), ENOSPC);
	assert_int_equal(server_node_reaches(w->server, "next", NULL), 0);
	server_node_remove(w->server, "next", on_wish, w);
	assert_int_equal(answer(w), 0);
	assert_int_equal(server_node_reaches(w->server, "next", NULL), -ENOENT);
	link_free(next);
}

static bool stores(struct world *w)
{
	server_node_lock(w->server, "n1", "disk", on_wish, w);
	return answer(w) == 0;
}

/* What an agent has told and the store refused is not waited with once the store takes anything again. */
static void test_told_and_refused(void **state)
{
	struct world *w = *state;
	mem_cleanup char *json = NULL;

	hello(w, 4);
	submit(w, chain);
	expect(w, 1, "start 0/0#1\n");
	store_mem_fail(w->store, 1, ENOSPC);
	fact(w, LINK_EXITED, 0, 0, 1, 0);
	have(w, "gone-1234");
	expect(w, 1, "forget 0/0#0\n"); /* it was heard */
	(void)stores(w);		/* in the same group, or in the next one */
	for (int i = 0; i < 4; i++)
		assert_true(stores(w));
	json = server_jobs_json(w->server, true, 10);
	assert_non_null(strstr(json, "\"finished\":1"));
}

/* What a node has of counters, what is in use and who waits for more is the same after a death of the server. */
static void test_counters(void **state)
{
	static const char job[] = "{\"name\":\"g\",\"services\":[{\"name\":\"a\",\"image\":\"x\",\"count\":2,"
				  "\"counters\":{\"scratch\":1,\"gpu\":2}}]}";
	struct world *w = *state;

	hello_with(w, 4, "gpu 3\nscratch 4\n");
	submit(w, job);
	expect(w, 1, "start 0/0#1 gpu 2\nscratch 1\n\n");
	for (int times = 0; times < 2; times++) {
		mem_cleanup char *node = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(server_node_json(w->server, "n1", &node, &err), 0);
		assert_non_null(strstr(node, "\"counters\":{\"gpu\":{\"total\":3,\"used\":2},\"scratch\":{\"total\":4,"
					     "\"used\":1}}"));
		if (times)
			continue;
		link_free(w->agent);
		server_abandon(w->server);
		open_world(w);
	}
	hello_with(w, 4, "gpu 4\nscratch 4\n");
	expect(w, 2, "start 0/0#1 gpu 2\nscratch 1\n\nstart 0/1#1 gpu 2\nscratch 1\n\n");
}

static void on_hosted(void *ctx, const struct hosted *h, const struct err *error)
{
	struct world *w = ctx;

	w->answered = true;
	err_clear(&w->answer);
	snprintf(w->id, sizeof w->id, "%s", h ? h->node : "");
	if (error)
		w->answer = *error;
	if (w->waits)
		loop_stop(w->loop);
}

/* Makes a container of so many slots; the code of the refusal, 0 = it has got a node. */
static int host(struct world *w, const char *name, uint32_t slots, const char *constraint)
{
	char *words[] = {(char *)(uintptr_t)constraint, NULL};
	const struct hosted_wish wish = {
	    .name = name, .image = "x", .slots = slots, .constraints = constraint ? words : NULL};

	w->answered = w->waits = false;
	hosted_make(w->server, &wish, on_hosted, w);
	w->waits = !w->answered;
	if (w->waits)
		assert_int_equal(loop_run(w->loop, NULL), 0);
	assert_true(w->answered);
	return w->answer.code;
}

static const char an_id[] = "1234567890123456789012345678901234567890123456789012345678901234";

/* A container of no job has its name and its room until it is dropped, over a death of the server, too. */
static void test_hosted(void **state)
{
	struct world *w = *state;
	const struct hosted *h;

	assert_int_equal(host(w, "early", 0, NULL), EBUSY);
	hello(w, 4);
	assert_int_equal(host(w, "a", 3, NULL), 0);
	assert_string_equal(w->id, "n1");
	assert_int_equal(host(w, "a", 0, NULL), EEXIST);
	assert_int_equal(host(w, "b", 2, NULL), EBUSY);
	assert_non_null(strstr(w->answer.text, "n1 has no room"));
	assert_int_equal(host(w, "b", 0, "node"), EINVAL);
	assert_int_equal(host(w, "b", 0, "node==~n1"), EINVAL);
	assert_int_equal(host(w, "b", 0, "node!=n?"), EBUSY);
	assert_non_null(strstr(w->answer.text, "n1 does not meet the constraints"));
	assert_int_equal(host(w, "b", 1, "node==n*"), 0);
	assert_int_equal(host(w, "c", 0, "container==b"), 0);
	/* What the log has not got: nothing of it stays. */
	store_mem_fail(w->store, 1, ENOSPC);
	assert_int_equal(host(w, "e", 0, NULL), ENOSPC);
	assert_null(hosted_by_name(w->server, "e"));
	hosted_identify(w->server, hosted_by_name(w->server, "b")->number, an_id);
	hosted_rename(w->server, hosted_by_name(w->server, "b")->number, "d");
	submit(w, chain); /* so that all of it is in the log */
	link_free(w->agent);
	server_abandon(w->server);
	open_world(w);
	hello(w, 4);
	h = hosted_by_id(w->server, an_id);
	assert_non_null(h);
	assert_string_equal(h->name, "d");
	assert_null(hosted_by_name(w->server, "b"));
	assert_int_equal(host(w, "f", 1, NULL), EBUSY);
	/* The job has waited for room. */
	hosted_drop(w->server, hosted_by_name(w->server, "a")->number);
	expect(w, 1, "start 0/0#1\n");
	assert_int_equal(host(w, "a", 1, NULL), 0);
}

static void on_bring(void *ctx, const char *node, const char *image)
{
	struct world *w = ctx;

	assert_string_equal(node, "n1");
	assert_string_equal(image, "x:latest");
	w->waits = true;
}

/* What waits for its image says so. */
static void test_image_on_its_way(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	char *json = NULL;

	server_bring_images(w->server, on_bring, w);
	hello(w, 4);
	submit(w, chain);
	assert_true(w->waits); /* who submits is answered after what follows from it */
	assert_int_equal(server_job_json(w->server, w->id, &json, &err), 0);
	assert_non_null(strstr(json, "its image \\\"x:latest\\\" has to come to node n1 first"));
	free(json);
	server_image_brought(w->server, "n1", "x:latest", NULL);
	expect(w, 1, "start 0/0#1\n");
	assert_int_equal(server_job_json(w->server, w->id, &json, &err), 0);
	assert_null(strstr(json, "has to come"));
	free(json);
}

/* A container of no job that wants GPUs goes where some are that no job has. */
static void test_hosted_gpus(void **state)
{
	struct world *w = *state;
	struct hosted_wish wish = {.name = "a", .image = "x", .gpus = 2};

	hello_with(w, 4, "gpu 1\n");
	w->answered = w->waits = false;
	hosted_make(w->server, &wish, on_hosted, w);
	assert_true(w->answered);
	assert_int_equal(w->answer.code, EBUSY);
	assert_non_null(strstr(w->answer.text, "n1 has not so many GPUs that no job uses"));
	wish.gpus = 1;
	w->answered = false;
	w->waits = true;
	hosted_make(w->server, &wish, on_hosted, w);
	assert_int_equal(loop_run(w->loop, NULL), 0);
	assert_int_equal(w->answer.code, 0);
	assert_string_equal(w->id, "n1");
}

static bool uses(struct world *w, const char *gpus)
{
	mem_cleanup char *node = NULL, *want = mem_printf("\"gpu\":{\"total\":2,\"used\":%s}", gpus);
	struct err err = ERR_INIT;

	assert_int_equal(server_node_json(w->server, "n1", &node, &err), 0);
	return strstr(node, want);
}

/* What its agent says that others have is not given to jobs, over a death of the server, too, until it says so no more. */
static void test_gpus_by_hand(void **state)
{
	static const char job[] =
	    "{\"name\":\"g\",\"services\":[{\"name\":\"a\",\"image\":\"x\",\"count\":2,\"counters\":{\"gpu\":1}}]}";
	struct world *w = *state;

	hello_with(w, 4, "gpu 2\n");
	link_send(w->agent, &(struct link_msg){.type = LINK_BEAT, .text = "{\"gpus_by_hand\":1}"});
	expect(w, 1, "heard 0/0#0\n");
	submit(w, job);
	expect(w, 1, "start 0/0#1 gpu 1\n\n");
	assert_true(uses(w, "2"));
	link_free(w->agent);
	server_abandon(w->server);
	open_world(w);
	hello_said(w, 4, "gpu 2\n", "{\"gpus_by_hand\":1}");
	expect(w, 1, "start 0/0#1 gpu 1\n\n");
	assert_true(uses(w, "2"));
	link_send(w->agent, &(struct link_msg){.type = LINK_BEAT, .text = "{\"gpus_by_hand\":0}"});
	expect(w, 2, "heard 0/0#0\nstart 0/1#1 gpu 1\n\n");
	assert_true(uses(w, "2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_clock_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wish_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wishes_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_told_and_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_outsiders, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hosted_gpus, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_gpus_by_hand, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_image_on_its_way, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hosted, setup, teardown),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
