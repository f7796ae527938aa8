/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/state.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/oci/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static char place[] = "/tmp/berth-state-XXXXXX";
static char *root;

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(place))
		return -1;
	root = mem_printf("%s/some/root", place);
	return 0;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	free(root);
	return fs_remove_tree(tmp, place + strlen("/tmp/"), NULL);
}

static void test_ids(void **state)
{
	static const struct {
		const char *id;
		int r;
	} rows[] = {
	    {"a", 0},	      {"A-b_c+d.e0", 0},     {"...", 0},	{"-", 0},	   {"", -EINVAL},
	    {".", -EINVAL},   {"..", -EINVAL},	     {"a/b", -EINVAL},	{"../a", -EINVAL}, {"a b", -EINVAL},
	    {"a\n", -EINVAL}, {"\xc3\xa9", -EINVAL}, {"a\\b", -EINVAL}, {"a:b", -EINVAL},
	};
	char longest[OCI_ID_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (oci_id_check(rows[i].id, NULL) != rows[i].r)
			fail_msg("\"%s\" should give %d", rows[i].id, rows[i].r);
	}
	memset(longest, 'x', sizeof longest);
	longest[OCI_ID_MAX + 1] = '\0';
	assert_int_equal(oci_id_check(longest, NULL), -EINVAL);
	longest[OCI_ID_MAX] = '\0';
	assert_int_equal(oci_id_check(longest, NULL), 0);
}

static struct oci_state sample(void)
{
	static const struct oci_annotation annotations[] = {{"a.b", "1"}, {"quote", "\"x\"\n"}};

	return (struct oci_state){.version = "1.2.0",
				  .id = "one",
				  .bundle = "/b",
				  .rootfs = "/b/rootfs",
				  .created = "2026-01-01T00:00:00.000000001Z",
				  .cgroup = "v2:/x",
				  .pid = 4711,
				  .start_time = UINT64_C(1) << 40,
				  .owner = 0,
				  .shared_pid = true,
				  .annotations = annotations,
				  .n_annotations = 2};
}

static void test_life(void **state)
{
	cleanup_with(oci_state_freep) struct oci_state *got = NULL;
	const struct oci_state s = sample();
	struct err err = ERR_INIT;
	fd_cleanup int dir = -1;
	struct stat st;

	(void)state;
	assert_int_equal(oci_state_open(root, "one", false, &err), -ENOENT);
	assert_non_null(strstr(err.text, "does not exist"));
	dir = oci_state_make(root, "one", &err);
	assert_true(dir >= 0);
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(oci_state_make(root, "one", &err), -EEXIST);
	assert_non_null(strstr(err.text, "already exists"));
	assert_int_equal(oci_state_read(dir, &got, &err), -ENOENT);
	assert_int_equal(oci_state_write(dir, &s, &err), 0);
	assert_int_equal(oci_state_read(dir, &got, &err), 0);
	assert_string_equal(got->id, s.id);
	assert_string_equal(got->bundle, s.bundle);
	assert_string_equal(got->rootfs, s.rootfs);
	assert_string_equal(got->created, s.created);
	assert_string_equal(got->cgroup, s.cgroup);
	assert_int_equal(got->pid, s.pid);
	assert_true(got->start_time == s.start_time);
	assert_true(got->shared_pid && !got->creating && !got->poststop);
	assert_int_equal(got->n_annotations, 2);
	assert_string_equal(got->annotations[1].key, "quote");
	assert_string_equal(got->annotations[1].value, "\"x\"\n");
	assert_int_equal(oci_state_remove(root, "one", &err), 0);
	assert_int_equal(oci_state_open(root, "one", true, &err), -ENOENT);
}

