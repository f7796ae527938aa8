/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/numa.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GIB ((uint64_t)1 << 30)

struct file {
	const char *path, *text;
};

/* What kernels write, cut to the lines that are read. Two sockets, the processors' numbers alternating, the second node half used. */
static const struct file two_sockets[] = {
    {"online", "0-1\n"},
    {"node0/cpulist", "0,2,4,6\n"},
    {"node1/cpulist", "1,3,5,7\n"},
    {"node0/distance", "10 21\n"},
    {"node1/distance", "21 10\n"},
    {"node0/meminfo", "Node 0 MemTotal:       67108864 kB\nNode 0 MemFree:        8388608 kB\nNode 0 MemUsed:       "
		      "58720256 kB\nNode 0 FilePages:     9437184 kB\nNode 0 Shmem:           1048576 kB\n"},
    {"node1/meminfo", "Node 1 MemTotal:       67108864 kB\nNode 1 MemFree:       33554432 kB\nNode 1 FilePages:  "
		      "          0 kB\nNode 1 Shmem:                 0 kB\n"},
    {NULL, NULL}};

/* One socket as four nodes, two pairs that are near each other; node 3 has two processors more. */
static const struct file four_nodes[] = {
    {"online", "0-3\n"},
    {"node0/cpulist", "0-3\n"},
    {"node1/cpulist", "4-7\n"},
    {"node2/cpulist", "8-11\n"},
    {"node3/cpulist", "12-17\n"},
    {"node0/distance", "10 12 14 14\n"},
    {"node1/distance", "12 10 14 14\n"},
    {"node2/distance", "14 14 10 12\n"},
    {"node3/distance", "14 14 12 10\n"},
    {"node0/meminfo", "Node 0 MemTotal: 16777216 kB\nNode 0 MemFree: 16777216 kB\n"},
    {"node1/meminfo", "Node 1 MemTotal: 16777216 kB\nNode 1 MemFree: 16777216 kB\n"},
    {"node2/meminfo", "Node 2 MemTotal: 16777216 kB\nNode 2 MemFree: 16777216 kB\n"},
    {"node3/meminfo", "Node 3 MemTotal: 16777216 kB\nNode 3 MemFree: 4194304 kB\n"},
    {NULL, NULL}};

/* Numbers with holes, and a node that has memory alone. */
static const struct file with_holes[] = {
    {"online", "0,8,252\n"},
    {"node0/cpulist", "0-1\n"},
    {"node8/cpulist", "2-3\n"},
    {"node252/cpulist", "\n"},
    {"node0/distance", "10 40 80\n"},
    {"node8/distance", "40 10 80\n"},
    {"node252/distance", "80 80 10\n"},
    {"node0/meminfo", "Node 0 MemTotal: 1048576 kB\nNode 0 MemFree: 1048576 kB\n"},
    {"node8/meminfo", "Node 8 MemTotal: 1048576 kB\nNode 8 MemFree: 1048576 kB\n"},
    {"node252/meminfo", "Node 252 MemTotal: 8388608 kB\nNode 252 MemFree: 8388608 kB\n"},
    {NULL, NULL}};

static const struct file one_node[] = {{"online", "0\n"},
				       {"node0/cpulist", "0-3\n"},
				       {"node0/distance", "10\n"},
				       {"node0/meminfo", "Node 0 MemTotal: 1048576 kB\nNode 0 MemFree: 524288 kB\n"},
				       {NULL, NULL}};

/* A container whose /sys was cut, and one without it. */
static const struct file damaged[] = {{"online", "0-x\n"}, {NULL, NULL}};
static const struct file nothing[] = {{NULL, NULL}};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void write_file(int dir, const struct file *f)
{
	mem_cleanup char *parent = mem_strndup(f->path, strcspn(f->path, "/"));
	fd_cleanup int fd = -1;

	if (strchr(f->path, '/') && mkdirat(dir, parent, 0700) < 0)
		assert_int_equal(errno, EEXIST);
	fd = openat(dir, f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->text, strlen(f->text)), (ssize_t)strlen(f->text));
}

