/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/event.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EVENT_MAX (1u << 20) /* of one that is read: nothing longer is written, or the server could not start again */

enum {
	HAS_JOB = 1,
	HAS_ATTEMPT = 2,
	HAS_NODE = 4,
	HAS_CAPACITY = 8,
	HAS_COUNT = 16,
	HAS_HEALTH = 32,
	HAS_EXIT = 64,
	HAS_ERROR = 128,
	HAS_QUOTA = 256,
	HAS_FACTS = 512,
	HAS_LICENCE = 1024,
	HAS_PROBE = 4096,
	HAS_COPIES = 2048, /* of a task: one, or all */
	HAS_AS = 8192
};

/* Which members each kind of event has. */
static const struct shape {
	const char *kind;
	unsigned has;
} shapes[] = {
    [SCHED_EV_NODE_UP] = {"node_up", HAS_NODE | HAS_CAPACITY},
    [SCHED_EV_NODE_DOWN] = {"node_down", HAS_NODE | HAS_ERROR},
    [SCHED_EV_NODE_CLOSE] = {"node_close", HAS_NODE | HAS_ERROR},
    [SCHED_EV_NODE_OPEN] = {"node_open", HAS_NODE},
    [SCHED_EV_NODE_EMPTY] = {"node_empty", HAS_NODE | HAS_ERROR},
    [SCHED_EV_JOB_SUBMIT] = {"job_submit", HAS_JOB},
    [SCHED_EV_JOB_CANCEL] = {"job_cancel", HAS_JOB},
    [SCHED_EV_JOB_RESUME] = {"job_resume", HAS_JOB},
    [SCHED_EV_JOB_PAUSE] = {"job_pause", HAS_JOB},
    [SCHED_EV_RESTART] = {"restart", HAS_JOB | HAS_COPIES},
    [SCHED_EV_FINISH] = {"finish", HAS_JOB | HAS_COPIES | HAS_AS},
    [SCHED_EV_JOB_FORGET] = {"job_forget", HAS_JOB},
    [SCHED_EV_EXPANDED] = {"expanded", HAS_JOB | HAS_COUNT},
    [SCHED_EV_STARTED] = {"started", HAS_ATTEMPT},
    [SCHED_EV_HEALTH] = {"health", HAS_ATTEMPT | HAS_HEALTH},
    [SCHED_EV_WARNED] = {"warned", HAS_ATTEMPT},
    [SCHED_EV_EXITED] = {"exited", HAS_ATTEMPT | HAS_EXIT},
    [SCHED_EV_TIME] = {"time", 0},
    [SCHED_EV_QUOTA] = {"quota", HAS_QUOTA},
    [SCHED_EV_NODE_FACTS] = {"node_facts", HAS_NODE | HAS_FACTS},
    [SCHED_EV_LICENCE] = {"licence", HAS_LICENCE},
    [SCHED_EV_PROBED] = {"probed", HAS_NODE | HAS_PROBE | HAS_ERROR},
    [SCHED_EV_NODE_USE] = {"node_use", HAS_NODE | HAS_CAPACITY},
};
#define N_SHAPES (sizeof shapes / sizeof *shapes)

static const char *const outcomes[] = {
    [SCHED_OUT_EXITED] = "exited", [SCHED_OUT_FAILED] = "failed", [SCHED_OUT_LOST] = "lost"};

/* Older logs have none: only what had started, as done. */
static const char *const as_words[SCHED_AS_N] = {
    [SCHED_AS_DONE] = "done", [SCHED_AS_FAILED] = "failed", [SCHED_AS_CANCELLED] = "cancelled"};

bool event_as(const char *word, enum sched_as *ret)
{
	for (size_t k = 0; k < SCHED_AS_N; k++) {
		if (!strcmp(as_words[k], word)) {
			*ret = (enum sched_as)k;
			return true;
		}
	}
	return false;
}

