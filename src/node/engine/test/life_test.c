/* SPDX-License-Identifier: Apache-2.0
 *
 * The lives of containers: created, started again, restarted by policy, paused, renamed, updated, and found by a second daemon.
 */
#include "node/engine/test/world.h"

#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/container.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct world w;

#define SLEEPS "\"command\":[\"sleep\",\"1000\"]"

static const struct engine_container *found(void)
{
	const struct engine_container *c = NULL;

	(void)engine_find(w.e, w.id, &c, NULL);
	return c;
}

static const struct engine_container *create(const char *members)
{
	mem_cleanup char *text = mem_printf("{\"image\":\"busybox\",%s}", members);
	json_doc_cleanup yyjson_doc *doc = json_parse(text, strlen(text), 1u << 20, "spec", NULL);
	const struct engine_container *c;
	struct err err = ERR_INIT;

	if (engine_create(w.e, yyjson_doc_get_root(doc), NULL, &c, &err) < 0)
		fail_msg("%s", err.text);
	w.id = c->id;
	return c;
}

static void start(void)
{
	struct err err = ERR_INIT;

	if (engine_start(w.e, w.id, &err) < 0)
		fail_msg("%s", err.text);
}

static bool is_running(struct world *world)
{
	(void)world;
	return found()->state == ENGINE_RUNNING && found()->ended_ms == 0;
}

/* Over, and nothing will begin it again. */
static bool is_over(struct world *world)
{
	const struct engine_container *c = found();

	(void)world;
	return !c || (container_ended((const struct container *)c) && !c->restarting && !engine_start_due(c) &&
		      ((const struct container *)c)->conn < 0);
}

static bool is_gone(struct world *world)
{
	return !found() && !world->e->gone;
}

static const struct engine_container *run_to_end(void)
{
	start();
	world_until(&w, is_over);
	return found();
}

static void remove_it(void)
{
	struct err err = ERR_INIT;
	char id[65];

	snprintf(id, sizeof id, "%s", w.id);
	w.id = id;
	if (engine_remove(w.e, id, true, &err) < 0)
		fail_msg("%s", err.text);
	world_until(&w, is_gone);
}

/* ---- created, started again ---- */

static void test_created_and_again(void **state)
{
	const struct engine_container *c =
	    create("\"name\":\"twice\",\"labels\":{\"a\":\"b\",\"c\":\"\"},\"command\":[\"sh\",\"-c\","
		   "\"test -e /mark && echo second; touch /mark; echo always; exit 3\"]");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(c->state, ENGINE_CREATED);
	assert_int_equal(c->run, 0);
	assert_false(c->starting);
	assert_string_equal(c->labels[0], "a=b");
	assert_string_equal(c->labels[1], "c=");
	assert_int_equal(engine_stop(w.e, c->id, 0, &err), -ESRCH);
	assert_int_equal(engine_kill(w.e, c->id, SIGTERM, &err), -ESRCH);
	start();
	assert_int_equal(c->run, 1);
	assert_true(c->starting);
	assert_int_equal(engine_start(w.e, c->id, &err), -EALREADY);
	world_until(&w, is_over);
	assert_int_equal(c->exit.code, 3);
	assert_int_equal(c->last_ended_ms, 0);
	c = run_to_end();
	assert_int_equal(c->run, 2);
	assert_int_equal(c->exit.code, 3);
	assert_true(c->last_ended_ms > 0);
	world_output(&w, c->id, -1, false);
	assert_string_equal(buf_str(&w.out), "always\nsecond\nalways\n");
	remove_it();
}

/* Asked for while the monitor of the life before has not gone. */
static void on_exited(void *ctx, const struct engine_event *ev)
{
	int *result = ctx;

	if (ev->type == ENGINE_EV_EXITED && ev->c->run == 1)
		*result = engine_start(w.e, ev->c->id, NULL);
}

static bool second_is_over(struct world *world)
{
	return found()->run == 2 && is_over(world);
}

