/* SPDX-License-Identifier: Apache-2.0 */
/* Rules one by one as sources in, words out; then a fleet of random machines in virtual time, where the rules that must never break are looked at after each step. */
#include "cluster/source/decide.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE 60000LL
#define NOW (1000000 * MINUTE)

static struct source_spec *spec(const char *json)
{
	struct source_spec *s = NULL;
	struct err err = ERR_INIT;

	if (source_spec_parse(json, strlen(json), &s, &err) < 0)
		fail_msg("%s: %s", json, err.text);
	return s;
}

/* "create a-1, drain b-2 (it was idle)" */
static void say(const struct decide_state *in, const struct decision *d, char *text, size_t n)
{
	static const char *const words[] = {"create", "drain", "keep", "destroy"};

	*text = '\0';
	for (size_t i = 0; i < d->n; i++) {
		const struct decide_wish *w = &d->wishes[i];
		size_t at = strlen(text);

		snprintf(text + at, n - at, "%s%s %s-%u%s%s%s", i ? ", " : "", words[w->type],
			 in->sources[w->source].spec->name, w->index, *w->why ? " (" : "", w->why, *w->why ? ")" : "");
	}
}

static void expect_next(const struct decide_state *in, const char *story, int64_t next_ms)
{
	struct decision d;
	char text[4096];

	decide(in, &d);
	say(in, &d, text, sizeof text);
	assert_string_equal(text, story);
	if (next_ms)
		assert_int_equal(d.next_ms, next_ms);
	decision_free(&d);
}

static void expect(const struct decide_state *in, const char *story)
{
	expect_next(in, story, 0);
}

#define UP(i, l)                                                                                                       \
	{                                                                                                              \
		.state = MACHINE_UP, .index = (i), .live = (l), .slots = 4, .since_ms = NOW, .idle_ms = NOW            \
	}

static void test_static(void **state)
{
	struct decide_machine m[] = {UP(1, 1), UP(2, 0), UP(3, 1)};
	struct decide_source s = {
	    .spec = spec("{\"name\":\"a\",\"kind\":\"local\",\"max\":5,\"policy\":{\"kind\":\"static\",\"nodes\":2}}"),
	    .machines = m};
	struct decide_state in = {.now_ms = NOW, .sources = &s, .n = 1};

	(void)state;
	expect(&in, "create a-1, create a-2");
	s.n = 2;
	expect(&in, "");
	s.n = 3; /* the idle one goes first */
	expect(&in, "drain a-2 (there are more nodes than the policy wants)");
	m[1].live = 1; /* all work: the last one */
	expect(&in, "drain a-3 (there are more nodes than the policy wants)");
	m[2].locked = true;
	expect(&in, "drain a-2 (there are more nodes than the policy wants)");
	s.paused = true;
	expect(&in, "");
	s.paused = false;
	s.leaving = true;
	m[2].locked = false;
	m[1].state = MACHINE_DRAINING;
	m[2].state = MACHINE_JOINING;
	expect(&in, "drain a-1 (its source is removed), destroy a-3 (its source is removed)");
	m[1].live = 0;
	expect(&in, "drain a-1 (its source is removed), destroy a-2, destroy a-3 (its source is removed)");
	source_spec_free((struct source_spec *)s.spec);
}

/* GPUs are asked of the source whose nodes have them, and of nobody else. */
static void test_counters(void **state)
{
	struct counts wants = {.list = {{"gpu", 2}}, .n = 1};
	struct decide_demand d = {.slots = 1, .count = 5, .counters = &wants};
	struct decide_source s[2] = {
	    {.spec = spec("{\"name\":\"a\",\"kind\":\"local\",\"max\":9,\"slots\":8,\"policy\":{\"kind\":\"idle\"}}")},
	    {.spec =
		 spec("{\"name\":\"b\",\"kind\":\"local\",\"max\":9,\"slots\":8,\"order\":1,\"counters\":{\"gpu\":4},"
		      "\"policy\":{\"kind\":\"idle\"}}")}};
	struct decide_state in = {.now_ms = NOW, .sources = s, .n = 2, .demand = &d, .n_demand = 1};

	(void)state;
	expect(&in, "create b-1, create b-2, create b-3");
	wants.list[0].n = 5; /* more than a node has */
	expect(&in, "");
	d.counters = NULL;
	expect(&in, "create a-1");
	for (size_t k = 0; k < 2; k++)
		source_spec_free((struct source_spec *)s[k].spec);
}

