/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of a build cache on any text, in both forms: what is read is within its bounds, and says the same when it is written and read again.
 */
#include "node/build/cache_doc.h"

#include "base/core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(struct cache_doc *d)
{
	struct cache_doc again = CACHE_DOC_INIT;
	size_t n;
	mem_cleanup char *text = cache_doc_text(d, &n);

	if (d->n_layers > CACHE_DOC_LAYERS_MAX || d->n > CACHE_DOC_RECORDS_MAX)
		abort();
	for (size_t i = 0; i < d->n; i++) {
		if (d->records[i].layer >= d->n_layers ||
		    cache_doc_find(d, d->records[i].key) != (long)d->records[i].layer)
			abort();
	}
	if (cache_doc_parse(text, n, &again, NULL) < 0 || again.n != d->n || again.n_layers != d->n_layers)
		abort();
	cache_doc_free(&again);
	cache_doc_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cache_doc d = CACHE_DOC_INIT;

	if (n > 4096)
		return 0;
	if (cache_doc_parse((const char *)data, n, &d, NULL) == 0)
		check(&d);
	if (cache_doc_parse_config((const char *)data, n, &d, NULL) == 0)
		check(&d);
	return 0;
}
