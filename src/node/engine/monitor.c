/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/monitor.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/engine/fence.h"
#include "node/engine/kernel.h"
#include "node/engine/linked.h"
#include "node/engine/launcher.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The kernel's own limit for a pipe: more than this cannot be left in one when its writers are dead. */
#define DRAIN_MAX (1u << 20)
/* How long clients that do not take the last output keep the end of the container from being told. */
#define LAST_OUTPUT_MS 2000

void monitor_publish(struct monitor *m)
{
	for (size_t i = 0; i < MONITOR_CONNS; i++)
		monitor_conn_record(m, &m->conns[i]);
}

void monitor_write_state(struct monitor *m)
{
	buf_cleanup struct buf text = BUF_LIMIT(RECORD_MAX);

	record_write(&text, &m->rec);
	/* Without room for it the container runs all the same; its socket tells what the file would. */
	(void)fs_write_atomic(m->dir, "state.json", text.data, text.len, 0600, false, NULL);
}

/* ---- wishes ---- */

void monitor_kill(struct monitor *m, int signal)
{
	if (m->started && !m->ended) {
		(void)rt_signal(&m->box, signal, NULL);
		monitor_thaw(m, signal);
		return;
	}
	if (!m->stop_signal || signal == SIGKILL)
		m->stop_signal = signal;
	if (m->helper > 0)
		(void)kill(m->helper, SIGKILL);
}

void monitor_stop(struct monitor *m, int signal, int64_t grace_ms)
{
	int64_t at = clock_mono_ms() + (grace_ms < 0 ? m->order.spec.stop_grace_ms : grace_ms);

	monitor_kill(m, signal ? signal : (int)m->order.stop_signal);
	if (!m->ended && at < m->kill_at)
		m->kill_at = at;
}

/* ---- the loop ---- */

/* The first places of what a turn waits for; streams follow. */
enum { ON_LISTEN, ON_PID, ON_HELPER, ON_HEALTH, ON_CHECK, ON_FENCE, ON_OOM, ON_CONNS, ON_N = ON_CONNS + MONITOR_CONNS };

static int wait_ms(const struct monitor *m, int64_t now)
{
	int64_t due = health_due(&m->health);

	if (logpack_due(&m->pack))
		return 0;
	if (!m->started || m->ended || m->rec.paused)
		due = INT64_MAX;
	if (m->started && !m->ended && m->kill_at < due)
		due = m->kill_at;
	if (m->started && !m->ended && !m->rec.paused && m->warn_at < due)
		due = m->warn_at;
	if (due == INT64_MAX)
		return -1;
	return due <= now ? 0 : due - now > 3600000 ? 3600000 : (int)(due - now);
}

static void fill(const struct monitor *m, struct pollfd v[static ON_N])
{
	v[ON_LISTEN].fd = m->listen_fd;
	v[ON_PID].fd = m->started && !m->ended ? m->box.pidfd : -1;
	v[ON_HELPER].fd = m->helper > 0 && !m->helper_done ? m->helper_fd : -1;
	/* What is paused says nothing, and what has ended just before can wait. */
	v[ON_HEALTH].fd = m->rec.paused ? -1 : m->health.pidfd;
	v[ON_CHECK].fd = m->rec.paused ? -1 : m->health.out;
	v[ON_FENCE].fd = m->fence;
	v[ON_OOM].fd = m->oom.fd;
	for (size_t i = 0; i < MONITOR_CONNS; i++)
		v[ON_CONNS + i].fd = m->conns[i].fd;
	for (size_t i = 0; i < ON_N; i++) {
		v[i].events = POLLIN;
		v[i].revents = 0;
	}
	for (size_t i = 0; i < MONITOR_CONNS; i++) {
		if (m->conns[i].behind)
			v[ON_CONNS + i].events |= POLLOUT;
	}
}

static void serve_conns(struct monitor *m, const struct pollfd v[static ON_N])
{
	for (size_t i = 0; i < MONITOR_CONNS; i++) {
		if (v[ON_CONNS + i].revents & POLLOUT)
			monitor_conn_record(m, &m->conns[i]);
		if (m->conns[i].fd >= 0 && (v[ON_CONNS + i].revents & (POLLIN | POLLHUP | POLLERR)))
			monitor_conn_input(m, &m->conns[i]);
	}
	if (v[ON_LISTEN].revents)
		monitor_conn_accept(m);
}

void monitor_oom_score(const char *score)
{
	fd_cleanup int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, score, strlen(score)) < 0)
		return;
}

