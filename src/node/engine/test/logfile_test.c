/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/logfile.h"
#include "node/engine/record.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static char dir_name[] = "/tmp/berth-logfile-XXXXXX";
static int dir;

static int setup(void **state)
{
	(void)state;
	memset(dir_name + sizeof dir_name - 7, 'X', 6);
	assert_non_null(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0;
}

static int teardown(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	(void)state;
	close(dir);
	r = fs_remove_tree(tmp, dir_name + 5, NULL);
	close(tmp);
	return r;
}

/* All data of the file, forwards (or backwards, records in reverse order), up to the first record that is not whole. */
static ssize_t collect(unsigned index, bool back, struct buf *out)
{
	mem_cleanup char *data = NULL;
	struct logfile_record rec;
	uint32_t generation;
	size_t n, count = 0;
	ssize_t r;
	bool packed;
	fd_cleanup int fd = logfile_open(dir, index, &generation, &packed, NULL);
	unsigned char *p;

	if (fd < 0)
		return fd;
	assert_int_equal(fd_read_all(fd, 64u << 20, &data, &n), 0);
	p = (unsigned char *)data + LOGFILE_HEADER;
	n -= LOGFILE_HEADER;
	while ((r = back ? logfile_peek_back(p, n, &rec) : logfile_peek(p, n, &rec)) > 0) {
		buf_add(out, rec.data, rec.n);
		p += back ? 0 : r;
		n -= (size_t)r;
		count++;
	}
	return (ssize_t)count;
}

static void test_records(void **state)
{
	buf_cleanup struct buf forth = BUF_INIT, back = BUF_INIT;
	struct logfile l;

	(void)state;
	logfile_init(&l, dir, 1 << 20, 3);
	logfile_write(&l, 1, 1, "one\n", 4);
	logfile_write(&l, 2, 2, "two\n", 4);
	logfile_write(&l, 1, 3, "", 0);
	logfile_close(&l);
	assert_int_equal(collect(0, false, &forth), 3);
	assert_string_equal(buf_str(&forth), "one\ntwo\n");
	assert_int_equal(collect(0, true, &back), 3);
	assert_string_equal(buf_str(&back), "two\none\n");
	assert_int_equal(collect(1, false, &back), -ENOENT);
}

static void test_rotation(void **state)
{
	static char data[1000];
	struct logfile l;
	uint32_t g0, g1, g2;
	bool packed = true;
	struct stat st;

	(void)state;
	logfile_init(&l, dir, 4096, 3);
	for (int i = 0; i < 40; i++)
		logfile_write(&l, 1, i, data, sizeof data);
	assert_true(l.rotated);
	logfile_close(&l);
	assert_int_equal(fstatat(dir, "log.3", &st, 0), -1);
	for (unsigned i = 0; i < 3; i++) {
		char name[16] = "log";

		if (i > 0)
			snprintf(name, sizeof name, "log.%u", i);
		assert_int_equal(fstatat(dir, name, &st, 0), 0);
		assert_true(st.st_size <= 4096);
	}
	close(logfile_open(dir, 0, &g0, &packed, NULL));
	close(logfile_open(dir, 1, &g1, &packed, NULL));
	close(logfile_open(dir, 2, &g2, &packed, NULL));
	assert_false(packed);
	assert_int_equal(g0, g1 + 1);
	assert_int_equal(g1, g2 + 1);
}

/* Whatever the last bytes are, what comes before the torn record is read and no more. */
static void test_torn_tail(void **state)
{
	struct logfile l;
	struct stat st;
	off_t whole;
	int fd;

	(void)state;
	logfile_init(&l, dir, 1 << 20, 3);
	logfile_write(&l, 1, 1, "first\n", 6);
	whole = (off_t)l.size;
	logfile_write(&l, 1, 2, "second\n", 7);
	logfile_close(&l);
	assert_int_equal(fstatat(dir, "log", &st, 0), 0);
	fd = openat(dir, "log", O_WRONLY | O_CLOEXEC);
	for (off_t size = st.st_size - 1; size >= whole; size--) {
		buf_cleanup struct buf out = BUF_INIT;

		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(collect(0, false, &out), 1);
		assert_string_equal(buf_str(&out), "first\n");
	}
	close(fd);
}

static void test_damage(void **state)
{
	static const unsigned char rows[][24] = {
	    {0xff, 0xff, 0xff, 0xff, 1},			 /* longer than any record */
	    {0, 0, 0, 0, 9},					 /* no such stream */
	    {0, 0, 0, 0, 1, 0, 1},				 /* reserved bytes */
	    {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, /* the two lengths differ */
	};
	struct logfile_record rec;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(logfile_peek(rows[i], sizeof rows[i], &rec), -EBADMSG);
	for (size_t n = 0; n < LOGFILE_HEAD + LOGFILE_TAIL; n++)
		assert_int_equal(logfile_peek(rows[1] + 0, 0, &rec), 0);
}

/* In a mount namespace of its own: a file system that is full. */
static int full_disk(void)
{
	static char data[4096];
	buf_cleanup struct buf out = BUF_INIT;
	struct logfile l;
	struct stat st;
	uint64_t size;
	int fill;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir_name, "tmpfs", 0, "size=64k") < 0)
		return 77;
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	logfile_init(&l, dir, 1 << 20, 3);
	logfile_write(&l, 1, 1, "before\n", 7);
	fill = openat(dir, "fill", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	while (write(fill, data, sizeof data) == sizeof data)
		;
	for (int i = 0; i < 4; i++)
		logfile_write(&l, 1, 2, data, sizeof data);
	size = l.size;
	/* Cut back to whole records; nothing was blocked. */
	if (fstatat(dir, "log", &st, 0) < 0 || (uint64_t)st.st_size != size || l.lost == 0)
		return 1;
	if (ftruncate(fill, 0) < 0)
		return 2;
	logfile_write(&l, 1, 3, "after\n", 6);
	if (l.lost != 0 || collect(0, false, &out) < 3)
		return 3;
	return strstr(buf_str(&out), "bytes were lost: No space left on device") && strstr(buf_str(&out), "after\n")
		   ? 0
		   : 4;
}

static void test_full_disk(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(full_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void test_container_record(void **state)
{
	static char error[] = "a \"quoted\"\nerror";
	struct record r = {.state = ENGINE_EXITED,
			   .health = ENGINE_UNHEALTHY,
			   .run = 3,
			   .started_ms = 5,
			   .ended_ms = 6,
			   .exit = {.code = 137, .signal = 9, .oom = true, .error = error, .memory_peak = 7}};
	static const char *const bad[] = {"",
					  "[]",
					  "{}",
					  "{\"state\":\"odd\"}",
					  "{\"state\":\"exited\",\"code\":256}",
					  "{\"state\":\"exited\",\"error\":1}"};
	buf_cleanup struct buf text = BUF_INIT;
	struct record back;

	(void)state;
	record_write(&text, &r);
	assert_int_equal(record_parse(text.data, text.len, &back, NULL), 0);
	assert_int_equal(back.state, ENGINE_EXITED);
	assert_int_equal(back.health, ENGINE_UNHEALTHY);
	assert_int_equal(back.run, 3);
	assert_int_equal(back.exit.code, 137);
	assert_true(back.exit.oom);
	assert_string_equal(back.exit.error, r.exit.error);
	assert_int_equal(back.exit.memory_peak, 7);
	record_clear(&back);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(record_parse(bad[i], strlen(bad[i]), &back, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_records, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
	    cmocka_unit_test(test_container_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
