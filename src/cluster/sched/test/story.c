/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/sched/test/story.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/sched/test/story_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_MS 1000000

void story_say(struct story *st, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_adds(&st->out, text);
	buf_addc(&st->out, '\n');
}

/* ---- names ---- */

static const char *task_name(const struct sched *s, const char *job, uint32_t task)
{
	struct sched_task_view v;

	return sched_task_view(s, job, task, &v) == 0 ? v.name : "?";
}

static uint32_t task_number(const struct sched *s, const char *job, const char *name)
{
	struct sched_task_view v;

	for (uint32_t k = 0; sched_task_view(s, job, k, &v) == 0; k++) {
		if (!strcmp(v.name, name))
			return k;
	}
	return 9999;
}

/* "job/task/index#epoch", of which the end may be missing. Returns how many parts there were. */
static int parse_path(const struct story *st, const char *path, struct sched_attempt_id *id)
{
	char task[256] = "";
	int n = sscanf(path, "%63[^/]/%255[^/]/%" SCNu32 "#%" SCNu32, id->job, task, &id->index, &id->epoch);

	id->task = n > 1 ? task_number(st->s, id->job, task) : UINT32_MAX;
	return n;
}

int64_t story_ms(const char *text)
{
	char *end;
	double n = strtod(text, &end);

	return (int64_t)(strcmp(end, "ms") == 0 ? n : strcmp(end, "h") == 0 ? n * 3600000 : n * 1000);
}

/* ---- events ---- */

static void say_action(struct story *st, const struct sched_action *a)
{
	const struct sched_attempt_id *id = &a->attempt;
	const char *task = task_name(st->s, id->job, id->task);

	switch (a->type) {
	case SCHED_ACT_START:
		story_say(st, "> start %s/%s/%" PRIu32 "#%" PRIu32 " on %s", id->job, task, id->index, id->epoch,
			  a->node);
		break;
	case SCHED_ACT_KILL:
		story_say(st, "> kill %s/%s/%" PRIu32 "#%" PRIu32 " on %s: %s", id->job, task, id->index, id->epoch,
			  a->node, a->reason);
		break;
	case SCHED_ACT_EXPAND:
		story_say(st, "> expand %s/%s", id->job, task);
		break;
	case SCHED_ACT_PROBE:
		story_say(st, "> probe %s on %s for %s/%s", a->probe, a->node, id->job, task);
		break;
	case SCHED_ACT_JOB_ENDED:
		story_say(st, "> ended %s: %s", id->job, sched_job_state_name((enum sched_job_state)a->job_state));
		break;
	}
}

/* The state must survive a save and a load, and the story goes on with the loaded one. */
static void reload(struct story *st)
{
	struct err err = ERR_INIT;
	struct sched *copy = NULL;
	size_t n1, n2;
	mem_cleanup char *one = sched_save(st->s, &n1);
	mem_cleanup char *two = NULL;

	if (sched_load(&copy, one, n1, &err) < 0) {
		story_say(st, "! load: %s\n%s", err.text, one);
		return;
	}
	two = sched_save(copy, &n2);
	if (n1 != n2 || memcmp(one, two, n1) != 0)
		story_say(st, "! the state changed by save and load:\n%s\n%s", one, two);
	sched_free(st->s);
	st->s = copy;
}

void story_step(struct story *st, struct sched_event *e)
{
	struct sched_actions acts;
	struct err err = ERR_INIT;

	e->now_ms = st->now_ms;
	if (sched_step(st->s, e, &acts, &err) < 0)
		story_say(st, "= refused: %s", err.text);
	for (size_t k = 0; k < acts.n; k++)
		say_action(st, &acts.items[k]);
	if (sched_invariants(st->s, &err) < 0)
		story_say(st, "! %s", err.text);
	reload(st);
}

static const char *option(const struct story *st, const char *key)
{
	size_t n = strlen(key);

	for (size_t k = 1; k < st->n_words; k++) {
		if (!strncmp(st->words[k], key, n) && st->words[k][n] == '=')
			return st->words[k] + n + 1;
	}
	return NULL;
}

static uint64_t option_number(const struct story *st, const char *key, uint64_t otherwise)
{
	const char *v = option(st, key);

	return v ? strtoull(v, NULL, 10) : otherwise;
}

void story_counts(struct story *st, const char *list, struct counts *ret)
{
	mem_cleanup char *copy = mem_strdup(list);
	char *save = NULL;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(w, ':');
		struct err err = ERR_INIT;

		if (colon)
			*colon++ = 0;
		if (counts_set(ret, w, colon ? strtoull(colon, NULL, 10) : 1, &err) < 0)
			story_say(st, "! %s", err.text);
	}
}