static void write_health(struct monitor *m)
{
	buf_cleanup struct buf text = BUF_LIMIT(HEALTH_TEXT_MAX);

	health_text(&m->health, &text);
	(void)fs_write_atomic(m->dir, "health.json", text.data, text.len, 0600, false, NULL);
}

static void check_health(struct monitor *m, int64_t now)
{
	struct rt_exec_spec exec = {
	    .argv = m->order.spec.health.test,
	    .env = m->order.env,
	    .cwd = m->order.working_dir,
	    .user = m->order.user,
	    .stdin_fd = -1,
	    .stdout_fd = -1,
	    .stderr_fd = -1,
	};
	const struct kernel_exec want = {.user = NULL};
	struct kernel_rights rights = {.rlimits = NULL};
	uint64_t results = m->health.n_results;
	bool changed;

	if (kernel_needed(&m->order) && kernel_rights_make(&m->order, &want, &rights, NULL) == 0)
		exec.process = &rights.process;
	monitor_oom_score("0");
	changed = health_turn(&m->health, &m->box, &exec, now);
	monitor_oom_score("-999");
	kernel_rights_free(&rights);
	if (results != m->health.n_results)
		write_health(m);
	if (!changed)
		return;
	m->rec.health = m->health.state;
	monitor_publish(m);
}

/* What a fenced container may not do any more is to run or to stage. A success that nobody was told in time counts for nothing. */
static void check_fence(struct monitor *m)
{
	struct fence_state s = fence_read(m->data_dir);

	if (m->fence >= 0 && s.term == m->fence_term && s.until_ms > clock_mono_ms()) {
		fence_arm(m->fence, s.until_ms);
		return;
	}
	fd_closep(&m->fence);
	m->rec.exit.fenced = true;
	monitor_kill(m, SIGKILL);
}

/* Written down first: it is given once, whoever dies. */
static void warn(struct monitor *m)
{
	m->warn_at = INT64_MAX;
	/* What has been told to end needs no warning. */
	if (m->kill_at != INT64_MAX)
		return;
	m->rec.warned_ms = clock_wall_ms();
	monitor_write_state(m);
	(void)rt_signal(&m->box, m->warn_signal, NULL);
	monitor_publish(m);
}

static void look_at_memory(struct monitor *m)
{
	if (!oom_look(&m->box, &m->oom))
		return;
	m->rec.ooms++;
	monitor_publish(m);
}

void monitor_turn(struct monitor *m)
{
	struct polls p = {.n = ON_N};
	struct pollfd *v = p.v;
	int64_t now;

	fill(m, v);
	flow_poll(&m->flow, &p);
	monitor_exec_poll(m, &p);
	if (poll(v, p.n, wait_ms(m, clock_mono_ms())) < 0)
		return;
	now = clock_mono_ms();
	flow_serve(&m->flow, &p);
	monitor_exec_serve(m, &p);
	logpack_turn(&m->pack);
	serve_conns(m, v);
	if (v[ON_HELPER].revents)
		m->helper_done = true;
	if (v[ON_OOM].revents)
		look_at_memory(m);
	if (v[ON_PID].revents)
		m->ended = true;
	if (v[ON_FENCE].revents && (!m->ended || m->helper > 0))
		check_fence(m);
	if (m->started && !m->ended) {
		if (m->kill_at <= now) {
			m->kill_at = INT64_MAX;
			monitor_kill(m, SIGKILL);
		}
		if (m->warn_at <= now && !m->rec.paused)
			warn(m);
		if (m->rec.paused)
			; /* a check would be frozen, too */
		else if (v[ON_HEALTH].revents || v[ON_CHECK].revents || health_due(&m->health) <= now)
			check_health(m, now);
	}
	monitor_stream_tell(m);
	monitor_conn_wake(m);
}

/* ---- life ---- */