static void test_start_at_the_end(void **state)
{
	int result = 1;
	struct engine_listener *l = engine_listen(w.e, on_exited, &result);

	(void)state;
	create("\"command\":[\"true\"]");
	start();
	world_until(&w, second_is_over);
	assert_int_equal(result, 0);
	engine_unlisten(l);
	remove_it();
}

static void test_cannot_start(void **state)
{
	const struct engine_container *c;

	(void)state;
	create("\"restart\":{\"policy\":\"always\"},\"command\":[\"no-such\"]");
	c = run_to_end();
	assert_true(c->exit.never_started);
	assert_int_equal(c->exit.code, 127);
	assert_int_equal(c->run, 1);
	remove_it();
}

/* ---- restart ---- */

static bool has_run_two(struct world *world)
{
	return found()->run == 2 && is_running(world);
}

static void test_restart(void **state)
{
	const struct engine_container *c = create(SLEEPS);
	struct err err = ERR_INIT;
	int pid;

	(void)state;
	start();
	world_until(&w, is_running);
	pid = c->pid;
	assert_int_equal(engine_restart(w.e, c->id, 0, &err), 0);
	world_until(&w, has_run_two);
	assert_int_not_equal(c->pid, pid);
	assert_int_equal(c->restart_count, 0);
	assert_int_equal(engine_stop(w.e, c->id, 0, &err), 0);
	world_until(&w, is_over);
	assert_true(c->manual);
	assert_int_equal(engine_restart(w.e, c->id, 0, &err), 0);
	world_until(&w, is_running);
	assert_int_equal(c->run, 3);
	assert_false(c->manual);
	/* The last word counts. */
	assert_int_equal(engine_restart(w.e, c->id, 0, &err), 0);
	assert_int_equal(engine_stop(w.e, c->id, 0, &err), 0);
	world_until(&w, is_over);
	assert_int_equal(c->run, 3);
	remove_it();
}