/* node NAME SLOTS cpu=N memory=N has=gpu:2 */
static void ev_node(struct story *st)
{
	struct counts has = {.n = 0};
	mem_cleanup char *text = NULL;
	struct sched_event e = {.type = SCHED_EV_NODE_UP,
				.node = st->words[1],
				.node_slots = (uint32_t)strtoul(st->words[2], NULL, 10),
				.node_cpu_milli = option_number(st, "cpu", 64000),
				.node_memory = option_number(st, "memory", 1ull << 40)};

	story_counts(st, option(st, "has") ? option(st, "has") : "", &has);
	text = counts_text(&has);
	e.counters = has.n ? text : NULL;
	story_step(st, &e);
}

/* facts NODE labels.disk=ssd has.avx2= ... */
static void ev_facts(struct story *st)
{
	struct buf text buf_cleanup = BUF_INIT;

	for (size_t k = 2; k < st->n_words; k++) {
		char *equals = strchr(st->words[k], '=');

		buf_printf(&text, "%.*s %s\n", (int)(equals ? equals - st->words[k] : 1), st->words[k],
			   equals ? equals + 1 : "");
	}
	story_step(st,
		   &(struct sched_event){.type = SCHED_EV_NODE_FACTS, .node = st->words[1], .facts = buf_str(&text)});
}

static void ev_down(struct story *st)
{
	story_step(st, &(struct sched_event){.type = SCHED_EV_NODE_DOWN, .node = st->words[1]});
}

static void ev_close(struct story *st)
{
	story_step(st, &(struct sched_event){.type = SCHED_EV_NODE_CLOSE, .node = st->words[1]});
}

static void ev_open(struct story *st)
{
	story_step(st, &(struct sched_event){.type = SCHED_EV_NODE_OPEN, .node = st->words[1]});
}

static void ev_empty(struct story *st)
{
	story_step(st, &(struct sched_event){.type = SCHED_EV_NODE_EMPTY, .node = st->words[1]});
}

static void ev_use(struct story *st)
{
	story_step(st, &(struct sched_event){.type = SCHED_EV_NODE_USE,
					     .node = st->words[1],
					     .node_slots = (uint32_t)strtoul(st->words[2], NULL, 10),
					     .node_cpu_milli = option_number(st, "cpu", 0),
					     .node_memory = option_number(st, "memory", 0)});
}

/* probed PROBE NODE yes|no|unknown [TEXT], with ~ for blanks */
static void ev_probed(struct story *st)
{
	struct sched_event e = {.type = SCHED_EV_PROBED, .probe = st->words[1], .node = st->words[2]};

	e.fit = st->words[3][0] == 'y' ? SCHED_FIT_YES : st->words[3][0] == 'n' ? SCHED_FIT_NO : SCHED_FIT_UNKNOWN;
	for (char *p = st->n_words > 4 ? st->words[4] : NULL; p && *p; p++)
		*p = *p == '~' ? ' ' : *p;
	e.error = st->n_words > 4 ? st->words[4] : NULL;
	story_step(st, &e);
}

static int say_probing(void *ctx, const char *probe, const char *job, uint32_t task)
{
	story_say(ctx, "= asked by %s for %s/%" PRIu32, probe, job ? job : "-", task);
	return 0;
}

static void ask_probing(struct story *st)
{
	sched_probing(st->s, st->words[1], say_probing, st);
}

/* takes NODE SLOTS: could something of no job start there? */
static void ask_takes(struct story *st)
{
	story_say(st, "= %s",
		  sched_node_takes(st->s, st->words[1], (uint32_t)strtoul(st->words[2], NULL, 10),
				   option_number(st, "cpu", 0), option_number(st, "memory", 0))
		      ? "yes"
		      : "no");
}

static void job_event(struct story *st, enum sched_event_type type)
{
	story_step(st, &(struct sched_event){.type = type, .job = st->words[1]});
}

static void ev_cancel(struct story *st)
{
	job_event(st, SCHED_EV_JOB_CANCEL);
}

static void ev_resume(struct story *st)
{
	job_event(st, SCHED_EV_JOB_RESUME);
}

static void ev_pause(struct story *st)
{
	job_event(st, SCHED_EV_JOB_PAUSE);
}