char *event_words(const char *text, size_t max)
{
	size_t n = text ? strnlen(text, max) : 0;

	while (n == max && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		max = --n;
	return text ? mem_strndup(text, n) : NULL;
}

const char *event_kind(enum sched_event_type type)
{
	return (size_t)type < N_SHAPES ? shapes[type].kind : "?";
}

static void add_str(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	if (out->len > 1)
		buf_addc(out, ',');
	buf_printf(out, "\"%s\":", key);
	json_quote(out, value, strlen(value));
}

static void add_int(struct buf *out, const char *key, int64_t value)
{
	buf_printf(out, "%s\"%s\":%" PRId64, out->len > 1 ? "," : "", key, value);
}

static void add_bool(struct buf *out, const char *key, bool value)
{
	buf_printf(out, "%s\"%s\":%s", out->len > 1 ? "," : "", key, value ? "true" : "false");
}

static void add_exit(struct buf *out, const struct sched_event *e, const struct event_extra *x)
{
	add_str(out, "outcome", outcomes[e->outcome]);
	add_int(out, "exit_code", e->exit_code);
	add_str(out, "killed", x ? x->killed : NULL);
	if (x && x->signal)
		add_int(out, "signal", x->signal);
	if (e->oom)
		add_bool(out, "oom", true);
	add_str(out, "error", e->error);
}

static const char *const quota_keys[] = {[SCHED_QUOTA_CPU] = "cpu_milli",
					 [SCHED_QUOTA_MEMORY] = "memory",
					 [SCHED_QUOTA_TASKS] = "tasks",
					 [SCHED_QUOTA_JOBS] = "jobs",
					 [SCHED_QUOTA_GPUS] = "gpus"};

const char *event_quota_key(enum sched_quota what)
{
	return quota_keys[what];
}

static void add_quota(struct buf *out, const struct sched_event *e)
{
	add_str(out, "owner", e->quota);
	for (size_t k = 0; k < SCHED_QUOTA_N; k++) {
		if (e->caps[k] != SCHED_NO_LIMIT)
			add_int(out, quota_keys[k], (int64_t)e->caps[k]);
	}
}

void event_encode(const struct sched_event *e, const struct event_extra *extra, struct buf *out)
{
	unsigned has = shapes[e->type].has;

	buf_addc(out, '{');
	if (has & (HAS_JOB | HAS_ATTEMPT))
		add_str(out, "job", has & HAS_JOB ? e->job : e->attempt.job);
	if (extra)
		add_str(out, "name", extra->job_name);
	if (has & (HAS_ATTEMPT | HAS_COUNT | HAS_COPIES)) {
		add_str(out, "task", extra ? extra->task_name : NULL);
		add_int(out, "task_index", has & HAS_ATTEMPT ? e->attempt.task : e->task);
	}
	if (has & HAS_ATTEMPT) {
		add_int(out, "index", e->attempt.index);
		add_int(out, "attempt", e->attempt.epoch);
		add_str(out, "container", extra ? extra->container : NULL);
	}
	if ((has & HAS_COPIES) && e->index != SCHED_ALL)
		add_int(out, "index", e->index);
	if ((has & HAS_AS) && e->waiting)
		add_str(out, "as", as_words[e->as]);
	if (has & HAS_NODE)
		add_str(out, "node", e->node);
	if (has & HAS_ERROR)
		add_str(out, "error", e->error);
	if (has & HAS_CAPACITY) {
		add_int(out, "slots", e->node_slots);
		add_int(out, "cpu_milli", (int64_t)e->node_cpu_milli);
		add_int(out, "memory", (int64_t)e->node_memory);
		add_str(out, "counters", e->counters);
	}
	if (has & HAS_FACTS)
		add_str(out, "facts", e->facts);
	if (has & HAS_COUNT) {
		add_int(out, "count", e->count);
		add_str(out, "error", e->error);
	}
	if (has & HAS_HEALTH)
		add_bool(out, "healthy", e->healthy);
	if (has & HAS_EXIT)
		add_exit(out, e, extra);
	if (has & HAS_PROBE) {
		add_str(out, "probe", e->probe);
		if (e->fit != SCHED_FIT_UNKNOWN)
			add_bool(out, "fit", e->fit == SCHED_FIT_YES);
	}
	if (has & HAS_QUOTA)
		add_quota(out, e);
	if (has & HAS_LICENCE) {
		add_str(out, "licence", e->licence);
		if (e->total != SCHED_NO_LIMIT)
			add_int(out, "total", (int64_t)e->total);
	}
	buf_addc(out, '}');
}

/* ---- reading ---- */

static int read_attempt(yyjson_val *o, struct sched_attempt_id *a, struct err *err)
{
	const char *job;
	int r = json_get_str(o, "job", &job, err);

	if (r == 0)
		r = json_get_u32(o, "task_index", &a->task, err);
	if (r == 0)
		r = json_get_u32(o, "index", &a->index, err);
	if (r == 0)
		r = json_get_u32(o, "attempt", &a->epoch, err);
	if (r == 0)
		snprintf(a->job, sizeof a->job, "%s", job);
	return r;
}

static int read_exit(yyjson_val *o, struct sched_event *e, struct err *err)
{
	const char *outcome;
	int64_t code = 0;
	int r = json_get_str(o, "outcome", &outcome, err);

	if (r == 0)
		r = json_get_int(o, "exit_code", INT32_MIN, INT32_MAX, &code, err);
	if (r == 0)
		r = json_opt_bool(o, "oom", &e->oom, err);
	if (r == 0)
		r = json_opt_str(o, "error", &e->error, err);
	if (r < 0)
		return r;
	e->exit_code = (int32_t)code;
	e->outcome = SCHED_OUT_EXITED;
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		if (!strcmp(outcomes[i], outcome))
			e->outcome = (enum sched_outcome)i;
	}
	return 0;
}

static int read_quota(yyjson_val *o, struct sched_event *e, struct err *err)
{
	int r = json_get_str(o, "owner", &e->quota, err);

	for (size_t k = 0; r == 0 && k < SCHED_QUOTA_N; k++) {
		int64_t cap = -1;

		r = json_opt_int(o, quota_keys[k], 0, INT64_MAX, &cap, err);
		e->caps[k] = cap < 0 ? SCHED_NO_LIMIT : (uint64_t)cap;
	}
	return r;
}

