/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/probes.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/engine.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define SPEC_MAX (32u << 20)
#define PREFIX "probe/"
#define AT_ONCE 64 /* the server asks fewer */

struct probing {
	struct probing *next;
	struct probes *owner;
	char *name, *id; /* id: of its container */
	struct loop_timer *timer;
	struct engine_log *log;
	struct buf said;
	uint32_t timeout_ms;
	bool late, fit;
	char *why; /* when it said nothing */
};

struct probes {
	struct loop *loop;
	struct engine *engine;
	struct engine_listener *listener;
	probes_fn fn;
	void *ctx;
	struct probing *first;
	size_t n;
	uint64_t number; /* of the last container: names do not come again while an older one is still being removed */
};

static void remove_container(struct engine *e, const char *id)
{
	struct err err = ERR_INIT;

	if (engine_remove(e, id, true, &err) < 0 && err.code != ENOENT)
		log_err(&err, "remove the container of a probe");
}

static void probing_free(struct probing *g)
{
	engine_log_close(g->log);
	loop_timer_free(g->timer);
	buf_free(&g->said);
	free(g->name);
	free(g->id);
	free(g->why);
	free(g);
}

static void unlink_probing(struct probing *g)
{
	struct probing **p = &g->owner->first;

	while (*p != g)
		p = &(*p)->next;
	*p = g->next;
	g->owner->n--;
}

/* Without control characters: it is shown to people. */
static void tidy(char *text)
{
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
}

static void answer(struct probing *g)
{
	struct probes *p = g->owner;
	mem_cleanup char *text = g->said.len ? mem_strdup(buf_str(&g->said)) : mem_strdup(g->why ? g->why : "");

	tidy(text);
	unlink_probing(g);
	if (g->id)
		remove_container(p->engine, g->id);
	p->fn(p->ctx, g->name, g->fit, text);
	probing_free(g);
}

static void answer_no(struct probing *g, const char *why)
{
	g->fit = false;
	free(g->why);
	g->why = mem_strndup(why, strnlen(why, PROBES_TEXT_MAX));
	answer(g);
}

/* ---- its end ---- */

/* The bytes of the first line that is not empty, and no part of a character at the end. Returns 1 when it is whole. */
static int take_line(struct buf *said, const char *data, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		if (data[k] == '\n' && said->len)
			return 1;
		if (data[k] == '\n' || data[k] == '\r' || !data[k])
			continue;
		if (said->len >= PROBES_TEXT_MAX - 4 && ((unsigned char)data[k] & 0xc0) != 0x80)
			return 1;
		if (said->len >= PROBES_TEXT_MAX)
			return 1;
		buf_addc(said, data[k]);
	}
	return 0;
}

static int on_output(void *ctx, int stream, int64_t time_ms, const void *data, size_t n)
{
	struct probing *g = ctx;

	(void)time_ms;
	if (stream && !take_line(&g->said, data, n))
		return 0;
	if (!stream && n)
		return 0;
	answer(g);
	return 1;
}

static void read_output(struct probing *g)
{
	const struct engine_log_options all = {.tail = -1};
	struct err err = ERR_INIT;

	if (engine_log_open(g->owner->engine, g->id, &all, on_output, g, &g->log, &err) < 0)
		answer(g);
}

static void ended(struct probing *g, const struct engine_container *c)
{
	g->fit = c->state == ENGINE_EXITED && !c->exit.code && !c->exit.error && !g->late;
	if (g->late) {
		g->why = mem_printf("took longer than %g s", (double)g->timeout_ms / 1000);
		answer(g);
		return;
	}
	if (c->exit.error) {
		mem_cleanup char *why = mem_strdup(c->exit.error);

		answer_no(g, why);
		return;
	}
	g->why = g->fit ? NULL : mem_printf("exit code %d", c->exit.code);
	read_output(g);
}