static void test_idle(void **state)
{
	struct decide_machine m[] = {UP(1, 4), UP(2, 0), UP(3, 0), UP(4, 0)};
	struct decide_demand d = {.slots = 2, .count = 5};
	struct decide_source s = {.spec = spec("{\"name\":\"a\",\"kind\":\"local\",\"max\":4,\"slots\":4,\"parallel\":"
					       "2,\"policy\":{\"kind\":\"idle\",\"idle\":\"5m\"}}"),
				  .machines = m};
	struct decide_state in = {.now_ms = NOW, .sources = &s, .n = 1, .demand = &d, .n_demand = 1};

	(void)state;
	/* Two copies a node: three nodes, two calls at the same time. */
	expect(&in, "create a-1, create a-2");
	s.n = 1;
	expect(&in, "create a-2, create a-3");
	/* What an idle node and one that is coming will take is not asked for again. */
	d.count = 4;
	s.n = 3;
	m[2].state = MACHINE_CREATING;
	expect(&in, "");
	d.count = 5;
	expect(&in, "create a-4");
	/* Nothing that a node could hold. */
	d.slots = 5;
	expect_next(&in, "", NOW + 5 * MINUTE);
	/* Idle for long enough: all but the one that works. What waits and would fit keeps them. */
	in.now_ms += 5 * MINUTE;
	m[2].state = MACHINE_UP;
	expect(&in, "drain a-3 (it was idle), drain a-2 (it was idle)");
	d.slots = 1;
	expect(&in, "");
	/* One that is draining is kept before another one is made. */
	d.count = 30;
	m[2].state = MACHINE_DRAINING;
	m[1].live = 4;
	expect(&in, "keep a-3, create a-4");
	/* At the limit, those that are being destroyed counted. */
	m[2].state = MACHINE_DESTROYING;
	m[3].state = MACHINE_JOINING;
	s.n = 4;
	expect(&in, "");
	source_spec_free((struct source_spec *)s.spec);
}

static void test_failures(void **state)
{
	struct decide_machine m[] = {{.state = MACHINE_FAILED, .index = 1, .retry_ms = NOW + 1000},
				     {.state = MACHINE_JOINING, .index = 2, .since_ms = NOW}};
	struct decide_source s = {
	    .spec = spec("{\"name\":\"a\",\"kind\":\"ssh\",\"hosts\":[\"x\",\"y\",\"z\"],\"join_timeout\":\"2m\"}"),
	    .machines = m,
	    .n = 1};
	struct decide_state in = {.now_ms = NOW, .sources = &s, .n = 1};

	(void)state;
	expect_next(&in, "create a-2, create a-3", NOW + 1000);
	in.now_ms += 1000;
	expect(&in, "create a-1, create a-2, create a-3");
	s.retry_ms = NOW + 5000;
	expect_next(&in, "", NOW + 5000);
	s.paused = true;
	s.n = 2;
	expect_next(&in, "", NOW + 2 * MINUTE);
	in.now_ms = NOW + 2 * MINUTE;
	expect(&in, "destroy a-2 (its agent has not come in time)");
	m[1] = (struct decide_machine)UP(2, 0);
	m[1].lost = true;
	expect_next(&in, "", NOW + 10 * MINUTE);
	in.now_ms = NOW + 10 * MINUTE;
	expect(&in, "destroy a-2 (its node is lost)");
	source_spec_free((struct source_spec *)s.spec);
}

