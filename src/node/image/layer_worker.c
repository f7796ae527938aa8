/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/layer_worker.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "base/wire/json.h"
#include "node/image/gunzip.h"
#include "node/image/layer.h"
#include "node/image/tar_stream.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ANSWER_MAX 8192u
#define PIPE_SIZE (1 << 20)

static int windows_fd = -1; /* tar_stream_share_windows(), made with the first worker */

/* The counts of struct image_unpacked by their names in the answer. */
static const struct {
	const char *key;
	size_t at;
} counts[] = {
    {"tar_size", offsetof(struct image_unpacked, tar_size)},
    {"files", offsetof(struct image_unpacked, n_files)},
    {"special", offsetof(struct image_unpacked, n_special_skipped)},
    {"owners", offsetof(struct image_unpacked, n_owners_lost)},
    {"xattrs", offsetof(struct image_unpacked, n_xattrs_dropped)},
    {"packed_size", offsetof(struct image_unpacked, packed_size)},
};
#define N_COUNTS (sizeof counts / sizeof *counts)

/* ---- in the worker ---- */

static void answer_text(struct buf *b, const struct image_unpacked *u, int r, const struct err *err)
{
	if (r < 0) {
		buf_adds(b, "{\"error\":");
		json_quote(b, err->text, strlen(err->text));
		buf_printf(b, ",\"code\":%d}", -r);
		return;
	}
	buf_printf(b, "{\"diff_id\":\"%s\",\"packed\":\"%s\",\"opaque\":%s", u->diff_id, u->packed,
		   u->opaque ? "true" : "false");
	for (size_t i = 0; i < N_COUNTS; i++)
		buf_printf(b, ",\"%s\":%" PRIu64, counts[i].key, *(const uint64_t *)((const char *)u + counts[i].at));
	buf_adds(b, "}");
}

/* 0 = the bytes, 1 = the answer, 3 = the directory, 4 = what all workers of this process lock. Copies first, so that none is overwritten before
 * it was moved. */
static int take_descriptors(int in, int answer, int dir)
{
	int copies[3] = {fcntl(in, F_DUPFD, 10), fcntl(answer, F_DUPFD, 10), fcntl(dir, F_DUPFD, 10)};
	int windows = fcntl(windows_fd, F_DUPFD, 10);

	if (copies[0] < 0 || copies[1] < 0 || copies[2] < 0 || dup2(copies[0], 0) < 0 || dup2(copies[1], 1) < 0 ||
	    dup2(copies[2], 3) < 0)
		return -errno;
	tar_stream_share_windows(windows < 0 ? -1 : dup2(windows, 4));
	return proc_close_from(windows < 0 ? 4 : 5, 0);
}

/* Ends with the process that it works for: what it makes is garbage then. */
static void die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
}

static _Noreturn void work(int in, int answer, int dir, const struct image_limits *limits, pid_t parent)
{
	struct buf text = BUF_LIMIT(ANSWER_MAX);
	struct image_unpacked u = {.tar_size = 0};
	struct err err = ERR_INIT;
	int r;

	die_with(parent);
	proc_default_signals();
	r = take_descriptors(in, answer, dir);
	if (r < 0)
		_exit(1);
	(void)prctl(PR_SET_NAME, "berth-layer", 0, 0, 0);
	r = image_worker_confine(3, &err);
	if (r == 0)
		r = image_unpack_layer(0, 3, limits, &u, &err);
	answer_text(&text, &u, r, &err);
	_exit(fd_write_all(1, text.data, text.len) < 0);
}

/* ---- beside it ---- */

int layer_worker_start(int tmp_dir, const struct image_limits *limits, int *ret_in, int *ret_answer, pid_t *ret_pid,
		       struct err *err)
{
	int in[2], answer[2];
	pid_t parent = getpid(), pid;

	if (pipe2(in, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe for a layer");
	if (pipe2(answer, O_CLOEXEC) < 0) {
		close(in[0]);
		close(in[1]);
		return err_sys(err, errno, "make a pipe for the unpacker");
	}
	(void)fcntl(in[1], F_SETPIPE_SZ, PIPE_SIZE);
	gunzip_load();
	if (windows_fd < 0)
		windows_fd = memfd_create("berth-windows", MFD_CLOEXEC);
	pid = fork();
	if (pid == 0)
		work(in[0], answer[1], tmp_dir, limits, parent);
	close(in[0]);
	close(answer[1]);
	if (pid < 0 || fd_nonblock(in[1]) < 0) {
		int code = errno;

		close(in[1]);
		layer_worker_kill(&answer[0], &pid);
		return err_sys(err, code, "start an unpacker");
	}
	*ret_in = in[1];
	*ret_answer = answer[0];
	*ret_pid = pid;
	return 0;
}

static int parse_counts(yyjson_val *v, struct image_unpacked *u, struct err *err)
{
	for (size_t i = 0; i < N_COUNTS; i++) {
		int64_t n;
		int r = json_get_int(v, counts[i].key, 0, INT64_MAX, &n, err);

		if (r < 0)
			return r;
		*(uint64_t *)((char *)u + counts[i].at) = (uint64_t)n;
	}
	return 0;
}

static int parse_answer(yyjson_val *v, struct image_unpacked *u, struct err *err)
{
	const char *why = NULL, *diff = NULL, *packed = NULL;
	int64_t code = EIO;
	int r = json_opt_str(v, "error", &why, err);

	if (r == 0 && why)
		r = json_opt_int(v, "code", 1, 4095, &code, err);
	if (r == 0 && why)
		return err_set(err, (int)code, "%s", why);
	if (r == 0)
		r = json_get_str(v, "diff_id", &diff, err);
	if (r == 0)
		r = json_get_str(v, "packed", &packed, err);
	if (r == 0)
		r = json_opt_bool(v, "opaque", &u->opaque, err);
	if (r < 0)
		return r;
	snprintf(u->diff_id, sizeof u->diff_id, "%s", diff);
	snprintf(u->packed, sizeof u->packed, "%s", packed);
	return parse_counts(v, u, err);
}

static int died(int status, struct err *err)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return err_set(err, EIO, "its unpacker was killed; perhaps the machine has no memory left");
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "its unpacker died of signal %d", WTERMSIG(status));
	return err_set(err, EIO, "its unpacker ended without an answer");
}

static int wait_for(pid_t *pid)
{
	int status = 0;

	while (waitpid(*pid, &status, 0) < 0 && errno == EINTR)
		;
	*pid = -1;
	return status;
}

int layer_worker_end(int *answer, pid_t *pid, struct image_unpacked *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct image_unpacked u = {.tar_size = 0};
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int status, r;

	if (*pid < 0)
		return err_set(err, EINVAL, "there is no unpacker to wait for");
	r = fd_read_all(*answer, ANSWER_MAX, &text, &n);
	fd_closep(answer);
	status = wait_for(pid);
	if (r < 0)
		return err_sys(err, -r, "read the unpacker's answer");
	if (n == 0)
		return died(status, err);
	doc = json_parse(text, n, ANSWER_MAX, "the unpacker's answer", err);
	if (!doc)
		return err ? -err->code : -EINVAL;
	r = parse_answer(yyjson_doc_get_root(doc), &u, err);
	if (r == 0)
		*ret = u;
	return r;
}

void layer_worker_kill(int *answer, pid_t *pid)
{
	fd_closep(answer);
	if (*pid <= 0)
		return;
	(void)kill(*pid, SIGKILL);
	(void)wait_for(pid);
}
