/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/life.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/container.h"
#include "node/engine/network.h"
#include "node/engine/spec.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_MAX 4096
#define REFUSED_MAX 400 /* bytes of it; as JSON up to six times as many */
/* The waits of a restart policy, as Docker's: doubled each time, from the first again after a life of some length. */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 60000
#define BACKOFF_LONG_LIFE_MS 10000

/* ---- life.json ---- */

static void add_flag(struct buf *out, const char *name, bool value)
{
	if (value)
		buf_printf(out, ",\"%s\":true", name);
}

int life_save(struct container *c, struct err *err)
{
	buf_cleanup struct buf text = BUF_LIMIT(LIFE_MAX);
	fd_cleanup int dir = container_dir(c, err);

	if (dir < 0)
		return dir;
	buf_printf(&text, "{\"run\":%" PRIu32, c->pub.run);
	add_flag(&text, "start", c->start_soon);
	add_flag(&text, "manual", c->pub.manual);
	add_flag(&text, "removing", c->pub.removing);
	add_flag(&text, "automatic", c->automatic);
	if (c->ending != LIFE_NOT_ENDING)
		buf_printf(&text, ",\"ending\":%" PRId64, c->ending);
	if (c->pub.restart_count)
		buf_printf(&text, ",\"restarts\":%" PRIu32, c->pub.restart_count);
	if (c->renamed) {
		buf_adds(&text, ",\"name\":");
		json_quote(&text, c->pub.name, strlen(c->pub.name));
	}
	if (c->pub.refused) {
		buf_adds(&text, ",\"refused\":");
		json_quote(&text, c->pub.refused, strlen(c->pub.refused));
	}
	buf_adds(&text, "}\n");
	return fs_write_atomic(dir, "life.json", text.data, text.len, 0600, false, err);
}

void life_note(struct container *c)
{
	struct err err = ERR_INIT;

	if (life_save(c, &err) < 0)
		log_err(&err, "a wish about a container is not written down");
}

static int read_life(struct container *c, yyjson_val *v, struct err *err)
{
	int64_t run = 0, restarts = 0;
	const char *name = NULL, *refused = NULL;
	int r = json_get_int(v, "run", 0, UINT32_MAX, &run, err);

	if (r == 0)
		r = json_opt_bool(v, "start", &c->start_soon, err);
	if (r == 0)
		r = json_opt_bool(v, "manual", &c->pub.manual, err);
	if (r == 0)
		r = json_opt_bool(v, "removing", &c->pub.removing, err);
	if (r == 0)
		r = json_opt_bool(v, "automatic", &c->automatic, err);
	if (r == 0)
		r = json_opt_int(v, "ending", -1, INT64_MAX, &c->ending, err);
	if (r == 0)
		r = json_opt_int(v, "restarts", 0, UINT32_MAX, &restarts, err);
	if (r == 0)
		r = json_opt_str(v, "name", &name, err);
	if (r == 0)
		r = json_opt_str(v, "refused", &refused, err);
	if (r < 0)
		return r;
	c->pub.refused = mem_strdup(refused);
	c->pub.run = (uint32_t)run;
	c->pub.restart_count = (uint32_t)restarts;
	c->remove_soon = c->pub.removing;
	if (name && spec_name_ok(name)) {
		free(c->pub.name);
		c->pub.name = mem_strdup(name);
		c->renamed = true;
	}
	return 0;
}

/* What is surely known without life.json: the last life that left a record. */
static uint32_t recorded_run(int dir)
{
	static const char *const names[] = {"state.json", "exit.json"};
	uint32_t run = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct record r;

		if (record_read(dir, names[i], &r, NULL) < 0)
			continue;
		run = r.run > run ? r.run : run;
		record_clear(&r);
	}
	return run;
}

void life_load(struct container *c, int dir, bool waits)
{
	mem_cleanup char *text = NULL;
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	size_t n;
	int r = fs_read(dir, "life.json", LIFE_MAX, &text, &n, &err);

	c->pub.run = waits ? 0 : 1;
	if (r == -ENOENT)
		return;
	if (r == 0) {
		doc = json_parse(text, n, LIFE_MAX, "life.json", &err);
		r = doc ? read_life(c, yyjson_doc_get_root(doc), &err) : -EINVAL;
	}
	if (r == 0)
		return;
	log_err(&err, "the wishes about a container cannot be read and are forgotten");
	c->start_soon = c->automatic = c->pub.manual = c->pub.removing = false;
	c->ending = LIFE_NOT_ENDING;
	c->pub.run = recorded_run(dir);
}

/* ---- the next life ---- */

/* What life.json says of the next life. */
static void set_wishes(struct container *c, bool automatic)
{
	c->pub.run++;
	c->pub.restart_count = automatic ? c->pub.restart_count + 1 : 0;
	c->automatic = automatic;
	c->start_soon = c->pub.manual = false;
	c->ending = LIFE_NOT_ENDING;
}

/* All that belonged to the life before. */
static void reset(struct container *c)
{
	struct engine_container *p = &c->pub;

	c->backoff = loop_timer_free(c->backoff);
	p->state = ENGINE_CREATED;
	p->starting = true;
	p->restarting = c->automatic;
	p->paused = p->dead = false;
	p->health = c->has_health ? ENGINE_HEALTH_STARTING : ENGINE_HEALTH_NONE;
	if (p->ended_ms)
		p->last_ended_ms = p->ended_ms;
	p->started_ms = p->ended_ms = p->warned_ms = 0;
	p->pid = 0;
	buf_free(&c->wishes);
	c->heard = c->never_ran = c->released = false;
	/* A launcher that fails now is asked again, like one that dies with the order. */
	c->ordered = 1;
}

