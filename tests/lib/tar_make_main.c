/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tar_make.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct tar_make t = {.data = NULL};
	const struct tar_case *c = argc == 2 ? tar_case_find(argv[1]) : NULL;
	int ok;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < tar_cases_n; i++)
			printf("%s\t%s\t%s\n", tar_cases[i].name, tar_cases[i].want ? "refused" : "ok",
			       tar_cases[i].text);
		return 0;
	}
	if (!c) {
		fputs("usage: tar_make --list\n       tar_make NAME >FILE\n", stderr);
		return 2;
	}
	c->make(&t);
	ok = fwrite(t.data, 1, t.len, stdout) == t.len && fflush(stdout) == 0;
	tar_make_free(&t);
	return ok ? 0 : 1;
}
