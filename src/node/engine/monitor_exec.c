/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that are started in the running container. What one is to be stands in exec/<id>.json, which goes when it has ended; so a new daemon
 * learns of those that run. An end is kept until everybody has been told.
 */
#include "node/engine/monitor.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "base/wire/json.h"
#include "node/engine/kernel.h"
#include "node/engine/linked.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

struct exec_run {
	struct exec_run *next;
	char id[65];
	pid_t pid;
	int pidfd; /* -1: it has ended */
	int place;
	int code;
	char *error; /* why it could not run */
	struct flow flow;
};

/* ---- telling ---- */

static void tell(struct monitor_conn *c, const struct exec_run *x)
{
	buf_cleanup struct buf line = BUF_LIMIT(RECORD_MAX);

	buf_printf(&line, "{\"exec\":\"%s\",", x->id);
	if (x->pidfd >= 0)
		buf_printf(&line, "\"pid\":%d}\n", (int)x->pid);
	else
		buf_printf(&line, "\"code\":%d,\"error\":", x->code);
	if (x->pidfd < 0) {
		json_quote(&line, x->error ? x->error : "", x->error ? strlen(x->error) : 0);
		buf_adds(&line, "}\n");
	}
	monitor_conn_send(c, line.data, line.len, true);
}

static void tell_all(struct monitor *m, const struct exec_run *x)
{
	for (size_t i = 0; i < MONITOR_CONNS; i++)
		tell(&m->conns[i], x);
}

void monitor_exec_record(struct monitor *m, struct monitor_conn *c)
{
	for (const struct exec_run *x = m->execs; x && c->fd >= 0 && !c->behind; x = x->next)
		tell(c, x);
}

static bool somebody_is_behind(const struct monitor *m)
{
	for (size_t i = 0; i < MONITOR_CONNS; i++) {
		if (m->conns[i].fd >= 0 && m->conns[i].behind)
			return true;
	}
	return false;
}

/* ---- its file ---- */

struct wish {
	yyjson_doc *doc;
	struct order order; /* of the container: it was let go of */
	char **argv, **env;
	const char *cwd, *user;
	bool tty, in, out, err, privileged;
	unsigned short rows, cols; /* of its terminal at the start */
};

static void wish_free(struct wish *w)
{
	mem_strv_free(w->argv);
	mem_strv_free(w->env);
	order_free(&w->order);
	yyjson_doc_free(w->doc);
}

static void file_name(char name[static 80], const char *id)
{
	snprintf(name, 80, "%s.json", id);
}

