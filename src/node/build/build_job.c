/* SPDX-License-Identifier: Apache-2.0
 *
 * A step in a child process. Its output comes through one pipe, its verdict through another; both at their end means that it is over.
 */
#include "node/build/build_impl.h"

#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LINE_MAX_BYTES (64u << 10)
#define OUTPUT_MAX (16ull << 20)
#define TAIL_MAX (16u << 10)

/* ---- the child ---- */

/* Another build may be at the same step: who comes second finds its result. */
static int make(struct build *b, struct build_stage *s, const struct plan_step *step, int out, struct build_verdict *v,
		struct err *err)
{
	struct image_unpacked u = {.tar_size = 0};
	int r, lock = cache_lock(b->cache, s->step_key, err);

	if (lock < 0)
		return lock;
	if (!step->no_cache && build_cached(b, s->step_key, v->layer)) {
		v->cached = true;
		return 0;
	}
	if (!step->no_cache && build_fetch_imported(b, s->step_key, out, v->layer)) {
		v->cached = true;
		return 0;
	}
	r = step->kind == STEP_RUN ? exec_run(b, step, &s->job.snapshot, out, err)
				   : build_step_files(b, s, step, &s->job.snapshot, err);
	if (r == 0)
		r = snapshot_commit(&s->job.snapshot, b->epoch, &u, err);
	if (r == 0)
		r = cache_put(b->cache, s->step_key, &u, err);
	memcpy(v->layer, u.diff_id, sizeof v->layer);
	v->size = u.tar_size;
	return r;
}

/* open: the signals as they were before the fork. */
static _Noreturn void child(struct build *b, struct build_stage *s, const struct plan_step *step, int out, int result,
			    const sigset_t *open)
{
	struct build_verdict v = {0};
	struct err err = ERR_INIT;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, open, NULL);
	umask(022); /* what RUN begins with, whatever the user's is */
	r = make(b, s, step, out, &v, &err);
	v.code = r < 0 ? -r : 0;
	memcpy(v.text, err.text, sizeof v.text);
	_exit(fd_write_all(result, &v, sizeof v) < 0);
}

/* ---- the parent ---- */

int build_job_start(struct build *b, struct build_stage *s, const struct plan_step *step, struct err *err)
{
	int out[2], result[2], r = snapshot_open(b->store, b->lease, s->layers, &s->job.snapshot, err);
	sigset_t term, open;

	if (r < 0)
		return r;
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe for a step");
	if (pipe2(result, O_CLOEXEC) < 0) {
		r = err_sys(err, errno, "make a pipe for a step");
		close(out[0]);
		close(out[1]);
		return r;
	}
	s->job.have = 0;
	s->job.n_out = 0;
	s->job.verdict = (struct build_verdict){0};
	s->job.started_ms = clock_wall_ms();
	/* The caller's handler would take a SIGTERM that comes before the child has its own, and the step would never hear of it. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &open);
	s->job.pid = fork();
	if (s->job.pid == 0) {
		close(out[0]);
		close(result[0]);
		child(b, s, step, out[1], result[1], &open);
	}
	sigprocmask(SIG_SETMASK, &open, NULL);
	close(out[1]);
	close(result[1]);
	s->job.out = out[0];
	s->job.result = result[0];
	if (s->job.pid < 0)
		return err_sys(err, errno, "start a process for a step");
	r = fd_nonblock(s->job.out);
	return r < 0 ? err_sys(err, -r, "read the output of a step") : 0;
}

static void keep_tail(struct build_job *j, const char *line)
{
	buf_adds(&j->tail, line);
	buf_addc(&j->tail, '\n');
	if (j->tail.len > TAIL_MAX)
		buf_drop(&j->tail, j->tail.len - TAIL_MAX);
}

static void tell_line(struct build *b, struct build_stage *s)
{
	struct build_job *j = &s->job;

	if (j->line.len > 0 && j->line.data[j->line.len - 1] == '\r')
		j->line.data[--j->line.len] = '\0';
	keep_tail(j, buf_str(&j->line));
	if (j->n_out <= OUTPUT_MAX)
		build_tell(b, s, BUILD_EVENT_OUTPUT, buf_str(&j->line), 0);
	buf_clear(&j->line);
}

static void take_output(struct build *b, struct build_stage *s, const char *data, size_t n)
{
	struct build_job *j = &s->job;
	uint64_t before = j->n_out;

	for (size_t i = 0; i < n; i++) {
		if (data[i] != '\n')
			buf_addc(&j->line, data[i] ? data[i] : '?');
		if (data[i] == '\n' || j->line.len >= LINE_MAX_BYTES)
			tell_line(b, s);
	}
	j->n_out += n;
	if (before <= OUTPUT_MAX && j->n_out > OUTPUT_MAX)
		build_tell(b, s, BUILD_EVENT_OUTPUT, "[the rest of the output is not shown: it is longer than 16 MiB]",
			   0);
}

void build_job_read_output(struct build *b, struct build_stage *s)
{
	static char data[64 << 10];
	ssize_t n;

	if (s->job.out < 0)
		return;
	n = read(s->job.out, data, sizeof data);
	if (n > 0) {
		take_output(b, s, data, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		fd_closep(&s->job.out);
		if (s->job.line.len > 0)
			tell_line(b, s);
	}
}

void build_job_read_verdict(struct build_stage *s)
{
	struct build_job *j = &s->job;
	ssize_t n;

	n = read(j->result, (char *)&j->verdict + j->have, sizeof j->verdict - j->have);
	if (n > 0)
		j->have += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || j->have == sizeof j->verdict)
		fd_closep(&j->result);
}

int build_job_end(struct build *b, struct build_stage *s, struct err *err)
{
	struct build_job *j = &s->job;

	(void)b;
	while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
		;
	j->pid = 0;
	/* A layer was made of it, or nothing is to be kept of it. */
	snapshot_discard(&j->snapshot);
	if (j->have < sizeof j->verdict)
		return err_set(err, EIO, "the process of the step was killed");
	j->verdict.text[sizeof j->verdict.text - 1] = '\0';
	j->verdict.layer[64] = '\0';
	if (j->verdict.code)
		return err_set(err, j->verdict.code, "%s", j->verdict.text);
	return 0;
}

void build_job_kill(struct build_stage *s)
{
	if (s->job.pid > 0)
		(void)kill(s->job.pid, SIGTERM);
}

const char *build_job_tail(const struct build_stage *s)
{
	return buf_str(&s->job.tail);
}
