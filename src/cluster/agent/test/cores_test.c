/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/cores.h"

#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text, *same; /* same NULL: no list */
} lists[] = {{"", ""},		 {"0", "0"},	 {"0-3,8", "0-3,8"}, {"3,1,2", "1-3"}, {"1023", "1023"},
	     {"63-64", "63-64"}, {"1024", NULL}, {"3-1", NULL},	     {"1,", NULL},     {",1", NULL},
	     {"1-", NULL},	 {"a", NULL},	 {"1 2", NULL},	     {"-1", NULL},     {"0-99999999999", NULL}};

static void test_lists(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
		char text[CORES_TEXT_MAX];
		struct cores c;

		assert_int_equal(cores_parse(lists[k].text, &c), lists[k].same != NULL);
		if (!lists[k].same)
			continue;
		cores_text(&c, text);
		assert_string_equal(text, lists[k].same);
	}
}

/* Every other processor: the longest list that there is. */
static void test_longest(void **state)
{
	char text[CORES_TEXT_MAX];
	struct cores c = {.bits = {0}}, again;

	(void)state;
	for (unsigned n = 0; n < CORES_MAX; n += 2)
		cores_add(&c, n);
	cores_text(&c, text);
	assert_true(cores_parse(text, &again));
	assert_memory_equal(&c, &again, sizeof c);
}

/* Two NUMA nodes of four: 0-3 and 4-7. */
static const struct {
	const char *taken;
	unsigned n;
	const char *picked, *nodes; /* NULL: there are not so many */
} rows[] = {
    {"", 1, "0", "0"},	    {"", 4, "0-3", "0"},    {"", 5, "0-4", "0-1"},
    {"0", 2, "1-2", "0"},   {"0,1", 3, "4-6", "1"}, {"0-2", 1, "3", "0"},
    {"0-2", 2, "4-5", "1"}, {"4", 4, "0-3", "0"},   {"0-1,4", 5, "2-3,5-7", "0-1"},
    {"0-6", 2, NULL, NULL}, {"0-7", 1, NULL, NULL}, {"", 9, NULL, NULL},
};

static struct cores_map machine(void)
{
	struct cores_map m = {.node_of = {0}};

	cores_parse("0-7", &m.usable);
	for (unsigned k = 4; k < 8; k++)
		m.node_of[k] = 1;
	return m;
}

static void test_pick(void **state)
{
	struct cores_map m = machine();

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct cores taken, got, nodes;
		struct err err = ERR_INIT;
		char text[CORES_TEXT_MAX];

		assert_true(cores_parse(rows[k].taken, &taken));
		if (!rows[k].picked) {
			assert_int_equal(cores_pick(&m, &taken, rows[k].n, &got, &err), -EBUSY);
			assert_non_null(strstr(err.text, "processors of its own are needed"));
			continue;
		}
		assert_int_equal(cores_pick(&m, &taken, rows[k].n, &got, &err), 0);
		cores_text(&got, text);
		assert_string_equal(text, rows[k].picked);
		cores_nodes(&m, &got, &nodes);
		cores_text(&nodes, text);
		assert_string_equal(text, rows[k].nodes);
	}
}

/* Whatever comes and goes: no two have the same processor, each has as many as it asked for, and a refusal is right. */
static void test_never_overlaps(void **state)
{
	struct cores_map m = machine();
	struct cores held[8];
	unsigned sizes[8] = {0};
	uint64_t random = 1;

	(void)state;
	for (unsigned step = 0; step < 20000; step++) {
		struct cores taken = {.bits = {0}};
		unsigned who, used = 0;

		random = random * 6364136223846793005u + 1442695040888963407u;
		who = (unsigned)(random >> 33) % 8;
		for (unsigned k = 0; k < 8; k++) {
			for (unsigned n = 0; sizes[k] && n < 8; n++) {
				if (cores_has(&held[k], n))
					cores_add(&taken, n);
			}
			used += sizes[k];
		}
		assert_int_equal(cores_count(&taken), used);
		if (sizes[who]) {
			sizes[who] = 0;
			continue;
		}
		sizes[who] = 1 + (unsigned)(random >> 40) % 5;
		if (cores_pick(&m, &taken, sizes[who], &held[who], NULL) < 0) {
			assert_true(used + sizes[who] > 8);
			sizes[who] = 0;
			continue;
		}
		assert_int_equal(cores_count(&held[who]), sizes[who]);
		assert_false(cores_overlap(&held[who], &taken));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists), cmocka_unit_test(test_longest),
					   cmocka_unit_test(test_pick), cmocka_unit_test(test_never_overlaps)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
