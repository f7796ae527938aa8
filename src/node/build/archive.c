/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker is a fork of ours with one thread. It says in a struct through a pipe how it went; a worker that says nothing was killed.
 */
#include "node/build/archive.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/image.h"
#include "node/image/tar_stream.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define BLOCK 512

struct verdict {
	int code;  /* 0 unpacked, > 0 an errno */
	int other; /* it is no tar */
	char text[ERR_TEXT_MAX];
};

/* POSIX ustar: the sum of the bytes of a header with its own eight counted as blanks; all tars have it. */
static bool is_header(const unsigned char *p)
{
	unsigned long sum = 0, said;
	char text[9] = "";

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	memcpy(text, p + 148, 8);
	said = strtoul(text, NULL, 8);
	return said == sum && *p;
}

enum archive_kind archive_look(int fd, const char **ret_name)
{
	unsigned char p[BLOCK] = {0};
	ssize_t n = pread(fd, p, sizeof p, 0);

	if (n >= 6 && !memcmp(p,
			      "\xfd"
			      "7zXZ",
			      5))
		*ret_name = "xz";
	else if (n >= 4 && !memcmp(p, "BZh", 3))
		*ret_name = "bzip2";
	else if (n >= 4 && (!memcmp(p, "\x1f\x8b\x08", 3) || !memcmp(p, "\x28\xb5\x2f\xfd", 4)))
		return ARCHIVE_PACKED;
	else
		return n == BLOCK && is_header(p) ? ARCHIVE_TAR : ARCHIVE_NONE;
	return ARCHIVE_FOREIGN;
}

/* Whether the uncompressed bytes begin as a tar; in the worker, because they are decompressed for it. */
static bool looks_like_tar(int fd)
{
	const struct tar_stream_limits limits = {.bytes = 1u << 20, .ratio = 10000};
	cleanup_with(tar_stream_freep) struct tar_stream *s = NULL;
	unsigned char block[BLOCK];
	size_t have = 0;

	if (tar_stream_open(fd, &limits, &s, NULL) < 0)
		return false;
	while (have < BLOCK) {
		const void *data;
		ssize_t n = tar_stream_next(s, &data);

		if (n <= 0)
			return false;
		n = (size_t)n < BLOCK - have ? n : (ssize_t)(BLOCK - have);
		memcpy(block + have, data, (size_t)n);
		have += (size_t)n;
	}
	return is_header(block);
}

static _Noreturn void work(int fd, int dir, int out)
{
	const struct image_limits limits = {.any_files = true};
	struct err err = ERR_INIT;
	struct verdict v = {0};
	struct image_unpacked found;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGINT, SIG_IGN);
	r = image_worker_confine(dir, &err);
	if (r == 0 && !looks_like_tar(fd))
		v.other = 1;
	else if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = err_sys(&err, errno, "read the archive again");
	else if (r == 0)
		r = image_unpack(fd, dir, &limits, &found, &err);
	v.code = -r;
	memcpy(v.text, err.text, sizeof v.text);
	_exit(fd_write_all(out, &v, sizeof v) < 0);
}

static int collect(pid_t pid, int in, struct err *err)
{
	struct verdict v = {0};
	size_t have = 0;
	ssize_t n;

	while (have < sizeof v && (n = read(in, (char *)&v + have, sizeof v - have)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		have += n > 0 ? (size_t)n : 0;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (have < sizeof v)
		return err_set(err, EIO, "the process that unpacks the archive was killed");
	v.text[sizeof v.text - 1] = '\0';
	if (v.code)
		return err_set(err, v.code > 0 ? v.code : EIO, "%s", v.text);
	return v.other ? ARCHIVE_OTHER : ARCHIVE_UNPACKED;
}

int archive_unpack(int fd, int dir, struct err *err)
{
	fd_cleanup int in = -1, out = -1;
	int fds[2];
	pid_t pid;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read the archive");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	in = fds[0];
	out = fds[1];
	pid = fork();
	if (pid == 0)
		work(fd, dir, out);
	if (pid < 0)
		return err_sys(err, errno, "start the process that unpacks the archive");
	fd_closep(&out);
	return collect(pid, in, err);
}
