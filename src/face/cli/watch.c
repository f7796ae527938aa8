/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/watch.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/jobview.h"
#include "face/cli/lines.h"
#include "face/cli/logview.h"
#include "face/cli/pace.h"
#include "face/cli/progress.h"
#include "face/cli/show.h"
#include "face/cli/signals.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define COME_BACK_MS 60000
#define REPORTED_COPIES 3
#define REPORTED_LINES "10"

static const int signal_list[] = {SIGINT, SIGTERM, 0};

struct watch {
	struct cli *cli;
	const char *id;
	bool quiet, repaint;
	struct signals signals;
	struct http_client *events;
	struct lines lines; /* of the events */
	struct progress progress;
	struct pace pace;
	yyjson_doc *job; /* the last that was read */
	int64_t painted_ms;
	bool news; /* it was read since it was shown */
};

static int open_events(struct watch *w, struct err *err)
{
	struct buf target buf_cleanup = BUF_INIT;
	int r = client_open(w->cli, &w->events, err);

	buf_adds(&target, "/v1/events?follow=1");
	client_query(&target, "job", w->id);
	if (r == 0)
		r = client_begin(w->events, "GET", buf_str(&target), NULL, err);
	buf_clear(&w->lines.rest); /* of the stream before */
	pace_begin(&w->pace);
	return r;
}

static bool interrupted(const struct watch *w)
{
	struct signalfd_siginfo info;

	return w->signals.fd >= 0 && read(w->signals.fd, &info, sizeof info) == (ssize_t)sizeof info;
}

/* berth went away. A job that was accepted outlives that, so wait for it to be started again. */
static int come_back(struct watch *w, struct err *err)
{
	int64_t deadline = clock_mono_ms() + COME_BACK_MS;
	int r;

	text_error("lost the connection; waiting for berth to come back (job %s is safe)", w->id);
	w->progress.painted = 0; /* the message stands below the old block */
	while (clock_mono_ms() < deadline) {
		w->events = http_client_close(w->events);
		w->cli->http = http_client_close(w->cli->http);
		if (interrupted(w))
			return -EINTR;
		err_clear(err);
		r = client_wait_up(w->cli, 1000, NULL, err);
		if (r == 0)
			r = open_events(w, err);
		if (r == 0)
			return 0;
	}
	return err_wrap(err, "job %s goes on when berth is up again", w->id);
}

static int64_t copies_left(const struct progress *p)
{
	int64_t left = 0;

	for (size_t i = 0; i < p->n; i++)
		left += p->tasks[i].total - p->tasks[i].done - p->tasks[i].failed - p->tasks[i].left_out;
	return left;
}

/* 1: the connection is lost. */
static int fetch(struct watch *w, struct err *err)
{
	mem_cleanup char *target = client_target("/v1/jobs/", w->id, "");
	int64_t begin = clock_mono_ms(), now;
	struct http_client *c = NULL;
	yyjson_doc *doc = NULL;
	int r = client_http(w->cli, &c, err);

	if (r < 0)
		return 1;
	r = client_call_on(c, "GET", target, NULL, &doc, err);
	if (r == -ENOENT || r == -EACCES || r == -EINVAL)
		return r;
	if (r < 0 || !doc)
		return 1;
	yyjson_doc_free(w->job);
	w->job = doc;
	progress_update(&w->progress, yyjson_doc_get_root(doc));
	now = clock_mono_ms();
	pace_read(&w->pace, now, now - begin, copies_left(&w->progress));
	w->news = true;
	return 0;
}

static void show(struct watch *w)
{
	struct buf out buf_cleanup = BUF_INIT;
	int64_t now = clock_mono_ms();

	/* Without news only the clock of a repainted block goes on. */
	if (w->quiet || (!w->news && !(w->repaint && now - w->painted_ms >= 1000)))
		return;
	w->news = false;
	if (w->repaint)
		progress_paint(&w->progress, now, term_width(STDERR_FILENO), term_height(STDERR_FILENO), STDERR_FILENO,
			       &out);
	else
		progress_lines(&w->progress, now, &out);
	w->painted_ms = now;
	(void)fd_write_all(STDERR_FILENO, buf_str(&out), out.len);
}

static int pause_ms(const struct watch *w)
{
	int64_t now = clock_mono_ms();
	int64_t until = now + pace_wait(&w->pace, now);
	int64_t clock = w->painted_ms + 1000;

	if (w->repaint && !w->quiet && clock < until)
		until = clock;
	return until > now ? (int)(until - now) : 0;
}

static bool job_ended(const struct watch *w)
{
	return w->progress.state && show_job_ended(w->progress.state);
}

static int on_event(void *ctx, const char *line, size_t len, struct err *err)
{
	struct watch *w = ctx;

	(void)err;
	pace_event(&w->pace, line, len);
	return 0;
}

