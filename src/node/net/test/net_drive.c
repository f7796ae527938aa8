/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests/e2e: the plug and the wall without an engine.
 *   net_drive attach NETNS PLUG | detach PLUG | assert PLUG... | stands | forget BRIDGE | ports N (the time and memory of N published ports)
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/net/plug.h"
#include "node/net/wall.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int load(const char *path, struct plug *ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	int r = fd < 0 ? -errno : fd_read_all(fd, PLUG_TEXT_MAX, &text, &n);

	return r < 0 ? err_sys(err, -r, "read %s", path) : plug_parse(text, n, ret, err);
}

static int attach(char **argv, struct err *err)
{
	plug_cleanup struct plug p = {.n_endpoints = 0};
	fd_cleanup int netns = open(argv[0], O_RDONLY | O_CLOEXEC);
	int r = netns < 0 ? err_sys(err, errno, "open %s", argv[0]) : load(argv[1], &p, err);

	return r < 0 ? r : plug_attach(&p, netns, NULL, err);
}

static int detach(char **argv, struct err *err)
{
	plug_cleanup struct plug p = {.n_endpoints = 0};
	int r = load(argv[0], &p, err);

	if (r == 0)
		plug_detach(&p, NULL);
	return r;
}

static int assert_all(char **argv, struct err *err)
{
	struct plug plugs[16];
	const struct plug *list[16] = {NULL};
	size_t n = 0;
	int r = 0;

	for (; n < 16 && argv[n] && r == 0; n++) {
		r = load(argv[n], &plugs[n], err);
		list[n] = &plugs[n];
	}
	if (r == 0)
		r = wall_assert(NET_TABLE, list, n, n > 0 ? list[0]->owner : "", err);
	while (n > 0)
		plug_free(&plugs[--n]);
	return r;
}

static int stands(char **argv, struct err *err)
{
	(void)argv;
	return wall_stands(NET_TABLE) ? 0 : err_set(err, ENOENT, "no");
}

static int forget(char **argv, struct err *err)
{
	return plug_remove_bridge(argv[0], NET_TABLE, err);
}

/* KiB of the kernel's own small pieces, of the whole machine. */
static long kernel_memory(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long n = 0;

	while (f && fgets(line, sizeof line, f) && sscanf(line, "SUnreclaim: %ld", &n) != 1)
		;
	if (f)
		fclose(f);
	return n;
}

static int ports(char **argv, struct err *err)
{
	struct plug p = {.table = NET_TABLE};
	size_t n = strtoul(argv[0], NULL, 10);
	int64_t begin, middle, end, again;
	long before, memory;
	int r;

	p.ports = mem_new_n(struct plug_port, n);
	for (p.n_ports = 0; p.n_ports < n; p.n_ports++) {
		struct plug_port *one = &p.ports[p.n_ports];

		(void)ip_read("0.0.0.0", &one->host_ip);
		(void)ip_read("172.18.0.2", &one->ip);
		one->host_port = (uint16_t)(20000 + p.n_ports);
		one->port = 80;
	}
	r = wall_assert(NET_TABLE, &(const struct plug *){&(struct plug){.n_ports = 0}}, 1, "", err);
	before = kernel_memory();
	begin = clock_mono_ns();
	if (r == 0)
		r = wall_add(&p, NULL, err);
	middle = clock_mono_ns();
	memory = kernel_memory() - before;
	if (r == 0)
		r = wall_remove(&p, NULL, err) < 0 ? -1 : 0;
	end = clock_mono_ns();
	if (r == 0)
		r = wall_remove(&p, NULL, err);
	again = clock_mono_ns();
	printf("add %.3f ms (%ld KiB), remove %.3f ms, once more %.3f ms, of %zu\n", (double)(middle - begin) / 1e6,
	       memory, (double)(end - middle) / 1e6, (double)(again - end) / 1e6, n);
	plug_free(&p);
	return r;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **argv, struct err *err);
} verbs[] = {
    {"attach", 2, attach}, {"detach", 1, detach}, {"assert", 0, assert_all},
    {"stands", 0, stands}, {"forget", 1, forget}, {"ports", 1, ports},
};

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0 || argc - 2 < verbs[i].args)
			continue;
		if (verbs[i].run(argv + 2, &err) == 0)
			return 0;
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	return 2;
}
