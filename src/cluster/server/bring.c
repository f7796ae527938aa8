/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/bring.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/server/fleet.h"
#include "cluster/server/probe.h"
#include "cluster/server/server_private.h"

#include <stdio.h>
#include <string.h>

struct bringing {
	struct bringing *next;
	char node[CERT_NAME_MAX];
	char *image;
	struct sched_attempt_id *waiting;
	size_t n, cap; /* at most what the node has slots for */
	struct bring_probe *probes;
	size_t n_probes, cap_probes; /* few: the scheduler asks a node little at a time */
};

void server_bring_images(struct server *s, server_image_fn fn, void *ctx)
{
	s->bring = fn;
	s->bring_ctx = ctx;
}

static bool node_has(const struct server *s, const char *node, const char *image)
{
	const struct node *n = fleet_find(s, node);
	json_doc_cleanup yyjson_doc *facts = n && n->facts ? yyjson_read(n->facts, strlen(n->facts), 0) : NULL;

	return yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(facts), "images"), image) != NULL;
}

static struct bringing **find(struct server *s, const char *node, const char *image)
{
	struct bringing **p = &s->bringing;

	while (*p && (strcmp((*p)->node, node) != 0 || strcmp((*p)->image, image) != 0))
		p = &(*p)->next;
	return p;
}

static bool same(const struct sched_attempt_id *a, const struct sched_attempt_id *b)
{
	return a->task == b->task && a->index == b->index && a->epoch == b->epoch && !strcmp(a->job, b->job);
}

static void add(struct bringing *b, const struct sched_attempt_id *a)
{
	for (size_t i = 0; i < b->n; i++) {
		if (same(&b->waiting[i], a))
			return;
	}
	mem_grow(&b->waiting, &b->cap, b->n);
	b->waiting[b->n++] = *a;
}

static bool must_come(const struct server *s, const char *node, const char *image)
{
	return s->bring && image && !node_has(s, node, image);
}

/* The one that is on its way, or a new one. */
static struct bringing *begin(struct server *s, const char *node, const char *image, bool *ret_new)
{
	struct bringing **last = find(s, node, image), *b = *last;

	*ret_new = !b;
	if (b)
		return b;
	b = mem_new(struct bringing);
	snprintf(b->node, sizeof b->node, "%s", node);
	b->image = mem_strdup(image);
	*last = b;
	return b;
}

bool bring_waits(struct server *s, const struct sched_attempt_id *a, const char *node, const char *image)
{
	bool is_new;

	if (!must_come(s, node, image))
		return false;
	add(begin(s, node, image, &is_new), a);
	if (is_new)
		s->bring(s->bring_ctx, node, image);
	return true;
}

bool bring_waits_probe(struct server *s, const struct bring_probe *probe, const char *node, const char *image)
{
	struct bringing *b;
	bool is_new;

	if (!must_come(s, node, image))
		return false;
	b = begin(s, node, image, &is_new);
	for (size_t i = 0; i < b->n_probes; i++) {
		if (!strcmp(b->probes[i].name, probe->name))
			return true;
	}
	mem_grow(&b->probes, &b->cap_probes, b->n_probes);
	b->probes[b->n_probes++] = *probe;
	if (is_new)
		s->bring(s->bring_ctx, node, image);
	return true;
}

static void bringing_free(struct bringing *b)
{
	free(b->image);
	free(b->waiting);
	free(b->probes);
	free(b);
}

void server_image_brought(struct server *s, const char *node, const char *image, const struct err *error)
{
	struct bringing **p = find(s, node, image), *b = *p;

	if (!b)
		return;
	*p = b->next;
	for (size_t i = 0; i < b->n; i++) {
		bool started;

		if (!apply_is_live(s, &b->waiting[i], b->node, &started) || started)
			continue;
		if (error)
			apply_failed(s, &b->waiting[i], error);
		else
			apply_start(s, &b->waiting[i], b->node);
	}
	for (size_t i = 0; i < b->n_probes; i++)
		probe_go(s, b->probes[i].name, b->probes[i].job, b->probes[i].task, b->node, error);
	bringing_free(b);
}

static bool waits_here(const struct bringing *b, const char *job, uint32_t task)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->waiting[i].task == task && !strcmp(b->waiting[i].job, job))
			return true;
	}
	return false;
}

bool bring_why(const struct server *s, const char *job, uint32_t task, char *text, size_t n)
{
	const struct bringing *first = NULL;
	size_t more = 0;

	for (const struct bringing *b = s->bringing; b; b = b->next) {
		if (!waits_here(b, job, task))
			continue;
		more += first != NULL;
		first = first ? first : b;
	}
	if (!first)
		return false;
	snprintf(text, n, "its image \"%.200s\" has to come to node %s first", first->image, first->node);
	if (more)
		snprintf(text + strlen(text), n - strlen(text), " (and to %zu more)", more);
	return true;
}

void bring_free_all(struct server *s)
{
	while (s->bringing) {
		struct bringing *b = s->bringing;

		s->bringing = b->next;
		bringing_free(b);
	}
}
