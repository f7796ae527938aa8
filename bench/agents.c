/* SPDX-License-Identifier: Apache-2.0
 *
 * Many agents in one process, without containers: each has a link of its own to a real server, as dial.h makes it, and answers as an agent whose containers
 * start at once and end when they are told to.
 *
 *   agents DIR HOST:PORT TOKEN N SLOTS   joins as sim-0 ... sim-(N-1); files in DIR/sim-X, so that a second run needs no token ("-")
 *
 * Prints one JSON object when all are welcome: {"agents": N, "seconds": s} (at most WINDOW at a time are on their way), and goes on until its input ends.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "cluster/link/dial.h"
#include "cluster/link/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WINDOW 64
#define BEATS_A_LEASE 4

struct bench;

struct sim {
	struct bench *bench;
	struct link_end *link;
	struct loop_timer *beat;
	char name[32];
	uint32_t lease_ms;
	bool welcome;
};

struct bench {
	struct loop *loop;
	const char *dir, *server, *token;
	struct sim *sims;
	uint32_t n, begun, welcome, slots;
	int64_t begin_ns;
};

static void fail(const struct err *err)
{
	fprintf(stderr, "agents: %s\n", err->text);
	exit(1);
}

static void begin_next(struct bench *b);

static void on_beat(void *ctx)
{
	struct sim *s = ctx;

	link_send(s->link, &(struct link_msg){.type = LINK_BEAT, .sent_ms = clock_mono_ms()});
	loop_timer_arm(s->beat, s->lease_ms / BEATS_A_LEASE + 1);
}

static void on_welcome(struct sim *s, const struct link_msg *m)
{
	struct bench *b = s->bench;

	s->lease_ms = m->lease_ms;
	on_beat(s);
	if (s->welcome)
		return;
	s->welcome = true;
	b->welcome++;
	begin_next(b);
	if (b->welcome < b->n)
		return;
	printf("{\"agents\":%" PRIu32 ",\"seconds\":%.6f}\n", b->n, (double)(clock_mono_ns() - b->begin_ns) / 1e9);
	fflush(stdout);
}

static void on_message(void *ctx, const struct link_msg *m)
{
	struct sim *s = ctx;
	struct link_msg answer = {.type = LINK_STARTED, .attempt = m->attempt, .text = "simulated"};

	if (m->type == LINK_WELCOME)
		on_welcome(s, m);
	if (m->type == LINK_START)
		link_send(s->link, &answer);
	if (m->type != LINK_KILL)
		return;
	answer = (struct link_msg){
	    .type = LINK_EXITED, .attempt = m->attempt, .outcome = LINK_OUT_EXITED, .code = 143, .signal = 15};
	link_send(s->link, &answer);
}

static void on_state(void *ctx, bool up)
{
	struct sim *s = ctx;
	struct link_msg m = {
	    .type = LINK_HELLO, .text = s->name, .text2 = "/nowhere", .facts = "{\"images\":{\"busybox:latest\":1}}"};

	if (!up) {
		loop_timer_disarm(s->beat);
		return;
	}
	m.protocol_min = LINK_PROTOCOL_MIN;
	m.protocol_max = LINK_PROTOCOL_MAX;
	m.slots = s->bench->slots;
	m.cpu_milli = (uint64_t)s->bench->slots * 1000;
	m.memory = 1u << 30;
	m.sent_ms = clock_mono_ms();
	link_send(s->link, &m);
}

static void begin_next(struct bench *b)
{
	struct sim *s = &b->sims[b->begun];
	mem_cleanup char *dir = NULL;
	struct dial_options o = {.server = b->server, .token = strcmp(b->token, "-") ? b->token : NULL};
	struct err err = ERR_INIT;

	if (b->begun == b->n)
		return;
	snprintf(s->name, sizeof s->name, "sim-%" PRIu32, b->begun++);
	s->bench = b;
	s->beat = loop_timer_new(b->loop, on_beat, s);
	dir = mem_printf("%s/%s", b->dir, s->name);
	o.dir = dir;
	o.node = s->name;
	if (dial_new(b->loop, &o, &s->link, &err) < 0)
		fail(&err);
	link_on_message(s->link, on_message, s);
	link_on_state(s->link, on_state, s);
}

static void on_input(void *ctx, int events)
{
	struct bench *b = ctx;
	char piece[64];

	(void)events;
	if (read(STDIN_FILENO, piece, sizeof piece) <= 0)
		loop_stop(b->loop);
}

static void run(struct bench *b)
{
	struct loop_fd *input;
	struct err err = ERR_INIT;

	if (loop_new(&b->loop, &err) < 0 || loop_fd_new(b->loop, STDIN_FILENO, LOOP_IN, on_input, b, &input, &err) < 0)
		fail(&err);
	b->begin_ns = clock_mono_ns();
	for (int i = 0; i < WINDOW; i++)
		begin_next(b);
	if (loop_run(b->loop, &err) < 0)
		fail(&err);
	for (uint32_t i = 0; i < b->begun; i++) {
		link_on_state(b->sims[i].link, NULL, NULL);
		link_free(b->sims[i].link);
		loop_timer_free(b->sims[i].beat);
	}
	loop_fd_free(input);
	loop_free(b->loop);
}

int main(int argc, char **argv)
{
	struct bench b = {.n = 0};
	struct rlimit files;

	if (argc != 6) {
		fprintf(stderr, "agents DIR HOST:PORT TOKEN N SLOTS\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	b.dir = argv[1];
	b.server = argv[2];
	b.token = argv[3];
	b.n = (uint32_t)strtoul(argv[4], NULL, 10);
	b.slots = (uint32_t)strtoul(argv[5], NULL, 10);
	log_set_level(LOG_WARNING);
	b.sims = mem_new_n(struct sim, b.n + 1);
	run(&b);
	free(b.sims);
	return 0;
}