static void on_event(void *ctx, const struct engine_event *ev)
{
	struct probes *p = ctx;

	for (struct probing *g = p->first; g && ev->c && ev->type == ENGINE_EV_EXITED; g = g->next) {
		if (!g->id || g->log || strcmp(g->id, ev->c->id) != 0)
			continue;
		loop_timer_disarm(g->timer);
		ended(g, ev->c);
		return;
	}
}

static void on_late(void *ctx)
{
	struct probing *g = ctx;
	struct err err = ERR_INIT;

	g->late = true;
	if (engine_kill(g->owner->engine, g->id, SIGKILL, &err) < 0 && err.code != ESRCH)
		log_err(&err, "end a probe");
}

/* ---- its start ---- */

static int start(struct probing *g, const char *spec, struct err *err)
{
	struct probes *p = g->owner;
	json_doc_cleanup yyjson_doc *doc = json_parse(spec, strlen(spec), SPEC_MAX, "the probe's container", err);
	json_mut_cleanup yyjson_mut_doc *d = doc ? yyjson_doc_mut_copy(doc, NULL) : NULL;
	json_doc_cleanup yyjson_doc *named = NULL;
	mem_cleanup char *key = mem_printf(PREFIX "%s/%" PRIu64, g->name, ++p->number);
	mem_cleanup char *name = mem_printf("probe-%.16s-%" PRIu64, g->name, p->number);
	const struct engine_container *c;
	int r;

	if (!d || !yyjson_mut_is_obj(yyjson_mut_doc_get_root(d)))
		return err_set(err, EINVAL, "the probe's container is not an object");
	yyjson_mut_obj_add_strcpy(d, yyjson_mut_doc_get_root(d), "key", key);
	yyjson_mut_obj_add_strcpy(d, yyjson_mut_doc_get_root(d), "name", name);
	named = yyjson_mut_doc_imut_copy(d, NULL);
	r = engine_run(p->engine, yyjson_doc_get_root(named), &c, err);
	if (r == 0)
		g->id = mem_strdup(c->id);
	return r;
}

void probes_run(struct probes *p, const char *name, const char *spec, uint32_t timeout_ms)
{
	struct probing *g = p->first;
	struct err err = ERR_INIT;

	while (g && strcmp(g->name, name) != 0)
		g = g->next;
	if (g)
		return;
	if (p->n >= AT_ONCE) {
		p->fn(p->ctx, name, false, "too many probes at once");
		return;
	}
	g = mem_new(struct probing);
	*g = (struct probing){.owner = p, .name = mem_strdup(name), .timeout_ms = timeout_ms, .next = p->first};
	g->said = (struct buf)BUF_LIMIT(2 * PROBES_TEXT_MAX);
	g->timer = loop_timer_new(p->loop, on_late, g);
	p->first = g;
	p->n++;
	if (start(g, spec, &err) < 0)
		answer_no(g, err.text);
	else
		loop_timer_arm(g->timer, timeout_ms);
}

/* ---- all of them ---- */

static void remove_left(struct engine *e)
{
	const struct engine_container *c;
	char **ids = NULL;

	for (size_t i = 0; (c = engine_at(e, i)); i++) {
		if (c->key && !strncmp(c->key, PREFIX, strlen(PREFIX)))
			mem_strv_add(&ids, c->id);
	}
	for (char **id = ids; id && *id; id++)
		remove_container(e, *id);
	mem_strv_free(ids);
}

struct probes *probes_new(struct loop *l, struct engine *e, probes_fn fn, void *ctx)
{
	struct probes *p = mem_new(struct probes);

	*p = (struct probes){.loop = l, .engine = e, .fn = fn, .ctx = ctx, .number = (uint64_t)clock_wall_ms()};
	remove_left(e);
	p->listener = engine_listen(e, on_event, p);
	return p;
}

/* What runs is removed by the next daemon. */
struct probes *probes_free(struct probes *p)
{
	if (!p)
		return NULL;
	engine_unlisten(p->listener);
	for (struct probing *g = p->first, *next; g; g = next) {
		next = g->next;
		probing_free(g);
	}
	free(p);
	return NULL;
}
