/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/counters.h"

#include "base/core/counts.h"
#include "base/core/err.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/messages.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"

#include <string.h>

#define WANTS_MAX 8 /* as the server says */

static void add(struct loader *l, struct job_service *s, const struct node *at, const char *name, int64_t n)
{
	struct err err = ERR_INIT;

	if (!s->counters)
		s->counters = arena_new_n(&l->arena, struct counts, 1);
	if (counts_has(s->counters, name))
		message_error(l, at, "the counter \"%s\" is asked for already; say it once", name);
	else if (s->counters->n >= WANTS_MAX)
		message_error(l, at, "at most %d counters can be asked for", WANTS_MAX);
	else if (n < 1 || n > counts_most(name))
		message_error(l, at, "a whole number from 1 to %u is needed", counts_most(name));
	else if (counts_set(s->counters, name, (uint64_t)n, &err) < 0)
		message_error(l, at, "%s", err.text);
}

/* Units, which have numbers. */
static void add_units(struct loader *l, struct job_service *s, const struct node *at, const char *name, int64_t n)
{
	if (counts_is_amount(name))
		message_error(l, at, "room on the disk is asked for by its size; for example x-berth: {disk: 10g}");
	else
		add(l, s, at, name, n);
}

#define MIB (1 << 20)

static void read_disk(struct loader *l, struct job_service *s)
{
	const struct node *at = node_value(s->berth, COUNTS_DISK);
	int64_t bytes = read_size(s->berth, COUNTS_DISK, 0);

	if (at && bytes > (int64_t)COUNTS_DISK_MAX * MIB)
		message_error(l, at, "there is no disk of that size");
	else if (at && bytes > 0)
		add(l, s, at, COUNTS_DISK, bytes / MIB + (bytes % MIB != 0));
}

static bool names_gpu(const struct node *capabilities)
{
	for (size_t i = 0; capabilities && i < capabilities->n; i++) {
		const struct node *c = capabilities->items[i];

		if (c->kind == NODE_SCALAR && !strcmp(c->text, "gpu"))
			return true;
	}
	return false;
}

/* Which of them it gets is the node's choice, so that no two copies get the same. `plain`: of `gpus`, where the capability goes without saying. */
static void read_device(struct loader *l, struct job_service *s, const struct node *request, bool plain)
{
	const struct node *capabilities = node_value(request, "capabilities"), *count = node_value(request, "count");
	int64_t n;

	if (request->kind != NODE_MAP)
		return;
	if (!names_gpu(capabilities) && !(plain && !capabilities))
		message_error(l, capabilities ? capabilities : request,
			      "a job gets GPUs alone by this: capabilities: [gpu] is needed");
	else if (!count || count->kind != NODE_SCALAR || !scalar_int(count->text, &n))
		message_error(
		    l, count ? count : request,
		    "a job says how many GPUs it wants, since all of them are no number; for example count: 1");
	else
		add(l, s, count, COUNTS_GPU, n);
}

static void read_devices(struct loader *l, struct job_service *s, const struct node *list, bool plain)
{
	for (size_t i = 0; list && i < list->n; i++)
		read_device(l, s, list->items[i], plain);
}

static void read_own(struct loader *l, struct job_service *s, const struct node *own)
{
	for (size_t i = 0; own && i < own->n; i++) {
		const struct node *n = own->items[i];
		int64_t units = read_int(own, n->key->text, 0);

		/* Else the schema has told. */
		if (units >= 1 && units <= COUNTS_N_MAX)
			add_units(l, s, n, n->key->text, units);
	}
}

static void read_generic(struct loader *l, struct job_service *s, const struct node *resource)
{
	const struct node *spec = read_map(resource, "discrete_resource_spec"), *value = node_value(spec, "value");
	const char *kind = read_str(spec, "kind", NULL);
	int64_t n;

	if (!spec || !kind || !value || value->kind != NODE_SCALAR || !scalar_int(value->text, &n))
		message_error(
		    l, value ? value : resource,
		    "a kind and a number are needed; for example discrete_resource_spec: {kind: gpu, value: 2}");
	else
		add_units(l, s, value, kind, n);
}

void counters_read(struct loader *l, struct job_service *s)
{
	const struct node *reserve = read_map(read_map(read_map(s->node, "deploy"), "resources"), "reservations");
	const struct node *own = read_map(s->berth, "counters"), *gpus = node_value(s->node, "gpus");
	const struct node *generic = read_list(reserve, "generic_resources");

	read_own(l, s, own);
	read_disk(l, s);
	if (gpus && gpus->kind == NODE_SCALAR)
		message_error(l, gpus,
			      "a job says how many GPUs it wants, since all of them are no number; for "
			      "example gpus: [{count: 1}]");
	read_devices(l, s, read_list(s->node, "gpus"), true);
	read_devices(l, s, read_list(reserve, "devices"), false);
	for (size_t i = 0; generic && i < generic->n; i++)
		read_generic(l, s, generic->items[i]);
	if (own)
		job_where_add(l, s, own);
	job_where_add(l, s, node_value(s->berth, COUNTS_DISK));
}
