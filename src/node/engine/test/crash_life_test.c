/* SPDX-License-Identifier: Apache-2.0
 *
 * A daemon that creates, starts, stops, restarts, renames and removes containers is killed with SIGKILL at any moment, its launcher sometimes with it,
 * again and again. The next one must show what was answered; what was asked and not answered may have happened or not.
 */
#include "node/engine/test/world.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
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
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { SLOTS = 4, ROUNDS = 12, STEPS_MAX = 60 };
enum want { GONE, CREATED, RUNS, ENDED };
enum op { OP_CREATE, OP_START, OP_STOP, OP_KILL, OP_RESTART, OP_RENAME, OP_REMOVE, OP_SETTLE, OPS };

static const char *const op_names[OPS] = {"create", "start", "stop", "kill", "restart", "rename", "remove", "settle"};
static const char *const policies[SLOTS] = {"no", "no", "unless-stopped", "always"};

/* What was answered about one container; `asked` is under way while `busy`. */
struct slot {
	enum want want;
	char name[32], asked_name[32];
	enum op asked;
	bool busy;
	char story[2000]; /* what was asked since the round began, for whoever reads of a failure */
};

/* Seen by the daemon and by the test. */
struct shared {
	struct slot slots[SLOTS];
	unsigned names;
	pid_t launcher;
};

static struct world w;
static struct shared *shared;

/* ---- the daemon ---- */

static bool is_quiet(const struct container *c)
{
	if (container_idle(c))
		return !life_pending(c) && c->conn < 0 && !c->losing && !c->remove_soon;
	return c->pub.state == ENGINE_RUNNING && c->ending == LIFE_NOT_ENDING && !c->start_soon && !c->remove_soon;
}

static bool all_quiet(struct world *world)
{
	for (size_t i = 0; i < world->e->n; i++) {
		if (!is_quiet(world->e->list[i]))
			return false;
	}
	return !world->e->gone;
}

static int create(unsigned slot, struct err *err)
{
	mem_cleanup char *text = mem_printf("{\"image\":\"busybox\",\"name\":\"%s\",\"command\":[\"sleep\",\"1000\"],"
					    "\"restart\":{\"policy\":\"%s\"}}",
					    shared->slots[slot].asked_name, policies[slot]);
	json_doc_cleanup yyjson_doc *doc = json_parse(text, strlen(text), 1u << 20, "spec", NULL);
	const struct engine_container *c;

	return engine_create(w.e, yyjson_doc_get_root(doc), NULL, &c, err);
}

static int act(unsigned slot, enum op op, struct err *err)
{
	const char *name = shared->slots[slot].name;

	switch (op) {
	case OP_CREATE:
		return create(slot, err);
	case OP_START:
		return engine_start(w.e, name, err);
	case OP_STOP:
		return engine_stop(w.e, name, 0, err);
	case OP_KILL:
		return engine_kill(w.e, name, SIGKILL, err);
	case OP_RESTART:
		return engine_restart(w.e, name, 0, err);
	case OP_RENAME:
		return engine_rename(w.e, name, shared->slots[slot].asked_name, err);
	case OP_REMOVE:
		return engine_remove(w.e, name, true, err);
	case OP_SETTLE:
	case OPS:
		world_until(&w, all_quiet);
		break;
	}
	return 0;
}

static void answer(struct slot *s, enum op op)
{
	static const enum want wants[OPS] = {
	    [OP_CREATE] = CREATED, [OP_START] = RUNS, [OP_STOP] = ENDED, [OP_KILL] = ENDED, [OP_RESTART] = RUNS};

	if (op == OP_CREATE || op == OP_RENAME)
		memcpy(s->name, s->asked_name, sizeof s->name);
	if (op != OP_RENAME && op != OP_SETTLE)
		s->want = wants[op];
}

static void tell(struct slot *s, const char *mark, const char *text)
{
	size_t n = strlen(s->story);

	snprintf(s->story + n, sizeof s->story - n, "%s%s", mark, text);
}

