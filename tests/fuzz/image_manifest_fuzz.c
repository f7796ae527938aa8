/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests and indexes on any text; what is read is as strict as it says. Needs image_dep.
 */
#include "node/image/manifest.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct manifest *m)
{
	const struct manifest_descriptor *d;
	struct platform p;

	if (m->n > (manifest_is_image(m, NULL) == 0 ? MANIFEST_LAYERS_MAX : MANIFEST_ENTRIES_MAX))
		abort();
	for (size_t i = 0; i < m->n; i++) {
		if (strlen(m->items[i].digest) != 64 || strspn(m->items[i].digest, "0123456789abcdef") != 64)
			abort();
	}
	platform_host(&p);
	if (m->is_index && manifest_choose(m, &p, &d, NULL) == 0 && (d < m->items || d >= m->items + m->n))
		abort();
	if (manifest_is_image(m, NULL) == 0 && (m->is_index || m->n == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	struct manifest m;
	struct platform p;
	struct err err = ERR_INIT;

	if (manifest_parse((const char *)data, n, NULL, &m, &err) == 0) {
		check(&m);
		manifest_free(&m);
	} else if (err.code == 0) {
		abort();
	}
	/* what is said outside must be what is said inside */
	if (manifest_parse((const char *)data, n, MANIFEST_OCI_INDEX, &m, NULL) == 0) {
		if (!m.is_index)
			abort();
		manifest_free(&m);
	}
	(void)platform_parse(text, &p, NULL);
	return 0;
}
