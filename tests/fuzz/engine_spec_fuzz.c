/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client may ask of the engine, and the merge with an image.
 */
#include "base/core/err.h"
#include "base/wire/json.h"
#include "node/engine/record.h"
#include "node/engine/spec.h"
#include "node/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_doc_cleanup yyjson_doc *doc = json_parse((const char *)data, n, 1u << 20, "spec", NULL);
	struct image_info image = {.size = 0};
	struct spec_command command;
	struct err err = ERR_INIT;
	struct record record;
	struct spec spec;

	if (record_parse((const char *)data, n, &record, NULL) == 0)
		record_clear(&record);
	if (!doc)
		return 0;
	if (spec_parse(yyjson_doc_get_root(doc), &spec, &err) == 0 &&
	    spec_merge(&spec, &image, "h", &command, &err) == 0)
		spec_command_free(&command);
	spec_free(&spec);
	return 0;
}
