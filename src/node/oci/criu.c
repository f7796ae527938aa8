/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/criu.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "base/wire/protobuf.h"
#include "node/runtime/spawn.h"
#include "node/runtime/cgroup_box.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SAID_MAX 600
#define CHECK_MS 60000
#define MESSAGE_MAX 40960
#define LOG_TAIL (128 << 10)
/* Descriptors are first moved out of the way of the numbers that they get. */
#define SAFE_FD (CRIU_FIRST_FD + CRIU_FDS_MAX)
#define SOCKET_FD 3

enum { REQ_TYPE = 1, REQ_OPTS = 2, REQ_NOTIFY_SUCCESS = 3, RESP_TYPE = 1, RESP_SUCCESS = 2 };
enum { RESP_RESTORE = 4, RESP_NOTIFY = 5, RESP_ERRNO = 7, NOTIFY = 6 };

static const char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					  "LC_ALL=C", NULL};

int criu_find(const char **ret, struct err *err)
{
	static const char *const paths[] = {"/usr/local/sbin/criu", "/usr/sbin/criu", "/usr/bin/criu"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (access(paths[i], X_OK) == 0) {
			*ret = paths[i];
			return 0;
		}
	}
	return err_set(err, ENOTSUP, "checkpoint and restore need the program criu, which is not installed");
}

void criu_add_pair(struct criu *c, enum criu_option option, const char *first, const char *second)
{
	buf_cleanup struct buf m = BUF_INIT;

	pb_text(&m, 1, first);
	pb_text(&m, 2, second);
	pb_message(&c->opts, option, &m);
}

void criu_add_count(struct criu *c, enum criu_option option, const char *first, int second)
{
	buf_cleanup struct buf m = BUF_INIT;

	pb_text(&m, 1, first);
	pb_number(&m, 2, (uint64_t)second);
	pb_message(&c->opts, option, &m);
}

void criu_free(struct criu *c)
{
	buf_free(&c->opts);
}

/* ---- the process ---- */

/* Opened anew, a folder belongs to the mount namespace that we are in now: criu works in it, and mounts there. */
static int reopen(int fd, struct err *err)
{
	char link[40], path[PATH_MAX];
	fd_cleanup int again = -1;
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n < 0 ? 0 : n] = '\0';
	again = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (again < 0 || dup3(again, fd, O_CLOEXEC) < 0)
		return err_sys(err, errno, "open \"%s\" again", path);
	return 0;
}

/* criu wants a root that is a mount, with nothing over it. In a mount namespace of its own that is gone with criu. */
static int make_root(const struct criu *c, struct err *err)
{
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount(c->root, c->place, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(err, errno, "mount \"%s\" on \"%s\"", c->root, c->place);
	r = reopen(c->image_dir, err);
	return r < 0 ? r : reopen(c->log_dir, err);
}

static bool set_descriptors(const struct criu *c, int sock)
{
	int fds[1 + CRIU_FDS_MAX] = {fcntl(sock, F_DUPFD_CLOEXEC, SAFE_FD)};
	int null = c->stdio ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < c->n_fds; i++)
		fds[1 + i] = fcntl(c->fds[i], F_DUPFD_CLOEXEC, SAFE_FD);
	for (int i = 0; i < 3 && !c->stdio; i++) {
		if (null < 0 || dup2(null, i) < 0)
			return false;
	}
	if (proc_close_from(3, true) < 0)
		return false;
	for (size_t i = 0; i <= c->n_fds; i++) {
		if (fds[i] < 0 || dup2(fds[i], SOCKET_FD + (int)i) < 0)
			return false;
	}
	return true;
}

static _Noreturn void exec_criu(const struct criu *c, int sock)
{
	static const char *const args[] = {"criu", "swrk", "3", NULL};

	proc_default_signals();
	if (set_descriptors(c, sock))
		execve(c->path, (char *const *)args, (char *const *)environment);
	_exit(127);
}

static int clone_criu(const struct criu *c, int sock, struct err *err)
{
	pid_t pid = proc_clone(0, -1, NULL);

	if (pid == 0)
		exec_criu(c, sock);
	return pid < 0 ? err_sys(err, -pid, "start %s", c->path) : pid;
}

