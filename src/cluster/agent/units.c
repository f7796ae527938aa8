/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/units.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/agent/gpus.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

_Static_assert(COUNTS_N_MAX <= CORES_MAX, "a set holds all units of a counter");

static const char label[] = UNITS_LABEL;
#define LABEL_LEN (sizeof label - 1)

/* The place of a name, has->n when it is not there. */
static size_t place_of(const struct counts *has, const char *name, size_t len)
{
	size_t k = 0;

	while (k < has->n && (strlen(has->list[k].name) != len || strncmp(has->list[k].name, name, len) != 0))
		k++;
	return k;
}

static void join(struct cores *to, const struct cores *more)
{
	for (size_t w = 0; w < CORES_MAX / 64; w++)
		to->bits[w] |= more->bits[w];
}

void units_join(struct units *taken, const struct units *more)
{
	for (size_t k = 0; k < COUNTS_MAX; k++)
		join(&taken->sets[k], &more->sets[k]);
}

void units_add(const struct counts *has, char *const *labels, struct units *taken)
{
	for (char *const *l = labels; l && *l; l++) {
		const char *name = *l + LABEL_LEN, *equals = strchr(*l, '=');
		struct cores its;
		size_t k;

		if (strncmp(*l, label, LABEL_LEN) != 0 || !equals || !cores_parse(equals + 1, &its))
			continue;
		k = place_of(has, name, (size_t)(equals - name));
		if (k < has->n)
			join(&taken->sets[k], &its);
	}
}

/* The node itself, or a directory that it lies in. */
static bool brings(const char *path, const char *node)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return strncmp(node, path, n) == 0 && (!node[n] || node[n] == '/');
}

void units_add_devices(const struct counts *has, const struct gpus *gpus, char *const *paths, struct units *taken)
{
	size_t at = place_of(has, COUNTS_GPU, strlen(COUNTS_GPU));

	for (char *const *path = paths; at < has->n && path && *path; path++) {
		for (unsigned k = 0; k < gpus->n && k < has->list[at].n; k++) {
			if (brings(*path, gpus->nodes[k]))
				cores_add(&taken->sets[at], k);
		}
	}
}

unsigned units_gpus_but(const struct counts *has, const struct units *some, const struct units *but)
{
	size_t at = place_of(has, COUNTS_GPU, strlen(COUNTS_GPU));
	unsigned n = 0;

	for (unsigned k = 0; at < has->n && k < has->list[at].n; k++)
		n += cores_has(&some->sets[at], k) && !cores_has(&but->sets[at], k);
	return n;
}

static int pick_one(const struct count *has, const struct cores *taken, uint32_t n, struct cores *ret, struct err *err)
{
	uint32_t left = n;

	if (n > has->n)
		return err_set(err, EINVAL, "counter %s: %u units are needed, this node has %u", has->name, n, has->n);
	/* No part of it has a number, and the scheduler counts it. */
	if (counts_is_amount(has->name))
		return 0;
	for (uint32_t k = 0; k < has->n && left; k++) {
		if (cores_has(taken, k))
			continue;
		cores_add(ret, k);
		left--;
	}
	if (left)
		return err_set(err, EBUSY, "counter %s: %u units are needed, %u of %u are not taken on this node",
			       has->name, n, n - left, has->n);
	return 0;
}

int units_pick(const struct counts *has, const struct units *taken, const struct counts *wants, struct units *ret,
	       struct err *err)
{
	struct units mine = {.sets = {{.bits = {0}}}};

	for (size_t i = 0; i < wants->n; i++) {
		const struct count *want = &wants->list[i];
		size_t k = place_of(has, want->name, strlen(want->name));
		int r = k < has->n ? pick_one(&has->list[k], &taken->sets[k], want->n, &mine.sets[k], err)
				   : err_set(err, EINVAL, "this node has no counter \"%s\"", want->name);

		if (r < 0)
			return r;
	}
	*ret = mine;
	return 0;
}

/* ---- telling ---- */

static yyjson_mut_val *list_of(yyjson_mut_doc *d, yyjson_mut_val *spec, const char *key)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(spec, key);

	return list ? list : yyjson_mut_obj_add_arr(d, spec, key);
}

