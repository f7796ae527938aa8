/* SPDX-License-Identifier: Apache-2.0
 *
 * What users wish of a container. A wish is written down first (life.h), then acted upon.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "node/engine/network.h"
#include "node/engine/spec.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int find_present(struct engine *e, const char *id, struct container **ret, struct err *err)
{
	int r = container_find(e, id, ret, err);

	if (r == 0 && (*ret)->remove_soon)
		return err_set(err, EBUSY, "container %s is being removed", (*ret)->pub.name);
	return r;
}

static int not_running(const struct container *c, struct err *err)
{
	return err_set(err, ESRCH, "container %s does not run", c->pub.name);
}

/* The one of the present life, or what clears up behind it. */
static bool has_monitor(const struct container *c)
{
	return c->conn >= 0 || c->retry || c->losing;
}

/* ---- start ---- */

/* One that is to go at its end goes when it cannot begin, too: whoever waits for that has no other news. */
static int begin(struct container *c, struct err *err)
{
	int r = life_begin(c, false, err);

	if (r < 0 && c->pub.remove && container_idle(c)) {
		c->remove_soon = c->pub.removing = true;
		container_try_forget(c);
	}
	return r;
}

static int start(struct container *c, struct err *err)
{
	int r;

	if (c->pub.job)
		return err_set(err, EINVAL, "container %s belongs to job %s, which starts its tasks itself",
			       c->pub.name, c->pub.job);
	if (c->pub.dead)
		return err_set(err, EBUSY, "container %s is dead: it was to be removed", c->pub.name);
	if (c->pub.paused)
		return err_set(err, EBUSY, "container %s is paused: unpause it", c->pub.name);
	if (!container_idle(c))
		return err_set(err, EALREADY, "container %s runs already", c->pub.name);
	life_cancel(c);
	if (!has_monitor(c))
		return begin(c, err);
	c->start_soon = true;
	c->pub.manual = false;
	c->pub.restart_count = 0;
	r = life_save(c, err);
	c->start_soon = r == 0;
	return r;
}

int engine_start(struct engine *e, const char *id, struct err *err)
{
	struct container *c;
	int r = find_present(e, id, &c, err);

	return r < 0 ? r : start(c, err);
}

bool engine_start_due(const struct engine_container *c)
{
	return ((const struct container *)(const void *)c)->start_soon;
}

/* ---- the end ---- */

static void tell_kill(struct container *c, int signal)
{
	char text[16];
	const char *const attributes[] = {"signal", text, NULL};

	snprintf(text, sizeof text, "%d", signal);
	engine_action_of(c->e, &c->pub, "kill", attributes);
}

/* Ends what does not run: what would have begun another life. */
static int end_wait(struct container *c, struct err *err)
{
	if (!life_pending(c))
		return not_running(c, err);
	life_cancel(c);
	c->pub.manual = true;
	life_note(c);
	event_add(c->e, ENGINE_EV_CHANGED, c, "restart");
	/* It was to go at its end, which this is now. */
	if (c->pub.remove) {
		c->remove_soon = true;
		container_try_forget(c);
	}
	return 0;
}

/* Without a monitor the end is on its way, only not read yet: what was written down about the time after it holds. */
static int ask_or_over(struct container *c, const char *line, struct err *err)
{
	int r = container_ask(c, line, err);

	return r == -ESRCH ? 0 : r;
}

static int ask_end(struct container *c, int signal, int64_t grace_ms, struct err *err)
{
	char line[64];

	c->ending = grace_ms < 0 ? -1 : grace_ms;
	life_note(c);
	snprintf(line, sizeof line, "{\"stop\":%lld,\"signal\":%d}\n", (long long)c->ending, signal);
	return ask_or_over(c, line, err);
}

/* SIGKILL, and what ends a container by its own word. */
static bool is_end(const struct container *c, int signal)
{
	return signal == SIGKILL || signal == c->stop_signal;
}

int engine_kill(struct engine *e, const char *id, int signal, struct err *err)
{
	struct container *c;
	char line[64];
	int r = container_find(e, id, &c, err);

	if (r < 0)
		return r;
	if (signal < 1 || signal > 64)
		return err_set(err, EINVAL, "%d is not a signal", signal);
	if (container_idle(c))
		return is_end(c, signal) ? end_wait(c, err) : not_running(c, err);
	if (is_end(c, signal)) {
		c->pub.manual = true;
		c->start_soon = false;
		if (signal == SIGKILL)
			c->ending = 0;
		life_note(c);
	}
	snprintf(line, sizeof line, "{\"kill\":%d}\n", signal);
	r = is_end(c, signal) ? ask_or_over(c, line, err) : container_ask(c, line, err);
	if (r == 0)
		tell_kill(c, signal);
	return r;
}

int engine_stop_by(struct engine *e, const char *id, int signal, int64_t grace_ms, struct err *err)
{
	struct container *c;
	int r = container_find(e, id, &c, err);

	if (r < 0)
		return r;
	if (signal < 0 || signal > 64)
		return err_set(err, EINVAL, "%d is not a signal", signal);
	if (container_idle(c))
		return end_wait(c, err);
	if (signal == 0)
		signal = c->stop_signal;
	c->pub.manual = true;
	c->start_soon = false;
	r = ask_end(c, signal, grace_ms, err);
	if (r < 0)
		return r;
	c->stop_asked = true;
	tell_kill(c, signal);
	return 0;
}

