/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/image_word.h"

#include "base/core/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Nodes as letters: o(ur own), t(rusted), others; what they have as digits. */
static const struct {
	const char *says; /* "a1 b2" */
	bool labelled;
	char node; /* 0: nobody's */
	int error;
} rows[] = {
    {"", false, 0, ENOENT},
    {"a1", false, 'a', 0},
    {"a1 b1", false, 'a', 0},
    /* One of them lies: nobody can know which. */
    {"a1 b2", false, 0, EEXIST},
    {"a1 b1 c2", false, 0, EEXIST},
    /* The server's own machine settles it, whatever the others say. */
    {"a1 o2", false, 'o', 0},
    {"a1 b2 o2", true, 'o', 0},
    {"t1 o2", true, 'o', 0},
    /* Where some are trusted the others are not heard. */
    {"a1", true, 0, ENOENT},
    {"a1 b1", true, 0, ENOENT},
    {"a1 t2", true, 't', 0},
    {"a1 t1", true, 't', 0},
    {"t1 a2 t1", true, 't', 0},
    {"t1 t2", true, 0, EEXIST},
};

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct image_word words[8] = {{.rank = WORD_OF_ANY}};
		const struct image_word *w;
		struct err err = ERR_INIT;
		size_t n = 0;

		for (const char *s = rows[i].says; *s; s += s[2] ? 3 : 2) {
			words[n].node[0] = s[0];
			words[n].id[0] = s[1];
			words[n++].rank = s[0] == 'o' ? WORD_OF_OURS : s[0] == 't' ? WORD_OF_TRUSTED : WORD_OF_ANY;
		}
		w = image_word_choose(words, n, rows[i].labelled, "x", &err);
		if ((w ? w->node[0] : 0) != rows[i].node || err.code != rows[i].error)
			fail_msg("\"%s\": %s", rows[i].says, w ? w->node : err.text);
	}
}

static void test_labels(void **state)
{
	(void)state;
	assert_true(image_word_is_trusted("{\"a\":\"b\",\"berth.images\":\"trusted\"}"));
	assert_false(image_word_is_trusted("{\"berth.images\":\"no\"}"));
	assert_false(image_word_is_trusted("{\"a\":\"berth.images trusted\"}"));
	assert_false(image_word_is_trusted("{}"));
	assert_false(image_word_is_trusted(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules), cmocka_unit_test(test_labels)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