static void test_policies(void **state)
{
	static const struct {
		const char *restart, *command;
		uint32_t run;
	} rows[] = {
	    {"{\"policy\":\"no\"}", "exit 1", 1},
	    {"{\"policy\":\"on-failure\",\"max_retries\":2}", "exit 1", 3},
	    {"{\"policy\":\"on-failure\",\"max_retries\":2}", "exit 0", 1},
	    {"{\"policy\":\"on-failure\"}", "test -e /mark || { touch /mark; exit 1; }", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *members =
		    mem_printf("\"restart\":%s,\"command\":[\"sh\",\"-c\",\"%s\"]", rows[i].restart, rows[i].command);
		const struct engine_container *c;

		print_message("# %s %s\n", rows[i].restart, rows[i].command);
		create(members);
		c = run_to_end();
		assert_int_equal(c->run, rows[i].run);
		assert_int_equal(c->restart_count, rows[i].run - 1);
		remove_it();
	}
}

static bool third_waits(struct world *world)
{
	const struct engine_container *c = found();

	(void)world;
	return c->run >= 2 && c->restarting && c->state == ENGINE_EXITED;
}

static void test_waiting(void **state)
{
	const struct engine_container *c =
	    create("\"remove\":false,\"restart\":{\"policy\":\"always\"},\"command\":[\"true\"]");
	struct err err = ERR_INIT;

	(void)state;
	start();
	world_until(&w, third_waits);
	assert_int_equal(engine_remove(w.e, c->id, false, &err), -EBUSY);
	assert_int_equal(engine_kill(w.e, c->id, SIGUSR1, &err), -ESRCH);
	assert_int_equal(engine_stop(w.e, c->id, 0, &err), 0);
	assert_false(c->restarting);
	assert_true(c->manual);
	assert_int_equal(engine_stop(w.e, c->id, 0, &err), -ESRCH);
	/* A start begins anew. */
	start();
	assert_int_equal(c->restart_count, 0);
	world_until(&w, third_waits);
	remove_it();
}

static bool waits(struct world *world)
{
	(void)world;
	return found() && found()->restarting;
}

/* It goes only when no restart is due. */
static void test_autoremove(void **state)
{
	char id[65];

	(void)state;
	create("\"remove\":true,\"restart\":{\"policy\":\"on-failure\",\"max_retries\":1},\"command\":[\"false\"]");
	snprintf(id, sizeof id, "%s", w.id);
	w.id = id;
	start();
	world_until(&w, waits);
	world_until(&w, is_gone);
}

/* ---- pause ---- */

struct answer {
	bool came;
	struct err err;
};
static struct answer answer;

static void on_answer(void *ctx, const struct err *err)
{
	struct answer *a = ctx;

	a->came = true;
	a->err = err ? *err : (struct err)ERR_INIT;
}

static bool answered(struct world *world)
{
	(void)world;
	return answer.came;
}

static void pause_it(bool pause)
{
	struct err err = ERR_INIT;
	int r;

	answer.came = false;
	r = (pause ? engine_pause : engine_unpause)(w.e, w.id, on_answer, &answer, NULL, &err);
	if (r < 0)
		fail_msg("%s", err.text);
	world_until(&w, answered);
	assert_string_equal(answer.err.text, "");
	assert_int_equal(found()->paused, pause);
}

static void test_pause(void **state)
{
	const struct engine_container *c =
	    create("\"command\":[\"sh\",\"-c\",\"trap 'exit 9' TERM; while :; do sleep 0.02; done\"]");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(engine_pause(w.e, c->id, NULL, NULL, NULL, &err), -ESRCH);
	start();
	world_until(&w, is_running);
	assert_int_equal(engine_unpause(w.e, c->id, NULL, NULL, NULL, &err), -EALREADY);
	pause_it(true);
	assert_int_equal(engine_pause(w.e, c->id, NULL, NULL, NULL, &err), -EALREADY);
	assert_int_equal(engine_start(w.e, c->id, &err), -EBUSY);
	pause_it(false);
	/* Taken back before it is known. */
	assert_int_equal(engine_pause(w.e, c->id, NULL, NULL, NULL, &err), 0);
	pause_it(false);
	pause_it(true);
	assert_int_equal(engine_kill(w.e, c->id, SIGKILL, &err), 0);
	world_until(&w, is_over);
	assert_int_equal(c->exit.signal, SIGKILL);
	assert_false(c->paused);
	start();
	world_until(&w, is_running);
	pause_it(true);
	assert_int_equal(engine_stop(w.e, c->id, 0, &err), 0);
	world_until(&w, is_over);
	/* Answers that will not come. */
	start();
	world_until(&w, is_running);
	answer.came = false;
	assert_int_equal(engine_kill(w.e, c->id, SIGKILL, &err), 0);
	world_until(&w, is_over);
	assert_int_equal(engine_pause(w.e, c->id, on_answer, &answer, NULL, &err), -ESRCH);
	remove_it();
}

/* ---- who asks and goes ---- */

static bool is_paused_or_over(struct world *world)
{
	(void)world;
	return found()->paused || container_ended((const struct container *)found());
}

/* The monitor finds nobody to answer. */
static void test_asker_gone(void **state)
{
	static const char request[] = "{\"re\":1,\"pause\":true}\n";
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	fd_cleanup int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred monitor;
	socklen_t n = sizeof monitor;
	char record[RECORD_MAX];

	(void)state;
	create(SLEEPS);
	start();
	world_until(&w, is_running);
	snprintf(addr.sun_path, sizeof addr.sun_path, "%s/containers/%s/sock", w.data, w.id);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &monitor, &n), 0);
	assert_true(read(fd, record, sizeof record) > 0);
	/* So that all of it has happened when it looks. */
	assert_int_equal(kill(monitor.pid, SIGSTOP), 0);
	assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
	fd_closep(&fd);
	assert_int_equal(kill(monitor.pid, SIGCONT), 0);
	world_until(&w, is_paused_or_over);
	assert_int_equal(found()->state, ENGINE_RUNNING);
	pause_it(false);
	remove_it();
}

/* ---- removal ---- */

/* What cannot be moved keeps its container. */
static void test_dead(void **state)
{
	const struct engine_container *c = create(SLEEPS);
	mem_cleanup char *path = mem_printf("%s/containers/%s", w.data, c->id);
	struct err err = ERR_INIT;
	int removed, started;

	(void)state;
	assert_int_equal(mount(path, path, NULL, MS_BIND, NULL), 0);
	removed = engine_remove(w.e, c->id, false, &err);
	started = engine_start(w.e, c->id, &err);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(removed, -EIO);
	assert_int_equal(started, -EBUSY);
	assert_true(c->dead);
	remove_it();
}