/* We are back in our own mount namespace before anything else happens: hooks belong there. */
static int start(const struct criu *c, int sock, struct err *err)
{
	fd_cleanup int ns = -1, cwd = -1;
	int r;

	if (!c->root)
		return clone_criu(c, sock, err);
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ns < 0 || cwd < 0)
		return err_sys(err, errno, "keep our mount namespace and folder");
	r = make_root(c, err);
	if (r == 0)
		r = clone_criu(c, sock, err);
	if (setns(ns, CLONE_NEWNS) < 0 || fchdir(cwd) < 0) {
		if (r > 0)
			(void)kill(r, SIGKILL);
		return err_sys(err, errno, "go back to our mount namespace");
	}
	return r;
}

/* The path of its cgroups is where what it restores goes (cg_root), as the kernel names them. */
static int add_cgroup_roots(struct criu *c, pid_t pid, struct err *err)
{
	char path[40];
	mem_cleanup char *text = NULL;
	fd_cleanup int fd = -1;
	char *rest, *line;
	size_t n;
	int r;

	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : fd_read_all(fd, MESSAGE_MAX, &text, &n);
	if (r < 0)
		return err_sys(err, -r, "read %s", path);
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *controllers = strchr(line, ':'), *dir = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!dir)
			continue;
		*dir++ = '\0';
		criu_add_pair(c, CRIU_CG_ROOT, controllers + 1, dir);
	}
	return 0;
}

static int enter_cgroup(struct criu *c, pid_t pid, struct err *err)
{
	int r = cgroup_box_enter(c->cgroup, pid, "", err);

	return r < 0 ? r : add_cgroup_roots(c, pid, err);
}

/* ---- the conversation ---- */

static int send_request(const struct criu *c, int sock, enum criu_request request, struct err *err)
{
	buf_cleanup struct buf m = BUF_LIMIT(MESSAGE_MAX);

	pb_number(&m, REQ_TYPE, request);
	pb_message(&m, REQ_OPTS, &c->opts);
	if (m.full || c->opts.full)
		return err_set(err, E2BIG, "too much to say to criu at once: %zu bytes are possible",
			       (size_t)MESSAGE_MAX);
	return send(sock, m.data, m.len, MSG_NOSIGNAL) < 0 ? err_sys(err, errno, "write to criu") : 0;
}

static int answer(int sock, bool good, struct err *err)
{
	buf_cleanup struct buf m = BUF_INIT;

	pb_number(&m, REQ_TYPE, NOTIFY);
	pb_number(&m, REQ_NOTIFY_SUCCESS, good);
	return send(sock, m.data, m.len, MSG_NOSIGNAL) < 0 ? err_sys(err, errno, "write to criu") : 0;
}

struct reply {
	uint64_t type, success, number, pid; /* number: an errno */
	char what[64];			     /* of a notification */
};

static int read_inner(const struct pb_field *outer, struct reply *reply)
{
	const char *at = outer->text, *end = outer->text ? outer->text + outer->n : NULL;
	struct pb_field f;
	int r;

	while ((r = pb_next(&at, end, &f)) > 0) {
		if (!f.text)
			reply->pid = f.number;
		else if (f.n < sizeof reply->what)
			memcpy(reply->what, f.text, f.n);
	}
	return r;
}

static int read_reply(const char *at, size_t n, struct reply *reply)
{
	const char *end = at + n;
	struct pb_field f;
	int r;

	while ((r = pb_next(&at, end, &f)) > 0) {
		if (f.field == RESP_TYPE)
			reply->type = f.number;
		else if (f.field == RESP_SUCCESS)
			reply->success = f.number;
		else if (f.field == RESP_ERRNO)
			reply->number = f.number;
		else if (f.field == RESP_RESTORE || f.field == RESP_NOTIFY)
			r = read_inner(&f, reply);
		if (r < 0)
			return r;
	}
	return r;
}