/* take JOB TASK-NUMBER [INDEX] as=done|failed|cancelled */
static void ev_take(struct story *st)
{
	const char *as = option(st, "as");

	story_step(st, &(struct sched_event){
			   .type = SCHED_EV_FINISH,
			   .job = st->words[1],
			   .task = (uint32_t)strtoul(st->words[2], NULL, 10),
			   .index = st->n_words > 3 && !strchr(st->words[3], '=')
					? (uint32_t)strtoul(st->words[3], NULL, 10)
					: SCHED_ALL,
			   .as = as && !strcmp(as, "failed")	  ? SCHED_AS_FAILED
				 : as && !strcmp(as, "cancelled") ? SCHED_AS_CANCELLED
								  : SCHED_AS_DONE,
			   .waiting = true,
		       });
}

/* restart JOB TASK-NUMBER [INDEX], and finish as older logs have it */
static void ev_by_hand(struct story *st)
{
	story_step(st, &(struct sched_event){
			   .type = !strcmp(st->words[0], "restart") ? SCHED_EV_RESTART : SCHED_EV_FINISH,
			   .job = st->words[1],
			   .task = (uint32_t)strtoul(st->words[2], NULL, 10),
			   .index = st->n_words > 3 ? (uint32_t)strtoul(st->words[3], NULL, 10) : SCHED_ALL,
		       });
}

static void ev_forget(struct story *st)
{
	job_event(st, SCHED_EV_JOB_FORGET);
}

/* quota user:ann cpus=2000 tasks=3; without a cap: no quota any more */
static void ev_quota(struct story *st)
{
	struct sched_event e = {.type = SCHED_EV_QUOTA, .quota = st->words[1]};

	e.caps[SCHED_QUOTA_CPU] = option_number(st, "cpus", SCHED_NO_LIMIT);
	e.caps[SCHED_QUOTA_MEMORY] = option_number(st, "memory", SCHED_NO_LIMIT);
	e.caps[SCHED_QUOTA_TASKS] = option_number(st, "tasks", SCHED_NO_LIMIT);
	e.caps[SCHED_QUOTA_JOBS] = option_number(st, "jobs", SCHED_NO_LIMIT);
	e.caps[SCHED_QUOTA_GPUS] = option_number(st, "gpus", SCHED_NO_LIMIT);
	story_step(st, &e);
}

/* licence matlab 4; without a number: taken away */
static void ev_licence(struct story *st)
{
	story_step(st,
		   &(struct sched_event){.type = SCHED_EV_LICENCE,
					 .licence = st->words[1],
					 .total = st->n_words > 2 ? strtoull(st->words[2], NULL, 10) : SCHED_NO_LIMIT});
}

static void attempt_event(struct story *st, struct sched_event *e)
{
	if (parse_path(st, st->words[1], &e->attempt) != 4)
		story_say(st, "! an attempt is job/task/index#epoch");
	story_step(st, e);
}

static void ev_started(struct story *st)
{
	attempt_event(st, &(struct sched_event){.type = SCHED_EV_STARTED});
}

static void ev_exit(struct story *st)
{
	attempt_event(st,
		      &(struct sched_event){.type = SCHED_EV_EXITED,
					    .outcome = SCHED_OUT_EXITED,
					    .exit_code = st->n_words > 2 ? (int32_t)strtol(st->words[2], NULL, 10) : 0,
					    .oom = st->n_words > 3});
}

static void ev_fail(struct story *st)
{
	attempt_event(st, &(struct sched_event){.type = SCHED_EV_EXITED,
						.outcome = SCHED_OUT_FAILED,
						.error = st->n_words > 2 ? st->words[2] : NULL});
}

static void ev_lost(struct story *st)
{
	attempt_event(st, &(struct sched_event){.type = SCHED_EV_EXITED, .outcome = SCHED_OUT_LOST});
}

static void ev_healthy(struct story *st)
{
	attempt_event(st, &(struct sched_event){.type = SCHED_EV_HEALTH, .healthy = true});
}

static void ev_warned(struct story *st)
{
	attempt_event(st, &(struct sched_event){.type = SCHED_EV_WARNED});
}

static void ev_unhealthy(struct story *st)
{
	attempt_event(st, &(struct sched_event){.type = SCHED_EV_HEALTH});
}

static void ev_expanded(struct story *st)
{
	struct sched_attempt_id id = {.task = 0};
	struct sched_event e = {.type = SCHED_EV_EXPANDED, .job = id.job};

	parse_path(st, st->words[1], &id);
	e.task = id.task;
	e.count = (uint32_t)strtoul(st->words[2], NULL, 10);
	e.error = option(st, "error");
	story_step(st, &e);
}

static void ev_wait(struct story *st)
{
	st->now_ms += story_ms(st->words[1]);
	story_step(st, &(struct sched_event){.type = SCHED_EV_TIME});
}

