/* SPDX-License-Identifier: Apache-2.0
 *
 * The first line is a path, the rest an ignore file. A walk from the root must find what the path alone gives, and no directory that is passed
 * over may hold anything that is taken. Needs build_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/ignore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Relative and clean, as paths of a walk are. */
static bool usable(const char *path)
{
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");

		if (!n || (n <= 2 && !strncmp(p, "..", n)))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

static void try_path(const struct ignore *i, char *path)
{
	size_t words = ignore_words(i);
	mem_cleanup uint64_t *above = mem_new_n(uint64_t, words);
	mem_cleanup uint64_t *below = mem_new_n(uint64_t, words);
	bool first = true, ignored = false, passed = false;

	for (char *p = path;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		ignored = ignore_match_below(i, path, first ? NULL : above, below);
		if (ignored != ignore_match(i, path) || (passed && !ignored))
			abort();
		passed = passed || (ignored && !ignore_may_include_below(i, path));
		memcpy(above, below, words * sizeof(*above));
		first = false;
		*p = c;
		if (!c)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	mem_cleanup char *path = mem_strndup((const char *)data, end ? (size_t)(end - data) : size);
	struct ignore *i __attribute__((cleanup(ignore_freep))) = NULL;
	struct err err = ERR_INIT;
	size_t rest = end ? size - (size_t)(end + 1 - data) : 0;

	if (ignore_parse(end ? (const char *)end + 1 : "", rest, "I", &i, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	if (usable(path))
		try_path(i, path);
	return 0;
}