static int receive(int sock, struct reply *reply, int *fd, struct err *err)
{
	char data[MESSAGE_MAX];
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	ssize_t n = fd_recv_msg(sock, data, sizeof data, fds, &n_fds);

	*fd = n_fds > 0 ? fds[0] : -1;
	for (size_t i = 1; i < n_fds; i++)
		close(fds[i]);
	if (n < 0)
		return err_sys(err, (int)-n, "read from criu");
	*reply = (struct reply){.what = ""};
	if (n == 0)
		return err_set(err, EIO, "criu ended");
	return read_reply(data, (size_t)n, reply) < 0 ? err_set(err, EIO, "what criu says cannot be understood") : 0;
}

/* Until it says that it is done. What our side says about a notification goes before what criu makes of it. */
static int converse(const struct criu *c, int sock, pid_t *ret_pid, struct err *err)
{
	struct err ours = ERR_INIT;
	struct reply reply;
	int fd, r, failed = 0;

	for (;;) {
		r = receive(sock, &reply, &fd, failed ? NULL : err);
		if (r < 0 || reply.type != NOTIFY)
			break;
		if (!failed && c->notify)
			failed = c->notify(c->ctx, reply.what, (pid_t)reply.pid, fd, &ours);
		else
			fd_closep(&fd);
		r = answer(sock, failed == 0, failed ? NULL : err);
		if (r < 0)
			break;
	}
	if (failed)
		return err_set(err, -failed, "%s", ours.text);
	if (r < 0)
		return r;
	fd_closep(&fd);
	if (!reply.success)
		return err_set(err, EIO, "criu failed%s%s", reply.number ? ": " : "",
			       reply.number ? strerror((int)reply.number) : "");
	*ret_pid = (pid_t)reply.pid;
	return 0;
}

/* ---- why it failed ---- */

/* The first error at the end of the log is the cause; the others follow from it. */
static bool explain_by_log(const struct criu *c, struct err *err)
{
	fd_cleanup int fd = openat(c->log_dir, c->log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	mem_cleanup char *text = NULL;
	char *found;
	struct stat st;
	size_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || (st.st_size > LOG_TAIL && lseek(fd, -LOG_TAIL, SEEK_END) < 0) ||
	    fd_read_all(fd, 2 * LOG_TAIL, &text, &n) < 0)
		return false;
	found = strstr(text, "Error (");
	if (!found)
		return false;
	found[strcspn(found, "\n")] = '\0';
	(void)err_wrap(err, "%.600s (%s)", found, c->log);
	return true;
}

static void explain_by_check(const struct criu *c, struct err *err)
{
	static const char *const args[] = {"criu", "check", NULL};
	buf_cleanup struct buf said = BUF_LIMIT(SAID_MAX);
	const struct spawn s = {.path = c->path,
				.args = (char *const *)args,
				.env = (char *const *)environment,
				.timeout_ms = CHECK_MS,
				.out = &said};
	int r = spawn_run(&s, NULL);

	while (said.len > 0 && said.data[said.len - 1] == '\n')
		said.data[--said.len] = '\0';
	if (r > 0)
		(void)err_wrap(err, "criu cannot work on this machine (criu check): %s", buf_str(&said));
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status;
}

int criu_run(struct criu *c, enum criu_request request, pid_t *ret_pid, struct err *err)
{
	struct err why = ERR_INIT;
	fd_cleanup int ours = -1, its = -1;
	int pair[2], r, status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a socket pair");
	ours = pair[0];
	its = pair[1];
	pid = start(c, its, err);
	if (pid < 0)
		return pid;
	fd_closep(&its);
	r = c->cgroup ? enter_cgroup(c, pid, &why) : 0;
	if (r == 0)
		r = send_request(c, ours, request, &why);
	if (r == 0)
		r = converse(c, ours, ret_pid, &why);
	fd_closep(&ours);
	status = wait_for(pid);
	if (r == 0 && request != CRIU_RESTORE && status != 0)
		r = err_set(&why, EIO, "criu failed after its work");
	if (r == -EIO && !explain_by_log(c, &why))
		explain_by_check(c, &why);
	return r < 0 ? err_set(err, -r, "%s", why.text) : 0;
}
