/* SPDX-License-Identifier: Apache-2.0 */
/* A file of CDI devices in YAML. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/cdi_yaml.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	struct err err = ERR_INIT;
	json_doc_cleanup yyjson_doc *doc = cdi_yaml_parse(text, strlen(text), "file", &err);

	/* Either there is a value or a reason. */
	if (!doc == !err.code)
		abort();
	return 0;
}
