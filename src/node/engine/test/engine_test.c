/* SPDX-License-Identifier: Apache-2.0
 *
 * Real containers from start to end. One engine for all tests; crash_test.c has those that kill it.
 */
#include "node/engine/test/world.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/container.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct world w;

static void forget(const char *id)
{
	struct err err = ERR_INIT;

	if (engine_remove(w.e, id, true, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- exits and output ---- */

static void test_exits(void **state)
{
	static const struct {
		const char *command;
		int code, signal;
		bool never_started;
		const char *out, *error;
	} rows[] = {
	    {"[\"true\"]", 0, 0, false, "", NULL},
	    {"[\"sh\",\"-c\",\"exit 42\"]", 42, 0, false, "", NULL},
	    {"[\"sh\",\"-c\",\"echo a; echo b >&2; exit 1\"]", 1, 0, false, "a\nb\n", NULL},
	    {"[\"sh\",\"-c\",\"kill -9 $$\"]", 137, 9, false, "", NULL},
	    {"[\"no-such-command\"]", 127, 0, true, "", "not found"},
	    {"[\"/bin/notexec\"]", 126, 0, true, "", "notexec"},
	    {"[\"sh\",\"-c\",\"sleep 1000 & echo left behind\"]", 0, 0, false, "left behind\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *spec = mem_printf("{\"image\":\"busybox\",\"command\":%s}", rows[i].command);
		const struct engine_container *c = world_run_to_end(&w, spec);

		print_message("# %s\n", rows[i].command);
		assert_int_equal(c->state, ENGINE_EXITED);
		assert_int_equal(c->exit.code, rows[i].code);
		assert_int_equal(c->exit.signal, rows[i].signal);
		assert_int_equal(c->exit.never_started, rows[i].never_started);
		if (rows[i].error)
			assert_non_null(strstr(c->exit.error, rows[i].error));
		else
			assert_null(c->exit.error);
		world_output(&w, c->id, -1, false);
		assert_string_equal(buf_str(&w.out), rows[i].out);
		forget(c->id);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *spec;
		int code;
		const char *text;
	} rows[] = {
	    {"{\"image\":\"nowhere\",\"command\":[\"true\"]}", -ENOENT, "is not here"},
	    {"{\"image\":\"busybox\"}", -EINVAL, "no command"},
	    {"{\"image\":\"busybox\",\"comand\":[\"true\"]}", -EINVAL, "unknown member \"comand\""},
	    {"{\"image\":\"busybox\",\"command\":[\"true\"],\"name\":\"../x\"}", -EINVAL, "name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = ERR_INIT;

		assert_int_equal(world_try(&w, rows[i].spec, &err), rows[i].code);
		assert_non_null(strstr(err.text, rows[i].text));
	}
	assert_null(engine_at(w.e, 0));
}

/* ---- wishes ---- */

static void test_kill(void **state)
{
	const struct engine_container *c = world_run(
	    &w,
	    "{\"image\":\"busybox\",\"command\":[\"sh\",\"-c\",\"trap 'exit 5' USR1; while :; do sleep 0.05; done\"]}");
	struct err err = ERR_INIT;

	(void)state;
	world_wait_started(&w, c->id);
	assert_int_equal(engine_kill(w.e, c->id, 0, &err), -EINVAL);
	/* The shell may not have set its trap yet: then the signal ends it. Both are right answers to USR1. */
	assert_int_equal(engine_kill(w.e, c->id, SIGUSR1, &err), 0);
	c = world_wait_end(&w, c->id);
	assert_true(c->exit.code == 5 || c->exit.code == 128 + SIGUSR1);
	assert_int_equal(engine_kill(w.e, c->id, SIGUSR1, &err), -ESRCH);
	forget(c->id);
}

static bool said_ready(struct world *world)
{
	return world->out.len > 0 || world->log_ended;
}

/* Starts a container and waits until it has written something. */
static const struct engine_container *run_until_output(const char *spec)
{
	struct engine_log_options o = {.follow = true, .tail = -1};
	const struct engine_container *c = world_run(&w, spec);
	struct engine_log *log;
	struct err err = ERR_INIT;

	buf_clear(&w.out);
	w.log_ended = false;
	w.log_stop_after = 1;
	assert_int_equal(engine_log_open(w.e, c->id, &o, world_log, &w, &log, &err), 0);
	world_until(&w, said_ready);
	w.log_stop_after = 0;
	engine_log_close(log);
	return c;
}

static void test_stop(void **state)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;

	(void)state;
	/* It listens to its own stop signal. */
	c = run_until_output("{\"image\":\"busybox\",\"stop_signal\":\"SIGUSR2\",\"command\":[\"sh\",\"-c\","
			     "\"trap 'exit 6' USR2; echo ready; while :; do sleep 0.05; done\"]}");
	assert_int_equal(engine_stop(w.e, c->id, -1, &err), 0);
	assert_int_equal(world_wait_end(&w, c->id)->exit.code, 6);
	forget(c->id);
	/* It does not listen: SIGKILL after the grace. */
	c = run_until_output("{\"image\":\"busybox\",\"command\":[\"sh\",\"-c\","
			     "\"trap '' TERM; echo ready; while :; do sleep 0.05; done\"]}");
	assert_int_equal(engine_stop(w.e, c->name, 50, &err), 0);
	assert_int_equal(world_wait_end(&w, c->id)->exit.signal, SIGKILL);
	forget(c->id);
}

static bool nothing_left(struct world *world)
{
	return engine_at(world->e, 0) == NULL && !world->e->sweeping &&
	       world->n_events[ENGINE_EV_REMOVED] == world->n_events[ENGINE_EV_CREATED];
}

static void test_names_and_removal(void **state)
{
	const struct engine_container *c, *found;
	struct err err = ERR_INIT;
	char id[65];

	(void)state;
	c = world_run(&w,
		      "{\"image\":\"busybox\",\"name\":\"one\",\"key\":\"job/1\",\"command\":[\"sleep\",\"1000\"]}");
	snprintf(id, sizeof id, "%s", c->id);
	assert_int_equal(world_try(&w, "{\"image\":\"busybox\",\"name\":\"one\",\"command\":[\"true\"]}", &err),
			 -EEXIST);
	assert_int_equal(world_try(&w, "{\"image\":\"busybox\",\"key\":\"job/1\",\"command\":[\"true\"]}", &err),
			 -EEXIST);
	assert_ptr_equal(engine_by_key(w.e, "job/1"), c);
	assert_int_equal(engine_find(w.e, "one", &found, &err), 0);
	assert_ptr_equal(found, c);
	id[5] = '\0';
	assert_int_equal(engine_find(w.e, id, &found, &err), 0);
	assert_int_equal(engine_find(w.e, "x", &found, &err), -ENOENT);
	assert_int_equal(engine_remove(w.e, "one", false, &err), -EBUSY);
	assert_int_equal(engine_remove(w.e, "one", true, &err), 0);
	world_run(&w, "{\"image\":\"busybox\",\"remove\":true,\"command\":[\"true\"]}");
	world_until(&w, nothing_left);
	/* Free again. */
	c = world_run_to_end(&w, "{\"image\":\"busybox\",\"name\":\"one\",\"command\":[\"true\"]}");
	forget(c->id);
}

/* ---- mounts and files ---- */

static void test_mounts(void **state)
{
	mem_cleanup char *spec = NULL;
	const struct engine_container *c;
	char host[96], path[128];
	struct stat st;

	(void)state;
	snprintf(host, sizeof host, "%s/host", w.data);
	spec = mem_printf(
	    "{\"image\":\"busybox\",\"mounts\":[{\"type\":\"bind\",\"source\":\"%s\",\"target\":\"/"
	    "b\",\"create\":true},"
	    "{\"type\":\"bind\",\"source\":\"%s\",\"target\":\"/b/ro\",\"read_only\":true},"
	    "{\"type\":\"volume\",\"source\":\"vol\",\"target\":\"/v\"},"
	    "{\"type\":\"tmpfs\",\"target\":\"/t\",\"size\":65536}],"
	    "\"files\":[{\"target\":\"/run/secrets/key\",\"mode\":256,\"uid\":0,\"gid\":0,\"base64\":\"c2VjcmV0\"}],"
	    "\"command\":[\"sh\",\"-c\",\"echo x >/b/file; echo y >/v/file; echo z >/t/file;"
	    " echo no 2>/dev/null >/b/ro/no || echo ro; cat /run/secrets/key; stat -c ' %%a' /run/secrets/key;"
	    " echo no 2>/dev/null >/run/secrets/key || echo ro\"]}",
	    host, host);
	c = world_run_to_end(&w, spec);
	if (c->exit.error)
		fail_msg("%s", c->exit.error);
	world_output(&w, c->id, -1, false);
	assert_string_equal(buf_str(&w.out), "ro\nsecret 400\nro\n");
	assert_int_equal(c->exit.code, 0);
	forget(c->id);
	snprintf(path, sizeof path, "%s/file", host);
	assert_int_equal(stat(path, &st), 0);
	c = world_run_to_end(
	    &w, "{\"image\":\"busybox\",\"mounts\":[{\"type\":\"volume\",\"source\":\"vol\",\"target\":\"/w\"}],"
		"\"command\":[\"cat\",\"/w/file\"]}");
	world_output(&w, c->id, -1, false);
	assert_string_equal(buf_str(&w.out), "y\n");
	forget(c->id);
	c = world_run_to_end(
	    &w,
	    "{\"image\":\"busybox\",\"mounts\":[{\"type\":\"bind\",\"source\":\"/no/such/place\",\"target\":\"/w\"}],"
	    "\"command\":[\"true\"]}");
	assert_int_equal(c->exit.code, 125);
	assert_non_null(strstr(c->exit.error, "/no/such/place"));
	forget(c->id);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[160];
	fd_cleanup int fd = -1;

	(void)mkdir(dir, 0755);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void test_staging(void **state)
{
	mem_cleanup char *spaces = NULL, *good = NULL, *fails = NULL, *missing = NULL;
	const struct engine_container *c;
	char in[96], out[96], path[128];
	struct stat st;

	(void)state;
	snprintf(in, sizeof in, "%s/in", w.data);
	snprintf(out, sizeof out, "%s/out", w.data);
	write_file(in, "a.txt", "hello\n");
	(void)mkdir(out, 0755);
	spaces = mem_printf(
	    "\"spaces\":[{\"name\":\"in\",\"path\":\"%s\"},{\"name\":\"out\",\"path\":\"%s\"}],"
	    "\"stage_in\":[{\"space\":\"in\",\"include\":[\"*.txt\"]}],"
	    "\"stage_out\":[{\"space\":\"out\",\"include\":[\"result\"],\"to\":\"r\"}],\"job\":\"j\",\"task\":\"t\"",
	    in, out);
	/* A failed task stages nothing out. */
	fails =
	    mem_printf("{\"image\":\"busybox\",%s,\"command\":[\"sh\",\"-c\",\"cat a.txt >result; exit 3\"]}", spaces);
	c = world_run_to_end(&w, fails);
	assert_int_equal(c->exit.code, 3);
	forget(c->id);
	snprintf(path, sizeof path, "%s/r/result", out);
	assert_int_equal(stat(path, &st), -1);
	good = mem_printf("{\"image\":\"busybox\",%s,\"command\":[\"sh\",\"-c\",\"cat a.txt >result; ls\"]}", spaces);
	c = world_run_to_end(&w, good);
	world_output(&w, c->id, -1, false);
	assert_string_equal(buf_str(&w.out), "a.txt\nresult\n");
	assert_int_equal(c->exit.code, 0);
	assert_null(c->exit.error);
	forget(c->id);
	assert_int_equal(stat(path, &st), 0);
	missing = mem_printf("{\"image\":\"busybox\",%s,\"command\":[\"true\"]}", spaces);
	c = world_run_to_end(&w, missing);
	assert_int_equal(c->exit.code, 125);
	assert_false(c->exit.never_started);
	assert_ptr_equal(strstr(c->exit.error, "stage_out of space out"), c->exit.error);
	forget(c->id);
}

/* ---- health and memory ---- */

static bool health_known(struct world *world)
{
	const struct engine_container *c = NULL;

	(void)engine_find(world->e, world->id, &c, NULL);
	return c && (c->health == ENGINE_HEALTHY || c->health == ENGINE_UNHEALTHY || c->state == ENGINE_EXITED);
}

static void test_health(void **state)
{
	static const struct {
		const char *test;
		int timeout_ms;
		enum engine_health health;
	} rows[] = {
	    {"[\"CMD\",\"true\"]", 60000, ENGINE_HEALTHY},
	    {"[\"CMD-SHELL\",\"exit 1\"]", 60000, ENGINE_UNHEALTHY},
	    {"[\"CMD\",\"sleep\",\"1000\"]", 100, ENGINE_UNHEALTHY},
	    {"[\"CMD\",\"no-such-command\"]", 60000, ENGINE_UNHEALTHY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *spec =
		    mem_printf("{\"image\":\"busybox\",\"command\":[\"sleep\",\"1000\"],"
			       "\"healthcheck\":{\"test\":%s,\"interval_ms\":10,\"timeout_ms\":%d,\"retries\":2}}",
			       rows[i].test, rows[i].timeout_ms);
		const struct engine_container *c = world_run(&w, spec);

		w.id = c->id;
		world_until(&w, health_known);
		assert_int_equal(c->health, rows[i].health);
		assert_int_equal(c->state, ENGINE_RUNNING);
		forget(c->id);
	}
}

static void test_out_of_memory(void **state)
{
	const struct engine_container *c =
	    world_run_to_end(&w, "{\"image\":\"busybox\",\"limit_memory\":16777216,"
				 "\"command\":[\"dd\",\"if=/dev/zero\",\"of=/dev/null\",\"bs=64M\",\"count=1\"]}");

	(void)state;
	assert_int_equal(c->exit.signal, SIGKILL);
	assert_true(c->exit.oom);
	forget(c->id);
}

/* ---- logs ---- */

static void test_log_tail_and_rotation(void **state)
{
	const struct engine_container *c;
	buf_cleanup struct buf all = BUF_INIT;

	(void)state;
	for (int i = 1; i <= 20000; i++)
		buf_printf(&all, "%d\n", i);
	/* A reader that follows from the start loses nothing, however often the log is rotated. */
	c = world_run(
	    &w, "{\"image\":\"busybox\",\"command\":[\"seq\",\"20000\"],\"log\":{\"max_size\":65536,\"max_files\":2}}");
	world_output(&w, c->id, -1, true);
	assert_int_equal(w.notices.len, 0);
	assert_int_equal(w.out.len, all.len);
	assert_memory_equal(w.out.data, all.data, all.len);
	world_wait_end(&w, c->id);
	world_output(&w, c->id, 3, false);
	assert_string_equal(buf_str(&w.out), "19998\n19999\n20000\n");
	world_output(&w, c->id, 0, false);
	assert_string_equal(buf_str(&w.out), "");
	/* The whole rest: whole records at the end of the text. */
	world_output(&w, c->id, -1, false);
	assert_true(w.out.len <= 2 * 65536 + 65536 && w.out.len > 0);
	assert_memory_equal(w.out.data, all.data + all.len - w.out.len, w.out.len);
	forget(c->id);
}

static void test_log_back_pressure(void **state)
{
	struct engine_log_options o = {.follow = true, .tail = -1};
	const struct engine_container *c =
	    world_run_to_end(&w, "{\"image\":\"busybox\",\"command\":[\"seq\",\"100000\"]}");
	struct engine_log *log;
	struct err err = ERR_INIT;
	size_t paused_at;

	(void)state;
	buf_clear(&w.out);
	w.log_ended = false;
	w.log_stop_after = 1;
	assert_int_equal(engine_log_open(w.e, c->id, &o, world_log, &w, &log, &err), 0);
	assert_int_equal(w.out.len, 0);
	world_until(&w, said_ready);
	paused_at = w.out.len;
	assert_true(paused_at < 588895);
	engine_log_resume(log);
	w.log_ended = false;
	while (!w.log_ended)
		loop_run(w.loop, &err);
	assert_int_equal(w.out.len, 588895);
	engine_log_close(log);
	forget(c->id);
}

int __real_trash_put(struct engine *e, const char *relative, struct err *err);
int __wrap_trash_put(struct engine *e, const char *relative, struct err *err);
static bool trash_at_once;

/* The one who empties the trash may be that quick. */
int __wrap_trash_put(struct engine *e, const char *relative, struct err *err)
{
	return trash_at_once ? fs_remove_tree(e->data_dir, relative, err) : __real_trash_put(e, relative, err);
}

static bool log_has_ended(struct world *world)
{
	return world->log_ended;
}

static void wait_for_file(const char *path)
{
	struct stat st;

	for (int i = 0; stat(path, &st) < 0; i++) {
		assert_true(i < 60000);
		usleep(1000);
	}
}

/* All that it says comes at its end, and its files go at once. */
static void test_log_of_removed(void **state)
{
	struct engine_log_options o = {.follow = true, .tail = -1};
	mem_cleanup char *gates = mem_printf("%s/gates", w.data), *spec = NULL, *gate = NULL, *end = NULL;
	const struct engine_container *c;
	struct engine_log *log;
	struct err err = ERR_INIT;

	(void)state;
	spec = mem_printf("{\"image\":\"busybox\",\"remove\":true,\"mounts\":[{\"type\":\"bind\",\"source\":\"%s\","
			  "\"target\":\"/g\"}],"
			  "\"command\":[\"sh\",\"-c\",\"read x </g/gate; echo $x\"]}",
			  gates);
	gate = mem_printf("%s/gate", gates);
	assert_int_equal(mkdir(gates, 0755), 0);
	assert_int_equal(mkfifo(gate, 0600), 0);
	c = world_run(&w, spec);
	end = mem_printf("%s/containers/%s/exit.json", w.data, c->id);
	buf_clear(&w.out);
	w.log_ended = false;
	assert_int_equal(engine_log_open(w.e, c->id, &o, world_log, &w, &log, &err), 0);
	world_wait_started(&w, c->id);
	write_file(gates, "gate", "word\n");
	wait_for_file(end);
	trash_at_once = true;
	world_until(&w, log_has_ended);
	trash_at_once = false;
	engine_log_close(log);
	assert_string_equal(buf_str(&w.out), "word\n");
}

/* ---- workers ---- */

static bool has_answer(struct world *world)
{
	return world->answered;
}

static void on_glob(void *ctx, char **paths, size_t n, const struct err *error)
{
	struct world *world = ctx;

	(void)n;
	world->answered = true;
	world->error = error ? *error : (struct err)ERR_INIT;
	mem_strv_free(world->paths);
	world->paths = paths ? mem_strv_dup(paths) : NULL;
	loop_stop(world->loop);
}

static void test_glob_and_imports(void **state)
{
	struct err err = ERR_INIT;
	char space[96];

	(void)state;
	snprintf(space, sizeof space, "%s/space", w.data);
	write_file(space, "b", "");
	write_file(space, "a", "");
	w.answered = false;
	assert_int_equal(engine_glob(w.e, space, "*", 10, on_glob, &w, &err), 0);
	world_until(&w, has_answer);
	assert_int_equal(mem_strv_len(w.paths), 2);
	assert_string_equal(w.paths[0], "a");
	w.answered = false;
	assert_int_equal(engine_glob(w.e, space, "*", 1, on_glob, &w, &err), 0);
	world_until(&w, has_answer);
	assert_int_equal(w.error.code, E2BIG);
	w.answered = false;
	assert_int_equal(engine_glob(w.e, "/no/such/space", "*", 1, on_glob, &w, &err), 0);
	world_until(&w, has_answer);
	assert_int_equal(w.error.code, ENOENT);
	assert_int_equal(engine_glob(w.e, space, "../*", 1, on_glob, &w, &err), -EINVAL);
	/* What is not a tar changes nothing. */
	world_import(&w, "this is no tar", 14);
	assert_int_equal(w.error.code, EINVAL);
	forget(world_run_to_end(&w, "{\"image\":\"busybox\",\"command\":[\"true\"]}")->id);
}

static bool launcher_is_new(struct world *world)
{
	return launcher_pid(world->launcher) != (pid_t)(intptr_t)world->id;
}

static void test_launcher_killed(void **state)
{
	const struct engine_container *c = world_run(&w, "{\"image\":\"busybox\",\"command\":[\"sleep\",\"1000\"]}"),
				      *c2;
	pid_t old = launcher_pid(w.launcher);

	(void)state;
	world_wait_started(&w, c->id);
	assert_int_equal(kill(old, SIGKILL), 0);
	/* At once: it waits for the new launcher. */
	c2 = world_run_to_end(&w, "{\"image\":\"busybox\",\"command\":[\"sh\",\"-c\",\"exit 4\"]}");
	if (c2->exit.error)
		fail_msg("%s", c2->exit.error);
	assert_int_equal(c2->exit.code, 4);
	w.id = (const char *)(intptr_t)old;
	world_until(&w, launcher_is_new);
	assert_int_equal(c->state, ENGINE_RUNNING);
	forget(c2->id);
	forget(c->id);
}

/* ---- leaks ---- */

static size_t count_entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	if (!d)
		return 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += *e->d_name != '.';
	closedir(d);
	return n;
}

static size_t fds_at_start;

static int group_setup(void **state)
{
	(void)state;
	world_open(&w, NULL, -1);
	fds_at_start = count_entries("/proc/self/fd");
	return 0;
}

static void test_nothing_is_left(void **state)
{
	char path[96];

	(void)state;
	world_until(&w, nothing_left);
	/* Fewer: a worker of the first moment had one of them. */
	assert_true(count_entries("/proc/self/fd") <= fds_at_start);
	snprintf(path, sizeof path, "%s/containers", w.data);
	assert_int_equal(count_entries(path), 0);
}

static int group_teardown(void **state)
{
	(void)state;
	world_close(&w, true);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exits),
	    cmocka_unit_test(test_nothing_is_left),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_kill),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_names_and_removal),
	    cmocka_unit_test(test_mounts),
	    cmocka_unit_test(test_staging),
	    cmocka_unit_test(test_health),
	    cmocka_unit_test(test_out_of_memory),
	    cmocka_unit_test(test_log_tail_and_rotation),
	    cmocka_unit_test(test_log_back_pressure),
	    cmocka_unit_test(test_log_of_removed),
	    cmocka_unit_test(test_glob_and_imports),
	    cmocka_unit_test(test_launcher_killed),
	    cmocka_unit_test(test_nothing_is_left),
	};

	return !world_begin(argc, argv) ? 0 : cmocka_run_group_tests(tests, group_setup, group_teardown);
}
