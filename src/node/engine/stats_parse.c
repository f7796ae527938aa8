/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/stats_parse.h"

#include "base/core/mem.h"
#include "node/runtime/cgroup_mounts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The next line, or NULL; its end is not marked: *n is its length. */
static const char *next_line(const char **text, size_t *n)
{
	const char *line = *text;

	if (!*line)
		return NULL;
	*n = strcspn(line, "\n");
	*text = line + *n + (line[*n] == '\n');
	return line;
}

void stats_parse_net(const char *text, struct stats *s)
{
	size_t n;

	s->interfaces = mem_new_n(struct stats_interface, STATS_INTERFACES_MAX);
	for (const char *line = next_line(&text, &n); line && s->n_interfaces < STATS_INTERFACES_MAX;
	     line = next_line(&text, &n)) {
		struct stats_interface *i = &s->interfaces[s->n_interfaces];
		mem_cleanup char *copy = mem_strndup(line, n);
		char *colon = strchr(copy, ':'), *name = copy + strspn(copy, " ");

		if (!colon || (size_t)(colon - name) >= sizeof i->name)
			continue;
		*colon = '\0';
		if (!strcmp(name, "lo") || sscanf(colon + 1,
						  "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%*u%*u%*u%*u%" SCNu64
						  "%" SCNu64 "%" SCNu64 "%" SCNu64,
						  &i->rx_bytes, &i->rx_packets, &i->rx_errors, &i->rx_dropped,
						  &i->tx_bytes, &i->tx_packets, &i->tx_errors, &i->tx_dropped) != 8)
			continue;
		snprintf(i->name, sizeof i->name, "%s", name);
		s->n_interfaces++;
	}
}

void stats_parse_memory(const char *text, struct stats *s)
{
	size_t n;

	s->memory = mem_new_n(struct stats_memory, STATS_MEMORY_MAX);
	for (const char *line = next_line(&text, &n); line && s->n_memory < STATS_MEMORY_MAX;
	     line = next_line(&text, &n)) {
		struct stats_memory *m = &s->memory[s->n_memory];
		mem_cleanup char *copy = mem_strndup(line, n);

		if (sscanf(copy, "%31s %" SCNu64, m->name, &m->value) == 2)
			s->n_memory++;
	}
}

static void add_block(struct stats *s, const struct stats_block *b)
{
	if (!s->block)
		s->block = mem_new_n(struct stats_block, STATS_BLOCK_MAX);
	if (s->n_block < STATS_BLOCK_MAX)
		s->block[s->n_block++] = *b;
}

void stats_parse_blkio(const char *text, enum stats_block_list list, struct stats *s)
{
	static const char *const names[] = {"Read", "Write", "Sync", "Async", "Discard", "Total"};
	static const char *const ops[] = {"read", "write", "sync", "async", "discard", "total"};
	size_t n;

	for (const char *line = next_line(&text, &n); line; line = next_line(&text, &n)) {
		struct stats_block b = {.list = list};
		mem_cleanup char *copy = mem_strndup(line, n);
		char op[16];

		if (sscanf(copy, "%" SCNu64 ":%" SCNu64 " %15s %" SCNu64, &b.major, &b.minor, op, &b.value) != 4)
			continue;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			b.op = ops[i];
			if (!strcmp(op, names[i]))
				add_block(s, &b);
		}
	}
}

static void add_io(struct stats *s, const char *line, struct stats_block *b)
{
	static const struct {
		const char *key, *op;
		enum stats_block_list list;
	} keys[] = {
	    {" rbytes=", "read", STATS_BLOCK_BYTES},
	    {" wbytes=", "write", STATS_BLOCK_BYTES},
	    {" rios=", "read", STATS_BLOCK_COUNT},
	    {" wios=", "write", STATS_BLOCK_COUNT},
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *at = strstr(line, keys[i].key);

		b->op = keys[i].op;
		b->list = keys[i].list;
		if (at && sscanf(at + strlen(keys[i].key), "%" SCNu64, &b->value) == 1)
			add_block(s, b);
	}
}

void stats_parse_io(const char *text, struct stats *s)
{
	size_t n;

	for (const char *line = next_line(&text, &n); line; line = next_line(&text, &n)) {
		mem_cleanup char *copy = mem_strndup(line, n);
		struct stats_block b = {.major = 0};

		if (sscanf(copy, "%" SCNu64 ":%" SCNu64, &b.major, &b.minor) == 2)
			add_io(s, copy, &b);
	}
}

void stats_parse_percpu(const char *text, struct stats *s)
{
	s->per_cpu_ns = mem_new_n(uint64_t, STATS_CPUS_MAX);
	while (s->n_per_cpu < STATS_CPUS_MAX) {
		char *end;
		uint64_t value = strtoull(text, &end, 10);

		if (end == text)
			break;
		s->per_cpu_ns[s->n_per_cpu++] = value;
		text = end;
	}
}

uint64_t stats_parse_system(const char *text, long ticks_per_second)
{
	uint64_t v[7], sum = 0;

	if (ticks_per_second <= 0 ||
	    sscanf(text, "cpu %" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64, &v[0], &v[1],
		   &v[2], &v[3], &v[4], &v[5], &v[6]) != 7)
		return 0;
	for (size_t i = 0; i < 7; i++)
		sum += v[i];
	return sum * (1000000000u / (uint64_t)ticks_per_second);
}

/* "9:cpu,cpuacct:/a/b" of length n. */
static char *group_of(const char *line, size_t n, const char *controller)
{
	const char *first = memchr(line, ':', n),
		   *second = first ? memchr(first + 1, ':', n - (size_t)(first + 1 - line)) : NULL;
	mem_cleanup char *list = second ? mem_strndup(first + 1, (size_t)(second - first - 1)) : NULL;

	if (!list || (*controller ? !cgroup_mounts_has(list, controller) : *list != '\0'))
		return NULL;
	return mem_strndup(second + 1, n - (size_t)(second + 1 - line));
}

char *stats_parse_group(const char *text, const char *controller, const char *id)
{
	char *path = NULL, *at;
	size_t n;

	for (const char *line = next_line(&text, &n); line && !path; line = next_line(&text, &n))
		path = group_of(line, n, controller);
	at = path ? strstr(path, id) : NULL;
	if (!at || !cgroup_mounts_path_ok(path)) {
		free(path);
		return NULL;
	}
	at[strcspn(at, "/")] = '\0';
	return path;
}