/* Own nodes first, then spot, then on demand; a source that fails is passed over; the dearest nodes go first. */
static void test_order(void **state)
{
	struct decide_machine m[3][1] = {{UP(1, 1)}, {UP(1, 0)}, {UP(1, 0)}};
	struct decide_demand d = {.slots = 1, .count = 6};
	struct decide_source s[] = {
	    {.spec = spec("{\"name\":\"dear\",\"kind\":\"local\",\"max\":9,\"slots\":1,\"order\":1,\"price\":2,"
			  "\"policy\":{\"kind\":\"idle\",\"idle\":\"1m\"}}")},
	    {.spec = spec("{\"name\":\"own\",\"kind\":\"local\",\"max\":2,\"slots\":1,\"policy\":{\"kind\":\"idle\","
			  "\"idle\":\"1m\"}}")},
	    {.spec = spec("{\"name\":\"spot\",\"kind\":\"local\",\"max\":3,\"slots\":1,\"order\":1,\"price\":1,"
			  "\"policy\":{\"kind\":\"idle\",\"idle\":\"1m\"}}")}};
	struct decide_state in = {.now_ms = NOW, .sources = s, .n = 3, .demand = &d, .n_demand = 1};

	(void)state;
	expect(&in, "create own-1, create own-2, create spot-1, create spot-2, create spot-3, create dear-1");
	s[2].retry_ms = NOW + 1;
	expect(&in, "create own-1, create own-2, create dear-1, create dear-2, create dear-3, create dear-4");
	for (int i = 0; i < 3; i++) {
		s[i].machines = m[i];
		s[i].n = 1;
	}
	in.n_demand = 0;
	in.now_ms += MINUTE;
	m[0][0].live = 0;
	expect(&in, "drain dear-1 (it was idle), drain spot-1 (it was idle), drain own-1 (it was idle)");
	for (int i = 0; i < 3; i++)
		source_spec_free((struct source_spec *)s[i].spec);
}

static void test_load(void **state)
{
	struct decide_machine m[] = {UP(1, 0), UP(2, 0), UP(3, 0)};
	struct decide_demand d = {.slots = 1, .count = 8};
	struct decide_source s = {.spec =
				      spec("{\"name\":\"a\",\"kind\":\"local\",\"max\":9,\"slots\":4,\"min\":1,"
					   "\"policy\":{\"kind\":\"load\",\"low\":0.3,\"high\":2,\"settle\":\"1m\"}}"),
				  .machines = m,
				  .n = 1};
	struct decide_state in = {.now_ms = NOW, .sources = &s, .n = 1, .demand = &d, .n_demand = 1, .slots = 4};

	(void)state;
	m[0].live = 4;
	expect(&in, "create a-2"); /* 4 + 8 wanted, 4 there: with 6 the load is 2 */
	d.count = 4;
	expect(&in, "");
	/* 2 of 12 in use is below 0.3, and may shrink to 4: below 2 even then; not before it has settled. */
	in.n_demand = 0;
	s.n = 3;
	in.slots = 12;
	in.free = 10;
	s.grown_ms = NOW;
	expect_next(&in, "", NOW + MINUTE);
	in.now_ms += MINUTE;
	expect(&in, "drain a-3 (the load is low), drain a-2 (the load is low)");
	in.free = 8;
	expect(&in, "");
	source_spec_free((struct source_spec *)s.spec);
}

static int64_t at(int day, int hour, int minute) /* day 0 is a Sunday */
{
	return ((int64_t)(3 + day) * 1440 + hour * 60 + minute) * MINUTE;
}