static int read_file(struct monitor *m, const char *id, yyjson_doc **ret, struct err *err)
{
	fd_cleanup int dir = fs_open_in(m->dir, EXEC_DIR, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	mem_cleanup char *text = NULL;
	char name[80];
	size_t n;
	int r;

	if (dir < 0)
		return dir;
	file_name(name, id);
	r = fs_read(dir, name, EXEC_TEXT_MAX, &text, &n, err);
	if (r < 0)
		return r;
	*ret = json_parse(text, n, EXEC_TEXT_MAX, name, err);
	return *ret ? 0 : -EINVAL;
}

static void remove_file(struct monitor *m, const char *id)
{
	char path[96];

	snprintf(path, sizeof path, EXEC_DIR "/%s.json", id);
	(void)unlinkat(m->dir, path, 0);
}

static int merge_env(struct wish *w, char *const *more)
{
	static char term[] = "TERM=xterm";
	char *const with_term[] = {term, NULL};

	w->env = mem_strv_dup(w->order.env);
	if (w->tty)
		spec_env_merge(&w->env, with_term);
	spec_env_merge(&w->env, more);
	return 0;
}

static int wish_read(struct monitor *m, const char *id, struct wish *w, struct err *err)
{
	cleanup_with(mem_strv_freep) char **more = NULL;
	const struct {
		const char *key;
		bool *value;
	} flags[] = {
	    {"tty", &w->tty}, {"in", &w->in}, {"out", &w->out}, {"err", &w->err}, {"privileged", &w->privileged}};
	yyjson_val *v;
	int r = read_file(m, id, &w->doc, err);

	if (r == 0)
		r = order_read(m->dir, &w->order, err);
	if (r == 0)
		r = linked_merge(m->dir, &w->order.env, err);
	if (r < 0)
		return r;
	v = yyjson_doc_get_root(w->doc);
	w->cwd = w->order.working_dir;
	w->user = w->order.user;
	for (size_t i = 0; i < sizeof flags / sizeof *flags && r == 0; i++)
		r = json_opt_bool(v, flags[i].key, flags[i].value, err);
	if (r == 0)
		r = json_get_strv(v, "argv", &w->argv, err);
	if (r == 0)
		r = json_opt_strv(v, "env", &more, err);
	if (r == 0)
		r = json_opt_str(v, "cwd", &w->cwd, err);
	if (r == 0)
		r = json_opt_str(v, "user", &w->user, err);
	return r < 0 ? r : merge_env(w, more);
}

/* ---- starting ---- */

/* The process' ends. */
struct ends {
	int fd[3];
};

static int make_pipes(struct exec_run *x, const struct wish *w, bool seen, struct ends *e, struct err *err)
{
	const bool wanted[3] = {w->in && seen, w->out && seen, w->err && seen};

	for (int i = 0; i < 3; i++) {
		int fds[2], ours;

		if (!wanted[i])
			continue;
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_sys(err, errno, "make a pipe for the process");
		ours = i == 0 ? fds[1] : fds[0];
		e->fd[i] = i == 0 ? fds[0] : fds[1];
		*(i == 0 ? &x->flow.in : &x->flow.out[i - 1]) = ours;
		if (fd_nonblock(ours) < 0)
			return err_sys(err, errno, "make a pipe for the process");
	}
	return 0;
}

/* The master end is both: where the output comes from and where the input goes. */
static int take_terminal(struct exec_run *x, const struct wish *w, struct err *err)
{
	if (fd_nonblock(x->flow.out[0]) < 0)
		return err_sys(err, errno, "prepare the terminal");
	if (!w->in)
		return 0;
	x->flow.in = fcntl(x->flow.out[0], F_DUPFD_CLOEXEC, 3);
	return x->flow.in < 0 ? err_sys(err, errno, "prepare the terminal") : 0;
}

static int run(struct monitor *m, struct exec_run *x, const struct wish *w, const struct ends *e,
	       enum rt_fault *ret_fault, struct err *err)
{
	const struct kernel_exec want = {
	    .user = w->user, .tty = w->tty, .privileged = w->privileged, .rows = w->rows, .cols = w->cols};
	struct rt_exec_spec spec = {
	    .argv = w->argv,
	    .env = w->env,
	    .cwd = w->cwd,
	    .user = w->user,
	    .stdin_fd = e->fd[0],
	    .stdout_fd = e->fd[1],
	    .stderr_fd = e->fd[2],
	    .listener = -1,
	    .ret_terminal = &x->flow.out[0],
	};
	struct kernel_rights rights;
	int r = kernel_rights_make(&w->order, &want, &rights, err);

	if (r < 0)
		return r;
	/* The simple start's own way is cheaper. */
	if (w->tty || w->privileged || kernel_needed(&w->order))
		spec.process = &rights.process;
	monitor_oom_score("0");
	r = rt_exec(&m->box, &spec, &x->pid, ret_fault, err);
	monitor_oom_score("-999");
	kernel_rights_free(&rights);
	if (r < 0)
		return r;
	x->pidfd = r;
	return w->tty ? take_terminal(x, w, err) : 0;
}

static int start(struct monitor *m, struct exec_run *x, yyjson_val *size, bool seen, enum rt_fault *ret_fault,
		 struct err *err)
{
	struct wish w = {.doc = NULL};
	struct ends e = {.fd = {-1, -1, -1}};
	int r = wish_read(m, x->id, &w, err);

	*ret_fault = RT_FAULT_OURS;
	if (r == 0 && (!m->started || m->ended))
		r = err_set(err, ESRCH, "the container does not run");
	if (r == 0) {
		x->flow.tty = w.tty;
		/* The program may ask for it at once. */
		w.rows = (unsigned short)yyjson_get_uint(yyjson_arr_get(size, 0));
		w.cols = (unsigned short)yyjson_get_uint(yyjson_arr_get(size, 1));
		r = w.tty ? 0 : make_pipes(x, &w, seen, &e, err);
	}
	if (r == 0)
		r = run(m, x, &w, &e, ret_fault, err);
	for (int i = 0; i < 3; i++)
		fd_closep(&e.fd[i]);
	wish_free(&w);
	return r;
}

/* As docker has it: the reason goes into the stream, the code says whose fault it is. */
static void fail(struct monitor *m, struct exec_run *x, enum rt_fault fault, const struct err *err, bool raw, int fd)
{
	struct flow_attach how = {.out = true, .stream = true, .raw = raw, .framed = !raw};
	mem_cleanup char *text = mem_printf("%s\r\n", err->text);

	for (int i = 0; i < 2; i++)
		fd_closep(&x->flow.out[i]);
	fd_closep(&x->flow.in);
	/* Nothing of the caller's was run, whosever fault it is: 125 is of `run` alone. */
	x->code = fault == RT_FAULT_NOT_FOUND ? 127 : 126;
	x->error = mem_strdup(err->text);
	remove_file(m, x->id);
	/* Before the client sees the end. */
	tell_all(m, x);
	if (fd >= 0)
		flow_attach(&x->flow, &how, fd);
	if (x->flow.clients)
		flow_client_send(x->flow.clients, 1, text, strlen(text));
	flow_end(&x->flow);
}

static void attach(struct exec_run *x, yyjson_val *v, bool raw, int fd)
{
	struct flow_attach how = {.in = true, .out = true, .err = true, .stream = true, .raw = raw, .framed = !raw};

	monitor_stream_keys(&how.detach, v);
	flow_begin(&x->flow);
	if (fd >= 0)
		flow_attach(&x->flow, &how, fd);
}

void monitor_exec_start(struct monitor *m, yyjson_val *v, int fd)
{
	const char *id = yyjson_get_str(yyjson_obj_get(v, "exec"));
	const bool raw = yyjson_get_bool(yyjson_obj_get(v, "raw"));
	struct exec_run *x = mem_new(struct exec_run);
	enum rt_fault fault;
	struct err err = ERR_INIT;

	*x = (struct exec_run){.next = m->execs, .pidfd = -1, .place = -1, .flow = FLOW_NULL};
	snprintf(x->id, sizeof x->id, "%s", id ? id : "");
	x->flow.in_once = x->flow.holds = true;
	m->execs = x;
	if (start(m, x, yyjson_obj_get(v, "size"), fd >= 0, &fault, &err) < 0) {
		fail(m, x, fault, &err, raw, fd);
		return;
	}
	attach(x, v, raw, fd);
	monitor_stream_size(&x->flow, yyjson_obj_get(v, "size"));
	tell_all(m, x);
}

/* ---- wishes ---- */

static struct exec_run *find(struct monitor *m, yyjson_val *id)
{
	struct exec_run *x = m->execs;

	while (x && !yyjson_equals_str(id, x->id))
		x = x->next;
	return x && x->pidfd >= 0 ? x : NULL;
}

void monitor_exec_size(struct monitor *m, yyjson_val *id, yyjson_val *size)
{
	const struct exec_run *x = find(m, id);

	if (x)
		monitor_stream_size(&x->flow, size);
}

/* ---- turns ---- */

void monitor_exec_poll(struct monitor *m, struct polls *p)
{
	for (struct exec_run *x = m->execs; x; x = x->next) {
		x->place = polls_add(p, x->pidfd, POLLIN);
		flow_poll(&x->flow, p);
	}
}

/* The end is told before the clients see it: who asks then gets the right answer. */
static void collect(struct monitor *m, struct exec_run *x)
{
	int status = 0;

	while (waitpid(x->pid, &status, 0) < 0 && errno == EINTR)
		;
	fd_closep(&x->pidfd);
	x->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	remove_file(m, x->id);
	tell_all(m, x);
	flow_end(&x->flow);
}

static void forget(struct exec_run **at)
{
	struct exec_run *x = *at;

	*at = x->next;
	flow_close(&x->flow);
	free(x->error);
	free(x);
}

void monitor_exec_serve(struct monitor *m, const struct polls *p)
{
	for (struct exec_run **at = &m->execs; *at;) {
		struct exec_run *x = *at;

		flow_serve(&x->flow, p);
		if (polls_got(p, x->place))
			collect(m, x);
		x->place = -1;
		if (x->pidfd < 0 && !x->flow.clients && !somebody_is_behind(m))
			forget(at);
		else
			at = &x->next;
	}
}

void monitor_exec_end(struct monitor *m)
{
	for (struct exec_run *x = m->execs; x; x = x->next) {
		if (x->pidfd < 0)
			continue;
		/* With the container's first process the kernel has ended all of its pid namespace; not all have one. */
		(void)proc_pidfd_signal(x->pidfd, SIGKILL);
		collect(m, x);
	}
	while (m->execs)
		forget(&m->execs);
	(void)fs_remove_tree(m->dir, EXEC_DIR, NULL);
}
