/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/packed.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct packing {
	const struct packed *how;
	int fd, r;
	struct err err;
};

static void *pack(void *ctx)
{
	struct packing *p = ctx;

	p->r = p->how->write(p->how->what, p->fd, &p->err);
	fd_closep(&p->fd);
	return NULL;
}

static int send_it(struct packing *p, struct err *err)
{
	fd_cleanup int from = -1;
	pthread_t thread;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	from = fds[0];
	p->fd = fds[1];
	r = pthread_create(&thread, NULL, pack, p);
	if (r != 0) {
		fd_closep(&p->fd);
		return err_sys(err, r, "start a thread");
	}
	r = p->how->send(p->how->ctx, from, err);
	/* A writer whose bytes nobody wants any more ends by this. */
	fd_closep(&from);
	pthread_join(thread, NULL);
	return r;
}

int packed_send(const struct packed *how, struct err *err)
{
	struct packing p = {.how = how, .fd = -1, .err = ERR_INIT};
	void (*on_pipe)(int) = signal(SIGPIPE, SIG_IGN);
	int r = send_it(&p, err);

	(void)signal(SIGPIPE, on_pipe);
	/* What could not be read is told rather than what came of it. */
	return p.r < 0 && p.r != -EPIPE ? err_set(err, -p.r, "%s", p.err.text) : r;
}
