/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns against paths: the input is "pattern NUL path". A path that matches must be reachable through all directories above it.
 * Needs data_dep.
 */
#include "node/data/glob.h"

#include "base/core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_above(const struct glob *g, char *path)
{
	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		*slash = '\0';
		if (*path && !glob_below(g, path))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	const uint8_t *nul = memchr(data, 0, n);
	mem_cleanup char *path =
	    nul ? mem_strndup((const char *)nul + 1, n - (size_t)(nul - data) - 1) : mem_strdup("a/b");
	struct glob g;

	if (glob_parse(text, &g, NULL) < 0)
		return 0;
	if (glob_match(&g, path) && path[0] != '/' && !strstr(path, "//") && path[strlen(path) - (*path != 0)] != '/')
		check_above(&g, path);
	glob_free(&g);
	return 0;
}
