/* SPDX-License-Identifier: Apache-2.0
 *
 * What the scheduler costs with its log, on one processor. Prints one JSON object.
 *
 *   placements run KIND DIR NODES N [SLOTS WISH]
 *                                     one job of N tasks on NODES simulated nodes of one slot (or SLOTS) in ten zones; each task makes two events,
 *                                     STARTED and EXITED, and each event is durable in a store of KIND (memory, sqlite, etcd://...) before it counts.
 *                                     WISH: plain, spread (over the zones), hosts (spread over a label that each node has alone), near, apart
 *   placements replay DIR N           the log that `run sqlite` left, read and stepped through again
 *   placements queue JOBS TASKS       the memory of JOBS jobs of TASKS tasks each, and the time to submit them
 */
#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "cluster/sched/sched.h"
#include "cluster/server/event.h"

#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONES 10

static const char *const over_zones[] = {"labels.zone"}, *const over_hosts[] = {"labels.host"};
static const struct sched_rule near_zone = {.to = "t", .within = "labels.zone", .weight = 5},
			       apart_node = {.to = "t", .within = "node", .weight = 5, .apart = true};

/* What the tasks ask for beyond a slot. */
static const struct wish {
	const char *name;
	const char *const *spread;
	const struct sched_rule *rule;
} wishes[] = {
    {"plain", NULL, NULL},	{"spread", over_zones, NULL}, {"hosts", over_hosts, NULL},
    {"near", NULL, &near_zone}, {"apart", NULL, &apart_node},
};

struct bench {
	struct sched *s;
	struct store *store;
	struct loop *loop;
	struct sched_job_spec job;
	struct sched_task_spec task;
	const struct wish *wish;
	uint64_t events, starts;
	int64_t begin_ns, end_ns, begin_cpu_ns;
};

struct sent {
	struct bench *bench;
	struct sched_event event;
	char node[SCHED_ID_MAX], job[SCHED_ID_MAX], facts[64];
};

static void fail(const struct err *err)
{
	fprintf(stderr, "placements: %s\n", err->text);
	exit(1);
}

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

/* Of all threads: on a busy machine, what one processor alone would take but for its waiting for the disk. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void begin(struct bench *b)
{
	b->begin_cpu_ns = cpu_ns();
	b->begin_ns = clock_mono_ns();
}

static void report(const struct bench *b, size_t bytes)
{
	int64_t end = b->end_ns ? b->end_ns : clock_mono_ns();

	printf("{\"starts\":%" PRIu64 ",\"events\":%" PRIu64 ",\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"bytes\":%zu}\n",
	       b->starts, b->events, (double)(end - b->begin_ns) / 1e9, (double)(cpu_ns() - b->begin_cpu_ns) / 1e9,
	       bytes);
}

static void job_init(struct bench *b, const char *id, uint32_t tasks)
{
	b->task = (struct sched_task_spec){.name = "t", .count = tasks, .slots = 1, .attempts = 1, .backoff = 1};
	if (b->wish) {
		b->task.spread = b->wish->spread;
		b->task.n_spread = b->wish->spread != NULL;
		b->task.rules = b->wish->rule;
		b->task.n_rules = b->wish->rule != NULL;
	}
	b->job = (struct sched_job_spec){.id = id, .name = "bench", .tasks = &b->task, .n_tasks = 1, .exit_with = -1};
}

static void step(struct bench *b, struct sched_event *e, struct sched_actions *acts)
{
	struct err err = ERR_INIT;

	if (e->type == SCHED_EV_JOB_SUBMIT)
		e->job_spec = &b->job;
	if (sched_step(b->s, e, acts, &err) < 0)
		fail(&err);
	b->events++;
}

static void on_stored(void *ctx, uint64_t seq, const struct err *error);

static void append(struct bench *b, const struct sched_event *e)
{
	struct sent *sent = mem_new(struct sent);
	struct buf json buf_cleanup = BUF_INIT;
	struct store_event record = {.time_ms = 1000 + (int64_t)b->events, .kind = event_kind(e->type)};

	sent->bench = b;
	sent->event = *e;
	sent->event.now_ms = record.time_ms;
	if (e->node) {
		snprintf(sent->node, sizeof sent->node, "%s", e->node);
		sent->event.node = sent->node;
	}
	if (e->facts) {
		snprintf(sent->facts, sizeof sent->facts, "%s", e->facts);
		sent->event.facts = sent->facts;
	}
	event_encode(e, NULL, &json);
	record.data = buf_str(&json);
	record.len = json.len;
	store_append(b->store, &record, NULL, 0, on_stored, sent);
}

/* The agent of each node: what is to start has started and ended at once. */
static void on_stored(void *ctx, uint64_t seq, const struct err *error)
{
	struct sent *sent = ctx;
	struct bench *b = sent->bench;
	struct sched_actions acts;

	(void)seq;
	if (error)
		fail(error);
	step(b, &sent->event, &acts);
	free(sent);
	for (size_t k = 0; k < acts.n; k++) {
		struct sched_event e = {.type = SCHED_EV_STARTED, .attempt = acts.items[k].attempt};

		if (acts.items[k].type == SCHED_ACT_JOB_ENDED) {
			b->end_ns = clock_mono_ns();
			loop_stop(b->loop);
		}
		if (acts.items[k].type != SCHED_ACT_START)
			continue;
		b->starts++;
		append(b, &e);
		e.type = SCHED_EV_EXITED;
		append(b, &e);
	}
}