static void test_times(void **state)
{
	struct decide_source s = {
	    .spec = spec("{\"name\":\"a\",\"kind\":\"local\",\"max\":9,\"policy\":{\"kind\":\"times\",\"times\":[{"
			 "\"days\":\"mon-fri\",\"from\":\"08:00\",\"to\":\"18:00\",\"nodes\":2},{\"days\":\"fri\","
			 "\"from\":\"17:00\",\"to\":\"06:30\",\"nodes\":4}]}}")};
	struct decide_state in = {.sources = &s, .n = 1};
	static const struct {
		int day, hour, minute;
		uint32_t wanted;
	} rows[] = {{1, 7, 59, 0}, {1, 8, 0, 2},  {1, 17, 59, 2}, {1, 18, 0, 0}, {5, 16, 0, 2},
		    {5, 17, 0, 4}, {6, 6, 29, 4}, {6, 6, 30, 0},  {6, 9, 0, 0},	 {0, 6, 0, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct decision d;

		in.now_ms = at(rows[i].day, rows[i].hour, rows[i].minute);
		decide(&in, &d);
		assert_int_equal(d.wanted[0], rows[i].wanted);
		assert_true(d.next_ms > in.now_ms && d.next_ms <= in.now_ms + 60 * MINUTE);
		decision_free(&d);
	}
	/* The next look is where the wish changes. */
	in.now_ms = at(6, 6, 10);
	expect_next(&in, "create a-1, create a-2, create a-3, create a-4", at(6, 6, 30));
	source_spec_free((struct source_spec *)s.spec);
}

static uint32_t wanted_at(struct decide_state *in, int64_t now_ms)
{
	struct decision d;
	uint32_t n;

	in->now_ms = now_ms;
	decide(in, &d);
	n = d.wanted[0];
	assert_true(d.next_ms > now_ms);
	decision_free(&d);
	return n;
}

/* What the last time said holds until the next one; in Paris, where the clocks are changed on 2026-03-29. */
static void test_cron(void **state)
{
	struct decide_source s = {
	    .spec = spec(
		"{\"name\":\"a\",\"kind\":\"local\",\"max\":9,\"policy\":{\"kind\":\"cron\",\"nodes\":1,\"time_zone\":"
		"\"Europe/Paris\",\"cron\":[{\"at\":\"0 8 * * mon-fri\",\"nodes\":5},{\"at\":\"0 18 * * "
		"mon-fri\",\"nodes\":2},{\"at\":\"@yearly\",\"nodes\":7}]}}")};
	struct decide_state in = {.sources = &s, .n = 1};
	int64_t friday = 1774569600000; /* 2026-03-27 00:00 UTC, in Paris one hour later */
	int64_t hour = 60 * MINUTE;

	(void)state;
	assert_int_equal(wanted_at(&in, friday + 7 * hour - 1), 2);
	assert_int_equal(wanted_at(&in, friday + 7 * hour), 5);
	assert_int_equal(wanted_at(&in, friday + 17 * hour - 1), 5);
	assert_int_equal(wanted_at(&in, friday + 17 * hour), 2);
	assert_int_equal(wanted_at(&in, friday + 3 * 24 * hour + 6 * hour - 1), 2);
	assert_int_equal(wanted_at(&in, friday + 3 * 24 * hour + 6 * hour), 5);
	source_spec_free((struct source_spec *)s.spec);
}

static void test_formula(void **state)
{
	struct decide_demand d = {.slots = 2, .count = 5};
	struct decide_source s = {
	    .spec = spec("{\"name\":\"a\",\"kind\":\"local\",\"max\":9,\"policy\":{\"kind\":\"formula\",\"formula\":"
			 "\"queued_slots / 4 + (hour >= 8 ? 1 : 0) + 0 / free\"}}")};
	struct decide_state in = {.now_ms = at(1, 8, 0), .sources = &s, .n = 1, .demand = &d, .n_demand = 1, .free = 1};
	struct decision out;

	(void)state;
	decide(&in, &out);
	assert_int_equal(out.wanted[0], 4);
	assert_int_equal(out.trouble[0], 0);
	assert_int_equal(out.next_ms, at(1, 9, 0));
	decision_free(&out);
	in.free = 0; /* no number: it stays as it is */
	decide(&in, &out);
	assert_int_equal(out.n, 0);
	assert_int_not_equal(out.trouble[0], 0);
	decision_free(&out);
	source_spec_free((struct source_spec *)s.spec);
}

/* ---- a random fleet ---- */

#define SOURCES 3
#define MACHINES 8

struct fleet {
	uint64_t seed;
	int64_t now;
	struct decide_source sources[SOURCES];
	struct decide_machine machines[SOURCES][MACHINES + 1];
	int64_t call_ends[SOURCES][MACHINES + 1]; /* of a call that runs */
	uint32_t queued;			  /* one-slot tasks */
	size_t made;
};

static uint32_t roll(struct fleet *f, uint32_t n)
{
	f->seed = f->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(f->seed >> 33) % n;
}

static void pack(struct fleet *f, size_t s, struct decide_machine *to)
{
	size_t n = 0;

	for (uint32_t i = 1; i <= MACHINES; i++) {
		if (f->machines[s][i].index)
			to[n++] = f->machines[s][i];
	}
	f->sources[s].machines = to;
	f->sources[s].n = n;
}

static void obey(struct fleet *f, const struct decide_wish *w)
{
	struct decide_machine *m = &f->machines[w->source][w->index];
	struct decide_source *s = &f->sources[w->source];

	switch (w->type) {
	case DECIDE_CREATE:
		assert_true(!m->index || (m->state == MACHINE_FAILED && m->retry_ms <= f->now));
		assert_true(s->retry_ms <= f->now);
		*m = (struct decide_machine){.state = MACHINE_CREATING, .index = w->index, .since_ms = f->now};
		f->call_ends[w->source][w->index] = f->now + roll(f, 60000);
		s->grown_ms = f->now;
		f->made++;
		break;
	case DECIDE_DRAIN:
		assert_int_equal(m->state, MACHINE_UP);
		m->state = MACHINE_DRAINING;
		break;
	case DECIDE_KEEP:
		assert_int_equal(m->state, MACHINE_DRAINING);
		m->state = MACHINE_UP;
		break;
	case DECIDE_DESTROY:
		assert_true(m->live == 0 || m->lost);
		assert_true(m->state == MACHINE_DRAINING || m->state == MACHINE_JOINING || m->lost);
		m->state = MACHINE_DESTROYING;
		f->call_ends[w->source][w->index] = f->now + roll(f, 30000);
		break;
	}
}

static void end_call(struct fleet *f, size_t s, struct decide_machine *m)
{
	bool well = roll(f, 5) > 0;

	if (m->state == MACHINE_CREATING && well) {
		m->state = MACHINE_JOINING;
	} else if (m->state == MACHINE_CREATING) {
		m->state = MACHINE_FAILED;
		f->sources[s].retry_ms = m->retry_ms = f->now + 20000;
	} else if (m->state == MACHINE_DESTROYING && well) {
		*m = (struct decide_machine){.index = 0};
		return;
	} else {
		f->call_ends[s][m->index] = f->now + 20000;
	}
	m->since_ms = f->now;
}

/* What the world does to a machine within a second. */
static void live_on(struct fleet *f, size_t s, struct decide_machine *m)
{
	bool calls = m->state == MACHINE_CREATING || m->state == MACHINE_DESTROYING;

	if (calls && f->call_ends[s][m->index] <= f->now)
		end_call(f, s, m);
	if (m->state == MACHINE_JOINING && roll(f, 20) == 0) {
		m->state = MACHINE_UP;
		m->slots = 2;
		m->idle_ms = m->since_ms = f->now;
	}
	while (m->state == MACHINE_UP && !m->lost && m->live < m->slots && f->queued) {
		m->live++;
		f->queued--;
	}
	if (m->live && roll(f, 60) == 0 && --m->live == 0)
		m->idle_ms = f->now;
	if ((m->state == MACHINE_UP || m->state == MACHINE_DRAINING) && !m->lost && roll(f, 20000) == 0) {
		m->lost = true;
		m->since_ms = f->now;
		f->queued += m->live;
		m->live = 0;
	}
}

static void look(struct fleet *f)
{
	struct decide_machine lists[SOURCES][MACHINES];
	struct decide_demand d = {.slots = 1, .count = f->queued};
	struct decide_state in = {
	    .now_ms = f->now, .sources = f->sources, .n = SOURCES, .demand = &d, .n_demand = f->queued > 0};
	struct decision out, again;

	for (size_t s = 0; s < SOURCES; s++) {
		pack(f, s, lists[s]);
		for (size_t i = 0; i < f->sources[s].n; i++) {
			in.slots += lists[s][i].state == MACHINE_UP ? lists[s][i].slots : 0;
			in.running += lists[s][i].live;
			in.free += lists[s][i].state == MACHINE_UP ? lists[s][i].slots - lists[s][i].live : 0;
		}
	}
	decide(&in, &out);
	decide(&in, &again); /* pure */
	assert_int_equal(out.n, again.n);
	assert_true(out.next_ms > f->now);
	for (size_t i = 0; i < out.n; i++)
		obey(f, &out.wishes[i]);
	decision_free(&out);
	decision_free(&again);
	for (size_t s = 0; s < SOURCES; s++) {
		uint32_t exist = 0;

		for (uint32_t i = 1; i <= MACHINES; i++)
			exist += f->machines[s][i].index && f->machines[s][i].state != MACHINE_FAILED;
		assert_true(exist <= source_spec_limit(f->sources[s].spec));
	}
}

static uint32_t machines_of(const struct fleet *f)
{
	uint32_t n = 0;

	for (size_t s = 0; s < SOURCES; s++) {
		for (uint32_t i = 1; i <= MACHINES; i++)
			n += f->machines[s][i].index && f->machines[s][i].state != MACHINE_FAILED;
	}
	return n;
}

static void second(struct fleet *f)
{
	f->now += 1000;
	for (size_t s = 0; s < SOURCES; s++) {
		for (uint32_t i = 1; i <= MACHINES; i++) {
			if (f->machines[s][i].index)
				live_on(f, s, &f->machines[s][i]);
		}
	}
	look(f);
}

static void run_fleet(uint64_t seed)
{
	static const char *const specs[SOURCES] = {
	    "{\"name\":\"a\",\"kind\":\"local\",\"max\":3,\"slots\":2,\"policy\":{\"kind\":\"idle\",\"idle\":\"2m\"}}",
	    "{\"name\":\"b\",\"kind\":\"local\",\"max\":8,\"order\":1,\"policy\":{\"kind\":\"load\",\"high\":1.5,"
	    "\"low\":0.5}}",
	    "{\"name\":\"c\",\"kind\":\"local\",\"max\":4,\"order\":2,\"slots\":2,\"policy\":{\"kind\":\"formula\","
	    "\"formula\":\"queued / 8\"}}"};
	struct fleet f = {.seed = seed, .now = NOW};
	size_t made;

	for (size_t s = 0; s < SOURCES; s++)
		f.sources[s].spec = spec(specs[s]);
	/* An hour of waves of work, then what is there is done, and everything is given back: it stays so. */
	for (int t = 0; t < 3600; t++) {
		if (roll(&f, 120) == 0)
			f.queued += roll(&f, 40);
		second(&f);
	}
	for (int t = 0; t < 3 * 3600 && (f.queued || machines_of(&f)); t++)
		second(&f);
	if (f.queued || machines_of(&f))
		fail_msg("seed %llu: %u wait, %u machines", (unsigned long long)seed, f.queued, machines_of(&f));
	made = f.made;
	for (int t = 0; t < 3600; t++)
		second(&f);
	assert_int_equal(f.made, made);
	/* One wave is one growth: no machine is made and released in turn while it is worked off. */
	f.queued = 4;
	for (int t = 0; t < 3600; t++)
		second(&f);
	if (f.made - made > 12) /* two are needed; some fail or are lost on the way */
		fail_msg("seed %llu: %zu machines for four tasks", (unsigned long long)seed, f.made - made);
	for (size_t s = 0; s < SOURCES; s++)
		source_spec_free((struct source_spec *)f.sources[s].spec);
}

static void test_fleet(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		run_fleet(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_static),  cmocka_unit_test(test_counters),
					   cmocka_unit_test(test_idle),	   cmocka_unit_test(test_failures),
					   cmocka_unit_test(test_order),   cmocka_unit_test(test_load),
					   cmocka_unit_test(test_times),   cmocka_unit_test(test_cron),
					   cmocka_unit_test(test_formula), cmocka_unit_test(test_fleet)};

	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
