/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows of zstd: what is larger than usual is opened when it is needed, and large ones take turns.
 */
#include "node/image/tar_stream.h"

#include "base/core/buf.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <zstd.h>

#include <cmocka.h>

#define PIECE 100000u

/* A frame that asks for a window of 1 << log bytes. */
static void add_frame(struct buf *b, int log, char fill)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	mem_cleanup char *data = mem_zalloc(1, PIECE);
	ZSTD_inBuffer in = {.src = data, .size = PIECE};
	ZSTD_EndDirective what = ZSTD_e_continue;
	size_t r = 1;

	memset(data, fill, PIECE);
	assert_non_null(c);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, log);
	/* Not all at the first call: the size is not known then, and the window is not made smaller. */
	while (r > 0 || what == ZSTD_e_continue) {
		char out[1000];
		ZSTD_outBuffer o = {.dst = out, .size = sizeof out};

		what = in.pos < in.size ? ZSTD_e_continue : ZSTD_e_end;
		r = ZSTD_compressStream2(c, &o, &in, what);
		assert_false(ZSTD_isError(r));
		buf_add(b, out, o.pos);
	}
	ZSTD_freeCCtx(c);
}

static int file_of(const struct buf *b)
{
	int fd = memfd_create("frames", MFD_CLOEXEC);

	assert_int_equal(fd_write_all(fd, b->data, b->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static uint64_t read_all(int fd, uint64_t window, int *ret)
{
	const struct tar_stream_limits limits = {.bytes = 1 << 30, .ratio = 1 << 30, .window = window};
	cleanup_with(tar_stream_freep) struct tar_stream *s = NULL;
	const void *data;
	uint64_t sum = 0;
	ssize_t n;

	assert_int_equal(tar_stream_open(fd, &limits, &s, NULL), 0);
	while ((n = tar_stream_next(s, &data)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			sum += ((const unsigned char *)data)[i];
	}
	*ret = (int)n;
	return sum;
}

static void test_frames_with_their_own_windows(void **state)
{
	static const int logs[] = {20, 25, 10, 23, 24, 21, 25};
	struct buf b buf_cleanup = BUF_INIT;
	fd_cleanup int fd = -1;
	uint64_t want = 0;
	int r;

	(void)state;
	for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
		add_frame(&b, logs[i], (char)(i + 1));
		want += (i + 1) * PIECE;
	}
	fd = file_of(&b);
	assert_int_equal(read_all(fd, 0, &r), want);
	assert_int_equal(r, 0);
}

/* The header of a frame comes byte by byte. */
static void test_header_in_pieces(void **state)
{
	struct buf b buf_cleanup = BUF_INIT;
	int pair[2], status, r;
	pid_t pid;

	(void)state;
	add_frame(&b, 20, 1);
	add_frame(&b, 25, 2);
	add_frame(&b, 24, 3);
	/* Packets: a read takes one of them, so it ends where the packet does. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		for (size_t i = 0; i < b.len; i++) {
			if (write(pair[1], b.data + i, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(pair[1]);
	assert_int_equal(read_all(pair[0], 0, &r), 6 * PIECE);
	assert_int_equal(r, 0);
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_limit(void **state)
{
	struct buf b buf_cleanup = BUF_INIT;
	fd_cleanup int fd = -1;
	int r;

	(void)state;
	add_frame(&b, 20, 1);
	add_frame(&b, 24, 1);
	fd = file_of(&b);
	(void)read_all(fd, 8 << 20, &r);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	(void)read_all(fd, 16 << 20, &r);
	assert_int_equal(r, 0);
}

/* Reads all but the end of a stream and stays until its other end closes. */
static _Noreturn void hold(int fd, int windows, int ready)
{
	const struct tar_stream_limits limits = {.bytes = 1 << 30, .ratio = 1 << 30};
	struct tar_stream *s = NULL;
	const void *data;
	char byte = 0;

	tar_stream_share_windows(windows);
	if (tar_stream_open(fd, &limits, &s, NULL) < 0 || tar_stream_next(s, &data) <= 0)
		_exit(1);
	if (write(ready, &byte, 1) != 1)
		_exit(1);
	_exit(read(ready, &byte, 1) != 0);
}

/* What another process, asking for a lock of the type, meets while a stream with such a window is open. */
static short meets(int log, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	fd_cleanup int windows = memfd_create("windows", MFD_CLOEXEC), fd = -1;
	struct buf b buf_cleanup = BUF_INIT;
	int pair[2], status;
	char byte;
	pid_t pid;

	add_frame(&b, log, 1);
	fd = file_of(&b);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		hold(fd, windows, pair[1]);
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	assert_int_equal(fcntl(windows, F_GETLK, &lock), 0);
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return lock.l_type;
}

static void test_large_ones_take_turns(void **state)
{
	(void)state;
	assert_int_equal(meets(21, F_WRLCK), F_UNLCK);
	assert_int_equal(meets(23, F_RDLCK), F_UNLCK);
	assert_int_equal(meets(23, F_WRLCK), F_RDLCK);
	assert_int_equal(meets(25, F_RDLCK), F_WRLCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frames_with_their_own_windows),
	    cmocka_unit_test(test_header_in_pieces),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_large_ones_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
