/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/self_exe.h"
#include "base/core/self_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int counter = 41;
static const char *const words[] = {"zero", "one"};
static const char *const *volatile table = words;

/* Who goes on there is whole: what was written, what was relocated, what was allocated, what runs. */
static int live_on(void)
{
	mem_cleanup char *text = mem_strdup("before");
	fd_cleanup int view = self_exe_open();
	int r;

	if (access("/proc/self/exe", W_OK) < 0)
		return 4;
	counter++;
	r = view < 0 ? view : self_pages_move(view);
	if (r < 0)
		return r == -EPERM || r == -EINVAL ? 77 : 1;
	if (counter != 42 || strcmp(table[1], "one") != 0 || strcmp(text, "before") != 0)
		return 2;
	return access("/proc/self/exe", W_OK) < 0 && errno == EROFS ? 0 : 3;
}

static void test_move(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(live_on());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Another file must never be mapped over the program. */
static void test_other_file(void **state)
{
	fd_cleanup int fd = open("/bin/true", O_PATH | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(self_pages_move(fd), -EXDEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_move),
	    cmocka_unit_test(test_other_file),
	};

	return cmocka_run_group_tests_name("self_exe", tests, NULL, NULL);
}