static void step(int out)
{
	unsigned slot = (unsigned)random() % SLOTS;
	struct slot *s = &shared->slots[slot];
	struct err err = ERR_INIT;
	enum op op = (enum op)(1 + random() % (OPS - 1));

	if (s->want == GONE && op != OP_SETTLE)
		op = OP_CREATE;
	/* Not the beginning of an id. */
	snprintf(s->asked_name, sizeof s->asked_name, "x%u", ++shared->names);
	s->asked = op;
	s->busy = true;
	tell(s, " ", op_names[op]);
	if (act(slot, op, &err) == 0)
		answer(s, op);
	else
		tell(s, ": ", err.text);
	s->busy = false;
	if (write(out, "", 1) != 1)
		_exit(1);
}

static _Noreturn void daemon_main(const char *data, int lock, int out, unsigned seed)
{
	assert_int_equal(flock(lock, LOCK_EX), 0);
	srandom(seed);
	world_open(&w, data, lock);
	shared->launcher = launcher_pid(w.launcher);
	for (;;)
		step(out);
}

/* ---- the test ---- */

static void round_of(const char *data, unsigned seed)
{
	int out[2], lock = world_lock_file(data);
	unsigned steps = 1 + seed * 7 % STEPS_MAX;
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		daemon_main(data, lock, out[1], seed);
	close(out[1]);
	for (unsigned i = 0; i < steps; i++)
		assert_int_equal(read(out[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	if (seed % 2)
		kill(shared->launcher, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(out[0]);
	close(lock);
	/* When the launcher and all monitors to be are done. */
	lock = world_lock_file(data);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	close(lock);
}

static enum want state_of(const struct engine_container *c)
{
	if (!c)
		return GONE;
	return c->state == ENGINE_CREATED ? CREATED : c->state == ENGINE_RUNNING ? RUNS : ENDED;
}

/* A new daemon may start what ended, if it finds it so. */
static bool fits(unsigned slot, enum want want, enum want is)
{
	return is == want || (want == ENDED && is == RUNS && !strcmp(policies[slot], "always"));
}

static bool may_be(unsigned slot, enum want is)
{
	const struct slot *s = &shared->slots[slot];
	struct slot then = *s;

	if (fits(slot, s->want, is))
		return true;
	if (!s->busy || s->asked == OP_RENAME || s->asked == OP_SETTLE)
		return false;
	answer(&then, s->asked);
	return fits(slot, then.want, is);
}

static const struct engine_container *look(unsigned slot)
{
	const struct slot *s = &shared->slots[slot];
	const struct engine_container *c = NULL;
	bool named = s->busy && (s->asked == OP_CREATE || s->asked == OP_RENAME);

	if (*s->name && engine_find(w.e, s->name, &c, NULL) == 0)
		return c;
	return named && engine_find(w.e, s->asked_name, &c, NULL) == 0 ? c : NULL;
}

static void check(unsigned slot)
{
	struct slot *s = &shared->slots[slot];
	const struct engine_container *c = look(slot);
	enum want is = state_of(c);

	if (!may_be(slot, is))
		fail_msg("slot %u (%s): state %d is not %d; %s:%s", slot, c ? c->name : s->name, (int)is, (int)s->want,
			 s->busy ? "not answered" : "all answered", s->story);
	/* The next daemon goes on from what there is. */
	s->want = is;
	s->busy = false;
	*s->story = 0;
	snprintf(s->name, sizeof s->name, "%s", c ? c->name : "");
}

static void test_killed_at_any_time(void **state)
{
	char data[64];

	(void)state;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	world_open(&w, NULL, -1);
	snprintf(data, sizeof data, "%s", w.data);
	world_close(&w, false);
	for (unsigned seed = 1; seed <= ROUNDS; seed++) {
		round_of(data, seed);
		world_open(&w, data, -1);
		world_until(&w, all_quiet);
		for (unsigned i = 0; i < SLOTS; i++)
			check(i);
		world_close(&w, false);
	}
	world_open(&w, data, -1);
	world_close(&w, true);
	munmap(shared, sizeof *shared);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_at_any_time)};

	return !world_begin(argc, argv) ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
