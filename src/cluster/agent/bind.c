/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/bind.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "cluster/agent/numa.h"
#include "cluster/agent/units.h"
#include "node/engine/cdi.h"
#include "node/engine/engine.h"

#include <string.h>

struct taken {
	struct cores cores;
	struct units units;
	struct units by_hand; /* of no job; some of them may be in `units`, too */
};

static void add_cores(char *const *labels, struct cores *taken)
{
	static const char prefix[] = CORES_LABEL "=";

	for (char *const *l = labels; l && *l; l++) {
		struct cores its;

		if (strncmp(*l, prefix, sizeof prefix - 1) != 0 || !cores_parse(*l + sizeof prefix - 1, &its))
			continue;
		for (size_t k = 0; k < CORES_MAX / 64; k++)
			taken->bits[k] |= its.bits[k];
	}
}

/* Labels count on the containers of jobs alone: anybody can label others as he likes. */
static void find_taken(struct engine *e, const struct bind *b, struct taken *ret)
{
	const struct engine_container *c;

	*ret = (struct taken){.cores = {{0}}};
	for (size_t i = 0; (c = engine_at(e, i)); i++) {
		if (!c->key && !b->share && engine_uses_devices(c))
			units_add_devices(b->has, b->gpus, c->devices, &ret->by_hand);
		if (!c->key || c->state == ENGINE_EXITED || c->state == ENGINE_LOST)
			continue;
		add_cores(c->labels, &ret->cores);
		units_add(b->has, c->labels, &ret->units);
	}
}

unsigned bind_by_hand(struct engine *e, const struct bind *b)
{
	struct taken taken;

	find_taken(e, b, &taken);
	return units_gpus_but(b->has, &taken.by_hand, &taken.units);
}

static int pick_cores(const struct bind *b, const struct cores *taken, uint64_t memory, struct cores *ret,
		      struct cores *ret_nodes, struct err *err)
{
	fd_cleanup int dir = numa_open();
	struct cores usable;
	struct numa_map map;
	int r;

	cores_usable(&usable);
	numa_read(dir, &usable, &map);
	if (b->numa) {
		r = numa_pick(&map, taken, b->cores, memory, ret, ret_nodes, err);
	} else {
		r = cores_pick(&map.cores, taken, b->cores, ret, err);
		if (r == 0)
			cores_nodes(&map.cores, ret, ret_nodes);
	}
	return r == -EBUSY && b->cores <= cores_count(&map.cores.usable) ? BIND_BUSY : r;
}

static int bind_cores(const struct bind *b, const struct cores *taken, yyjson_mut_doc *d, struct err *err)
{
	yyjson_mut_val *o = yyjson_mut_doc_get_root(d), *labels = yyjson_mut_obj_get(o, "labels");
	char cpus[CORES_TEXT_MAX], mems[CORES_TEXT_MAX];
	struct cores mine, nodes;
	int r;

	yyjson_mut_obj_remove_key(labels, CORES_LABEL);
	if (!b->cores)
		return 0;
	r = pick_cores(b, taken, yyjson_mut_get_uint(yyjson_mut_obj_get(o, "limit_memory")), &mine, &nodes, err);
	if (r != 0)
		return r;
	cores_text(&mine, cpus);
	cores_text(&nodes, mems);
	if (!labels)
		labels = yyjson_mut_obj_add_obj(d, o, "labels");
	yyjson_mut_obj_add_strcpy(d, labels, CORES_LABEL, cpus);
	yyjson_mut_obj_add_strcpy(d, o, "cpuset_cpus", cpus);
	yyjson_mut_obj_add_strcpy(d, o, "cpuset_mems", mems);
	return 0;
}

/* 1: a file describes them all, and they have come by it. 0: none does, or hooks could not run (devhook.h). */
static int add_described(const struct bind *b, const struct units *mine, struct cdi_edits *edits, struct err *err)
{
	yyjson_mut_val *o = yyjson_mut_doc_get_root(edits->spec);
	char **names = units_cdi(b->has, mine, b->gpus);
	int r = -ENODEV;

	if (names && b->cdi && !yyjson_mut_get_bool(yyjson_mut_obj_get(o, "userns")))
		r = cdi_apply(b->cdi, names, edits, err);
	mem_strv_free(names);
	if (r == -ENODEV)
		err_clear(err);
	return r == -ENODEV ? 0 : r < 0 ? r : 1;
}

/* Not what somebody has by hand either. Those that are told apart are told to the server, which would choose otherwise had it known. */
static int pick_units(const struct bind *b, const struct taken *taken, const struct counts *wants, struct units *ret,
		      struct err *err)
{
	struct units all = taken->units;
	int r = units_pick(b->has, &all, wants, ret, err);

	if (r < 0)
		return r == -EBUSY ? BIND_BUSY : r;
	units_join(&all, &taken->by_hand);
	r = units_pick(b->has, &all, wants, ret, err);
	return r == -EBUSY ? BIND_BY_HAND : r;
}

static int bind_units(const struct bind *b, const struct taken *taken, struct cdi_edits *edits, struct err *err)
{
	yyjson_mut_doc *d = edits->spec;
	yyjson_mut_val *o = yyjson_mut_doc_get_root(d);
	struct counts wants;
	struct units mine;
	int r;

	units_clear(o);
	if (!b->counters)
		return 0;
	r = counts_parse(b->counters, &wants, err);
	if (r == 0)
		r = pick_units(b, taken, &wants, &mine, err);
	if (r != 0)
		return r;
	r = add_described(b, &mine, edits, err);
	if (r >= 0)
		units_write(b->has, &mine, r ? NULL : b->gpus, d, o);
	return r < 0 ? r : 0;
}

int bind_spec(struct engine *e, const struct bind *b, const yyjson_doc *doc, yyjson_doc **ret, yyjson_doc **ret_hooks,
	      struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_doc_mut_copy((yyjson_doc *)doc, NULL);
	struct cdi_edits edits = {.spec = d};
	struct taken taken;
	int r;

	if (!yyjson_mut_is_obj(yyjson_mut_doc_get_root(d)))
		return err_set(err, EINVAL, "the container's specification is not an object");
	find_taken(e, b, &taken);
	r = bind_cores(b, &taken.cores, d, err);
	if (r == 0)
		r = bind_units(b, &taken, &edits, err);
	if (r == 0 && edits.hooks)
		*ret_hooks = yyjson_mut_val_imut_copy(edits.hooks, NULL);
	if (r == 0)
		*ret = yyjson_mut_doc_imut_copy(d, NULL);
	return r;
}