/* The record of the end must fit on a full disk, so its blocks are taken before anything else. */
static int reserve_exit(struct monitor *m, struct err *err)
{
	m->exit_fd = openat(m->dir, "exit.json.tmp", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (m->exit_fd < 0)
		return err_sys(err, errno, "make exit.json.tmp");
	if (fallocate(m->exit_fd, FALLOC_FL_KEEP_SIZE, 0, RECORD_MAX) < 0 && errno != EOPNOTSUPP)
		return err_sys(err, errno, "reserve room for exit.json");
	return 0;
}

static void write_exit(struct monitor *m)
{
	buf_cleanup struct buf text = BUF_LIMIT(RECORD_MAX);

	record_write(&text, &m->rec);
	if (m->exit_fd >= 0 && pwrite(m->exit_fd, text.data, text.len, 0) == (ssize_t)text.len &&
	    renameat(m->dir, "exit.json.tmp", m->dir, "exit.json") == 0)
		return;
	/* The daemon hears it too and writes it once there is room. */
	(void)fs_write_atomic(m->dir, "exit.json", text.data, text.len, 0600, false, NULL);
}

static void fail(struct monitor *m, int code, const struct err *err)
{
	m->rec.exit.code = code;
	m->rec.exit.never_started = m->rec.started_ms == 0;
	free(m->rec.exit.error);
	m->rec.exit.error = mem_strdup(err->text);
}

static void fail_stage(struct monitor *m, int r, const struct err *err)
{
	if (r == -ECANCELED)
		m->rec.exit.signal = m->stop_signal;
	fail(m, r == -ECANCELED ? 128 + m->stop_signal : 125, err);
}

static void let_go(struct monitor *m)
{
	/* A health check needs the environment; nothing else of the configuration is needed again, but what staging, stopping and hooks read. */
	if (!m->order.spec.health.test && m->order.spec.n_stage_out == 0 && !m->hooks.bundle) {
		struct spec keep = {
		    .stop_grace_ms = m->order.spec.stop_grace_ms,
		    .remove = m->order.spec.remove,
		    .n_stage_in = m->order.spec.n_stage_in,
		};
		int64_t stop_signal = m->order.stop_signal;
		bool job = m->order.spec.job != NULL;

		order_free(&m->order);
		m->order.spec = keep;
		m->order.spec.job = job ? "" : NULL;
		m->order.stop_signal = stop_signal;
	}
	malloc_trim(0);
}

static const struct {
	enum rt_fault fault;
	int code;
} fault_codes[] = {
    {RT_FAULT_NOT_EXECUTABLE, 126},
    {RT_FAULT_NOT_FOUND, 127},
};

int monitor_fault_code(enum rt_fault fault)
{
	for (size_t i = 0; i < sizeof fault_codes / sizeof *fault_codes; i++) {
		if (fault_codes[i].fault == fault)
			return fault_codes[i].code;
	}
	return 125;
}

static int begin(struct monitor *m, struct err *err)
{
	enum rt_fault fault = RT_FAULT_OURS;
	int r;

	if (m->order.spec.n_stage_in) {
		if (mkdirat(m->dir, "task", 0700) < 0 && errno != EEXIST)
			r = err_sys(err, errno, "make the task's directory");
		else
			r = monitor_stage(m, false, err);
		if (r < 0) {
			fail_stage(m, r, err);
			return r;
		}
	}
	if (m->rec.exit.fenced)
		r = err_set(err, ECANCELED, "the lease of this node ended before the start");
	else
		r = monitor_start(m, &fault, err);
	if (r < 0) {
		fail(m, monitor_fault_code(fault), err);
		return r;
	}
	m->started = true;
	flow_begin(&m->flow);
	m->rec.state = ENGINE_RUNNING;
	m->rec.pid = m->box.pid;
	m->rec.start_time = m->box.start_time;
	m->rec.cgroup = mem_strdup(rt_host_place());
	m->rec.started_ms = clock_wall_ms();
	if (m->order.spec.warn_after_ms && m->order.spec.warn_signal) {
		m->warn_at = clock_mono_ms() + m->order.spec.warn_after_ms;
		m->warn_signal = (int)m->order.spec.warn_signal;
	}
	if (m->order.spec.limit_memory > 0)
		(void)oom_watch(&m->box, &m->oom, NULL);
	health_start(&m->health, &m->order.spec.health, clock_mono_ms());
	m->rec.health = m->health.state;
	monitor_write_state(m);
	monitor_publish(m);
	monitor_oom_score("-999");
	let_go(m);
	/* Asked for before there was anything to end. */
	if (m->stop_signal)
		monitor_kill(m, m->stop_signal);
	return 0;
}

/* What fails now is told and changes nothing (runtime.md, "Lifecycle"). */
static void close_hooks(struct monitor *m)
{
	struct err err = ERR_INIT;
	int r;

	if (!m->hooks.bundle)
		return;
	monitor_oom_score("0");
	r = devhook_close(&m->hooks, &err);
	monitor_oom_score("-999");
	if (r < 0 && !m->rec.exit.error)
		m->rec.exit.error = mem_strdup(err.text);
}

static void end(struct monitor *m)
{
	struct err err = ERR_INIT;
	struct rt_exit ex = {.code = 125};
	int r;

	health_stop(&m->health);
	oom_close(&m->oom);
	monitor_network_shut(m);
	monitor_exec_end(m);
	flow_drain(&m->flow, DRAIN_MAX, LAST_OUTPUT_MS);
	flow_close(&m->flow);
	if (rt_reap(&m->box, &ex, &err) < 0)
		fail(m, 125, &err);
	else
		m->rec.exit.code = ex.code;
	m->rec.exit.signal = ex.signal;
	m->rec.exit.oom = ex.oom_killed;
	m->rec.exit.memory_peak = ex.memory_peak;
	m->rec.exit.cpu_us = ex.cpu_us;
	if (rt_delete(&m->box, &err) < 0 && !m->rec.exit.error)
		m->rec.exit.error = mem_strdup(err.text);
	close_hooks(m);
	if (m->rec.exit.code != 0 || m->order.spec.n_stage_out == 0)
		return;
	m->rec.state = ENGINE_STOPPING;
	monitor_publish(m);
	r = monitor_stage(m, true, &err);
	if (r < 0)
		fail_stage(m, r, &err);
}

static void live(struct monitor *m)
{
	struct err err = ERR_INIT;

	if (begin(m, &err) < 0) {
		monitor_network_shut(m);
		return;
	}
	while (!m->ended)
		monitor_turn(m);
	end(m);
}

static void finish(struct monitor *m)
{
	m->rec.paused = false;
	m->rec.state = ENGINE_EXITED;
	m->rec.ended_ms = clock_wall_ms();
	m->log.rotated = false;
	m->flow.outlet = outlet_free(m->flow.outlet);
	logpack_close(&m->pack);
	logfile_close(&m->log);
	write_exit(m);
	monitor_publish(m);
	/* A container that is removed goes as a whole. */
	if (m->order.spec.job && !m->order.spec.remove)
		monitor_cleanup(m);
	monitor_network_stop(m);
	/* A new daemon may stand in another cgroup and will not take away what is above ours. */
	if (getppid() != m->launcher)
		rt_host_release();
}

static void separate(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	/* Whoever waits for the end of the daemon's output does not wait for us. */
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

static void init(struct monitor *m, struct launcher_job *job)
{
	char title[96];

	*m = (struct monitor){
	    .data_dir = job->data_dir,
	    .can_limit_pids = job->can_limit_pids,
	    .dir = job->fds[0],
	    .listen_fd = -1,
	    .exit_fd = -1,
	    .helper_fd = -1,
	    .netns = job->netns,
	    .launcher = getppid(),
	    .uplink_kind = job->uplink,
	    .uplink = UPLINK_NULL,
	    .rules = NL_NULL,
	    .hooks = DEVHOOK_LIFE_NULL,
	    .oom = OOM_NULL,
	    .kill_at = INT64_MAX,
	    .warn_at = INT64_MAX,
	    .fence = -1,
	};
	snprintf(m->id, sizeof m->id, "%s", job->args[0]);
	m->rec.run = job->n_args > 1 ? (uint32_t)strtoul(job->args[1], NULL, 10) : 1;
	m->name = job->n_args > 2 ? job->args[2] : "";
	snprintf(title, sizeof title, "berth-monitor %s", m->id);
	proc_title("berth-monitor", title);
	for (size_t i = 0; i < MONITOR_CONNS; i++)
		m->conns[i] = (struct monitor_conn){.fd = -1};
	monitor_stream_init(m);
	health_init(&m->health);
	m->pack = (struct logpack)LOGPACK_NULL;
	logfile_init(&m->log, m->dir, SPEC_LOG_SIZE_DEFAULT, SPEC_LOG_FILES_DEFAULT);
}

_Noreturn void monitor_main(struct launcher_job *job)
{
	static struct monitor m;
	struct err err = ERR_INIT;
	int r;

	separate();
	init(&m, job);
	r = monitor_listen(&m, &err);
	/* From here on a new daemon finds us by the socket: it may have the lock. */
	fd_closep(&job->lock_fd);
	monitor_conn_add(&m, job->fds[1]);
	if (r == 0)
		r = order_read(m.dir, &m.order, &err);
	if (r == 0)
		r = linked_merge(m.dir, &m.order.env, &err);
	if (r == 0)
		r = reserve_exit(&m, &err);
	if (r < 0) {
		fail(&m, 125, &err);
	} else {
		m.log.max_size = (uint64_t)m.order.spec.log_max_size;
		m.log.max_files = (unsigned)m.order.spec.log_max_files;
		monitor_stream_prepare(&m);
		/* Whoever was attached before the start misses nothing of it. */
		while (monitor_conn_input(&m, &m.conns[0]))
			;
		if (m.order.spec.fenced) {
			m.fence = fence_timer();
			m.fence_term = m.order.fence_term;
			check_fence(&m);
		}
		logfile_resume(&m.log);
		logpack_init(&m.pack, &m.log, m.order.spec.log_compress);
		live(&m);
	}
	finish(&m);
	_exit(0);
}
