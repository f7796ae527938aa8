/* SPDX-License-Identifier: Apache-2.0
 *
 * What a body of containers/create (Docker's, or the smaller one of containers/run) says to the cluster: constraints in the words of classic Swarm
 * ("constraint:node==n1" among the variables), the label berth.node, names that begin with a node ("n1/web"), other containers that it has to be with, and
 * what it needs.
 */
#include "face/onehost/onehost_private.h"

#include "base/core/mem.h"
#include "cluster/server/hosted.h"

#include <stdio.h>
#include <string.h>

#define NANO_MILLI 1000000 /* billionths of a processor in a thousandth */
#define SLOT_MILLI 1000

static void constrain(struct place_wish *w, const char *key, const char *value)
{
	mem_cleanup char *text = mem_printf("%s==%s", key, value);

	mem_strv_add(&w->constraints, text);
}

/* ---- variables and labels ---- */

static bool take_word(struct place_wish *w, const char *text)
{
	static const char *const prefixes[] = {"constraint:", "affinity:"};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) != 0)
			continue;
		mem_strv_add(&w->constraints, text + strlen(prefixes[i]));
		return true;
	}
	return false;
}

static void take_words(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, struct place_wish *w)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(o, key), *rest, *v;
	size_t i, n;

	if (!yyjson_mut_is_arr(list))
		return;
	rest = yyjson_mut_arr(d);
	yyjson_mut_arr_foreach (list, i, n, v) {
		const char *text = yyjson_mut_get_str(v);

		if (!text || !take_word(w, text))
			yyjson_mut_arr_append(rest, yyjson_mut_val_mut_copy(d, v));
	}
	yyjson_mut_obj_put(o, yyjson_mut_str(d, key), rest);
}

static void take_label(yyjson_mut_val *root, const char *key, struct place_wish *w)
{
	const char *node = yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_obj_get(root, key), ONEHOST_NODE_LABEL));

	if (node)
		constrain(w, "node", node);
}

/* ---- names that say where ---- */

/* "n1/web": that node, and "web" from then on. Of a container that is known: its node. */
static char *place_of(struct onehost *h, const char *name, bool container, struct place_wish *w)
{
	char node[NODE_NAME_MAX];
	const struct hosted *other;
	const char *rest;

	if (onehost_split(h, name, node, &rest)) {
		constrain(w, "node", node);
		return mem_strdup(rest);
	}
	other = container ? hosted_by_name(h->server, name) : NULL;
	if (container && !other)
		other = hosted_by_id(h->server, name);
	if (other)
		constrain(w, "node", other->node);
	return NULL;
}

/* The part of the text from `at` on, up to the colon if there is one, is a name. */
static void take_name(struct onehost *h, yyjson_mut_doc *d, yyjson_mut_val *v, size_t at, bool container,
		      struct place_wish *w)
{
	const char *text = yyjson_mut_get_str(v);
	size_t n = text && strlen(text) > at ? strcspn(text + at, ":") : 0;
	mem_cleanup char *name = n > 0 ? mem_strndup(text + at, n) : NULL, *rest = NULL, *changed = NULL;

	/* A path is no name. */
	rest = name && *name != '/' && *name != '.' ? place_of(h, name, container, w) : NULL;
	if (!rest)
		return;
	changed = mem_printf("%.*s%s%s", (int)at, text, rest, text + at + n);
	yyjson_mut_set_str(v, yyjson_mut_get_str(yyjson_mut_strcpy(d, changed)));
}

static void take_list(struct onehost *h, yyjson_mut_doc *d, yyjson_mut_val *list, bool container, struct place_wish *w)
{
	yyjson_mut_val *v;
	size_t i, n;

	yyjson_mut_arr_foreach (list, i, n, v) {
		take_name(h, d, v, 0, container, w);
	}
}

static void take_modes(struct onehost *h, yyjson_mut_doc *d, yyjson_mut_val *host, struct place_wish *w)
{
	static const char *const modes[] = {"NetworkMode", "IpcMode", "PidMode"};
	static const char with[] = "container:";

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		yyjson_mut_val *v = yyjson_mut_obj_get(host, modes[i]);
		const char *text = yyjson_mut_get_str(v);

		if (text && !strncmp(text, with, sizeof with - 1))
			take_name(h, d, v, sizeof with - 1, true, w);
		else if (text && i == 0)
			take_name(h, d, v, 0, false, w);
	}
}