/* Somebody who holds the lock removes the container: who waited for it must not get the empty husk. */
static void test_lock_of_a_removed_one(void **state)
{
	struct err err = ERR_INIT;
	fd_cleanup int dir = oci_state_make(root, "gone", &err);
	int waiting[2], status;
	pid_t pid;
	char c;

	(void)state;
	assert_true(dir >= 0);
	assert_int_equal(pipe2(waiting, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		fd_closep(&dir);
		(void)!write(waiting[1], "w", 1);
		_exit(oci_state_open(root, "gone", true, NULL) == -ENOENT ? 0 : 1);
	}
	assert_int_equal(read(waiting[0], &c, 1), 1);
	assert_int_equal(oci_state_remove(root, "gone", &err), 0);
	oci_state_unlock(dir);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(waiting[0]);
	close(waiting[1]);
}

static void test_lock_excludes(void **state)
{
	struct err err = ERR_INIT;
	fd_cleanup int dir = oci_state_make(root, "held", &err), other = -1, third = -1;

	(void)state;
	assert_true(dir >= 0);
	other = oci_state_open(root, "held", false, &err);
	assert_true(other >= 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	oci_state_unlock(dir);
	third = oci_state_open(root, "held", true, &err);
	assert_true(third >= 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(oci_state_remove(root, "held", &err), 0);
}

static void test_damaged(void **state)
{
	static const char *const rows[] = {
	    "", "{", "[]", "{}", "{\"ociVersion\":1}",
	    /* In parentheses: one text of two halves. */
	    ("{\"ociVersion\":\"1\",\"id\":\"x\",\"bundle\":\"\",\"rootfs\":\"\",\"created\":\"\","
	     "\"cgroup\":\"\",\"pid\":-1,\"startTime\":1}")};
	struct err err = ERR_INIT;
	fd_cleanup int dir = oci_state_make(root, "bad", &err);
	struct oci_state *got = NULL;

	(void)state;
	assert_true(dir >= 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(fs_write_atomic(dir, "state.json", rows[i], strlen(rows[i]), 0600, false, &err), 0);
		assert_true(oci_state_read(dir, &got, &err) < 0);
		assert_null(got);
		assert_non_null(strstr(err.text, "state.json"));
	}
	assert_int_equal(unlinkat(dir, "state.json", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir, "state.json"), 0);
	assert_int_equal(oci_state_read(dir, &got, &err), -ELOOP);
	assert_int_equal(oci_state_remove(root, "bad", &err), 0);
}

static int note(void *ctx, const char *id, struct err *err)
{
	(void)err;
	return buf_printf(ctx, "%s ", id);
}

static void test_each(void **state)
{
	mem_cleanup char *file = mem_printf("%s/file", root), *odd = mem_printf("%s/od d", root);
	struct err err = ERR_INIT;
	buf_cleanup struct buf list = BUF_INIT;

	(void)state;
	assert_int_equal(oci_state_each("/nonexistent/root", note, &list, &err), 0);
	close(oci_state_make(root, "b", &err));
	close(oci_state_make(root, "a", &err));
	assert_int_equal(mkdir(odd, 0700), 0);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(oci_state_each(root, note, &list, &err), 0);
	assert_string_equal(buf_str(&list), "a b ");
}

static void test_shown(void **state)
{
	struct oci_state s = sample();
	mem_cleanup char *line = oci_state_json(&s, OCI_CREATED, 17);
	mem_cleanup char *stopped = NULL;

	(void)state;
	assert_string_equal(
	    line, "{\"ociVersion\":\"1.2.0\",\"id\":\"one\",\"pid\":17,\"status\":\"created\",\"bundle\":\"/b\","
		  "\"annotations\":{\"a.b\":\"1\",\"quote\":\"\\\"x\\\"\\n\"}}");
	s.n_annotations = 0;
	stopped = oci_state_show(&s, OCI_STOPPED, false);
	assert_string_equal(
	    stopped, "{\"ociVersion\":\"1.2.0\",\"id\":\"one\",\"pid\":0,\"status\":\"stopped\",\"bundle\":\"/b\","
		     "\"rootfs\":\"/b/rootfs\",\"created\":\"2026-01-01T00:00:00.000000001Z\",\"owner\":\"root\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ids),
	    cmocka_unit_test(test_life),
	    cmocka_unit_test(test_lock_of_a_removed_one),
	    cmocka_unit_test(test_lock_excludes),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_each),
	    cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
