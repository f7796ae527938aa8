/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/linked.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* NULL-terminated lists of what is given and what comes of it. */
struct row {
	const char *alias;
	const char *ports[6], *env[6], *want[32];
};

static const struct row rows[] = {
    {"db", {NULL}, {NULL}, {"DB_NAME=/web/db"}},
    {"my-db",
     {"5432/tcp"},
     {"HOME=/root", "PATH=/bin", "PGDATA=/a=b", "none"},
     {"MY_DB_PORT=tcp://172.17.0.2:5432", "MY_DB_PORT_5432_TCP=tcp://172.17.0.2:5432",
      "MY_DB_PORT_5432_TCP_ADDR=172.17.0.2", "MY_DB_PORT_5432_TCP_PORT=5432", "MY_DB_PORT_5432_TCP_PROTO=tcp",
      "MY_DB_NAME=/web/my-db", "MY_DB_ENV_PGDATA=/a=b"}},
    /* tcp comes first, whatever the numbers; what follows each other is a run of one protocol. */
    {"d",
     {"53/udp", "81/tcp", "80/TCP", "82/udp", "nonsense"},
     {NULL},
     {"D_PORT=tcp://172.17.0.2:80",    "D_PORT_80_TCP=tcp://172.17.0.2:80",
      "D_PORT_80_TCP_ADDR=172.17.0.2", "D_PORT_80_TCP_PORT=80",
      "D_PORT_80_TCP_PROTO=tcp",       "D_PORT_81_TCP=tcp://172.17.0.2:81",
      "D_PORT_81_TCP_ADDR=172.17.0.2", "D_PORT_81_TCP_PORT=81",
      "D_PORT_81_TCP_PROTO=tcp",       "D_PORT_80_TCP_START=tcp://172.17.0.2:80",
      "D_PORT_80_TCP_PORT_START=80",   "D_PORT_80_TCP_END=tcp://172.17.0.2:81",
      "D_PORT_80_TCP_PORT_END=81",     "D_PORT_53_UDP=udp://172.17.0.2:53",
      "D_PORT_53_UDP_ADDR=172.17.0.2", "D_PORT_53_UDP_PORT=53",
      "D_PORT_53_UDP_PROTO=udp",       "D_PORT_82_UDP=udp://172.17.0.2:82",
      "D_PORT_82_UDP_ADDR=172.17.0.2", "D_PORT_82_UDP_PORT=82",
      "D_PORT_82_UDP_PROTO=udp",       "D_NAME=/web/d"}},
};

static void test_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		const struct linked l = {.name = "web",
					 .alias = row->alias,
					 .ip = "172.17.0.2",
					 .ports = (char *const *)row->ports,
					 .env = (char *const *)row->env};
		cleanup_with(mem_strv_freep) char **env = NULL;
		size_t n = 0;

		linked_environment(&l, &env);
		for (; row->want[n]; n++) {
			assert_true(n < mem_strv_len(env));
			assert_string_equal(env[n], row->want[n]);
		}
		assert_int_equal(mem_strv_len(env), n);
	}
}

static int new_dir(void)
{
	char path[] = "/tmp/berth-linked-XXXXXX";
	int dir;

	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	/* It lives as long as the descriptor needs it: files are removed by the test. */
	return dir;
}

static void remove_dir(int dir)
{
	char path[64], target[256];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/fd/%d", dir);
	n = readlink(path, target, sizeof target - 1);
	assert_true(n > 0);
	target[n] = '\0';
	(void)unlinkat(dir, LINKED_NAME, 0);
	assert_int_equal(rmdir(target), 0);
}

static void test_file(void **state)
{
	static const char *const links[] = {"DB_NAME=/web/db", "DB_PORT=tcp://1.2.3.4:5", NULL};
	static const char *const own[] = {"DB_PORT=mine", "DB_NAME_2=x", NULL};
	cleanup_with(mem_strv_freep) char **env = mem_strv_dup((char *const *)own);
	fd_cleanup int dir = new_dir();
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(linked_merge(dir, &env, &err), 0);
	assert_int_equal(mem_strv_len(env), 2);
	assert_int_equal(linked_write(dir, (char *const *)links, &err), 0);
	assert_int_equal(linked_merge(dir, &env, &err), 0);
	assert_int_equal(mem_strv_len(env), 3);
	assert_string_equal(env[0], "DB_PORT=mine");
	assert_string_equal(env[2], "DB_NAME=/web/db");
	assert_int_equal(linked_write(dir, NULL, &err), 0);
	assert_int_equal(faccessat(dir, LINKED_NAME, F_OK, 0), -1);
	remove_dir(dir);
}

static void test_broken_file(void **state)
{
	cleanup_with(mem_strv_freep) char **env = NULL;
	fd_cleanup int dir = new_dir(), file = openat(dir, LINKED_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(write(file, "{\"env\":7}", 9), 9);
	assert_int_equal(linked_merge(dir, &env, &err), -EINVAL);
	assert_non_null(strstr(err.text, "links.json"));
	assert_null(env);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_environment),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_broken_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