static void read_tree(const struct file *files, const char *usable, struct numa_map *ret)
{
	char path[] = "/tmp/berth-numa-XXXXXX";
	struct cores cores;
	int dir;

	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	for (; files->path; files++)
		write_file(dir, files);
	assert_true(cores_parse(usable, &cores));
	numa_read(dir, &cores, ret);
	close(dir);
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void test_read(void **state)
{
	struct numa_map m;

	(void)state;
	read_tree(two_sockets, "0-6", &m);
	assert_int_equal(m.n, 2);
	assert_int_equal(m.nodes[0].cores, 4);
	assert_int_equal(m.nodes[1].cores, 3);
	assert_true(m.nodes[0].memory == 64 * GIB && m.nodes[0].available == 16 * GIB);
	assert_true(m.nodes[1].memory == 64 * GIB && m.nodes[1].available == 32 * GIB);
	assert_int_equal(m.nodes[0].distance[1], 21);
	assert_int_equal(m.cores.node_of[3], 1);
	read_tree(with_holes, "0-3", &m);
	assert_int_equal(m.n, 3);
	assert_int_equal(m.nodes[2].id, 252);
	assert_int_equal(m.nodes[2].cores, 0);
	assert_int_equal(m.cores.node_of[2], 8);
	assert_int_equal(m.nodes[0].distance[2], 80);
}

/* Rows: what is taken, how many processors and how much memory are wanted, which come of which nodes. */
static const struct row {
	const struct file *tree;
	const char *usable, *taken;
	unsigned n;
	uint64_t memory;
	const char *cores, *nodes; /* NULL: there are not so many */
} rows[] = {
    /* of one node: the fullest that has both */
    {two_sockets, "0-7", "", 2, 0, "0,2", "0"},
    {two_sockets, "0-7", "1,3", 2, 0, "5,7", "1"},
    {two_sockets, "0-7", "0", 2, 16 * GIB, "2,4", "0"},
    {two_sockets, "0-7", "0", 2, 20 * GIB, "1,3", "1"},
    {two_sockets, "0-7", "1,3,5", 2, 20 * GIB, "0,2", "0-1"},
    /* it does not fit in one */
    {two_sockets, "0-7", "", 6, 0, "0-4,6", "0-1"},
    {two_sockets, "0-7", "", 2, 40 * GIB, "0,2", "0-1"},
    {two_sockets, "0-7", "", 2, 100 * GIB, "0,2", "0"},
    {two_sockets, "0-5", "0-4", 2, 0, NULL, NULL},
    /* as few as can be, then the nearest */
    {four_nodes, "0-17", "", 5, 0, "12-16", "3"},
    {four_nodes, "0-17", "12-17", 8, 0, "0-7", "0-1"},
    {four_nodes, "0-17", "12-13", 8, 0, "0-7", "0-1"},
    {four_nodes, "0-17", "0-2", 6, 8 * GIB, "12-17", "2-3"},
    {four_nodes, "0-17", "", 4, 20 * GIB, "0-3", "0-1"},
    {four_nodes, "0-17", "", 4, 16 * GIB, "0-3", "0"},
    /* memory without processors helps only when there is no other */
    {with_holes, "0-3", "", 1, 2 * GIB, "0", "0,8"},
    {with_holes, "0-3", "", 1, 5 * GIB, "0", "0,252"},
    {with_holes, "0-3", "", 3, 2 * GIB, "0-2", "0,8"},
    {one_node, "0-3", "1", 2, GIB, "0,2", "0"},
    {damaged, "0-3", "1", 3, GIB, "0,2-3", "0"},
    {nothing, "0-3", "", 4, 0, "0-3", "0"},
    {nothing, "0-3", "", 5, 0, NULL, NULL},
};

static void test_pick(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		const struct row *row = &rows[k];
		struct cores taken, got, nodes;
		char text[CORES_TEXT_MAX];
		struct err err = ERR_INIT;
		struct numa_map m;
		int r;

		read_tree(row->tree, row->usable, &m);
		assert_true(cores_parse(row->taken, &taken));
		r = numa_pick(&m, &taken, row->n, row->memory, &got, &nodes, &err);
		assert_int_equal(r, row->cores ? 0 : -EBUSY);
		if (!row->cores)
			continue;
		cores_text(&got, text);
		if (strcmp(text, row->cores) != 0)
			fail_msg("row %zu: processors %s, not %s", k, text, row->cores);
		cores_text(&nodes, text);
		if (strcmp(text, row->nodes) != 0)
			fail_msg("row %zu: nodes %s, not %s", k, text, row->nodes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_pick)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