/* ---- rename, update ---- */

static void test_rename(void **state)
{
	const struct engine_container *c = create("\"name\":\"before\"," SLEEPS), *other;
	struct err err = ERR_INIT;

	(void)state;
	other = create("\"name\":\"taken\"," SLEEPS);
	assert_int_equal(engine_rename(w.e, c->id, "taken", &err), -EEXIST);
	assert_int_equal(engine_rename(w.e, c->id, "before", &err), -EINVAL);
	assert_int_equal(engine_rename(w.e, c->id, "a/b", &err), -EINVAL);
	assert_int_equal(engine_rename(w.e, "before", "after", &err), 0);
	assert_string_equal(c->name, "after");
	assert_int_equal(engine_find(w.e, "before", &other, &err), -ENOENT);
	assert_int_equal(engine_rename(w.e, "taken", "before", &err), 0);
	remove_it();
	w.id = c->id;
	remove_it();
}

static int update(const char *changes, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(changes, strlen(changes), 1u << 20, "changes", err);
	int r;

	answer.came = false;
	r = engine_update(w.e, w.id, yyjson_doc_get_root(doc), on_answer, &answer, NULL, err);
	if (r == 0) {
		world_until(&w, answered);
		*err = answer.err;
	}
	return r < 0 ? r : -err->code;
}

static int64_t configured(const char *name)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	int64_t n = -1;
	struct err err = ERR_INIT;

	assert_int_equal(engine_config(w.e, w.id, &doc, &err), 0);
	(void)json_get_int(yyjson_obj_get(yyjson_doc_get_root(doc), "spec"), name, 0, INT64_MAX, &n, NULL);
	return n;
}

static void test_update(void **state)
{
	const struct engine_container *c = create("\"limit_pids\":100," SLEEPS);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(update("{\"image\":\"x\"}", &err), -EINVAL);
	assert_int_equal(update("{\"limit_pids\":-5}", &err), -EINVAL);
	assert_int_equal(update("{\"limit_pids\":50,\"restart\":{\"policy\":\"on-failure\",\"max_retries\":7}}", &err),
			 0);
	assert_int_equal(configured("limit_pids"), 50);
	assert_int_equal(c->restart, ENGINE_RESTART_ON_FAILURE);
	assert_int_equal(c->restart_max, 7);
	start();
	world_until(&w, is_running);
	assert_int_equal(update("{\"limit_pids\":60}", &err), 0);
	assert_int_equal(configured("limit_pids"), 60);
	assert_int_equal(update("{\"restart\":null,\"limit_pids\":null}", &err), 0);
	assert_int_equal(configured("limit_pids"), -1);
	assert_int_equal(c->restart, ENGINE_RESTART_NO);
	remove_it();
}

/* ---- what is told ---- */

static void on_action(void *ctx, const struct engine_action *a)
{
	struct buf *told = ctx;

	if (!strcmp(a->id, w.id))
		buf_printf(told, "%s ", a->action);
}

static bool destroyed(struct world *world)
{
	return is_gone(world) && strstr(buf_str(&world->notices), "destroy");
}

static const char *attribute(const struct engine_action *a, const char *name)
{
	for (const char *const *v = a ? a->attributes : NULL; v && *v; v += 2) {
		if (!strcmp(*v, name))
			return v[1];
	}
	return NULL;
}

