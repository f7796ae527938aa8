/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/units.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/agent/gpus.h"
#include "cluster/agent/waiting.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct counts counts_of(const char *text)
{
	struct counts c = {.n = 0};
	struct err err = ERR_INIT;

	if (counts_parse(text, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

/* What the containers have, what is wanted, and which are given: "0,2" by name. */
static const struct {
	const char *labels[3], *wants;
	const char *gpu, *scratch; /* NULL: none */
	int code;
	const char *error;
} picks[] = {
    {{NULL}, "gpu 2", "0-1", NULL, 0, NULL},
    {{NULL}, "gpu 1\nscratch 3", "0", "0-2", 0, NULL},
    {{"io.berth.counter.gpu=0,2"}, "gpu 1", "1", NULL, 0, NULL},
    {{"io.berth.counter.gpu=0,2", "io.berth.counter.gpu=1"}, "gpu 1", "3", NULL, 0, NULL},
    {{"io.berth.counter.gpu=1-2"}, "gpu 2\nscratch 1", "0,3", "0", 0, NULL},
    {{"io.berth.counter.gpu=0-2"},
     "gpu 2",
     NULL,
     NULL,
     -EBUSY,
     "counter gpu: 2 units are needed, 1 of 4 are not taken"},
    {{NULL}, "gpu 5", NULL, NULL, -EINVAL, "counter gpu: 5 units are needed, this node has 4"},
    {{NULL}, "fpga 1", NULL, NULL, -EINVAL, "no counter \"fpga\""},
    /* Of a counter that the node has no more, units beyond what it has, and what is no list. */
    {{"io.berth.counter.old=0", "io.berth.counter.gpu=900"}, "gpu 4", "0-3", NULL, 0, NULL},
    {{"io.berth.counter.gpu=x", "io.berth.counter.gp=0"}, "gpu 4", "0-3", NULL, 0, NULL},
    {{"io.berth.counter.gpu", "io.berth.cpus=0"}, "gpu 4", "0-3", NULL, 0, NULL},
};

static void same_set(const struct cores *set, const char *want)
{
	char text[CORES_TEXT_MAX];

	cores_text(set, text);
	assert_string_equal(text, want ? want : "");
}

static void test_picks(void **state)
{
	const struct counts has = counts_of("gpu 4\nscratch 3");

	(void)state;
	for (size_t k = 0; k < sizeof picks / sizeof *picks; k++) {
		const struct counts wants = counts_of(picks[k].wants);
		struct units taken = {.sets = {{.bits = {0}}}}, mine = taken;
		struct err err = ERR_INIT;

		for (size_t l = 0; picks[k].labels[l]; l++) {
			char *labels[] = {(char *)(uintptr_t)picks[k].labels[l], NULL};

			units_add(&has, labels, &taken);
		}
		assert_int_equal(units_pick(&has, &taken, &wants, &mine, &err), picks[k].code);
		if (picks[k].error && !strstr(err.text, picks[k].error))
			fail_msg("row %zu: \"%s\"", k, err.text);
		same_set(&mine.sets[0], picks[k].gpu);
		same_set(&mine.sets[1], picks[k].scratch);
	}
}

static void touch(const char *dir, const char *name)
{
	mem_cleanup char *path = mem_printf("%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* The specification after two units of gpu and one of my-disk.1 were written into it. */
static char *written(const struct gpus *g)
{
	static const char text[] =
	    "{\"environment\":[\"A=1\"],\"labels\":{\"a\":\"b\",\"io.berth.counter.gpu\":\"7\"}}";
	const struct counts has = counts_of("gpu 4\nmy-disk.1 1"), wants = counts_of("gpu 2\nmy-disk.1 1");
	json_doc_cleanup yyjson_doc *doc = yyjson_read(text, sizeof text - 1, 0);
	json_mut_cleanup yyjson_mut_doc *d = yyjson_doc_mut_copy(doc, NULL);
	struct units taken = {.sets = {{.bits = {2}}}}, mine;

	units_clear(yyjson_mut_doc_get_root(d));
	assert_int_equal(units_pick(&has, &taken, &wants, &mine, NULL), 0);
	units_write(&has, &mine, g, d, yyjson_mut_doc_get_root(d));
	return yyjson_mut_write(d, 0, NULL);
}

static void test_told(void **state)
{
	struct gpus none = GPUS_NONE;
	mem_cleanup char *text = written(&none);

	(void)state;
	assert_string_equal(text,
			    "{\"environment\":[\"A=1\",\"BERTH_COUNTER_GPU=0,2\",\"NVIDIA_VISIBLE_DEVICES=0,2\","
			    "\"BERTH_COUNTER_MY_DISK_1=0\"],\"labels\":{\"a\":\"b\",\"io.berth.counter.gpu\":\"0,2\","
			    "\"io.berth.counter.my-disk.1\":\"0\"}}");
}

#define DEVICE(name) "{\"path_on_host\":\"" name "\",\"path_in_container\":\"" name "\",\"permissions\":\"rw\"}"

/* Render nodes first, then NVIDIA's beside them, which win. */
static void test_devices(void **state)
{
	static const char *const made[] = {"dri/renderD129", "dri/renderD128", "dri/card0", "dri",	   "nvidia9",
					   "nvidia10",	     "nvidia11",       "nvidiactl", "nvidia-caps", "nvidia0x"};
	char dir[] = "/tmp/berth-units.XXXXXX";
	struct gpus g = GPUS_NONE;
	char *text;

	(void)state;
	assert_non_null(mkdtemp(dir));
	gpus_find(dir, &g);
	assert_int_equal(g.n, 0);
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("dri", 0700), 0);
	touch(".", "dri/renderD129");
	touch(".", "dri/renderD128");
	touch(".", "dri/card0");
	gpus_find(".", &g);
	assert_int_equal(g.n, 2);
	assert_string_equal(g.nodes[0], "./dri/renderD128");
	text = written(&g);
	assert_non_null(strstr(text, "\"devices\":[" DEVICE("./dri/renderD128") "]"));
	assert_null(strstr(text, "VISIBLE"));
	free(text);
	gpus_free(&g);
	for (int k = 11; k > 8; k--) {
		mem_cleanup char *name = mem_printf("nvidia%d", k);

		touch(".", name);
	}
	touch(".", "nvidiactl");
	touch(".", "nvidia-caps");
	touch(".", "nvidia0x");
	gpus_find(".", &g);
	assert_int_equal(g.n, 3);
	text = written(&g);
	assert_non_null(strstr(text, "\"NVIDIA_VISIBLE_DEVICES=9,11\""));
	assert_non_null(
	    strstr(text, "\"devices\":[" DEVICE("./nvidia9") "," DEVICE("./nvidia11") "," DEVICE("./nvidiactl") "]"));
	free(text);
	gpus_free(&g);
	for (size_t k = 0; k < sizeof made / sizeof *made; k++)
		assert_int_equal(remove(made[k]), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Which GPUs of four, of which the node offers three, these paths bring; and how many of them nobody has who has 1 and 2. */
static const struct {
	const char *paths[3], *gpu;
	unsigned alone;
} brought[] = {
    {{NULL}, "", 0},
    {{"/dev/dri/renderD128"}, "0", 1},
    {{"/dev/dri/renderD129", "/dev/dri/renderD128"}, "0-1", 1},
    {{"/dev/dri"}, "0-2", 1},
    {{"/dev/dri/"}, "0-2", 1},
    {{"/"}, "", 0},
    {{"/dev/dri/renderD12"}, "", 0},
    {{"/dev/dri/renderD1280", "/dev/null"}, "", 0},
    {{"/dev/dri/renderD131"}, "", 0},
    {{"/dev/dri/renderD130"}, "2", 0},
};

static void test_brought(void **state)
{
	static const char *const nodes[] = {"/dev/dri/renderD128", "/dev/dri/renderD129", "/dev/dri/renderD130",
					    "/dev/dri/renderD131"};
	const struct gpus g = {.nodes = (char **)(uintptr_t)nodes, .n = 4};
	const struct counts has = counts_of("fpga 1\ngpu 3"), none = counts_of("fpga 1");
	const struct units others = {.sets = {{.bits = {0}}, {.bits = {6}}}};

	(void)state;
	for (size_t k = 0; k < sizeof brought / sizeof *brought; k++) {
		char *paths[] = {(char *)(uintptr_t)brought[k].paths[0], (char *)(uintptr_t)brought[k].paths[1], NULL};
		struct units got = {.sets = {{.bits = {0}}}};

		units_add_devices(&none, &g, paths, &got);
		units_add_devices(&has, &g, paths, &got);
		same_set(&got.sets[0], "");
		same_set(&got.sets[1], brought[k].gpu);
		assert_int_equal(units_gpus_but(&has, &got, &others), brought[k].alone);
		assert_int_equal(units_gpus_but(&none, &got, &others), 0);
		units_join(&got, &others);
		assert_int_equal(units_gpus_but(&has, &got, &others), brought[k].alone);
	}
}

/* ---- those that wait ---- */

static struct buf seen = BUF_INIT;

static void see(void *ctx, const struct link_msg *m)
{
	buf_printf(&seen, "%s/%u=%s ", m->attempt.job, m->attempt.index, m->counters);
	if (m->attempt.index == 1)
		assert_int_equal(waiting_add(ctx, m, NULL), 0);
}

static void wait_for(struct waiting_list *l, const char *job, uint32_t index)
{
	char counters[] = "gpu 1";
	struct link_msg m = {.type = LINK_START, .attempt = {.index = index}, .text = "{}", .counters = counters};

	snprintf(m.attempt.job, sizeof m.attempt.job, "%s", job);
	assert_int_equal(waiting_add(l, &m, NULL), 0);
	counters[0] = '?'; /* it has a copy */
}

static void test_waiting(void **state)
{
	struct waiting_list l = {.first = NULL};

	(void)state;
	wait_for(&l, "a", 0);
	wait_for(&l, "a", 1);
	wait_for(&l, "b", 0);
	wait_for(&l, "a", 0); /* told twice */
	wait_for(&l, "c", 5);
	assert_int_equal(l.n, 4);
	waiting_each(&l, see, &l);
	assert_string_equal(buf_str(&seen), "a/0=gpu 1 a/1=gpu 1 b/0=gpu 1 c/5=gpu 1 ");
	buf_free(&seen);
	assert_int_equal(l.n, 1); /* it was put back */
	wait_for(&l, "a", 2);
	wait_for(&l, "d", 0);
	assert_true(waiting_drop(&l, &(struct link_attempt){.job = "d"}));
	assert_false(waiting_drop(&l, &(struct link_attempt){.job = "d"}));
	waiting_drop_job(&l, "a");
	assert_int_equal(l.n, 0);
	wait_for(&l, "e", 0);
	waiting_clear(&l);
	assert_int_equal(l.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_picks),   cmocka_unit_test(test_told),    cmocka_unit_test(test_devices),
	    cmocka_unit_test(test_brought), cmocka_unit_test(test_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
