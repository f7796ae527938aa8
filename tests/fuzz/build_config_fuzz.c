/* SPDX-License-Identifier: Apache-2.0
 *
 * The config of a base image: what is read and written must read and write the same again. Needs build_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/build_config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keep k = {0};
	struct build_config *c = NULL, *again = NULL;
	mem_cleanup char *text = NULL;
	mem_cleanup char *second = NULL;
	struct err err = ERR_INIT;
	size_t n = 0;

	if (build_config_read(&k, (const char *)data, size, &c, &err) < 0) {
		if (!err.text[0])
			abort();
		keep_free(&k);
		return 0;
	}
	text = build_config_text(c, NULL, c->created, false, &n);
	if (build_config_read(&k, text, n, &again, &err) < 0)
		abort();
	second = build_config_text(again, NULL, again->created, false, NULL);
	if (strcmp(text, second) != 0)
		abort();
	keep_free(&k);
	return 0;
}