/* Waits for events or time. 1: the connection is lost. */
static int await(struct watch *w, struct err *err)
{
	int64_t begin = clock_mono_ms(), quiet = pace_wait(&w->pace, begin);
	int timeout = pause_ms(w), signal = 0;
	char events[16384];
	ssize_t n = client_read(w->events, w->signals.fd, events, sizeof events, timeout, &signal, err);

	if (n > 0)
		return lines_feed(&w->lines, events, (size_t)n, on_event, w, err);
	if (n == -EAGAIN && timeout >= quiet)
		pace_silence(&w->pace);
	else if (n != -EAGAIN)
		return n == -EINTR ? -EINTR : 1;
	return 0;
}

static int follow(struct watch *w, struct err *err)
{
	int r = open_events(w, err);

	while (r == 0) {
		if (pace_wait(&w->pace, clock_mono_ms()) == 0)
			r = fetch(w, err);
		if (r == 0 && w->job)
			show(w);
		if (r == 0 && job_ended(w))
			return 0;
		if (r == 0)
			r = await(w, err);
		if (r == 1)
			r = come_back(w, err);
	}
	return r;
}

int watch_job(struct cli *cli, const char *id, bool quiet, yyjson_doc **ret_job, struct err *err)
{
	struct watch w = {.cli = cli, .id = id, .quiet = quiet, .signals = SIGNALS_NONE, .lines = LINES_INIT};
	int r;

	w.repaint = term_can_repaint(STDERR_FILENO);
	progress_init(&w.progress, clock_mono_ms());
	signals_open(&w.signals, signal_list);
	r = follow(&w, err);
	signals_close(&w.signals);
	progress_free(&w.progress);
	lines_free(&w.lines);
	http_client_close(w.events);
	if (r == 0)
		*ret_job = mem_take(w.job);
	yyjson_doc_free(w.job);
	return r;
}

static void last_lines(struct cli *cli, const char *source)
{
	mem_cleanup char *target = client_target("/v1/containers/", source, "/logs?tail=" REPORTED_LINES);
	struct logview view = LOGVIEW_INIT;
	struct http_client *c = NULL;

	view.fd_out = STDERR_FILENO;
	view.indent = "    ";
	/* The report is complete without them: logs may be gone, the container may never have been made. */
	if (client_open(cli, &c, NULL) == 0 && client_begin(c, "GET", target, NULL, NULL) == 0)
		(void)logview_read(&view, c, NULL);
	logview_end(&view);
	http_client_close(c);
}

struct report {
	struct cli *cli;
	const char *job;
};

static void report_copy(void *ctx, yyjson_val *task, yyjson_val *instance, yyjson_val *attempt)
{
	const struct report *r = ctx;
	const char *name = show_str(task, "name", "-"), *error = show_str(attempt, "error", NULL);
	mem_cleanup char *source = mem_printf("%s/%s/%" PRId64, r->job, name, show_int(instance, "index", 0));
	struct buf line buf_cleanup = BUF_INIT;

	buf_printf(&line, "task %s/%" PRId64 " failed", name, show_int(instance, "index", 0));
	/* What never ran failed with 0. */
	if (show_int(attempt, "ended_ms", 0) > 0 && show_int(attempt, "exit_code", 0) > 0)
		buf_printf(&line, ": exit code %" PRId64, show_int(attempt, "exit_code", 0));
	if (show_bool(attempt, "oom"))
		buf_adds(&line, ": out of memory");
	if (error && *error)
		buf_printf(&line, ": %s", error);
	if (show_int(attempt, "attempt", 1) > 1)
		buf_printf(&line, " (try %" PRId64 ")", show_int(attempt, "attempt", 1));
	text_error("%s", buf_str(&line));
	last_lines(r->cli, source);
	text_line(stderr, "See more: berth logs %s", source);
}

void watch_report(struct cli *cli, yyjson_val *job)
{
	const char *id = show_str(job, "id", "-"), *state = show_str(job, "state", "-");
	const char *reason = show_str(job, "reason", NULL);
	int64_t start = show_int(job, "started_ms", 0), end = show_int(job, "ended_ms", 0);
	struct report r = {.cli = cli, .job = id};
	struct buf counts buf_cleanup = BUF_INIT;
	char took[TEXT_MAX];
	size_t failed = 0;

	if (strcmp(state, "finished") != 0 || show_job_status(job) != 0)
		failed = jobview_failed(job, REPORTED_COPIES, report_copy, &r);
	if (failed > REPORTED_COPIES)
		text_line(stderr, "... and %zu more that failed, see: berth job %s", failed - REPORTED_COPIES, id);
	show_counts(&counts, yyjson_obj_get(job, "counts"));
	text_line(stderr, "job %s %s%s%s%s%s%s%s", id, state, start > 0 ? " in " : "",
		  start > 0 ? text_duration(took, end - start) : "", counts.len ? ": " : "", buf_str(&counts),
		  reason && *reason ? "; " : "", reason && *reason ? reason : "");
}
