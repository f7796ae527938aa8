/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's half of launcher.h: starts the launcher process, sends to it, starts it again.
 */
#include "node/engine/launcher.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/self_exe.h"
#include "base/core/guard.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define QUEUE_MAX 100000
#define SOCK_AT 3
#define DATA_AT 4
#define LOCK_AT 5
/* A launcher that ends this soon, so often in a row, cannot work at all. */
#define SHORT_LIFE_MS 1000
#define SHORT_LIVES_MAX 5
/* Room in the argument area that children turn into their names. */
#define TITLE_ROOM 96

struct message {
	struct message *next;
	size_t n, n_fds;
	int fds[FD_MSG_MAX];
	char data[];
};

struct launcher {
	char *data_dir;
	int data_fd, lock_fd, exe_fd, sock;
	pid_t pid;
	int64_t born_ms;
	unsigned short_lives, netns_pool;
	enum uplink_kind uplink;
	struct loop *loop;
	struct loop_fd *watch;
	struct message *first, **last;
	size_t n_queued;
};

static int open_self(void)
{
	int fd = RT_GUARD(R1) ? self_exe_open() : -ENOTSUP;

	if (fd >= 0)
		return fd;
	log_warning("the launcher runs from the program file itself; no read-only view of it could be made: %s",
		    strerror(-fd));
	fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Between fork and exec: system calls only. */
static _Noreturn void exec_launcher(const struct launcher *l, int sock, char *const *argv)
{
	char *const env[] = {NULL};
	int lock = l->lock_fd < 0 ? -1 : fcntl(l->lock_fd, F_DUPFD_CLOEXEC, 10);
	int exe = fcntl(l->exe_fd, F_DUPFD_CLOEXEC, 10);
	int data = fcntl(l->data_fd, F_DUPFD_CLOEXEC, 10);

	sock = fcntl(sock, F_DUPFD_CLOEXEC, 10);
	if (sock < 0 || exe < 0 || data < 0 || dup2(sock, SOCK_AT) < 0 || dup2(data, DATA_AT) < 0 ||
	    (lock >= 0 && dup2(lock, LOCK_AT) < 0))
		_exit(125);
	execveat(exe, "", argv, guard_env(env), AT_EMPTY_PATH);
	_exit(125);
}

static int spawn(struct launcher *l, struct err *err)
{
	char name[] = "berth-launcher", sock[16], data[16], lock[16], pool[16], uplink[16], room[TITLE_ROOM + 1];
	char *argv[] = {name, l->data_dir, sock, data, lock, pool, uplink, room, NULL};
	int pair[2];
	pid_t pid;

	snprintf(room, sizeof room, "%*s", TITLE_ROOM, "");
	snprintf(sock, sizeof sock, "%d", SOCK_AT);
	snprintf(data, sizeof data, "%d", DATA_AT);
	snprintf(pool, sizeof pool, "%u", l->netns_pool);
	snprintf(uplink, sizeof uplink, "%d", (int)l->uplink);
	snprintf(lock, sizeof lock, "%d", l->lock_fd < 0 ? -1 : LOCK_AT);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "start the launcher: make a socket pair");
	pid = fork();
	if (pid == 0)
		exec_launcher(l, pair[1], argv);
	close(pair[1]);
	if (pid < 0) {
		int code = errno;

		close(pair[0]);
		return err_sys(err, code, "start the launcher: fork");
	}
	l->pid = pid;
	l->born_ms = clock_mono_ms();
	l->sock = pair[0];
	return 0;
}

int launcher_start(const char *data_dir, int lock_fd, unsigned netns_pool, enum uplink_kind uplink,
		   struct launcher **ret, struct err *err)
{
	struct launcher *l = mem_new(struct launcher);
	int r;

