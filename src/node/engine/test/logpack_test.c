/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotated files of a log are packed, by and by, and read as if they were not.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/logpack.h"
#include "node/engine/logread.h"
#include "node/image/zblock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_SIZE (200u << 10)

static char dir_name[] = "/tmp/berth-logpack-XXXXXX";
static int dir;
static struct logfile l;
static struct logpack p;
static unsigned line;

static void begin(void)
{
	logfile_init(&l, dir, FILE_SIZE, 4);
	logfile_resume(&l);
	logpack_init(&p, &l, true);
}

static int setup(void **state)
{
	(void)state;
	memset(dir_name + sizeof dir_name - 7, 'X', 6);
	assert_non_null(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	line = 0;
	begin();
	return dir < 0;
}

static int teardown(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	(void)state;
	logpack_close(&p);
	logfile_close(&l);
	close(dir);
	r = fs_remove_tree(tmp, dir_name + 5, NULL);
	close(tmp);
	return r;
}

/* Lines until the log has been rotated n times more. */
static void rotate(unsigned n)
{
	uint32_t until = l.generation + n;

	while (l.generation != until) {
		char text[64];
		int len = snprintf(text, sizeof text, "this is line %u of a log\n", line++);

		logfile_write(&l, 1, line, text, (size_t)len);
	}
}

static void pack_all(void)
{
	while (logpack_due(&p))
		logpack_turn(&p);
}

static bool is_packed(unsigned index)
{
	struct logread f = LOGREAD_NULL;
	bool packed;

	assert_int_equal(logread_open(dir, index, &f, NULL), 0);
	packed = f.ends != NULL;
	logread_close(&f);
	return packed;
}

/* All bytes behind the header, read in pieces of that size. */
static void read_file(unsigned index, size_t piece, struct buf *out)
{
	struct logread f = LOGREAD_NULL;
	off_t pos = LOGFILE_HEADER;
	ssize_t n;

	assert_int_equal(logread_open(dir, index, &f, NULL), 0);
	do {
		char *to = buf_room(out, piece);

		n = logread_at(&f, to, piece, pos);
		buf_added(out, (size_t)n);
		pos += n;
	} while (n > 0);
	assert_int_equal(pos, logread_size(&f));
	logread_close(&f);
}

static bool is_there(const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

static void test_same_bytes(void **state)
{
	buf_cleanup struct buf before = BUF_INIT, after = BUF_INIT, small = BUF_INIT;
	struct stat st;

	(void)state;
	rotate(1);
	read_file(1, 4096, &before);
	assert_false(is_packed(1));
	pack_all();
	assert_true(is_packed(1));
	assert_false(is_packed(0));
	read_file(1, 256u << 10, &after);
	read_file(1, 999, &small);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	assert_int_equal(before.len, small.len);
	assert_memory_equal(before.data, small.data, before.len);
	assert_int_equal(fstatat(dir, "log.1", &st, 0), 0);
	assert_true(st.st_size < FILE_SIZE / 5);
	assert_false(is_there("log.pack"));
}

/* Each turn does a little; the file may be moved or go meanwhile. */
static void test_rotation_meanwhile(void **state)
{
	buf_cleanup struct buf before = BUF_INIT, after = BUF_INIT;

	(void)state;
	rotate(1);
	read_file(1, 4096, &before);
	p.total = l.total;
	logpack_turn(&p);
	logpack_turn(&p);
	assert_true(is_there("log.pack"));
	rotate(1);
	assert_false(is_packed(1));
	pack_all();
	assert_true(is_packed(1));
	assert_true(is_packed(2));
	read_file(2, 4096, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	rotate(1);
	p.total = l.total;
	logpack_turn(&p);
	logpack_turn(&p);
	rotate(3);
	pack_all();
	for (unsigned i = 1; i < 4; i++)
		assert_true(is_packed(i));
	assert_false(is_there("log.4"));
	assert_false(is_there("log.pack"));
}

/* A reader that has the file open goes on with it. */
static void test_open_meanwhile(void **state)
{
	struct logread f = LOGREAD_NULL;
	char first[16], again[16];

	(void)state;
	rotate(1);
	assert_int_equal(logread_open(dir, 1, &f, NULL), 0);
	assert_int_equal(logread_at(&f, first, sizeof first, LOGFILE_HEADER), sizeof first);
	pack_all();
	assert_int_equal(logread_at(&f, again, sizeof again, LOGFILE_HEADER), sizeof again);
	assert_memory_equal(first, again, sizeof first);
	logread_close(&f);
}

/* The monitor died: what it had begun goes, and the next one does it, and all others that are not packed. */
static void test_crash(void **state)
{
	(void)state;
	rotate(2);
	p.total = l.total;
	logpack_turn(&p);
	logpack_turn(&p);
	assert_true(is_there("log.pack"));
	fd_closep(&p.from);
	fd_closep(&p.to);
	p.packer = zblock_free(p.packer);
	buf_free(&p.lengths);
	logfile_close(&l);
	begin();
	assert_false(is_there("log.pack"));
	assert_false(is_packed(1));
	assert_true(logpack_due(&p));
	pack_all();
	assert_true(is_packed(1));
	assert_true(is_packed(2));
}

/* A power cut leaves a part of it: it is no log, and nothing of it is believed. */
static void test_cut_short(void **state)
{
	struct logread f = LOGREAD_NULL;
	struct err err = ERR_INIT;
	struct stat st;
	int fd;

	(void)state;
	rotate(1);
	pack_all();
	fd = openat(dir, "log.1", O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t size = st.st_size - 1; size >= 0; size -= 1 + size / 50) {
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(logread_open(dir, 1, &f, &err), -EBADMSG);
		err_clear(&err);
	}
	close(fd);
}

/* A block that is damaged ends the file; the bytes before it are there. */
static void test_damage(void **state)
{
	struct logread f = LOGREAD_NULL;
	char data[100];
	int fd;

	(void)state;
	rotate(1);
	pack_all();
	assert_int_equal(logread_open(dir, 1, &f, NULL), 0);
	fd = openat(dir, "log.1", O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, (off_t)f.ends[0]), 8);
	close(fd);
	assert_int_equal(logread_at(&f, data, sizeof data, LOGFILE_HEADER + LOGPACK_BLOCK - 10), 10);
	assert_int_equal(logread_at(&f, data, sizeof data, LOGFILE_HEADER + LOGPACK_BLOCK), 0);
	assert_int_equal(logread_at(&f, data, sizeof data, LOGFILE_HEADER), 100);
	logread_close(&f);
}

/* Not asked for; and one file alone is never rotated. */
static void test_unwanted(void **state)
{
	(void)state;
	logpack_init(&p, &l, false);
	rotate(1);
	assert_false(logpack_due(&p));
	logpack_turn(&p);
	assert_false(is_packed(1));
	l.max_files = 1;
	logpack_init(&p, &l, true);
	assert_false(logpack_due(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_same_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rotation_meanwhile, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_open_meanwhile, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_crash, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_unwanted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