static void take_mounts(struct onehost *h, yyjson_mut_doc *d, yyjson_mut_val *host, struct place_wish *w)
{
	yyjson_mut_val *v;
	size_t i, n;

	yyjson_mut_arr_foreach (yyjson_mut_obj_get(host, "Mounts"), i, n, v) {
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "Type"), "volume"))
			take_name(h, d, yyjson_mut_obj_get(v, "Source"), 0, false, w);
	}
}

static void take_endpoints(struct onehost *h, yyjson_mut_doc *d, yyjson_mut_val *root, struct place_wish *w)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(yyjson_mut_obj_get(root, "NetworkingConfig"), "EndpointsConfig");
	yyjson_mut_val *k, *v;
	size_t i, n;

	yyjson_mut_obj_foreach (list, i, n, k, v) {
		(void)v;
		take_name(h, d, k, 0, false, w);
	}
}

/* ---- what it needs ---- */

static uint64_t number(yyjson_mut_val *o, const char *key)
{
	int64_t n = yyjson_mut_get_sint(yyjson_mut_obj_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

/* --gpus: a number, ids, or all that the node has, which is one at least. */
static uint32_t gpus_of(yyjson_mut_val *request)
{
	int64_t count = yyjson_mut_get_sint(yyjson_mut_obj_get(request, "Count"));
	size_t ids = yyjson_mut_arr_size(yyjson_mut_obj_get(request, "DeviceIDs"));

	if (ids)
		return (uint32_t)ids;
	return count < 0 ? 1 : count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static bool wants_gpu(yyjson_mut_val *request)
{
	yyjson_mut_val *set, *v;
	size_t i, k, n, max;

	yyjson_mut_arr_foreach (yyjson_mut_obj_get(request, "Capabilities"), i, n, set) {
		yyjson_mut_arr_foreach (set, k, max, v) {
			if (yyjson_mut_equals_str(v, "gpu"))
				return true;
		}
	}
	return false;
}

static void read_devices(yyjson_mut_val *host, struct place_wish *w)
{
	yyjson_mut_val *request;
	size_t i, n;

	yyjson_mut_arr_foreach (yyjson_mut_obj_get(host, "DeviceRequests"), i, n, request) {
		uint32_t gpus = wants_gpu(request) ? gpus_of(request) : 0;

		w->gpus = gpus > w->gpus ? gpus : w->gpus;
	}
}

static void read_needs(yyjson_mut_val *root, yyjson_mut_val *host, struct place_wish *w)
{
	uint64_t nano = number(host, "NanoCpus"), milli = nano / NANO_MILLI + (nano % NANO_MILLI != 0);
	uint64_t quota = number(host, "CpuQuota");
	uint64_t period = number(host, "CpuPeriod"), memory = number(host, "Memory"), slots;

	if (!milli && quota && quota < (1ull << 40))
		milli = quota * 1000 / (period ? period : 100000);
	if (!milli)
		milli = number(root, "limit_cpu_milli");
	if (!memory)
		memory = number(host, "MemoryReservation");
	slots = milli / SLOT_MILLI + (milli % SLOT_MILLI != 0);
	w->cpu_milli = milli;
	w->slots = slots < UINT32_MAX ? (uint32_t)slots : UINT32_MAX;
	w->memory = memory ? memory : number(root, "limit_memory");
}

void place_wish_read(struct onehost *h, yyjson_mut_doc *d, struct place_wish *ret)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d), *host = yyjson_mut_obj_get(root, "HostConfig");

	*ret = (struct place_wish){.constraints = NULL};
	take_words(d, root, "Env", ret);
	take_words(d, root, "environment", ret);
	take_label(root, "Labels", ret);
	take_label(root, "labels", ret);
	take_modes(h, d, host, ret);
	take_list(h, d, yyjson_mut_obj_get(host, "VolumesFrom"), true, ret);
	take_list(h, d, yyjson_mut_obj_get(host, "Links"), true, ret);
	take_list(h, d, yyjson_mut_obj_get(host, "Binds"), false, ret);
	take_mounts(h, d, host, ret);
	take_endpoints(h, d, root, ret);
	read_needs(root, host, ret);
	read_devices(host, ret);
}

void place_wish_free(struct place_wish *w)
{
	mem_strv_free(w->constraints);
	w->constraints = NULL;
}