/* The clock goes on (or back) and no event tells it yet. */
static void ev_clock(struct story *st)
{
	st->now_ms += story_ms(st->words[1]);
}

/* ---- questions ---- */

static void add_counts(struct buf *b, const size_t *counts)
{
	const char *sep = " (";

	for (unsigned k = 0; k <= SCHED_TASK_ABORTED; k++) {
		if (!counts[k])
			continue;
		buf_printf(b, "%s%zu %s", sep, counts[k], sched_task_state_name((enum sched_task_state)k));
		sep = ", ";
	}
	if (sep[0] == ',')
		buf_addc(b, ')');
}

static void add_attempts(struct buf *b, const struct story *st, const struct sched_attempt_id *id, size_t n)
{
	static const char *const outcomes[] = {"exited", "failed", "lost"};

	for (size_t k = 0; k < n; k++) {
		struct sched_attempt_view v;

		sched_attempt_view(st->s, id->job, id->task, id->index, k, &v);
		buf_printf(b, "; #%" PRIu32 " on %s", v.epoch, v.node);
		if (v.ended)
			buf_printf(b, " %s %" PRId32, outcomes[v.outcome], v.exit_code);
		if (v.warned_ms)
			buf_printf(b, " warned at %" PRId64 " ms", v.warned_ms - v.started_ms);
		if (v.healthy)
			buf_adds(b, " healthy");
		if (v.oom)
			buf_adds(b, " oom");
		if (v.kill_reason)
			buf_printf(b, " killed: %s", v.kill_reason);
		if (v.error)
			buf_printf(b, " \"%s\"", v.error);
	}
}

static void ask_state(struct story *st)
{
	struct buf b buf_cleanup = BUF_INIT;
	struct sched_attempt_id id = {.task = 0};
	struct sched_instance_view i;
	struct sched_task_view t;
	struct sched_job_view j;
	int n = parse_path(st, st->words[1], &id);

	if (n == 1 && sched_job_view(st->s, id.job, &j) == 0) {
		buf_adds(&b, sched_job_state_name(j.state));
		add_counts(&b, j.counts);
		if (sched_job_ended(j.state))
			buf_printf(&b, " exit code %" PRId32, j.exit_code);
		if (j.reason)
			buf_printf(&b, " \"%s\"", j.reason);
	} else if (n == 2 && sched_task_view(st->s, id.job, id.task, &t) == 0) {
		buf_adds(&b, sched_task_state_name(t.state));
		add_counts(&b, t.counts);
	} else if (n == 3 && sched_instance_view(st->s, id.job, id.task, id.index, &i) == 0) {
		buf_adds(&b, sched_task_state_name(i.state));
		if (i.next_try_ms)
			buf_printf(&b, " for %" PRId64 " ms", i.next_try_ms - st->now_ms);
		add_attempts(&b, st, &id, i.n_attempts);
	} else {
		buf_adds(&b, "is not there");
	}
	story_say(st, "= %s", buf_str(&b));
}

static void ask_why(struct story *st)
{
	struct sched_attempt_id id = {.task = 0};
	char text[512];

	parse_path(st, st->words[1], &id);
	sched_why(st->s, id.job, id.task, st->now_ms, text, sizeof text);
	story_say(st, "= %s", text);
}

static void ask_next(struct story *st)
{
	int64_t next = sched_next_ms(st->s);

	if (next == INT64_MAX)
		story_say(st, "= no deadline");
	else
		story_say(st, "= in %" PRId64 " ms", next - st->now_ms);
}

static void ask_nodes(struct story *st)
{
	struct sched_node_view v;

	for (size_t k = 0; sched_node_at(st->s, k, &v) == 0; k++)
		story_say(st, "= %s %s%s %" PRIu32 "/%" PRIu32 " slots, %zu live", v.name, v.up ? "up" : "down",
			  v.closed ? " closed" : "", v.slots_used, v.slots, v.live);
}

static void ask_counters(struct story *st)
{
	struct sched_counter_view v;
	struct sched_node_view n;

	for (size_t k = 0; sched_node_at(st->s, k, &n) == 0; k++) {
		for (size_t c = 0; sched_node_counter(st->s, n.name, c, &v) == 0; c++)
			story_say(st, "= %s %s %" PRIu32 "/%" PRIu32, n.name, v.name, v.used, v.total);
	}
}