/* Whoever looks at it later sees why it does not run, as with one whose program could not be started. */
static void note_refusal(struct container *c, const char *why)
{
	free(c->pub.refused);
	c->pub.refused = mem_strndup(why, REFUSED_MAX);
	life_note(c);
	event_add(c->e, ENGINE_EV_CHANGED, c, "refused");
}

static int prepare(struct container *c, int dir, struct err *err)
{
	struct err why = ERR_INIT;
	int r = network_prepare(c, dir, &why);

	if (r == 0)
		return 0;
	note_refusal(c, why.text);
	return err_set(err, why.code, "%s", why.text);
}

int life_begin(struct container *c, bool automatic, struct err *err)
{
	const struct container before = *c;
	fd_cleanup int dir = container_dir(c, err);
	int r = c->e->resting ? err_set(err, ESHUTDOWN, "berth is stopping") : dir;

	if (r >= 0)
		r = prepare(c, dir, err);
	if (r < 0)
		return r;
	free(c->pub.refused);
	c->pub.refused = NULL;
	/* Before the number: a socket tells that the order of this number has reached a monitor. */
	(void)unlinkat(dir, "sock", 0);
	(void)unlinkat(dir, "health.json", 0);
	set_wishes(c, automatic);
	r = life_save(c, err);
	if (r < 0) {
		c->pub.run = before.pub.run;
		c->pub.restart_count = before.pub.restart_count;
		c->pub.manual = before.pub.manual;
		c->automatic = before.automatic;
		c->start_soon = before.start_soon;
		c->ending = before.ending;
		network_release(c);
		return r;
	}
	reset(c);
	if (container_order(c, dir, NULL) < 0)
		container_gone(c);
	return 0;
}

/* ---- restart policies ---- */

static bool failed(const struct container *c)
{
	return c->pub.state == ENGINE_LOST || c->pub.exit.code != 0;
}

/* `again`: a daemon starts. */
static bool policy_wants(const struct container *c, bool again)
{
	const struct engine_container *p = &c->pub;

	if (p->job || c->remove_soon || !container_ended(c) || c->e->resting)
		return false;
	switch (p->restart) {
	case ENGINE_RESTART_NO:
		return false;
	case ENGINE_RESTART_ALWAYS:
		if (again)
			return true;
		break;
	case ENGINE_RESTART_UNLESS_STOPPED:
		break;
	case ENGINE_RESTART_ON_FAILURE:
		if (!failed(c) || (p->restart_max && p->restart_count >= p->restart_max))
			return false;
		break;
	}
	/* Who starts something that cannot start is told so, once. */
	return !p->manual && (c->automatic || !p->exit.never_started);
}

static void set_backoff(struct container *c)
{
	bool quick = c->pub.ended_ms - c->pub.started_ms < BACKOFF_LONG_LIFE_MS || c->pub.started_ms == 0;

	c->backoff_ms = c->backoff_ms == 0 || !quick ? BACKOFF_FIRST_MS : 2 * c->backoff_ms;
	if (c->backoff_ms > BACKOFF_MAX_MS)
		c->backoff_ms = BACKOFF_MAX_MS;
}

void life_ended(struct container *c)
{
	c->pub.starting = c->pub.paused = false;
	c->pub.restarting = !c->start_soon && policy_wants(c, false);
	if (c->pub.restarting)
		set_backoff(c);
	else
		c->backoff_ms = 0;
}

static void give_up(struct container *c, const struct err *err)
{
	if (err)
		log_err(err, "a container cannot be started again");
	c->start_soon = c->pub.restarting = false;
	/* It was to go at its end, which was told when another life was due. */
	if (c->pub.remove)
		c->remove_soon = c->pub.removing = true;
	event_add(c->e, ENGINE_EV_CHANGED, c, "restart");
}

static void begin_again(struct container *c, bool automatic)
{
	struct err err = ERR_INIT;

	if (life_begin(c, automatic, &err) < 0)
		give_up(c, &err);
}

static void on_backoff(void *ctx)
{
	struct container *c = ctx;

	c->backoff = loop_timer_free(c->backoff);
	/* The policy may be another one by now. */
	if (policy_wants(c, false))
		begin_again(c, true);
	else
		give_up(c, NULL);
	container_try_forget(c);
}

void life_over(struct container *c)
{
	if (!c->released)
		network_release(c);
	c->released = true;
	/* What is wished stands in life.json for the next daemon. */
	if (c->remove_soon || c->conn >= 0 || c->retry || c->losing || c->e->resting)
		return;
	if (c->start_soon) {
		begin_again(c, false);
	} else if (c->pub.restarting && !c->backoff) {
		c->backoff = loop_timer_new(c->e->loop, on_backoff, c);
		loop_timer_arm(c->backoff, c->backoff_ms);
	}
}

void life_close(struct container *c)
{
	if (container_ended(c) && !c->released)
		network_release(c);
	c->released = true;
}

void life_recall(struct container *c)
{
	life_over(c);
	if (policy_wants(c, true))
		begin_again(c, true);
	container_try_forget(c);
}

bool life_pending(const struct container *c)
{
	return c->start_soon || c->pub.restarting || c->pub.starting;
}

bool life_cancel(struct container *c)
{
	bool any = c->start_soon || c->pub.restarting;

	c->backoff = loop_timer_free(c->backoff);
	c->start_soon = c->pub.restarting = false;
	return any;
}