static void add_nodes(struct bench *b, uint32_t nodes, uint32_t slots)
{
	for (uint32_t k = 0; k < nodes; k++) {
		char name[32], facts[64];

		snprintf(name, sizeof name, "n%" PRIu32, k);
		snprintf(facts, sizeof facts, "labels.host h%" PRIu32 "\nlabels.zone z%" PRIu32, k, k % ZONES);
		append(b, &(struct sched_event){.type = SCHED_EV_NODE_UP, .node = name, .node_slots = slots});
		append(b, &(struct sched_event){.type = SCHED_EV_NODE_FACTS, .node = name, .facts = facts});
	}
}

static const struct wish *wish_named(const char *name)
{
	for (size_t k = 0; k < sizeof wishes / sizeof *wishes; k++) {
		if (!strcmp(wishes[k].name, name))
			return &wishes[k];
	}
	fprintf(stderr, "placements: there is no wish \"%s\"\n", name);
	exit(2);
}

static int bench_run(char **words, uint32_t slots, const struct wish *wish)
{
	const char *kind = words[0], *dir = words[1];
	uint32_t nodes = number(words[2]), tasks = number(words[3]);
	struct bench b = {.s = sched_new(), .wish = wish};
	struct err err = ERR_INIT;

	if (loop_new(&b.loop, &err) < 0 || store_open(kind, dir, b.loop, &b.store, &err) < 0)
		fail(&err);
	job_init(&b, "j", tasks);
	add_nodes(&b, nodes, slots);
	append(&b, &(struct sched_event){.type = SCHED_EV_JOB_SUBMIT, .job = "j"});
	begin(&b);
	if (loop_run(b.loop, &err) < 0)
		fail(&err);
	report(&b, 0);
	store_close(b.store);
	loop_free(b.loop);
	sched_free(b.s);
	return b.starts == tasks ? 0 : 1;
}

/* ---- the log again ---- */

static int replay_event(void *ctx, const struct store_event *record)
{
	struct bench *b = ctx;
	struct sched_actions acts;
	struct sched_event e;
	struct err err = ERR_INIT;
	yyjson_doc *doc;

	if (event_decode(record->kind, record->data, record->len, record->time_ms, &e, &doc, &err) < 0)
		fail(&err);
	step(b, &e, &acts);
	yyjson_doc_free(doc);
	return 0;
}

static int bench_replay(const char *dir, uint32_t tasks)
{
	struct bench b = {.s = sched_new()};
	struct sched_job_view v;
	struct err err = ERR_INIT;

	if (loop_new(&b.loop, &err) < 0 || store_open("sqlite", dir, b.loop, &b.store, &err) < 0)
		fail(&err);
	job_init(&b, "j", tasks);
	begin(&b);
	if (store_read(b.store, 1, SIZE_MAX, replay_event, &b, &err) < 0)
		fail(&err);
	report(&b, 0);
	store_close(b.store);
	loop_free(b.loop);
	if (sched_job_view(b.s, "j", &v) < 0 || v.state != SCHED_JOB_FINISHED)
		return 1;
	sched_free(b.s);
	return 0;
}

/* ---- what waits ---- */

static int bench_queue(uint32_t jobs, uint32_t tasks)
{
	struct bench b = {.s = sched_new()};
	struct sched_actions acts;
	struct mallinfo2 m = mallinfo2();
	size_t empty = m.uordblks + m.hblkhd;

	begin(&b);
	for (uint32_t k = 0; k < jobs; k++) {
		char id[SCHED_ID_MAX];
		struct sched_event e = {.type = SCHED_EV_JOB_SUBMIT};

		snprintf(id, sizeof id, "job-%08" PRIu32 "-abcdefgh", k);
		job_init(&b, id, tasks);
		step(&b, &e, &acts);
	}
	m = mallinfo2();
	report(&b, m.uordblks + m.hblkhd - empty);
	sched_free(b.s);
	return 0;
}

int main(int argc, char **argv)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof one, &one);
	if (argc == 6 && !strcmp(argv[1], "run"))
		return bench_run(argv + 2, 1, &wishes[0]);
	if (argc == 8 && !strcmp(argv[1], "run"))
		return bench_run(argv + 2, number(argv[6]), wish_named(argv[7]));
	if (argc == 4 && !strcmp(argv[1], "replay"))
		return bench_replay(argv[2], number(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "queue"))
		return bench_queue(number(argv[2]), number(argv[3]));
	fprintf(stderr, "usage: placements run KIND DIR NODES N [SLOTS WISH] | replay DIR N | queue JOBS TASKS\n");
	return 2;
}
