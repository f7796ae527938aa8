/* SPDX-License-Identifier: Apache-2.0
 *
 * New limits and a new restart policy. The changed order is written beside config.json; whoever has done the rest renames it: the monitor of a
 * running container when the kernel has taken all limits, else the daemon. What a crash leaves beside it is written over by the next one.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/order.h"

#include <stdio.h>
#include <string.h>

struct update {
	enum engine_restart restart;
	uint32_t restart_max;
};

static const struct {
	const char *name;
	bool kernel; /* a running container hears of it */
} members[] = {
    {"limit_cpu_milli", true}, {"limit_memory", true},	    {"limit_pids", true},  {"memory_reservation", true},
    {"memory_swap", true},     {"memory_swappiness", true}, {"cpu_shares", true},  {"cpu_period", true},
    {"cpu_quota", true},       {"cpuset_cpus", true},	    {"cpuset_mems", true}, {"blkio_weight", true},
    {"restart", false},	       {"docker", false},
};

static int find_member(const char *name, struct err *err)
{
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (!strcmp(members[i].name, name))
			return (int)i;
	}
	return err_set(err, EINVAL, "\"%.100s\" of a container cannot be changed", name);
}

/* Puts the changes into the order's spec. Returns 1 when the kernel has to know. */
static int patch(yyjson_mut_doc *doc, yyjson_mut_val *spec, yyjson_val *changes, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, n;
	int kernel = 0;

	if (!yyjson_is_obj(changes))
		return err_set(err, EINVAL, "an object is needed, not %s", yyjson_get_type_desc(changes));
	yyjson_obj_foreach (changes, i, n, key, val) {
		int at = find_member(yyjson_get_str(key), err);

		if (at < 0)
			return at;
		kernel |= members[at].kernel;
		yyjson_mut_obj_remove_key(spec, members[at].name);
		if (!yyjson_is_null(val))
			yyjson_mut_obj_add_val(doc, spec, members[at].name, yyjson_val_mut_copy(doc, val));
	}
	return kernel;
}

static int check(yyjson_mut_val *spec, struct update *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_mut_val_imut_copy(spec, NULL);
	struct spec s;
	int r = spec_parse(yyjson_doc_get_root(doc), &s, err);

	if (r == 0)
		*ret = (struct update){(enum engine_restart)s.restart, (uint32_t)s.restart_max};
	spec_free(&s);
	return r;
}

/* Writes the changed order. Returns 1 when the kernel has to know. */
static int write_next(struct container *c, yyjson_val *changes, struct update *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *old = NULL;
	json_mut_cleanup yyjson_mut_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	fd_cleanup int dir = container_dir(c, err);
	yyjson_mut_val *spec;
	size_t len;
	int kernel, r = dir < 0 ? dir : engine_config(c->e, c->pub.id, &old, err);

	if (r < 0)
		return r;
	doc = yyjson_doc_mut_copy(old, NULL);
	spec = yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "spec");
	kernel = patch(doc, spec, changes, err);
	if (kernel < 0)
		return kernel;
	r = check(spec, ret, err);
	if (r < 0)
		return r;
	text = json_text(doc, false, &len);
	if (len > ORDER_MAX)
		return err_set(err, E2BIG, "the container's configuration would have %zu bytes", len);
	r = fs_write_atomic(dir, ORDER_NEXT, text, len, 0600, false, err);
	return r < 0 ? r : kernel;
}

static void take_over(struct container *c, const struct update *u)
{
	c->pub.restart = u->restart;
	c->pub.restart_max = u->restart_max;
	engine_action_of(c->e, &c->pub, "update", NULL);
	event_add(c->e, ENGINE_EV_CHANGED, c, "update");
}

static void on_answer(struct container *c, const char *about, const struct err *err)
{
	struct update *u = mem_take(c->update);

	(void)about;
	if (!err)
		take_over(c, u);
	free(u);
}

static int rename_next(struct container *c, struct err *err)
{
	fd_cleanup int dir = container_dir(c, err);

	if (dir < 0)
		return dir;
	return renameat(dir, ORDER_NEXT, dir, "config.json") < 0 ? err_sys(err, errno, "replace config.json") : 0;
}

static int update(struct container *c, yyjson_val *changes, const struct answer_to *to, struct engine_answer **ret,
		  struct err *err)
{
	struct update u;
	int r = write_next(c, changes, &u, err);

	if (r < 0)
		return r;
	if (r == 0 || container_idle(c)) {
		r = rename_next(c, err);
		if (r == 0)
			take_over(c, &u);
		return r < 0 ? r : 1;
	}
	if (c->pub.state != ENGINE_RUNNING)
		return err_set(err, EBUSY, "container %s is just starting or ending: try again", c->pub.name);
	r = answer_ask(c, "\"update\":true", to, ret, err);
	if (r == 0)
		c->update = mem_dup(&u, sizeof u);
	return r;
}

int engine_update(struct engine *e, const char *id, yyjson_val *changes, engine_done_fn done, void *ctx,
		  struct engine_answer **ret, struct err *err)
{
	const struct answer_to to = {.inner = on_answer, .fn = done, .ctx = ctx};
	struct container *c;
	int r = container_find(e, id, &c, err);

	if (r < 0)
		return r;
	if (c->remove_soon)
		return err_set(err, EBUSY, "container %s is being removed", c->pub.name);
	if (c->pub.job)
		return err_set(err, EINVAL, "container %s belongs to job %s", c->pub.name, c->pub.job);
	if (c->update)
		return err_set(err, EBUSY, "container %s is being updated: try again", c->pub.name);
	return update(c, changes, &to, ret, err);
}

void update_drop(struct container *c)
{
	free(c->update);
	c->update = NULL;
}
