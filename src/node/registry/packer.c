/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/packer.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/image/packed.h"
#include "node/registry/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20)

struct packer {
	pid_t pid;
	int bytes, word;
};

/* The process's last word; short enough for a pipe to take it whole. */
struct word {
	int r;
	struct compressed c;
	struct err err;
};
_Static_assert(sizeof(struct word) <= 4096, "PIPE_BUF");

static int work(const struct packer_job *j, int fd, struct word *w)
{
	struct sink_fd file;
	struct sink to;
	int r;

	sink_fd_init(&file, fd, "the pipe to the upload");
	to = sink_to_fd(&file);
	switch (j->way) {
	case PACKER_AGAIN:
		return packed_write(j->store, j->diff_hex, j->hex, &to, &w->c, &w->err);
	case PACKER_NEW:
		return packed_new(j->store, j->diff_hex, j->kind, j->level, &to, &w->c, &w->err);
	case PACKER_FETCH:
		break;
	}
	r = registry_fetch_blob(j->from, j->hex, j->size, &to, &w->err);
	snprintf(w->c.hex, sizeof w->c.hex, "%s", j->hex);
	w->c.size = j->size;
	return r;
}

static _Noreturn void child(const struct packer_job *j, int bytes, int word)
{
	struct word w = {.r = 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	w.r = work(j, bytes, &w);
	close(bytes);
	_exit(fd_write_all(word, &w, sizeof w) < 0);
}

int packer_start(const struct packer_job *j, struct packer **ret, struct err *err)
{
	int bytes[2], word[2];
	struct packer *p;
	pid_t pid;

	if (pipe2(bytes, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	if (pipe2(word, O_CLOEXEC) < 0) {
		close(bytes[0]);
		close(bytes[1]);
		return err_sys(err, errno, "pipe");
	}
	(void)fcntl(bytes[0], F_SETPIPE_SZ, PIPE_SIZE);
	pid = fork();
	if (pid == 0) {
		close(bytes[0]);
		close(word[0]);
		child(j, bytes[1], word[1]);
	}
	close(bytes[1]);
	close(word[1]);
	if (pid < 0) {
		close(bytes[0]);
		close(word[0]);
		return err_sys(err, errno, "start a process that packs layer %.12s", j->diff_hex);
	}
	p = mem_new(struct packer);
	*p = (struct packer){.pid = pid, .bytes = bytes[0], .word = word[0]};
	*ret = p;
	return 0;
}

int packer_fd(const struct packer *p)
{
	return p->bytes;
}

void packer_nonblock(struct packer *p)
{
	fd_nonblock(p->bytes);
}

static void reap(struct packer *p)
{
	while (p->pid > 0 && waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
}

int packer_end(struct packer *p, struct compressed *ret, struct err *err)
{
	struct word w;
	char *data = NULL;
	size_t n = 0;
	int r;

	fd_closep(&p->bytes);
	r = fd_read_all(p->word, sizeof w, &data, &n);
	reap(p);
	if (r == 0 && n == sizeof w)
		memcpy(&w, data, sizeof w);
	free(data);
	if (r != 0 || n != sizeof w)
		return err_set(err, EIO, "the process that packed the layer died");
	if (w.r < 0 && err)
		*err = w.err;
	if (w.r >= 0)
		*ret = w.c;
	return w.r < 0 ? w.r : 0;
}

struct packer *packer_free(struct packer *p)
{
	if (!p)
		return NULL;
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
	reap(p);
	fd_closep(&p->bytes);
	fd_closep(&p->word);
	free(p);
	return NULL;
}
