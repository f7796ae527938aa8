/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/replay/wish.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB (UINT64_C(1) << 30)
#define MEMORY_PER_CORE (4 * GIB)

static const struct past_node *node_named(const struct past *p, const char *name)
{
	for (size_t k = 0; k < p->n_nodes; k++) {
		if (!strcmp(p->nodes[k].name, name))
			return &p->nodes[k];
	}
	return NULL;
}

/* A number and, for memory, its unit. */
static bool read_number(const char **p, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	int digits = 0;

	for (; **p >= '0' && **p <= '9' && digits < 9; (*p)++, digits++)
		value = value * 10 + (uint64_t)(**p - '0');
	*ret = value;
	return digits > 0 && value > 0 && value <= max;
}

/* 16c64g, 16c512m, 16c */
static bool read_kind(const char *text, struct past_node *n)
{
	uint64_t cores, memory;
	const char *p = text;

	if (!read_number(&p, 100000, &cores) || *p++ != 'c')
		return false;
	n->slots = (uint32_t)cores;
	n->cpu_milli = cores * 1000;
	n->memory = cores * MEMORY_PER_CORE;
	if (!*p)
		return true;
	if (!read_number(&p, 100000000, &memory))
		return false;
	n->memory = memory * (*p == 'm' ? GIB / 1024 : *p == 't' ? GIB * 1024 : GIB);
	return (*p == 'm' || *p == 'g' || *p == 't') && !p[1];
}

static int read_nodes(const char *text, const struct past *p, struct replay_wish *ret, struct err *err)
{
	const char *at = text + (*text == '+');
	const struct past_node *like = NULL;
	struct past_node kind = {.slots = 0};
	uint64_t count;

	if (*text != '+' || !read_number(&at, WISH_NODES_MAX, &count) || *at++ != 'x' || !*at)
		return err_set(err, EINVAL,
			       "--nodes \"%.60s\": +4x16c64g (4 more with 16 cores and 64 GiB) or +2xNAME (2 more like "
			       "that node) is needed, at most %d nodes",
			       text, WISH_NODES_MAX);
	if (!read_kind(at, &kind)) {
		like = node_named(p, at);
		if (!like)
			return err_set(err, EINVAL,
				       "--nodes \"%.60s\": \"%.60s\" is neither like 16c64g nor a node of the log",
				       text, at);
		kind = *like;
	}
	for (uint64_t k = 0; k < count; k++) {
		if (ret->n_nodes >= WISH_NODES_MAX)
			return err_set(err, EINVAL, "--nodes: at most %d nodes can be added", WISH_NODES_MAX);
		mem_grow(&ret->nodes, &ret->cap_nodes, ret->n_nodes);
		ret->nodes[ret->n_nodes] = kind;
		ret->nodes[ret->n_nodes].name = mem_printf("more-%zu", ret->n_nodes + 1);
		ret->nodes[ret->n_nodes].counters = mem_strdup(kind.counters);
		ret->nodes[ret->n_nodes++].facts = mem_strdup(kind.facts);
	}
	return 0;
}

static int read_policy(const char *text, struct replay_wish *ret, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	char *rest = NULL;

	for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		bool *flag = !strcmp(word, "fifo")     ? &ret->fifo
			     : !strcmp(word, "spread") ? &ret->spread
			     : !strcmp(word, "pack")   ? &ret->pack
						       : NULL;

		if (!flag)
			return err_set(err, EINVAL, "--policy: \"%.40s\" is unknown; there are fifo, pack and spread",
				       word);
		*flag = true;
	}
	if (ret->spread && ret->pack)
		return err_set(err, EINVAL, "--policy: pack and spread exclude each other");
	return 0;
}

int replay_wish_read(const struct replay_options *o, const struct past *p, struct replay_wish *ret, struct err *err)
{
	int r = 0;

	*ret = (struct replay_wish){.without = o->without};
	ret->set = (o->nodes && *o->nodes) || (o->without && *o->without) || o->policy;
	for (char *const *text = o->nodes; r == 0 && text && *text; text++)
		r = read_nodes(*text, p, ret, err);
	for (char *const *name = o->without; r == 0 && name && *name; name++) {
		if (!node_named(p, *name))
			r = err_set(err, EINVAL, "--without: the log knows no node \"%.60s\"", *name);
	}
	if (r == 0 && o->policy)
		r = read_policy(o->policy, ret, err);
	if (r < 0)
		replay_wish_free(ret);
	return r;
}

void replay_wish_free(struct replay_wish *w)
{
	for (size_t k = 0; k < w->n_nodes; k++) {
		free(w->nodes[k].name);
		free(w->nodes[k].facts);
		free(w->nodes[k].counters);
	}
	free(w->nodes);
	*w = (struct replay_wish){.nodes = NULL};
}

bool replay_wish_leaves_out(const struct replay_wish *w, const char *node)
{
	for (char *const *name = w ? w->without : NULL; name && *name; name++) {
		if (!strcmp(*name, node))
			return true;
	}
	return false;
}

/* fifo: nobody goes first by priority, share or deadline. pack and spread: for tasks that say nothing of it themselves, or the other of the two. */
void replay_wish_apply(const struct replay_wish *w, struct sched_job_spec *spec, struct sched_task_spec *tasks)
{
	if (w->fifo) {
		spec->priority = 0;
		spec->deadline_ms = 0;
		spec->tenant = "";
	}
	for (size_t k = 0; k < spec->n_tasks; k++) {
		if (w->spread && tasks[k].topology == SCHED_TOPO_ANY && !tasks[k].gang)
			tasks[k].topology = SCHED_TOPO_SPREAD;
		if (w->pack && tasks[k].topology == SCHED_TOPO_SPREAD)
			tasks[k].topology = SCHED_TOPO_ANY;
	}
}