static void test_actions(void **state)
{
	struct engine_action_listener *l = engine_action_listen(w.e, on_action, &w.notices);
	const struct engine_action *a = NULL;
	struct err err = ERR_INIT;
	char id[65];

	(void)state;
	buf_clear(&w.notices);
	create("\"name\":\"told\",\"labels\":{\"l\":\"1\"}," SLEEPS);
	snprintf(id, sizeof id, "%s", w.id);
	w.id = id;
	start();
	world_until(&w, is_running);
	pause_it(true);
	pause_it(false);
	assert_int_equal(engine_restart(w.e, id, 0, &err), 0);
	world_until(&w, has_run_two);
	assert_int_equal(engine_kill(w.e, id, SIGKILL, &err), 0);
	world_until(&w, is_over);
	assert_int_equal(engine_rename(w.e, id, "retold", &err), 0);
	assert_int_equal(engine_remove(w.e, id, false, &err), 0);
	world_until(&w, destroyed);
	print_message("# %s\n", buf_str(&w.notices));
	assert_non_null(strstr(buf_str(&w.notices), "create start pause unpause kill "));
	assert_non_null(strstr(buf_str(&w.notices), "die stop start restart kill die rename destroy "));
	engine_action_unlisten(l);
	/* The same again, for those who come later. */
	do
		a = engine_action_after(w.e, a ? a->number : 0);
	while (a && (strcmp(a->id, id) != 0 || strcmp(a->action, "die") != 0));
	assert_non_null(a);
	assert_string_equal(a->type, "container");
	assert_string_equal(attribute(a, "name"), "told");
	assert_string_equal(attribute(a, "image"), "busybox");
	assert_string_equal(attribute(a, "l"), "1");
	assert_non_null(attribute(a, "exitCode"));
	while (a && strcmp(a->action, "rename") != 0)
		a = engine_action_after(w.e, a->number);
	assert_string_equal(attribute(a, "oldName"), "told");
	assert_string_equal(attribute(a, "name"), "retold");
}

static bool few_are_kept(struct world *world)
{
	const struct engine_action *a = engine_action_after(world->e, 0);
	size_t n = 0;

	for (; a; a = engine_action_after(world->e, a->number))
		n++;
	return n <= ENGINE_ACTIONS_MAX;
}

static unsigned heard;

static void count(void *ctx, const struct engine_action *a)
{
	(void)ctx;
	heard += !strcmp(a->action, "many");
}

static void test_ring(void **state)
{
	struct engine_action_listener *l = engine_action_listen(w.e, count, NULL);

	(void)state;
	for (unsigned i = 0; i < ENGINE_ACTIONS_MAX + 100; i++)
		engine_action_add(w.e, "image", "many", "x", NULL);
	assert_false(few_are_kept(&w));
	world_until(&w, few_are_kept);
	assert_int_equal(heard, ENGINE_ACTIONS_MAX + 100);
	engine_action_unlisten(l);
}

/* ---- health ---- */

static bool two_checks(struct world *world)
{
	json_doc_cleanup yyjson_doc *doc = NULL;

	(void)world;
	return engine_health_log(w.e, w.id, &doc, NULL) == 0 &&
	       yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(doc), "log")) >= 2;
}

static void test_health_log(void **state)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	yyjson_val *root, *one;

	(void)state;
	create("\"healthcheck\":{\"test\":[\"CMD-SHELL\",\"echo some output; echo more >&2; exit 3\"],"
	       "\"interval_ms\":20,\"retries\":2}," SLEEPS);
	assert_int_equal(engine_health_log(w.e, w.id, &doc, &err), -ENOENT);
	start();
	world_until(&w, two_checks);
	assert_int_equal(engine_health_log(w.e, w.id, &doc, &err), 0);
	root = yyjson_doc_get_root(doc);
	assert_true(yyjson_get_int(yyjson_obj_get(root, "failing_streak")) >= 2);
	one = yyjson_arr_get_first(yyjson_obj_get(root, "log"));
	assert_int_equal(yyjson_get_int(yyjson_obj_get(one, "code")), 3);
	assert_string_equal(yyjson_get_str(yyjson_obj_get(one, "output")), "some output\nmore\n");
	assert_true(yyjson_get_sint(yyjson_obj_get(one, "end_ns")) >= yyjson_get_sint(yyjson_obj_get(one, "start_ns")));
	remove_it();
}

static bool is_healthy(struct world *world)
{
	(void)world;
	return found()->health == ENGINE_HEALTHY;
}

