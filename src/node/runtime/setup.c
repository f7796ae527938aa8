/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/setup.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/bundle.h"
#include "node/runtime/rootless.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int setup_run(struct setup *s, const struct step *steps, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = steps[i].run(s, err);

		timing_mark(TIMING_CHILD, steps[i].what);
		if (r < 0)
			return steps[i].what ? err_wrap(err, "%s", steps[i].what) : r;
	}
	return 0;
}

static size_t setup_n_mounts(const struct rt_spec *spec)
{
	return spec->box ? spec->box->n_mounts : spec->n_mounts;
}

bool setup_has_init(const struct rt_spec *spec)
{
	return spec->box ? spec->box->init : !spec->no_init;
}

struct setup *setup_new(const struct rt_spec *spec)
{
	struct setup *s = mem_new(struct setup);
	size_t n = setup_n_mounts(spec);

	s->spec = spec;
	s->idmap = s->root = s->talk = s->talk_parent = s->status[0] = s->status[1] = -1;
	s->proc = s->sys = s->dev = s->cgroup = s->cwd = -1;
	s->terminal = -1;
	for (size_t i = 0; i < CGROUP_TREES; i++)
		s->shown[i] = -1;
	s->borrows = spec->user_namespace || rootless_inside();
	s->volumes = n ? mem_new_n(int, n) : NULL;
	for (size_t i = 0; i < n; i++)
		s->volumes[i] = -1;
	return s;
}

struct setup *setup_free(struct setup *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < setup_n_mounts(s->spec); i++)
		fd_closep(&s->volumes[i]);
	for (size_t i = 0; i < 2; i++)
		fd_closep(&s->status[i]);
	fd_closep(&s->idmap);
	fd_closep(&s->root);
	fd_closep(&s->talk);
	fd_closep(&s->talk_parent);
	fd_closep(&s->proc);
	fd_closep(&s->sys);
	fd_closep(&s->dev);
	fd_closep(&s->cgroup);
	cgroup_close_doors(&s->doors);
	for (size_t i = 0; i < CGROUP_TREES; i++)
		fd_closep(&s->shown[i]);
	fd_closep(&s->cwd);
	fd_closep(&s->terminal);
	for (size_t i = 0; s->nodes && i < bundle_n_devices(s->spec->box); i++)
		fd_closep(&s->nodes[i]);
	free(s->nodes);
	free(s->volumes);
	free(s);
	return NULL;
}

int setup_open_channels(struct setup *s, struct err *err)
{
	int pair[2];

	/* Packets: a failure is one message, and the end of the channel is the end of all who could still fail. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "open a channel");
	s->talk_parent = pair[0];
	s->talk = pair[1];
	if (setup_has_init(s->spec) && pipe2(s->status, O_CLOEXEC) < 0)
		return err_sys(err, errno, "open a pipe");
	return 0;
}

int setup_keep(int *const *fds, size_t n, int first, struct err *err)
{
	int to = first, r;

	/* Out of each other's way first. */
	for (size_t i = 0; i < n; i++) {
		if (*fds[i] >= 0)
			*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, first + (int)n);
		else
			continue;
		if (*fds[i] < 0)
			return err_sys(err, errno, "move a descriptor");
	}
	for (size_t i = 0; i < n; i++) {
		if (*fds[i] < 0)
			continue;
		if (dup3(*fds[i], to, O_CLOEXEC) < 0)
			return err_sys(err, errno, "move a descriptor");
		*fds[i] = to++;
	}
	r = proc_close_from((unsigned)to, false);
	return r < 0 ? err_sys(err, -r, "close descriptors") : 0;
}

int setup_say(struct setup *s, const char *word, struct err *err)
{
	/* A child that has failed already has closed its end: its own words, which come next, are better than ours. */
	if (send(s->talk_parent, word, 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return err_sys(err, errno, "release the new process");
	return 0;
}

void setup_tell_failure(int talk, enum rt_fault fault, const struct err *err)
{
	struct setup_message m = {.type = SETUP_FAILED, .fault = (int32_t)fault, .code = err->code ? err->code : EIO};

	snprintf(m.text, sizeof m.text, "%.*s", (int)sizeof m.text - 1, err->text);
	(void)send(talk, &m, sizeof m, MSG_NOSIGNAL);
}

int setup_tell(int talk, enum setup_message_type type, int fd, struct err *err)
{
	struct setup_message m = {.type = (int32_t)type};
	int r = fd_send_msg(talk, &m, sizeof m, &fd, fd >= 0 ? 1 : 0);

	return r < 0 ? err_sys(err, -r, "speak to the parent") : 0;
}

int setup_receive(int talk, struct setup_message *ret, int *ret_fd, struct err *err)
{
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	ssize_t n;

	*ret_fd = -1;
	/* ECONNRESET comes once, before what was said last: the other end has gone without reading a word of ours. */
	do {
		n = fd_recv_msg(talk, ret, sizeof *ret, fds, &n_fds);
	} while (n == -EINTR || n == -ECONNRESET);
	for (size_t i = 1; n > 0 && i < n_fds; i++)
		close(fds[i]);
	if (n == 0)
		return 0;
	if (n < 0)
		return err_sys(err, (int)-n, "hear from the new process");
	if (n_fds > 0)
		*ret_fd = fds[0];
	if (n == sizeof *ret && ret->type >= SETUP_FAILED && ret->type <= SETUP_RUNNING)
		return ret->type;
	fd_closep(ret_fd);
	return err_set(err, EPROTO, "the new process said something that cannot be understood");
}

int setup_failed(const struct setup_message *m, enum rt_fault *ret_fault, struct err *err)
{
	*ret_fault = (enum rt_fault)m->fault;
	return err_set(err, m->code > 0 ? m->code : EPROTO, "%.*s", (int)sizeof m->text - 1, m->text);
}

int setup_hear(int talk, int *ret_terminal, enum rt_fault *ret_fault, struct err *err)
{
	int running = 0;

	for (;;) {
		struct setup_message m;
		fd_cleanup int fd = -1;
		int r = setup_receive(talk, &m, &fd, err);

		if (r == 0)
			return running;
		if (r == SETUP_RUNNING) {
			running = 1;
			continue;
		}
		*ret_fault = RT_FAULT_OURS;
		if (r < 0)
			return r;
		if (r == SETUP_FAILED)
			return setup_failed(&m, ret_fault, err);
		if (r != SETUP_TERMINAL || !ret_terminal || fd < 0)
			return err_set(err, EPROTO, "the new process said something unexpected");
		fd_closep(ret_terminal);
		*ret_terminal = fd_take(&fd);
	}
}