static int read_licence(yyjson_val *o, struct sched_event *e, struct err *err)
{
	int64_t total = -1;
	int r = json_get_str(o, "licence", &e->licence, err);

	if (r == 0)
		r = json_opt_int(o, "total", 0, INT64_MAX, &total, err);
	e->total = total < 0 ? SCHED_NO_LIMIT : (uint64_t)total;
	return r;
}

static int read_probe(yyjson_val *o, struct sched_event *e, struct err *err)
{
	bool fit = false;
	int r = json_get_str(o, "probe", &e->probe, err);

	if (r < 0 || !yyjson_obj_get(o, "fit"))
		return r;
	r = json_get_bool(o, "fit", &fit, err);
	e->fit = fit ? SCHED_FIT_YES : SCHED_FIT_NO;
	return r;
}

static int read_copies(yyjson_val *o, struct sched_event *e, struct err *err)
{
	int64_t index = SCHED_ALL;
	int r = json_get_u32(o, "task_index", &e->task, err);

	if (r == 0)
		r = json_opt_int(o, "index", 0, SCHED_ALL, &index, err);
	e->index = (uint32_t)index;
	return r;
}

static int read_as(yyjson_val *o, struct sched_event *e, struct err *err)
{
	const char *word = NULL;
	int r = json_opt_str(o, "as", &word, err);

	e->waiting = word != NULL;
	if (r == 0 && word && !event_as(word, &e->as))
		r = err_set(err, EINVAL, "\"as\" is \"%s\", not done, failed or cancelled", word);
	return r;
}

static int read_members(yyjson_val *o, unsigned has, struct sched_event *e, struct err *err)
{
	int r = 0;

	if (has & HAS_JOB)
		r = json_get_str(o, "job", &e->job, err);
	if (r == 0 && (has & HAS_ATTEMPT))
		r = read_attempt(o, &e->attempt, err);
	if (r == 0 && (has & HAS_NODE))
		r = json_get_str(o, "node", &e->node, err);
	if (r == 0 && (has & HAS_ERROR))
		r = json_opt_str(o, "error", &e->error, err);
	if (r == 0 && (has & HAS_CAPACITY)) {
		r = json_get_u32(o, "slots", &e->node_slots, err);
		if (r == 0)
			r = json_get_u64(o, "cpu_milli", &e->node_cpu_milli, err);
		if (r == 0)
			r = json_get_u64(o, "memory", &e->node_memory, err);
		if (r == 0)
			r = json_opt_str(o, "counters", &e->counters, err);
	}
	if (r == 0 && (has & HAS_COUNT)) {
		r = json_get_u32(o, "task_index", &e->task, err);
		if (r == 0)
			r = json_get_u32(o, "count", &e->count, err);
		if (r == 0)
			r = json_opt_str(o, "error", &e->error, err);
	}
	if (r == 0 && (has & HAS_FACTS))
		r = json_get_str(o, "facts", &e->facts, err);
	if (r == 0 && (has & HAS_HEALTH))
		r = json_get_bool(o, "healthy", &e->healthy, err);
	if (r == 0 && (has & HAS_EXIT))
		r = read_exit(o, e, err);
	if (r == 0 && (has & HAS_QUOTA))
		r = read_quota(o, e, err);
	if (r == 0 && (has & HAS_LICENCE))
		r = read_licence(o, e, err);
	if (r == 0 && (has & HAS_PROBE))
		r = read_probe(o, e, err);
	if (r == 0 && (has & HAS_COPIES))
		r = read_copies(o, e, err);
	if (r == 0 && (has & HAS_AS))
		r = read_as(o, e, err);
	return r;
}

/* They do nothing to the state. */
static const char *const for_people[] = {EVENT_JOB_ENDED, EVENT_AUTHORITY, EVENT_SCHEDULE, EVENT_CALENDAR,
					 "node_join",	  "token_create",  "token_remove", EVENT_SOURCE,
					 EVENT_MACHINE,	  EVENT_PREEMPTED};

int event_decode(const char *kind, const char *data, size_t len, int64_t time_ms, struct sched_event *ret,
		 yyjson_doc **ret_doc, struct err *err)
{
	yyjson_doc *doc;
	size_t type = 0;
	int r;

	for (size_t i = 0; i < sizeof for_people / sizeof *for_people; i++) {
		if (!strcmp(kind, for_people[i]))
			return 1;
	}
	while (type < N_SHAPES && strcmp(shapes[type].kind, kind) != 0)
		type++;
	if (type == N_SHAPES)
		return err_set(err, EBADMSG, "the log has an event of an unknown kind \"%s\"", kind);
	doc = json_parse(data, len, EVENT_MAX, "an event of the log", err);
	if (!doc)
		return -err->code;
	*ret = (struct sched_event){.type = (enum sched_event_type)type, .now_ms = time_ms};
	r = yyjson_is_obj(yyjson_doc_get_root(doc)) ? read_members(yyjson_doc_get_root(doc), shapes[type].has, ret, err)
						    : err_set(err, EBADMSG, "an event of the log is not an object");
	if (r < 0) {
		yyjson_doc_free(doc);
		return r;
	}
	*ret_doc = doc;
	return 0;
}