int engine_stop(struct engine *e, const char *id, int64_t grace_ms, struct err *err)
{
	return engine_stop_by(e, id, 0, grace_ms, err);
}

void engine_rest(struct engine *e)
{
	e->resting = true;
	for (size_t i = 0; i < e->n; i++) {
		struct container *c = e->list[i];
		struct err err = ERR_INIT;

		if (c->pub.job || container_idle(c))
			continue;
		if (ask_end(c, c->stop_signal, -1, &err) < 0)
			log_err(&err, "stop a container");
		else
			tell_kill(c, c->stop_signal);
	}
}

int engine_restart(struct engine *e, const char *id, int64_t grace_ms, struct err *err)
{
	struct container *c;
	int r = find_present(e, id, &c, err);
	int64_t ending;
	bool due;

	if (r < 0)
		return r;
	if (container_idle(c) || c->pub.job) {
		r = start(c, err);
		c->restart_asked = r == 0;
		return r;
	}
	due = c->start_soon;
	ending = c->ending;
	c->start_soon = true;
	c->pub.manual = false;
	r = ask_end(c, c->stop_signal, grace_ms, err);
	if (r < 0) {
		/* Somebody may have asked for another restart before. */
		c->start_soon = due;
		c->ending = ending;
		life_note(c);
		return r;
	}
	c->restart_asked = c->stop_asked = true;
	tell_kill(c, c->stop_signal);
	return 0;
}

int engine_remove(struct engine *e, const char *id, bool force, struct err *err)
{
	struct container *c;
	int r = container_find(e, id, &c, err);

	if (r < 0)
		return r;
	if (!force && (!container_idle(c) || c->pub.restarting))
		return err_set(err, EBUSY, "container %s %s: stop it first, or use force", c->pub.name,
			       c->pub.paused	   ? "is paused"
			       : c->pub.restarting ? "is restarting"
						   : "runs");
	life_cancel(c);
	c->pub.dead = false;
	c->remove_soon = c->pub.removing = true;
	if (!container_idle(c) || has_monitor(c))
		life_note(c);
	if (!container_idle(c)) {
		r = ask_or_over(c, "{\"kill\":9}\n", err);
		if (r < 0) {
			c->remove_soon = c->pub.removing = false;
			life_note(c);
			return r;
		}
		tell_kill(c, SIGKILL);
	}
	container_try_forget(c);
	if (c->pub.dead)
		return err_set(err, EIO, "the files of container %s cannot be removed (berth's log tells why)",
			       c->pub.name);
	return 0;
}

/* ---- pause ---- */

static int set_paused(struct engine *e, const char *id, bool pause, const struct answer_to *to,
		      struct engine_answer **ret, struct err *err)
{
	struct container *c;
	int r = find_present(e, id, &c, err);

	if (r < 0)
		return r;
	if (c->pub.state != ENGINE_RUNNING)
		return not_running(c, err);
	/* The answer to a pause may be on its way: whoever asked for that one may take it back already. */
	if (c->pub.paused == pause && (pause || !c->answers))
		return err_set(err, EALREADY, "container %s is %s paused", c->pub.name, pause ? "already" : "not");
	return answer_ask(c, pause ? "\"pause\":true" : "\"pause\":false", to, ret, err);
}

int engine_pause(struct engine *e, const char *id, engine_done_fn done, void *ctx, struct engine_answer **ret,
		 struct err *err)
{
	return set_paused(e, id, true, &(struct answer_to){.fn = done, .ctx = ctx}, ret, err);
}

int engine_unpause(struct engine *e, const char *id, engine_done_fn done, void *ctx, struct engine_answer **ret,
		   struct err *err)
{
	return set_paused(e, id, false, &(struct answer_to){.fn = done, .ctx = ctx}, ret, err);
}

/* ---- rename ---- */

static int check_name(const struct container *c, const char *name, struct err *err)
{
	if (!spec_name_ok(name))
		return err_set(err, EINVAL,
			       "name \"%.200s\": letters, digits, \"_\", \".\" and \"-\" are allowed, 128 at most",
			       name);
	if (!strcmp(name, c->pub.name))
		return err_set(err, EINVAL, "container %s has this name already", c->pub.name);
	if (map_get(&c->e->by_name, name))
		return err_set(err, EEXIST, "the name \"%s\" is already used by another container", name);
	return 0;
}

int engine_rename(struct engine *e, const char *id, const char *name, struct err *err)
{
	mem_cleanup char *old = NULL;
	const char *attributes[] = {"oldName", NULL, NULL};
	struct container *c;
	bool renamed;
	int r = find_present(e, id, &c, err);

	/* The server finds it by that name. */
	if (r == 0 && c->pub.job)
		r = err_set(err, EINVAL, "container %s belongs to job %s, which names its containers itself",
			    c->pub.name, c->pub.job);
	if (r == 0)
		r = check_name(c, name, err);
	if (r < 0)
		return r;
	old = c->pub.name;
	renamed = c->renamed;
	c->pub.name = mem_strdup(name);
	c->renamed = true;
	r = life_save(c, err);
	if (r < 0) {
		free(c->pub.name);
		c->pub.name = mem_take(old);
		c->renamed = renamed;
		return r;
	}
	map_remove(&e->by_name, old);
	map_put(&e->by_name, c->pub.name, c);
	network_renamed(c);
	attributes[1] = old;
	engine_action_of(e, &c->pub, "rename", attributes);
	event_add(e, ENGINE_EV_CHANGED, c, "rename");
	return 0;
}
