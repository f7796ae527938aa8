/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/numa.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64u << 10)
#define DISTANCE_SELF 10
#define DISTANCE_UNKNOWN 255

/* ---- what the kernel says ---- */

int numa_open(void)
{
	return open("/sys/devices/system/node", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* All of a file, or NULL; the caller frees. */
static char *text_at(int dir, const char *path)
{
	fd_cleanup int fd = dir >= 0 ? openat(dir, path, O_RDONLY | O_CLOEXEC) : -1;
	char *text = NULL;
	size_t n;

	return fd >= 0 && fd_read_all(fd, FILE_MAX, &text, &n) == 0 ? text : NULL;
}

static bool list_at(int dir, const char *path, struct cores *ret)
{
	mem_cleanup char *text = text_at(dir, path);

	if (!text)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return cores_parse(text, ret);
}

static char *text_of(int dir, unsigned id, const char *file)
{
	char path[40];

	snprintf(path, sizeof path, "node%u/%s", id, file);
	return text_at(dir, path);
}

/* "Node 0 MemFree:   123 kB" */
static uint64_t bytes_of(const char *meminfo, const char *name)
{
	const char *at = meminfo ? strstr(meminfo, name) : NULL;

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void read_memory(int dir, struct numa_node *n)
{
	mem_cleanup char *text = text_of(dir, n->id, "meminfo");
	uint64_t cache = bytes_of(text, " FilePages:"), shared = bytes_of(text, " Shmem:");

	n->memory = bytes_of(text, " MemTotal:");
	n->available = bytes_of(text, " MemFree:") + (cache > shared ? cache - shared : 0);
	if (n->available > n->memory)
		n->available = n->memory;
}

static void read_distances(int dir, struct numa_map *m, struct numa_node *n)
{
	mem_cleanup char *text = text_of(dir, n->id, "distance");
	char *at = text;

	for (unsigned k = 0; k < m->n; k++) {
		char *end = at;
		unsigned long d = at ? strtoul(at, &end, 10) : 0;

		n->distance[k] = &m->nodes[k] == n ? DISTANCE_SELF : DISTANCE_UNKNOWN;
		if (end != at && d >= DISTANCE_SELF && d <= DISTANCE_UNKNOWN)
			n->distance[k] = (uint8_t)d;
		at = end;
	}
}

static void read_cores(int dir, struct numa_map *m, struct numa_node *n)
{
	struct cores of_node = {.bits = {0}};
	char path[40];

	snprintf(path, sizeof path, "node%u/cpulist", n->id);
	(void)list_at(dir, path, &of_node);
	for (unsigned k = 0; k < CORES_MAX; k++) {
		if (!cores_has(&of_node, k))
			continue;
		m->cores.node_of[k] = (uint16_t)n->id;
		n->cores += cores_has(&m->cores.usable, k);
	}
}

void numa_read(int dir, const struct cores *usable, struct numa_map *ret)
{
	struct cores online;

	*ret = (struct numa_map){.cores = {.usable = *usable}};
	if (!list_at(dir, "online", &online) || !cores_count(&online)) {
		ret->n = 1;
		ret->nodes[0] = (struct numa_node){.cores = cores_count(usable), .distance = {DISTANCE_SELF}};
		return;
	}
	for (unsigned id = 0; id < CORES_MAX && ret->n < NUMA_MAX; id++) {
		if (cores_has(&online, id))
			ret->nodes[ret->n++].id = id;
	}
	for (unsigned k = 0; k < ret->n; k++) {
		read_cores(dir, ret, &ret->nodes[k]);
		read_memory(dir, &ret->nodes[k]);
		read_distances(dir, ret, &ret->nodes[k]);
	}
}

/* ---- the choice ---- */

struct choice {
	unsigned order[NUMA_MAX], n; /* nodes, the first one first */
	unsigned givers;	     /* of processors */
	unsigned distance;	     /* from it to the others, all in all */
	unsigned left;		     /* free processors of the first one that stay free */
};

struct wanted {
	const struct numa_map *map;
	unsigned free[NUMA_MAX]; /* processors */
	unsigned cores;
	uint64_t memory;
};

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How much of what is missing a node has: of processors, then of memory. */
static uint64_t help(const struct wanted *w, unsigned node, unsigned cores, uint64_t memory)
{
	uint64_t available = w->map->nodes[node].available;

	if (cores)
		return least(w->free[node], cores);
	return available < memory ? available : memory;
}

/* The one of the others that helps most; of several the nearest. NUMA_MAX: none does. */
static unsigned best_helper(const struct wanted *w, const bool *in, unsigned first, unsigned cores, uint64_t memory)
{
	unsigned best = NUMA_MAX;

	for (unsigned k = 0; k < w->map->n; k++) {
		const uint8_t *distance = w->map->nodes[first].distance;
		uint64_t its = in[k] ? 0 : help(w, k, cores, memory), most;

		if (!its)
			continue;
		most = best < NUMA_MAX ? help(w, best, cores, memory) : 0;
		if (its > most || (its == most && distance[k] < distance[best]))
			best = k;
	}
	return best;
}

/* Beginning with that node. False: all of them together are not enough. */
static bool choose(const struct wanted *w, unsigned first, struct choice *ret)
{
	unsigned cores = w->cores - least(w->free[first], w->cores);
	uint64_t has = w->map->nodes[first].available, memory = w->memory > has ? w->memory - has : 0;
	bool in[NUMA_MAX] = {[0] = false};

	in[first] = true;
	*ret = (struct choice){.order = {first}, .n = 1, .left = w->free[first] - least(w->free[first], w->cores)};
	while (cores || memory) {
		unsigned k = best_helper(w, in, first, cores, memory);

		if (k == NUMA_MAX)
			return false;
		in[k] = true;
		ret->order[ret->n++] = k;
		ret->givers += cores > 0;
		ret->distance += w->map->nodes[first].distance[k];
		cores -= least(w->free[k], cores);
		has = w->map->nodes[k].available;
		memory = memory > has ? memory - has : 0;
	}
	return true;
}

static bool is_better(const struct choice *a, const struct choice *b)
{
	if (a->n != b->n)
		return a->n < b->n;
	if (a->givers != b->givers)
		return a->givers < b->givers;
	return a->distance != b->distance ? a->distance < b->distance : a->left < b->left;
}

static bool best_choice(const struct wanted *w, struct choice *ret)
{
	bool found = false;

	for (unsigned k = 0; k < w->map->n; k++) {
		struct choice c;

		if (!w->free[k] || !choose(w, k, &c) || (found && !is_better(&c, ret)))
			continue;
		*ret = c;
		found = true;
	}
	return found;
}

static bool is_free(const struct wanted *w, const struct cores *taken, unsigned core, unsigned node)
{
	return cores_has(&w->map->cores.usable, core) && !cores_has(taken, core) &&
	       w->map->cores.node_of[core] == w->map->nodes[node].id;
}

static void take(const struct wanted *w, const struct cores *taken, const struct choice *c, struct cores *ret,
		 struct cores *ret_nodes)
{
	unsigned left = w->cores;

	*ret = *ret_nodes = (struct cores){.bits = {0}};
	for (unsigned k = 0; k < c->n; k++) {
		cores_add(ret_nodes, w->map->nodes[c->order[k]].id);
		for (unsigned core = 0; core < CORES_MAX && left; core++) {
			if (!is_free(w, taken, core, c->order[k]))
				continue;
			cores_add(ret, core);
			left--;
		}
	}
}

int numa_pick(const struct numa_map *m, const struct cores *taken, unsigned n, uint64_t memory, struct cores *ret,
	      struct cores *ret_nodes, struct err *err)
{
	struct wanted w = {.map = m, .cores = n, .memory = memory};
	struct choice c = {.n = 0};
	unsigned all = 0;

	for (unsigned k = 0; k < m->n; k++) {
		for (unsigned core = 0; core < CORES_MAX; core++)
			w.free[k] += is_free(&w, taken, core, k);
		all += w.free[k];
	}
	if (all < n)
		return err_set(err, EBUSY,
			       "bind: %u processors of its own are needed, %u of %u are not taken on this node", n, all,
			       cores_count(&m->cores.usable));
	if (!best_choice(&w, &c)) {
		w.memory = 0;
		(void)best_choice(&w, &c);
	}
	take(&w, taken, &c, ret, ret_nodes);
	return 0;
}