static int say_live(void *ctx, const struct sched_attempt_id *a, const char *node, bool started,
		    const char *kill_reason)
{
	struct story *st = ctx;

	story_say(st, "= %s/%s/%" PRIu32 "#%" PRIu32 " on %s%s%s%s", a->job, task_name(st->s, a->job, a->task),
		  a->index, a->epoch, node, started ? ", started" : "", kill_reason ? ", killed: " : "",
		  kill_reason ? kill_reason : "");
	return 0;
}

static int say_expanding(void *ctx, const char *job, uint32_t task)
{
	struct story *st = ctx;

	story_say(st, "= expanding %s/%s", job, task_name(st->s, job, task));
	return 0;
}

static void ask_live(struct story *st)
{
	sched_live(st->s, say_live, st);
	sched_expanding(st->s, say_expanding, st);
}

static void ask_quotas(struct story *st)
{
	struct sched_quota_view v;

	for (size_t k = 0; sched_quota_at(st->s, k, &v) == 0; k++) {
		char gpus[32] = "";

		if (v.used[SCHED_QUOTA_GPUS])
			snprintf(gpus, sizeof gpus, ", gpus %" PRIu64, v.used[SCHED_QUOTA_GPUS]);
		story_say(st, "= %s%s cpus %" PRIu64 ", memory %" PRIu64 ", tasks %" PRIu64 ", jobs %" PRIu64 "%s",
			  v.name, v.set ? "" : " (no quota)", v.used[0], v.used[1], v.used[2], v.used[3], gpus);
	}
}

static void ask_licences(struct story *st)
{
	struct sched_licence_view v;

	for (size_t k = 0; sched_licence_at(st->s, k, &v) == 0; k++)
		story_say(st, "= %s%s %" PRIu64 "/%" PRIu64, v.name, v.known ? "" : " (not set)", v.used, v.total);
}

/* ---- the play ---- */

static const struct {
	const char *word;
	size_t n_words; /* at least */
	void (*fn)(struct story *st);
} commands[] = {
    {"node", 3, ev_node},	 {"down", 2, ev_down},		 {"cancel", 2, ev_cancel},
    {"resume", 2, ev_resume},	 {"forget", 2, ev_forget},	 {"started", 2, ev_started},
    {"exit", 2, ev_exit},	 {"fail", 2, ev_fail},		 {"lost", 2, ev_lost},
    {"healthy", 2, ev_healthy},	 {"unhealthy", 2, ev_unhealthy}, {"expanded", 3, ev_expanded},
    {"wait", 2, ev_wait},	 {"clock", 2, ev_clock},	 {"state", 2, ask_state},
    {"why", 2, ask_why},	 {"close", 2, ev_close},	 {"open", 2, ev_open},
    {"next", 1, ask_next},	 {"nodes", 1, ask_nodes},	 {"live", 1, ask_live},
    {"quota", 2, ev_quota},	 {"quotas", 1, ask_quotas},	 {"empty", 2, ev_empty},
    {"facts", 2, ev_facts},	 {"licences", 1, ask_licences},	 {"licence", 2, ev_licence},
    {"use", 3, ev_use},		 {"takes", 3, ask_takes},	 {"pause", 2, ev_pause},
    {"restart", 3, ev_by_hand},	 {"finish", 3, ev_by_hand},	 {"counters", 1, ask_counters},
    {"take", 3, ev_take},	 {"warned", 2, ev_warned},	 {"probed", 4, ev_probed},
    {"probing", 2, ask_probing},
};

static void play_line(struct story *st, const char *line)
{
	mem_cleanup char *copy = mem_strdup(line);
	char *save = NULL;

	if (!strncmp(line, "submit ", 7)) {
		story_submit(st, copy);
		return;
	}
	st->n_words = 0;
	for (char *w = strtok_r(copy, " ", &save); w && st->n_words < 32; w = strtok_r(NULL, " ", &save))
		st->words[st->n_words++] = w;
	for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
		if (!strcmp(st->words[0], commands[k].word) && st->n_words >= commands[k].n_words) {
			commands[k].fn(st);
			return;
		}
	}
	story_say(st, "! unknown line");
}

char *story_play(const char *text, struct sched **ret_state)
{
	struct story st = {.s = sched_new(), .now_ms = START_MS};
	mem_cleanup char *copy = mem_strdup(text);
	char *next = copy;

	for (char *line; (line = strsep(&next, "\n")) && (next || *line);) {
		if (*line == '>' || *line == '=' || *line == '!')
			continue;
		story_say(&st, "%s", line);
		if (*line && *line != '#')
			play_line(&st, line);
	}
	if (ret_state)
		*ret_state = st.s;
	else
		sched_free(st.s);
	return buf_take(&st.out);
}
