/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/depends.h"

#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"

#include <string.h>

static enum job_condition condition_of(const char *text)
{
	if (strcmp(text, "service_healthy") == 0)
		return JOB_HEALTHY;
	return strcmp(text, "service_completed_successfully") == 0 ? JOB_COMPLETED : JOB_STARTED;
}

static void add(struct loader *l, struct job_service *s, const struct node *at, const char *name)
{
	struct job_dep *d;

	for (size_t i = 0; i < s->n_deps; i++) {
		if (strcmp(s->deps[i].service, name) == 0) {
			message_error(l, at, "the service \"%s\" is there twice", name);
			return;
		}
	}
	arena_grow(&l->arena, &s->deps, &s->cap_deps, s->n_deps);
	d = &s->deps[s->n_deps++];
	*d = (struct job_dep){.service = name, .required = true, .at = at, .index = SIZE_MAX};
	if (at->kind != NODE_MAP)
		return;
	d->condition = condition_of(read_str(at, "condition", "service_started"));
	d->required = read_bool(at, "required", true);
	if (!node_value(at, "condition"))
		message_error(l, at, "condition is missing; for example {condition: service_started}");
}

void depends_read(struct loader *l, struct job_service *s)
{
	const struct node *n = node_value(s->node, "depends_on");

	for (size_t i = 0; n && i < n->n; i++) {
		const struct node *item = n->items[i];

		if (item->kind == NODE_SCALAR && !item->key)
			add(l, s, item, item->text);
		else if (item->kind == NODE_MAP && item->key)
			add(l, s, item, item->key->text);
	}
}
