/* SPDX-License-Identifier: Apache-2.0 */
/* The body of POST /containers/create, an image's configuration (its member "Image-Config"), what a file of CDI devices says (its member
 * "containerEdits") and the body of update; the engine reads what comes of it. */
#include "base/core/err.h"
#include "node/engine/cdi.h"
#include "face/docker/create.h"
#include "node/engine/spec.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_spec(struct create *c)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_mut_doc_imut_copy(c->doc, NULL);
	struct spec s;

	(void)spec_parse(yyjson_doc_get_root(doc), &s, NULL);
	spec_free(&s);
	create_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_doc_cleanup yyjson_doc *doc = json_parse((const char *)data, n, 1u << 20, "body", NULL);
	yyjson_val *root = yyjson_doc_get_root(doc);
	struct err err = ERR_INIT;
	yyjson_mut_val *shown;
	struct create c;

	if (!doc)
		return 0;
	if (create_spec(root, yyjson_obj_get(root, "Image-Config"), &c, &err) == 0) {
		struct cdi_edits edits = {.spec = c.doc};

		(void)cdi_edit(&edits, yyjson_obj_get(root, "containerEdits"), "containerEdits", NULL);
		read_spec(&c);
	}
	if (create_update(root, &c, &shown, NULL) == 0)
		create_free(&c);
	return 0;
}