/* What a check has left behind writes on for ever, and faster than anybody reads. */
static void test_flooding_check(void **state)
{
	(void)state;
	create(
	    "\"healthcheck\":{\"test\":[\"CMD-SHELL\",\"yes & yes & yes & yes & exit 0\"],\"interval_ms\":20}," SLEEPS);
	start();
	world_until(&w, is_healthy);
	remove_it();
}

/* ---- a second daemon ---- */

static const struct engine_container *named(const char *name)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;

	if (engine_find(w.e, name, &c, &err) < 0)
		fail_msg("%s", err.text);
	w.id = c->id;
	return c;
}

static void stopped(const char *members)
{
	struct err err = ERR_INIT;

	create(members);
	start();
	world_until(&w, is_running);
	assert_int_equal(engine_stop(w.e, w.id, 0, &err), 0);
	world_until(&w, is_over);
}

static void test_second_daemon(void **state)
{
	struct err err = ERR_INIT;
	char data[64];

	(void)state;
	create("\"name\":\"created\",\"restart\":{\"policy\":\"always\"}," SLEEPS);
	stopped("\"name\":\"always\",\"restart\":{\"policy\":\"always\"}," SLEEPS);
	stopped("\"name\":\"unless\",\"restart\":{\"policy\":\"unless-stopped\"}," SLEEPS);
	create("\"name\":\"paused\"," SLEEPS);
	start();
	world_until(&w, is_running);
	pause_it(true);
	assert_int_equal(engine_rename(w.e, "paused", "pausing", &err), 0);
	snprintf(data, sizeof data, "%s", w.data);
	world_close(&w, false);
	world_open(&w, data, -1);
	assert_int_equal(named("created")->state, ENGINE_CREATED);
	assert_false(named("created")->starting);
	assert_true(named("unless")->manual);
	assert_int_equal(named("unless")->state, ENGINE_EXITED);
	assert_int_equal(named("unless")->run, 1);
	named("always");
	world_until(&w, is_running);
	assert_int_equal(named("always")->run, 2);
	named("pausing");
	world_until(&w, is_running);
	assert_true(found()->paused);
	pause_it(false);
	for (size_t i = 0; i < 4; i++) {
		w.id = engine_at(w.e, 0)->id;
		remove_it();
	}
}

/* Half of them is worse than none. */
static void test_damaged_wishes(void **state)
{
	static const char damaged[] = "{\"run\":1,\"start\":true,\"manual\":true,\"removing\":true,\"ending\":\"x\"}\n";
	const struct engine_container *c = create("\"name\":\"damaged\"," SLEEPS);
	mem_cleanup char *path = mem_printf("%s/containers/%s/life.json", w.data, c->id);
	fd_cleanup int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char data[64];

	(void)state;
	assert_int_equal(fd_write_all(fd, damaged, sizeof damaged - 1), 0);
	snprintf(data, sizeof data, "%s", w.data);
	world_close(&w, false);
	world_open(&w, data, -1);
	c = named("damaged");
	assert_int_equal(c->state, ENGINE_CREATED);
	assert_int_equal(c->run, 0);
	assert_false(c->manual || c->removing || engine_start_due(c));
	remove_it();
}

static int setup(void **state)
{
	(void)state;
	world_open(&w, NULL, -1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w, true);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_created_and_again),
	    cmocka_unit_test(test_start_at_the_end),
	    cmocka_unit_test(test_cannot_start),
	    cmocka_unit_test(test_restart),
	    cmocka_unit_test(test_policies),
	    cmocka_unit_test(test_waiting),
	    cmocka_unit_test(test_autoremove),
	    cmocka_unit_test(test_pause),
	    cmocka_unit_test(test_asker_gone),
	    cmocka_unit_test(test_dead),
	    cmocka_unit_test(test_rename),
	    cmocka_unit_test(test_update),
	    cmocka_unit_test(test_actions),
	    cmocka_unit_test(test_ring),
	    cmocka_unit_test(test_health_log),
	    cmocka_unit_test(test_flooding_check),
	    cmocka_unit_test(test_second_daemon),
	    cmocka_unit_test(test_damaged_wishes),
	};

	return !world_begin(argc, argv) ? 0 : cmocka_run_group_tests(tests, setup, teardown);
}
