/* SPDX-License-Identifier: Apache-2.0
 *
 * The image config and the grammar of names on any text. Needs image_dep.
 */
#include "node/image/config.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void names(const char *text)
{
	mem_cleanup char *once = NULL, *twice = NULL;

	if (image_ref_normalise(text, &once, NULL) == 0 &&
	    (image_ref_normalise(once, &twice, NULL) != 0 || strcmp(once, twice) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	cleanup_with(image_info_freep) struct image_info *i = NULL;
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	struct err err = ERR_INIT;

	if (config_parse((const char *)data, n, &i, &err) < 0 && err.code == 0)
		abort();
	if (i && (!i->layers || strlen(i->layers[0]) != 64))
		abort();
	names(text);
	return 0;
}
