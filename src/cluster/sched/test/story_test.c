/* SPDX-License-Identifier: Apache-2.0
 *
 * story_test DIR: plays every DIR/NAME.story; each must be equal to its transcript. story_test --print FILE prints
 * the transcript of one, to write a new one or to see a difference.
 */
#include "cluster/sched/test/story.h"

#include "base/core/mem.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = mem_new_n(char, 1 << 20);

	if (!f || fread(text, 1, (1 << 20) - 1, f) == 0) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(1);
	}
	fclose(f);
	return text;
}

static void test_story(void **state)
{
	mem_cleanup char *want = read_file(*state);
	mem_cleanup char *got = story_play(want, NULL);

	assert_string_equal(got, want);
	assert_null(strstr(got, "\n! "));
}

static int print(const char *path)
{
	mem_cleanup char *text = read_file(path);
	mem_cleanup char *got = story_play(text, NULL);

	fputs(got, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	mem_cleanup char *pattern = NULL;
	struct CMUnitTest tests[100] = {{.name = NULL}};
	glob_t found;
	size_t n;
	int r;

	if (argc == 3 && !strcmp(argv[1], "--print"))
		return print(argv[2]);
	pattern = mem_printf("%s/*.story", argc > 1 ? argv[1] : ".");
	if (glob(pattern, 0, NULL, &found) || found.gl_pathc > 100)
		return 1;
	for (n = 0; n < found.gl_pathc; n++)
		tests[n] = (struct CMUnitTest){.name = strrchr(found.gl_pathv[n], '/') + 1,
					       .test_func = test_story,
					       .initial_state = found.gl_pathv[n]};
	r = _cmocka_run_group_tests("stories", tests, n, NULL, NULL);
	globfree(&found);
	return r;
}