	*l = (struct launcher){
	    .data_dir = mem_strdup(data_dir), .data_fd = -1, .lock_fd = lock_fd, .sock = -1, .last = &l->first};
	l->netns_pool = netns_pool;
	l->uplink = uplink;
	l->exe_fd = open_self();
	l->data_fd = fs_mkdirs(data_dir, 0700, err);
	if (l->data_fd < 0)
		r = l->data_fd;
	else
		r = l->exe_fd < 0 ? err_sys(err, -l->exe_fd, "open /proc/self/exe") : spawn(l, err);
	if (r < 0) {
		launcher_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void message_free(struct message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		close(m->fds[i]);
	free(m);
}

static void drop_queue(struct launcher *l)
{
	while (l->first) {
		struct message *m = l->first;

		l->first = m->next;
		message_free(m);
	}
	l->last = &l->first;
	l->n_queued = 0;
}

static void reap(struct launcher *l)
{
	while (l->pid > 0 && waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
		;
	l->pid = 0;
}

void launcher_detach(struct launcher *l)
{
	l->watch = loop_fd_free(l->watch);
	l->loop = NULL;
}

struct launcher *launcher_free(struct launcher *l)
{
	if (!l)
		return NULL;
	launcher_detach(l);
	drop_queue(l);
	/* The end of the connection tells it to go. */
	fd_closep(&l->sock);
	reap(l);
	fd_closep(&l->exe_fd);
	fd_closep(&l->data_fd);
	free(l->data_dir);
	free(l);
	return NULL;
}

pid_t launcher_pid(const struct launcher *l)
{
	return l->pid;
}

static void on_socket(void *ctx, int events);

static int watch(struct launcher *l, struct err *err)
{
	int r = fd_nonblock(l->sock);

	if (r < 0)
		return err_sys(err, -r, "launcher");
	return loop_fd_new(l->loop, l->sock, LOOP_IN, on_socket, l, &l->watch, err);
}

/* 0 = sent, 1 = later, or -errno: the launcher is gone. */
static int try_send(struct launcher *l, const struct message *m)
{
	int r = fd_send_msg(l->sock, m->data, m->n, m->fds, m->n_fds);

	/* ETOOMANYREFS: more descriptors are on their way than the kernel allows; the launcher is taking them off. */
	return r == -EAGAIN || r == -ETOOMANYREFS || r == -ENOBUFS ? 1 : r;
}

static int flush(struct launcher *l)
{
	while (l->first) {
		struct message *m = l->first;
		int r = try_send(l, m);

		if (r != 0)
			return r;
		l->first = m->next;
		if (!l->first)
			l->last = &l->first;
		l->n_queued--;
		message_free(m);
	}
	return 0;
}

static void give_up(struct launcher *l, const struct err *err)
{
	log_err(err, "the launcher ended and could not be started again");
	drop_queue(l);
}

static void restart(struct launcher *l)
{
	struct err err = ERR_INIT;

	l->watch = loop_fd_free(l->watch);
	fd_closep(&l->sock);
	reap(l);
	l->short_lives = clock_mono_ms() - l->born_ms < SHORT_LIFE_MS ? l->short_lives + 1 : 0;
	if (l->short_lives > SHORT_LIVES_MAX) {
		err_set(&err, EPIPE, "it ended %d times within a second of its start", SHORT_LIVES_MAX);
		give_up(l, &err);
	} else if (spawn(l, &err) < 0 || watch(l, &err) < 0) {
		give_up(l, &err);
	} else {
		log_warning("the launcher ended and was started again as process %d", (int)l->pid);
	}
}

static void on_socket(void *ctx, int events)
{
	struct launcher *l = ctx;
	int r = 0;

	/* It never sends: readable means it is gone. */
	if (events & LOOP_IN) {
		restart(l);
		if (l->sock < 0)
			return;
	}
	r = flush(l);
	if (l->watch)
		loop_fd_set(l->watch, r == 1 ? LOOP_IN | LOOP_OUT : LOOP_IN);
}

int launcher_attach(struct launcher *l, struct loop *loop, struct err *err)
{
	l->loop = loop;
	return watch(l, err);
}

static struct message *make_message(enum launcher_type type, const char *const *args, const int *fds, size_t n_fds)
{
	struct message *m;
	size_t n = 1;

	for (size_t i = 0; args && args[i]; i++)
		n += strlen(args[i]) + 1;
	m = mem_zalloc(1, sizeof *m + n);
	m->n = n;
	m->n_fds = n_fds;
	if (n_fds > 0)
		memcpy(m->fds, fds, n_fds * sizeof *fds);
	m->data[0] = (char)type;
	n = 1;
	for (size_t i = 0; args && args[i]; i++) {
		size_t len = strlen(args[i]) + 1;

		memcpy(m->data + n, args[i], len);
		n += len;
	}
	return m;
}

int launcher_send(struct launcher *l, enum launcher_type type, const char *const *args, const int *fds, size_t n_fds,
		  struct err *err)
{
	struct message *m = make_message(type, args, fds, n_fds);
	int r = 1;

	/* After it was given up: the reason may be gone. */
	if (l->sock < 0 && l->loop && spawn(l, NULL) == 0)
		(void)watch(l, NULL);
	if (m->n > LAUNCHER_MSG_MAX)
		r = err_set(err, E2BIG, "%zu bytes are too long for the launcher", m->n);
	else if (l->sock < 0)
		r = err_set(err, EPIPE, "the launcher is gone");
	else if (l->n_queued >= QUEUE_MAX)
		r = err_set(err, EBUSY, "the launcher has %zu requests waiting", l->n_queued);
	else if (!l->first)
		r = try_send(l, m);
	/* A dead launcher is noticed by the loop, replaced there, and gets the message then. */
	if (r == -EPIPE && l->sock >= 0)
		r = 1;
	if (r != 1) {
		message_free(m);
		return r < 0 && err && !err->code ? err_sys(err, -r, "ask the launcher") : r;
	}
	*l->last = m;
	l->last = &m->next;
	l->n_queued++;
	if (l->watch)
		loop_fd_set(l->watch, LOOP_IN | LOOP_OUT);
	return 0;
}
