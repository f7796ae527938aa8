/* SPDX-License-Identifier: Apache-2.0
 *
 * place [INSTANCES [SLOTS [NODES]]]: what the scheduler alone costs. One job of INSTANCES (100,000) instances on
 * NODES (1) nodes of SLOTS (1000) slots runs to its end; each instance makes two events, STARTED and EXITED, and
 * each EXITED makes the next START. Prints events and placements a second of one core, the longest single step,
 * and the memory of the state, before the start and at the end.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/sched/sched.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

struct bench {
	struct sched *s;
	struct sched_attempt_id *live; /* a ring */
	size_t head, n, cap;
	uint64_t events, starts;
	int64_t longest_ns;
};

static void step(struct bench *b, struct sched_event *e)
{
	struct sched_actions acts;
	struct err err = ERR_INIT;
	int64_t begin = clock_mono_ns(), took;

	e->now_ms = 1000 + (int64_t)b->events;
	if (sched_step(b->s, e, &acts, &err) < 0) {
		fprintf(stderr, "place: %s\n", err.text);
		exit(1);
	}
	took = clock_mono_ns() - begin;
	if (e->type != SCHED_EV_JOB_SUBMIT && took > b->longest_ns)
		b->longest_ns = took;
	b->events++;
	for (size_t k = 0; k < acts.n; k++) {
		if (acts.items[k].type != SCHED_ACT_START)
			continue;
		b->starts++;
		b->live[(b->head + b->n++) % b->cap] = acts.items[k].attempt;
	}
}

static size_t heap_kib(void)
{
	struct mallinfo2 m = mallinfo2();

	return (m.uordblks + m.hblkhd) / 1024;
}

static void nodes_up(struct bench *b, uint32_t nodes, uint32_t slots)
{
	for (uint32_t k = 0; k < nodes; k++) {
		char name[32];
		struct sched_event e = {.type = SCHED_EV_NODE_UP, .node = name, .node_slots = slots};

		snprintf(name, sizeof name, "n%" PRIu32, k);
		step(b, &e);
	}
}

static void run_all(struct bench *b)
{
	while (b->n) {
		struct sched_event e = {.type = SCHED_EV_STARTED, .attempt = b->live[b->head]};

		b->head = (b->head + 1) % b->cap;
		b->n--;
		step(b, &e);
		e.type = SCHED_EV_EXITED;
		step(b, &e);
	}
}

int main(int argc, char **argv)
{
	uint32_t instances = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
	uint32_t slots = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000;
	uint32_t nodes = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1;
	struct sched_task_spec task = {.name = "t", .count = instances, .slots = 1, .attempts = 1, .backoff = 1};
	struct sched_job_spec job = {.id = "j", .name = "bench", .tasks = &task, .n_tasks = 1, .exit_with = -1};
	struct sched_event submit = {.type = SCHED_EV_JOB_SUBMIT, .job_spec = &job};
	struct bench b = {.s = sched_new(), .cap = (size_t)slots * nodes + 1};
	struct sched_job_view v;
	size_t empty, waiting;
	int64_t begin;
	double seconds;

	b.live = mem_new_n(struct sched_attempt_id, b.cap);
	empty = heap_kib();
	step(&b, &submit);
	waiting = heap_kib() - empty;
	nodes_up(&b, nodes, slots);
	b.events = 0;
	begin = clock_mono_ns();
	run_all(&b);
	seconds = (double)(clock_mono_ns() - begin) / 1e9;
	if (sched_job_view(b.s, "j", &v) < 0 || v.state != SCHED_JOB_FINISHED || b.starts != instances) {
		fprintf(stderr, "place: the job did not finish\n");
		return 1;
	}
	printf("place: %" PRIu32 " instances, %" PRIu32 " node(s) of %" PRIu32 " slots: %.0f events/s, %.0f starts/s, "
	       "longest step %.3f ms, %zu KiB waiting, %zu KiB finished\n",
	       instances, nodes, slots, (double)b.events / seconds, (double)b.starts / seconds,
	       (double)b.longest_ns / 1e6, waiting, heap_kib() - empty);
	free(b.live);
	sched_free(b.s);
	return 0;
}
