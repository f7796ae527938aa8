/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a backup: what is taken for a record has texts that end where they say. */
#include "base/core/err.h"
#include "base/store/backup.h"
#include "base/wire/json.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const char *text, size_t n)
{
	if (strlen(text) != n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct store_record r;
	struct err err = ERR_INIT;

	if (backup_line((const char *)data, n, &r, &doc, &err) != 1)
		return 0;
	if (r.type == STORE_RECORD_DOC)
		check(r.doc.value, r.doc.len);
	if (r.type == STORE_RECORD_EVENT || r.type == STORE_RECORD_SNAPSHOT)
		check(r.event.data, r.event.len);
	return 0;
}