static void add_label(yyjson_mut_doc *d, yyjson_mut_val *spec, const char *name, const struct cores *mine)
{
	yyjson_mut_val *labels = yyjson_mut_obj_get(spec, "labels");
	mem_cleanup char *key = mem_printf("%s%s", label, name);
	char text[CORES_TEXT_MAX];

	cores_text(mine, text);
	if (!labels)
		labels = yyjson_mut_obj_add_obj(d, spec, "labels");
	yyjson_mut_obj_add(labels, yyjson_mut_strcpy(d, key), yyjson_mut_strcpy(d, text));
}

/* "BERTH_COUNTER_MY_GPU=0,1": what no variable's name can hold is an underscore. */
static void add_variable(yyjson_mut_doc *d, yyjson_mut_val *spec, const char *name, const struct cores *mine)
{
	buf_cleanup struct buf pair = BUF_INIT;
	const char *sep = "=";

	buf_adds(&pair, "BERTH_COUNTER_");
	for (; *name; name++)
		buf_addc(&pair, isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_');
	for (unsigned k = 0; k < CORES_MAX; k++) {
		if (!cores_has(mine, k))
			continue;
		buf_printf(&pair, "%s%u", sep, k);
		sep = ",";
	}
	yyjson_mut_arr_add_strcpy(d, list_of(d, spec, "environment"), buf_str(&pair));
}

static void add_device(yyjson_mut_doc *d, yyjson_mut_val *spec, const char *path)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list_of(d, spec, "devices"));

	yyjson_mut_obj_add_strcpy(d, o, "path_on_host", path);
	yyjson_mut_obj_add_strcpy(d, o, "path_in_container", path);
	yyjson_mut_obj_add_str(d, o, "permissions", "rw");
}

/* A node may have been told that it has more than were found: those have no device. */
static void add_gpus(yyjson_mut_doc *d, yyjson_mut_val *spec, const struct gpus *g, const struct cores *mine)
{
	buf_cleanup struct buf pair = BUF_INIT;
	const char *sep = "=";
	bool some = false;

	buf_adds(&pair, g->visible ? g->visible : "NVIDIA_VISIBLE_DEVICES");
	for (unsigned k = 0; k < CORES_MAX; k++) {
		if (!cores_has(mine, k))
			continue;
		buf_printf(&pair, "%s%u", sep, k < g->n ? g->numbers[k] : k);
		sep = ",";
		if (k < g->n)
			add_device(d, spec, g->nodes[k]);
		some |= k < g->n;
	}
	for (char **path = g->shared; some && path && *path; path++)
		add_device(d, spec, *path);
	/* Makers without such a variable go by the nodes that are there. */
	if (g->visible || !g->n)
		yyjson_mut_arr_add_strcpy(d, list_of(d, spec, "environment"), buf_str(&pair));
}

void units_write(const struct counts *has, const struct units *mine, const struct gpus *gpus, yyjson_mut_doc *d,
		 yyjson_mut_val *spec)
{
	for (size_t k = 0; k < has->n; k++) {
		const char *name = has->list[k].name;

		if (!cores_count(&mine->sets[k]))
			continue;
		add_label(d, spec, name, &mine->sets[k]);
		add_variable(d, spec, name, &mine->sets[k]);
		if (gpus && !strcmp(name, COUNTS_GPU))
			add_gpus(d, spec, gpus, &mine->sets[k]);
	}
}

char **units_cdi(const struct counts *has, const struct units *mine, const struct gpus *gpus)
{
	size_t at = place_of(has, COUNTS_GPU, strlen(COUNTS_GPU));
	char **names = NULL;

	for (unsigned k = 0; at < has->n && k < CORES_MAX; k++) {
		mem_cleanup char *name = NULL;

		if (!cores_has(&mine->sets[at], k))
			continue;
		name = mem_printf("%s=%u", gpus->cdi ? gpus->cdi : "nvidia.com/gpu",
				  gpus->cdi_numbers && k < gpus->n ? gpus->numbers[k] : k);
		mem_strv_add(&names, name);
	}
	return names;
}

void units_clear(yyjson_mut_val *spec)
{
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(yyjson_mut_obj_get(spec, "labels"));

	for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&it));) {
		if (!strncmp(yyjson_mut_get_str(key), label, LABEL_LEN))
			yyjson_mut_obj_iter_remove(&it);
	}
}
