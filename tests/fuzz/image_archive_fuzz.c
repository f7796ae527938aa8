/* SPDX-License-Identifier: Apache-2.0
 *
 * The documents of archives of images: manifest.json of docker, and index.json of an OCI layout with the names in it. What was read can be
 * written, and read again. Needs image_dep.
 */
#include "node/image/docker_archive.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/image/manifest.h"
#include "node/image/oci_layout.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void docker(const char *text, size_t n)
{
	struct docker_archive a cleanup_with(docker_archive_free) = {.n = 0};
	struct docker_archive b cleanup_with(docker_archive_free) = {.n = 0};
	struct err err = ERR_INIT;
	mem_cleanup char *out = NULL, *repositories = NULL;
	mem_cleanup char **tops = NULL;
	size_t len;

	if (docker_archive_parse(text, n, &a, &err) < 0) {
		if (err.code == 0 || a.n != 0)
			abort();
		return;
	}
	out = docker_archive_text(&a, &len);
	if (docker_archive_parse(out, len, &b, &err) < 0 || b.n != a.n ||
	    strcmp(a.images[0].config, b.images[0].config) != 0)
		abort();
	tops = mem_new_n(char *, a.n + 1);
	for (size_t i = 0; i < a.n; i++)
		tops[i] = a.images[i].config;
	repositories = docker_repositories_text(&a, tops, &len);
}

static void layout(const char *text, size_t n)
{
	struct manifest m cleanup_with(manifest_free) = MANIFEST_INIT;
	struct err err = ERR_INIT;

	if (manifest_parse(text, n, MANIFEST_OCI_INDEX, &m, &err) < 0)
		return;
	for (size_t i = 0; i < m.n; i++) {
		mem_cleanup char *name = oci_entry_name(&m.items[i]), *full = name ? oci_name_long(name) : NULL;
		mem_cleanup char *again = full ? oci_name_short(full) : NULL;

		if (again && !*full)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	docker((const char *)data, n);
	layout((const char *)data, n);
	return 0;
}
